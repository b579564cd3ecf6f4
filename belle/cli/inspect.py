"""`belle inspect`: describes a model file."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from belle.cli.arguments import path_or_name
from belle.texts import json_text, visible
from belle.units import size, weights

if TYPE_CHECKING:
    from convert.inspection import Description

_EPILOG = """\
examples:
  belle inspect belle-7b-q4_k_m.gguf
  belle inspect ./BELLE-7B-gptq          a checkpoint; says too what would keep it from being converted
  belle inspect ggml-base.bin            a Whisper file of whisper.cpp
  belle inspect ./adapter                a LoRA adapter
  belle inspect starter --tensors        a model by its name
"""
_TEMPLATE_LINES = 6
_WIDEST_LINE = 100
_VERDICTS = {"fits": "fits", "tight": "only just", "too_big": "too much for this computer now"}
_LABEL = 16


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument(
        "model",
        type=path_or_name,
        metavar="MODEL",
        help="a GGUF or Whisper file, a checkpoint, a LoRA adapter, or a model's name",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--tensors", action="store_true", help="list every tensor")


def run(arguments: argparse.Namespace) -> int:
    """Describe the model. Returns the exit status; raises KnownError."""
    from belle.models.catalog import find_model
    from convert.inspection import describe

    path = Path(arguments.model).expanduser()
    description = describe(path if path.exists() else find_model(arguments.model).path)
    if arguments.json:
        plain = asdict(description) | {"bits_per_weight": round(description.bits_per_weight, 4)}
        if not arguments.tensors:
            del plain["tensors"]
        print(json_text(plain))
    else:
        for line in [*_lines(description), *(_tensor_lines(description) if arguments.tensors else ())]:
            print(visible(line).replace("\n", "\\n"))  # a value from the file must not look like a line of this output
    return 0


def _lines(description: Description) -> Iterator[str]:
    yield f"{description.path}"
    files = f" in {description.n_files} files" if description.n_files > 1 else ""
    yield _row("what", f"{description.kind}{f', {description.title}' if description.title else ''}")
    kind = ", ".join(part for part in (description.architecture, description.quantization) if part)
    if kind:
        yield _row("architecture", kind)
    yield _row("weights", f"{weights(description.n_weights)} in {len(description.tensors)} tensors")
    yield _row("size", f"{size(description.n_bytes)}{files}, {description.bits_per_weight:.2f} bits per weight")
    if description.sizes:
        yield _row("shape", ", ".join(f"{name} {value:,}" for name, value in description.sizes.items()))
    if description.context_length:
        yield _row("context", f"{description.context_length:,} tokens")
    for number, share in enumerate(description.types):
        shared = (
            f"{share.type:<8} {share.n_tensors:>5} tensors {weights(share.n_weights):>12} {size(share.n_bytes):>11}"
        )
        yield _row("types" if not number else "", shared)
    yield from _tokenizer_lines(description)
    yield from _template_lines(description)
    for name, value in description.facts.items():
        yield _row(name, ", ".join(map(str, value)) if isinstance(value, list) else str(value))
    for label, text in (("licence", description.license), ("from", description.source), ("base", description.base)):
        if text:
            yield _row(label, text)
    for number, (name, scale) in enumerate(description.adapters):
        yield _row("adapters" if not number else "", f"{name} × {scale:g}")
    for number, (name, digest) in enumerate(description.sha256.items()):
        yield _row("made from" if not number else "", f"{name}  sha256 {digest}")
    for number, need in enumerate(description.memory):
        parts = f"{size(need.weights)} weights, {size(need.kv)} cache, {size(need.compute)} to work in"
        words = f"{need.n_ctx:>7,} tokens: {size(need.total):>9} ({parts}), {_VERDICTS.get(need.verdict, '')}"
        yield _row("memory" if not number else "", words)
    for number, note in enumerate(description.notes):
        yield _row("note" if not number else "", note)


def _tokenizer_lines(description: Description) -> Iterator[str]:
    facts = description.tokenizer
    if facts is None:
        return
    names = {"llama": "SentencePiece", "gpt2": "byte-level BPE"}
    pre = f", pre-tokenizer {facts.pre}" if facts.pre else ""
    bos = {True: ", adds bos", False: ", adds no bos", None: ""}[facts.adds_bos]
    yield _row("tokenizer", f"{names.get(facts.model, facts.model)}{pre}, {facts.n_tokens:,} tokens{bos}")
    special = ", ".join(f"{kind} {number} {text}" for kind, (number, text) in facts.special.items())
    if special:
        yield _row("", special)


def _template_lines(description: Description) -> Iterator[str]:
    template = description.template
    if template is None:
        if description.kind in ("GGUF", "checkpoint"):
            yield _row("chat template", "none")
        return
    if template.problem:
        yield _row("chat template", f"does not work: {template.problem}")
    else:
        yield _row("chat template", f"{template.recognised} (built in)" if template.recognised else "its own")
    if not template.recognised:
        lines = template.source.splitlines()
        for line in lines[:_TEMPLATE_LINES]:
            yield _row("", line[:_WIDEST_LINE] + ("…" if len(line) > _WIDEST_LINE else ""))
        if len(lines) > _TEMPLATE_LINES:
            yield _row("", f"… {len(lines) - _TEMPLATE_LINES} more lines")


def _tensor_lines(description: Description) -> Iterator[str]:
    width = max((len(tensor.name) for tensor in description.tensors), default=0)
    for tensor in description.tensors:
        shape = " × ".join(map(str, tensor.shape))
        yield f"{tensor.name:<{width}}  {shape:>16}  {tensor.type:<8} {size(tensor.n_bytes):>11}"


def _row(label: str, text: str) -> str:
    return f"{label:<{_LABEL}}{text}"
