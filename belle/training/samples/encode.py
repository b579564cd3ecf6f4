"""From rows to encoded samples, a few hundred rows at a time, by several processes."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from itertools import chain, islice
from multiprocessing.synchronize import Event
from typing import TYPE_CHECKING

from belle.data.rows import Conversation, PictureConversation, Preference, Row, TranscribedRecording
from belle.data.trainable import untrainable
from belle.errors import KnownError
from belle.prompts import PromptTemplate
from belle.prompts.encoding import Encoded, encode_answers, encode_conversation, encode_preference, encode_text
from belle.prompts.targets import FLAWS, flaws_of
from belle.training.samples.batch_tokenizer import BatchVocabulary
from belle.training.samples.picture_text import PicturePlaceholder, PictureVocabulary, with_mark
from belle.training.samples.store import Counts, EncodedSamples

if TYPE_CHECKING:
    from belle.training.tokenizer.tokenizer import HubVocabulary


@dataclass
class RowChunk:
    """Some rows of one file.

    Args:
        file: which of the recipe's files or folders.
        source: the path of the file.
        unit: what rows are numbered by: `line` or `row`.
        rows: with their numbers.
    """

    file: int
    source: str = ""
    unit: str = "row"
    rows: list[tuple[int, Row]] = field(default_factory=list)


@dataclass(frozen=True)
class Refusal:
    """A `KnownError` as plain values: pickle cannot restore an exception whose constructor takes other arguments."""

    kind: str
    message: str
    advice: str
    details: dict[str, object]

    def error(self) -> KnownError:
        """The error again."""
        return KnownError(self.kind, self.message, self.advice, **self.details)


@dataclass(frozen=True)
class Dropped:
    """Why a row gives no sample, in a few words that follow a number of rows."""

    reason: str


class RowEncoder:
    """Encodes rows for one run.

    Args:
        max_length: tokens of a sequence at most.
        trains_all: of a conversation every token is trained, and a long one is cut into pieces as a document is.
        placeholder: what stands for a picture, in rows that have one.
        transcript_start: tokens before what is said in a recording; they are not trained.
    """

    def __init__(
        self,
        vocabulary: HubVocabulary,
        template: PromptTemplate,
        max_length: int,
        *,
        trains_all: bool = False,
        placeholder: PicturePlaceholder | None = None,
        transcript_start: tuple[int, ...] = (),
    ) -> None:
        self.vocabulary = BatchVocabulary(vocabulary)
        self.template = template
        self.max_length = max_length
        self.trains_all = trains_all
        self.placeholder = placeholder
        self.transcript_start = transcript_start

    def encode(self, chunk: RowChunk, cancelled: Callable[[], bool] = lambda: False) -> EncodedSamples | Refusal:
        """The samples of the rows, or what is wrong with one of them.

        Args:
            cancelled: asked at every row; once it is true, the rest is left out and the result must not be used.
        """
        import numpy as np

        rows = chunk.rows
        counts = Counts(rows=len(rows))
        sequences: list[Encoded] = []
        numbers: list[int] = []
        encoded = self.vocabulary.encode_all([row for _, row in rows], self._request_texts, self._samples)
        done = 0
        try:
            for done, samples in enumerate(encoded, start=1):
                if cancelled():
                    break
                number, row = rows[done - 1]
                if isinstance(samples, Dropped):
                    counts.drop(samples.reason)
                    continue
                _note_untrained(counts, row)
                counts.cut += any(sequence.dropped_messages for sample in samples for sequence in sample)
                numbers += [number] * len(samples)
                for sample in samples:
                    sequences += sample
        except KnownError as error:
            number = rows[done][0]
            details = {**error.details, "path": chunk.source, "number": number, "unit": chunk.unit}
            where = f"{chunk.source}, {chunk.unit} {number}"
            return Refusal(error.kind, f"{where}: {error.message}", error.advice, details)
        lengths = np.fromiter((len(s.ids) for s in sequences), np.int32, len(sequences))  # [sequences]
        counts.samples, counts.tokens = len(numbers), int(lengths.sum())
        ids = np.fromiter(chain.from_iterable(s.ids for s in sequences), np.int32, counts.tokens)  # [tokens]
        trained = np.fromiter(chain.from_iterable(s.trained for s in sequences), np.bool_, counts.tokens)
        if counts.tokens:
            # Nothing precedes a sequence that could predict its first token.
            trained[np.concatenate([[0], np.cumsum(lengths)[:-1]])] = False
        counts.trained = int(trained.sum())
        # As in `tokens.bin`: id ^ 0 = id where it is trained, id ^ −1 = −1 − id where it is not.
        return EncodedSamples(ids ^ (trained.astype(np.int32) - 1), lengths, np.array(numbers, np.int64), counts)

    def _request_texts(self, vocabulary: HubVocabulary, row: Row) -> None:
        """Ask `vocabulary` for every text that encoding the row needs, and ignore the ids."""
        if isinstance(row, PictureConversation):
            self._with_picture(vocabulary, row)
        elif isinstance(row, Conversation) and self.trains_all:
            encode_conversation(vocabulary, self.template, row.messages)
        elif isinstance(row, Conversation):
            encode_answers(vocabulary, self.template, row.messages)
        elif isinstance(row, Preference):
            encode_preference(vocabulary, self.template, row.prompt, row.chosen, row.rejected)
        else:
            vocabulary.tokenize(row.text)

    def _samples(self, vocabulary: HubVocabulary, row: Row) -> list[tuple[Encoded, ...]] | Dropped:
        """The samples of a row, each of one sequence or of two, or why there are none."""
        if reason := untrainable(row):
            return Dropped(reason)
        try:
            if isinstance(row, PictureConversation) and not row.picture:
                return Dropped("without a picture")
            samples = self._encoded(vocabulary, row)
        except KnownError as error:
            return Dropped(refusal_of(error))
        return samples or Dropped(f"longer than {self.max_length:,} tokens")

    def _encoded(self, vocabulary: HubVocabulary, row: Row) -> list[tuple[Encoded, ...]]:
        if isinstance(row, PictureConversation):
            return [(sample,) for sample in self._with_picture(vocabulary, row)]
        if isinstance(row, TranscribedRecording):
            return [(sample,) for sample in self._transcript(vocabulary, row.text)]
        if isinstance(row, Conversation) and self.trains_all:
            rendered = encode_conversation(vocabulary, self.template, row.messages)
            return [(piece,) for piece in self._pieces(rendered.ids)] if rendered is not None else []
        if isinstance(row, Conversation):
            conversations = encode_answers(vocabulary, self.template, row.messages, max_length=self.max_length)
            return [(conversation,) for conversation in conversations if len(conversation.ids) > 1]
        if isinstance(row, Preference):
            pair = encode_preference(
                vocabulary, self.template, row.prompt, row.chosen, row.rejected, max_length=self.max_length
            )
            return [pair] if pair else []
        return [(piece,) for piece in self._pieces(encode_text(vocabulary, row.text).ids)]

    def _with_picture(self, vocabulary: HubVocabulary, row: PictureConversation) -> list[Encoded]:
        """The samples of a conversation about a picture; none without the turn that shows it."""
        if self.placeholder is None:
            return encode_answers(vocabulary, self.template, row.messages, max_length=self.max_length)
        seeing = PictureVocabulary(vocabulary, self.placeholder)
        samples = encode_answers(seeing, self.template, with_mark(row.messages), max_length=self.max_length)
        return [sample for sample in samples if sample.ids.count(self.placeholder.token) == self.placeholder.count]

    def _transcript(self, vocabulary: HubVocabulary, text: str) -> list[Encoded]:
        """What is said in a recording, which cannot be cut: none where it is too long."""
        end = [] if vocabulary.eos is None else [vocabulary.eos]
        said = [*vocabulary.tokenize(text), *end]
        ids = [*self.transcript_start, *said]
        trained = [False] * len(self.transcript_start) + [True] * len(said)
        return [Encoded(ids, trained)] if len(ids) <= self.max_length else []

    def _pieces(self, ids: Sequence[int]) -> list[Encoded]:
        """A document in sequences of `max_length` tokens at most, all of them trained.

        Each begins with the last token of the one before, so that every token but the document's first is predicted
        once.
        """
        pieces = []
        for start in range(0, len(ids) - 1, self.max_length - 1):
            piece = list(ids[start : start + self.max_length])
            pieces.append(Encoded(piece, [True] * len(piece)))
        return pieces


def refusal_of(error: KnownError) -> str:
    """Why a template refuses a conversation, in a few words. Raises `error` when it is any other error."""
    if not error.details.get("refused"):
        raise error
    return f"the template refuses them ({str(error.details['reason'])[:100]})"


def _note_untrained(counts: Counts, row: Row) -> None:
    if isinstance(row, Conversation):
        for flaw in set(flaws_of(row.messages).values()):
            counts.untrained[FLAWS[flaw]] = counts.untrained.get(FLAWS[flaw], 0) + 1


def encode_chunks(
    chunks: Iterable[RowChunk], encoder: RowEncoder, processes: int
) -> Iterator[tuple[RowChunk, EncodedSamples]]:
    """Every chunk with its samples, in order; only a few chunks are in memory.

    Raises KnownError: that of the first row that cannot be encoded; `encoder_died`.
    """
    chunks = iter(chunks)
    first = list(islice(chunks, processes))
    encoded: Iterator[tuple[RowChunk, EncodedSamples | Refusal]]
    if len(first) < 2:
        encoded = ((chunk, encoder.encode(chunk)) for chunk in chain(first, chunks))
    else:
        encoded = _by_processes(chain(first, chunks), encoder, processes)
    for chunk, part in encoded:
        if isinstance(part, Refusal):
            raise part.error()
        yield chunk, part


def _by_processes(
    chunks: Iterable[RowChunk], encoder: RowEncoder, processes: int
) -> Iterator[tuple[RowChunk, EncodedSamples | Refusal]]:
    # Not forked: the copy of a process with threads (torch, tokenizers) can hang.
    context = multiprocessing.get_context("spawn")
    cancelled = context.Event()
    pool = ProcessPoolExecutor(processes, context, _start_worker, (encoder, cancelled))
    waiting: deque[tuple[RowChunk, Future[EncodedSamples | Refusal]]] = deque()
    try:
        for chunk in chunks:
            with _children_without_interrupts():
                waiting.append((chunk, pool.submit(_encode, chunk)))
            if len(waiting) > 2 * processes:
                yield waiting[0][0], waiting[0][1].result()
                waiting.popleft()
        for chunk, future in waiting:
            yield chunk, future.result()
    except BrokenProcessPool as error:
        raise KnownError(
            "encoder_died",
            "A process that encodes the data died; most likely memory ran out.",
            "Close other programs, or set processes: 1 in the recipe.",
        ) from error
    finally:
        # Otherwise a stop would wait for the rows that are being encoded. Killing the processes is no way out: one
        # could leave half a result in the pipe, and the pool would wait for the rest for ever.
        cancelled.set()
        pool.shutdown(wait=True, cancel_futures=True)


_encoder: RowEncoder
_cancelled: Event


def _start_worker(encoder: RowEncoder, cancelled: Event) -> None:
    """Give a worker process its encoder, once and not with every chunk."""
    global _encoder, _cancelled  # the pool hands nothing else from the initializer to its tasks
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # the processes are the parallel part
    _encoder, _cancelled = encoder, cancelled


def _encode(chunk: RowChunk) -> EncodedSamples | Refusal:
    return _encoder.encode(chunk, _cancelled.is_set)


@contextlib.contextmanager
def _children_without_interrupts() -> Iterator[None]:
    """Processes started in this block ignore Ctrl-C, which a terminal sends to all of them: this one ends them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
