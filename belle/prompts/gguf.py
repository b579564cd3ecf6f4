"""The prompt template inside a GGUF: a Jinja program, written by whoever made the file.

It runs in a sandbox (`sandbox`). Its output is then cut into segments, to distinguish text that people wrote from text
of the template.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from belle.errors import KnownError
from belle.prompts.base import BOS, Message, PromptTemplate, Segment, tools_unsupported
from belle.prompts.builtin import TEMPLATES
from belle.prompts.jinja import jinja_source
from belle.prompts.tool_calls import syntax_of

if TYPE_CHECKING:
    from belle.prompts.sandbox import Program

OWN_TEMPLATE = "gguf"
"""The id of the template inside the file."""

_HELLO = Message("user", "hello")
# Marks around the number of a message: private-use characters, which have no meaning in tokenizers and templates.
_OPEN, _CLOSE = "\ue000", "\ue001"


@dataclass(frozen=True, kw_only=True)
class GgufTemplate(PromptTemplate):
    """The template inside a model file.

    The text of each message becomes a segment of its own that is not literal, so that `<|im_end|>` in a message
    stays plain text. To find the messages in the output, the template is rendered a second time with marks in their
    place. A template may leave out parts of a message: white space around it, a chain of thought before it. With
    templates that rewrite messages in other ways this fails; then the messages are searched one after the other, and a
    message that is not found verbatim stays literal text: special tokens in such a message do act as special tokens.

    No segment is `trained`: such a template does not say where the loss belongs.
    """

    program: Program
    bos_token: str

    def _turns(self, messages: Sequence[Message], *, answer: bool) -> list[Segment]:
        text = self.program.render(messages, add_generation_prompt=answer)
        pieces = take_apart(self.program, messages, text, add_generation_prompt=answer)
        return self._with_bos([segment for piece in pieces for segment in _without_guards(piece.segment)])

    @property
    def can_switch_thinking(self) -> bool:
        return self.program.thinking_switch is not None

    def with_thinking(self, on: bool | None) -> GgufTemplate:
        if on is None or not self.can_switch_thinking:
            return self
        return replace(self, program=self.program.with_thinking(on))

    @property
    def tool_syntax(self) -> str | None:
        return syntax_of(self.program.source) if self.program.takes_tools else None

    def with_tools(self, tools: Sequence[Mapping[str, Any]]) -> GgufTemplate:
        if tools and self.tool_syntax is None:
            raise tools_unsupported()
        return replace(self, program=self.program.with_tools(tools)) if tools else self

    def _silence(self, pieces: list[Segment], messages: Sequence[Message]) -> None:
        """Do nothing: `ModelTemplate` does not mark answers without loss in the first place."""

    def _with_bos(self, pieces: list[Segment]) -> list[Segment]:
        """`pieces` with the text of the beginning-of-sequence token replaced by the token."""
        if self.add_bos is False and pieces and pieces[0].literal and pieces[0].text.startswith(self.bos_token):
            pieces[0] = replace(pieces[0], text=pieces[0].text[len(self.bos_token) :])
            pieces.insert(0, BOS)
        return pieces


def template_from_gguf(source: str, *, bos_token: str, eos_token: str) -> PromptTemplate:
    """The template `source` (`tokenizer.chat_template` of a GGUF); its id is `gguf`.

    A source that this program wrote itself gives the built-in template, which also knows which pieces have to be
    tokenized on their own.

    Args:
        bos_token: the text of the vocabulary's beginning-of-sequence token, "" when it has none.
        eos_token: the same for the end of sequence.

    Raises KnownError("template_error") when it does not compile or cannot render one question.
    """
    from belle.prompts.sandbox import Program

    own = next((known for known in TEMPLATES.values() if jinja_source(known) == source), None)
    if own is not None:
        return own
    program = Program(source, bos_token=bos_token, eos_token=eos_token)
    question = program.render([_HELLO], add_generation_prompt=True)
    # If the template writes the token itself, the tokenizer must not add a second one.
    writes_bos = bool(bos_token) and question.startswith(bos_token)
    return GgufTemplate(
        id=OWN_TEMPLATE,
        title="The model's own",
        strip_leading_space=not question[-1:].isspace(),
        add_bos=False if writes_bos else None,
        supports_system=supports_system(program),
        program=program,
        bos_token=bos_token,
    )


def _without_guards(segment: Segment) -> Iterator[Segment]:
    """The segment, with what stands in it of tools and calls as segments that are not literal."""
    if not segment.literal:
        yield segment
        return
    from belle.prompts.sandbox import unguarded

    for text, guarded in unguarded(segment.text):
        yield replace(segment, text=text, literal=not guarded)


def supports_system(program: Program) -> bool:
    """Whether a template renders a system message: some raise an error for it, others silently drop it."""
    mark = "mark-of-the-system-message"
    try:
        text = program.render([Message("system", mark), _HELLO], add_generation_prompt=True)
    except KnownError:
        return False
    return mark in text


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a rendered conversation.

    Args:
        message: the index of the message that it comes from; None for the template's own text.
    """

    segment: Segment
    message: int | None = None


def take_apart(program: Program, messages: Sequence[Message], text: str, *, add_generation_prompt: bool) -> list[Piece]:
    """Cut `text`, the rendered `messages`, into text of messages and text of the template."""
    if any(_OPEN in m.content for m in messages):
        return _in_order(text, messages)
    # Empty messages get no mark: templates treat them differently from others.
    marked = [
        replace(m, content=f"{_OPEN}{index:06d}{_CLOSE}" if m.content.strip() else m.content)
        for index, m in enumerate(messages)
    ]
    try:
        marked_text = program.render(marked, add_generation_prompt=add_generation_prompt)
    except KnownError:
        return _in_order(text, messages)
    return _by_marks(text, marked_text, messages) or _in_order(text, messages)


def _by_marks(text: str, marked: str, messages: Sequence[Message]) -> list[Piece] | None:
    """Cut `text` like `marked`; None unless each mark stands for a part of its message and the rest is equal."""
    first, *rest = marked.split(_OPEN)
    if not text.startswith(first):
        return None
    pieces = [Piece(Segment(first, literal=True))]
    position = len(first)
    for index, part in enumerate(rest):
        number, _, after = part.partition(_CLOSE)
        if not number.isdigit() or int(number) >= len(messages):
            return None
        content = messages[int(number)].content
        part_of_message = _part_of(content, text, position, after, last=index == len(rest) - 1)
        if part_of_message is None:
            return None
        pieces += [Piece(Segment(part_of_message), int(number)), Piece(Segment(after, literal=True))]
        position += len(part_of_message) + len(after)
    return pieces if position == len(text) else None


def _part_of(content: str, text: str, position: int, after: str, *, last: bool) -> str | None:
    """The part of `content` that stands in `text` from `position` to `after`: all, or trimmed, or the longest part."""
    for variant in (content, content.strip(), content.rstrip(), content.lstrip()):
        if text.startswith(variant + after, position):
            return variant
    limit = min(len(text), position + len(content) + len(after))
    end = len(text) - len(after) if last else text.rfind(after, position, limit) if after else -1
    while position <= end <= limit:
        if text.startswith(after, end) and text[position:end] in content:
            return text[position:end]
        end = text.rfind(after, position, end + len(after) - 1) if not last else -1
    return None


def _in_order(text: str, messages: Sequence[Message]) -> list[Piece]:
    """Cut `text` at the messages that occur in it verbatim, one after the other."""
    pieces: list[Piece] = []
    position = 0
    for number, message in enumerate(messages):
        content = message.content.strip()
        start = text.find(content, position) if content else -1
        if start >= 0:
            pieces += [Piece(Segment(text[position:start], literal=True)), Piece(Segment(content), number)]
            position = start + len(content)
    return [*pieces, Piece(Segment(text[position:], literal=True))]
