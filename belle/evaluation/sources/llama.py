"""A GGUF as a source of logits: llama.cpp decodes a window in chunks, and its rows are read without copying."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter

from belle.engine.llama.attention import choose_attention
from belle.engine.llama.cores import usable_cores
from belle.engine.llama.evaluator import ContextOptions, Evaluator
from belle.engine.llama.model import Model, Vocabulary
from belle.engine.process.commands import KvType
from belle.errors import KnownError
from belle.evaluation.sources.base import Rows, Speed, chunk_rows
from belle.evaluation.sources.memory_watch import AddedMemory
from belle.evaluation.windows import Protocol, Window
from belle.gguf.reader import read_header

_SINGLE_TOKENS = 24
_UBATCH = 512  # llama.cpp's default


class LlamaSource:
    """See `LogitSource`. Unless told otherwise, the cache is float16 and attention as llama.cpp chooses, as in its own
    perplexity tool.

    Args:
        path: a GGUF whose header has been checked.
        protocol: the windows that will be read.
        threads: for evaluation; 0 for one per physical core.
        kv_type: how keys and values are stored.

    Attributes:
        model: the loaded model.
        vocabulary, n_params: of the model.

    Raises KnownError when llama.cpp cannot load it, or cannot store its keys and values so.
    """

    def __init__(self, path: Path, protocol: Protocol, *, threads: int = 0, kv_type: KvType = "f16") -> None:
        self.name = path.name
        _check_kv_type(path, kv_type)
        self.speed = Speed()
        self._watch = AddedMemory()
        n_ctx = protocol.n_ctx
        with self._watch:
            self._evaluator = Evaluator.load(path)
            self.model: Model = self._evaluator.model
            self.vocabulary: Vocabulary = self.model.vocabulary
            self.n_vocab = self.vocabulary.size
            self.n_params = self.model.n_params
            # Otherwise llama.cpp allocates the logits of a whole batch: 257 MB for 256 rows of 250,880.
            self._most_rows = min(n_ctx, chunk_rows(self.n_vocab))
            self._evaluator.open(
                ContextOptions(
                    n_ctx=n_ctx,
                    n_batch=n_ctx,
                    n_ubatch=min(_UBATCH, n_ctx),
                    n_outputs=self._most_rows,
                    threads=threads or usable_cores()[0],
                    flash_attention="auto",
                    kv_type=kv_type,
                )
            )
        self._last: Sequence[int] = ()

    def rows(self, window: Window, step: int) -> Iterator[Rows]:
        """See `LogitSource`."""
        self._evaluator.clear()
        self._last = window.ids
        step = min(step, self._most_rows)
        done, end = 0, len(window.ids)
        for start in range(window.first, end - 1, step):
            stop = min(start + step, end)
            with self._watch:
                began = perf_counter()
                self._evaluator.decode(window.ids[done:stop], done, outputs=stop - start)
                logits = self._evaluator.logits()
                self.speed.prefill_s += perf_counter() - began
            self.speed.prefill_tokens += stop - done
            self.speed.memory = self._watch.added
            done = stop
            # The last token of the window only fills the tile: what follows it is not scored.
            yield logits[: end - 1 - start]

    def decode_speed(self) -> float | None:
        """See `LogitSource`: measured on the last tokens of the last window; the median."""
        if len(self._last) < 2 * _SINGLE_TOKENS:
            return None
        # The end of that window is removed from the cache and read again.
        before = self._evaluator.cut(len(self._last) - _SINGLE_TOKENS)
        times = []
        for position in range(before, before + _SINGLE_TOKENS):
            began = perf_counter()
            self._evaluator.decode(self._last[position : position + 1], position, outputs=1)
            self._evaluator.logits()
            times.append(perf_counter() - began)
        return 1 / median(times)

    def close(self) -> None:
        """Free the memory."""
        self._evaluator.close()


def _check_kv_type(path: Path, kv_type: KvType) -> None:
    if kv_type != "f16":
        _, refused = choose_attention(read_header(path), kv_type, "auto", on_gpu=False)
        if refused:
            message = f"The KV cache of {path.name} cannot be stored as {kv_type}. {refused[0].message}"
            raise KnownError("bad_option", message, "Leave --kv-type out.", path=str(path))


def text_tokens(vocabulary: Vocabulary, text: str) -> list[int]:
    """A text as llama-perplexity reads it: without its last line feed, beginning with BOS where the model wants one."""
    tokens = vocabulary.tokenize(text.removesuffix("\n"))
    bos = window_bos(vocabulary)
    return tokens if bos is None else [bos, *tokens]


def window_bos(vocabulary: Vocabulary) -> int | None:
    """The token that every window begins with; None for models without BOS (BLOOM)."""
    return vocabulary.bos if vocabulary.adds_bos else None
