"""Personas as files: our own JSON format, and character cards (V1, V2) of other programs.

Our format is one JSON object: `format` (“chatbelle-personas”), `version` (1) and `personas`, a list of objects with
`name`, `system_prompt`, `greeting` (the first message of a conversation, may be empty) and `sampling` (an object of
`temperature`, `top_p`, `top_k`, `min_p` and `repeat_penalty`, each of which may be missing). A card is an object with
`name`, `description`, `personality`, `scenario`, `first_mes` and `mes_example`, in version 2 inside `data`, which
may have a `system_prompt`, too (https://github.com/malfoyslastname/character-card-spec-v2).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from belle.documents import read_json_object
from belle.durable import write_text
from belle.errors import KnownError
from belle.texts import json_text
from desktop.exchange.fields import check_version, items, member, name_of, text
from desktop.store.instructions.personas import valid_sampling
from desktop.store.records import Persona

FORMAT = "chatbelle-personas"
VERSION = 1
LONGEST_FILE = 4 << 20
"""Bytes. A persona is a page of text; some cards hold a small library."""
LONGEST_TEXT = 200_000
"""Characters of one text of a persona: more than the context of any model here."""
MOST_PERSONAS = 1000
_CARD_FIELDS = ("description", "personality", "scenario", "first_mes", "mes_example")
_PLACEHOLDER = re.compile(r"\{\{\s*(char|user|original)\s*\}\}|<(BOT|USER)>", re.IGNORECASE)
_START = re.compile(r"^\s*<START>\s*$", re.IGNORECASE | re.MULTILINE)
_KIND = "not_a_persona"
_ADVICE = "Choose a file that ChatBELLE exported, or a character card as JSON."


def write_personas(personas: Sequence[Persona], path: Path) -> None:
    """Write personas in our format. Raises KnownError where the file cannot be written."""
    records = [
        {"name": p.name, "system_prompt": p.system_prompt, "greeting": p.greeting, "sampling": dict(p.sampling)}
        for p in personas
    ]
    write_text(path, json_text({"format": FORMAT, "version": VERSION, "personas": records}) + "\n")


def read_personas(path: Path, *, user: str) -> list[Persona]:
    """The personas in a file of our format, or the one of a character card.

    Args:
        user: the words that stand for the person in place of `{{user}}`.

    Raises KnownError: `not_a_persona`, `newer_export`, `file_too_large`, those of opening a file.
    """
    value = read_json_object(path, kind=_KIND, longest=LONGEST_FILE, advice=_ADVICE)
    if value.get("format") == FORMAT:
        check_version(value.get("version"), VERSION, path)
        found = [_own(record) for record in items(value.get("personas"))[:MOST_PERSONAS]]
    else:
        card = value["data"] if isinstance(value.get("data"), Mapping) else value
        found = [_of_card(card, user)] if any(text(card.get(name)).strip() for name in _CARD_FIELDS) else []
    personas = [persona for persona in found if persona is not None]
    if not personas:
        raise KnownError(_KIND, f"{path} has no persona.", _ADVICE, path=str(path))
    return personas


def _own(record: Any) -> Persona | None:
    name, prompt, greeting = (text(member(record, key)) for key in ("name", "system_prompt", "greeting"))
    return _persona(name, prompt, greeting, valid_sampling(member(record, "sampling")))


def _of_card(card: Mapping[str, Any], user: str) -> Persona | None:
    name = name_of(card.get("name")) or "?"
    fill = _filler(name, user)
    parts = [
        fill(text(card.get("system_prompt"))),
        fill(text(card.get("description"))),
        _titled(name, fill(text(card.get("personality")))),
        _titled("Scenario", fill(text(card.get("scenario")))),
        _titled("Example", fill(_START.sub("", text(card.get("mes_example"))))),
    ]
    return _persona(name, "\n\n".join(filter(None, parts)), fill(text(card.get("first_mes"))))


def _titled(title: str, content: str) -> str:
    return f"{title}: {content}" if content else ""


def _filler(name: str, user: str) -> Callable[[str], str]:
    """What puts the names in the place of `{{char}}` and `{{user}}`; `{{original}}` is ours to leave out."""
    words = {"char": name, "bot": name, "user": user, "original": ""}

    def fill(content: str) -> str:
        # A function, not a template: a name may hold backslashes, and what is put in is not looked through again.
        return _PLACEHOLDER.sub(lambda found: words[(found[1] or found[2]).lower()], content[:LONGEST_TEXT]).strip()

    return fill


def _persona(name: str, prompt: str, greeting: str, sampling: Mapping[str, float] | None = None) -> Persona | None:
    name = name_of(name)
    if not name or not (prompt.strip() or greeting.strip()):
        return None
    return Persona(name, prompt[:LONGEST_TEXT].strip(), greeting[:LONGEST_TEXT].strip(), sampling or {})
