"""`belle eval`: answers of models to a set of items, and their scores."""

from __future__ import annotations

import argparse

from belle.cli.arguments import input_file, input_path, output_file, output_folder, path_or_name, real, whole
from belle.cli.eval.judges import add_judge_options
from belle.cli.eval.models import ENDPOINTS_HELP, add_engine_options, add_server_options
from belle.cli.eval.strategies import add_strategy_options
from belle.cli.nested_commands import Subcommand, add_subcommands, run_subcommand

_EPILOG = """\
examples:
  belle eval run model-f16.gguf model-q4.gguf --set eval_set.json -o results
  belle eval run build/tiny/sft/final --set items.jsonl -o results
  belle eval run --url http://127.0.0.1:8000/v1 --model BELLE-13B --set items.jsonl -o results
  belle eval run --endpoints cluster.toml --set items.jsonl -o results --shard 0/4
  belle eval run --model BELLE-13B --set items.jsonl -o results --batch-out requests.jsonl
  belle eval run --model BELLE-13B --set items.jsonl -o results --batch-in answers.jsonl
  belle eval judge results --set items.jsonl --judge model.gguf
  belle eval judge results --set eval_set.json --prompts eval_prompt.json --url http://127.0.0.1:8000/v1 --model big
  belle eval judge results --set items.jsonl --judge model.gguf --pairs
  belle eval page results --set items.jsonl --judge model.gguf
  belle eval report results --set items.jsonl -o report.html --anchors anchors.jsonl
  belle eval report results --set items.jsonl -o report.html --reference model-f16 --measure measured/report.json
  belle eval mme llava-f16.gguf llava-q4.gguf --mmproj mmproj.gguf --pictures MME_Benchmark/ -o results
  belle eval mme build/tiny/vl_instruct/final -o results
  belle eval mme answers-f16/ answers-q4/ -o results

The answers of each model are in DIR/answers. A run can be interrupted at any moment; the same command goes on with
what is missing. The exit status is 1 where an answer, or a score, is still missing.
"""
_LABELS = """\
A file of --labels has a table for each model, such as for BELLE's tables of data factors and of LoRA:

  [[model]]
  name = "chat-lora"              # as in the table without labels
  label = "LLaMA-7B + LoRA(2M)"
  columns = { "Training data" = "2M", "Additional params" = "17.9M" }
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the sub-commands and their options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    add_subcommands(parser, _COMMANDS)


def run(arguments: argparse.Namespace) -> int:
    """Run the sub-command. Returns the exit status; raises KnownError."""
    return run_subcommand(arguments)


def _run(parser: argparse.ArgumentParser) -> None:
    _explain_endpoints(parser)
    parser.add_argument(
        "models",
        nargs="*",
        type=path_or_name,
        metavar="MODEL",
        help="names of “belle models list”, GGUF files, folders of checkpoints or adapters",
    )
    parser.add_argument(
        "--set",
        required=True,
        metavar="SET",
        help="“own” (comes with ChatBELLE), JSON Lines of items, a folder of them, or BELLE's eval_set.json",
    )
    parser.add_argument(
        "-o", "--output", required=True, type=output_folder, metavar="DIR", help="where answers are kept"
    )
    add_server_options(parser, "models on servers")
    asking = parser.add_argument_group("how items are asked")
    asking.add_argument("--system", default="", metavar="TEXT", help="system prompt (default: none)")
    asking.add_argument(
        "--temperature", type=real(0, 5), default=0.0, metavar="T", help="0 (default) takes the likeliest token"
    )
    asking.add_argument("--max-tokens", type=whole(1), default=1024, metavar="N", help="of each answer (default: 1024)")
    asking.add_argument("--seed", type=whole(0), default=1, metavar="N", help="default: 1")
    asking.add_argument("--class", dest="classes", action="append", metavar="NAME", help="one class alone; repeatable")
    asking.add_argument(
        "--n",
        type=whole(1),
        metavar="N",
        help="N items alone, the same at each run and of each class as many as can be",
    )
    asking.add_argument("--shard", default="0/1", metavar="I/N", help="every N-th item, from number I on: 0/4 … 3/4")
    add_engine_options(parser, "models on this computer")
    add_strategy_options(parser)


def _judge(parser: argparse.ArgumentParser) -> None:
    _explain_endpoints(parser)
    parser.add_argument("folder", type=input_path, metavar="DIR", help="the folder of “belle eval run”")
    parser.add_argument("--set", required=True, metavar="SET", help="the set that was asked")
    parser.add_argument(
        "--pairs",
        action="store_true",
        help="compare the models two by two, in both orders, instead of scoring each answer",
    )
    parser.add_argument("--against", metavar="NAME", help="compare each of the others with this one alone")
    parser.add_argument(
        "--self-checks",
        type=whole(0),
        default=30,
        metavar="N",
        help="items of which right, wrong and empty answers are judged, too (default: 30)",
    )
    add_judge_options(parser)


def _mme(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "models",
        nargs="+",
        type=path_or_name,
        metavar="MODEL|ANSWERS",
        help="GGUF files and checkpoints that see, or folders with count.txt, OCR.txt …, as MME's own tool reads them; "
        "the first one is what the others are compared with",
    )
    parser.add_argument(
        "--pictures",
        type=path_or_name,
        default="own",
        metavar="DIR",
        help="the folder of MME, with a folder for each sub-task (default: own, 60 drawn pictures)",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=output_folder,
        metavar="DIR",
        help="where answers are kept, and mme.html, mme.md and mme.json are written",
    )
    parser.add_argument(
        "--mmproj",
        type=input_file,
        metavar="FILE",
        help="the vision encoder of the GGUF files (default: the one beside each of them)",
    )
    parser.add_argument("--template", metavar="NAME", help="prompt template instead of their own")
    parser.add_argument("--threads", type=whole(1), metavar="N", help="threads (default: adapt to the machine)")


def _explain_endpoints(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = ENDPOINTS_HELP


def _report(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _LABELS
    parser.add_argument(
        "folders", nargs="+", type=input_path, metavar="DIR", help="folders that “belle eval judge” has scored"
    )
    parser.add_argument("--set", required=True, metavar="SET", help="the set that was asked")
    parser.add_argument(
        "-o",
        "--output",
        action="append",
        default=[],
        type=output_file,
        metavar="FILE",
        help="a file .html, .md, .csv or .json; repeatable",
    )
    parser.add_argument(
        "--examples",
        type=whole(0),
        default=5,
        metavar="N",
        help="lowest and highest answers of each model in the page (default: 5)",
    )
    beside = parser.add_argument_group("what stands beside the scores")
    beside.add_argument("--anchors", type=input_file, metavar="FILE", help="decisions of people, of “belle eval page”")
    beside.add_argument(
        "--labels", type=input_file, metavar="FILE", help="a TOML file of labels and factors of the models, see below"
    )
    beside.add_argument(
        "--published", action="store_true", help="the figures that BELLE published, which are not comparable"
    )
    beside.add_argument(
        "--reference",
        default="",
        metavar="NAME",
        help="the model that the others are smaller files of",
    )
    beside.add_argument(
        "--measure",
        action="append",
        default=[],
        type=input_path,
        metavar="FILE",
        help="report.json of “belle measure” for these files; repeatable",
    )


def _page(parser: argparse.ArgumentParser) -> None:
    _explain_endpoints(parser)
    parser.add_argument("folder", nargs="?", type=input_path, metavar="DIR", help="the folder of “belle eval run”")
    parser.add_argument(
        "--set", default="own", metavar="SET", help="the set that was asked, or BELLE's eval_set.json (default: own)"
    )
    parser.add_argument(
        "--anchors",
        type=output_file,
        metavar="FILE",
        help="where decisions are kept, and found again (default: DIR/anchors.jsonl)",
    )
    parser.add_argument("--by", metavar="NAME", help="who decides (default: the name of the user)")
    parser.add_argument(
        "--port", type=whole(0, (1 << 16) - 1), default=0, metavar="N", help="of 127.0.0.1 (default: any that is free)"
    )
    parser.add_argument(
        "--no-browser", dest="browser", action="store_false", help="print the address, and open no browser"
    )
    add_judge_options(parser, batches=False)


_COMMANDS = {
    "run": Subcommand("ask models the items of a set, and keep their answers", _run, "belle.cli.eval.run:run"),
    "judge": Subcommand("score the answers of a run, by rules and by a judge", _judge, "belle.cli.eval.judge:run"),
    "report": Subcommand("show the scores of models, with intervals", _report, "belle.cli.eval.report:run"),
    "page": Subcommand(
        "score answers by hand in a browser, and see what a judge says", _page, "belle.cli.eval.page:run"
    ),
    "mme": Subcommand(
        "ask yes-or-no questions about pictures, and score the answers as MME does", _mme, "belle.cli.eval.mme:run"
    ),
}
