"""Several answers in one context: what is evaluated next, and for which of them.

Decoding a token reads all weights of the model, whether for one answer or for four. So every step evaluates one batch
with the next token of each answer, and beside them one chunk of one prompt: whoever waits for a prompt holds nobody up
for longer than a chunk, and several prompts take turns. With a single answer a step is what it needs and nothing else.

Where the context is full, the youngest request gives way until another one has ended, and goes on from where it was.
"""

from __future__ import annotations

import itertools
from bisect import insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import TypeGuard

from belle.engine.answer.schedule.prefill import PrefillChunker
from belle.engine.answer.schedule.prompt_cache import PromptCache
from belle.engine.answer.schedule.steps import AnswerSlot, PromptReading, Step, Steps
from belle.engine.llama.context import N_BATCH, BatchPart, CacheFullError, Context, Interrupted
from belle.engine.llama.eyes.eyes import Eyes
from belle.engine.llama.kv_sequence import KvSequence, shared_length
from belle.engine.llama.threads import ThreadTuner
from belle.engine.pictures.picture_runs import has_picture, text_length
from belle.engine.process.events import Done
from belle.errors import KnownError


@dataclass(slots=True, eq=False)
class _Job:
    """A request that is answered.

    Args:
        number: ascending, by which the oldest goes first.
        request_id: of the request.
        steps: the answer.
        on_end: takes the end of it.
        wanted: what has to be done next.
        then: what comes after that, where the answer itself has not gone on: it had given way.
    """

    number: int
    request_id: int
    steps: Steps[Done]
    slot: AnswerSlot
    on_end: Callable[[Done | KnownError], object]
    wanted: Step = ()
    then: Step | None = None


@dataclass(frozen=True, slots=True)
class Tuners:
    """They choose the number of threads: for single tokens, for a token of each of several answers, for prompts."""

    decode: ThreadTuner
    joint: ThreadTuner
    prefill: ThreadTuner


class AnswerScheduler:
    """Answers up to `n_parallel` requests at once. Belongs to one thread.

    Args:
        context: with as many sequences.
        cache: gives them out.
        tuners: choose the number of threads.
        is_stopped: whether a request is to end now.
        eyes: for prompts with pictures; None where there are none.
    """

    def __init__(
        self,
        context: Context,
        cache: PromptCache,
        tuners: Tuners,
        *,
        is_stopped: Callable[[int], bool],
        eyes: Eyes | None = None,
    ) -> None:
        self.n_parallel = len(context.sequences)
        self._context = context
        self._cache = cache
        self._tuners = tuners
        self._is_stopped = is_stopped
        self._eyes = eyes
        self._prefill = PrefillChunker()
        self._threads = (0, 0)
        self._kind: tuple[bool, int] | None = None  # of the batches whose durations were observed last
        self._numbers = itertools.count()
        self._jobs: list[_Job] = []
        self._paused: list[_Job] = []

    @property
    def is_busy(self) -> bool:
        """Whether there is an answer that has not ended."""
        return bool(self._jobs)

    @property
    def has_room(self) -> bool:
        """Whether one more request can be answered."""
        return len(self._jobs) + len(self._paused) < self.n_parallel

    @property
    def best_threads(self) -> int:
        """The number of threads found best for decoding."""
        return self._tuners.decode.best

    def begin(
        self,
        request_id: int,
        answering: Callable[[AnswerSlot], Steps[Done]],
        on_end: Callable[[Done | KnownError], object],
    ) -> None:
        """Begin to answer a request; `on_end` is called when a later `step` has ended it, or at once."""
        slot = AnswerSlot()
        job = _Job(next(self._numbers), request_id, answering(slot), slot, on_end)
        self._jobs.append(job)
        self._kind = None
        self._go_on(job)

    def step(self) -> None:
        """Evaluate one batch, and let every answer that was in it go on."""
        for job in [job for job in (*self._jobs, *self._paused) if self._is_stopped(job.request_id)]:
            self._go_on(job, Interrupted())
        self._give_sequences()
        if self._see_next():
            return
        batch = self._next_batch()
        if not batch:
            return
        reads = len(batch) > 1 or isinstance(next(iter(batch)).wanted, PromptReading)
        n_prompt = sum(len(part.tokens) for part in batch.values() if len(part.tokens) > 1) if reads else 0
        try:
            self._timed(list(batch.values()), n_prompt)
        except Interrupted:
            pass  # the next step ends those that are to be stopped
        except CacheFullError:
            self._make_room()
        except KnownError as error:
            for job in batch:
                self._go_on(job, error)
        else:
            for job in batch:
                self._evaluated(job)

    def read_ahead(self, tokens: Sequence[int]) -> int:
        """Bring the beginning of a prompt into the KV cache while there is no answer; how much of it is there then.

        Stopped by the context's flag.
        """
        sequence = self._context.sequences[0]
        known = shared_length(sequence.tokens, tokens)
        self._kind = None
        try:
            if known < len(tokens):
                sequence.keep_prefix(tokens[:known])
                self._read_pictures_ahead(sequence, tokens)
                for chunk in self._prefill.whole_chunks(tokens, len(sequence.tokens)):
                    self._timed([BatchPart(sequence, chunk)], len(chunk))
        except (Interrupted, KnownError):
            pass  # what is not read now will be read when it is asked for
        return shared_length(sequence.tokens, tokens)

    def _read_pictures_ahead(self, sequence: KvSequence, tokens: Sequence[int]) -> None:
        """Bring the beginning of a prompt, up to and with its last picture, into the KV cache."""
        while self._eyes is not None and has_picture(tokens[len(sequence.tokens) :]):
            read = len(sequence.tokens)
            run = self._context.runs.at(tokens[read])
            if run is not None:
                self._eyes.see(sequence, run)
            else:
                size = self._prefill.chunk_size(text_length(tokens, read) + 1)
                self._timed([BatchPart(sequence, tokens[read : read + size])], size)

    def _see_next(self) -> bool:
        """Where a picture comes next in the prompt whose turn it is, see it; False where none does.

        A picture has a batch of its own, for which the other answers wait.
        """
        job = next((job for job in self._jobs if not _is_token(job.wanted)), None)
        if self._eyes is None or job is None or not isinstance(job.wanted, PromptReading):
            return False
        sequence, reading = job.slot.sequence, job.wanted
        reading.gain(self._cache.extend(sequence, reading.prompt[:-1]))
        run = self._context.runs.at(reading.prompt[len(sequence.tokens)])
        if run is None:
            return False
        reading.tell(len(sequence.tokens), None)
        self._jobs.remove(job)
        self._jobs.append(job)
        try:
            seconds = self._eyes.see(sequence, run)
            reading.seen(self._eyes.view(run.path), run.tile, seconds)
        except Interrupted:
            pass  # the next step ends it
        except CacheFullError:
            self._make_room()
        except KnownError as error:
            self._go_on(job, error)
        return True

    def _give_sequences(self) -> None:
        for job in list(self._jobs):
            while job.slot.held is None and isinstance(job.wanted, PromptReading) and job in self._jobs:
                prompt = job.wanted.prompt
                # The last token is evaluated in any case: the answer is sampled from its logits, which no cache holds.
                job.slot.held = self._cache.take(prompt[:-1])
                job.wanted.begin(len(job.slot.held.tokens))
                if not prompt:
                    self._done(job)

    def _next_batch(self) -> dict[_Job, BatchPart]:
        batch = {job: BatchPart(job.slot.sequence, job.wanted) for job in self._jobs if _is_token(job.wanted)}
        job = next((job for job in self._jobs if not _is_token(job.wanted)), None)
        if job is None:
            return batch
        if len(self._jobs) > 1:  # the next time it is another one's turn
            self._jobs.remove(job)
            self._jobs.append(job)
        batch[job] = self._chunk(job, len(batch))
        return batch

    def _chunk(self, job: _Job, n_others: int) -> BatchPart:
        """What a job takes of a batch in which `n_others` have a token each."""
        sequence, wanted = job.slot.sequence, job.wanted
        if not isinstance(wanted, PromptReading):
            return BatchPart(sequence, wanted, len(wanted))
        prompt = wanted.prompt
        wanted.gain(self._cache.extend(sequence, prompt[:-1]))
        read = len(sequence.tokens)
        left = len(prompt) - read
        wanted.tell(read, self._prefill.seconds_left(left))
        # The others wait for it: so beside them it is no more than what llama.cpp computes at once.
        most = min(N_BATCH, self._context.n_ubatch - n_others) if n_others else N_BATCH
        text = text_length(prompt, read)
        # Before a picture no token is to be read alone, as the last one of the prompt is.
        size = self._prefill.chunk_size(left if text == left else text + 1, most)
        return BatchPart(sequence, prompt[read : read + size])

    def _timed(self, parts: Sequence[BatchPart], n_prompt: int) -> None:
        """Evaluate a batch, `n_prompt` of whose tokens are a chunk of a prompt, and choose the number of threads.

        Raises Interrupted, CacheFullError, KnownError.
        """
        tuners, kind = self._tuners, (n_prompt > 0, len(parts))
        tuner = tuners.prefill if n_prompt else tuners.joint if len(parts) > 1 else tuners.decode
        if kind != self._kind:
            self._kind = kind
            tuner.begin()
        # llama.cpp has one number for single tokens, and one for all larger batches.
        threads = tuners.decode.count, tuner.count
        if threads != self._threads:
            self._context.set_threads(*threads)
            self._threads = threads
        start = perf_counter()
        self._context.evaluate(*parts)
        seconds = perf_counter() - start
        if n_prompt:
            n_tokens = n_prompt + len(parts) - 1
            self._prefill.learn(seconds, n_tokens)
            seconds /= n_tokens
        # A token with guesses takes longer than the single ones that the tuner compares.
        if tuner is not tuners.decode or len(parts[0].tokens) == 1:
            tuner.observe(seconds)

    def _evaluated(self, job: _Job) -> None:
        if not isinstance(job.wanted, PromptReading) or job.slot.n_tokens == len(job.wanted.prompt):
            self._done(job)

    def _done(self, job: _Job) -> None:
        """What the job wanted is there."""
        if isinstance(job.wanted, PromptReading):
            job.wanted.tell(len(job.wanted.prompt), None)
        if job.then is None:
            self._go_on(job)
        else:
            job.wanted, job.then = job.then, None

    def _go_on(self, job: _Job, error: Interrupted | KnownError | None = None) -> None:
        """Let an answer go on to what it needs next, or to its end."""
        job.then = None
        try:
            job.wanted = next(job.steps) if error is None else job.steps.throw(error)
        except StopIteration as end:
            self._end(job, end.value)
        except KnownError as failure:
            self._end(job, failure)
        else:
            if isinstance(job.wanted, PromptReading):
                self._release(job)

    def _end(self, job: _Job, result: Done | KnownError) -> None:
        self._release(job)
        (self._paused if job in self._paused else self._jobs).remove(job)
        if self._paused:
            self._jobs.append(self._paused.pop(0))
        job.on_end(result)

    def _release(self, job: _Job) -> None:
        if job.slot.held is not None:
            self._cache.give_back(job.slot.held)
            job.slot.held = None

    def _make_room(self) -> None:
        """The context is full: what no request uses leaves it, or else the youngest of those that hold tokens."""
        if self._cache.clear_idle():
            return
        youngest = max((job for job in self._jobs if job.slot.n_tokens), key=lambda job: job.number)
        if len(self._jobs) == 1:
            message = f"llama.cpp found no room in a context of {self._context.n_ctx:,} tokens."
            self._go_on(youngest, KnownError("backend_error", message, "Try again, or choose a larger context."))
            return
        if not isinstance(youngest.wanted, PromptReading):
            youngest.then, youngest.wanted = youngest.wanted, PromptReading(list(youngest.slot.sequence.tokens))
        self._release(youngest)
        self._jobs.remove(youngest)
        insort(self._paused, youngest, key=lambda job: job.number)


def _is_token(step: Step) -> TypeGuard[tuple[int]]:
    """Whether a step is the next token of an answer, and nothing longer."""
    return isinstance(step, tuple) and len(step) == 1
