"""The reports in assets/results: what every type and method of quantization costs a model, on text in both languages.

    python -m tests.bench.results NAME REFERENCE.gguf FOLDER --calib FILE … --text FILE …
    python -m tests.bench.results plot                     # assets/results/quantization.svg, for the README

`FOLDER` holds the quantized files, which are made there once; the reports are written to assets/results/NAME-TEXT.
See assets/results/README.md for the commands that made those in the repository.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[2] / "assets/results"
TYPES = ("q4_0", "q4_k_m", "q5_0", "q5_k_m", "q6_k", "q8_0")
METHODS = ("rtn", "imatrix", "gptq")
_NEAR = 45  # pixels
_BELLE = [sys.executable, "-m", "belle"]


def make(reference: Path, folder: Path, calibration: list[Path], types: Sequence[str]) -> list[Path]:
    """Every one of `types` × method of `reference`; what is there already stays."""
    folder.mkdir(parents=True, exist_ok=True)
    calib = [word for path in calibration for word in ("--calib", str(path))]
    if all(path.suffix == ".jsonl" for path in calibration):
        calib += ["--calib-format", "chat"]
    made = []
    for kind in types:
        for method in METHODS:
            target = folder / f"{kind}-{method}.gguf"
            made.append(target)
            if not target.exists():
                command = ["quantize", str(reference), "--type", kind, "--method", method, "-o", str(target)]
                subprocess.run([*_BELLE, *command, *([] if method == "rtn" else calib)], check=True)
    return made


def measure(name: str, reference: Path, candidates: list[Path], text: Path, chunks: int) -> None:
    """Write one report. Paths in it are relative to the folder of the candidates."""
    folder = candidates[0].parent
    names = [os.path.relpath(path, folder) for path in (reference, *candidates)]
    target = RESULTS / f"{name}-{text.stem.replace('.', '-')}"
    command = ["measure", *names, "--text", os.path.relpath(text, folder), "--chunks", str(chunks)]
    subprocess.run([*_BELLE, *command, "-o", os.path.relpath(target, folder)], cwd=folder, check=True)
    (target / "tokens.records").unlink()


def plot() -> None:
    """Mean KL divergence against size, one panel for each report and one line for each method."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    reports = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(RESULTS.glob("*/report.json"))]
    n_rows = -(-len(reports) // 2)
    figure, panels = plt.subplots(n_rows, 2, figsize=(9.6, 3.6 * n_rows), squeeze=False)
    for axes in panels.flat[len(reports) :]:
        axes.remove()
    for axes, report in zip(panels.flat, reports, strict=False):
        axes.set_yscale("log")
        for method, style in zip(METHODS, ("o:", "s--", "D-"), strict=True):
            points = sorted((size, kl, kind) for kind, how, size, kl in _points(report) if how == method)
            axes.plot([p[0] for p in points], [p[1] for p in points], style, label=method, markersize=5, linewidth=1.2)
        axes.margins(0.14)
        axes.set_title(f"{report['reference']['name'].removesuffix('.gguf')}, {report['text']['name']}", fontsize=10)
        axes.set_xlabel("size (MB)")
        axes.grid(visible=True, linewidth=0.4)
    for axes in panels[:, 0]:
        axes.set_ylabel("mean KL divergence (nats per token)")
    panels[0][0].legend(frameon=False)
    figure.tight_layout()
    for axes, report in zip(panels.flat, reports, strict=False):
        _name(axes, sorted((size, kl, kind) for kind, how, size, kl in _points(report) if how == "gptq"))
    figure.savefig(RESULTS / "quantization.svg", metadata={"Date": None})


def _name(axes: Any, points: Sequence[tuple[float, float, str]]) -> None:
    """Write the types below their points, where no line is; one line lower where the point before is near."""
    before, lower = -math.inf, False
    for size, kl, kind in points:
        x = axes.transData.transform((size, kl))[0]
        lower = x - before < _NEAR and not lower
        place = (-4, -19 if lower else -10)
        axes.annotate(kind, (size, kl), xytext=place, textcoords="offset points", ha="right", fontsize=8)
        before = x


def _points(report: Any) -> list[tuple[str, str, float, float]]:
    """Type, method, size in MB and mean KL of every candidate."""
    found = []
    for candidate in report["candidates"]:
        kind, method = candidate["model"]["name"].removesuffix(".gguf").rsplit("-", 1)
        found.append((kind, method, candidate["model"]["size"] / 1e6, candidate["loss"]["kl"]))
    return found


def main() -> int:
    """Make the files, measure them, or draw the plot."""
    if sys.argv[1:] == ["plot"]:
        plot()
        return 0
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("reference", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--calib", type=Path, nargs="+", required=True)
    parser.add_argument("--text", type=Path, nargs="+", required=True)
    parser.add_argument("--types", nargs="+", default=TYPES)
    parser.add_argument("--chunks", type=int, default=0)
    arguments = parser.parse_args()
    candidates = make(arguments.reference, arguments.folder, arguments.calib, arguments.types)
    for text in arguments.text:
        measure(arguments.name, arguments.reference, candidates, text, arguments.chunks)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
