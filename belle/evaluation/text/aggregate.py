"""From records per token to the figures of a report, for a model alone and for a candidate against the reference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from belle.evaluation.measurement import CandidateFigures, ModelFigures
from belle.evaluation.metric_formulas import Loss, TokenLosses, Values, perplexity
from belle.evaluation.sources.base import LogitSource
from belle.evaluation.sources.model_files import ModelFiles
from belle.evaluation.text.scripts import SCRIPTS
from belle.evaluation.windows import Protocol

KL_EDGES = [float(10**exponent) for exponent in np.arange(-8, 2.01, 0.25)]
"""Borders of the histogram of KL divergences, in nats: four bins per power of ten."""

_POSITION_BINS = 16


@dataclass(slots=True)
class Models:
    """The models of a run, the reference first. `decode`: tokens per second one by one, by index."""

    files: Sequence[ModelFiles]
    hashes: Sequence[dict[str, str]]
    sources: Sequence[LogitSource]
    decode: dict[int, float | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TextRead:
    """The scored tokens, `[n_windows · n_scored]`: the bytes that each stands for, and its script."""

    protocol: Protocol
    n_windows: int
    n_bytes: NDArray[np.int64]
    scripts: NDArray[np.int64]

    def script_counts(self) -> dict[str, int]:
        """Tokens per script, without those that do not occur."""
        counts = np.bincount(self.scripts, minlength=len(SCRIPTS))
        return {name: int(n) for name, n in zip(SCRIPTS, counts, strict=True) if n}

    def by_script(self, values: Values) -> dict[str, float]:
        """Means of `values [≤ n]` per script."""
        known = self.scripts[: values.size]
        return {
            name: float(values[known == number].mean())
            for number, name in enumerate(SCRIPTS)
            if (known == number).any()
        }

    def by_position(self, values: Values) -> list[float]:
        """Means of `values`, whole windows, per bin of `position_bins`."""
        if not values.size:
            return []
        mean = values.reshape(-1, self.protocol.n_scored).mean(axis=0)  # [n_scored]
        borders = [border - self.protocol.first - 1 for border in position_bins(self.protocol)]
        return [float(mean[a:b].mean()) for a, b in pairwise(borders)]


def position_bins(protocol: Protocol) -> list[int]:
    """Borders of the bins of losses by position, that of the predicted token in its window."""
    n = min(_POSITION_BINS, protocol.n_scored)
    return [protocol.first + 1 + round(i * protocol.n_scored / n) for i in range(n + 1)]


def model_figures(models: Models, i: int, nll: Values, text: TextRead, failure: str) -> ModelFigures:
    """Of model `i`, from its negative log-likelihoods `[≤ n]` in nats."""
    file, source = models.files[i], models.sources[i]
    n_bytes = int(text.n_bytes[: nll.size].sum())
    speed = source.speed
    # A GGUF's header says it; for a checkpoint transformers knows it once that is loaded.
    n_params = file.n_params or int(getattr(source, "n_params", 0))
    return ModelFigures(
        name=source.name,
        path=str(file.path),
        files=models.hashes[i],
        architecture=file.architecture or str(getattr(source, "architecture", "")),
        quantization=file.quantization,
        size=file.size,
        n_params=n_params,
        bits_per_weight=file.bits_per_weight or (8 * file.size / n_params if n_params else 0.0),
        n_vocab=source.n_vocab,
        ppl=perplexity(nll) if nll.size else None,
        bits_per_byte=float(nll.sum()) / math.log(2) / n_bytes if n_bytes else None,
        prefill=speed.prefill_tokens / speed.prefill_s if speed.prefill_s else None,
        decode=models.decode.get(i),
        memory=speed.memory or None,
        nll_by_position=text.by_position(nll),
        nll_by_script=text.by_script(nll),
        failure=failure,
    )


def candidate_figures(
    models: Models, i: int, nll_reference: Values, records: NDArray[np.float64], *, text: TextRead, failure: str
) -> CandidateFigures:
    """Of candidate `i`, from its records `[5, n]`; of one that failed, from the windows before the failure."""
    n_scored = text.protocol.n_scored
    # A failed candidate leaves NaN: `n` is the number of tokens in the whole windows before the first NaN.
    whole = ~np.isnan(records).any(axis=0).reshape(-1, n_scored).all(axis=1)
    n = (int(whole.argmin()) if not whole.all() else whole.size) * n_scored
    nll, kl = records[:2, :n]
    # The first and last bins also count what lies outside. The upper border itself would fall out of the last bin.
    inside = np.clip(kl, KL_EDGES[0], math.nextafter(KL_EDGES[-1], 0))
    return CandidateFigures(
        model=model_figures(models, i, nll, text, failure),
        loss=Loss.of(nll_reference[:n], TokenLosses(*records[:, :n])) if n else None,
        kl_counts=[int(count) for count in np.histogram(inside, KL_EDGES)[0]],
        kl_by_position=text.by_position(kl),
        kl_by_script=text.by_script(kl),
    )
