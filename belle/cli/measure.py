"""`belle measure`: measures the loss of quantization on text and on questions, with a reproducible report."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from belle.cli.arguments import input_file, input_path, output_folder, path_or_name
from belle.cli.speech.measure import add_speech_options
from belle.cli.speech.measure import measure as measure_speech_models
from belle.cli.terminal import Terminal
from belle.errors import KnownError
from belle.path_guard import check_output_folder
from belle.texts import read_text
from belle.units import duration

if TYPE_CHECKING:
    from belle.evaluation.layers.measure_layers import LayerRequest
    from belle.evaluation.locate import LocateRequest
    from belle.evaluation.measurement import Measurement
    from belle.evaluation.tasks.measure_tasks import TaskRequest
    from belle.evaluation.tokens.measure_tokens import TokenRequest
    from belle.evaluation.windows import EvaluationText, Protocol

_EPILOG = """\
examples:
  belle measure belle-7b-f16.gguf belle-7b-q4_k_m.gguf belle-7b-q5_k_m.gguf --text zh.txt -o report
  belle measure ./BELLE-7B belle-7b-q8_0.gguf --text zh.txt -o report      a checkpoint as reference (extra “train”)
  belle measure llama.gguf bloom.gguf --text zh.txt -o report --bits-per-byte
  belle measure belle-7b-f16.gguf belle-7b-q4_0.gguf --tasks items.jsonl -o report      with or without --text
  belle measure belle-7b-f16.gguf belle-7b-q4_0.gguf --tasks ceval/ --shots 5 --tasks-format plain -o report
  belle measure belle-7b-f16.gguf belle-7b-q4_0.gguf --text zh.txt -o report --by-layer --by-token
  belle measure belle-7b-f16.gguf belle-7b-q4_0.gguf --text zh.txt -o report --suggest 4.2
  belle measure whisper-f16.bin whisper-q5_0.bin --speech --audio clips/ --transcripts clips.txt --language zh -o report
  belle measure diff report-before report-after

The numbers are those of llama.cpp's llama-perplexity with --kl-divergence: windows of 512 tokens, of which the second
half counts. --tasks takes questions as JSON Lines (question, choices, answer, category), BELLE's evaluation set, and
C-Eval, CMMLU or MMLU as published (the folder, or one CSV file). The report is written as report.html, report.md,
report.csv and report.json. After Ctrl-C there is a report of what was measured so far, and --resume goes on.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    from belle.engine.process.commands import KvType

    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.usage = (
        "belle measure REF CAND [CAND …] [--text FILE] [--tasks FILE] -o DIR [options]\n"
        "       belle measure diff REPORT REPORT"
    )
    parser.add_argument(
        "reference",
        type=path_or_name,
        metavar="REF",
        help="the model to compare with: a GGUF, or a checkpoint's folder",
    )
    parser.add_argument("candidates", type=input_path, nargs="+", metavar="CAND", help="GGUF files made from it")
    parser.add_argument("--text", type=input_file, metavar="FILE", help="UTF-8 text to read")
    parser.add_argument(
        "--tasks", type=input_path, metavar="FILE", help="questions to ask, with answers; a file or a folder"
    )
    parser.add_argument("-o", "--output", type=output_folder, metavar="DIR", help="folder of the report")
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
    parser.add_argument(
        "--kv-type",
        choices=get_args(KvType),
        default="f16",
        help="how the candidates store keys and values; the reference has f16 (with --text alone). "
        "REF and CAND may be the same file, to learn what that costs",
    )
    parser.add_argument("--resume", action="store_true", help="go on with what an earlier run left in DIR")
    parser.add_argument(
        "--bits-per-byte",
        action="store_true",
        help="models with different vocabularies: compare bits per byte and nothing else",
    )
    tasks = parser.add_argument_group("questions (--tasks)")
    tasks.add_argument(
        "--tasks-format",
        default="",
        metavar="FORM",
        help="chat (the model's own template), plain, or the id of a built-in template (default: chat where the "
        "reference brings a template, else plain)",
    )
    tasks.add_argument("--shots", type=int, default=0, metavar="N", help="solved examples before every question")
    tasks.add_argument("--limit", type=int, default=0, metavar="N", help="ask N of them, evenly spread (default: all)")
    where = parser.add_argument_group("where the loss is")
    where.add_argument(
        "--by-layer",
        action="store_true",
        help="restore every tensor, block and role to the reference's type in turn: how much divergence comes back",
    )
    where.add_argument(
        "--by-layer-chunks", type=int, metavar="N", help="windows of the text to do it on, evenly spread (default: 4)"
    )
    where.add_argument(
        "--by-layer-tensors",
        type=int,
        metavar="N",
        help="tensors to restore one by one, the most suspicious first (default: all up to a billion weights, else 48)",
    )
    where.add_argument(
        "--suggest",
        type=float,
        metavar="GB",
        help="types for “belle convert” with the least predicted loss in a file of at most GB·10⁹ bytes "
        "(implies --by-layer)",
    )
    where.add_argument(
        "--by-token", action="store_true", help="also write tokens.html: the text, each token coloured by divergence"
    )
    where.add_argument("--by-token-windows", type=int, metavar="N", help="windows to show there (default: 8)")
    add_speech_options(parser)


def runs_native_code(arguments: argparse.Namespace) -> bool:
    """Everything but the comparison of two reports, and speech models, which have a process of their own."""
    return not arguments.speech and (arguments.reference != "diff" or Path("diff").exists())


def run(arguments: argparse.Namespace) -> int:
    """Measure and write the report, or compare two. Returns the exit status; raises KnownError."""
    if arguments.reference == "diff" and not Path("diff").exists():
        return _diff(arguments.candidates)
    if arguments.speech:
        return measure_speech_models(arguments)
    if (arguments.text is None and arguments.tasks is None) or arguments.output is None:
        raise KnownError(
            "bad_option",
            "A text or questions, and a folder for the report are needed.",
            "Give --text FILE or --tasks FILE, and -o DIR.",
        )
    if arguments.kv_type != "f16" and (not arguments.text or arguments.tasks or arguments.bits_per_byte):
        message = "--kv-type is for a text that reference and candidates read in step."
        raise KnownError("bad_option", message, "Give --text FILE, without --tasks and --bits-per-byte.")
    check_output_folder(arguments.output, [arguments.reference, *arguments.candidates])
    from belle.durable import on_full_disk

    with on_full_disk("Free some space; then run the same command with --resume, which goes on."):
        return _measure(arguments)


def _measure(arguments: argparse.Namespace) -> int:
    from belle.evaluation.report import write_report
    from belle.evaluation.report.markdown import summary
    from belle.evaluation.tasks.measure_tasks import measure_tasks

    terminal = Terminal()
    where, tasks = _locate_request(arguments), _task_request(arguments)
    measured: list[Measurement] = []

    def progress(done: int, total: int, seconds_left: float) -> None:
        terminal.progress(f"{done} of {total} windows  {duration(seconds_left)} left")

    def task_progress(model: str, done: int, total: int, seconds_left: float) -> None:
        terminal.progress(f"{model}: {done} of {total} questions  {duration(seconds_left)} left")

    def write(result: Measurement) -> None:
        measured[:] = [result]
        terminal.clear()
        page = write_report(arguments.output, result)
        print(summary(result))
        print(f"\n{page}" + ("" if result.complete else "  (not complete)"))

    failed = None
    try:
        if arguments.text:
            _measure_text(arguments, progress, write)
    except KnownError as error:
        # Go on with the other candidates: this one is left out of what follows, and the error is raised at the end.
        if error.kind != "candidate_failed" or (tasks is None and where is None):
            raise
        failed = error
    finally:
        terminal.clear()
    try:
        if where:
            _locate(where, measured[0], arguments.output, terminal, write)
        if tasks:
            measure_tasks(tasks, measured[0] if measured else None, task_progress, write)
    finally:
        terminal.clear()
    if failed:
        raise failed
    return 0


def _measure_text(
    arguments: argparse.Namespace, progress: Callable[[int, int, float], None], write: Callable[[Measurement], None]
) -> None:
    from belle.evaluation.text.measure_text import TextRequest, measure_text
    from belle.evaluation.windows import EvaluationText, Protocol

    request = TextRequest(
        reference=Path(arguments.reference),
        candidates=arguments.candidates,
        text=EvaluationText(arguments.text.name, read_text(arguments.text)),
        protocol=Protocol(n_ctx=arguments.ctx, stride=arguments.stride, chunks=arguments.chunks),
        folder=arguments.output,
        command=_command(),
        only_bytes=arguments.bits_per_byte,
        resume=arguments.resume,
        threads=arguments.threads,
        kv_type=arguments.kv_type,
    )
    measure_text(request, progress, write)


def _locate_request(arguments: argparse.Namespace) -> LocateRequest | None:
    """The request of --by-layer, --suggest and --by-token, checked before anything is measured."""
    by_layer = arguments.by_layer or arguments.suggest is not None
    if arguments.kv_type != "f16" and (by_layer or arguments.by_token):
        message = "--kv-type has no part in where the loss of the weights is."
        raise KnownError("bad_option", message, "Leave out --by-layer, --suggest and --by-token.")
    details = {
        "--by-layer": (arguments.by_layer_chunks, arguments.by_layer_tensors),
        "--by-token": (arguments.by_token_windows,),
    }
    for option, given in details.items():
        if any(value is not None for value in given) and not (
            by_layer if option == "--by-layer" else arguments.by_token
        ):
            raise KnownError("bad_option", f"{option}-… is given without {option}.", f"Give {option} as well.")
    if not (by_layer or arguments.by_token):
        return None
    if arguments.text is None or arguments.bits_per_byte:
        why = "nothing is read" if arguments.text is None else "--bits-per-byte compares models with different tensors"
        raise KnownError(
            "bad_option",
            f"The loss cannot be located: {why}.",
            "--by-layer, --suggest and --by-token need --text FILE, and models with the same vocabulary.",
        )
    from belle.evaluation.locate import LocateRequest, check_locate
    from belle.evaluation.windows import EvaluationText, Protocol

    text = EvaluationText(arguments.text.name, read_text(arguments.text))
    protocol = Protocol(n_ctx=arguments.ctx, stride=arguments.stride, chunks=arguments.chunks)
    request = LocateRequest(
        layers=_layer_request(arguments, text, protocol) if by_layer else None,
        tokens=_token_request(arguments, text, protocol) if arguments.by_token else None,
    )
    check_locate(request)
    return request


def _layer_request(arguments: argparse.Namespace, text: EvaluationText, protocol: Protocol) -> LayerRequest:
    from belle.evaluation.layers.measure_layers import LayerRequest
    from belle.evaluation.layers.sensitivity import N_WINDOWS, LayerSample

    sample = LayerSample(
        text.content,
        protocol,
        n_windows=N_WINDOWS if arguments.by_layer_chunks is None else arguments.by_layer_chunks,
        n_tensors=arguments.by_layer_tensors,
        threads=arguments.threads,
    )
    return LayerRequest(
        Path(arguments.reference),
        arguments.candidates,
        sample,
        arguments.output,
        resume=arguments.resume,
        suggest=arguments.suggest,
    )


def _token_request(arguments: argparse.Namespace, text: EvaluationText, protocol: Protocol) -> TokenRequest:
    from belle.evaluation.tokens.measure_tokens import TokenRequest
    from belle.evaluation.tokens.view import PAGE_WINDOWS

    n_windows = PAGE_WINDOWS if arguments.by_token_windows is None else arguments.by_token_windows
    return TokenRequest(
        Path(arguments.reference),
        arguments.candidates,
        text,
        protocol,
        arguments.output,
        threads=arguments.threads,
        n_windows=n_windows,
    )


def _locate(
    request: LocateRequest,
    before: Measurement,
    folder: Path,
    terminal: Terminal,
    write: Callable[[Measurement], None],
) -> None:
    """Write report.json after each section; write and print the whole report at the end, or when it is interrupted."""
    from belle.durable import write_text
    from belle.evaluation.locate import locate

    latest = before

    def progress(words: str, done: int, total: int, seconds_left: float) -> None:
        terminal.progress(f"{words} {done} of {total}  {duration(seconds_left)} left")

    def save(result: Measurement) -> None:
        nonlocal latest
        latest = result
        write_text(folder / "report.json", result.to_json())

    try:
        locate(request, before, progress, save)
    finally:
        terminal.clear()
        if latest is not before:
            write(latest)


def _task_request(arguments: argparse.Namespace) -> TaskRequest | None:
    """The request of --tasks, checked before a text is read for an hour."""
    if arguments.tasks is None:
        return None
    from belle.evaluation.tasks.measure_tasks import TaskRequest
    from belle.evaluation.tasks.readers import read_items
    from belle.evaluation.tasks.task_run import TaskOptions, check_tasks

    reference = Path(arguments.reference)
    items = read_items(arguments.tasks).limited(arguments.limit)
    options = TaskOptions(arguments.tasks_format, arguments.shots, arguments.resume, arguments.threads)
    check_tasks([reference, *arguments.candidates], items, options)
    return TaskRequest(reference, arguments.candidates, items, options, arguments.output, _command())


def _command() -> list[str]:
    return ["belle", *map(shlex.quote, sys.argv[1:])]


def _diff(reports: list[Path]) -> int:
    from belle.evaluation.measurement import read_measurement
    from belle.evaluation.report.difference import difference

    if len(reports) != 2:
        raise KnownError("bad_option", "Two reports are compared.", "belle measure diff REPORT REPORT")
    before, after = map(read_measurement, reports)
    print(difference(before, after))
    return 0
