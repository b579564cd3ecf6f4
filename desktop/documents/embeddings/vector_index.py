"""The vectors of passages in the file of the index, each with the model that made it.

Vectors of another model are neither read nor counted: they are replaced when this model has embedded their passage. So
is one that is damaged, as far as its length tells.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from desktop.documents.embeddings.baseline import SENTENCES
from desktop.documents.embeddings.vectors import Vector, code_length, packed, signs, unpacked
from desktop.store.database import Database

_FROM = (
    "document_passage AS p JOIN document_file AS f ON f.id = p.file_id JOIN document_folder AS d ON d.id = f.folder_id"
)
_INTACT = "v.passage_id = p.id AND v.model_id = ? AND length(v.signs) = ? AND length(v.vector) = ?"
_BATCH = 16
"""Passages read, and vectors written, at once."""


@dataclass(frozen=True, slots=True)
class StoredModel:
    """A model that has vectors here.

    Args:
        id: of its row.
        baseline: its vectors of `baseline.SENTENCES`.
    """

    id: int
    baseline: tuple[tuple[float, ...], ...]

    @property
    def intact(self) -> tuple[int, int, int]:
        """What `_INTACT` is asked with."""
        dimensions = len(self.baseline[0])
        return self.id, code_length(dimensions), 2 * dimensions


@dataclass(frozen=True, slots=True)
class PendingPassage:
    """A passage without a vector; `heading` is the one that it stands under."""

    id: int
    heading: str
    text: str


class VectorIndex:
    """The vectors in one database file, which has the tables of documents. Every method raises StoreError."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def model(self, identity: str) -> StoredModel | None:
        """The model with this identity; None if it is not known, or what is stored of it is damaged."""
        row = self._db.row("SELECT id, baseline FROM document_model WHERE identity = ?", identity)
        if row is None:
            return None
        length, rest = divmod(len(row[1]), len(SENTENCES))
        if rest or length % 2 or not length:
            return None
        return StoredModel(row[0], tuple(unpacked(row[1][at : at + length]) for at in range(0, len(row[1]), length)))

    def add_model(self, identity: str, baseline: Iterable[Vector]) -> StoredModel:
        """Store a model with its vectors of `SENTENCES`."""
        blob = b"".join(map(packed, baseline))
        with self._db.transaction(durable=False):
            self._db.write(
                "INSERT INTO document_model (identity, baseline) VALUES (?, ?)"
                " ON CONFLICT (identity) DO UPDATE SET baseline = excluded.baseline",
                *(identity, blob),
            )
        model = self.model(identity)
        assert model is not None
        return model

    def counts(self, folder: str, model: StoredModel | None) -> tuple[int, int]:
        """How many passages of a folder have a vector, and how many there are."""
        total = self._db.rows(f"SELECT count(*) FROM {_FROM} WHERE d.path = ?", folder)[0][0]  # noqa: S608
        if model is None:
            return 0, total
        ready = self._db.rows(
            f"SELECT count(*) FROM {_FROM} JOIN document_vector AS v ON {_INTACT} WHERE d.path = ?",  # noqa: S608
            *(*model.intact, folder),
        )
        return ready[0][0], total

    def pending(self, folder: str, model: StoredModel) -> Iterator[list[PendingPassage]]:
        """The passages of a folder without a vector, a few at a time, in the order of their files."""
        last = 0
        while rows := self._db.rows(
            f"SELECT p.id, p.heading, p.text FROM {_FROM} LEFT JOIN document_vector AS v ON {_INTACT}"  # noqa: S608
            " WHERE d.path = ? AND v.passage_id IS NULL AND p.id > ? ORDER BY p.id LIMIT ?",
            *(*model.intact, folder, last, _BATCH),
        ):
            yield [PendingPassage(*row) for row in rows]
            last = rows[-1][0]

    def put(self, model: StoredModel, vectors: Iterable[tuple[PendingPassage, Vector]]) -> None:
        """Store vectors, of those passages that are still there."""
        with self._db.transaction(durable=False):
            for passage, vector in vectors:
                # The text, too: a document may have been read anew meanwhile, and SQLite reuses ids of removed rows.
                self._db.write(
                    "INSERT OR REPLACE INTO document_vector (passage_id, model_id, signs, vector)"
                    " SELECT id, ?, ?, ? FROM document_passage WHERE id = ? AND text = ?",
                    *(model.id, signs(vector), packed(vector), passage.id, passage.text),
                )

    def codes(self, folder: str, model: StoredModel) -> Iterator[tuple[int, bytes]]:
        """Passage and `signs` of every vector of a folder."""
        yield from self._db.stream(
            f"SELECT p.id, v.signs FROM {_FROM} JOIN document_vector AS v ON {_INTACT} WHERE d.path = ?",  # noqa: S608
            *(*model.intact, folder),
        )

    def vectors(self, passages: Iterable[int]) -> Iterator[tuple[int, tuple[float, ...]]]:
        """The vectors of passages, by their ids: at most 1,000."""
        ids = list(passages)
        marks = ", ".join("?" * len(ids))
        rows = self._db.stream(f"SELECT passage_id, vector FROM document_vector WHERE passage_id IN ({marks})", *ids)  # noqa: S608
        for passage, blob in rows:
            yield passage, unpacked(blob)
