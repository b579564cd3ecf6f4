"""Opens the conversations at the start of the window, whatever state they are in.

Where they cannot be written they are opened read-only. Where they are damaged the person chooses: restore a backup,
open what can be read, or quit. Nothing is deleted or overwritten either way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from belle import paths
from desktop.chat.state import STORE, Notice
from desktop.instance import hand_over
from desktop.store import Store, StoreError, backups, restore

if TYPE_CHECKING:
    from desktop.ui.dialogs.store_fault import Decision

_UNWRITABLE = ("read_only", "no_permission", "disk_full", "io_error")
_HAND_OVER_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Opened:
    """The store and a notice about its state; without a store, the exit status."""

    store: Store | None = None
    notice: Notice | None = None
    status: int = 0


def open_store(model: str, *, ask: bool = False) -> Opened:
    """Open the person's conversations. When another window has them open, that one is asked to load `model` instead."""
    path, check, copy = paths.database_file(), True, None
    while True:
        try:
            if copy is not None:
                restore(path, copy)
            return Opened(Store.open(path, check=check))
        except StoreError as error:
            fault = error
        # That window may have started at the same moment and listens a little later.
        if fault.kind == "in_use" and hand_over(model, ask=ask, timeout_s=_HAND_OVER_TIMEOUT_S):
            return Opened(status=0)
        opened = _open_read_only(fault) if fault.kind in _UNWRITABLE else None
        if opened is not None:
            return opened
        decision = _ask(fault, may_open=check)
        if decision.restore is None and not decision.open_anyway:
            return Opened(status=1)
        copy, check = decision.restore, not decision.open_anyway


def _ask(fault: StoreError, *, may_open: bool) -> Decision:
    from desktop.ui.dialogs.store_fault import CopyToRestore, ask_about_store_fault

    available = backups(paths.database_file(), paths.backups_dir())
    copies = [CopyToRestore(copy.path, copy.made_at, copy.before_update) for copy in available]
    return ask_about_store_fault(fault, copies, may_open=may_open)


def _open_read_only(fault: StoreError) -> Opened | None:
    try:
        store = Store.open_for_reading(paths.database_file())
    except StoreError:
        return None
    details = {"message": fault.message, "advice": fault.advice, **fault.details}
    kind = "full_at_start" if fault.kind == "disk_full" else "read_only"
    return Opened(
        store, Notice(kind, "warn", details, (), f"{STORE}read_only")
    )  # the key of every refused change from now on
