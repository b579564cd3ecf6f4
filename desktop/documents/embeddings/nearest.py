"""Finds the passages whose vectors are nearest to that of a question."""

from __future__ import annotations

import heapq

from desktop.documents.embeddings.baseline import least_similarity
from desktop.documents.embeddings.vector_index import VectorIndex
from desktop.documents.embeddings.vectors import Vector, signs, similarity
from desktop.documents.index_tables import has_tables
from desktop.store.database import Database

_RANKED_EXACTLY = 200
"""Passages with the nearest signs, whose vectors are looked at."""

_CANDIDATES = 50


def has_vectors(database: Database, identity: str) -> bool:
    """Whether any vectors of this model are stored. Raises StoreError."""
    return has_tables(database) and VectorIndex(database).model(identity) is not None


def nearest_passages(database: Database, folder: str, identity: str, question: str, vector: Vector) -> list[int]:
    """The ids of the passages that are about `question`, the nearest first; none without vectors of this model.

    Args:
        database: with the index.
        folder: as it was chosen.
        identity: of the model that made `vector`.
        question: as it was asked.
        vector: of the question.

    Raises StoreError.
    """
    if not has_tables(database):
        return []
    index = VectorIndex(database)
    model = index.model(identity)
    if model is None or len(model.baseline[0]) != len(vector):
        return []
    code = int.from_bytes(signs(vector), "big")
    differences = (
        ((int.from_bytes(other, "big") ^ code).bit_count(), passage) for passage, other in index.codes(folder, model)
    )
    candidates = [passage for _, passage in heapq.nsmallest(_RANKED_EXACTLY, differences)]
    least = least_similarity(question, vector, model.baseline)
    similar = [(similarity(vector, other), passage) for passage, other in index.vectors(candidates)]
    # A damaged vector may give NaN, which is not greater than anything.
    return [passage for score, passage in heapq.nlargest(_CANDIDATES, (one for one in similar if one[0] > least))]
