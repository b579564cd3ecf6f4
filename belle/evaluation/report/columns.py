"""The figures of a report's tables: their names, where they are found and how they are written, once for all forms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from belle.evaluation.measurement import CandidateFigures, Measurement, ModelFigures
from belle.evaluation.statistics import Loss
from belle.units import file_size

MISSING = "–"


@dataclass(frozen=True, slots=True)
class Row:
    """A model in a table; `loss` is None for the reference."""

    model: ModelFigures
    loss: Loss | None


@dataclass(frozen=True, slots=True)
class Column:
    """`name` heads it; `key` names it in CSV; `value` gives the number, None where there is none; `form` writes it."""

    name: str
    key: str
    value: Callable[[Row], float | None]
    form: Callable[[float], str]

    def words(self, row: Row) -> str:
        """The figure as it is read."""
        value = self.value(row)
        return MISSING if value is None else self.form(value)


def rows(result: Measurement) -> list[Row]:
    """The reference, then the candidates."""
    return [Row(result.reference, None), *(row_of(candidate) for candidate in result.candidates)]


def rows_with_figures(result: Measurement, columns: Sequence[Column]) -> list[Row]:
    """The rows that a table of these columns has figures for: the reference has no divergence from itself."""
    return [row for row in rows(result) if any(column.value(row) is not None for column in columns)]


def row_of(candidate: CandidateFigures) -> Row:
    """A candidate as a row."""
    return Row(candidate.model, candidate.loss)


def _loss(get: Callable[[Loss], float]) -> Callable[[Row], float | None]:
    return lambda row: get(row.loss) if row.loss else None


def _fixed(digits: int) -> Callable[[float], str]:
    return lambda value: f"{value:,.{digits}f}"


def _percent(digits: int) -> Callable[[float], str]:
    return lambda value: f"{100 * value:.{digits}f} %"


def _kl_quantile(fraction: str) -> Callable[[Row], float | None]:
    return _loss(lambda loss: loss.kl_quantiles[fraction])


def _dp_quantile(fraction: str) -> Callable[[Row], float | None]:
    return _loss(lambda loss: loss.dp_quantiles[fraction])


COST = [
    Column("Size", "size_bytes", lambda row: row.model.size, file_size),
    Column("Bits per weight", "bits_per_weight", lambda row: row.model.bits_per_weight or None, _fixed(2)),
    Column("Prefill (tokens/s)", "prefill_tokens_per_s", lambda row: row.model.prefill, _fixed(1)),
    Column("Decode (tokens/s)", "decode_tokens_per_s", lambda row: row.model.decode, _fixed(1)),
    Column("Memory", "memory_bytes", lambda row: row.model.memory, file_size),
]
QUALITY = [
    Column("PPL", "ppl", lambda row: row.model.ppl.value if row.model.ppl else None, _fixed(4)),
    Column("±", "ppl_error", lambda row: row.model.ppl.error if row.model.ppl else None, _fixed(4)),
    Column("Bits per byte", "bits_per_byte", lambda row: row.model.bits_per_byte, _fixed(4)),
    Column("ΔPPL", "d_ppl", _loss(lambda loss: loss.d_ppl), _fixed(4)),
    Column("±", "d_ppl_error", _loss(lambda loss: loss.d_ppl_error), _fixed(4)),
    Column("PPL ratio", "ppl_ratio", _loss(lambda loss: loss.ppl_ratio), _fixed(5)),
    Column("±", "ppl_ratio_error", _loss(lambda loss: loss.ppl_ratio_error), _fixed(5)),
    Column("Correlation", "correlation", _loss(lambda loss: loss.correlation), _percent(2)),
]
DIVERGENCE = [
    Column("Mean KL", "kl_mean", _loss(lambda loss: loss.kl), _fixed(6)),
    Column("±", "kl_error", _loss(lambda loss: loss.kl_error), _fixed(6)),
    Column("Median", "kl_median", _kl_quantile("0.5"), _fixed(6)),
    Column("90 %", "kl_90", _kl_quantile("0.9"), _fixed(6)),
    Column("95 %", "kl_95", _kl_quantile("0.95"), _fixed(6)),
    Column("99 %", "kl_99", _kl_quantile("0.99"), _fixed(6)),
    Column("99.9 %", "kl_99.9", _kl_quantile("0.999"), _fixed(6)),
    Column("Largest", "kl_max", _loss(lambda loss: loss.kl_max), _fixed(6)),
]
PROBABILITY = [
    Column("Same top token", "same_top", _loss(lambda loss: loss.same_top), _percent(3)),
    Column("±", "same_top_error", _loss(lambda loss: loss.same_top_error), _percent(3)),
    Column("Top 5 shared", "same_top5", _loss(lambda loss: loss.same_top5), _percent(3)),
    Column("RMS Δp", "dp_rms", _loss(lambda loss: loss.dp_rms), _percent(3)),
    Column("±", "dp_rms_error", _loss(lambda loss: loss.dp_rms_error), _percent(3)),
    Column("Mean Δp", "dp_mean", _loss(lambda loss: loss.dp), _percent(3)),
    Column("Δp 1 %", "dp_1", _dp_quantile("0.01"), _percent(3)),
    Column("Δp 5 %", "dp_5", _dp_quantile("0.05"), _percent(3)),
    Column("Δp 95 %", "dp_95", _dp_quantile("0.95"), _percent(3)),
    Column("Δp 99 %", "dp_99", _dp_quantile("0.99"), _percent(3)),
]
TABLES = [
    ("Size and speed", COST),
    ("Perplexity", QUALITY),
    ("KL divergence from the reference (nats per token)", DIVERGENCE),
    ("Token probabilities", PROBABILITY),
]
_OF_BYTES = {"ppl", "ppl_error", "bits_per_byte"}


def tables(result: Measurement) -> list[tuple[str, list[Column]]]:
    """The tables that say something about this measurement."""
    if result.only_bytes:
        return [TABLES[0], ("Loss", [column for column in QUALITY if column.key in _OF_BYTES])]
    shown = rows(result)
    known = [
        (title, [c for c in columns if any(c.value(row) is not None for row in shown)]) for title, columns in TABLES
    ]
    return [(title, columns) for title, columns in known if columns]
