"""The runs of a sweep: every combination of the values of `--over`, with each seed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from belle.errors import KnownError

MOST_RUNS = 1000
_LONGEST_NAME = 100
_OPENING, _CLOSING, _QUOTES = "[{(", "]})", "'\""


@dataclass(frozen=True, slots=True)
class SweepRun:
    """One run.

    Args:
        values: changes of the recipe that this run has and others have not, as for `--set`; without the seed.
        seed: of the run.
        name: of its folder and files.
    """

    values: tuple[str, ...]
    seed: int
    name: str

    @property
    def title(self) -> str:
        """Its values in words, for a table."""
        return ", ".join(self.values) or "the recipe"

    @property
    def changes(self) -> tuple[str, ...]:
        """All changes of the recipe, as for `--set`."""
        return (*self.values, f"seed={self.seed}")


def sweep_runs(over: Sequence[str], *, seeds: int = 1, first_seed: int) -> list[SweepRun]:
    """The runs, in the order of the values; those of one combination with all its seeds together.

    Args:
        over: `KEY=VALUE,VALUE,…` each.
        seeds: runs of each combination.
        first_seed: the first of them; the others follow.

    Raises KnownError("usage").
    """
    axes = [_axis(text) for text in over]
    keys = [values[0].partition("=")[0] for values in axes]
    if twice := next((key for key in keys if keys.count(key) > 1), None):
        raise KnownError("usage", f"--over {twice} is given twice.", "Write all its values in one list.")
    combinations = list(product(*axes))
    if len(combinations) * seeds > MOST_RUNS:
        message = f"That would be {len(combinations) * seeds:,} runs, more than {MOST_RUNS:,}."
        raise KnownError("usage", message, "Leave some values out.")
    return [
        SweepRun(values, first_seed + number, _name(values, first_seed + number if seeds > 1 else None))
        for values in combinations
        for number in range(seeds)
    ]


def _axis(text: str) -> list[str]:
    key, equals, values = text.partition("=")
    key = key.strip()
    split = [value.strip() for value in _split(values)]
    if not equals or not key or not all(split):
        raise KnownError(
            "usage", f"--over {text} is not a key with its values.", "For instance: --over mix.ratio=1:0,1:1,1:5"
        )
    if key in ("output_dir", "seed"):
        advice = "Give -o DIR." if key == "output_dir" else "Give --seeds N."
        raise KnownError("usage", f"--over {key} is not possible.", advice)
    if len(set(split)) < len(split):
        raise KnownError("usage", f"--over {text} has a value twice.", "Leave one out; --seeds N repeats runs.")
    return [f"{key}={value}" for value in split]


def _split(text: str) -> list[str]:
    """At the commas that are in no brackets and no quotes: `[q_proj,v_proj],all-linear` has two values."""
    parts, depth, quote = [""], 0, ""
    for character in text:
        if quote:
            quote = "" if character == quote else quote
        elif character in _QUOTES:
            quote = character
        else:
            depth += (character in _OPENING) - (character in _CLOSING)
        if character == "," and not depth and not quote:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def _name(values: Sequence[str], seed: int | None) -> str:
    """A name for files; where characters had to be replaced or cut, with a digest that tells it from others."""
    whole = ",".join([*values, *([f"seed={seed}"] if seed is not None else [])]) or "recipe"
    plain = re.sub(r"[^\w.,=+-]", "-", whole.replace(":", "-"))
    if plain == whole.replace(":", "-") and len(plain) <= _LONGEST_NAME:
        return plain.lstrip(".-")
    return f"{plain[:_LONGEST_NAME].lstrip('.-')}-{hashlib.sha256(whole.encode()).hexdigest()[:8]}"
