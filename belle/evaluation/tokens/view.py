"""The predictions of all models for every token of a text: KL divergence, and the likeliest tokens of each model.

For a page that people read, so of some windows only. They overlap by half: every token but the first few hundred has
half a window of text before it, and the scored tokens follow each other without gaps.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from belle.errors import KnownError
from belle.evaluation.metric_formulas import TOP, RowReader, RowReading, kl_divergence
from belle.evaluation.sources.base import LogitSource, Rows, chunk_rows
from belle.evaluation.windows import Protocol, Window

PAGE_WINDOWS = 8
"""Windows of the text on the page by default."""
MOST_WINDOWS = 100
"""More would make a page of many megabytes, which browsers take long to show."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """A model's prediction: `p` of the token that follows, and the likeliest tokens with their probabilities."""

    p: float
    top: list[tuple[int, float]]


@dataclass(frozen=True, slots=True)
class TokenView:
    """A token of the text. `kl` (nats) and `candidates` have an entry per candidate, None for one that failed."""

    token: int
    reference: Expectation
    candidates: list[Expectation | None]
    kl: list[float | None]


def page_protocol(protocol: Protocol, n_windows: int) -> Protocol:
    """Windows whose scored parts follow each other without gaps. Raises KnownError("bad_option")."""
    if not 1 <= n_windows <= MOST_WINDOWS:
        raise KnownError(
            "bad_option", f"A page of {n_windows} windows cannot be made.", f"Take 1 to {MOST_WINDOWS} of them."
        )
    return Protocol(n_ctx=protocol.n_ctx, stride=protocol.stride or protocol.n_ctx // 2, chunks=n_windows)


def token_views(
    sources: Sequence[LogitSource], windows: Sequence[Window], on_window: Callable[[int], None]
) -> Iterator[TokenView]:
    """Every scored token of the windows.

    Args:
        sources: the reference, then the candidates; all with the same vocabulary.
        windows: cut by `page_protocol`.
        on_window: called with the number of windows read.

    Raises KnownError when a model cannot be run.
    """
    reader = RowReader(sources[0].n_vocab)
    step = chunk_rows(sources[0].n_vocab)
    for number, window in enumerate(windows, start=1):
        done = 0
        with contextlib.ExitStack() as stack:
            chunks = [source.rows(window, step) for source in sources]
            for rows in chunks:
                stack.callback(rows.close)  # type: ignore[attr-defined]  # these iterators are generators
            while done < len(window.targets):
                logits = [next(rows) for rows in chunks]
                for k in range(len(logits[0])):
                    yield _view(reader, [rows[k] for rows in logits], window.targets[done + k])
                done += len(logits[0])
        on_window(number)


def _view(reader: RowReader, logits: Sequence[Rows], target: int) -> TokenView:
    reading = reader.read(logits[0])
    likely = reader.likely(logits[0], reading) if np.isfinite(reading.log_z) else None
    others: list[Expectation | None] = []
    divergences: list[float | None] = []
    for row in logits[1:]:
        other = reader.read(row)
        usable = likely is not None and bool(np.isfinite(other.log_z))
        others.append(_expectation(row, other, target) if usable else None)
        kl = kl_divergence(likely, row, other.log_z) if usable and likely is not None else np.nan
        divergences.append(float(kl) if np.isfinite(kl) else None)
    return TokenView(target, _expectation(logits[0], reading, target), others, divergences)


def _expectation(row: Rows, reading: RowReading, target: int) -> Expectation:
    def p(token: int) -> float:
        value = float(np.exp(float(row[token]) - reading.log_z))
        return value if np.isfinite(value) else 0.0

    return Expectation(p(target), [(int(token), p(int(token))) for token in reading.top[:TOP]])
