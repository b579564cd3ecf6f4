"""The saved states (KV caches) of conversations on the disk: named here, written by the engine, deleted by both.

The name of a state has the id of its conversation and the time when it was created, because another file of
conversations may use the same ids. The state of a deleted conversation is deleted at once; if the conversation is
restored, the model reads it again.
"""

from __future__ import annotations

from contextlib import suppress

from belle import paths
from belle.engine.answer.state_files import StateFiles
from desktop.store import Store, StoredConversation, StoreError


def state_name(conversation: StoredConversation) -> str:
    """The name of the state of a conversation."""
    return f"{conversation.id}-{round(conversation.created_at * 1000):x}"


def saved_states() -> StateFiles:
    """The state files of all conversations."""
    return StateFiles(paths.saved_states_dir())


def delete_orphans(store: Store) -> None:
    """Delete the states of conversations that do not exist, such as one deleted while its state was written."""
    files = saved_states()
    for name in files.names():
        with suppress(StoreError):
            if not _exists(store, name):
                files.delete(name)


def _exists(store: Store, name: str) -> bool:
    conversation_id = name.partition("-")[0]
    if not conversation_id.isdecimal():
        return False
    try:
        return state_name(store.conversation(int(conversation_id))) == name
    except StoreError as error:
        if error.kind == "not_found":
            return False
        raise
