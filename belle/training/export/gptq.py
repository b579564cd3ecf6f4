"""GPTQ quantization of a checkpoint, by GPTQModel, the successor of auto-gptq and of BELLE's own GPTQ-for-LLaMa copy.

The files are those that auto-gptq wrote (format `gptq`, version 1), and `belle convert --gptq exact` moves their codes
into a GGUF file unchanged. What GPTQ minimizes is the error on calibration text, so that text has to look like what the
model will read: conversations are rendered with the model's own prompt template, as they were in its training.

GPTQModel works in a process of its own: it patches transformers when it is imported, logs a great deal, and leaves
files in the current folder.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import belle
from belle.documents import read_json_object
from belle.errors import KnownError
from belle.texts import read_text
from belle.training.export.final import write_tokenizer
from belle.training.model.adapters import is_adapter

Say = Callable[[str], None]

_SHORTEST = 16
"""Calibration samples of fewer tokens say little, and GPTQModel leaves them out."""

_LAST_LINES = 15


@dataclass(frozen=True)
class GptqOptions:
    """How to quantize.

    Args:
        bits: of a weight, 4 or 8.
        group_size: weights that share a scale; -1 for a whole row.
        act_order: quantize the columns with the largest activations first (`desc_act`): a little better, but only some
            layers can then be moved exactly into a GGUF file.
        symmetric: no zero points; the exact GGUF type is then Q4_0 instead of Q5_0.
        samples, length: calibration samples, and the most tokens of each.
        template: prompt template for conversations; None takes the one that the checkpoint names.
    """

    bits: int = 4
    group_size: int = 128
    act_order: bool = False
    symmetric: bool = True
    samples: int = 128
    length: int = 512
    template: str | None = None


@dataclass(frozen=True)
class Quantized:
    """The result: layers quantized, calibration samples used, and GPTQ's mean loss over the layers, if logged."""

    folder: Path
    layers: int
    samples: int
    mean_loss: float | None


def quantize(checkpoint: Path, out: Path, calibration: Path, options: GptqOptions, *, say: Say = print) -> Quantized:
    """Quantize the checkpoint in the folder `checkpoint` to the folder `out`, whole or not at all.

    Args:
        calibration: a file of conversations or of text (see `belle data`), or plain text (.txt).
        say: gets a sentence for each decision.

    Raises KnownError: `not_installed`, `is_adapter`, `already_quantized`, `bad_group_size`, `output_not_empty`,
    `no_calibration`, `template_needed`, those of `read_rows`, and `gptq_failed` with GPTQModel's last lines.
    """
    _check_request(checkpoint, out, options)
    from belle.training.tokenizer.tokenizer import load_tokenizer

    tokenizer = load_tokenizer(checkpoint, notice=say)
    samples = list(islice(_samples(checkpoint, calibration, tokenizer, options), options.samples))
    if not samples:
        raise KnownError(
            "no_calibration",
            f"{calibration} has no text of {_SHORTEST} tokens or more.",
            "Give some hundred conversations, or text like what the model will read.",
            path=str(calibration),
        )
    say(f"calibration: {len(samples)} samples, {sum(map(len, samples))} tokens")
    part = out.with_name(out.name + ".tmp")
    shutil.rmtree(part, ignore_errors=True)
    try:
        _run_gptqmodel(checkpoint, part, samples, options, tokenizer.pad_token_id)
        write_tokenizer(tokenizer, part, template=None)
        layers, loss = _summary_of(part)
        part.rename(out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return Quantized(out, layers, len(samples), loss)


def _check_request(checkpoint: Path, out: Path, options: GptqOptions) -> None:
    """Raises KnownError for what can be known before anything is computed."""
    if is_adapter(checkpoint):
        message = f"{checkpoint} is a LoRA adapter, not a model."
        advice = f"Merge it first: belle merge {checkpoint} -o DIR"
        raise KnownError("is_adapter", message, advice, path=str(checkpoint))
    config = _config(checkpoint)
    if "quantization_config" in config:
        message = f"{checkpoint} is quantized already."
        raise KnownError("already_quantized", message, "Give the 16-bit model.", path=str(checkpoint))
    for key in ("hidden_size", "intermediate_size"):
        width = config.get(key)
        if options.group_size > 0 and isinstance(width, int) and width % options.group_size:
            raise KnownError(
                "bad_group_size",
                f"The model's {key} is {width}, which groups of {options.group_size} do not divide.",
                "Take --group-size 64, 32, or -1 for a whole row.",
                width=width,
            )
    if out.exists():
        raise KnownError("output_not_empty", f"{out} already exists.", "Choose another folder.", path=str(out))
    if importlib.util.find_spec("gptqmodel") is None:
        raise KnownError(
            "not_installed",
            "GPTQ needs the package GPTQModel.",
            "Install it with: pip install 'chatbelle[gptq]' -c constraints.txt",
        )


def _samples(checkpoint: Path, calibration: Path, tokenizer: Any, options: GptqOptions) -> Iterator[list[int]]:
    """Token ids of the calibration samples, at most `length` each."""
    from belle.data.read import read_rows
    from belle.data.rows import Conversation, PretrainText
    from belle.prompts.encoding import encode_conversation, encode_text
    from belle.training.tokenizer.templates import template_to_answer_in
    from belle.training.tokenizer.tokenizer import HubVocabulary

    vocabulary = HubVocabulary(tokenizer)
    if calibration.suffix == ".txt":
        yield from _windows(vocabulary.encode(read_text(calibration), parse_special=False), options.length)
        return
    template = None
    for row in read_rows(calibration):
        if isinstance(row, Conversation):
            template = template or template_to_answer_in(options.template, tokenizer, str(checkpoint))
            sample = encode_conversation(vocabulary, template, row.messages, max_length=options.length)
            if sample is not None and len(sample.ids) >= _SHORTEST:
                yield sample.ids
        elif isinstance(row, PretrainText):
            yield from _windows(encode_text(vocabulary, row.text).ids, options.length)
        else:
            raise KnownError(
                "no_calibration",
                f"{calibration} holds preference pairs.",
                "Give conversations or text.",
                path=str(calibration),
            )


def _windows(ids: list[int], length: int) -> Iterator[list[int]]:
    parts = (ids[start : start + length] for start in range(0, len(ids), length))
    return (part for part in parts if len(part) >= _SHORTEST)


def _run_gptqmodel(checkpoint: Path, out: Path, samples: list[list[int]], options: GptqOptions, pad: int) -> None:
    with tempfile.TemporaryDirectory(prefix="belle-gptq-") as name:
        folder = Path(name)
        job = {
            "checkpoint": str(checkpoint.absolute()),
            "out": str(out.absolute()),
            "samples": samples,
            "pad": pad,
            "quantize": {
                "bits": options.bits,
                "group_size": options.group_size,
                "desc_act": options.act_order,
                "sym": options.symmetric,
            },
        }
        (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
        root = str(Path(belle.__file__).resolve().parent.parent)
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])}
        # With GPTQModel's own number of workers it deadlocks on few cores.
        environment.setdefault("GPTQMODEL_CPU_WORKERS", str(min(os.cpu_count() or 1, 8)))
        log = folder / "log"
        with log.open("wb") as stream:
            result = subprocess.run(
                [sys.executable, "-m", "belle.training.export.gptq_process", str(folder / "job.json")],
                cwd=folder,
                env=environment,
                stdout=stream,
                stderr=stream,
                check=False,
            )
        if result.returncode:
            lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-_LAST_LINES:]
            raise KnownError(
                "gptq_failed",
                f"GPTQModel ended with status {result.returncode}:\n" + "\n".join(lines),
                "With too little memory, take fewer --samples or a shorter --length.",
                returncode=result.returncode,
            )


def _summary_of(folder: Path) -> tuple[int, float | None]:
    """The number of quantized layers in the files, and the mean loss that GPTQModel logged. Raises KnownError."""
    from safetensors import safe_open

    layers = 0
    for path in folder.glob("*.safetensors"):
        with safe_open(path, framework="np") as file:
            layers += sum(name.endswith(".qweight") for name in file.keys())  # noqa: SIM118 - not a mapping
    if not layers:
        raise KnownError("gptq_failed", f"GPTQModel wrote no quantized layer to {folder}.", path=str(folder))
    return layers, _mean_loss(folder / "quant_log.csv")


def _mean_loss(path: Path) -> float | None:
    import csv

    if not path.is_file():
        return None
    with path.open(encoding="utf-8", newline="") as file:
        cells = [row.get("loss", "") for row in csv.DictReader(file)]
    losses = [float(loss) for loss in cells if _is_number(loss)]
    return sum(losses) / len(losses) if losses else None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _config(checkpoint: Path) -> dict[str, Any]:
    path = checkpoint / "config.json"
    return read_json_object(path, kind="file_missing", advice="Give the folder of a checkpoint.")
