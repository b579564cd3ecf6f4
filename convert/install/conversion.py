"""How a downloaded checkpoint is converted: GPTQ codes are moved, floats quantized to 4 bits; a Whisper has its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from gguf.constants import GGMLQuantizationType as GGMLType

from belle.clients.progress import InstallStoppedError, Listener, Step
from belle.errors import KnownError
from belle.gguf.types import file_type, row_bytes
from belle.models.catalog import ModelEntry
from belle.models.facts import SpeechDetails
from convert.plan.mixture import TypeRequests
from convert.plan.options import ConvertOptions
from convert.tokenizers.templates import CHAT_TEMPLATES
from convert.whisper.types import whisper_type

if TYPE_CHECKING:
    from convert.output.progress import Progress

Codes = Literal["exact", "fast"]

DEFAULT_TYPE = "q4_k_m"

_NO_LICENSE = "unknown"
# Published bits per weight, with GPTQ's scales and zero points (group size 128, 32-bit scales).
_SOURCE_BITS = {4: 4.28, 8: 8.31, 16: 16.0, 32: 32.0}
_MIXTURE_BITS = {"q2": 3.5, "q3": 4.4, "q4": 5.1, "q5": 6.1, "q6": 6.6, "q8": 8.5, "iq": 4.9, "f3": 32.0}
_FLOAT16_BITS = 16.0
# What a Whisper has in more than its type (positions, convolutions, vectors, vocabulary): a tenth of a small one.
_WHISPER_MORE = 1.1
_ROW = 256  # a multiple of every block


@dataclass(frozen=True)
class CatalogConversion:
    """How one model is converted.

    Attributes:
        suffix: of the file's name, so that conversions of different types do not overwrite each other.
        options: for the converter.
        n_bytes: approximate size of the result; None if the model's size is not known.
        growth: upper bound of result bytes per checkpoint byte.
        extension: of the file's name.
    """

    suffix: str
    options: ConvertOptions
    n_bytes: int | None
    growth: float
    extension: str = ".gguf"

    def result_bytes(self, checkpoint_bytes: int) -> int:
        """An upper bound of the size of the file made from a checkpoint of that many bytes."""
        at_most = round(checkpoint_bytes * self.growth)
        return min(self.n_bytes, at_most) if self.n_bytes else at_most


def conversion_of(
    entry: ModelEntry, *, codes: Codes = "exact", type_name: str | None = None, threads: int = 0
) -> CatalogConversion:
    """How `entry` is converted.

    Args:
        entry: a model of the catalogue.
        codes: of a GPTQ checkpoint: `exact` moves them; `fast` moves 4-bit codes into the type that computes fastest.
        type_name: a file type to quantize to, GPTQ codes as well; None moves codes, and quantizes floats to Q4_K_M, a
            speech model to the type in the catalogue.
        threads: that compute; 0 for one per processor.

    Raises KnownError("unknown_type", "usage").
    """
    template = entry.template if entry.template in CHAT_TEMPLATES else "none"
    known = {
        "template": template,
        "threads": threads,
        "name": entry.title,
        "license_id": None if entry.license == _NO_LICENSE else entry.license,
        "repository": entry.repo,
    }
    source_bits = _SOURCE_BITS[entry.bits]
    if type_name is None and entry.is_gptq:
        # `belle convert` writes the checkpoint's floats as f16. Here a model that fits into memory is wanted, so
        # embeddings and output get 8 bits: for BLOOM with a quarter of a million tokens that saves a gigabyte, and
        # Q8_0's error is a few thousandths of a weight, a small part of what 4 bits cost the layers between.
        floats = TypeRequests(embeddings=GGMLType.Q8_0, output=GGMLType.Q8_0)
        options = ConvertOptions(gptq=codes, requests=floats, **known)  # type: ignore[arg-type]
        return CatalogConversion(codes, options, entry.installed_bytes, 1.3)
    if codes == "fast":
        raise KnownError("usage", f"{entry.title} has no GPTQ codes to move.", "Leave out --gptq fast.")
    if entry.speech is not None:
        return _speech_conversion(entry.speech, type_name or entry.speech.type, threads)
    kind = file_type(type_name or DEFAULT_TYPE).name.lower()
    bits = _MIXTURE_BITS.get(kind[:2], _FLOAT16_BITS)
    n_bytes = round(entry.shape.parameters * bits / 8) if entry.shape else None
    return CatalogConversion(kind, ConvertOptions(types=(kind,), **known), n_bytes, bits / source_bits)  # type: ignore[arg-type]


def _speech_conversion(speech: SpeechDetails, type_name: str, threads: int) -> CatalogConversion:
    """Without metadata: whisper.cpp's files have no place for it."""
    kind = whisper_type(type_name)
    bits = row_bytes(kind.base, _ROW) * 8 / _ROW * _WHISPER_MORE
    name = kind.name.lower()
    n_bytes = speech.bytes if name == speech.type else round(speech.parameters * bits / 8)
    # The checkpoint may have 16 bits or 32.
    return CatalogConversion(
        name, ConvertOptions(types=(name,), threads=threads), n_bytes, bits / _FLOAT16_BITS, extension=".bin"
    )


def reporting(name: str, listener: Listener | None, stop: threading.Event) -> Callable[[Progress], None]:
    """The callback of a conversion to the file `name`; it raises InstallStoppedError once `stop` is set."""

    def report(reading: Progress) -> None:
        if stop.is_set():
            raise InstallStoppedError
        if listener:
            listener(Step(reading.stage, name, reading.done_bytes, reading.total_bytes, reading.bytes_per_second))

    return report
