"""`belle merge`: merges a LoRA adapter into its base, reports the rounding error, and compares the logits."""

from __future__ import annotations

import argparse

from belle.cli.arguments import input_path, output_folder, path_or_name
from belle.path_guard import check_output_folder

_EPILOG = """\
examples:
  belle merge build/tiny/lora/final -o build/tiny/merged
  belle merge build/tiny/qlora/final -o build/tiny/merged --onto nf4 --dtype fp32
  belle convert build/tiny/merged -o merged-q4.gguf --type q4_k_m

Adding is done in fp32 (4 bytes of memory per weight). merge.json in the folder has the loss of every layer. A merge is
not needed for a GGUF file: “belle convert BASE --lora ADAPTER” merges while it converts.
"""
_PROMPTS = (
    "Human: \nWrite a short poem about the sea.\n\nAssistant: \n",
    "Human: \n请用一句话介绍你自己。\n\nAssistant: \n",
    "The quick brown fox jumps over the lazy dog. 1 + 1 = 2, and 12 × 12 = 144.",
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("adapter", type=input_path, metavar="ADAPTER", help="folder of the adapter, as peft writes it")
    parser.add_argument(
        "-o", "--output", type=output_folder, required=True, metavar="DIR", help="folder of the merged model"
    )
    parser.add_argument(
        "--base", type=path_or_name, metavar="MODEL", help="the base (default: the one that the adapter names)"
    )
    parser.add_argument(
        "--dtype", choices=("auto", "fp32", "bf16", "fp16"), default="auto", help="of the file (default: the base's)"
    )
    parser.add_argument(
        "--onto",
        choices=("base", "nf4", "int8"),
        default="base",
        help="what to merge into: the base as it is, or rounded as QLoRA rounded it (default: base)",
    )
    parser.add_argument("--no-proof", action="store_true", help="leave out the comparison of the logits")


def run(arguments: argparse.Namespace) -> int:
    """Merge. Returns the exit status; raises KnownError."""
    from belle.training.export.merge import merge

    check_output_folder(arguments.output, [arguments.adapter, arguments.base])
    merged = merge(
        arguments.adapter,
        arguments.output,
        base=arguments.base,
        dtype=arguments.dtype,
        onto=arguments.onto,
        prompts=() if arguments.no_proof else _PROMPTS,
    )
    print(f"{merged.folder}: {len(merged.layers)} layers merged into {merged.base}, written as {merged.dtype}")
    print(f"the change is {merged.change:.2%} of the weights; rounding lost {merged.error:.2%} of it")
    if merged.proof is not None:
        print(f"proved: {merged.proof.in_words()}")
    return 0
