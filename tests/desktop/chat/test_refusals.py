"""One notice is shown for all writes that the store refuses, until all are stored."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from desktop.store import Store
from tests.support.desk import Desk
from tests.support.full_disk import full_disk

LONG = "more than one page of the file, " * 1000


@dataclass
class Banners:
    """The banners as the window would show them, and how often each came."""

    shown: dict[str, str] = field(default_factory=dict)
    came: list[str] = field(default_factory=list)


@pytest.fixture
def banners(desk: Desk) -> Banners:
    banners = Banners()

    def come(notice) -> None:
        banners.shown[notice.key] = notice.kind
        banners.came.append(notice.kind)

    desk.controller.notice.connect(come)
    desk.controller.notice_cleared.connect(lambda key: banners.shown.pop(key, None))
    banners.shown.clear()
    return banners


def begin(desk: Desk) -> int:
    desk.controller.messages.send("Hi")
    desk.engines.last.say("begun ")
    assert desk.controller.conversation is not None
    return desk.controller.conversation.id


def test_a_full_disk_is_one_banner_for_answer_draft_and_question(desk: Desk, banners: Banners) -> None:
    conversation_id = begin(desk)
    with full_disk(desk.store):
        desk.engines.last.say(LONG)
        desk.controller.drafting.set_draft(conversation_id, LONG)
        assert not desk.controller.save()
        desk.engines.last.finish()
        assert banners.came == ["disk_full"]
        assert not desk.controller.messages.send(LONG)
        assert list(banners.shown.values()) == ["disk_full"]
    assert desk.controller.save()
    assert banners.shown == {}


def test_it_stays_until_the_last_is_stored(desk: Desk, banners: Banners) -> None:
    conversation_id = begin(desk)
    with full_disk(desk.store):
        desk.engines.last.say(LONG)
        desk.controller.drafting.set_draft(conversation_id, LONG)
        assert not desk.controller.save()
        desk.controller.drafting.set_draft(conversation_id, "")  # this one the store takes
        assert not desk.controller.save()
        assert desk.store.draft(conversation_id) == ""
        assert list(banners.shown.values()) == ["disk_full"]
    assert banners.came == ["disk_full"]


def test_it_does_not_come_again_for_an_answer_that_is_still_refused(desk: Desk, banners: Banners) -> None:
    begin(desk)
    with full_disk(desk.store):
        desk.engines.last.say(LONG)
        assert not desk.controller.save()
        desk.controller.conversations.new_chat()
        desk.controller.messages.send("Another")  # small enough for the room that is left
        assert not desk.controller.save()
    assert banners.came == ["disk_full"]


def test_where_nothing_can_be_written_typing_says_nothing_more(desk: Desk, banners: Banners) -> None:
    desk.store._db.refuse_changes(desk.store._db.path)
    desk.store.is_read_only = True
    desk.controller.drafting.set_draft(None, "typed")
    assert not desk.controller.save()
    assert banners.came == []
    assert desk.controller.drafting.draft(None) == "typed"


def test_an_edit_of_an_answer_that_is_only_here_is_saved_with_it(desk: Desk) -> None:
    from tests.desktop.chat.test_unsaved import fill, on_screen

    desk.controller.messages.send("Hi")
    with full_disk(desk.store):
        fill(desk.store)
        desk.engines.last.say("first ")
        desk.engines.last.finish()
        shown = on_screen(desk)[-1]
        assert shown.id < 0
        desk.controller.drafting.set_edit(shown.id, "edited")
        assert not desk.controller.save()
    assert desk.controller.save()
    assert list(edits(desk.store)) == ["edited"]


def edits(store: Store) -> list[str]:
    return [text for (text,) in store._db.rows("SELECT text FROM open_edit")]
