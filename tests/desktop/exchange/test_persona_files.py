"""Personas go out and come in again, character cards come in, and what is hostile is refused in words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belle.errors import KnownError
from desktop.exchange.persona_files import FORMAT, LONGEST_FILE, LONGEST_TEXT, read_personas, write_personas
from desktop.store.records import Persona

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60).map(str.strip)
names = texts.map(lambda name: " ".join(name.split())).filter(bool)
personas = st.builds(
    Persona,
    names,
    texts.filter(bool),
    texts,
    st.fixed_dictionaries({}, optional={"temperature": st.floats(0, 2), "top_k": st.integers(0, 200)}),
)

CARD = {
    "spec": "chara_card_v2",
    "spec_version": "2.0",
    "data": {
        "name": "Ada",
        "description": "{{char}} is a mathematician. {{User}} is her student.",
        "personality": "curious",
        "scenario": "<BOT> writes to <USER>.",
        "first_mes": "Good evening, {{user}}.",
        "mes_example": "<START>\n{{user}}: Why?\n{{char}}: Because.",
        "system_prompt": "{{original}} Stay brief.",
        "tags": ["x"],
    },
}


def write(path: Path, value: object) -> Path:
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


@given(st.lists(personas, min_size=1, max_size=4))
@settings(max_examples=40)
def test_what_is_written_is_read_again(tmp_path_factory: pytest.TempPathFactory, chosen: list[Persona]) -> None:
    path = tmp_path_factory.mktemp("personas") / "p.json"
    write_personas(chosen, path)
    assert read_personas(path, user="the user") == chosen


@pytest.mark.parametrize("card", [CARD, CARD["data"]], ids=["version 2", "version 1"])
def test_a_character_card_becomes_a_persona_with_its_names_filled_in(tmp_path: Path, card: object) -> None:
    (ada,) = read_personas(write(tmp_path / "ada.json", card), user="the user")
    assert ada.name == "Ada"
    assert ada.greeting == "Good evening, the user."
    assert ada.system_prompt == (
        "Stay brief.\n\nAda is a mathematician. the user is her student.\n\nAda: curious\n\n"
        "Scenario: Ada writes to the user.\n\nExample: the user: Why?\nAda: Because."
    )


def test_what_is_filled_in_is_not_looked_through_again(tmp_path: Path) -> None:
    card = {"name": r"{{user}}\1", "description": "{{char}} and {{ user }}", "first_mes": "Hi"}
    (persona,) = read_personas(write(tmp_path / "a.json", card), user="{{char}}")
    assert persona.system_prompt == r"{{user}}\1 and {{char}}"


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "7",
        "{",
        "[" * 100_000,
        '{"name": "only a name"}',
        '{"data": {"name": 7, "description": ["a"]}}',
        '{"spec": "chara_card_v2", "data": {}}',
        json.dumps({"format": FORMAT, "version": 1, "personas": "all"}),
        json.dumps({"format": FORMAT, "version": 1, "personas": [7, None, {"name": ""}, {"system_prompt": "x"}]}),
        json.dumps({"a": "1" * 400}).replace('"1', "1").replace('1"', "1"),
    ],
)
def test_what_is_no_persona_is_refused_in_words(tmp_path: Path, content: str) -> None:
    with pytest.raises(KnownError) as caught:
        read_personas(write(tmp_path / "x.json", content), user="")
    assert caught.value.kind == "not_a_persona"
    assert "x.json" in caught.value.message and caught.value.advice


@pytest.mark.parametrize("version", [2, "1", None, True])
def test_a_format_of_a_later_version_is_refused(tmp_path: Path, version: object) -> None:
    value = {"format": FORMAT, "version": version, "personas": [{"name": "a", "system_prompt": "b"}]}
    with pytest.raises(KnownError) as caught:
        read_personas(write(tmp_path / "x.json", value), user="")
    assert caught.value.kind == "newer_export"


def test_sizes_are_limited(tmp_path: Path) -> None:
    with pytest.raises(KnownError) as caught:
        read_personas(write(tmp_path / "x.json", " " * (LONGEST_FILE + 1)), user="")
    assert caught.value.kind == "file_too_large"
    card = {"name": "n" * 10_000, "description": "d" * (LONGEST_TEXT + 9), "first_mes": "{{char}}" * 100}
    (persona,) = read_personas(write(tmp_path / "y.json", card), user="")
    assert len(persona.name) == 200 and len(persona.system_prompt) <= LONGEST_TEXT


def test_a_name_and_texts_that_no_file_can_hold_are_still_written(tmp_path: Path) -> None:
    write_personas([Persona("a\ud800", "b\udfff")], tmp_path / "p.json")
    assert len(read_personas(tmp_path / "p.json", user="")) == 1
