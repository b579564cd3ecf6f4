"""Prefill and decoding: tokens go into the one context, tokens come out of it, and either can be stopped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter

from belle.engine.answer.answer_in_progress import AnswerInProgress
from belle.engine.answer.logprobs import LogprobReader
from belle.engine.answer.prefill import PrefillChunker
from belle.engine.answer.prompt_cache import PromptCache
from belle.engine.answer.sampling import Sampler
from belle.engine.llama.context import Context, Interrupted, StopFlag, shared_length
from belle.engine.llama.model import Vocabulary
from belle.engine.llama.threads import ThreadTuner
from belle.engine.process.protocol import Event, Logprobs, Prefill, StopReason

_PROGRESS_S = 0.15
# Every event wakes the client. Where there are as many threads as cores, that takes the core of one thread, for which
# all the others wait. Ten events a second read smoothly; a model of few tokens per second sends each at once.
_TEXT_S = 0.1


class Decoder:
    """Evaluates with one context, and chooses the number of threads meanwhile.

    Args:
        vocabulary, context: of the model.
        decode_threads, prefill_threads: choose the number of threads.
        stop: interrupts what is being evaluated.
        has_thought_enough: whether the thought of a request, by its number, is to end.
        emit: takes the events.
        prompt_cache: see `Load.prompt_cache`.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        context: Context,
        *,
        decode_threads: ThreadTuner,
        prefill_threads: ThreadTuner,
        stop: StopFlag,
        has_thought_enough: Callable[[int], bool],
        emit: Callable[[Event], None],
        prompt_cache: int = 0,
    ) -> None:
        self._vocabulary = vocabulary
        self._context = context
        self._decode_threads = decode_threads
        self._prefill_threads = prefill_threads
        self._threads = (0, 0)
        self._stop = stop
        self._has_thought_enough = has_thought_enough
        self._emit = emit
        self._prefill = PrefillChunker()
        self._prompt_cache = PromptCache(context, prompt_cache)

    @property
    def best_threads(self) -> int:
        """The number of threads found best for decoding."""
        return self._decode_threads.best

    def read(self, prompt: Sequence[int], answer: AnswerInProgress) -> None:
        """Prefill: bring the prompt into the KV cache. Raises Interrupted."""
        # The last token is evaluated in any case: the answer is sampled from its logits, which no cache holds.
        reused = self._prompt_cache.keep_prefix(prompt[:-1])
        answer.reused_tokens = reused
        new = prompt[reused:]
        self._prefill_threads.begin()
        done, last_event = 0, 0.0
        for chunk in self._prefill.chunks(new):
            if perf_counter() - last_event >= _PROGRESS_S:
                last_event = perf_counter()
                left = self._prefill.seconds_left(len(new) - done)
                self._emit(Prefill(answer.request.id, done, len(new), reused, left))
            self._evaluate(chunk)
            done += len(chunk)
        self._emit(Prefill(answer.request.id, done, done, reused, 0.0))

    def read_ahead(self, tokens: Sequence[int]) -> None:
        """Bring the beginning of a prompt into the KV cache, unless all of it is there. Raises Interrupted."""
        known = shared_length(self._context.tokens, tokens)
        if known < len(tokens):
            self._context.keep_prefix(tokens[:known])
            self._prefill_threads.begin()
            for chunk in self._prefill.whole_chunks(tokens, len(self._context.tokens)):
                self._evaluate(chunk)

    def send_prompt_logprobs(self, prompt: Sequence[int], answer: AnswerInProgress) -> None:
        """Tell how likely the prompt was, token for token. Raises Interrupted."""
        reader = answer.logprobs or LogprobReader(0, self._vocabulary.piece)
        self._set_threads()
        for tokens in reader.read_prompt(self._context, prompt):
            self._emit(Logprobs(answer.request.id, tokens, of_prompt=True))
            self._raise_if_stopped()

    def decode(self, sampler: Sampler, answer: AnswerInProgress) -> StopReason:
        """Sample, send and evaluate token after token. Raises Interrupted."""
        context, vocabulary, stream, tokens = self._context, self._vocabulary, answer.stream, answer.tokens
        most, tuner = answer.request.max_tokens, self._decode_threads
        tuner.begin()
        self._set_threads()
        sent_at, thought_ended = 0.0, False
        # A grammar holds for the answer, not for the thought that the prompt has opened.
        unfinished_thought = answer.thoughts.open_marks if answer.request.grammar else None
        if unfinished_thought is None:
            sampler.follow_grammar()
        while most is None or len(tokens) < most:
            self._raise_if_stopped()
            if not thought_ended and self._has_thought_enough(answer.request.id):
                thought_ended = self._end_thought(sampler, answer)
                if thought_ended:
                    unfinished_thought = None
                    sampler.follow_grammar()
            token = sampler.sample(context.handle)
            answer.begin()
            if vocabulary.ends_answer(token):
                return "end"
            if answer.logprobs is not None:
                answer.logprobs.add(token, context.last_logits())
            answer.add(token)
            if unfinished_thought is not None and unfinished_thought.closing in stream.text:
                unfinished_thought = None
                sampler.follow_grammar()
            start = perf_counter()
            # Sent one by one, so that each `Logprobs` is of the tokens in the `Text` after it.
            if start - sent_at >= _TEXT_S or answer.logprobs is not None:
                sent_at = start
                answer.send()
                start = perf_counter()
            if stream.stopped_by is not None:
                return "stop_string"
            if len(tokens) == most:
                break  # the logits after it are not needed
            if len(context.tokens) >= context.n_ctx:
                return "context_full"
            context.evaluate((token,))
            if tuner.observe(perf_counter() - start):
                self._set_threads()
        return "length"

    def _end_thought(self, sampler: Sampler, answer: AnswerInProgress) -> bool:
        """Write the end of the thought in the model's place; False where that has to wait for the next token."""
        answer.send()  # what is not sent has not been searched for marks
        marks = answer.thoughts.open_marks
        if marks is None or answer.stream.is_within_character:
            return False
        tokens = self._vocabulary.tokenize_marks_after(f"\n{marks.closing}\n\n")
        if len(self._context.tokens) + len(tokens) >= self._context.n_ctx:
            return False
        sampler.accept(tokens)
        for token in tokens:
            answer.add(token)
            self._context.evaluate((token,))
        return True

    def _evaluate(self, chunk: Sequence[int]) -> None:
        self._raise_if_stopped()
        self._set_threads()
        seconds = self._prefill.timed(self._context.evaluate, chunk)
        if len(chunk) > 1:  # a single token uses the threads for decoding
            self._prefill_threads.observe(seconds)

    def _raise_if_stopped(self) -> None:
        if self._stop:
            raise Interrupted

    def _set_threads(self) -> None:
        threads = self._decode_threads.count, self._prefill_threads.count
        if threads != self._threads:
            self._context.set_threads(*threads)
            self._threads = threads
