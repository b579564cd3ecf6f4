"""A persona is taken over as a copy: its prompt, its sampling values and its greeting are in the next request."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from desktop.i18n import set_language
from desktop.store import Persona, ProjectSettings
from desktop.store.instructions.personas import valid_sampling
from desktop.store.instructions.precedence import InForce
from tests.support.desk import Desk

TEACHER = Persona("Teacher", "Be patient.", "What is it?", {"temperature": 0.3})


def sent(desk: Desk) -> list[tuple[str, str]]:
    return [(m.role, m.content) for m in desk.engines.last.request.messages]


def ask(desk: Desk, text: str = "Why is the sky blue?") -> None:
    assert desk.controller.messages.send(text)
    desk.engines.last.say("Because.")
    desk.engines.last.finish()


def test_a_new_conversation_begins_with_the_greeting_and_is_named_by_the_first_question(desk: Desk) -> None:
    desk.controller.drafting.set_draft(None, "half a question")
    desk.controller.conversations.set_system_prompt(TEACHER.system_prompt)
    desk.controller.projects.choose_sampling(TEACHER.sampling)
    assert desk.controller.conversations.begin(TEACHER.name, TEACHER.greeting)
    chat = desk.controller.conversation
    assert chat is not None
    assert (chat.title, chat.system_prompt, chat.sampling) == ("Teacher", "Be patient.", {"temperature": 0.3})
    assert desk.controller.drafting.draft(chat.id) == "half a question"
    ask(desk)
    assert sent(desk) == [
        ("system", "Be patient."),
        ("assistant", "What is it?"),
        ("user", "Why is the sky blue?"),
    ]
    assert desk.engines.last.request.sampling.temperature == 0.3
    assert desk.store.conversation(chat.id).title == "Why is the sky blue"
    desk.controller.conversations.rename(chat.id, "Sky")
    ask(desk, "And at night?")
    assert desk.store.conversation(chat.id).title == "Sky"
    desk.controller.conversations.new_chat()
    assert (desk.controller.conversations.system_prompt, desk.controller.projects.sampling().value) == ("", {})


def test_sampling_values_are_of_the_conversation_the_project_or_the_settings(desk: Desk) -> None:
    desk.controller._settings.set_value("sampling/temperature", 1.1)
    ask(desk)
    assert desk.engines.last.request.sampling.temperature == 1.1
    desk.controller.projects.choose_sampling({"temperature": 0.3})
    ask(desk)
    assert desk.engines.last.request.sampling.temperature == 0.3
    settings = ProjectSettings("Thesis", sampling={"temperature": 0.1, "top_k": 5})
    project = desk.controller.projects.save(None, settings)
    desk.controller.projects.move(desk.controller.conversation.id, project.id)
    ask(desk)
    assert desk.engines.last.request.sampling.temperature == 0.3
    desk.controller.projects.choose_sampling({})
    assert desk.controller.projects.sampling() == InForce({"temperature": 0.1, "top_k": 5}, "project")
    ask(desk)
    assert (desk.engines.last.request.sampling.temperature, desk.engines.last.request.sampling.top_k) == (0.1, 5)


def test_own_personas_are_saved_exported_and_imported_once(desk: Desk, tmp_path: Path) -> None:
    personas = desk.controller.personas
    assert personas.save(None, TEACHER) and personas.save(None, Persona("Poet", "Rhyme."))
    (poet, teacher) = personas.own()
    assert personas.save(poet.id, Persona("Poet", "Rhyme well."))
    file = tmp_path / "personas.json"
    personas.export(file)
    personas.delete(teacher.id)
    personas.import_file(file, user="the user")
    assert [stored.persona for stored in personas.own()] == [Persona("Poet", "Rhyme well."), TEACHER]
    assert [(n.kind, dict(n.details)) for n in desk.notices] == [
        ("exported", {"file": str(file)}),
        ("personas_imported", {"number": 1, "n_known": 1}),
    ]


def test_a_file_that_is_no_persona_is_told(desk: Desk, tmp_path: Path) -> None:
    for name, content in (("a.json", "{}"), ("b.json", json.dumps([1]))):
        (tmp_path / name).write_text(content)
        desk.controller.personas.import_file(tmp_path / name, user="")
    desk.controller.personas.import_file(tmp_path / "missing.json", user="")
    assert [notice.kind for notice in desk.notices] == ["not_a_persona", "not_a_persona", "file_missing"]


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_the_personas_that_ship_are_whole_in_both_languages(desk: Desk, language: str) -> None:
    set_language(language)  # type: ignore[arg-type]
    ready_made = desk.controller.personas.ready_made()
    set_language("en")
    assert len(ready_made) == len({persona.name for persona in ready_made}) >= 5
    for persona in ready_made:
        assert persona.system_prompt.strip() and persona.sampling == valid_sampling(persona.sampling)
        assert persona.system_prompt.isascii() is (language == "en")
