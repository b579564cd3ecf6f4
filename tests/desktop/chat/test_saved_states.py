"""The saved state of a conversation is deleted with the conversation."""

from __future__ import annotations

from pathlib import Path

import pytest

from belle import paths
from belle.engine.process.commands import ReadAhead
from belle.engine.process.events import Counted
from desktop.chat.saved_states import delete_orphans, saved_states, state_name
from desktop.store import Store, StoreError
from tests.support.desk import Desk


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "conversations.sqlite3")


def save(name: str) -> None:
    folder = paths.private_folder(paths.saved_states_dir())
    (folder / f"{name}.kv").write_bytes(b"cache")
    (folder / f"{name}.json").write_text("{}")


def test_two_conversations_are_never_called_the_same(tmp_path: Path) -> None:
    with Store.open(tmp_path / "a") as first, Store.open(tmp_path / "b", clock=lambda: 1.0) as second:
        names = [state_name(store.create_conversation()) for store in (first, first, second)]
    assert len(set(names)) == 3


def test_at_the_start_only_what_belongs_to_a_conversation_stays(store: Store) -> None:
    kept, deleted = store.create_conversation(), store.create_conversation()
    store.delete_conversation(deleted.id)
    for name in (state_name(kept), state_name(deleted), f"{kept.id}-0", "999-1", "nonsense"):
        save(name)
    (paths.saved_states_dir() / f"{state_name(kept)}.kv.part").write_bytes(b"half")
    delete_orphans(store)
    assert saved_states().names() == {state_name(kept)}


def test_a_store_that_cannot_be_asked_deletes_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    save(state_name(store.create_conversation()))

    def refuse(_: int) -> None:
        raise StoreError.of("damaged", path="conversations.sqlite3", reason="")

    monkeypatch.setattr(store, "conversation", refuse)
    delete_orphans(store)
    assert len(saved_states().names()) == 1


def test_nothing_of_a_conversation_is_read_ahead_that_was_deleted_while_it_was_counted(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.controller.messages.send("one")
    engine = desk.engines.last
    engine.say("two")
    engine.finish()
    conversation = desk.controller.conversation
    assert conversation is not None
    monkeypatch.setattr(engine, "count", engine.commands.append)  # an engine that is busy answers later
    desk.controller.context.count()
    counting = engine.commands[-1]
    desk.controller.conversations.delete(conversation.id)
    engine.on_event(Counted(counting.id, 6, 2048))  # type: ignore[attr-defined]
    after = engine.commands[engine.commands.index(("forget", state_name(conversation))) :]
    assert not any(isinstance(c, ReadAhead) and c.conversation == state_name(conversation) for c in after)


def test_what_was_saved_before_the_setting_was_zero_is_gone_at_the_next_start(idle_desk: Desk) -> None:
    save(state_name(idle_desk.store.create_conversation()))
    idle_desk.controller._settings.set_value("model/state_gb", 0)
    idle_desk.controller.start()
    assert saved_states().names() == set()


def test_the_model_that_is_loaded_is_told_that_the_states_were_deleted(desk: Desk) -> None:
    save("1-0")
    desk.controller.models.delete_saved_states()
    assert ("forget", "") in desk.engines.last.commands
    assert saved_states().names() == set()
