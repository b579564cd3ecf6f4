"""Perplexity and KL divergence: reference and candidates read a text in step, and every prediction is compared.

No file of logits is written, and no more than a chunk of rows is held in memory. A run can be interrupted after any
window: `figures` reports what was measured, and the records per token let another run resume.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic

import numpy as np

from belle.engine.llama.memory import available_memory
from belle.engine.llama.model import Vocabulary
from belle.engine.process.commands import KvType
from belle.errors import KnownError
from belle.evaluation.measurement import CandidateFigures, ModelFigures, TextFigures
from belle.evaluation.sources.llama import LlamaSource, text_tokens, window_bos
from belle.evaluation.sources.model_files import ModelFiles, model_files
from belle.evaluation.sources.transformers import TransformersSource
from belle.evaluation.sources.vocabulary_check import NamedVocabulary, check_same, check_same_tokens
from belle.evaluation.text.aggregate import Models, TextRead, candidate_figures, model_figures
from belle.evaluation.text.comparison import Comparison
from belle.evaluation.text.records import PER_CANDIDATE, TokenRecords
from belle.evaluation.text.scripts import scripts
from belle.evaluation.windows import EvaluationText, Protocol, cut
from belle.units import gigabytes

Progress = Callable[[int, int, float], None]
"""Called with windows done, windows in all, and seconds left."""


class PerplexityRun:
    """A reference and its candidates on one text. To be closed.

    Args:
        reference: a GGUF, or the folder of a checkpoint.
        candidates: GGUF files with the same vocabulary; none to measure the reference alone.
        text: what is read.
        protocol: how it is cut.
        records: the file of the records per token.
        resume: continue that file.
        threads: for evaluation; 0 for one per physical core.
        kv_type: how the candidates store keys and values; the reference has float16.

    Raises KnownError at once for what would make the measurement useless: "other_vocabulary", "other_tokenizer",
    "text_too_short", "too_big_for_memory", what `read_header` raises, and "load_failed".
    """

    def __init__(
        self,
        reference: Path,
        candidates: Sequence[Path],
        text: EvaluationText,
        protocol: Protocol,
        records: Path,
        *,
        resume: bool = False,
        threads: int = 0,
        kv_type: KvType = "f16",
    ) -> None:
        self._text, self._protocol = text, protocol
        files = [model_files(path) for path in (reference, *candidates)]
        for file in files[1:]:
            if file.is_checkpoint:
                raise KnownError(
                    "not_gguf",
                    f"{file.path} is a folder: only the reference can be a checkpoint.",
                    "Convert it first: belle convert.",
                    path=str(file.path),
                )
        _check_memory(files)
        with contextlib.ExitStack() as stack:
            sources: list[LlamaSource | TransformersSource] = []
            for number, file in enumerate(files):
                source = (
                    TransformersSource(file.path, threads=threads)
                    if file.is_checkpoint
                    else LlamaSource(file.path, protocol, threads=threads, kv_type=kv_type if number else "f16")
                )
                stack.callback(source.close)
                sources.append(source)
            vocabulary = _common_vocabulary(sources, text.content)
            tokens = text_tokens(vocabulary, text.content)
            self._n_tokens = len(tokens)
            self._windows = cut(tokens, protocol, window_bos(vocabulary))
            self._vocabulary = vocabulary
            self._sources = sources
            self._models = Models(files, [file.hashes() for file in files], sources)
            self._failures: dict[int, str] = {}
            self._records = TokenRecords(
                records,
                {
                    "models": [sorted(hashes.items()) for hashes in self._models.hashes],
                    "text": text.sha256,
                    "n_ctx": protocol.n_ctx,
                    "stride": protocol.stride,
                    "bos": window_bos(vocabulary),
                    **({} if kv_type == "f16" else {"kv_type": kv_type}),
                },
                n_candidates=len(candidates),
                n_scored=protocol.n_scored,
                resume=resume,
            )
            stack.callback(self._records.close)
            self._comparison = Comparison(sources, self._failures)
            self._stack = stack.pop_all()

    def __enter__(self) -> PerplexityRun:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def n_windows(self) -> int:
        """Windows to measure."""
        return len(self._windows)

    @property
    def n_done(self) -> int:
        """Windows measured so far."""
        return min(self._records.n_windows, self.n_windows)

    def run(self, on_progress: Progress = lambda *_: None) -> None:
        """Measure the windows that are left. Raises KnownError when the reference fails.

        A candidate that fails is given up, and `figures` says why; when all have failed, the run ends.
        """
        self._restore_failures()
        began, at_first = monotonic(), self.n_done
        for number in range(at_first, self.n_windows):
            if len(self._sources) > 1 and len(self._failures) == len(self._sources) - 1:
                return
            self._records.add(self._comparison.window(self._windows[number]))
            done = number + 1
            on_progress(done, self.n_windows, (monotonic() - began) * (self.n_windows - done) / (done - at_first))
        for i, source in enumerate(self._sources):
            if i not in self._failures:
                self._models.decode[i] = source.decode_speed()

    def figures(self) -> tuple[ModelFigures, list[CandidateFigures], TextFigures]:
        """The figures so far; also after `run` has raised."""
        windows = self._windows[: self.n_done]
        targets = [token for window in windows for token in window.targets]
        pieces = {token: self._vocabulary.piece(token) for token in set(targets)}
        # By window: its targets are contiguous text, so characters that several tokens share are complete.
        of_window = [scripts([pieces[token] for token in window.targets]) for window in windows]
        read = TextRead(
            protocol=self._protocol,
            n_windows=self.n_done,
            n_bytes=np.array([len(pieces[token]) for token in targets], np.int64),
            scripts=np.array([script for window in of_window for script in window], np.int64),
        )
        table = self._records.all()[:, : self.n_done * self._protocol.n_scored]
        each = len(PER_CANDIDATE)
        reference = model_figures(self._models, 0, table[0], read, "")
        candidates = [
            candidate_figures(
                self._models,
                i,
                table[0],
                table[1 + (i - 1) * each :][:each],
                text=read,
                failure=self._failures.get(i, ""),
            )
            for i in range(1, len(self._sources))
        ]
        return reference, candidates, self._text_figures(read)

    def _text_figures(self, read: TextRead) -> TextFigures:
        return TextFigures(
            name=self._text.name,
            sha256=self._text.sha256,
            n_bytes=self._text.n_bytes,
            n_tokens=self._n_tokens,
            n_ctx=self._protocol.n_ctx,
            stride=self._protocol.stride,
            n_windows=self.n_done,
            n_windows_planned=self.n_windows,
            n_scored=read.n_bytes.size,
            scored_bytes=int(read.n_bytes.sum()),
            scripts=read.script_counts(),
        )

    def _restore_failures(self) -> None:
        """Give up the candidates that had failed before the interruption, without running them again."""
        table, each = self._records.all(), len(PER_CANDIDATE)
        for i in range(1, len(self._sources)):
            if np.isnan(table[1 + (i - 1) * each]).any():
                self._failures.setdefault(i, "It predicts NaN or infinity.")


def _common_vocabulary(sources: Sequence[LlamaSource | TransformersSource], text: str) -> Vocabulary:
    """The vocabulary by which the text is cut. Raises KnownError when the models differ in it."""
    gguf = [source for source in sources if isinstance(source, LlamaSource)]
    if not gguf:
        raise KnownError(
            "no_gguf",
            f"{sources[0].name} is a checkpoint, and no GGUF is measured against it.",
            "Convert it first: belle convert.",
        )
    first = gguf[0]
    for other in gguf[1:]:
        check_same(
            NamedVocabulary(first.name, first.vocabulary, first.n_vocab),
            NamedVocabulary(other.name, other.vocabulary, other.n_vocab),
        )
        check_same_tokens(first.name, first.vocabulary, other.name, other.vocabulary, text)
    for source in sources:
        if isinstance(source, TransformersSource):
            expected = NamedVocabulary(first.name, _WithoutPadding(first.vocabulary, source.n_tokens), first.n_vocab)
            check_same(NamedVocabulary(source.name, source, source.n_vocab), expected)
    return first.vocabulary


class _WithoutPadding:
    """A GGUF's vocabulary without the tokens that pad it to the rows of the model, which the tokenizer lacks."""

    def __init__(self, vocabulary: Vocabulary, n_tokens: int) -> None:
        self._vocabulary, self._n_tokens = vocabulary, n_tokens

    def text(self, token: int | None) -> str:
        return self._vocabulary.text(token) if token is not None and token < self._n_tokens else ""


def _check_memory(files: Sequence[ModelFiles]) -> None:
    """Raise KnownError when the models do not fit into memory together: each is read completely for every window."""
    needed = sum(file.size for file in files if not file.is_checkpoint)
    free = available_memory()
    if needed > free:
        raise KnownError(
            "too_big_for_memory",
            f"The models take {gigabytes(needed)} of memory together; {gigabytes(free)} are free.",
            "Measure fewer candidates at once, or take a smaller reference (q8_0).",
            needed=needed,
            available=free,
        )
