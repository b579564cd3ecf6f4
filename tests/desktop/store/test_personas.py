"""Personas are kept as they are, and what is damaged in one costs that alone."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from desktop.model_settings import SAMPLING_RANGES
from desktop.store import Persona, ProjectSettings, Store, StoreError
from desktop.store.instructions.personas import SAMPLING_LIMITS, valid_sampling
from desktop.store.instructions.precedence import InForce
from desktop.store.records import StoredAttachment

TEACHER = Persona("Teacher", "Be patient.", "What is it?", {"temperature": 0.3, "top_k": 20})


def test_a_persona_is_added_changed_and_deleted(store: Store) -> None:
    number = store.add_persona(TEACHER)
    store.add_persona(Persona("a translator"))
    assert [stored.persona.name for stored in store.personas()] == ["a translator", "Teacher"]
    store.change_persona(number, Persona("老师", "要有耐心。"))
    assert Persona("老师", "要有耐心。") in [stored.persona for stored in store.personas()]
    store.delete_persona(number)
    assert [stored.persona.name for stored in store.personas()] == ["a translator"]
    with pytest.raises(StoreError, match="persona"):
        store.change_persona(number, TEACHER)


@pytest.mark.parametrize(
    ("value", "valid"),
    [
        ({"temperature": 0.3, "seed": 7, "top_k": 40}, {"temperature": 0.3, "top_k": 40}),
        ({"temperature": -0.1}, {}),
        ({"temperature": 1e400}, {}),
        ({"temperature": float("nan")}, {}),
        ({"temperature": 1e308, "top_k": 40.5}, {}),
        ({"top_k": 40.0, "temperature": 1}, {"top_k": 40, "temperature": 1}),
        ({"temperature": True, "top_p": "0.5", "min_p": None}, {}),
        ([], {}),
        (None, {}),
        ({name: limits[1] for name, limits in SAMPLING_LIMITS.items()}, {n: x[1] for n, x in SAMPLING_LIMITS.items()}),
    ],
)
def test_only_sampling_values_that_are_known_and_possible_are_taken(value: object, valid: object) -> None:
    assert valid_sampling(value) == valid
    assert isinstance(valid_sampling(value).get("top_k", 0), int), "llama.cpp takes no other number"


def test_a_conversations_own_sampling_holds_before_the_projects(store: Store) -> None:
    project = store.create_project(ProjectSettings("Thesis", sampling={"temperature": 0.1})).id
    chat = store.create_conversation(project_id=project).id
    assert store.sampling_of(store.conversation(chat)) == InForce({"temperature": 0.1}, "project")
    store.set_sampling(chat, {"top_p": 0.5})
    assert store.sampling_of(store.conversation(chat)) == InForce({"top_p": 0.5}, "conversation")
    store.set_sampling(chat, {})
    store.set_project(chat, None)
    assert store.sampling_of(store.conversation(chat)) == InForce({}, "general")


def test_a_conversation_that_begins_with_a_greeting_takes_the_draft_along(store: Store) -> None:
    store.save_draft(None, "half a question")
    store.save_draft_attachments(None, [StoredAttachment("rain.md", 12, "Rain.")])
    store.save_new_system_prompt("Be patient.")
    chat = store.begin_conversation("What is it?", title="Teacher", system_prompt="Be patient.")
    assert [(m.role, m.text, m.status) for m in store.active_path(chat)] == [("assistant", "What is it?", "complete")]
    assert (store.draft(chat), store.draft(None), store.new_system_prompt()) == ("half a question", "", "")
    assert [file.name for file in store.draft_attachments(chat)] == ["rain.md"]
    assert store.draft_attachments(None) == ()


@pytest.mark.parametrize(
    ("assignment", "left"),
    [
        ("sampling = '{'", Persona("Teacher", "Be patient.", "What is it?")),
        ("sampling = '[1]'", Persona("Teacher", "Be patient.", "What is it?")),
        ("name = CAST(X'C328' AS TEXT)", Persona("\ufffd(", "Be patient.", "What is it?", TEACHER.sampling)),
    ],
)
def test_a_damaged_persona_costs_only_what_is_damaged(path: Path, assignment: str, left: Persona) -> None:
    with Store.open(path) as store:
        store.add_persona(TEACHER)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"UPDATE persona SET {assignment}")
    with Store.open(path) as store:
        assert [stored.persona for stored in store.personas()] == [left]


def test_a_persona_can_have_every_value_that_can_be_set_for_a_model() -> None:
    assert {name: SAMPLING_RANGES[name] for name in SAMPLING_LIMITS} == SAMPLING_LIMITS
    assert set(SAMPLING_RANGES) - set(SAMPLING_LIMITS) == {"seed"}
