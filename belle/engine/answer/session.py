"""Answering: from the messages of a request to the text of the answer, token by token."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby
from time import perf_counter

from belle.documents import parse_json
from belle.engine.answer.answer_tokens import AnswerTokens
from belle.engine.answer.grammar import Grammar
from belle.engine.answer.kv_states import ConversationStates, shared_length
from belle.engine.answer.logprobs import LogprobReader
from belle.engine.answer.overflow import FittedPrompt, check_length, fit, room_for_prompt, room_for_summary
from belle.engine.answer.prefill import PrefillChunker
from belle.engine.answer.prompt import Renderer, raw_prompt
from belle.engine.answer.prompt_cache import PromptCache
from belle.engine.answer.sampling import Sampler
from belle.engine.answer.text_stream import TextStream
from belle.engine.llama.context import Context, Interrupted, StopFlag
from belle.engine.llama.model import Vocabulary
from belle.engine.llama.threads import ThreadTuner
from belle.engine.process.protocol import (
    ContextCut,
    Count,
    Counted,
    Done,
    Event,
    Generate,
    Logprobs,
    Prefill,
    ReadAhead,
    Sampling,
    Stats,
    StopReason,
    Summarised,
    Text,
    Thinking,
)
from belle.errors import KnownError
from belle.prompts import Message, PromptTemplate
from belle.prompts.summary import summary_request, with_summary
from belle.prompts.thinking import ThinkingStream, opened_by, unopened_thought

_SOBER = Sampling(temperature=0.0)
_ANY_QUESTION = Message("user", "hello")
_PROGRESS_S = 0.15
# Every event wakes the client. Where there are as many threads as cores, that takes the core of one thread, for which
# all the others wait. Ten events a second read smoothly; a model of few tokens per second sends each at once.
_TEXT_S = 0.1


@dataclass(slots=True)
class _AnswerInProgress:
    """The state of the answer that is being generated."""

    request: Generate
    arrived: float
    stream: TextStream
    prompt_tokens: int
    reused_tokens: int = 0
    tokens: list[int] = field(default_factory=list)
    unsent: list[str] = field(default_factory=list)
    first_token_at: float | None = None
    thoughts: ThinkingStream = field(default_factory=ThinkingStream)
    answer_at: float | None = None  # when the answer began, after the thoughts
    is_shown: bool = True
    logprobs: LogprobReader | None = None
    piece: Callable[[int], bytes] = bytes


class AnswerSession:
    """Answers conversations with one model. While `template` is None, nothing can be answered.

    Args:
        vocabulary, context: of the model.
        decode_threads, prefill_threads: choose the number of threads.
        stop: interrupts the answer in progress.
        emit: takes the events.
        answers: remembers the tokens of answers.
        states: brings back what was read of a conversation before; None where nothing is saved.
        prompt_cache: see `Load.prompt_cache`.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        context: Context,
        *,
        n_ctx_train: int,
        decode_threads: ThreadTuner,
        prefill_threads: ThreadTuner,
        stop: StopFlag,
        emit: Callable[[Event], None],
        answers: AnswerTokens,
        states: ConversationStates | None = None,
        prompt_cache: int = 0,
    ) -> None:
        self.template: PromptTemplate | None = None
        self._vocabulary = vocabulary
        self._context = context
        self._n_ctx_train = n_ctx_train
        self._decode_threads = decode_threads
        self._prefill_threads = prefill_threads
        self._threads = (0, 0)
        self._stop = stop
        self._emit = emit
        self._answers = answers
        self._states = states
        self._prefill = PrefillChunker()
        self._prompt_cache = PromptCache(context, prompt_cache)

    def count(self, request: Count) -> None:
        """Emit `Counted`. Raises KnownError."""
        tokens = len(self._renderer().prompt(with_summary(request.messages, request.summary)))
        system = tuple(message for message in request.messages[:1] if message.role == "system")
        system_tokens = len(self._beginning(ReadAhead("", system, summary=request.summary)))
        self._emit(Counted(request.id, tokens, self._context.n_ctx, min(system_tokens, tokens)))

    def generate(self, request: Generate, arrived: float) -> Done:
        """Emit `ContextCut`, `Summarised`, `Prefill`, `Thinking` and `Text`. Returns `Done`, which the caller emits.

        Args:
            request: see there.
            arrived: when the command arrived, by `perf_counter`.

        Raises KnownError.
        """
        continued = self._continued_tokens(request)
        grammar = Grammar(request.grammar, self._vocabulary) if request.grammar else None
        with Sampler(request.sampling, self._vocabulary.size, grammar) as sampler:
            sampler.accept(continued)
            prompt = self._fit(request)
            if prompt.left_out:
                self._emit(ContextCut(request.id, prompt.left_out))
            answer = self._new_answer(request, arrived, prompt.tokens)
            try:
                self._enter(request, prompt.tokens)
                if request.overflow == "summarise" and not set(prompt.left_out) <= set(request.summarised):
                    prompt = self._with_summary(request, arrived, prompt)
                    answer.prompt_tokens = len(prompt.tokens)
                if request.prompt_logprobs:
                    self._send_prompt_logprobs(prompt.tokens, answer)
                self._evaluate_prompt(prompt.tokens, answer)
                if request.prompt_logprobs:
                    answer.reused_tokens = 0  # it was all read anew
                reason = self._decode(sampler, answer)
            except Interrupted:
                reason = "stopped"
            except KnownError:
                self._send_text(answer)
                raise
        return self._finish(answer, reason, continued)

    def read_ahead(self, command: ReadAhead) -> int:
        """Evaluate what the next prompt of a conversation begins with, until all of it is read or the flag is set.

        What does not fit, or has no template, is not read. Returns how many tokens of it are in the KV cache.
        """
        tokens: list[int] = []
        with suppress(Interrupted, KnownError):
            tokens = self._beginning(command)
            if len(tokens) <= room_for_prompt(self._context.n_ctx, None):
                self._enter(command, tokens)
                known = shared_length(self._context.tokens, tokens)
                if known < len(tokens):
                    self._context.keep_prefix(tokens[:known])
                    self._prefill_threads.begin()
                    for chunk in self._prefill.whole_chunks(tokens, len(self._context.tokens)):
                        self._evaluate_chunk(chunk)
        return shared_length(self._context.tokens, tokens)

    def _beginning(self, command: ReadAhead) -> list[int]:
        """With which tokens every next prompt begins: what the prompts of two different questions have in common."""
        renderer = self._renderer(command.thinking)
        first, second = (
            renderer.prompt(with_summary([*command.messages, Message("user", question)], command.summary))
            for question in ("A", "b")
        )
        return first[: shared_length(first, second)]

    def _piece_for(self, request: Generate) -> Callable[[int], bytes]:
        """What a token adds to the text that is taken apart for thoughts, and by the client for calls of functions."""
        if request.prompt is not None:
            return self._vocabulary.piece
        return self._vocabulary.piece_with_tool_marks if request.tools else self._vocabulary.piece_with_marks

    def _renderer(self, thinking: bool | None = None, tools: str = "") -> Renderer:
        if self.template is None:
            message = "This model does not say which prompt template it was trained with."
            raise KnownError("no_template", message, "Choose one: a wrong template gives poor answers.")
        template = self.template.with_thinking(thinking)
        return Renderer(self._vocabulary, template.with_tools(parse_json(tools)) if tools else template, self._answers)

    def _fit(self, request: Generate) -> FittedPrompt:
        n_ctx, n_ctx_train = self._context.n_ctx, self._n_ctx_train
        if request.prompt is not None:
            tokens = raw_prompt(self._vocabulary, request.prompt)
            check_length(len(tokens), n_ctx=n_ctx, n_ctx_train=n_ctx_train, max_tokens=request.max_tokens)
            return FittedPrompt(tokens)
        renderer = self._renderer(request.thinking, request.tools)
        if request.summarised:
            whole = renderer.prompt(request.messages, continue_last=request.continue_last)
            if len(whole) <= room_for_prompt(n_ctx, request.max_tokens):
                return FittedPrompt(whole)
        told = set(request.summarised)
        rest = [index for index in range(len(request.messages)) if index not in told]
        fitted = fit(
            [request.messages[index] for index in rest],
            lambda messages: renderer.prompt(
                with_summary(messages, request.summary), continue_last=request.continue_last
            ),
            n_ctx=n_ctx,
            n_ctx_train=n_ctx_train,
            max_tokens=request.max_tokens,
            overflow=request.overflow,
            pinned=[position for position, index in enumerate(rest) if index in request.pinned],
        )
        left_out = told.union(rest[position] for position in fitted.left_out)
        return FittedPrompt(fitted.tokens, tuple(sorted(left_out)))

    def _with_summary(self, request: Generate, arrived: float, cut: FittedPrompt) -> FittedPrompt:
        """What is left of a prompt, with a summary of what was left out of it. Raises Interrupted.

        A model that has nothing to say of it goes on without.
        """
        told = set(request.summarised)
        left_out = [request.messages[index] for index in cut.left_out if index not in told]
        summary = self._summary(request, arrived, left_out)
        if not summary:
            return cut
        self._emit(Summarised(request.id, summary))
        gone = set(cut.left_out)
        remaining = [message for index, message in enumerate(request.messages) if index not in gone]
        tokens = self._renderer(request.thinking, request.tools).prompt(
            with_summary(remaining, summary), continue_last=request.continue_last
        )
        return FittedPrompt(tokens, cut.left_out)

    def _summary(self, request: Generate, arrived: float, messages: Sequence[Message]) -> str:
        """What the model makes of `messages` and of the summary before them."""
        renderer, most = self._renderer(thinking=False), room_for_summary(self._context.n_ctx)
        room = self._context.n_ctx - most
        longest = max(len(message.content) for message in messages)
        tokens = renderer.prompt(summary_request(messages, request.summary))
        while len(tokens) > room and longest:
            longest //= 2
            tokens = renderer.prompt(summary_request(messages, request.summary, longest=longest))
        if len(tokens) > room:
            return ""
        asked = Generate(request.id, (), _SOBER, max_tokens=most, thinking=False)
        answer = self._new_answer(asked, arrived, tokens)
        answer.is_shown = False
        with Sampler(asked.sampling, self._vocabulary.size) as sampler:
            self._evaluate_prompt(tokens, answer)
            reason = self._decode(sampler, answer)
        answer.unsent.append(answer.stream.finish(cut=reason not in ("end", "stop_string")))
        self._send_text(answer, last=True)
        return answer.thoughts.text.strip()

    def _new_answer(self, request: Generate, arrived: float, prompt: Sequence[int]) -> _AnswerInProgress:
        answer = _AnswerInProgress(request, arrived, self._new_stream(request), len(prompt))
        answer.thoughts = self._new_thoughts(request)
        answer.piece = self._piece_for(request)
        if request.logprobs is not None:
            answer.logprobs = LogprobReader(request.logprobs, self._vocabulary.piece)
        return answer

    def _continued_tokens(self, request: Generate) -> list[int]:
        """The tokens of the answer that is to be continued; none where they are not remembered."""
        if not request.continue_last or not request.messages:
            return []
        known = self._answers.find(request.messages[-1].content)
        return [*known.tokens, *self._vocabulary.tokenize_after(known.rest)] if known else []

    def _new_stream(self, request: Generate) -> TextStream:
        template = self.template if request.prompt is None else None
        own = template.stop if template else ()
        strip = template is not None and template.strip_leading_space and not request.continue_last
        return TextStream((*own, *request.stop), strip_leading_space=strip)

    def _new_thoughts(self, request: Generate) -> ThinkingStream:
        """Expects a thought where the template's prompt ends by opening one, which the model then does not write."""
        if request.prompt is not None or (request.continue_last and request.messages[-1].content):
            return ThinkingStream(begun=True)
        if self.template is None:
            return ThinkingStream()
        prompt = self.template.with_thinking(request.thinking).segments([_ANY_QUESTION])
        return ThinkingStream(opened_by(prompt[-1].text) if prompt and prompt[-1].literal else None)

    def save(self) -> None:
        """Write what has been read of the last conversation, where that is to be saved."""
        if self._states is not None:
            self._states.save()

    def forget(self, conversation: str) -> None:
        """Save nothing of a conversation, and remove what was saved of it."""
        if self._states is not None:
            self._states.leave(conversation)

    def _enter(self, request: Generate | ReadAhead, prompt: Sequence[int]) -> None:
        if self._states is not None:
            self._states.enter(request.conversation, prompt)
            for message in request.messages:
                if message.role == "assistant":
                    self._states.spoken(message.content)

    def _send_prompt_logprobs(self, prompt: Sequence[int], answer: _AnswerInProgress) -> None:
        """Tell how likely the prompt was, token for token. Raises Interrupted."""
        reader = answer.logprobs or LogprobReader(0, self._vocabulary.piece)
        self._set_threads()
        for tokens in reader.read_prompt(self._context, prompt):
            self._emit(Logprobs(answer.request.id, tokens, of_prompt=True))
            self._raise_if_stopped()

    def _evaluate_prompt(self, prompt: Sequence[int], answer: _AnswerInProgress) -> None:
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
            self._evaluate_chunk(chunk)
            done += len(chunk)
        self._emit(Prefill(answer.request.id, done, done, reused, 0.0))

    def _evaluate_chunk(self, chunk: Sequence[int]) -> None:
        """Raises Interrupted."""
        self._raise_if_stopped()
        self._set_threads()
        seconds = self._prefill.timed(self._context.evaluate, chunk)
        if len(chunk) > 1:  # a single token uses the threads for decoding
            self._prefill_threads.observe(seconds)

    def _decode(self, sampler: Sampler, answer: _AnswerInProgress) -> StopReason:
        """Sample, send and evaluate token after token. Raises Interrupted."""
        context, vocabulary, stream, tokens = self._context, self._vocabulary, answer.stream, answer.tokens
        most, tuner = answer.request.max_tokens, self._decode_threads
        tuner.begin()
        self._set_threads()
        sent_at = 0.0
        # A grammar holds for the answer, not for the thought that the prompt has opened.
        unfinished_thought = answer.thoughts.open_marks if answer.request.grammar else None
        if unfinished_thought is None:
            sampler.follow_grammar()
        while most is None or len(tokens) < most:
            self._raise_if_stopped()
            token = sampler.sample(context.handle)
            now = perf_counter()
            if answer.first_token_at is None:
                answer.first_token_at = now
            if vocabulary.ends_answer(token):
                return "end"
            tokens.append(token)
            if answer.logprobs is not None:
                answer.logprobs.add(token, context.last_logits())
            answer.unsent.append(stream.feed(answer.piece(token)))
            if unfinished_thought is not None and unfinished_thought.closing in stream.text:
                unfinished_thought = None
                sampler.follow_grammar()
            # Sent one by one, so that each `Logprobs` is of the tokens in the `Text` after it.
            if now - sent_at >= _TEXT_S or answer.logprobs is not None:
                sent_at = now
                self._send_text(answer)
            if stream.stopped_by is not None:
                return "stop_string"
            if len(tokens) == most:
                break  # the logits after it are not needed
            if len(context.tokens) >= context.n_ctx:
                return "context_full"
            start = perf_counter()
            context.evaluate((token,))
            if tuner.observe(perf_counter() - start):
                self._set_threads()
        return "length"

    def _finish(self, answer: _AnswerInProgress, reason: StopReason, continued: list[int]) -> Done:
        now = perf_counter()
        stream, request = answer.stream, answer.request
        answer.unsent.append(stream.finish(cut=reason not in ("end", "stop_string")))
        self._send_text(answer, last=True)
        thoughts = answer.thoughts
        before = request.messages[-1].content if request.continue_last else ""
        if request.prompt is None and (continued or not request.continue_last):
            self._answers.remember(before + thoughts.text, [*continued, *answer.tokens])
            if self._states is not None:
                self._states.spoken(before + thoughts.text)
        stats = Stats(
            prompt_tokens=answer.prompt_tokens,
            reused_tokens=answer.reused_tokens,
            completion_tokens=len(answer.tokens),
            ttft_s=None if answer.first_token_at is None else answer.first_token_at - answer.arrived,
            tokens_per_s=_speed(answer, now),
            context_used=len(self._context.tokens),
            n_threads=self._decode_threads.best,
        )
        seconds = None
        if thoughts.thinking and answer.first_token_at is not None:
            seconds = (answer.answer_at or now) - answer.first_token_at
        thinking, text = thoughts.thinking, thoughts.text
        if not thinking and not request.continue_last and request.prompt is None:
            thinking, text = unopened_thought(text) or (thinking, text)
        return Done(request.id, reason, text, stats, thinking, seconds)

    def _send_text(self, answer: _AnswerInProgress, *, last: bool = False) -> None:
        parts = answer.thoughts.feed("".join(answer.unsent)) + (answer.thoughts.finish() if last else [])
        answer.unsent.clear()
        for is_thought, group in groupby(parts, key=lambda part: part.is_thought):
            text = "".join(part.text for part in group)
            if not is_thought and answer.answer_at is None:
                answer.answer_at = perf_counter()
            if answer.logprobs is not None:
                logprobs = answer.logprobs.take()
                if logprobs and not is_thought:  # those of a thought are not sent
                    self._emit(Logprobs(answer.request.id, logprobs))
            if answer.is_shown:
                self._emit((Thinking if is_thought else Text)(answer.request.id, text))

    def _raise_if_stopped(self) -> None:
        if self._stop:
            raise Interrupted

    def _set_threads(self) -> None:
        threads = self._decode_threads.count, self._prefill_threads.count
        if threads != self._threads:
            self._context.set_threads(*threads)
            self._threads = threads


def _speed(answer: _AnswerInProgress, now: float) -> float | None:
    """Tokens per second of decoding: those after the first, in the time since the first."""
    if answer.first_token_at is None or len(answer.tokens) < 2:
        return None
    return (len(answer.tokens) - 1) / max(now - answer.first_token_at, 1e-9)
