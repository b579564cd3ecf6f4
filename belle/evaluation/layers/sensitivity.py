"""The sensitivity analysis of a candidate: each tensor that differs, its error, and what restoring it recovers.

Restoring one tensor costs one evaluation of the sample. Whole blocks and roles are restored first: these are few, and
show where the loss is in a model of any size. From what they recover and from the output errors the share of each
tensor is estimated; then single tensors are restored, those with the largest estimates first, up to a number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from belle.errors import KnownError
from belle.evaluation.layers.exchange import ExchangeModel, LayerRecords, MeanKl, recovered_by_group
from belle.evaluation.layers.layer_error import LayerErrors, LayerOutputErrors, possible_types, weight_errors
from belle.evaluation.layers.sensitivity_table import GroupLoss, SensitivityTable, TensorLoss
from belle.evaluation.layers.weight_file import Pair, WeightFile, differing
from belle.evaluation.windows import Protocol

ALL_UP_TO = 1_000_000_000
"""Up to this number of weights in the model, every tensor is restored by default."""
MOST_TENSORS = 48
"""How many tensors are restored one by one in larger models by default."""
N_WINDOWS = 4

Progress = Callable[[str, int, int, float], None]
"""Called with the name of the step, steps done, steps in all, and seconds left for them."""


@dataclass(frozen=True, slots=True)
class LayerSample:
    """The text that the analysis reads.

    Attributes:
        text, protocol: the text, and how it is cut.
        n_windows: how many of its windows to read, evenly spread.
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
            raise KnownError("bad_option", f"--by-layer-tensors is {self.n_tensors}.", "Take 0 or more.")


class Sensitivity:
    """The analysis of one candidate. `result()` returns what was measured, also after `run` has raised.

    Args:
        reference, candidate: open files with the same tensors.
        sample: the text to read.
        folder: for a temporary file.
        try_types: also measure the output errors of every matrix in every other type, for `suggest`.
        records: the results of groups, those of an earlier run included; None to record nothing.

    Raises KnownError("other_tensors", "unknown_type").
    """

    def __init__(
        self,
        reference: WeightFile,
        candidate: WeightFile,
        sample: LayerSample,
        folder: Path,
        *,
        try_types: bool = False,
        records: LayerRecords | None = None,
    ) -> None:
        self._records = records
        self._reference, self._candidate, self._sample, self._folder = reference, candidate, sample, folder
        self.pairs = differing(reference, candidate)
        self.errors = LayerErrors()
        self._types = {
            stored.name: kinds
            for stored in reference.tensors.values()
            if try_types and (kinds := possible_types(stored.name, stored.shape))
        }
        self._results = _Results()

    def run(
        self, on_progress: Progress = lambda *_: None, then: Callable[[ExchangeModel], None] = lambda _: None
    ) -> None:
        """Run the analysis, and call `then` while the model is still loaded.

        Raises KnownError: what `ExchangeModel` and `LayerOutputErrors` raise.
        """
        sample = self._sample
        with ExchangeModel(
            self._reference,
            self._candidate,
            sample.text,
            sample.protocol,
            n_windows=sample.n_windows,
            folder=self._folder,
            threads=sample.threads,
        ) as model:
            self._results.base = model.base_kl()
            self._results.n_windows, self._results.n_scored = len(model.windows), model.base.size
            clock = Clock("weights", len(self.pairs), on_progress)
            self.errors.weights = weight_errors(self._reference, self._candidate, self.pairs, clock.step)
            n_matrices = len({pair.name for pair in self.pairs if len(pair.shape) > 1} | set(self._types))
            clock = Clock("layer outputs", n_matrices * len(model.windows), on_progress)
            outputs = LayerOutputErrors(
                self._reference, self._candidate, self.pairs, self._types, on_tensor=clock.step, threads=sample.threads
            )
            outputs.errors.weights = self.errors.weights
            self.errors = outputs.read(model.windows)
            self._restore(model, on_progress)
            self._results.complete = True
            then(model)

    def result(self) -> SensitivityTable | None:
        """What was measured so far; None before the first figure."""
        results = self._results
        if results.base is None:
            return None
        estimates = self._estimates()
        rows = [self._row(pair, estimates[pair.name]) for pair in self.pairs]
        tried = sorted((row for row in rows if row.kl_back is not None), key=lambda row: -(row.kl_back or 0.0))
        rest = sorted((row for row in rows if row.kl_back is None), key=lambda row: -(row.estimate or 0.0))
        return SensitivityTable(
            candidate=self._candidate.path.name,
            n_windows=results.n_windows,
            n_ctx=self._sample.protocol.n_ctx,
            n_scored=results.n_scored,
            kl=results.base.value,
            kl_error=results.base.error,
            n_restored=len(results.tensors),
            blocks=_groups(self.pairs, _block_name, results.blocks),
            roles=_groups(self.pairs, _role_name, results.roles),
            tensors=[*tried, *rest],
            complete=results.complete,
        )

    def _restore(self, model: ExchangeModel, on_progress: Progress) -> None:
        blocks, roles = _by(self.pairs, _block_name), _by(self.pairs, _role_name)
        chosen = self.n_singles(len(self.pairs))
        counts = {"blocks": len(blocks), "roles": len(roles), "tensors": chosen}
        n_unknown = sum(self._records.n_unknown(*count) if self._records else count[1] for count in counts.items())
        clock = Clock("restoring", n_unknown, on_progress)
        for name, groups, table in (("blocks", blocks, self._results.blocks), ("roles", roles, self._results.roles)):
            for group, recovered in self._recovered_by_group(name, model, groups, clock):
                table[group] = recovered
        estimates = self._estimates()
        ranked = sorted(self.pairs, key=lambda pair: -(estimates[pair.name] or 0.0))
        singles = {pair.name: [pair.name] for pair in ranked[:chosen]}
        for tensor, recovered in self._recovered_by_group("tensors", model, singles, clock):
            self._results.tensors[tensor] = recovered

    def _recovered_by_group(
        self, table: str, model: ExchangeModel, groups: Mapping[str, Sequence[str]], clock: Clock
    ) -> Iterator[tuple[str, MeanKl | None]]:
        if self._records:
            return self._records.recovered_by_group(table, model, groups, clock.step)
        return recovered_by_group(model, groups, clock.step)

    def n_singles(self, n: int) -> int:
        """How many of `n` tensors are restored one by one."""
        asked = self._sample.n_tensors
        if asked is None:
            asked = n if self._reference.header.n_params <= ALL_UP_TO else MOST_TENSORS
        return min(asked, n)

    def _row(self, pair: Pair, estimate: float | None) -> TensorLoss:
        weights, outputs = self.errors.weights.get(pair.name), self.errors.outputs.get(pair.name)
        recovered = self._results.tensors.get(pair.name)
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
            kl_back=recovered.value if recovered else None,
            kl_back_error=recovered.error if recovered else None,
        )

    def _error(self, pair: Pair) -> float:
        ratio = self.errors.outputs.get(pair.name) or self.errors.weights.get(pair.name)
        return (ratio.value if ratio else None) or 0.0

    def _estimates(self) -> dict[str, float | None]:
        """The KL divergence that restoring each tensor is expected to give back, by name.

        The mean of two estimates: the tensor's error times its role's loss per error, and the tensor's share of its
        block's loss, in proportion to the first.
        """
        roles, blocks = self._results.roles, self._results.blocks
        errors = _sums(self.pairs, _role_name, self._error)
        # While its role's loss per error is not known, the error itself serves to order tensors.
        expected = {}
        for pair in self.pairs:
            role, total = roles.get(_role_name(pair)), errors[_role_name(pair)]
            cost = max(0.0, role.value) / total if role and total else 1.0
            expected[pair.name] = cost * self._error(pair)
        totals = _sums(self.pairs, _block_name, lambda pair: expected[pair.name])
        estimates: dict[str, float | None] = {}
        for pair in self.pairs:
            own, block = expected[pair.name], blocks.get(_block_name(pair))
            parts = [own] if roles.get(_role_name(pair)) else []
            if block and totals[_block_name(pair)]:
                parts.append(max(0.0, block.value) * own / totals[_block_name(pair)])
            estimates[pair.name] = sum(parts) / len(parts) if parts else None
        return estimates


@dataclass(slots=True)
class _Results:
    base: MeanKl | None = None
    n_windows: int = 0
    n_scored: int = 0
    blocks: dict[str, MeanKl | None] = field(default_factory=dict)
    roles: dict[str, MeanKl | None] = field(default_factory=dict)
    tensors: dict[str, MeanKl | None] = field(default_factory=dict)
    complete: bool = False


class Clock:
    """Counts the steps of a part of the work and reports the time left for it."""

    def __init__(self, words: str, total: int, on_progress: Progress) -> None:
        self._words, self._total, self._on_progress = words, total, on_progress
        self._done, self._began = 0, monotonic()

    def step(self, _: str = "") -> None:
        """Count one step."""
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


def _groups(
    pairs: Sequence[Pair], name_of: Callable[[Pair], str], recovered: dict[str, MeanKl | None]
) -> list[GroupLoss]:
    sizes: dict[str, list[int]] = {}
    for pair in pairs:
        sizes.setdefault(name_of(pair), []).append(pair.candidate_bytes)
    blocks = {name_of(pair): -1 if pair.block is None else pair.block for pair in pairs}
    order = sorted(sizes, key=lambda name: blocks[name]) if name_of is _block_name else list(sizes)
    rows = []
    for name in order:
        own = recovered.get(name)
        rows.append(
            GroupLoss(name, len(sizes[name]), sum(sizes[name]), own.value if own else None, own.error if own else None)
        )
    return rows
