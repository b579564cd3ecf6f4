"""Types for arguments: paths and numbers that are checked before the command begins.

Every argument that is a path has one of these as its `type`. A missing file passes: the command knows better what it
was looking for. Paths that can never be read or replaced (pipes, devices, names that are too long, folders without
permission) are refused here, by `belle.path_guard`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, get_args

from belle.errors import KnownError
from belle.path_guard import check_input, check_output, check_output_folder


def input_file(text: str) -> Path:
    """A file to read. Raises KnownError."""
    check_input(text, folder=False)
    return Path(text)


def input_path(text: str) -> Path:
    """A file or a folder to read. Raises KnownError."""
    check_input(text)
    return Path(text)


def path_or_name(text: str) -> str:
    """A file, a folder, or the name of something in the catalogue or on the hub. Raises KnownError."""
    check_input(text)
    return text


def output_file(text: str) -> Path:
    """A file to write. Raises KnownError."""
    check_output(Path(text))
    return Path(text)


def output_folder(text: str) -> Path:
    """A folder to write. Raises KnownError."""
    check_output_folder(Path(text))
    return Path(text)


def output_path(text: str) -> Path:
    """A file or a folder to write. Raises KnownError."""
    check_input(text)  # exactly what can be written as one or the other: what is neither is refused
    return Path(text)


def whole(least: int, most: int | None = None) -> Callable[[str], int]:
    """A `type` for argparse: whole numbers from `least`, to `most`."""

    def convert(text: str) -> int:
        number = int(text)
        if most is not None and not least <= number <= most:
            raise argparse.ArgumentTypeError(f"{text} is not between {least} and {most}")
        if number < least:
            raise argparse.ArgumentTypeError(f"{text} is less than {least}")
        return number

    convert.__name__ = "whole number"  # argparse says “invalid whole number value”
    return convert


def real(least: float, most: float) -> Callable[[str], float]:
    """A `type` for argparse: numbers from `least` to `most`."""

    def convert(text: str) -> float:
        number = float(text)
        if not least <= number <= most:
            raise argparse.ArgumentTypeError(f"{text} is not between {least} and {most}")
        return number

    convert.__name__ = "number"
    return convert


def share(text: str) -> float:
    """A `type` for argparse: a part of a whole, above 0 and at most 1."""
    value = float(text)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError("must be above 0 and at most 1")
    return value


SHARE: Literal["share"] = "share"
"""Above 0 and at most 1."""

Range = tuple[float, float] | Literal["share"]
"""The allowed numbers of an option: from the first to the second, or `SHARE`."""


def check_ranges(arguments: argparse.Namespace, ranges: Mapping[str, Range]) -> None:
    """Check options with a `KnownError`, where argparse would print its usage.

    Raises KnownError("usage") for the first number outside of its range, and for `nan`.
    """
    for name, allowed in ranges.items():
        value, option = getattr(arguments, name), f"--{name.replace('_', '-')}"
        if allowed == SHARE:
            if not 0 < value <= 1:
                raise KnownError("usage", f"{option} is {value:g}, and has to lie above 0 and at most at 1.")
        elif not allowed[0] <= value <= allowed[1]:
            bound = f"at most {allowed[1]}" if value > allowed[1] else f"at least {allowed[0]}"
            raise KnownError("usage", f"{option} is {value}, and has to be {bound}.")


def add_attention_options(parser: argparse.ArgumentParser) -> None:
    """Declare `--kv-type` and `--flash-attention`, whose values go into the engine's `Load`."""
    from belle.engine.process.commands import FlashAttention, KvType

    parser.add_argument(
        "--kv-type",
        choices=get_args(KvType),
        default="f16",
        help="how keys and values of the context are stored: q8_0 takes 53 %% of the memory of f16, q4_0 28 %%. "
        "Measured with the starter model on a processor: the likeliest next token stays the same in 95 %% and 86 %% of "
        "all places, and after 1,200 tokens answers come 17 %% and 40 %% slower",
    )
    parser.add_argument(
        "--flash-attention",
        choices=get_args(FlashAttention),
        default="auto",
        help="auto: on a GPU, and with a quantized KV cache, which needs it",
    )


def add_speculation_options(parser: argparse.ArgumentParser) -> None:
    """Declare `--draft` and `--no-speculation`, whose values go into the engine's `Load`."""
    parser.add_argument(
        "--draft",
        type=input_file,
        metavar="FILE",
        help="a smaller GGUF with the same vocabulary, which guesses the next words; the text stays the same",
    )
    parser.add_argument(
        "--no-speculation",
        dest="speculation",
        action="store_false",
        help="never guess what the answer repeats of the question",
    )
