"""The result of a measurement as data: the input of reports, plots and comparisons, and the content of report.json."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from belle.documents import DocumentError, parse_json
from belle.errors import KnownError
from belle.evaluation.metric_formulas import Loss, Perplexity
from belle.texts import read_text, short_repr

VERSION = 1


@dataclass(frozen=True, slots=True)
class ModelFigures:
    """A model, and what was measured of it alone.

    Attributes:
        files: SHA-256 of every file by its name.
        size: bytes on the disk.
        bits_per_weight: of its tensors' bytes.
        bits_per_byte: loss on the scored text, per byte of it: comparable between vocabularies.
        prefill, decode: tokens per second, in windows and one by one; None where not measured.
        memory: bytes that loading and running it added to the process.
        nll_by_position: mean negative log-likelihood per bin of `Measurement.position_bins`.
        nll_by_script: the same per script; scripts without tokens are left out.
        failure: why it was given up, "" if it was not. The other figures then end before the failure, or are None.
    """

    name: str
    path: str
    files: dict[str, str]
    architecture: str
    quantization: str
    size: int
    n_params: int
    bits_per_weight: float
    n_vocab: int
    ppl: Perplexity | None
    bits_per_byte: float | None
    prefill: float | None
    decode: float | None
    memory: int | None
    nll_by_position: list[float]
    nll_by_script: dict[str, float]
    failure: str = ""


@dataclass(frozen=True, slots=True)
class CandidateFigures:
    """A candidate: its own figures, and those against the reference.

    Attributes:
        loss: None when only bits per byte are compared, or when it failed in the first window.
        kl_counts: tokens per bin of `Measurement.kl_edges`; the first and last bin take what lies outside.
        kl_by_position, kl_by_script: mean KL divergence, as in `ModelFigures`.
    """

    model: ModelFigures
    loss: Loss | None
    kl_counts: list[int]
    kl_by_position: list[float]
    kl_by_script: dict[str, float]


@dataclass(frozen=True, slots=True)
class TextFigures:
    """The text. `n_windows` of `n_windows_planned` were measured; `n_scored` tokens, of `scored_bytes`, were scored."""

    name: str
    sha256: str
    n_bytes: int
    n_tokens: int
    n_ctx: int
    stride: int
    n_windows: int
    n_windows_planned: int
    n_scored: int
    scored_bytes: int
    scripts: dict[str, int]


@dataclass(frozen=True, slots=True)
class Measurement:
    """Everything that a report says.

    Attributes:
        text: None when only questions were asked.
        only_bytes: the models have different vocabularies: bits per byte alone are compared.
        position_bins: the first position in the window of every bin, and the end of the last.
        kl_edges: borders of the bins of `CandidateFigures.kl_counts`, ascending, in nats.
        extra: further sections by name (tasks, layers, suggestion, tokens), as JSON values.
        peak_memory: of the process, bytes.
    """

    reference: ModelFigures
    candidates: list[CandidateFigures]
    text: TextFigures | None
    only_bytes: bool
    position_bins: list[int]
    kl_edges: list[float]
    command: list[str]
    started: str
    seconds: float
    peak_memory: int | None
    versions: dict[str, str]
    machine: dict[str, Any]
    extra: dict[str, Any] = field(default_factory=dict)
    version: int = VERSION

    @property
    def complete(self) -> bool:
        """Whether every planned window was measured, every question asked, every tensor tried, and nothing failed."""
        models = [self.reference, *(candidate.model for candidate in self.candidates)]
        read = self.text is None or self.text.n_windows == self.text.n_windows_planned
        asked = self.extra.get("tasks", {}).get("complete", True)
        asked = asked and all(layers["complete"] for layers in self.extra.get("layers", []))
        return read and asked and not any(model.failure for model in models)

    def to_json(self) -> str:
        """The content of report.json."""
        return json.dumps(_finite(asdict(self)), ensure_ascii=False, indent=1, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Measurement:
        """The measurement that `to_json` wrote.

        Raises DocumentError for what is not JSON or of another version, KeyError, TypeError or ValueError for anything
        else.
        """
        data = parse_json(text)
        if data["version"] != VERSION:
            raise DocumentError(f"is of version {short_repr(data['version'])}, and {VERSION} is read")
        data["reference"] = _model(data["reference"])
        data["candidates"] = [
            CandidateFigures(**{**c, "model": _model(c["model"]), "loss": Loss(**c["loss"]) if c["loss"] else None})
            for c in data["candidates"]
        ]
        data["text"] = TextFigures(**data["text"]) if data["text"] else None
        return cls(**data)


def read_measurement(path: Path) -> Measurement:
    """The measurement in a report.json, or in the folder of a report.

    Raises KnownError: "file_missing", "not_a_report".
    """
    file = path / "report.json" if path.is_dir() else path
    try:
        return Measurement.from_json(read_text(file))
    except DocumentError as error:
        said = error.message
    except (AttributeError, KeyError, TypeError, ValueError):
        said = "is JSON of another kind"
    message = f"{file} is not a report of this version of “belle measure”: it {said}."
    raise KnownError("not_a_report", message, "Give the report.json that “belle measure” wrote.", path=str(file))


def _model(data: dict[str, Any]) -> ModelFigures:
    return ModelFigures(**{**data, "ppl": Perplexity(**data["ppl"]) if data["ppl"] else None})


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinity: they become null."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {key: _finite(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_finite(inner) for inner in value]
    return value
