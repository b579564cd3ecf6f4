"""Where a candidate lost what it lost: every tensor that differs, how wrong it is, and what restoring it gives back.

Restoring one tensor costs one evaluation of the sample. Blocks and roles are restored as a whole first: few questions,
which tell where the loss is in a model of any size. From their answers and the output errors each tensor's share is
estimated; then the tensors are asked one by one, those with the largest estimates first, as many as there is time for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from belle.errors import KnownError
from belle.evaluation.layers.exchange import Back, KeptBacks, RestoredModel, in_turn
from belle.evaluation.layers.layer_error import LayerErrors, OutputErrors, possible_types, weight_errors
from belle.evaluation.layers.layer_loss import GroupLoss, LayerLoss, TensorLoss
from belle.evaluation.layers.weight_file import Pair, WeightFile, differing
from belle.evaluation.windows import Protocol

ALL_UP_TO = 1_000_000_000
"""Weights of a model of which every tensor is restored unless something else is asked for."""
MOST_TENSORS = 48
"""How many are restored one by one in larger ones."""
N_WINDOWS = 4

Progress = Callable[[str, int, int, float], None]
"""Called with what is being done, steps done, steps in all, and seconds left for them."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What is read for it.

    Attributes:
        text, protocol: what, and how it is cut.
        n_windows: of the text's windows, evenly spread.
        n_tensors: how many to restore one by one; None for `MOST_TENSORS`, and all in models up to `ALL_UP_TO`.
        threads: 0 for one per physical core.

    Raises KnownError("bad_option").
    """

    text: str
    protocol: Protocol
    n_windows: int = N_WINDOWS
    n_tensors: int | None = None
    threads: int = 0

    def __post_init__(self) -> None:
        if self.n_windows < 1:
            raise KnownError("bad_option", f"--by-layer-chunks {self.n_windows} reads nothing.", "Take 1 or more.")
        if self.n_tensors is not None and self.n_tensors < 0:
            raise KnownError("bad_option", f"--by-layer-tensors {self.n_tensors} makes no sense.", "Take 0 or more.")


class Sensitivity:
    """The analysis of one candidate. `result()` gives what is known, also after `run` was left by an exception.

    Args:
        reference, candidate: open files with the same tensors.
        sample: what is read.
        folder: for a temporary file.
        try_types: measure what every matrix would put out in every other type, for `suggest`.
        kept: where the answers are kept, and those of an earlier run are found.

    Raises KnownError("other_tensors", "unknown_type").
    """

    def __init__(
        self,
        reference: WeightFile,
        candidate: WeightFile,
        sample: Sample,
        folder: Path,
        *,
        try_types: bool = False,
        kept: KeptBacks | None = None,
    ) -> None:
        self._kept = kept
        self._reference, self._candidate, self._sample, self._folder = reference, candidate, sample, folder
        self.pairs = differing(reference, candidate)
        self.errors = LayerErrors()
        self._types = {
            stored.name: kinds
            for stored in reference.tensors.values()
            if try_types and (kinds := possible_types(stored.name, stored.shape))
        }
        self._found = _Found()

    def run(
        self, on_progress: Progress = lambda *_: None, then: Callable[[RestoredModel], None] = lambda _: None
    ) -> None:
        """Measure all of it, and call `then` while the model is there.

        Raises KnownError: what `RestoredModel` and `OutputErrors` raise.
        """
        sample = self._sample
        with RestoredModel(
            self._reference,
            self._candidate,
            sample.text,
            sample.protocol,
            n_windows=sample.n_windows,
            folder=self._folder,
            threads=sample.threads,
        ) as model:
            self._found.base = model.base_kl()
            self._found.n_windows, self._found.n_scored = len(model.windows), model.base.size
            clock = Clock("weights", len(self.pairs), on_progress)
            self.errors.weights = weight_errors(self._reference, self._candidate, self.pairs, clock.step)
            n_matrices = len({pair.name for pair in self.pairs if len(pair.shape) > 1} | set(self._types))
            clock = Clock("layer outputs", n_matrices * len(model.windows), on_progress)
            outputs = OutputErrors(
                self._reference, self._candidate, self.pairs, self._types, on_tensor=clock.step, threads=sample.threads
            )
            outputs.found.weights = self.errors.weights
            self.errors = outputs.read(model.windows)
            self._restore(model, on_progress)
            self._found.complete = True
            then(model)

    def result(self) -> LayerLoss | None:
        """What is known; None before the first figure."""
        found = self._found
        if found.base is None:
            return None
        estimates = self._estimates()
        rows = [self._row(pair, estimates[pair.name]) for pair in self.pairs]
        tried = sorted((row for row in rows if row.kl_back is not None), key=lambda row: -(row.kl_back or 0.0))
        rest = sorted((row for row in rows if row.kl_back is None), key=lambda row: -(row.estimate or 0.0))
        return LayerLoss(
            candidate=self._candidate.path.name,
            n_windows=found.n_windows,
            n_ctx=self._sample.protocol.n_ctx,
            n_scored=found.n_scored,
            kl=found.base.value,
            kl_error=found.base.error,
            n_restored=len(found.tensors),
            blocks=_groups(self.pairs, _block_name, found.blocks),
            roles=_groups(self.pairs, _role_name, found.roles),
            tensors=[*tried, *rest],
            complete=found.complete,
        )

    def _restore(self, model: RestoredModel, on_progress: Progress) -> None:
        blocks, roles = _by(self.pairs, _block_name), _by(self.pairs, _role_name)
        chosen = self.n_singles(len(self.pairs))
        counts = {"blocks": len(blocks), "roles": len(roles), "tensors": chosen}
        n_asked = sum(self._kept.n_unknown(*count) if self._kept else count[1] for count in counts.items())
        clock = Clock("restoring", n_asked, on_progress)
        for name, groups, table in (("blocks", blocks, self._found.blocks), ("roles", roles, self._found.roles)):
            for group, back in self._in_turn(name, model, groups, clock):
                table[group] = back
        estimates = self._estimates()
        ranked = sorted(self.pairs, key=lambda pair: -(estimates[pair.name] or 0.0))
        singles = {pair.name: [pair.name] for pair in ranked[:chosen]}
        for tensor, back in self._in_turn("tensors", model, singles, clock):
            self._found.tensors[tensor] = back

    def _in_turn(
        self, table: str, model: RestoredModel, groups: Mapping[str, Sequence[str]], clock: Clock
    ) -> Iterator[tuple[str, Back | None]]:
        if self._kept:
            return self._kept.in_turn(table, model, groups, clock.step)
        return in_turn(model, groups, clock.step)

    def n_singles(self, n: int) -> int:
        """How many of `n` tensors are tried one by one."""
        asked = self._sample.n_tensors
        if asked is None:
            asked = n if self._reference.header.n_params <= ALL_UP_TO else MOST_TENSORS
        return min(asked, n)

    def _row(self, pair: Pair, estimate: float | None) -> TensorLoss:
        weights, outputs = self.errors.weights.get(pair.name), self.errors.outputs.get(pair.name)
        back = self._found.tensors.get(pair.name)
        return TensorLoss(
            name=pair.name,
            block=pair.block,
            role=pair.role,
            reference=pair.reference,
            candidate=pair.candidate,
            n_weights=pair.n_weights,
            reference_bytes=pair.reference_bytes,
            candidate_bytes=pair.candidate_bytes,
            weight_error=weights.value if weights else None,
            output_error=outputs.value if outputs else None,
            estimate=estimate,
            kl_back=back.value if back else None,
            kl_back_error=back.error if back else None,
        )

    def _error(self, pair: Pair) -> float:
        ratio = self.errors.outputs.get(pair.name) or self.errors.weights.get(pair.name)
        return (ratio.value if ratio else None) or 0.0

    def _estimates(self) -> dict[str, float | None]:
        """What restoring each tensor should give back, by name.

        The mean of what its role's loss per error makes of its error, and of its share of its block's loss.
        """
        roles, blocks = self._found.roles, self._found.blocks
        errors = _sums(self.pairs, _role_name, self._error)
        # An error counts by what its role loses per error; alone while that is not known.
        expected = {}
        for pair in self.pairs:
            role, total = roles.get(_role_name(pair)), errors[_role_name(pair)]
            cost = max(0.0, role.value) / total if role and total else 1.0
            expected[pair.name] = cost * self._error(pair)
        totals = _sums(self.pairs, _block_name, lambda pair: expected[pair.name])
        found: dict[str, float | None] = {}
        for pair in self.pairs:
            own, block = expected[pair.name], blocks.get(_block_name(pair))
            parts = [own] if roles.get(_role_name(pair)) else []
            if block and totals[_block_name(pair)]:
                parts.append(max(0.0, block.value) * own / totals[_block_name(pair)])
            found[pair.name] = sum(parts) / len(parts) if parts else None
        return found


@dataclass(slots=True)
class _Found:
    base: Back | None = None
    n_windows: int = 0
    n_scored: int = 0
    blocks: dict[str, Back | None] = field(default_factory=dict)
    roles: dict[str, Back | None] = field(default_factory=dict)
    tensors: dict[str, Back | None] = field(default_factory=dict)
    complete: bool = False


class Clock:
    """Counts the steps of a part of the work and says how long the rest of it will take."""

    def __init__(self, words: str, total: int, on_progress: Progress) -> None:
        self._words, self._total, self._on_progress = words, total, on_progress
        self._done, self._began = 0, monotonic()

    def step(self, _: str = "") -> None:
        """One is done."""
        self._done = min(self._done + 1, self._total)
        each = (monotonic() - self._began) / max(1, self._done)
        self._on_progress(self._words, self._done, self._total, each * (self._total - self._done))


def _block_name(pair: Pair) -> str:
    return pair.name.removesuffix(".weight") if pair.block is None else f"blk.{pair.block}"


def _role_name(pair: Pair) -> str:
    return pair.role


def _by(pairs: Sequence[Pair], name_of: Callable[[Pair], str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for pair in pairs:
        groups.setdefault(name_of(pair), []).append(pair.name)
    return groups


def _sums(pairs: Sequence[Pair], name_of: Callable[[Pair], str], value_of: Callable[[Pair], float]) -> dict[str, float]:
    sums: dict[str, float] = {}
    for pair in pairs:
        sums[name_of(pair)] = sums.get(name_of(pair), 0.0) + value_of(pair)
    return sums


def _groups(pairs: Sequence[Pair], name_of: Callable[[Pair], str], found: dict[str, Back | None]) -> list[GroupLoss]:
    sizes: dict[str, list[int]] = {}
    for pair in pairs:
        sizes.setdefault(name_of(pair), []).append(pair.candidate_bytes)
    blocks = {name_of(pair): -1 if pair.block is None else pair.block for pair in pairs}
    order = sorted(sizes, key=lambda name: blocks[name]) if name_of is _block_name else list(sizes)
    rows = []
    for name in order:
        back = found.get(name)
        rows.append(
            GroupLoss(
                name, len(sizes[name]), sum(sizes[name]), back.value if back else None, back.error if back else None
            )
        )
    return rows
