"""A checkpoint's own chat template for training: finds the tokens of the answers in its output.

A chat template does not say where the answers are (but for the few with `{% generation %}`), so they are found by
rendering turn by turn: an answer begins where the prompt of a chat would end, and ends with the first control token
after its text. Both positions are looked up in the whole rendered conversation, so its tokens are the same as those of
transformers' `apply_chat_template`.

Some templates render a turn differently once it is history: they leave out earlier thoughts. Then the conversation does
not contain the prompt of a chat, and `keeps_history` says that each answer needs a sample of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import accumulate, pairwise

from belle.errors import KnownError
from belle.prompts.base import EOS, Message, PromptTemplate, Segment, system_into_user
from belle.prompts.builtin import TEMPLATES
from belle.prompts.gguf import GgufTemplate, Piece, supports_system, take_apart
from belle.prompts.jinja import jinja_source

MODEL = "model"
"""The id of a checkpoint's own template."""

_PROBE = (Message("user", "hello"), Message("assistant", "good day"))
_BEGINS, _ENDS = "\ue002", "\ue003"
_MARKS = re.compile(f"([{_BEGINS}{_ENDS}])")
# What looks like a control token: `<|end|>`, `<end_of_turn>`, `<｜User｜>`, `[/INST]`.
_LIKE_A_TOKEN = re.compile(r"\s*(<[^<>\s]{2,40}>|\[/?[A-Z_]{2,40}\])")
# Larger than the number of samples that are encoded together, each of which is looked up twice.
_REMEMBERED = 4096

Span = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class ModelTemplate(GgufTemplate):
    """The chat template of a checkpoint, with the answers marked as trained.

    Args:
        controls: the control tokens of the vocabulary.
    """

    controls: tuple[str, ...]

    @property
    def writes_bos(self) -> bool:
        """Whether it writes the beginning-of-sequence token itself."""
        return bool(self.bos_token) and self.program.render(_PROBE[:1], add_generation_prompt=True).startswith(
            self.bos_token
        )

    def keeps_history(self, messages: Sequence[Message]) -> bool:
        known = messages if self.supports_system else system_into_user(messages)
        return _marked(self, tuple(known))[1]

    def _turns(self, messages: Sequence[Message], *, answer: bool) -> list[Segment]:
        if answer or not any(m.is_target for m in messages):
            return super()._turns(messages, answer=answer)
        return self._with_bos(list(_marked(self, tuple(messages))[0]))

    @cached_property
    def control(self) -> re.Pattern[str]:
        """Matches any control token."""
        longest_first = sorted(self.controls, key=len, reverse=True)
        return re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")


def model_template(
    source: str,
    *,
    bos_token: str,
    eos_token: str,
    controls: Sequence[str],
    further: Mapping[str, str] | None = None,
    trains: bool = True,
) -> PromptTemplate:
    """The template of a checkpoint, for training and for answering with transformers.

    A source that this program wrote itself gives the built-in template.

    Args:
        source: Jinja, as `chat_template` of a tokenizer.
        bos_token: "" where there is none.
        controls: the texts of the vocabulary's control tokens.
        further: further variables of the program.
        trains: whether it is used for training, so that the answers have to be found.

    Raises KnownError("template_error") when it cannot be rendered or trained with, with the reason.
    """
    from belle.prompts.sandbox import Program

    own = next((known for known in TEMPLATES.values() if jinja_source(known) == source), None)
    if own is not None:
        return own
    program = Program(source, bos_token=bos_token, eos_token=eos_token, further=further)
    template = ModelTemplate(
        id=MODEL,
        title="The model's own",
        # transformers adds no token in front of the text of the template.
        add_bos=False,
        supports_system=supports_system(program),
        program=program,
        bos_token=bos_token,
        controls=tuple(controls),
    )
    prompt = program.render(_PROBE[:1], add_generation_prompt=True)
    template = replace(template, strip_leading_space=not prompt[-1:].isspace())
    try:
        end = _end_of_answers(template)
    except KnownError:
        if trains:
            raise
        return template
    return template if end in (None, eos_token) else replace(template, stop=(end,))


def _end_of_answers(template: ModelTemplate) -> str | None:
    """The control token that closes an answer; None when nothing does. Raises KnownError("template_error")."""
    whole = _whole(template, _PROBE)
    (answer,) = _answers(whole)
    if answer.ended is None and (match := _LIKE_A_TOKEN.match(whole.text[answer.end :])):
        raise _untrainable(
            f"it ends an answer with {match[1]}, which is not a token of this vocabulary, so the end cannot be learned"
        )
    return answer.ended


@dataclass(frozen=True)
class _Whole:
    """A rendered conversation.

    Args:
        pieces: the pieces of `text`.
        bounds: the start of each piece, and the end of the last.
    """

    template: ModelTemplate
    messages: Sequence[Message]
    text: str
    pieces: Sequence[Piece]
    bounds: Sequence[int]

    def literals(self, start: int, end: int) -> Iterator[Span]:
        """The spans in `text[start:end]` that the template wrote."""
        for piece, begin, stop in zip(self.pieces, self.bounds, self.bounds[1:], strict=False):
            if piece.segment.literal and begin < end and stop > start:
                yield max(begin, start), min(stop, end)

    def span_of(self, message: int) -> Span | None:
        """The span of the text of a message; None where it was not found."""
        spans = zip(self.pieces, self.bounds, self.bounds[1:], strict=False)
        return next(((begin, stop) for piece, begin, stop in spans if piece.message == message), None)


@dataclass(frozen=True)
class _Answer:
    """The span of an answer in a rendered conversation.

    Args:
        ended: the control token that closes it, included in the span; None where there is none.
    """

    start: int
    end: int
    ended: str | None


def _whole(template: ModelTemplate, messages: Sequence[Message]) -> _Whole:
    text = template.program.render(messages, add_generation_prompt=False)
    pieces = take_apart(template.program, messages, text, add_generation_prompt=False)
    bounds = list(accumulate((len(piece.segment.text) for piece in pieces), initial=0))
    return _Whole(template, messages, text, pieces, bounds)


@lru_cache(maxsize=_REMEMBERED)
def _marked(template: ModelTemplate, messages: tuple[Message, ...]) -> tuple[tuple[Segment, ...], bool]:
    """The segments of a finished conversation, and whether every answer in it could be marked."""
    whole = _whole(template, messages)
    answers = _answers(whole)
    spans = [(answer.start, answer.end) for answer in answers]
    segments = [part for number in range(len(whole.pieces)) for part in _cut(whole, number, spans)]
    if answers and answers[-1].ended is None and messages[-1].is_target:
        # The template has no token for the end of a turn; then the end of sequence closes the text, after the answer.
        segments = [s for s, stop in _with_ends(segments) if stop <= answers[-1].end]
        segments.append(EOS)
    complete = template.program.marks_answers or len(answers) == sum(m.is_target for m in messages)
    return tuple(segments), complete


def _cut(whole: _Whole, number: int, spans: Sequence[Span]) -> Iterator[Segment]:
    """Cut a piece where trained text begins or ends."""
    segment, begin, stop = whole.pieces[number].segment, whole.bounds[number], whole.bounds[number + 1]
    cuts = sorted({begin, stop, *(cut for span in spans for cut in span if begin < cut < stop)})
    for start, end in pairwise(cuts):
        trained = any(first <= start and end <= last for first, last in spans)
        yield replace(segment, text=whole.text[start:end], trained=trained)


def _with_ends(segments: Sequence[Segment]) -> Iterator[tuple[Segment, int]]:
    return zip(segments, accumulate(len(segment.text) for segment in segments), strict=True)


def _answers(whole: _Whole) -> list[_Answer]:
    """The answers to train on that were found, in order.

    Raises KnownError("template_error") when the last message is to be trained on and is not found.
    """
    if whole.template.program.marks_answers and (marked := _by_generation(whole)) is not None:
        return marked
    targets = [i for i, message in enumerate(whole.messages) if message.is_target]
    answers = (_by_prompt(whole, index) for index in targets)
    return [answer for answer in answers if answer is not None]


def _by_prompt(whole: _Whole, index: int) -> _Answer | None:
    """The answer that is message `index`, by the prompt before it; None when the text does not contain that prompt."""
    program = whole.template.program
    prompt = program.render(whole.messages[:index], add_generation_prompt=True)
    last = index == len(whole.messages) - 1
    if not whole.text.startswith(prompt):
        if not last:
            return None
        added = prompt[_shared(prompt, whole.text) :]
        raise _untrainable(
            f"before an answer it writes {added[:60]!r}, which is not in the finished conversation,"
            " so what a chat shows the model could not be trained"
        )
    span = whole.span_of(index)
    finished = whole.text if last else program.render(whole.messages[: index + 1], add_generation_prompt=False)
    if span is not None and span[0] >= len(prompt):
        answer = _closed(whole, len(prompt), span[1])
    else:
        answer = _between(whole, len(prompt), _shared(finished, whole.text))
    if last and answer.end == answer.start:
        raise _untrainable("it leaves the answer out")
    # As history an answer may be rendered differently from when it was the last message: then it is not the text that a
    # chat would have generated.
    unclear = not last and (answer.end == answer.start or (span is None and answer.ended is None))
    return None if unclear or not finished.startswith(whole.text[: answer.end]) else answer


def _between(whole: _Whole, start: int, end: int) -> _Answer:
    """An answer whose text the template has rewritten: from `start` to the last control token before `end`."""
    controls = list(_controls(whole, start, end))
    if controls:
        token, stop = controls[-1]
        return _Answer(start, stop, token)
    return _Answer(start, start + len(whole.text[start:end].rstrip()), None)


def _closed(whole: _Whole, start: int, end: int) -> _Answer:
    """The answer from `start` whose text ends at `end`, and the control token that follows, if any."""
    for begin, stop in whole.literals(end, len(whole.text)):
        if begin != end:
            break
        match = whole.template.control.search(whole.text, begin, stop)
        if match and not whole.text[begin : match.start()].strip():
            return _Answer(start, match.end(), match[0])
        break
    return _Answer(start, end, None)


def _controls(whole: _Whole, start: int, end: int) -> Iterator[tuple[str, int]]:
    """The control tokens that the template wrote between two positions, each with its end."""
    for begin, stop in whole.literals(start, end):
        for match in whole.template.control.finditer(whole.text, begin, stop):
            yield match[0], match.end()


def _by_generation(whole: _Whole) -> list[_Answer] | None:
    """The answers as `{% generation %}` marks them, each with the token that closes it; None for unclear marks.

    The closing token is added where the marks leave it out: the model would learn answers without an end.
    """
    program = whole.template.program
    marked = program.render(whole.messages, add_generation_prompt=False, answer_marks=_BEGINS + _ENDS)
    if _MARKS.search(whole.text) or _MARKS.sub("", marked) != whole.text:
        return None
    spans: list[Span] = []
    position, begin = 0, 0
    for part in _MARKS.split(marked):
        if part == _BEGINS:
            begin = position
        elif part == _ENDS:
            spans.append((begin, position))
        else:
            position += len(part)
    answers = [message for message in whole.messages if message.role == "assistant"]
    if len(spans) != len(answers):
        return None
    pairs = zip(spans, answers, strict=True)
    return [_with_end(whole, *span) for span, message in pairs if message.trained]


def _with_end(whole: _Whole, start: int, end: int) -> _Answer:
    controls = list(_controls(whole, start, end))
    return _Answer(start, end, controls[-1][0]) if controls else _closed(whole, start, end)


def _shared(one: str, other: str) -> int:
    """The length of the common prefix of two texts."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(one), len(other)))


def _untrainable(reason: str) -> KnownError:
    return KnownError(
        "template_error",
        f"The model's own prompt template cannot be trained with: {reason}.",
        "Choose one of the built-in templates for this model.",
        reason=reason,
        refused=True,
    )
