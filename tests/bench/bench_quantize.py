"""What GPTQ rounding inside GGUF types saves: mean KL divergence against llama.cpp's own rounding, same bytes.

The starter model's published weights, expanded to float32, are the reference in Q4_0. K types need widths that are
multiples of 256: they are measured on the project's own chat model where it has been trained (`build/chat`). Text is
the project's own prose, three quarters of its paragraphs for calibration and the others to measure with. For larger
texts: BENCH_CALIBRATION and BENCH_TEXT in the environment, each a UTF-8 file.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from belle.evaluation.text.perplexity_run import PerplexityRun
from belle.evaluation.windows import EvaluationText, Protocol
from belle.models import catalog
from tests.bench.measure import Measure, at_most

ROOT = Path(__file__).parents[2]
CHAT = ROOT / "build/chat/chat-f16.gguf"
WINDOWS = 12


def run() -> list[Measure]:
    """Two rows, and two more where the chat model is there."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        calibration, held_out = _texts(folder)
        starter = folder / "starter-f32.gguf"
        expand = ("--type", "f32", "--method", "rtn", "--allow-requantize")
        _quantize(catalog.resolve(catalog.STARTER).path, starter, *expand)
        rtn, imatrix, gptq = _losses(starter, "q4_0", calibration, held_out, ("rtn", "imatrix", "gptq"))
        rows = [
            at_most("starter, Q4_0: mean KL of gptq ÷ llama.cpp's", gptq / rtn, 0.40),
            at_most("starter, Q4_0: mean KL of gptq ÷ llama.cpp's with imatrix", gptq / imatrix, 0.70),
        ]
        for type_name in ("q4_k_m", "q5_k_m") if CHAT.exists() else ():
            imatrix, gptq = _losses(CHAT, type_name, calibration, held_out, ("imatrix", "gptq"))
            what = f"chat model, {type_name.upper()}: mean KL of gptq ÷ llama.cpp's with imatrix"
            rows.append(at_most(what, gptq / imatrix, 0.85))
        return rows


def _texts(folder: Path) -> tuple[Path, str]:
    """A file to calibrate with, and a text to measure with."""
    given = [os.environ.get(name) for name in ("BENCH_CALIBRATION", "BENCH_TEXT")]
    parts = [(ROOT / f"assets/text/{name}.txt").read_text(encoding="utf-8").split("\n\n") for name in ("en", "zh")]
    both = [paragraph for part in parts for paragraph in part]
    calibration = folder / "calibration.txt"
    calibration.write_text("\n\n".join(p for i, p in enumerate(both) if i % 4), encoding="utf-8")
    held_out = "\n\n".join(both[::4])
    return (
        Path(given[0]) if given[0] else calibration,
        Path(given[1]).read_text(encoding="utf-8") if given[1] else held_out,
    )


def _losses(reference: Path, type_name: str, calibration: Path, held_out: str, methods: Sequence[str]) -> list[float]:
    """Mean KL divergence from `reference`, in nats per token, of what every method made of it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        candidates = [folder / f"{method}.gguf" for method in methods]
        for method, path in zip(methods, candidates, strict=True):
            _quantize(reference, path, "--type", type_name, "--method", method, "--calib", str(calibration))
        protocol = Protocol(chunks=WINDOWS)
        with PerplexityRun(
            reference, candidates, EvaluationText("held-out", held_out), protocol, folder / "records"
        ) as session:
            session.run()
            figures = session.figures()[1]
        return [candidate.loss.kl for candidate in figures if candidate.loss is not None]


def _quantize(model: Path, out: Path, *options: str) -> None:
    command = [sys.executable, "-m", "belle", "quantize", str(model), "-o", str(out), *options]
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
