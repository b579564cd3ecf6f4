"""The table of metrics: the name, unit and direction of each, which figure it shows, and where it is shown.

All forms of the report, the summary in the terminal and `belle measure diff` read `METRICS`. A new metric is two rows:

1. a field of `Loss` with its formula, in `belle.evaluation.metric_formulas` (of a model alone: a field of
`ModelFigures`). That is what report.json stores. If it needs something of each token that is not recorded yet, add a
field to `TokenLosses` there;
2. a row of `METRICS`, which is how it is shown: tables, CSV, page, terminal and diff follow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from belle.evaluation.measurement import CandidateFigures, Measurement, ModelFigures
from belle.evaluation.metric_formulas import Loss
from belle.units import file_size

MISSING = "–"
"""Shown where there is no figure."""

Unit = Callable[[float], str]
"""Formats a number."""

Also = Literal["summary", "diff"]
"""Where a metric is shown besides its table and the CSV: in the terminal's summary, by `belle measure diff`."""


def _fixed(digits: int) -> Unit:
    return lambda value: f"{value:,.{digits}f}"


def _percent(digits: int) -> Unit:
    return lambda value: f"{100 * value:.{digits}f} %"


BITS, PER_SECOND, PERPLEXITY, RATIO, NATS = map(_fixed, (2, 1, 4, 5, 6))
CORRELATION, SHARE = map(_percent, (2, 3))


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A model in a table; `loss` is None for the reference."""

    model: ModelFigures
    loss: Loss | None


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric. Either `model` or `loss` is given.

    Attributes:
        key: its column in the CSV.
        name: its heading.
        unit: formats the value.
        better: the direction; "" for what has none, such as an error of measurement.
        model: takes it from the figures of a model alone.
        loss: takes it from those of a candidate against the reference.
        also: where it is shown besides its table and the CSV.
    """

    key: str
    name: str
    unit: Unit
    better: Literal["lower", "higher", ""]
    model: Callable[[ModelFigures], float | None] | None = None
    loss: Callable[[Loss], float] | None = None
    also: tuple[Also, ...] = ()

    def value(self, row: ModelRow) -> float | None:
        """The number; None where there is none."""
        if self.model:
            return self.model(row.model)
        return self.loss(row.loss) if self.loss and row.loss else None

    def words(self, row: ModelRow) -> str:
        """The number as text."""
        value = self.value(row)
        return MISSING if value is None else self.unit(value)

    def cost(self, row: ModelRow) -> float | None:
        """The number with its sign changed where higher is better, so that less is always better."""
        value = self.value(row)
        return -value if value is not None and self.better == "higher" else value


_EVERYWHERE: tuple[Also, ...] = ("summary", "diff")

METRICS: dict[str, tuple[Metric, ...]] = {
    "Size and speed": (
        Metric("size_bytes", "Size", file_size, "lower", model=lambda m: m.size, also=_EVERYWHERE),
        Metric("bits_per_weight", "Bits per weight", BITS, "lower", model=lambda m: m.bits_per_weight or None),
        Metric("prefill_tokens_per_s", "Prefill (tokens/s)", PER_SECOND, "higher", model=lambda m: m.prefill),
        Metric("decode_tokens_per_s", "Decode (tokens/s)", PER_SECOND, "higher", model=lambda m: m.decode),
        Metric("memory_bytes", "Memory", file_size, "lower", model=lambda m: m.memory),
    ),
    "Perplexity": (
        Metric("ppl", "PPL", PERPLEXITY, "lower", model=lambda m: m.ppl.value if m.ppl else None, also=_EVERYWHERE),
        Metric("ppl_error", "±", PERPLEXITY, "", model=lambda m: m.ppl.error if m.ppl else None),
        Metric(
            "bits_per_byte", "Bits per byte", PERPLEXITY, "lower", model=lambda m: m.bits_per_byte, also=_EVERYWHERE
        ),
        Metric("d_ppl", "ΔPPL", PERPLEXITY, "lower", loss=lambda x: x.d_ppl),
        Metric("d_ppl_error", "±", PERPLEXITY, "", loss=lambda x: x.d_ppl_error),
        Metric("ppl_ratio", "PPL ratio", RATIO, "lower", loss=lambda x: x.ppl_ratio, also=("diff",)),
        Metric("ppl_ratio_error", "±", RATIO, "", loss=lambda x: x.ppl_ratio_error),
        Metric("correlation", "Correlation", CORRELATION, "higher", loss=lambda x: x.correlation),
    ),
    "KL divergence from the reference (nats per token)": (
        Metric("kl_mean", "Mean KL", NATS, "lower", loss=lambda x: x.kl, also=_EVERYWHERE),
        Metric("kl_error", "±", NATS, "", loss=lambda x: x.kl_error, also=("summary",)),
        Metric("kl_median", "Median", NATS, "lower", loss=lambda x: x.kl_quantiles["0.5"], also=("diff",)),
        Metric("kl_90", "90 %", NATS, "lower", loss=lambda x: x.kl_quantiles["0.9"]),
        Metric("kl_95", "95 %", NATS, "lower", loss=lambda x: x.kl_quantiles["0.95"]),
        Metric("kl_99", "99 %", NATS, "lower", loss=lambda x: x.kl_quantiles["0.99"], also=("diff",)),
        Metric("kl_99.9", "99.9 %", NATS, "lower", loss=lambda x: x.kl_quantiles["0.999"]),
        Metric("kl_max", "Largest", NATS, "lower", loss=lambda x: x.kl_max),
    ),
    "Token probabilities": (
        Metric("same_top", "Same top token", SHARE, "higher", loss=lambda x: x.same_top, also=_EVERYWHERE),
        Metric("same_top_error", "±", SHARE, "", loss=lambda x: x.same_top_error),
        Metric("same_top5", "Top 5 shared", SHARE, "higher", loss=lambda x: x.same_top5, also=("diff",)),
        Metric("dp_rms", "RMS Δp", SHARE, "lower", loss=lambda x: x.dp_rms, also=("diff",)),
        Metric("dp_rms_error", "±", SHARE, "", loss=lambda x: x.dp_rms_error),
        Metric("dp_mean", "Mean Δp", SHARE, "higher", loss=lambda x: x.dp),
        Metric("dp_1", "Δp 1 %", SHARE, "higher", loss=lambda x: x.dp_quantiles["0.01"]),
        Metric("dp_5", "Δp 5 %", SHARE, "higher", loss=lambda x: x.dp_quantiles["0.05"]),
        Metric("dp_95", "Δp 95 %", SHARE, "", loss=lambda x: x.dp_quantiles["0.95"]),
        Metric("dp_99", "Δp 99 %", SHARE, "", loss=lambda x: x.dp_quantiles["0.99"]),
    ),
}
"""By the title of the table that shows them."""

BY_KEY = {metric.key: metric for metrics in METRICS.values() for metric in metrics}
"""In the order of the tables."""


def rows(result: Measurement) -> list[ModelRow]:
    """The reference, then the candidates."""
    return [ModelRow(result.reference, None), *(row_of(candidate) for candidate in result.candidates)]


def rows_with_figures(result: Measurement, metrics: Sequence[Metric]) -> list[ModelRow]:
    """The rows for which one of these metrics has a figure: the reference has no divergence from itself."""
    return [row for row in rows(result) if any(metric.value(row) is not None for metric in metrics)]


def row_of(candidate: CandidateFigures) -> ModelRow:
    """A candidate as a row."""
    return ModelRow(candidate.model, candidate.loss)


def tables(result: Measurement) -> list[tuple[str, list[Metric]]]:
    """The tables that have figures for this measurement: titles and metrics."""
    if result.only_bytes:
        alone = [(title, [metric for metric in metrics if metric.model]) for title, metrics in METRICS.items()]
        # Perplexities of different vocabularies cannot be compared: the table is not about them.
        return [("Loss" if title == "Perplexity" else title, metrics) for title, metrics in alone if metrics]
    shown = rows(result)
    known = [
        (title, [metric for metric in metrics if any(metric.value(row) is not None for row in shown)])
        for title, metrics in METRICS.items()
    ]
    return [(title, metrics) for title, metrics in known if metrics]
