"""The file with the vision encoder of a model (“mmproj”): found beside it, and checked before llama.cpp loads it.

llama.cpp ends the process about files that it does not expect, so what can be seen in the header is looked at first.
"""

from __future__ import annotations

import re
from itertools import takewhile
from operator import eq
from pathlib import Path

from belle.errors import KnownError
from belle.gguf.reader import GgufHeader, is_gguf, read_header

_ARCHITECTURE = "clip"
_PROJECTORS = ("mm.", "resampler.", "model.mm", "adapter.")  # tensors between the encoder and the language model
_GET_IT = "Use the one that was published, or converted, with this model."


def choose_mmproj(wanted: str | None, model: GgufHeader) -> GgufHeader | None:
    """The header of the vision encoder to load with a model; None for none.

    Args:
        wanted: as `Load.mmproj`.

    Raises KnownError for one that was asked for and does not fit, or cannot be read.
    """
    if wanted:
        header = read_header(wanted)
        problem = _why_not(header, model)
        if problem:
            raise KnownError("wrong_mmproj", f"{header.path.name} {problem}.", _GET_IT, path=str(header.path))
        return header
    return None if wanted == "" else _beside(model)


def _beside(model: GgufHeader) -> GgufHeader | None:
    """The encoder in the model's folder that fits it; of several, the one whose name has the most words of the model's.

    None where even that leaves more than one: a wrong choice would be seen in nonsense only.
    """
    fitting = []
    for path in sorted(model.path.parent.glob("*mmproj*.gguf")):
        try:
            header = read_header(path) if is_gguf(path) else None
        except KnownError:
            continue  # it was not asked for
        if header is not None and not _why_not(header, model):
            fitting.append(header)
    name = _words(model.path)
    shared = [sum(takewhile(bool, map(eq, _words(header.path), name))) for header in fitting]
    best = [header for header, length in zip(fitting, shared, strict=True) if length == max(shared)]
    return best[0] if len(best) == 1 else None


def _why_not(header: GgufHeader, model: GgufHeader) -> str:
    """Why it is no vision encoder of this model; "" where it may be one."""
    if header.architecture != _ARCHITECTURE:
        return "is not a vision encoder but a language model"
    if not header.metadata.get("clip.has_vision_encoder"):
        return "has no vision encoder, only one for sound"
    widths = {size for tensor in header.tensors if tensor.name.startswith(_PROJECTORS) for size in tensor.shape}
    widths.add(_number(header, "clip.vision.projection_dim"))
    if model.n_embd not in widths:
        return f"belongs to another model: its pictures do not have the {model.n_embd:,} values of {model.path.name}"
    return ""


def _number(header: GgufHeader, key: str) -> int:
    value = header.metadata.get(key)
    return value if isinstance(value, int) else 0


def _words(path: Path) -> list[str]:
    """Those of a file's name, without the one that marks it as an encoder."""
    return [word for word in re.split("[-_. ]+", path.stem.lower()) if word not in ("", "mmproj")]
