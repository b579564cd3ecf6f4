"""How a context stores keys and values, and which kind of attention it computes: what was asked for, as far as the
model and the machine can do it.

llama.cpp refuses some combinations, and stops the process at others. So they are decided here, from the header alone,
which also lets the memory of a model be estimated before it is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from belle.engine.process.commands import FlashAttention, KvType
from belle.engine.process.events import Fallback
from belle.errors import KnownError
from belle.gguf.reader import GgufHeader

QUANTIZED_BLOCK = 32
"""Values of a block of q8_0 and q4_0, which share a scale."""

# A block of q8_0 has 32 codes of 8 bits, one of q4_0 of 4 bits, and both a scale of 2 bytes.
_ELEMENT_BYTES: dict[KvType, float] = {"f16": 2.0, "q8_0": 34 / QUANTIZED_BLOCK, "q4_0": 18 / QUANTIZED_BLOCK}
_HEAD_SIZES = ("key_length", "value_length", "key_length_swa", "value_length_swa")
_WITHOUT_FLASH = ("grok",)
"""Architectures for which llama.cpp switches flash attention off."""


@dataclass(frozen=True, slots=True)
class Attention:
    """What a context is made with. `flash` is "auto" only on a GPU, where llama.cpp knows what its kernels can do."""

    kv_type: KvType = "f16"
    flash: FlashAttention = "off"

    @property
    def element_bytes(self) -> float:
        """Bytes of one value in the KV cache, the scales of its block included."""
        return _ELEMENT_BYTES[self.kv_type]

    @property
    def is_quantized(self) -> bool:
        """Whether keys and values are rounded to blocks."""
        return self.kv_type != "f16"

    def __str__(self) -> str:
        return f"{self.kv_type} flash={self.flash}"


PLAIN = Attention()
"""What a processor computes with unless something else is asked for."""


def choose_attention(
    header: GgufHeader, kv_type: KvType, flash: FlashAttention, *, on_gpu: bool
) -> tuple[Attention, tuple[Fallback, ...]]:
    """The attention for a model, and what of the request could not be taken.

    On a processor flash attention is no faster, and its results depend on the number of threads, which changes at run
    time: the same seed would no longer give the same text. So "auto" uses it there for a quantized cache alone, which
    llama.cpp has no other attention for.

    Raises KnownError("bad_option") for values that do not exist.
    """
    _check(kv_type, get_args(KvType), "kv_type")
    _check(flash, get_args(FlashAttention), "flash_attention")
    fallbacks = []
    if header.architecture in _WITHOUT_FLASH:
        if flash == "on":
            fallbacks.append(Fallback("flash_attention", "on", "off", *_no_flash(header)))
        flash = "off"
    if kv_type != "f16" and (refused := _why_not_quantized(header, flash)):
        fallbacks.append(Fallback("kv_type", kv_type, "f16", *refused))
        kv_type = "f16"
    if flash == "auto" and not on_gpu:
        flash = "off" if kv_type == "f16" else "on"
    return Attention(kv_type, flash), tuple(fallbacks)


def _check(value: str, possible: tuple[str, ...], name: str) -> None:
    if value not in possible:
        raise KnownError("bad_option", f"{name} is {value!r}.", f"Choose one of {', '.join(possible)}.", name=name)


def _why_not_quantized(header: GgufHeader, flash: FlashAttention) -> tuple[str, str] | None:
    """Reason and message, where a quantized KV cache is impossible."""
    if not header.kv_elements_per_token:
        return "no_cache", "This model has no KV cache that could be stored with fewer bits."
    uneven = [size for size in _head_sizes(header) if size % QUANTIZED_BLOCK]
    if uneven:
        return (
            "head_size",
            f"Its attention heads have {uneven[0]} values, which are not whole blocks of {QUANTIZED_BLOCK}.",
        )
    if header.architecture in _WITHOUT_FLASH:
        return _no_flash(header)
    if flash == "off":
        return "flash_attention_off", "A quantized KV cache needs flash attention, which is off."
    return None


def _no_flash(header: GgufHeader) -> tuple[str, str]:
    return "no_flash_attention", f"llama.cpp has no flash attention for models of the kind {header.architecture}."


def _head_sizes(header: GgufHeader) -> list[int]:
    """Sizes of all keys and values that the file states, else the usual one."""
    stated = [header.metadata.get(f"{header.architecture}.attention.{name}") for name in _HEAD_SIZES]
    return [header.head_size, *(size for size in stated if isinstance(size, int))]
