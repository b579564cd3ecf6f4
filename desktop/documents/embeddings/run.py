"""Makes the vectors of a folder that are missing. It can be stopped at any moment, and goes on from there."""

from __future__ import annotations

from collections.abc import Callable

from desktop.documents.embeddings.baseline import SENTENCES
from desktop.documents.embeddings.model import EmbeddingModel
from desktop.documents.embeddings.vector_index import PendingPassage, StoredModel, VectorIndex
from desktop.documents.embeddings.vectors import Vector

Embed = Callable[[str], Vector]
"""The vector of a text. It may raise, and ends the run."""


def embed_folder(
    index: VectorIndex, folder: str, model: EmbeddingModel, embed: Embed, report: Callable[[int, int], object]
) -> None:
    """Embed every passage of `folder` that has no vector of this model. Raises StoreError, and what `embed` raises.

    Args:
        index: where the vectors go.
        folder: as it was chosen.
        model: the model that `embed` uses.
        embed: makes a vector.
        report: called with the number of passages that are ready, and of all.
    """
    stored = index.model(model.identity)
    report(*index.counts(folder, stored))
    if stored is None:
        stored = index.add_model(model.identity, [embed(model.passage(sentence)) for sentence in SENTENCES])
    for passages in index.pending(folder, stored):
        _embed(index, stored, passages, lambda passage: embed(model.passage(_text(passage))))
        report(*index.counts(folder, stored))


def _embed(
    index: VectorIndex, model: StoredModel, passages: list[PendingPassage], embed: Callable[[PendingPassage], Vector]
) -> None:
    vectors: list[tuple[PendingPassage, Vector]] = []
    try:
        vectors.extend((passage, embed(passage)) for passage in passages)
    finally:  # what has been made is kept when the rest is stopped
        index.put(model, vectors)


def _text(passage: PendingPassage) -> str:
    """With the heading, which the first passage under it has in its text already."""
    return passage.text if passage.heading in passage.text else f"{passage.heading}\n{passage.text}"
