"""The text of attached files is part of what the model is sent, now and in every later question."""

from __future__ import annotations

from belle.engine.process.commands import Count, Generate
from desktop.chat.prompt_path import with_attachments
from desktop.store.records import StoredAttachment
from tests.support.desk import Desk

NOTES = StoredAttachment("notes.md", 20, "Rain.\n```\ncode\n```", 7)


def prompts(desk: Desk) -> list[list[str]]:
    asked = [command for command in desk.engines.last.commands if isinstance(command, Generate)]
    return [[message.content for message in generate.messages] for generate in asked]


def test_a_file_is_fenced_under_its_name_and_says_what_is_cut() -> None:
    expected = "notes.md:\n````\nRain.\n```\ncode\n```\n[7 characters are left out here]\n````\n\nWhat?"
    assert with_attachments("What?", (NOTES,)) == expected


def test_a_file_is_sent_again_with_the_history_and_with_another_version(desk: Desk) -> None:
    desk.controller.projects.choose_model("starter")
    desk.controller.messages.send("What?", (NOTES,))
    assert prompts(desk)[-1] == [with_attachments("What?", (NOTES,))]
    assert desk.path[0].text == "What?"
    desk.controller.messages.stop()
    desk.engines.last.finish("stopped")
    desk.controller.messages.edit(desk.path[0].id, "And?")
    assert prompts(desk)[-1] == [with_attachments("And?", (NOTES,))]


def counts(desk: Desk) -> list[list[int]]:
    """The numbers of the files that each engine was asked to count."""
    return [
        [c.id for c in engine.commands if isinstance(c, Count) and c.id >= 1 << 30] for engine in desk.engines.created
    ]


def test_files_of_an_earlier_run_are_counted_as_soon_as_there_is_a_model_and_again_by_another(idle_desk: Desk) -> None:
    attaching = idle_desk.controller.attaching
    first, second = attaching.restore(NOTES), attaching.restore(NOTES)
    idle_desk.controller.start()
    assert counts(idle_desk) == [[first, second]]
    attaching.forget(first)
    idle_desk.controller.models.set_template("chatml")
    assert counts(idle_desk) == [[first, second, second]]
    third = attaching.restore(NOTES)
    assert counts(idle_desk) == [[first, second, second, third]]
