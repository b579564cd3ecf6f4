"""`belle quantize`: quantizes a model with the least error of its layers' outputs."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from time import monotonic
from typing import TYPE_CHECKING, Any

from belle.cli.arguments import input_file, input_path, output_file
from belle.cli.convert.report import progress_line
from belle.cli.report_file import check_report, write_report
from belle.cli.terminal import Terminal
from belle.path_guard import check_output
from belle.units import duration, size

if TYPE_CHECKING:
    from convert.quantize.options import QuantizeReport

_METHODS = ("gptq", "imatrix", "rtn")

_EPILOG = """\
methods:
  gptq      what rounding one weight loses is made good in others, as far as the layer's inputs allow (default)
  imatrix   columns are weighed by their inputs, as llama.cpp does with an importance matrix
  rtn       every weight to its nearest code, as llama.cpp does without one; reads no text

examples:
  belle quantize chat-f16.gguf --type q4_k_m --calib conversations.jsonl --calib-format chat -o chat-q4.gguf
  belle quantize ./BELLE-checkpoint --type q4_0 --calib zh.txt --calib en.txt -o belle-q4.gguf
  belle quantize old-q8_0.gguf --type q4_0 --allow-requantize -o smaller.gguf

The files of the three methods have the same types and run at the same speed. Take text like what the model will meet.
Several texts are read in turn, window by window; without any, the project's own Chinese and English prose is read.
The errors of every matrix, for all three methods, are written to OUT.report.json.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("model", type=input_path, metavar="MODEL", help="a GGUF in f16, bf16 or f32, or a checkpoint")
    parser.add_argument("-o", "--output", type=output_file, required=True, metavar="OUT.gguf", help="the file to write")
    parser.add_argument("-t", "--type", required=True, metavar="T", help="file type, such as q4_0 or q4_k_m")
    parser.add_argument("--method", choices=_METHODS, default="gptq", help="how to round (default: gptq)")
    parser.add_argument(
        "--calib", type=input_file, action="append", default=[], metavar="FILE", help="calibration text; repeatable"
    )
    parser.add_argument(
        "--calib-format",
        choices=("text", "chat"),
        default="text",
        help="plain UTF-8 text (default), or conversations as JSON Lines, shown in the model's prompt template",
    )
    parser.add_argument(
        "--calib-tokens", type=int, default=48 * 512, metavar="N", help="tokens to read at most (default: 24576)"
    )
    parser.add_argument(
        "--allow-requantize", action="store_true", help="take a model that is quantized already; its loss stays"
    )
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="threads (default: one per processor)")
    parser.add_argument("--report", type=output_file, metavar="FILE", help="the report (default: OUT.report.json)")


def runs_native_code(arguments: argparse.Namespace) -> bool:
    """llama.cpp runs in this process."""
    del arguments
    return True


def run(arguments: argparse.Namespace) -> int:
    """Quantize and write the report. Returns the exit status; raises KnownError."""
    from convert.quantize.calibration import Calibration
    from convert.quantize.job import quantize
    from convert.quantize.options import QuantizeOptions

    terminal, started = Terminal(), monotonic()
    path = arguments.report or arguments.output.with_suffix(".report.json")
    inputs = [arguments.model, *arguments.calib]
    check_output(arguments.output, inputs)
    if arguments.report is not None:
        check_report(path, arguments.output, inputs)
    else:
        check_output(path, inputs)

    def on_step(done: int, total: int) -> None:
        left = (monotonic() - started) * (total - done) / done
        terminal.progress(f"{arguments.method}  {done / total:4.0%}  {duration(left)} left")

    options = QuantizeOptions(
        type=arguments.type,
        method=arguments.method,
        calibration=Calibration(tuple(arguments.calib), arguments.calib_format, arguments.calib_tokens),
        allow_requantize=arguments.allow_requantize,
        threads=arguments.threads,
    )
    try:
        report = quantize(
            arguments.model,
            arguments.output,
            options,
            on_step=on_step,
            on_write=lambda reading: terminal.progress(progress_line(reading)),
        )
    finally:
        terminal.clear()
    for note in report.notes:
        terminal.note(note)
    seconds = monotonic() - started
    write_report(path, _plain(report, seconds))
    print("\n".join(_lines(report, seconds)))
    return 0


def _plain(report: QuantizeReport, seconds: float) -> dict[str, Any]:
    plain = asdict(report)
    plain["source"], plain["file"]["path"] = str(report.source), str(report.file.path)
    plain["file"]["bits_per_weight"] = round(report.file.bits_per_weight, 4)
    return plain | {"seconds": round(seconds, 1)}


def _lines(report: QuantizeReport, seconds: float) -> list[str]:
    file = report.file
    facts = f"{size(file.n_bytes)}, {file.bits_per_weight:.2f} bits per weight, {duration(seconds)}"
    lines = [f"{file.path}: {file.type} by {report.method}, {facts}"]
    if report.calibration:
        lines.append(f"calibrated with {report.n_windows} windows of 512 tokens from {', '.join(report.calibration)}")
    errors = report.errors.values()
    if errors:
        means = {name: sum(getattr(error, name) for error in errors) / len(errors) for name in reversed(_METHODS)}
        listed = ", ".join(f"{name} {100 * mean:.3g} %" for name, mean in means.items())
        lines.append(f"mean square error of the output of {len(errors)} matrices: {listed}")
    return lines
