"""Prefill and decoding of one answer: what has to be evaluated, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter

from belle.engine.answer.answer_in_progress import AnswerInProgress
from belle.engine.answer.logprobs import LogprobReader
from belle.engine.answer.sampling import Sampler
from belle.engine.answer.schedule.steps import AnswerSlot, PromptReading, Steps
from belle.engine.answer.speculation.speculator import Speculator
from belle.engine.llama.context import N_OUTPUTS, Context
from belle.engine.llama.model import Vocabulary
from belle.engine.pictures.picture_runs import has_picture
from belle.engine.process.events import Logprobs, StopReason

# Every event wakes the client. Where there are as many threads as cores, that takes the core of one thread, for which
# all the others wait. Ten events a second read smoothly; a model of few tokens per second sends each at once.
_TEXT_S = 0.1


class Decoder:
    """Makes answers token by token, in the steps of `belle.engine.answer.schedule.steps`.

    Args:
        vocabulary, context: of the model.
        has_thought_enough: whether the thought of a request, by its number, is to end.
        speculator: guesses tokens of answers.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        context: Context,
        *,
        has_thought_enough: Callable[[int], bool],
        speculator: Speculator,
    ) -> None:
        self._vocabulary = vocabulary
        self._context = context
        self._has_thought_enough = has_thought_enough
        self._speculator = speculator

    def read(self, prompt: Sequence[int], answer: AnswerInProgress) -> Steps[None]:
        """Prefill: bring the prompt into the KV cache."""
        yield PromptReading(prompt, answer)

    def send_prompt_logprobs(self, prompt: Sequence[int], answer: AnswerInProgress, slot: AnswerSlot) -> Steps[None]:
        """Tell how likely the prompt was, token for token. All of it is read anew."""
        reader = answer.logprobs or LogprobReader(0, self._vocabulary.piece)
        yield PromptReading(())
        answer.emit(Logprobs(answer.request.id, (reader.of(prompt[0], None),), of_prompt=True))
        for start in range(0, len(prompt) - 1, N_OUTPUTS):
            following = prompt[start + 1 : start + 1 + N_OUTPUTS]
            yield tuple(prompt[start : start + len(following)])
            rows = map(self._context.logits, slot.sequence.rows)
            tokens = tuple(reader.of(token, row) for token, row in zip(following, rows, strict=True))
            answer.emit(Logprobs(answer.request.id, tokens, of_prompt=True))

    def decode(self, sampler: Sampler, answer: AnswerInProgress, slot: AnswerSlot) -> Steps[StopReason]:
        """Sample and send token after token, from the logits after the prompt."""
        speculator = self._speculator
        # Guessing looks for text that repeats itself, and a draft model does not see.
        speculator.begin(may_guess=not has_picture(slot.sequence.tokens))
        try:
            return (yield from self._decode(sampler, answer, slot))
        finally:
            answer.drafted_tokens, answer.accepted_tokens = speculator.drafted, speculator.accepted
            if slot.held is not None:
                speculator.drop_guesses(slot.held)

    def _decode(self, sampler: Sampler, answer: AnswerInProgress, slot: AnswerSlot) -> Steps[StopReason]:
        context, vocabulary, stream, tokens = self._context, self._vocabulary, answer.stream, answer.tokens
        most = answer.request.max_tokens
        sent_at, thought_ended = 0.0, False
        # A grammar holds for the answer, not for the thought that the prompt has opened.
        unfinished_thought = answer.thoughts.open_marks if answer.request.grammar else None
        if unfinished_thought is None:
            sampler.follow_grammar()
        while most is None or len(tokens) < most:
            if not thought_ended and self._has_thought_enough(answer.request.id):
                thought_ended = yield from self._end_thought(sampler, answer, slot)
                if thought_ended:
                    unfinished_thought = None
                    sampler.follow_grammar()
            row = slot.sequence.rows[-1 - len(self._speculator.unconfirmed)]
            token = sampler.sample(context.handle, row)
            answer.begin()
            if vocabulary.ends_answer(token):
                return "end"
            if answer.logprobs is not None:
                answer.logprobs.add(token, context.logits(row))
            answer.add(token)
            if unfinished_thought is not None and unfinished_thought.closing in stream.text:
                unfinished_thought = None
                sampler.follow_grammar()
            # Sent one by one, so that each `Logprobs` is of the tokens in the `Text` after it.
            if perf_counter() - sent_at >= _TEXT_S or answer.logprobs is not None:
                sent_at = perf_counter()
                answer.send()
            if stream.stopped_by is not None:
                return "stop_string"
            if len(tokens) == most:
                break  # the logits after it are not needed
            room = context.n_ctx - slot.n_tokens + len(self._speculator.unconfirmed) - 1
            if room < 0:
                return "context_full"
            yield from self._advance(token, slot, room if most is None else min(room, most - len(tokens) - 1))
        return "length"

    def _advance(self, token: int, slot: AnswerSlot, room: int) -> Steps[None]:
        """Evaluate the next token of the answer, with at most `room` guesses after it, unless it was guessed itself."""
        speculator = self._speculator
        if speculator.confirms(token, slot.sequence):
            return
        guesses = speculator.guess(room)
        start = perf_counter()
        yield (token, *guesses)
        speculator.evaluated(guesses, perf_counter() - start)

    def _end_thought(self, sampler: Sampler, answer: AnswerInProgress, slot: AnswerSlot) -> Steps[bool]:
        """Write the end of the thought in the model's place; False where that has to wait for the next token."""
        answer.send()  # what is not sent has not been searched for marks
        marks = answer.thoughts.open_marks
        if marks is None or answer.stream.is_within_character:
            return False
        tokens = self._vocabulary.tokenize_marks_after(f"\n{marks.closing}\n\n")
        if slot.n_tokens - len(self._speculator.unconfirmed) + len(tokens) >= self._context.n_ctx:
            return False
        sampler.accept(tokens)
        for token in tokens:
            answer.add(token)
            yield from self._advance(token, slot, 0)
        return True
