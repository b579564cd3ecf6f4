"""What a screen reader is told to say while things happen."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtGui import QAccessible

from desktop.chat.state import Notice
from desktop.i18n import set_language
from desktop.store.records import StoredAttachment
from desktop.ui.window.attachments import AttachmentChip
from tests.support.controls import role


def test_banners_are_announced(window, controller, monkeypatch):
    events = []
    monkeypatch.setattr(QAccessible, "updateAccessibility", events.append)
    controller.notice.emit(Notice("disk_full", "bad", {}, (), "disk"))
    assert len(events) == 1
    assert events[0].message().startswith("The disk is full")
    assert events[0].politeness() == QAccessible.AnnouncementPoliteness.Assertive


@pytest.fixture
def spoken(window, monkeypatch) -> list[str]:
    """What a screen reader is told to say, from now on."""
    said: list[str] = []
    monkeypatch.setattr(QAccessible, "updateAccessibility", lambda event: said.append(event.message()))
    return said


def answer(controller, status: str = "complete", text: str = "Rhine, Elbe and Oder."):
    """An answer in many pieces."""
    controller.busy_changed.emit(True)
    message = controller.begin_answer()
    for word in text.split():
        controller.answer_text.emit(message.id, word + " ")
    controller.message_updated.emit(replace(message, text=text, status=status))
    controller.busy_changed.emit(False)


def test_an_answer_is_announced_twice_and_not_for_every_word(controller, spoken):
    answer(controller)
    assert spoken == ["The answer begins.", "The answer is finished: Rhine, Elbe and Oder."]


@pytest.mark.parametrize(
    ("status", "said"),
    [("stopped", "was stopped"), ("error", "broke off"), ("interrupted", "interrupted"), ("length", "length limit")],
)
def test_how_an_answer_ended_is_announced(controller, spoken, status, said):
    answer(controller, status)
    assert said in spoken[-1]
    set_language("zh_CN")
    answer(controller, status)
    assert "answer" not in spoken[-1]


def test_a_long_answer_is_not_read_out_as_a_whole(controller, spoken):
    answer(controller, text="word " * 5000)
    assert len(spoken[-1]) < 500


@pytest.mark.parametrize("text", ["BELLE 是" + "一个开放的语言模型，" * 100, "word " * 5000, "x" * 900])
def test_a_long_answer_is_read_out_nearly_to_the_limit_with_or_without_spaces(controller, spoken, text):
    answer(controller, text=text)
    assert 350 < len(spoken[-1]) < 450
    assert spoken[-1].endswith("…")


def test_a_question_without_an_answer_is_announced(controller, spoken):
    controller.busy_changed.emit(True)
    controller.busy_changed.emit(False)
    assert spoken[-1] == "There is no answer."


def test_another_conversation_that_is_being_answered_does_not_begin_when_it_is_opened(window, controller, spoken):
    second = controller.add("second", texts=("question",))
    controller.busy_changed.emit(True)
    controller.conversations.open(second)
    spoken.clear()
    controller.busy_changed.emit(False)
    assert spoken == []


def test_what_a_question_waits_for_is_announced_once(controller, spoken):
    controller.waiting_changed.emit("loading")
    controller.waiting_changed.emit("loading")
    controller.waiting_changed.emit("")
    controller.waiting_changed.emit("template")
    assert len(spoken) == 2
    assert "still loading" in spoken[0] and "template" in spoken[1]


def test_what_was_copied_or_attached_is_announced(window, controller, spoken):
    window.window_actions.by_id["copy_last"].trigger()
    assert spoken == ["Copied"]
    attachments = window.window_actions.attachments
    attachments.attach(["/x/notes.md"])
    controller.attaching.added.emit(1, StoredAttachment("notes.md", 12, "text"))
    assert spoken[1:] == ["Attached: notes.md"]
    (chip,) = window.findChildren(AttachmentChip)
    assert role(chip) == QAccessible.Role.Grouping
    assert chip.accessibleName().startswith("notes.md")


def test_reader_mode_says_how_to_come_back(window, spoken):
    window.window_actions.by_id["reader"].trigger()
    assert spoken == ["Reader mode. Escape leads back."]
