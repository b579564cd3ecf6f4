"""`belle measure`: what a quantization cost, measured on text, with a report that can be repeated."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from belle.cli.figures import duration
from belle.cli.terminal import Terminal
from belle.cli.texts import read_text
from belle.errors import KnownError

_EPILOG = """\
examples:
  belle measure belle-7b-f16.gguf belle-7b-q4_k_m.gguf belle-7b-q5_k_m.gguf --text zh.txt -o report
  belle measure ./BELLE-7B belle-7b-q8_0.gguf --text zh.txt -o report      a checkpoint as reference (extra “train”)
  belle measure llama.gguf bloom.gguf --text zh.txt -o report --bits-per-byte
  belle measure diff report-before report-after

The numbers are those of llama.cpp's llama-perplexity with --kl-divergence: windows of 512 tokens, of which the second
half counts. The report is written as report.html, report.md, report.csv and report.json. After Ctrl-C there is a
report of what was measured so far, and --resume goes on.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.usage = (
        "belle measure REF CAND [CAND …] --text FILE -o DIR [options]\n       belle measure diff REPORT REPORT"
    )
    parser.add_argument("reference", metavar="REF", help="the model to compare with: a GGUF, or a checkpoint's folder")
    parser.add_argument("candidates", type=Path, nargs="+", metavar="CAND", help="GGUF files made from it")
    parser.add_argument("--text", type=Path, metavar="FILE", help="UTF-8 text to read")
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="folder of the report")
    parser.add_argument("--chunks", type=int, default=0, metavar="N", help="windows to read (default: all)")
    parser.add_argument("--ctx", type=int, default=512, metavar="N", help="tokens of a window (default: 512)")
    parser.add_argument(
        "--stride",
        type=int,
        default=0,
        metavar="N",
        help="begin a window every N tokens and count its last N (default: windows follow each other, half counts)",
    )
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="threads (default: physical cores)")
    parser.add_argument("--resume", action="store_true", help="go on with what an earlier run left in DIR")
    parser.add_argument(
        "--bits-per-byte",
        action="store_true",
        help="models with different vocabularies: compare bits per byte and nothing else",
    )


def run(arguments: argparse.Namespace) -> int:
    """Measure and write the report, or compare two. Returns the exit status; raises KnownError."""
    if arguments.reference == "diff" and not Path("diff").exists():
        return _diff(arguments.candidates)
    if arguments.text is None or arguments.output is None:
        raise KnownError("bad_option", "A text and a folder for the report are needed.", "Give --text FILE and -o DIR.")
    return _measure(arguments)


def _measure(arguments: argparse.Namespace) -> int:
    from belle.evaluation.measurement import Measurement
    from belle.evaluation.measuring import Request, measure
    from belle.evaluation.quantloss import Text
    from belle.evaluation.report import write_report
    from belle.evaluation.report.markdown import summary
    from belle.evaluation.windows import Protocol

    terminal = Terminal()

    def progress(done: int, total: int, seconds_left: float) -> None:
        terminal.progress(f"{done} of {total} windows  {duration(seconds_left)} left")

    def write(result: Measurement) -> None:
        terminal.clear()
        page = write_report(arguments.output, result)
        print(summary(result))
        print(f"\n{page}" + ("" if result.complete else "  (not complete)"))

    request = Request(
        reference=Path(arguments.reference),
        candidates=arguments.candidates,
        text=Text(arguments.text.name, read_text(arguments.text)),
        protocol=Protocol(n_ctx=arguments.ctx, stride=arguments.stride, chunks=arguments.chunks),
        folder=arguments.output,
        command=["belle", *map(shlex.quote, sys.argv[1:])],
        only_bytes=arguments.bits_per_byte,
        resume=arguments.resume,
        threads=arguments.threads,
    )
    try:
        measure(request, progress, write)
    finally:
        terminal.clear()
    return 0


def _diff(reports: list[Path]) -> int:
    from belle.evaluation.measurement import read_measurement
    from belle.evaluation.report.difference import difference

    if len(reports) != 2:
        raise KnownError("bad_option", "Two reports are compared.", "belle measure diff REPORT REPORT")
    before, after = map(read_measurement, reports)
    print(difference(before, after))
    return 0
