"""Everything that can touch the network goes through here: refused in offline mode, and recorded otherwise.

Chatting touches nothing of it. What does is listed in `USES`; `tests/test_house.py` finds every file that could open a
connection and compares it with the list there. Offline mode is set, strongest first, by

- `CHATBELLE_OFFLINE` in the environment (0 allows the network again for one command), which `belle --offline` and
  `chatbelle --offline` set for themselves and for the processes that they start;
- the switch in the window (“Offline”), a file beside the settings, which `belle` obeys, too.

What stays on this computer, such as a server that listens on 127.0.0.1, is recorded and not refused.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Literal

from belle import durable, network_record, paths
from belle.errors import KnownError

Use = Literal["listing", "model", "data", "browser", "machines", "tracking", "answers", "server", "loopback"]
Reason = Literal["option", "variable", "switch"]

USES: Mapping[Use, str] = {
    "listing": "Asking a hub for a list of files",
    "model": "Downloading a model",
    "data": "Downloading data",
    "browser": "Opening a link in the browser",
    "machines": "Training on other machines",
    "tracking": "Sending the metrics of a training run to a service",
    "answers": "Asking a model on a server",
    "server": "Serving a model to other computers",
    "loopback": "Between programs on this computer",
}
"""Every use of the network, and its name in messages."""

LOCAL_USES: frozenset[Use] = frozenset({"loopback"})
"""Uses that other computers take no part in: offline mode does not refuse them."""

_VARIABLE = "CHATBELLE_OFFLINE"
_OPTION = "option"
_NO = frozenset({"", "0", "false", "no", "off"})
# The libraries' own switches: a second wall behind ours.
_LIBRARIES_OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "WANDB_MODE": "offline",
    "SWANLAB_MODE": "offline",
}
# What libraries would tell their makers without being asked.
_NO_TELEMETRY = {
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_UPDATE_DOWNLOAD_COUNTS": "0",  # `datasets` would report every file that it reads, local ones included
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "WANDB_ERROR_REPORTING": "false",
}
_ADVICE: Mapping[Reason, str] = {
    "option": "Start the program again without --offline.",
    "variable": f"Unset {_VARIABLE} to allow it.",
    "switch": f"Allow the network in the window (the Offline button), or for one command with {_VARIABLE}=0.",
}
_ROW_BYTES = 64 << 20
"""A connection that is not finished has a row for each of these."""


class Traffic:
    """The bytes of one connection, recorded now and then."""

    def __init__(self, use: Use, identity: str) -> None:
        self._use, self._identity = use, identity
        self._n_bytes = 0

    def count(self, n_bytes: int) -> None:
        """Count bytes that were received or sent."""
        self._n_bytes += n_bytes
        if self._n_bytes >= _ROW_BYTES:
            network_record.append("bytes", self._use, id=self._identity, bytes=self._n_bytes)
            self._n_bytes = 0

    def close(self) -> None:
        """Record the end."""
        network_record.append("end", self._use, id=self._identity, bytes=self._n_bytes)


def set_up() -> None:
    """Prepare the environment of this process and its children; called before any library is imported.

    No library reports anything to its maker; in offline mode, none of those that have such a mode connects.
    """
    os.environ.update(_NO_TELEMETRY)
    if offline_reason() is not None:
        os.environ.update(_LIBRARIES_OFFLINE)


def go_offline() -> None:
    """Refuse the network for the rest of this process and in its children: `--offline`."""
    os.environ[_VARIABLE] = _OPTION
    os.environ.update(_LIBRARIES_OFFLINE)


def offline_reason() -> Reason | None:
    """What sets offline mode; None when the network may be used."""
    value = os.environ.get(_VARIABLE)
    if value is not None:
        value = value.strip().lower()
        return None if value in _NO else "option" if value == _OPTION else "variable"
    return "switch" if paths.offline_switch_file().exists() else None


def is_fixed() -> bool:
    """Whether `CHATBELLE_OFFLINE` decides, so that the switch has no effect."""
    return _VARIABLE in os.environ


def set_switch(*, offline: bool) -> None:
    """Set the switch that the window shows. Raises KnownError ("disk_full", "folder_not_writable")."""
    path = paths.offline_switch_file()
    with durable.writing(path):
        if offline:
            paths.private_folder(path.parent)
            durable.write_text(path, "The network is refused while this file exists.\n")
        else:
            path.unlink(missing_ok=True)


def ask(use: Use, what: str, address: str = "") -> None:
    """Ask for the network. Raises KnownError("offline") in offline mode, which is recorded.

    Args:
        use: what for.
        what: the repository, file, service or address, for people.
        address: where, if `what` does not say.
    """
    reason = offline_reason()
    if reason is None or use in LOCAL_USES:
        return
    network_record.append("refused", use, what=what, address=address)
    where = f"{what} at {address}" if address else what
    raise KnownError(
        "offline",
        f"{USES[use]} is refused in offline mode: {where}.",
        _ADVICE[reason],
        use=use,
        what=what,
        address=address,
        reason=reason,
    )


def is_loopback(host: str) -> bool:
    """Whether `host`, a name or an address, means this computer, whichever computer asks."""
    try:
        return host.casefold() == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


@contextmanager
def connection(use: Use, what: str, address: str = "") -> Iterator[Traffic]:
    """Around everything that touches the network. Arguments and errors as of `ask`; the block is recorded."""
    ask(use, what, address)
    identity = network_record.new_id()
    network_record.append("begin", use, id=identity, what=what, address=address)
    traffic = Traffic(use, identity)
    try:
        yield traffic
    finally:
        traffic.close()


def record_once(use: Use, what: str, address: str = "") -> None:
    """`connection` for what has no end that this program knows of, such as a link handed to the browser."""
    with connection(use, what, address):
        pass


def is_in_use(recorded: Mapping[Use, network_record.Activity]) -> bool:
    """Whether other computers are being reached now, by what `activity` returned."""
    return any(state.is_open for use, state in recorded.items() if use not in LOCAL_USES)


def activity() -> dict[Use, network_record.Activity]:
    """What the record says of every use, in the order of `USES`."""
    recorded = {}
    with suppress(OSError):
        recorded = network_record.read_activity()
    return {use: recorded.get(use, network_record.Activity()) for use in USES}
