"""Facts as a file: a list in Markdown, or JSON (`format` “chatbelle-facts”, `version`, `facts` with text and time)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from belle.durable import write_text
from belle.texts import json_text
from desktop.store.records import StoredFact

FORMAT = "chatbelle-facts"
VERSION = 1


def write_facts(facts: Sequence[StoredFact], path: Path) -> None:
    """Write facts to `path`, as Markdown where it ends in `.md`. Raises KnownError where it cannot be written."""
    if path.suffix.lower() == ".md":
        text = "".join(f"- {' '.join(fact.text.split())}\n" for fact in facts)
    else:
        records = [{"text": fact.text, "created_at": fact.created_at} for fact in facts]
        text = json_text({"format": FORMAT, "version": VERSION, "facts": records}) + "\n"
    write_text(path, text)
