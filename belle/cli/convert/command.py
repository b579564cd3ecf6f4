"""`belle convert`: a checkpoint to GGUF files, or a Whisper to those of whisper.cpp, in one pass."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle.cli.arguments import input_file, input_path, output_file
from belle.cli.convert.encrypted import decrypted
from belle.cli.convert.logits import check_possible, compare_logits
from belle.cli.convert.report import file_lines, progress_line
from belle.cli.report_file import check_report, write_report
from belle.cli.terminal import Terminal
from belle.errors import KnownError
from belle.texts import json_text

if TYPE_CHECKING:
    from convert.output.progress import ProgressCallback
    from convert.plan.options import ConvertOptions
    from convert.report import ConversionReport

_EPILOG = """\
types:
  f32 f16 bf16                       floats
  q8_0 q6_k q5_k_m q5_k_s q4_k_m q4_k_s q3_k_l q3_k_m q3_k_s q2_k q2_k_s
  q5_1 q5_0 q4_1 q4_0 iq4_nl iq4_xs  quantized, the best first in each line
  For a Whisper: f16 q8_0 q6_k q5_k q5_1 q5_0 q4_k q4_1 q4_0 iq4_nl iq4_xs q3_k q2_k, one for all of its matrices.

examples:
  belle convert ./BELLE-7B -o belle-7b-q4.gguf --type q4_k_m
  belle convert ./BELLE-7B -o 'belle-7b-{type}.gguf' --type q4_k_m --type q8_0
  belle convert ./BELLE-7B-gptq -o belle-7b.gguf      (4- and 8-bit layers are moved as they are, the rest is f16;
                                                       “belle models get” takes q8_0 for the rest, as here:)
  belle convert ./BELLE-7B-gptq -o belle-7b.gguf --token-embedding-type q8_0 --output-tensor-type q8_0
  belle convert ./BELLE-LLaMA-7B-2M-enc -o belle.gguf --type q4_k_m --llama-weights ~/LLaMA/7B/consolidated.00.pth
  belle convert ./base -o mine.gguf --type q4_k_m --lora ./adapter
  belle convert ./base -o mine.gguf --lora ./one --lora-scale 0.7 --lora ./other
  belle convert ./base -o adapter.gguf --lora ./adapter --lora-only
  belle convert ./Belle-whisper-large-v3-turbo-zh -o turbo-zh-q5_0.bin --type q5_0    (a file for whisper.cpp)
  belle convert ./llava-1.5-7b-hf -o llava.gguf --type q4_k_m    (and mmproj-llava.gguf, its vision encoder, beside it)

An interrupted conversion goes on where it stopped when the same command is run again.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("source", type=input_path, metavar="SRC", help="a checkpoint's folder, or its weights file")
    parser.add_argument("-o", "--output", type=output_file, required=True, metavar="OUT.gguf", help="the file to write")
    parser.add_argument(
        "-t", "--type", action="append", default=[], metavar="T", help="file type (default: f16); repeatable"
    )
    parser.add_argument("--dry-run", action="store_true", help="show what would be written, and write nothing")
    parser.add_argument("--tensors", action="store_true", help="list every tensor, with what verifying it found")
    parser.add_argument("--json", action="store_true", help="print the report as one JSON object")
    parser.add_argument(
        "--report", type=output_file, metavar="FILE", help="write the report, tensor by tensor, as JSON"
    )
    parser.add_argument(
        "--verify",
        choices=("weights", "logits"),
        default="weights",
        help="read the file back and compare every weight (default); with logits, also run the checkpoint in "
        "transformers and the file in llama.cpp on the same prompts (needs chatbelle[train]; a Whisper on the same "
        "sounds in whisper.cpp, which needs chatbelle[voice], too)",
    )
    parser.add_argument("--no-verify", action="store_true", help="do not read the file back")
    parser.add_argument("--template", metavar="ID", help="prompt template in place of the checkpoint's; none for none")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="threads (default: one per processor)")
    parser.add_argument("--restart", action="store_true", help="do not go on from an interrupted conversion")
    parser.add_argument(
        "--llama-weights",
        type=input_file,
        metavar="PATH",
        help="Meta's LLaMA-1 7B consolidated.00.pth, for BELLE's LLaMA models as they are published (*.enc)",
    )
    seeing = parser.add_mutually_exclusive_group()
    seeing.add_argument(
        "--text-only", action="store_true", help="of a model that sees, write the language model without its mmproj"
    )
    seeing.add_argument(
        "--mmproj-only", action="store_true", help="of a model that sees, write the vision encoder alone, to OUT.gguf"
    )
    types = parser.add_argument_group("types by tensor")
    types.add_argument("--imatrix", type=input_file, metavar="FILE", help="importance matrix, GGUF or .dat")
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
    types.add_argument(
        "--gptq-requantize",
        choices=("q8_0", "q6_k"),
        help="what becomes of quantized layers that cannot be moved: those in act-order, and those that an adapter is "
        "merged into (default: q8_0, or --type when it is given)",
    )
    lora = parser.add_argument_group("LoRA adapters")
    lora.add_argument(
        "--lora",
        action=_AddAdapter,
        type=input_path,
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
        "of SRC config.json is enough, unless it is quantized in act-order",
    )
    about = parser.add_argument_group("metadata")
    about.add_argument("--name", help="name of the model")
    about.add_argument("--license", metavar="ID", help="licence, such as apache-2.0")
    about.add_argument("--repository", metavar="OWNER/NAME", help="where the checkpoint came from")


def runs_native_code(arguments: argparse.Namespace) -> bool:
    """Only `--verify logits` does; other calls of llama.cpp have a process of their own (`native_calls`)."""
    return bool(arguments.verify == "logits")


def run(arguments: argparse.Namespace) -> int:
    """Convert, or show the plan. Returns the exit status; raises KnownError."""
    terminal = Terminal()
    options = _options(arguments)
    if arguments.verify == "logits":
        weights_verified = not arguments.no_verify
        check_possible(arguments.source, lora_only=arguments.lora_only, weights_verified=weights_verified)
    if arguments.report is not None:
        check_report(arguments.report, arguments.output)
    with decrypted(arguments.source, arguments.llama_weights, arguments.output, terminal) as source:
        return _run(source, arguments, options, terminal)


def _run(source: Path, arguments: argparse.Namespace, options: ConvertOptions, terminal: Terminal) -> int:
    try:
        report = _convert(source, arguments, options, lambda reading: terminal.progress(progress_line(reading)))
    except KeyboardInterrupt:
        terminal.note("Stopped. The same command goes on from here.")
        raise
    terminal.clear()
    for note in report.notes:
        terminal.note(note)
    plain = report.as_json()
    if not arguments.json:
        every_tensor = arguments.dry_run or arguments.tensors
        print("\n\n".join(file_lines(report, file, every_tensor=every_tensor) for file in report.files))
    failure: KnownError | None = None
    if report.written and arguments.verify == "logits":
        try:
            compare_logits(source, options, report, plain, terminal, quiet=arguments.json)
        except KnownError as error:
            failure = error  # raised after the report
    if arguments.json:
        print(json_text(plain))
    if arguments.report is not None:
        try:
            write_report(arguments.report, plain)
        except KnownError as error:
            failure = failure or error
    if failure is not None:
        terminal.clear()
        raise failure
    return 0


def _convert(
    source: Path, arguments: argparse.Namespace, options: ConvertOptions, progress: ProgressCallback
) -> ConversionReport:
    if arguments.lora_only:
        from convert.lora.adapter_gguf import convert_adapter

        return convert_adapter(source, arguments.output, options, write=not arguments.dry_run, progress=progress)
    from convert.pipeline import convert, plan_conversion

    if arguments.dry_run:
        return plan_conversion(source, arguments.output, options)
    return convert(source, arguments.output, options, progress=progress)


class _AddAdapter(argparse.Action):
    """`--lora DIR`: adds an adapter; its scale is None until `--lora-scale` gives it one."""

    def __call__(self, parser: Any, namespace: argparse.Namespace, values: Any, option_string: Any = None) -> None:
        del parser, option_string
        namespace.lora = [*namespace.lora, (values, None)]


class _ScaleAdapter(argparse.Action):
    """`--lora-scale S`: the scale of the adapter before it; before any adapter, the default of all."""

    def __call__(self, parser: Any, namespace: argparse.Namespace, values: Any, option_string: Any = None) -> None:
        del parser, option_string
        if not math.isfinite(values) or not values:
            raise KnownError(
                "usage",
                f"--lora-scale is {values}, and has to be a number other than 0.",
                "1 is the adapter as it was trained.",
            )
        if namespace.lora:
            namespace.lora[-1] = (namespace.lora[-1][0], values)
        else:
            namespace.lora_scale = values


def _options(arguments: argparse.Namespace) -> ConvertOptions:
    from belle.gguf.types import tensor_type
    from convert.plan.mixture import TypeRequests
    from convert.plan.options import AdapterChoice, ConvertOptions, tensor_requests

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
        requantized=arguments.gptq_requantize,
        template=arguments.template,
        round_first=not arguments.direct,
        threads=arguments.threads,
        resume=not arguments.restart,
        verify=not arguments.no_verify,
        name=arguments.name,
        license_id=arguments.license,
        repository=arguments.repository,
        report=arguments.report,
        part="text" if arguments.text_only else "mmproj" if arguments.mmproj_only else "both",
    )
