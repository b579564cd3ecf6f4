"""Finds the passages of a folder that answer a question.

Several rankings are made, and fused by the ranks of each passage in them (reciprocal rank fusion): BM25 of what the
question asks, BM25 of it together with the question before it, which it may go on about, the pages that it names, and
with an embedding model the passages that are nearest to it in meaning.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from belle.search.terms import asked_pages, index_terms, query_terms
from desktop.documents.cited import CitedPassage
from desktop.documents.index_tables import has_tables
from desktop.documents.passages import Passage
from desktop.store.database import Database

MOST_PASSAGES = 12
"""That are found for one question."""

_FUSED = 60
"""The constant of reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009)."""

_CANDIDATES = 50
_MOST_TERMS = 40
_LEAST_COVERAGE = 0.3
"""Of the weight of a question's terms, which a passage must have to count as an answer to it."""

_WEIGHTS = "2.0, 1.5, 1.0"  # of a term in the file's name, the heading, the text
_PASSAGE = "p.id, f.path, p.text, p.page, p.line, p.heading"
_FROM = (
    "document_passage AS p JOIN document_file AS f ON f.id = p.file_id JOIN document_folder AS d ON d.id = f.folder_id"
)
_VOCABULARY = "CREATE VIRTUAL TABLE IF NOT EXISTS temp.document_vocabulary USING fts5vocab (main, document_terms, row)"


@dataclass(frozen=True, slots=True)
class FoundPassage:
    """A passage, and the file that it is from: a path below the folder."""

    id: int
    path: str
    passage: Passage


class DocumentSearch:
    """Searches the index of one database file. Every method raises StoreError."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def find(
        self, folder: str, question: str, before: Sequence[str] = (), nearest: Sequence[int] = ()
    ) -> list[FoundPassage]:
        """The best passages for a question, the best first; none when nothing in the folder is about it.

        Args:
            folder: as it was chosen.
            question: what is asked now.
            before: earlier questions of the conversation, the last one last.
            nearest: ids of the passages that are nearest in meaning, the best first.
        """
        if not has_tables(self._db):
            return []
        now = query_terms(question)
        earlier = query_terms(" ".join(before[-1:]))
        pages = asked_pages(question)
        if not now and not pages and not earlier:
            return self._beginnings(folder)
        about = self._covering(folder, now)
        named = self._of_pages(folder, pages, about)
        rankings = [about, named, self._with_ids(nearest)]
        if not pages:  # whoever names a page has said what is meant
            rankings.append(self._covering(folder, list(dict.fromkeys([*now, *earlier]))))
        fused = _fuse(rankings)
        if named:
            chosen = {found.id for found in named}
            fused.sort(key=lambda found: found.id not in chosen)
        return fused[:MOST_PASSAGES]

    def around(self, folder: str, source: CitedPassage) -> tuple[str, str]:
        """The passage before and the one after; empty where the document has changed, or the index has it no more."""
        if not has_tables(self._db):
            return "", ""
        place = self._db.row(
            f"SELECT p.file_id, p.position FROM {_FROM} WHERE d.path = ? AND f.path = ? AND p.text = ?"  # noqa: S608
            " AND p.page IS ? AND p.line IS ?",
            *(folder, source.path, source.text, source.page, source.line),
        )
        if place is None:
            return "", ""
        sql = "SELECT text FROM document_passage WHERE file_id = ? AND position = ?"
        texts = [self._db.row(sql, place[0], place[1] + step) for step in (-1, 1)]
        before, after = ("" if row is None else str(row[0]) for row in texts)
        return before, after

    def _covering(self, folder: str, terms: Sequence[str]) -> list[FoundPassage]:
        """Passages by BM25, without those that share too little with the question."""
        terms = terms[:_MOST_TERMS]
        if not terms:
            return []
        rows = self._db.rows(
            f"SELECT {_PASSAGE}, bm25(document_terms, {_WEIGHTS}) AS score"  # noqa: S608
            f" FROM document_terms, {_FROM} WHERE p.id = document_terms.rowid"
            " AND document_terms MATCH ? AND d.path = ? ORDER BY score LIMIT ?",
            *(" OR ".join(map(_match, terms)), folder, _CANDIDATES),
        )
        found = [_found(row) for row in rows]
        weights = self._weights(terms)
        total = sum(weights.values())
        return [one for one in found if _weight_in(one, weights) >= _LEAST_COVERAGE * total]

    def _weights(self, terms: Sequence[str]) -> dict[str, float]:
        """The inverse document frequency of each term; of one that is nowhere, the greatest."""
        self._db.write(_VOCABULARY)
        (count,) = self._db.rows("SELECT count(*) FROM document_passage")[0]
        weights = {}
        for term in terms:
            if term.endswith("*"):
                weights[term] = 1.0
                continue
            row = self._db.row("SELECT doc FROM temp.document_vocabulary WHERE term = ?", term)
            frequency = row[0] if row else 0
            weights[term] = math.log(1 + (count - frequency + 0.5) / (frequency + 0.5))
        return weights

    def _of_pages(self, folder: str, pages: Sequence[int], about: Sequence[FoundPassage]) -> list[FoundPassage]:
        """The passages on these pages; first those of the documents with the best passages `about` the question."""
        if not pages:
            return []
        marks = ", ".join("?" * len(pages))
        rows = self._db.rows(
            f"SELECT {_PASSAGE} FROM {_FROM} WHERE d.path = ? AND p.page IN ({marks})"  # noqa: S608
            " ORDER BY f.path, p.position LIMIT ?",
            *(folder, *pages, _CANDIDATES),
        )
        order = {found.path: rank for rank, found in reversed(list(enumerate(about)))}
        return sorted((_found(row) for row in rows), key=lambda found: order.get(found.path, len(about)))

    def _with_ids(self, ids: Sequence[int]) -> list[FoundPassage]:
        """The passages with these ids, in their order, without those that are gone."""
        marks = ", ".join("?" * len(ids))
        rows = self._db.rows(f"SELECT {_PASSAGE} FROM {_FROM} WHERE p.id IN ({marks})", *ids)  # noqa: S608
        return sorted((_found(row) for row in rows), key=lambda found: ids.index(found.id))

    def _beginnings(self, folder: str) -> list[FoundPassage]:
        """How the documents begin: for a question about them as a whole."""
        rows = self._db.rows(
            f"SELECT {_PASSAGE} FROM {_FROM} WHERE d.path = ? ORDER BY p.position, f.path LIMIT ?",  # noqa: S608
            *(folder, MOST_PASSAGES),
        )
        return [_found(row) for row in rows]


def _match(term: str) -> str:
    return f'"{term[:-1]}"*' if term.endswith("*") else f'"{term}"'


def _found(row: Sequence[object]) -> FoundPassage:
    number, path, text, page, line, heading = row[:6]
    return FoundPassage(number, path, Passage(text, page, line, heading))  # type: ignore[arg-type]


def _weight_in(found: FoundPassage, weights: dict[str, float]) -> float:
    passage = found.passage
    present = set(index_terms(f"{found.path} {passage.heading} {passage.text}").split())
    beginnings = {term[0] for term in present}
    return sum(
        weight for term, weight in weights.items() if (term[0] in beginnings if term.endswith("*") else term in present)
    )


def _fuse(rankings: Iterable[Sequence[FoundPassage]]) -> list[FoundPassage]:
    scores: dict[int, float] = {}
    passages: dict[int, FoundPassage] = {}
    for ranking in rankings:
        for rank, found in enumerate(ranking, 1):
            passages[found.id] = found
            scores[found.id] = scores.get(found.id, 0.0) + 1 / (_FUSED + rank)
    return sorted(passages.values(), key=lambda found: -scores[found.id])
