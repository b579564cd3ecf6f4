"""The KL divergence that comes back when some tensors of a candidate get their contents in the reference again.

The reference is run once, its logits wait in a file. The candidate stays loaded while its tensors are exchanged, so a
question costs one evaluation of the sample and nothing else.
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

from belle.durable import worded
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
class Back:
    """What restoring gave back: mean KL divergence (nats per token) before minus after, and its standard error.

    Both are of the same tokens, so the error is that of the differences.
    """

    value: float
    error: float


class KeptRows:
    """A source of logits that were computed before; see `belle.evaluation.sources.base.LogitSource`.

    Args:
        source: computes them now.
        windows: of which.
        folder: for a temporary file of `4 · n_scored · n_vocab` bytes per window.

    Raises KnownError: what the source raises, "disk_full", "folder_not_writable".
    """

    def __init__(self, source: LogitSource, windows: Sequence[Window], folder: Path) -> None:
        self.name, self.n_vocab, self.speed = source.name, source.n_vocab, Speed()
        step = chunk_rows(source.n_vocab)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder) as file:
                for window in windows:
                    for rows in source.rows(window, step):
                        file.write(rows.tobytes())
                file.flush()
                # The mapping outlives the file's name and handle.
                kept = np.memmap(file, np.float32, "r")
        except OSError as error:
            raise worded(folder, error) from error
        each = kept.size // len(windows)
        self._rows = {
            window.start: kept[i * each : (i + 1) * each].reshape(-1, self.n_vocab) for i, window in enumerate(windows)
        }

    def rows(self, window: Window, step: int) -> Iterator[Rows]:
        """See `LogitSource`."""
        rows = self._rows[window.start]
        for start in range(0, len(rows), step):
            yield rows[start : start + step]

    def decode_speed(self) -> None:
        """Nothing is run."""

    def close(self) -> None:
        """The file goes with the last view of it."""


class _ExchangeableSource(LlamaSource):
    """A candidate whose tensors can be exchanged."""

    def __init__(self, file: WeightFile, protocol: Protocol, *, threads: int) -> None:
        super().__init__(file.path, protocol, threads=threads)
        try:
            self.live = LiveTensors(self.model, file.header)
        except BaseException:
            self.close()
            raise


class RestoredModel:
    """A candidate on a sample of the text, with any of its tensors exchanged. To be closed.

    Args:
        reference, candidate: the files.
        text: which the sample is taken from.
        protocol: how it is cut; of the windows that it allows, `n_windows` are taken, evenly spread.
        folder: for a temporary file.
        threads: for evaluation; 0 for one per physical core.

    Attributes:
        windows: the sample.
        base: the candidate's divergences as it is, per scored token.

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
            self._kept = KeptRows(source, self.windows, folder)
        self._source = _ExchangeableSource(candidate, protocol, threads=threads)
        try:
            self.base = self._divergences()
        except BaseException:
            self._source.close()
            raise

    def __enter__(self) -> RestoredModel:
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

    def restored(self, names: Iterable[str]) -> Back | None:
        """What comes back when these tensors are the reference's; None when it then predicts NaN."""
        stored = self._reference.tensors
        return self.exchanged({name: (stored[name].type, self._reference.blocks(name)) for name in names})

    def exchanged(self, tensors: Exchange) -> Back | None:
        """What comes back with these contents in place of the candidate's; None when it then predicts NaN."""
        found = self._with(tensors)
        return None if found is None or np.isnan(self.base).any() else _mean(self.base - found)

    def kl_with(self, tensors: Exchange) -> Back | None:
        """The mean divergence with these contents, and its standard error; None when it then predicts NaN."""
        found = self._with(tensors)
        return None if found is None else _mean(found)

    def base_kl(self) -> Back:
        """The mean divergence of the candidate as it is, and its standard error."""
        return _mean(self.base)

    def _with(self, tensors: Exchange) -> Divergences | None:
        live = self._source.live
        try:
            for name, (kind, blocks) in tensors.items():
                live.exchange(name, kind, blocks)
            found = self._divergences()
        finally:
            live.undo()
        return None if np.isnan(found).any() else found

    def _divergences(self) -> Divergences:
        comparison = Comparison([self._kept, self._source], {})
        return np.concatenate([comparison.window(window)[_KL] for window in self.windows])


def spread(windows: Sequence[Window], n: int) -> list[Window]:
    """`n` of them, evenly spread; all when they are no more."""
    if n >= len(windows):
        return list(windows)
    return [windows[(2 * i + 1) * len(windows) // (2 * n)] for i in range(n)]


def in_turn(
    model: RestoredModel, groups: Mapping[str, Sequence[str]], on_done: Callable[[], None]
) -> Iterator[tuple[str, Back | None]]:
    """`restored` of group after group of tensor names, those left out that cannot be exchanged."""
    for group, names in groups.items():
        usable = [name for name in names if model.can_exchange(name)]
        yield group, model.restored(usable) if usable else None
        on_done()


def _mean(values: Divergences) -> Back:
    n = values.size
    return Back(float(values.mean()), float(values.std()) / math.sqrt(n - 1) if n > 1 else 0.0)


# What restoring gave back, on the disk as it is found: in a large model every answer takes minutes.


class KeptBacks:
    """The answers for one candidate.

    Args:
        path: a file of JSON Lines.
        identity: what they depend on.
        resume: go on with what is there.

    Raises KnownError: what `ResumableLines` raises.
    """

    def __init__(self, path: Path, identity: Mapping[str, Any], *, resume: bool) -> None:
        self._known: dict[tuple[str, str], Back | None] = {}
        self._file = ResumableLines(path, identity, self._take, resume=resume)

    def n_unknown(self, table: str, n: int) -> int:
        """How many of the `n` questions of a table are still to be asked."""
        return max(0, n - sum(known == table for known, _ in self._known))

    def in_turn(
        self, table: str, model: RestoredModel, groups: Mapping[str, Sequence[str]], on_done: Callable[[], None]
    ) -> Iterator[tuple[str, Back | None]]:
        """`in_turn`, asking only what is not known; `on_done` is called for what was asked."""
        for name, tensors in groups.items():
            if (table, name) not in self._known:
                [(_, back)] = in_turn(model, {name: tensors}, on_done)
                self._file.append({"table": table, "name": name, "back": asdict(back) if back else None})
                self._known[table, name] = back
            yield name, self._known[table, name]

    def close(self) -> None:
        """Close the file; it stays for `resume`. Raises KnownError."""
        self._file.close()

    def _take(self, row: dict[str, Any]) -> None:
        numbers = row["back"]
        back = None if numbers is None else Back(float(numbers["value"]), float(numbers["error"]))
        self._known[str(row["table"]), str(row["name"])] = back
