"""Options of `belle convert` that mean nothing for a Whisper. Each is refused: it would silently have no effect."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from belle.errors import KnownError
from convert.plan.options import ConvertOptions

_NO_METADATA = "Whisper's files have no place for it."
_ONE_TYPE = "whisper.cpp expects the same type for every matrix: give it with --type."
_NOT_QUANTIZED = "It is for checkpoints that are quantized already."

# Field of ConvertOptions: the option, and why it makes no sense.
_REFUSED = {
    "imatrix": ("--imatrix", "An importance matrix belongs to a language model in llama.cpp."),
    "template": ("--template", "A Whisper has no chat template: it writes down what it hears."),
    "gptq": ("--gptq", _NOT_QUANTIZED),
    "requantized": ("--gptq-requantize", _NOT_QUANTIZED),
    "name": ("--name", _NO_METADATA),
    "license_id": ("--license", _NO_METADATA),
    "repository": ("--repository", _NO_METADATA),
}


def check_options(options: ConvertOptions, out: Path) -> None:
    """Raise KnownError("usage") for the first option that means nothing for a Whisper, or a name that misleads."""
    for field in fields(options):
        if field.name in _REFUSED and getattr(options, field.name) is not None:
            option, why = _REFUSED[field.name]
            raise _refused(option, why)
    requests = options.requests
    given = {
        "--tensor-type": requests.tensors,
        "--output-tensor-type": requests.output,
        "--token-embedding-type": requests.embeddings,
    }
    for option, value in given.items():
        if value:
            raise _refused(option, _ONE_TYPE)
    if out.suffix == ".gguf":
        raise KnownError(
            "usage",
            f"{out.name} would not be a GGUF: a Whisper becomes a file of whisper.cpp, which has a format of its own.",
            f"Name it {out.with_suffix('.bin').name}.",
        )


def _refused(option: str, why: str) -> KnownError:
    return KnownError("usage", f"{option} means nothing for a Whisper. {why}", "Leave it out.", option=option)
