"""Finished answers with their questions that share words with a text: what was said about something before."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from belle.search.terms import query_terms
from desktop.store.database import Database
from desktop.store.reading import ValueReader
from desktop.store.store import Store

_MOST_TERMS = 6
_HITS_OF_A_TERM = 30
_MOST_MESSAGES = 60


@dataclass(frozen=True, slots=True)
class SavedAnswer:
    """An answer in a conversation that is not deleted, and its question."""

    conversation_id: int
    title: str
    question: str
    answer: str


def saved_answers(store: Store, text: str, *, without: int | None = None) -> list[SavedAnswer]:
    """Answers that may have to do with `text`, those with most of its words first.

    Args:
        without: a conversation that is left out, such as the open one.

    Of several answers to a question the newest is taken. Raises StoreError.
    """
    terms = sorted(query_terms(text), key=len, reverse=True)[:_MOST_TERMS]
    counts: Counter[int] = Counter()
    for term in terms:
        hits = store.search(term.removesuffix("*"), limit=_HITS_OF_A_TERM)
        counts.update({hit.message_id for hit in hits if hit.message_id is not None})
    ids = [message_id for message_id, _ in counts.most_common(_MOST_MESSAGES)]
    return _answers(store.database, ids, without) if ids else []


def _answers(database: Database, ids: list[int], without: int | None) -> list[SavedAnswer]:
    marks = ", ".join("?" * len(ids))
    select = (
        "SELECT c.id, c.title, q.text, a.text, q.id, a.id FROM message AS a JOIN message AS q ON q.id = a.parent_id"
        " JOIN conversation AS c ON c.id = a.conversation_id"
        " WHERE a.role = 'assistant' AND a.status = 'complete' AND c.deleted_at IS NULL"
    )
    # Two statements: with OR, SQLite would read every message.
    rows = database.rows(f"{select} AND a.id IN ({marks})", *ids)
    rows += database.rows(f"{select} AND a.parent_id IN ({marks})", *ids)
    rank = {message_id: place for place, message_id in enumerate(ids)}
    best: dict[int, tuple[int, int, SavedAnswer]] = {}  # by question: (place, answer's id, answer)
    for read in map(ValueReader, rows):
        question_id, answer_id = read.integer(4), read.integer(5)
        place = min(rank.get(question_id, len(ids)), rank.get(answer_id, len(ids)))
        answer = SavedAnswer(read.integer(0), read.text(1), read.text(2), read.text(3))
        before = best.get(question_id)
        if answer.conversation_id != without and (before is None or answer_id > before[1]):
            best[question_id] = min(place, before[0] if before else place), answer_id, answer
    return [answer for _, _, answer in sorted(best.values(), key=lambda found: (found[0], -found[1]))]
