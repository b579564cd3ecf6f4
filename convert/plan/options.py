"""The options of a conversion."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from gguf.constants import GGMLQuantizationType as GGMLType

from belle.errors import KnownError
from belle.gguf.types import tensor_type
from convert.plan.mixture import TypeRequests

GPTQMode = Literal["exact", "fast", "requantize"]
Part = Literal["both", "text", "mmproj"]
Requantized = Literal["q8_0", "q6_k"]

REQUANTIZED: Requantized = "q8_0"
"""The default type of GPTQ layers whose codes cannot be moved."""


@dataclass(frozen=True)
class AdapterChoice:
    """A LoRA adapter to merge: the folder that PEFT saved, and a factor of its own scaling."""

    folder: Path
    strength: float = 1.0


@dataclass(frozen=True)
class ConvertOptions:
    """All options but the checkpoint and the output.

    Attributes:
        types: names of file types, one file each; none means f16.
        adapters: merged into the weights, in this order.
        imatrix: a file with an importance matrix.
        requests: types by tensor name.
        gptq: what happens to layers that are quantized already: `exact` moves their codes, `fast` moves 4-bit codes
            into the type with the fastest kernel, `requantize` goes through floats to `types`. None: `exact` unless
            types are given.
        requantized: with `exact` and `fast`, the type of those layers whose codes cannot be moved (see
            `convert.gptq.requantize`). None: `REQUANTIZED`, or the file type where types are given.
        template: id of a built-in prompt template, instead of the checkpoint's own; `none` for none.
        round_first: round to F16 before quantizing, as llama.cpp's two steps do.
        threads: that compute; 0 for one per processor.
        resume: continue an interrupted run.
        verify: read the file back and compare it with the checkpoint before it gets its name.
        name, license_id, repository: metadata instead of what the checkpoint says.
        report: another file that will be written, which must not be one of the inputs.
        part: of a model that sees: `text`, its language model alone, or `mmproj`, its vision encoder alone.
    """

    types: tuple[str, ...] = ()
    adapters: tuple[AdapterChoice, ...] = ()
    imatrix: Path | None = None
    requests: TypeRequests = field(default_factory=TypeRequests)
    gptq: GPTQMode | None = None
    requantized: Requantized | None = None
    template: str | None = None
    round_first: bool = True
    threads: int = 0
    resume: bool = True
    verify: bool = True
    name: str | None = None
    license_id: str | None = None
    repository: str | None = None
    report: Path | None = None
    part: Part = "both"

    @property
    def gptq_mode(self) -> GPTQMode:
        """`gptq`, or its default with these types."""
        return self.gptq or ("requantize" if self.types else "exact")

    @property
    def unmovable_type(self) -> GGMLType | None:
        """The type of `requantized`, or its default; None for the file type. Raises KnownError (`usage`)."""
        if self.gptq_mode == "requantize":
            if self.requantized is None:
                return None
            raise KnownError(
                "usage",
                f"--gptq-requantize {self.requantized} is for layers whose codes cannot be moved, and here none are "
                "moved: all are quantized again.",
                "Leave it out, or ask with --gptq exact for the others to be moved.",
            )
        name = self.requantized or (None if self.types else REQUANTIZED)
        return tensor_type(name) if name else None


def tensor_requests(rules: Iterable[str]) -> tuple[tuple[re.Pattern[str], GGMLType], ...]:
    """Parse `REGEX=TYPE` rules; the first that matches a tensor's name applies. Raises KnownError (`bad_rule`)."""
    parsed = []
    for rule in rules:
        pattern, equals, kind = rule.rpartition("=")
        if not equals or not pattern:
            raise KnownError("bad_rule", f"“{rule}” is not of the form REGEX=TYPE.", "Such as attn_v=q8_0.", rule=rule)
        try:
            compiled = re.compile(pattern, re.IGNORECASE)
        except re.error as error:
            raise KnownError(
                "bad_rule",
                f"“{pattern}” is not a regular expression: {error}.",
                "Such as blk.[0-3].ffn_down.",
                rule=rule,
            ) from error
        parsed.append((compiled, tensor_type(kind)))
    return tuple(parsed)


def output_paths(out: Path, type_names: list[str]) -> list[Path]:
    """The file of every type: `{type}` in the name is replaced; without it several types are put before the suffix."""
    if "{type}" in out.name:
        return [out.with_name(out.name.replace("{type}", name)) for name in type_names]
    if len(type_names) == 1:
        return [out]
    return [out.with_name(f"{out.stem}-{name}{out.suffix}") for name in type_names]
