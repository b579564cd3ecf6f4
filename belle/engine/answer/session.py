"""Answering: from a request to its end, with one model.

`PromptBuilder` makes the prompt, `Decoder` decodes, `AnswerInProgress` turns tokens into what is sent;
`ConversationStates` brings back what was read of a conversation before. What is to be evaluated, each answer says in
steps, and `AnswerScheduler` does it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from belle.engine.answer.answer_in_progress import AnswerInProgress
from belle.engine.answer.answer_tokens import AnswerTokens
from belle.engine.answer.decoder import Decoder
from belle.engine.answer.grammar import Grammar
from belle.engine.answer.kv_states import ConversationStates
from belle.engine.answer.logprobs import LogprobReader
from belle.engine.answer.overflow import FittedPrompt, room_for_prompt, room_for_summary
from belle.engine.answer.prompt_builder import PromptBuilder
from belle.engine.answer.sampling import Sampler
from belle.engine.answer.schedule.scheduler import AnswerScheduler
from belle.engine.answer.schedule.steps import AnswerSlot, Steps
from belle.engine.answer.text_stream import TextStream
from belle.engine.llama.context import Interrupted
from belle.engine.llama.model import Vocabulary
from belle.engine.llama.native_log import NativeLog
from belle.engine.pictures.picture_runs import has_picture
from belle.engine.process.commands import Count, Generate, ReadAhead, Sampling
from belle.engine.process.events import ContextCut, Counted, Done, Event, StopReason, Summarised
from belle.errors import KnownError
from belle.prompts import Message
from belle.prompts.summary import summary_request, with_summary

_SOBER = Sampling(temperature=0.0)


class AnswerSession:
    """Answers requests with one model, as many at once as the scheduler has room for.

    Args:
        vocabulary, prompts, decoder: of the model.
        n_ctx: tokens that its context holds.
        scheduler: evaluates for all answers.
        answers: remembers the tokens of answers.
        states: brings back what was read of a conversation before; None where nothing is saved.
        emit: takes the events.
        log: of llama.cpp.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        prompts: PromptBuilder,
        decoder: Decoder,
        scheduler: AnswerScheduler,
        *,
        n_ctx: int,
        answers: AnswerTokens,
        states: ConversationStates | None,
        emit: Callable[[Event], None],
        log: NativeLog,
    ) -> None:
        self._vocabulary = vocabulary
        self._n_ctx = n_ctx
        self._prompts = prompts
        self._decoder = decoder
        self._scheduler = scheduler
        self._answers = answers
        self._states = states
        self._emit = emit
        self._log = log

    def count(self, request: Count) -> None:
        """Emit `Counted`. Raises KnownError."""
        tokens = len(self._prompts.renderer().prompt(with_summary(request.messages, request.summary)))
        system = [message for message in request.messages[:1] if message.role == "system"]
        system_tokens = len(self._prompts.beginning(system, summary=request.summary))
        self._emit(Counted(request.id, tokens, self._n_ctx, min(system_tokens, tokens)))

    @property
    def is_answering(self) -> bool:
        """Whether there is an answer that has not ended: `step` goes on with it."""
        return self._scheduler.is_busy

    @property
    def has_room(self) -> bool:
        """Whether one more request can be answered."""
        return self._scheduler.has_room

    def generate(self, request: Generate, arrived: float, on_end: Callable[[Done | KnownError], object]) -> None:
        """Begin to emit `ContextCut`, `Summarised`, `PictureRead`, `Prefill`, `Thinking`, `Text` and `Logprobs`, which
        `step` goes on with.

        Args:
            request: see there.
            arrived: when the command arrived, by `perf_counter`.
            on_end: takes `Done`, which the caller emits, or what failed.
        """
        self._scheduler.begin(request.id, partial(self._answer, request, arrived), on_end)

    def step(self) -> None:
        """Evaluate once, for all answers in progress."""
        self._scheduler.step()

    def _answer(self, request: Generate, arrived: float, slot: AnswerSlot) -> Steps[Done]:
        """Raises KnownError."""
        self._enter(request)
        continued = self._continued_tokens(request)
        grammar = Grammar(request.grammar, self._vocabulary, self._log) if request.grammar else None
        with Sampler(request.sampling, self._vocabulary.size, grammar) as sampler:
            sampler.accept(continued)
            prompt = self._prompts.fitted(request)
            if prompt.left_out:
                self._emit(ContextCut(request.id, prompt.left_out))
            if request.prompt_logprobs and has_picture(prompt.tokens):
                message = "What stands for a picture has no log probability."
                raise KnownError("bad_option", message, "Ask for those of a prompt without pictures.")
            answer = self._new_answer(request, arrived, prompt.tokens)
            try:
                self._restore(prompt.tokens)
                if request.overflow == "summarise" and not set(prompt.left_out) <= set(request.summarised):
                    prompt = yield from self._with_summary(request, arrived, prompt, slot)
                    answer.prompt_tokens = len(prompt.tokens)
                if request.prompt_logprobs:
                    yield from self._decoder.send_prompt_logprobs(prompt.tokens, answer, slot)
                yield from self._decoder.read(prompt.tokens, answer)
                if request.prompt_logprobs:
                    answer.reused_tokens = 0  # it was all read anew
                reason = yield from self._decoder.decode(sampler, answer, slot)
            except Interrupted:
                reason = "stopped"
            except KnownError:
                answer.send()
                raise
        return self._finish(answer, reason, continued, slot)

    def read_ahead(self, command: ReadAhead) -> int:
        """Evaluate what the next prompt of a conversation begins with, until all of it is read or the flag is set.

        What does not fit, or has no template, is not read. Returns how many tokens of it are in the KV cache.
        """
        with suppress(KnownError):
            self._enter(command)
            tokens = self._prompts.beginning(command.messages, command.thinking, command.summary)
            if len(tokens) <= room_for_prompt(self._n_ctx, None):
                self._restore(tokens)
                return self._scheduler.read_ahead(tokens)
        return 0

    def save(self) -> None:
        """Write what has been read of the last conversation, where that is to be saved."""
        if self._states is not None:
            self._states.save()

    def forget(self, conversation: str) -> None:
        """Save nothing of a conversation, and remove what was saved of it; of all of them for an empty name."""
        if self._states is None:
            return
        if conversation:
            self._states.leave(conversation)
        else:
            self._states.leave_all()

    def _restore(self, prompt: Sequence[int]) -> None:
        if self._states is not None:
            self._states.restore(prompt)

    def _enter(self, request: Generate | ReadAhead) -> None:
        if self._states is not None:
            self._states.enter(request.conversation)
            if isinstance(request, Generate):
                self._states.asked()
            for message in request.messages:
                if message.role == "assistant":
                    self._states.spoken(message.content)

    def _with_summary(
        self, request: Generate, arrived: float, cut: FittedPrompt, slot: AnswerSlot
    ) -> Steps[FittedPrompt]:
        """What is left of a prompt, with a summary of what was left out of it.

        A model that has nothing to say of it goes on without.
        """
        told = set(request.summarised)
        left_out = [request.messages[index] for index in cut.left_out if index not in told]
        summary = yield from self._summary(request, arrived, left_out, slot)
        if not summary:
            return cut
        self._emit(Summarised(request.id, summary))
        return self._prompts.summarised(request, cut, summary)

    def _summary(self, request: Generate, arrived: float, messages: Sequence[Message], slot: AnswerSlot) -> Steps[str]:
        """What the model makes of `messages` and of the summary before them."""
        renderer, most = self._prompts.renderer(thinking=False), room_for_summary(self._n_ctx)
        room = self._n_ctx - most
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
            yield from self._decoder.read(tokens, answer)
            answer.close((yield from self._decoder.decode(sampler, answer, slot)))
        return answer.thoughts.text.strip()

    def _new_answer(self, request: Generate, arrived: float, prompt: Sequence[int]) -> AnswerInProgress:
        logprobs = None if request.logprobs is None else LogprobReader(request.logprobs, self._vocabulary.piece)
        return AnswerInProgress(
            request,
            arrived,
            len(prompt),
            self._emit,
            self._new_stream(request),
            self._prompts.thoughts(request),
            self._piece_for(request),
            logprobs,
        )

    def _new_stream(self, request: Generate) -> TextStream:
        template = self._prompts.template if request.prompt is None else None
        own = template.stop if template else ()
        strip = template is not None and template.strip_leading_space and not request.continue_last
        return TextStream((*own, *request.stop), strip_leading_space=strip)

    def _piece_for(self, request: Generate) -> Callable[[int], bytes]:
        """What a token adds to the text that is taken apart for thoughts, and by the client for calls of functions."""
        if request.prompt is not None:
            return self._vocabulary.piece
        return self._vocabulary.piece_with_tool_marks if request.tools else self._vocabulary.piece_with_marks

    def _continued_tokens(self, request: Generate) -> list[int]:
        """The tokens of the answer that is to be continued; none where they are not remembered."""
        if not request.continue_last or not request.messages:
            return []
        known = self._answers.find(request.messages[-1].content)
        return [*known.tokens, *self._vocabulary.tokenize_after(known.rest)] if known else []

    def _finish(self, answer: AnswerInProgress, reason: StopReason, continued: list[int], slot: AnswerSlot) -> Done:
        answer.close(reason)
        request, text = answer.request, answer.thoughts.text
        before = request.messages[-1].content if request.continue_last else ""
        if request.prompt is None and (continued or not request.continue_last):
            self._answers.remember(before + text, [*continued, *answer.tokens])
            if self._states is not None:
                self._states.spoken(before + text)
        return answer.done(reason, context_used=slot.n_tokens, n_threads=self._scheduler.best_threads)
