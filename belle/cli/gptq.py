"""`belle gptq`: quantizes a checkpoint to 4 or 8 bits with GPTQ, in the format of auto-gptq."""

from __future__ import annotations

import argparse
from pathlib import Path

from belle.cli.arguments import input_path, output_folder
from belle.path_guard import check_output_folder

_EPILOG = """\
examples:
  belle gptq build/tiny/sft/final --bits 4 --group-size 128 --calib train/tiny/data/sft.jsonl -o build/tiny/sft-gptq
  belle convert build/tiny/sft-gptq -o sft-q4_0.gguf            # the codes, unchanged

Needs the extra “gptq” (GPTQModel, the successor of auto-gptq, which writes and reads the same files).
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("checkpoint", type=input_path, metavar="CHECKPOINT", help="folder of a 16-bit or 32-bit model")
    parser.add_argument(
        "-o", "--output", type=output_folder, metavar="DIR", help="folder to write (default: CHECKPOINT-gptq)"
    )
    parser.add_argument("--bits", type=int, choices=(4, 8), default=4, help="of a weight (default: 4)")
    parser.add_argument(
        "--group-size",
        type=int,
        default=128,
        choices=(-1, 32, 64, 128, 256, 512, 1024),
        metavar="N",
        help="weights that share a scale, -1 for a whole row (default: 128)",
    )
    parser.add_argument(
        "--calib", type=input_path, required=True, metavar="FILE", help="conversations or text to calibrate on"
    )
    parser.add_argument("--samples", type=int, default=128, metavar="N", help="how many of them (default: 128)")
    parser.add_argument("--length", type=int, default=512, metavar="N", help="most tokens of each (default: 512)")
    parser.add_argument("--template", metavar="ID", help="prompt template (default: the one the checkpoint names)")
    parser.add_argument("--asymmetric", action="store_true", help="with zero points (exact in GGUF as Q5_0, not Q4_0)")
    parser.add_argument("--act-order", action="store_true", help="columns in the order of their activations (desc_act)")


def run(arguments: argparse.Namespace) -> int:
    """Quantize. Returns the exit status; raises KnownError."""
    from belle.training.export.gptq import GptqOptions, quantize

    source: Path = arguments.checkpoint
    out = arguments.output or source.with_name(f"{source.name}-gptq")
    check_output_folder(out, [source])
    options = GptqOptions(
        bits=arguments.bits,
        group_size=arguments.group_size,
        act_order=arguments.act_order,
        symmetric=not arguments.asymmetric,
        samples=arguments.samples,
        length=arguments.length,
        template=arguments.template,
    )
    result = quantize(source, out, arguments.calib, options)
    loss = "" if result.mean_loss is None else f", mean loss {result.mean_loss:.3g}"
    print(f"{result.folder}: {result.layers} layers with {options.bits} bits, {result.samples} samples{loss}")
    return 0
