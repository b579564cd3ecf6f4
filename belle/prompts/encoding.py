"""Encodes conversations as token ids, with the same tokens for training and for chatting.

Four rules. Text that a person or a model wrote never becomes a control token, so that `<|im_end|>` typed into a
message cannot forge a turn. Pieces of one text are tokenized together, so that no word boundary appears between them
(except for templates that were trained otherwise). An answer begins and ends with whole tokens, so that in training it
follows exactly the tokens of the prompt in a chat. And a conversation that is too long loses whole turns, never a part
of one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from belle.errors import KnownError
from belle.prompts.base import EOS, Message, PictureRef, PromptTemplate, Segment
from belle.prompts.pictures import PictureMarks
from belle.prompts.targets import with_targets
from belle.prompts.token_line import KnownTokens, TokenLine, TokenVocabulary, encode_segments
from belle.prompts.turns import alternating

__all__ = [
    "UNTRAINED",
    "Encoded",
    "TokenVocabulary",
    "encode_answers",
    "encode_conversation",
    "encode_preference",
    "encode_prompt",
    "encode_text",
]

UNTRAINED = -100
"""The label of a token without loss, as `torch.nn.functional.cross_entropy` ignores it."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A training sample.

    Args:
        ids: token ids `[length]`.
        trained: for each token, whether the loss is computed on it `[length]`.
        dropped_messages: messages that were left out, because they did not fit or no answer follows them.
    """

    ids: list[int]
    trained: list[bool]
    dropped_messages: int = 0

    @property
    def labels(self) -> list[int]:
        """The ids where the loss is computed, -100 elsewhere `[length]`; not shifted."""
        return [token if trained else UNTRAINED for token, trained in zip(self.ids, self.trained, strict=True)]


def encode_prompt(
    vocabulary: TokenVocabulary,
    template: PromptTemplate,
    messages: Sequence[Message],
    *,
    continue_last: bool = False,
    known: Callable[[Segment], KnownTokens | None] | None = None,
    picture_tokens: Callable[[PictureRef], Iterable[int]] | None = None,
) -> list[int]:
    """The tokens that make a model answer `messages`, or continue the last of them; empty when nothing is asked.

    `alternating(messages)` is rendered, so a conversation may have questions that were never answered.

    Args:
        continue_last: the last message is the beginning of an answer.
        known: returns the tokens with which a segment was generated, if it was.
        picture_tokens: what stands for a picture; without it, pictures are left out.

    Raises KnownError("template_error") and ValueError as `PromptTemplate.segments`.
    """
    marks = PictureMarks()
    if picture_tokens is not None:
        messages = marks.written_into(messages)
    turns = alternating(messages, continue_last=continue_last)
    if all(turn.role == "system" for turn in turns):
        return []
    segments = marks.taken_from(template.segments(turns, continue_last=continue_last))
    return encode_segments(vocabulary, template, segments, known, picture_tokens).tokens


def encode_conversation(
    vocabulary: TokenVocabulary,
    template: PromptTemplate,
    messages: Sequence[Message],
    *,
    max_length: int | None = None,
) -> Encoded | None:
    """The training sample of a conversation, or None when no trained token is left.

    `belle.prompts.targets` says which answers are trained on. The sample ends with an answer and the token that closes
    it; what follows the last answer is left out. A conversation longer than `max_length` tokens loses its oldest
    exchanges (questions with their answers), but never its leading system messages; if the newest exchange does not fit
    even alone, it is left out and those before it are tried. Nothing is cut in the middle: a cut answer would teach the
    model to stop anywhere, and a cut question to answer what was not asked.

    Raises KnownError: `template_error`; `no_end_token` when the vocabulary lacks the token that closes an answer.
    """
    system, exchanges = _exchanges(with_targets(messages))
    while exchanges:
        lines = _Suffixes(vocabulary, template, system, [exchanges])
        first = lines.longest_within(max_length)
        if first is not None:
            (line,) = lines.encoded(first)
            kept = len(system) + sum(map(len, exchanges[first:]))
            return Encoded(line.tokens, line.trained, len(messages) - kept) if any(line.trained) else None
        exchanges.pop()
    return None


def encode_answers(
    vocabulary: TokenVocabulary,
    template: PromptTemplate,
    messages: Sequence[Message],
    *,
    max_length: int | None = None,
) -> list[Encoded]:
    """The training samples of a conversation: one; or one for each answer, where the template rewrites history.

    Arguments and errors as `encode_conversation`.
    """
    system, exchanges = _exchanges(with_targets(messages))
    talk = [*system, *chain.from_iterable(exchanges)]
    if not exchanges or template.keeps_history(talk):
        samples = [encode_conversation(vocabulary, template, messages, max_length=max_length)]
    else:
        samples = [
            encode_conversation(vocabulary, template, [*map(_silent, talk[:index]), message], max_length=max_length)
            for index, message in enumerate(talk)
            if message.is_target
        ]
    return [sample for sample in samples if sample is not None]


def encode_preference(
    vocabulary: TokenVocabulary,
    template: PromptTemplate,
    prompt: Sequence[Message],
    chosen: str,
    rejected: str,
    *,
    max_length: int | None = None,
) -> tuple[Encoded, Encoded] | None:
    """Two samples with the same prompt, the loss on the answers alone; None when one does not fit into `max_length`.

    `prompt` ends with a question. Where its oldest exchanges have to be left out, they are left out of both samples.
    Raises as `encode_conversation`.
    """
    system, exchanges = _exchanges([*map(_silent, prompt), Message("assistant", "answer")])
    both = [[*exchanges[:-1], [*exchanges[-1][:-1], Message("assistant", answer)]] for answer in (chosen, rejected)]
    lines = _Suffixes(vocabulary, template, system, both)
    first = lines.longest_within(max_length)
    if first is None:
        return None
    dropped = sum(map(len, exchanges[:first]))
    good, bad = (Encoded(line.tokens, line.trained, dropped) for line in lines.encoded(first))
    return (good, bad) if any(good.trained) and any(bad.trained) else None


def encode_text(vocabulary: TokenVocabulary, text: str) -> Encoded:
    """A document for continued pre-training: its tokens and the end token, all of them trained.

    Raises KnownError("no_end_token").
    """
    if vocabulary.eos is None:
        raise _no_end_token()
    ids = [*vocabulary.tokenize(text), vocabulary.eos]
    return Encoded(ids, [True] * len(ids))


def _exchanges(messages: Sequence[Message]) -> tuple[list[Message], list[list[Message]]]:
    """The leading system messages, and the exchanges: questions with their answers.

    Messages after the last trained answer are in none.
    """
    start = next((i for i, m in enumerate(messages) if m.role != "system"), len(messages))
    end = next((i for i in range(len(messages), start, -1) if messages[i - 1].is_target), start)
    exchanges: list[list[Message]] = []
    previous: Message | None = None
    for message in messages[start:end]:
        if previous is None or (previous.role == "assistant" and message.role != "assistant"):
            exchanges.append([])
        exchanges[-1].append(message)
        previous = message
    return list(messages[:start]), exchanges


def _silent(message: Message) -> Message:
    return replace(message, trained=False)


class _Suffixes:
    """Encodes conversations from exchange number `first` on, and finds the smallest `first` that fits.

    Args:
        variants: conversations with the same number of exchanges; all have to fit.
    """

    def __init__(
        self,
        vocabulary: TokenVocabulary,
        template: PromptTemplate,
        system: Sequence[Message],
        variants: Sequence[Sequence[Sequence[Message]]],
    ) -> None:
        self._vocabulary = vocabulary
        self._template = template
        self._system = system
        self._variants = variants
        self._lines: dict[int, list[TokenLine]] = {}

    def encoded(self, first: int) -> list[TokenLine]:
        """The samples without the exchanges before `first`."""
        if first not in self._lines:
            self._lines[first] = [
                _encode_finished(self._vocabulary, self._template, [*self._system, *chain.from_iterable(v[first:])])
                for v in self._variants
            ]
        return self._lines[first]

    def longest_within(self, max_length: int | None) -> int | None:
        """The number of the first exchange to keep; None when the last alone is too long.

        By bisection: leaving out more exchanges never makes a sample longer, and each test encodes the conversation.
        """

        def fits(first: int) -> bool:
            return max_length is None or max(len(line.tokens) for line in self.encoded(first)) <= max_length

        too_long, enough = -1, len(self._variants[0]) - 1
        if fits(0):
            return 0
        if not fits(enough):
            return None
        while enough - too_long > 1:
            middle = (enough + too_long) // 2
            if fits(middle):
                enough = middle
            else:
                too_long = middle
        return enough


def _encode_finished(vocabulary: TokenVocabulary, template: PromptTemplate, messages: Sequence[Message]) -> TokenLine:
    segments = template.segments(messages, add_generation_prompt=False)
    if segments and segments[-1].trained and not (segments[-1].special or segments[-1].literal):
        # The template has no token for the end of a turn; then the end of sequence closes the text.
        segments.append(EOS)
    if vocabulary.eos is None and any(s.special == "eos" for s in segments):
        raise _no_end_token()
    return encode_segments(vocabulary, template, segments)


def _no_end_token() -> KnownError:
    return KnownError(
        "no_end_token",
        "The tokenizer has no end-of-sequence token, so the model could not learn where an answer ends.",
        "Set `eos_token` in the checkpoint's tokenizer_config.json.",
    )
