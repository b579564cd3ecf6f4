"""`belle convert`: a checkpoint to GGUF files, in one pass."""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle.cli.terminal import Terminal
from belle.errors import KnownError

if TYPE_CHECKING:
    from convert.options import ConvertOptions
    from convert.progress import Progress, ProgressCallback
    from convert.report import FileReport, Report

_EPILOG = """\
types:
  f32 f16 bf16                       floats
  q8_0 q6_k q5_k_m q5_k_s q4_k_m q4_k_s q3_k_l q3_k_m q3_k_s q2_k q2_k_s
  q5_1 q5_0 q4_1 q4_0 iq4_nl iq4_xs  quantized, the best first in each line

examples:
  belle convert ./BELLE-7B -o belle-7b-q4.gguf --type q4_k_m
  belle convert ./BELLE-7B -o 'belle-7b-{type}.gguf' --type q4_k_m --type q8_0
  belle convert ./BELLE-7B-gptq -o belle-7b.gguf      (4- and 8-bit layers are moved as they are)
  belle convert ./base -o mine.gguf --type q4_k_m --lora ./adapter
  belle convert ./base -o mine.gguf --lora ./one --lora-scale 0.7 --lora ./other
  belle convert ./base -o adapter.gguf --lora ./adapter --lora-only

An interrupted conversion goes on where it stopped when the same command is run again.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("source", type=Path, metavar="SRC", help="a checkpoint's folder, or its weights file")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.gguf", help="the file to write")
    parser.add_argument(
        "-t", "--type", action="append", default=[], metavar="T", help="file type (default: f16); repeatable"
    )
    parser.add_argument("--dry-run", action="store_true", help="show what would be written, and write nothing")
    parser.add_argument("--json", action="store_true", help="print the report as one JSON object")
    parser.add_argument("--template", metavar="ID", help="prompt template in place of the checkpoint's; none for none")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="threads (default: one per processor)")
    parser.add_argument("--restart", action="store_true", help="do not go on from an interrupted conversion")
    types = parser.add_argument_group("types by tensor")
    types.add_argument("--imatrix", type=Path, metavar="FILE", help="importance matrix, GGUF or .dat")
    types.add_argument(
        "--tensor-type",
        action="append",
        default=[],
        metavar="REGEX=TYPE",
        help="type of the tensors whose name matches; the first rule that matches counts; repeatable",
    )
    types.add_argument("--output-tensor-type", metavar="TYPE", help="type of the output matrix")
    types.add_argument("--token-embedding-type", metavar="TYPE", help="type of the token embeddings")
    types.add_argument("--pure", action="store_true", help="the same type for every matrix")
    types.add_argument("--direct", action="store_true", help="quantize f32 and bf16 without rounding to f16 first")
    types.add_argument(
        "--gptq",
        choices=("exact", "fast", "requantize"),
        help="layers that are quantized already: moved (exact, the default), moved into the fastest type, "
        "or quantized again to --type (the default when --type is given)",
    )
    lora = parser.add_argument_group("LoRA adapters")
    lora.add_argument(
        "--lora",
        action=_AddAdapter,
        default=[],
        metavar="DIR",
        help="merge the adapter that PEFT saved in this folder; repeatable, merged in this order",
    )
    lora.add_argument(
        "--lora-scale",
        action=_ScaleAdapter,
        type=float,
        metavar="S",
        help="multiply an adapter's own scaling by S: that of the --lora just before, or before any --lora, of all",
    )
    lora.add_argument(
        "--lora-only",
        action="store_true",
        help="write the adapter alone, as a GGUF that llama.cpp adds to a base while running (f32, or --type f16); "
        "of SRC only config.json is read",
    )
    about = parser.add_argument_group("metadata")
    about.add_argument("--name", help="name of the model")
    about.add_argument("--license", metavar="ID", help="licence, such as apache-2.0")
    about.add_argument("--repository", metavar="OWNER/NAME", help="where the checkpoint came from")


def run(arguments: argparse.Namespace) -> int:
    """Convert, or show the plan. Returns the exit status; raises KnownError."""
    terminal = Terminal()
    options = _options(arguments)
    try:
        report = _convert(arguments, options, lambda reading: terminal.progress(progress_line(reading)))
    except KeyboardInterrupt:
        terminal.note("Stopped. The same command goes on from here.")
        raise
    terminal.clear()
    for note in report.notes:
        terminal.note(note)
    if arguments.json:
        print(json.dumps(report.as_json(), ensure_ascii=False))
    else:
        print("\n\n".join(_lines(report, file, every_tensor=arguments.dry_run) for file in report.files))
    return 0


def _convert(arguments: argparse.Namespace, options: ConvertOptions, progress: ProgressCallback) -> Report:
    if arguments.lora_only:
        from convert.lora.adapter_gguf import convert_adapter

        return convert_adapter(
            arguments.source, arguments.output, options, write=not arguments.dry_run, progress=progress
        )
    from convert.pipeline import convert, plan_conversion

    if arguments.dry_run:
        return plan_conversion(arguments.source, arguments.output, options)
    return convert(arguments.source, arguments.output, options, progress=progress)


class _AddAdapter(argparse.Action):
    """`--lora DIR`: one more adapter, as strong as the scale given before any."""

    def __call__(self, parser: Any, namespace: argparse.Namespace, values: Any, option_string: Any = None) -> None:
        del parser, option_string
        namespace.lora = [*namespace.lora, (Path(values), None)]


class _ScaleAdapter(argparse.Action):
    """`--lora-scale S`: of the adapter just before, or of all where there is none yet."""

    def __call__(self, parser: Any, namespace: argparse.Namespace, values: Any, option_string: Any = None) -> None:
        del parser, option_string
        if not math.isfinite(values) or not values:
            raise KnownError("usage", f"--lora-scale {values} makes no sense.", "1 is the adapter as it was trained.")
        if namespace.lora:
            namespace.lora[-1] = (namespace.lora[-1][0], values)
        else:
            namespace.lora_scale = values


def _options(arguments: argparse.Namespace) -> ConvertOptions:
    from convert.mixture import TypeRequests
    from convert.options import AdapterChoice, ConvertOptions, tensor_requests
    from convert.types import tensor_type

    if arguments.threads < 0:
        raise KnownError("usage", "--threads cannot be negative.", "Leave it out for one per processor.")
    strength = arguments.lora_scale if arguments.lora_scale is not None else 1.0

    requests = TypeRequests(
        tensors=tensor_requests(arguments.tensor_type),
        output=tensor_type(arguments.output_tensor_type) if arguments.output_tensor_type else None,
        embeddings=tensor_type(arguments.token_embedding_type) if arguments.token_embedding_type else None,
        pure=arguments.pure,
    )
    return ConvertOptions(
        types=tuple(arguments.type),
        adapters=tuple(AdapterChoice(path, strength if own is None else own) for path, own in arguments.lora),
        imatrix=arguments.imatrix,
        requests=requests,
        gptq=arguments.gptq,
        template=arguments.template,
        round_first=not arguments.direct,
        threads=arguments.threads,
        resume=not arguments.restart,
        name=arguments.name,
        license_id=arguments.license,
        repository=arguments.repository,
    )


_BAR_WIDTH = 24


def progress_line(reading: Progress) -> str:
    """One line: a bar, how much is done, how fast, how long still."""
    fraction = reading.done_weights / max(1, reading.total_weights)
    bar = "━" * round(_BAR_WIDTH * fraction)
    left = reading.seconds_left
    parts = [
        f"{bar:─<{_BAR_WIDTH}} {fraction:4.0%}",
        f"{size(reading.done_bytes)} of {size(reading.total_bytes)}",
        f"{reading.weights_per_second / 1e6:.0f} M weights/s",
        f"{duration(left)} left" if left is not None else "",
    ]
    return "  ".join(part for part in parts if part)


def size(n_bytes: float) -> str:
    """Bytes for people: `3.86 GB`."""
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if n_bytes >= unit:
            return f"{n_bytes / unit:.2f} {name}"
    return f"{n_bytes:.0f} bytes"


def duration(seconds: float) -> str:
    """Seconds for people: `2:05`, or `1:02:05`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _lines(report: Report, file: FileReport, *, every_tensor: bool) -> str:
    lines = []
    if every_tensor:
        width = max(len(tensor.name) for tensor in file.tensors)
        for tensor in file.tensors:
            shape = " × ".join(map(str, tensor.shape))
            lines.append(
                f"{tensor.name:<{width}}  {shape:>16}  {tensor.source_dtype:>4} → {tensor.type:<7}"
                f"{size(tensor.n_bytes):>11}  {tensor.exactness}"
            )
    counts = ", ".join(f"{count} {words}" for words, count in file.exactness().items())
    verb = f"written in {duration(file.seconds)}" if report.written else "to be written"
    lines.append(f"{file.path}: {file.type}, {size(file.n_bytes)}, {verb}")
    lines.append(
        f"{report.architecture}, {len(file.tensors)} tensors, {file.n_weights / 1e6:.1f} M weights, "
        f"{file.bits_per_weight:.2f} bits per weight; {counts}"
    )
    return "\n".join(lines)
