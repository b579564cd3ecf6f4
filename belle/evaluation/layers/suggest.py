"""Suggests a type for each tensor, with the least loss at a given size: as `--tensor-type` rules.

The loss is modelled as a sum over tensors, each in proportion to its output error: the errors in every type were
measured, and what restoring the tensor gave back says how much KL divergence one unit of its error costs. Both are
approximations for small losses, so the suggestion is measured too.
"""

from __future__ import annotations

import math
import re
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from gguf.constants import GGMLQuantizationType as GGMLType

from belle.errors import KnownError
from belle.evaluation.layers.costs import Probe, costs, error_as
from belle.evaluation.layers.knapsack import Option, knapsack
from belle.evaluation.layers.layer_error import LayerErrors, possible_types
from belle.evaluation.layers.sensitivity_table import SensitivityTable
from belle.evaluation.layers.weight_file import WeightFile
from belle.gguf.types import FILE_TYPES, row_bytes
from belle.gguf.writer import padded

_VERSION_KEY = "general.quantization_version"
_VERSION_BYTES = 8 + len(_VERSION_KEY) + 4 + 4  # in a GGUF's header: length of the key, key, type, number


class Sizes:
    """The sizes of files with this model's tensors in any types, from the headers of two existing files."""

    def __init__(self, reference: WeightFile, candidate: WeightFile) -> None:
        self.shapes = {name: stored.shape for name, stored in reference.tensors.items()}
        self.types = {name: kinds for name, shape in self.shapes.items() if (kinds := possible_types(name, shape))}
        has_version = any(_VERSION_KEY in file.header.metadata for file in (reference, candidate))
        start = max(min(stored.start for stored in file.tensors.values()) for file in (reference, candidate))
        head = start if has_version else padded(start + _VERSION_BYTES)
        self._fixed = head + sum(self.of(name, "F32") for name in self.shapes if name not in self.types)

    def of(self, name: str, kind: str) -> int:
        """Bytes of a tensor as this type."""
        *rows, columns = self.shapes[name]
        return padded(math.prod(rows) * row_bytes(GGMLType[kind], columns))

    def total(self, types: Mapping[str, str]) -> int:
        """Bytes of the whole file."""
        return self._fixed + sum(self.of(name, kind) for name, kind in types.items())

    def reach(self) -> tuple[int, int]:
        """The sizes of the smallest and the largest possible file."""
        each = [[self.of(name, kind) for kind in kinds] for name, kinds in self.types.items()]
        return self._fixed + sum(map(min, each)), self._fixed + sum(map(max, each))


def asked_bytes(gigabytes: float, sizes: Sizes) -> int:
    """The requested size in bytes. Raises KnownError("size_out_of_reach"), which names the possible sizes."""
    smallest, largest = sizes.reach()
    asked = round(gigabytes * 1e9) if math.isfinite(gigabytes) else -1
    if not smallest <= asked <= largest:
        where = f"{_up(smallest):g} GB (all in the smallest types) to {_down(largest):g} GB (all in f16)"
        raise KnownError(
            "size_out_of_reach",
            f"No file of {gigabytes:g} GB can be made of this model: sizes go from {where}.",
            "Give --suggest a size in between; 1 GB is 10⁹ bytes.",
            smallest=smallest,
            largest=largest,
        )
    return asked


def suggest(
    asked: int,
    sizes: Sizes,
    layers: SensitivityTable,
    errors: LayerErrors,
    probes: Mapping[str, Probe],
    *,
    candidate_size: int,
) -> Suggestion:
    """The types with the least predicted loss that fit into `asked` bytes.

    Args:
        asked: from `asked_bytes`.
        sizes: of the model.
        layers: a candidate's table.
        errors: of the same candidate, with types.
        probes: the results of `probe`.
        candidate_size: bytes of its file.

    Raises KnownError("nothing_lost"), see `costs`.
    """
    each = costs(layers, errors, probes, list(sizes.types))
    options = {
        name: [Option(kind, sizes.of(name, kind), each[name] * error_as(errors, name, kind)) for kind in kinds]
        for name, kinds in sizes.types.items()
    }
    smallest, largest = sizes.reach()
    chosen = knapsack(options, asked - sizes.total({}))
    types = {name: option.type for name, option in chosen.items()}
    base, rules = rules_of(types)
    restored = {tensor.name for tensor in layers.tensors if tensor.kl_back is not None}
    return Suggestion(
        asked=asked,
        size=sizes.total(types),
        smallest=smallest,
        largest=largest,
        kl=sum(option.loss for option in chosen.values()),
        measured_kl=None,
        measured_error=None,
        candidate=layers.candidate,
        candidate_size=candidate_size,
        candidate_kl=layers.kl,
        n_restored=len(restored & set(types) - set(probes)),
        n_probed=len(probes),
        n_tensors=len(types),
        types=types,
        rules=rules,
        command=command(base, rules),
    )


def rules_of(types: Mapping[str, str]) -> tuple[str, list[str]]:
    """The type that most tensors have, and `REGEX=TYPE` rules for the others: one per type and role."""
    base = Counter(types.values()).most_common(1)[0][0]
    blocks: dict[tuple[str, str], list[int]] = {}
    of_role: Counter[str] = Counter()
    rules = []
    for name, kind in types.items():
        match = re.fullmatch(r"blk\.(\d+)\.(.+)", name)
        if match:
            of_role[match[2]] += 1
            if kind != base:
                blocks.setdefault((kind, match[2]), []).append(int(match[1]))
        elif kind != base:
            rules.append(f"^{re.escape(name)}$={kind.lower()}")
    for (kind, role), numbers in sorted(blocks.items()):
        which = r"\d+" if len(numbers) == of_role[role] else f"({'|'.join(map(str, sorted(numbers)))})"
        rules.append(rf"^blk\.{which}\.{re.escape(role)}$={kind.lower()}")
    return base, rules


def command(base: str, rules: Sequence[str]) -> str:
    """The command line, quoted for a shell."""
    named = [kind.name.lower() for kind in FILE_TYPES.values() if kind.base.name == base]
    # Q4_K is the base of q4_k_m and of q4_k_s; --pure leaves no difference but the name.
    file_type = next((name for name in named if name == base.lower() or name.endswith("_m")), named[0])
    words = ["belle", "convert", "CHECKPOINT", "-o", "suggested.gguf", "--type", file_type, "--pure"]
    for rule in rules:
        words += ["--tensor-type", rule]
    return shlex.join(words)


def _up(n_bytes: int) -> float:
    return math.ceil(n_bytes / 1e5) / 1e4


def _down(n_bytes: int) -> float:
    return math.floor(n_bytes / 1e5) / 1e4


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Suggested types, and what they are expected to lose.

    Attributes:
        asked: the requested size, bytes.
        size: of the file that the command makes, bytes; exact for the checkpoint that the candidate was made from.
        smallest, largest: the possible sizes, bytes.
        kl: predicted mean KL divergence, nats per token.
        measured_kl, measured_error: measured on the sample, and the standard error; None where not measured.
        candidate: whose table was used, `candidate_size` its size in bytes, `candidate_kl` its mean KL divergence on
            the sample.
        n_restored, n_probed, n_tensors: matrices whose sensitivity was measured by restoring them, by probing them, and
            the number of all; the others have the mean of their role.
        types: by tensor.
        command: quoted for a shell; CHECKPOINT stands for what the reference was made from.
    """

    asked: int
    size: int
    smallest: int
    largest: int
    kl: float
    measured_kl: float | None
    measured_error: float | None
    candidate: str
    candidate_size: int
    candidate_kl: float
    n_restored: int
    n_probed: int
    n_tensors: int
    types: dict[str, str]
    rules: list[str]
    command: str

    def as_json(self) -> dict[str, Any]:
        """For `Measurement.extra`."""
        return asdict(self)
