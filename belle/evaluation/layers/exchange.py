"""The KL divergence that a candidate recovers when some of its tensors get the reference's contents.

The reference is run once, and its logits are kept in a file. The candidate stays loaded while tensors are exchanged, so
each experiment costs one evaluation of the sample.
"""

from __future__ import annotations

import contextlib
import math
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belle.durable import writing
from belle.engine.llama.tensor_exchange import Blocks, LiveTensors
from belle.evaluation.layers.weight_file import WeightFile
from belle.evaluation.sources.base import LogitSource, Rows, Speed, chunk_rows
from belle.evaluation.sources.llama import LlamaSource, text_tokens, window_bos
from belle.evaluation.text.comparison import Comparison
from belle.evaluation.windows import Protocol, Window, cut
from belle.json_lines import ResumableLines

_KL = 2  # row of a `TokenRecords` block: the reference's losses, then the candidate's, then its divergences

Divergences = NDArray[np.float64]

Exchange = Mapping[str, tuple[int, Blocks]]
"""Tensors by name: their new type (ggml's number) and bytes."""


@dataclass(frozen=True, slots=True)
class MeanKl:
    """A mean KL divergence, or a difference of two (nats per token), and its standard error.

    A difference is of the same tokens before and after, so its error is that of the paired differences.
    """

    value: float
    error: float


class CachedLogits:
    """A `LogitSource` that reads the logits of another one from a temporary file.

    Args:
        source: is run once, here.
        windows: the sample.
        folder: for a temporary file of `4 · n_scored · n_vocab` bytes per window.

    Raises KnownError: what the source raises, "disk_full", "folder_not_writable".
    """

    def __init__(self, source: LogitSource, windows: Sequence[Window], folder: Path) -> None:
        self.name, self.n_vocab, self.speed = source.name, source.n_vocab, Speed()
        step = chunk_rows(source.n_vocab)
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder) as file:
                for window in windows:
                    for rows in source.rows(window, step):
                        file.write(rows.tobytes())
                file.flush()
                # The mapping stays valid after the file is closed; its space is freed with the mapping.
                logits = np.memmap(file, np.float32, "r")
        each = logits.size // len(windows)
        self._rows = {
            window.start: logits[i * each : (i + 1) * each].reshape(-1, self.n_vocab)
            for i, window in enumerate(windows)
        }

    def rows(self, window: Window, step: int) -> Iterator[Rows]:
        """See `LogitSource`."""
        rows = self._rows[window.start]
        for start in range(0, len(rows), step):
            yield rows[start : start + step]

    def decode_speed(self) -> None:
        """None: nothing is run."""

    def close(self) -> None:
        """Nothing: the file is freed with the last view of it."""


class _ExchangeableSource(LlamaSource):
    """A candidate whose tensors can be exchanged."""

    def __init__(self, file: WeightFile, protocol: Protocol, *, threads: int) -> None:
        super().__init__(file.path, protocol, threads=threads)
        try:
            self.live = LiveTensors(self.model, file.header)
        except BaseException:
            self.close()
            raise


class ExchangeModel:
    """A candidate on a sample of the text, with any of its tensors exchanged. To be closed.

    Args:
        reference, candidate: the files.
        text: the sample is taken from it.
        protocol: how it is cut; of its windows `n_windows` are taken, evenly spread.
        folder: for a temporary file.
        threads: for evaluation; 0 for one per physical core.

    Attributes:
        windows: the sample.
        base: the divergences of the unchanged candidate, `[n_windows · n_scored]`.

    Raises KnownError: what loading raises, "text_too_short", "unknown_llama_build", what `Comparison` raises.
    """

    def __init__(
        self,
        reference: WeightFile,
        candidate: WeightFile,
        text: str,
        protocol: Protocol,
        *,
        n_windows: int,
        folder: Path,
        threads: int = 0,
    ) -> None:
        self._reference, self._n_scored = reference, protocol.n_scored
        with contextlib.closing(LlamaSource(reference.path, protocol, threads=threads)) as source:
            vocabulary = source.vocabulary
            self.windows = spread(cut(text_tokens(vocabulary, text), protocol, window_bos(vocabulary)), n_windows)
            self._logits = CachedLogits(source, self.windows, folder)
        self._source = _ExchangeableSource(candidate, protocol, threads=threads)
        try:
            self.base = self._divergences()
        except BaseException:
            self._source.close()
            raise

    def __enter__(self) -> ExchangeModel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the memory."""
        self._source.live.undo()
        self._source.close()

    def can_exchange(self, name: str) -> bool:
        """Whether llama.cpp uses a tensor of this name in every evaluation."""
        return name in self._source.live

    def recovered(self, names: Iterable[str]) -> MeanKl | None:
        """The divergence that these tensors recover with the reference's contents; None when that predicts NaN."""
        stored = self._reference.tensors
        return self.recovered_with({name: (stored[name].type, self._reference.blocks(name)) for name in names})

    def recovered_with(self, tensors: Exchange) -> MeanKl | None:
        """The divergence before minus after replacing these contents; None when the model then predicts NaN."""
        divergences = self._with(tensors)
        return None if divergences is None or np.isnan(self.base).any() else _mean(self.base - divergences)

    def kl_with(self, tensors: Exchange) -> MeanKl | None:
        """The mean divergence with these contents; None when the model then predicts NaN."""
        divergences = self._with(tensors)
        return None if divergences is None else _mean(divergences)

    def base_kl(self) -> MeanKl:
        """The mean divergence of the unchanged candidate."""
        return _mean(self.base)

    def _with(self, tensors: Exchange) -> Divergences | None:
        live = self._source.live
        try:
            for name, (kind, blocks) in tensors.items():
                live.exchange(name, kind, blocks)
            divergences = self._divergences()
        finally:
            live.undo()
        return None if np.isnan(divergences).any() else divergences

    def _divergences(self) -> Divergences:
        comparison = Comparison([self._logits, self._source], {})
        return np.concatenate([comparison.window(window)[_KL] for window in self.windows])


def spread(windows: Sequence[Window], n: int) -> list[Window]:
    """`n` of the windows, evenly spread; all of them when there are no more."""
    if n >= len(windows):
        return list(windows)
    return [windows[(2 * i + 1) * len(windows) // (2 * n)] for i in range(n)]


def recovered_by_group(
    model: ExchangeModel, groups: Mapping[str, Sequence[str]], on_done: Callable[[], None]
) -> Iterator[tuple[str, MeanKl | None]]:
    """What each group of tensors recovers, one group after the other."""
    for group, names in groups.items():
        yield group, recovered_group(model, names)
        on_done()


def recovered_group(model: ExchangeModel, names: Sequence[str]) -> MeanKl | None:
    """What these tensors recover together; those that cannot be exchanged are left out. None when no tensor is left."""
    usable = [name for name in names if model.can_exchange(name)]
    return model.recovered(usable) if usable else None


def _mean(values: Divergences) -> MeanKl:
    n = values.size
    return MeanKl(float(values.mean()), float(values.std()) / math.sqrt(n - 1) if n > 1 else 0.0)


class LayerRecords:
    """What groups of tensors recovered, written to the disk at once: in a large model each takes minutes.

    Args:
        path: a file of JSON Lines.
        identity: what the results depend on.
        resume: continue the file.

    Raises KnownError: what `ResumableLines` raises.
    """

    def __init__(self, path: Path, identity: Mapping[str, Any], *, resume: bool) -> None:
        self._known: dict[tuple[str, str], MeanKl | None] = {}
        self._file = ResumableLines(path, identity, self._take, resume=resume)

    def n_unknown(self, table: str, n: int) -> int:
        """How many of the `n` groups of a table are not measured yet."""
        return max(0, n - sum(known == table for known, _ in self._known))

    def recovered_by_group(
        self, table: str, model: ExchangeModel, groups: Mapping[str, Sequence[str]], on_done: Callable[[], None]
    ) -> Iterator[tuple[str, MeanKl | None]]:
        """As the function of this name, but measures, and calls `on_done` for, only what is not recorded yet."""
        for name, tensors in groups.items():
            if (table, name) not in self._known:
                recovered = recovered_group(model, tensors)
                on_done()
                self._file.append({"table": table, "name": name, "back": asdict(recovered) if recovered else None})
                self._known[table, name] = recovered
            yield name, self._known[table, name]

    def close(self) -> None:
        """Close the file; it stays for `resume`. Raises KnownError."""
        self._file.close()

    def _take(self, row: dict[str, Any]) -> None:
        numbers = row["back"]
        recovered = None if numbers is None else MeanKl(float(numbers["value"]), float(numbers["error"]))
        self._known[str(row["table"]), str(row["name"])] = recovered
