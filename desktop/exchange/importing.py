"""Brings the conversations of a file into the store: each in one transaction, none twice."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from belle.errors import KnownError
from desktop.exchange.files import conversations_in
from desktop.exchange.incoming import LeftOut
from desktop.store import ConversationTree, Store, StoreError, TreeMessage
from desktop.store.records import StoredPicture


@dataclass(slots=True)
class ImportReport:
    """What became of an import.

    Args:
        added: ids of the conversations that came in, in the order of the files.
        n_known: conversations that are here already.
        left_out: what could not come along with those that came in.
        faults: for each file that could not be read, or not to its end, why.
        stopped: the person ended it before its end.
    """

    added: list[int] = field(default_factory=list)
    n_known: int = 0
    left_out: LeftOut = field(default_factory=Counter)
    faults: list[KnownError] = field(default_factory=list)
    stopped: bool = False


def import_conversations(
    store: Store,
    paths: Sequence[Path],
    *,
    title_of: Callable[[str], str],
    redraw: Callable[[StoredPicture], StoredPicture | None] = lambda picture: picture,
    goes_on: Callable[[int], bool] = lambda _: True,
) -> ImportReport:
    """Import all conversations of some files and folders.

    Args:
        store: of the calling thread.
        paths: what to read; what is wrong with one does not keep the others out.
        title_of: a title from the first question, for a conversation without one.
        redraw: what is kept of a picture that the store does not have; None: nothing.
        goes_on: told how many have been looked at; False stops.

    Raises StoreError; what came in before stays.
    """
    report = ImportReport()
    for path in paths:
        try:
            _import_file(store, path, report, title_of=title_of, redraw=redraw, goes_on=goes_on)
        except StoreError:
            raise
        except KnownError as error:
            report.faults.append(error)
        if report.stopped:
            break
    return report


def _import_file(
    store: Store,
    path: Path,
    report: ImportReport,
    *,
    title_of: Callable[[str], str],
    redraw: Callable[[StoredPicture], StoredPicture | None],
    goes_on: Callable[[int], bool],
) -> None:
    for incoming in conversations_in(path):
        if store.has_tree(incoming.tree, imported_from=incoming.digest):
            report.n_known += 1
        elif incoming.tree.messages:
            tree = _redrawn(store, _completed(incoming.tree, title_of), redraw)
            report.added.append(store.add_tree(tree, imported_from=incoming.digest))
            report.left_out += incoming.left_out + LeftOut(images=_n_pictures(incoming.tree) - _n_pictures(tree))
        if not goes_on(len(report.added) + report.n_known):
            report.stopped = True
            return


def _completed(tree: ConversationTree, title_of: Callable[[str], str]) -> ConversationTree:
    """A conversation with the title and the times that its file lacks."""
    if not tree.title.strip():
        question = next((message.text for message in tree.active_path() if message.role == "user"), "")
        tree = replace(tree, title=title_of(question), title_is_auto=True)
    if tree.created_at > 0:
        return tree
    now = time.time()
    messages = tuple(m if m.created_at > 0 else replace(m, created_at=now) for m in tree.messages)
    return replace(tree, messages=messages, created_at=now, updated_at=max(now, tree.updated_at))


def _redrawn(
    store: Store, tree: ConversationTree, redraw: Callable[[StoredPicture], StoredPicture | None]
) -> ConversationTree:
    """A conversation whose pictures the store has, or are drawn anew: a file may come from anywhere."""

    def kept(message: TreeMessage) -> TreeMessage:
        pictures = (picture if store.has_picture(picture.digest) else redraw(picture) for picture in message.pictures)
        return replace(message, pictures=tuple(filter(None, pictures)))

    return replace(tree, messages=tuple(kept(message) if message.pictures else message for message in tree.messages))


def _n_pictures(tree: ConversationTree) -> int:
    return sum(len(message.pictures) for message in tree.messages)
