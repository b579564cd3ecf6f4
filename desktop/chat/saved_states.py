"""What the model has read of each conversation, saved on the disk: named here, written by the engine, deleted by both.

A conversation's name there is made of its number and of when it began: another file of conversations may use the same
numbers. A deleted conversation's state goes at once; should it be wanted back, it is read again.
"""

from __future__ import annotations

from contextlib import suppress

from belle import paths
from belle.engine.answer.state_files import StateFiles
from desktop.store import Store, StoredConversation, StoreError


def state_name(conversation: StoredConversation) -> str:
    """What the engine calls it."""
    return f"{conversation.id}-{round(conversation.created_at * 1000):x}"


def saved_states() -> StateFiles:
    """The files of all conversations."""
    return StateFiles(paths.saved_states_dir())


def delete_orphans(store: Store) -> None:
    """Remove the states of conversations that are no more: deleted while a state was being written, for instance."""
    files = saved_states()
    for name in files.names():
        with suppress(StoreError):
            if not _is_there(store, name):
                files.delete(name)


def _is_there(store: Store, name: str) -> bool:
    number = name.partition("-")[0]
    if not number.isdecimal():
        return False
    try:
        return state_name(store.conversation(int(number))) == name
    except StoreError as error:
        if error.kind == "not_found":
            return False
        raise
