"""`belle generate`: answers a file of questions, also with models larger than a GPU."""

from __future__ import annotations

import argparse
import sys
from functools import partial

from belle.cli.arguments import SHARE, Range, check_ranges, input_file, input_path, output_file, path_or_name
from belle.path_guard import check_output

_EPILOG = """\
examples:
  belle generate build/tiny/sft/final --data train/tiny/data/prompts.jsonl -o answers.jsonl
  belle generate MODEL --data questions.jsonl -o answers.jsonl --deepspeed train/deepspeed/inference.json
  torchrun --nproc_per_node 8 -m belle generate MODEL --data questions.jsonl -o answers.jsonl
  belle generate MODEL --data questions.jsonl -o answers.jsonl --launch hosts.txt

The answers are in the order of the questions, as conversations, which “belle data” and training read. --deepspeed names
a configuration with ZeRO-3: the weights are spread over the GPUs, and with offload_param lie in the machine's memory or
on its disk, so that a model larger than the GPU answers many questions at a time. What was interrupted goes on with
--resume, and ends in the same file.

exit status: 0 all are answered; 2 a mistake, in words; 130 after Ctrl-C.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument(
        "model", type=path_or_name, metavar="MODEL", help="a folder, an adapter, or a name on the Hugging Face hub"
    )
    parser.add_argument("--data", type=input_path, required=True, metavar="FILE", help="the questions")
    parser.add_argument("-o", "--output", type=output_file, required=True, metavar="FILE", help="where the answers go")
    parser.add_argument("--format", default="auto", help="of the questions; prompt: the key text is a question (auto)")
    parser.add_argument("--template", metavar="ID", help="prompt template (default: the one it was trained with)")
    parser.add_argument("--deepspeed", type=input_file, metavar="FILE", help="a DeepSpeed configuration with ZeRO-3")
    parser.add_argument("--batch-size", type=int, default=8, metavar="N", help="questions at once per process (8)")
    parser.add_argument("--max-tokens", type=int, default=512, metavar="N", help="length of an answer at most (512)")
    parser.add_argument("--temperature", type=float, default=0.0, metavar="T", help="0: the likeliest words (0)")
    parser.add_argument("--top-k", type=int, default=0, metavar="K", help="draw from the K likeliest tokens; 0: all")
    parser.add_argument("--top-p", type=float, default=1.0, metavar="P", help="draw from the likeliest that make up P")
    parser.add_argument("--repeat-penalty", type=float, default=1.0, metavar="X", help="above 1: fewer repetitions")
    parser.add_argument("--seed", type=int, default=1234, metavar="N", help="of what is drawn at random (1234)")
    parser.add_argument("--precision", choices=("auto", "bf16", "fp16", "fp32"), default="auto")
    parser.add_argument("--resume", action="store_true", help="go on with a generation that was interrupted")
    parser.add_argument("--launch", type=input_file, metavar="HOSTS", help="start it on the machines of this host file")


def run(arguments: argparse.Namespace) -> int:
    """Generate. Returns the exit status; raises KnownError."""
    check_ranges(arguments, _RANGES)
    check_output(arguments.output, [arguments.data, arguments.deepspeed])
    if arguments.launch is not None:
        return _launch(arguments)
    from belle.training.cluster.processes import stop_processes
    from belle.training.cluster.ranks import say_once
    from belle.training.export.generate import Generation, generate

    options = {name: getattr(arguments, name) for name in Generation.__dataclass_fields__ if hasattr(arguments, name)}
    from belle.durable import on_full_disk

    try:
        with on_full_disk("Free some space; then run the same command with --resume, which goes on."):
            generate(Generation(**options), resume=arguments.resume, say=partial(say_once, stream=sys.stderr))
    finally:
        stop_processes()
    return 0


_RANGES: dict[str, Range] = {
    "batch_size": (1, 1 << 31), "max_tokens": (1, 1 << 31), "temperature": (0, 1000), "top_k": (0, 1 << 31),
    "repeat_penalty": (0.01, 100), "seed": (0, (1 << 63) - 1), "top_p": SHARE,
}  # fmt: skip


def _launch(arguments: argparse.Namespace) -> int:
    from belle.training.cluster.hosts import read_hosts
    from belle.training.cluster.launch import launch_command

    command = [sys.executable, "-m", "belle", "generate", arguments.model]
    for name in (
        "data", "output", "format", "template", "deepspeed", "batch_size", "max_tokens", "temperature", "top_k",
        "top_p", "repeat_penalty", "seed", "precision",
    ):  # fmt: skip
        value = getattr(arguments, name)
        if value is not None:
            command += [f"--{name.replace('_', '-')}", str(value)]
    if arguments.resume:
        command.append("--resume")
    files = [path for path in (arguments.data, arguments.deepspeed) if path is not None]
    return launch_command(read_hosts(arguments.launch), command, files=files)
