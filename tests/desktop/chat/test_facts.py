"""What is to be remembered is sent where the person wants it, and nowhere before they ask for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from desktop.chat.instructions.facts import with_facts
from desktop.store import ProjectSettings
from tests.support.desk import Desk

BLOCK = (
    "[What the user wants you to remember]\nThe user wrote this; use it only where it helps:\n"
    "- I cook for four.\n- I live in Graz.\n[End]"
)


def system_prompt(desk: Desk) -> str:
    """What the model is sent before the first message of the open conversation, which is asked something."""
    assert desk.controller.messages.send("Why?")
    desk.engines.last.say("Because.")
    desk.engines.last.finish()
    first = desk.engines.last.request.messages[0]
    return first.content if first.role == "system" else ""


@pytest.fixture
def knowing(desk: Desk) -> Desk:
    """Two facts, and the switch on."""
    for text in ("I cook for four.", "I live\n in  Graz."):
        assert desk.controller.facts.save(None, text)
    desk.controller.facts.set_on(True)
    return desk


def test_nothing_is_sent_until_it_is_switched_on(desk: Desk) -> None:
    desk.controller.facts.save(None, "I cook for four.")
    assert system_prompt(desk) == ""
    desk.controller.facts.set_on(True)
    assert "I cook for four." in system_prompt(desk)
    desk.controller.facts.set_on(False)
    assert system_prompt(desk) == ""


def test_facts_follow_the_system_prompt_whose_beginning_stays(knowing: Desk) -> None:
    assert system_prompt(knowing) == BLOCK
    knowing.controller.conversations.set_system_prompt("Be brief.")
    assert system_prompt(knowing) == f"Be brief.\n\n{BLOCK}"
    project = knowing.controller.projects.save(None, ProjectSettings("Thesis", "Be strict."))
    knowing.controller.conversations.new_chat(project.id)
    assert system_prompt(knowing) == f"Be strict.\n\n{BLOCK}"
    assert knowing.store.conversation(2).system_prompt == ""


def test_facts_are_counted_as_system_prompt_and_read_ahead(knowing: Desk) -> None:
    counts = [c for c in knowing.engines.last.commands if type(c).__name__ == "ReadAhead"]
    assert counts[-1].messages[0].content == BLOCK


def test_a_conversation_opts_out_alone(knowing: Desk) -> None:
    facts = knowing.controller.facts
    facts.use_here(False)
    assert system_prompt(knowing) == ""
    assert not facts.used_here().value
    knowing.controller.conversations.new_chat()
    assert facts.used_here().value
    assert system_prompt(knowing) == BLOCK
    facts.use_here(False)
    assert system_prompt(knowing) == ""


def test_a_project_opts_out_and_a_conversation_in_it_may_opt_in(knowing: Desk) -> None:
    project = knowing.controller.projects.save(None, ProjectSettings("Work", uses_facts=False))
    knowing.controller.conversations.new_chat(project.id)
    assert not knowing.controller.facts.used_here().value
    assert system_prompt(knowing) == ""
    knowing.controller.facts.use_here(True)
    assert system_prompt(knowing) == BLOCK


def test_a_changed_or_deleted_fact_is_not_sent_any_more(knowing: Desk) -> None:
    first, second = knowing.controller.facts.all()
    knowing.controller.facts.save(first.id, "x" * 900)
    knowing.controller.facts.delete(second.id)
    assert f"- {'x' * 500}\n[End]" in system_prompt(knowing)


@pytest.mark.parametrize(
    ("prompt", "facts", "expected"),
    [
        ("Be brief.", [], "Be brief."),
        ("Be brief.\n", [" ", "\n"], "Be brief.\n"),
        (
            "",
            ["a\nb"],
            "[What the user wants you to remember]\nThe user wrote this; use it only where it helps:\n- a b\n[End]",
        ),
        ("  ", ["我吃素。"], "【用户希望你记住的事】\n以下由用户自己写下，只在有帮助时使用：\n- 我吃素。\n【以上】"),
    ],
)
def test_the_list_speaks_the_language_of_the_facts(prompt: str, facts: list[str], expected: str) -> None:
    assert with_facts(prompt, facts) == expected


def test_facts_are_exported_where_asked_and_conversations_are_exported_without(knowing: Desk, tmp_path: Path) -> None:
    knowing.controller.facts.export(tmp_path / "facts.json")
    knowing.controller.facts.export(tmp_path / "facts.md")
    record = json.loads((tmp_path / "facts.json").read_text())
    assert [fact["text"] for fact in record["facts"]] == ["I cook for four.", "I live in Graz."]
    assert (tmp_path / "facts.md").read_text() == "- I cook for four.\n- I live in Graz.\n"
    system_prompt(knowing)
    assert "Graz" not in repr(knowing.store.tree(1))
    knowing.controller.facts.export(tmp_path / "facts.md" / "facts.md")
    assert [notice.level for notice in knowing.notices] == ["info", "info", "bad"]
