"""Reads a window with every model at once, and compares their logits row by row."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import numpy as np

from belle.errors import KnownError
from belle.evaluation.metric_formulas import ReferenceToken, RowReader, token_losses
from belle.evaluation.sources.base import LogitSource, Rows, chunk_rows
from belle.evaluation.text.records import PER_CANDIDATE, Block
from belle.evaluation.windows import Window


class Comparison:
    """A reference and its candidates.

    Args:
        sources: the reference, then the candidates; all with the same vocabulary.
        failures: why candidates were given up, by their index in `sources`. Those that fail here are added; a candidate
            in it is not run again.
    """

    def __init__(self, sources: Sequence[LogitSource], failures: dict[int, str]) -> None:
        self._sources = sources
        self.failures = failures
        self._reader = RowReader(sources[0].n_vocab)
        self._step = chunk_rows(sources[0].n_vocab)

    def window(self, window: Window) -> Block:
        """The records of one window, see `TokenRecords`. Raises KnownError when the reference fails."""
        # [1 + 5 n_candidates, n_scored]; NaN stays where a candidate has failed.
        block = np.full((1 + len(PER_CANDIDATE) * (len(self._sources) - 1), len(window.targets)), np.nan)
        chunks = {
            i: source.rows(window, self._step) for i, source in enumerate(self._sources) if i not in self.failures
        }
        done = 0
        with contextlib.ExitStack() as stack:
            for rows in chunks.values():
                stack.callback(rows.close)  # type: ignore[attr-defined]  # these iterators are generators
            while done < block.shape[1]:
                logits = self._advance(chunks)
                for k, reference in enumerate(logits.pop(0)):
                    column = block[:, done + k]
                    self._row(reference, {i: rows[k] for i, rows in logits.items()}, window.targets[done + k], column)
                done += k + 1
        return block

    def _advance(self, chunks: dict[int, Iterator[Rows]]) -> dict[int, Rows]:
        """The next chunk of every model that has not failed, one model after the other."""
        rows_of = {}
        for i, rows in chunks.items():
            if i in self.failures:
                continue
            try:
                rows_of[i] = next(rows)
            except KnownError as error:
                if i == 0:
                    raise
                self.failures[i] = error.message
        return rows_of

    def _row(self, reference: Rows, others: dict[int, Rows], target: int, column: Block) -> None:
        reading = self._reader.read(reference)
        if not np.isfinite(reading.log_z):
            raise KnownError(
                "reference_not_finite",
                f"{self._sources[0].name} predicts NaN or infinity: nothing can be compared with it.",
                "The file is damaged, or was converted into a type that its weights do not fit. Convert it again.",
            )
        column[0] = nll = reading.log_z - float(reference[target])
        if not others:
            return
        expected = ReferenceToken(target, nll, reading, self._reader.likely(reference, reading))
        for i, logits in others.items():
            if i not in self.failures:
                self._compare(i, logits, expected, column)

    def _compare(self, i: int, logits: Rows, expected: ReferenceToken, column: Block) -> None:
        reading = self._reader.read(logits)
        if not np.isfinite(reading.log_z):
            self.failures[i] = "It predicts NaN or infinity."
            return
        losses = token_losses(expected, logits, reading)
        if not np.isfinite((losses.nll, losses.kl)).all():
            self.failures[i] = "It rules out tokens that the reference expects: the divergence is infinite."
            return
        column[1 + (i - 1) * len(PER_CANDIDATE) :][: len(PER_CANDIDATE)] = losses
