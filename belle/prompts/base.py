"""The base of every prompt template: messages in, segments out.

A segment is a piece of the prompt with its kind: text that a person wrote, text of the template, or a special token.
That is enough to make token ids, a loss mask, or readable text, without knowing the template.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from belle.errors import KnownError
from belle.prompts.thinking import opened_by

Role = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A model's call of a function.

    Args:
        name: of the function.
        arguments: a JSON object, as text.
        id: by which a `tool` message names the call that it answers; "" where nobody asks.
    """

    name: str
    arguments: str
    id: str = ""


@dataclass(frozen=True, slots=True)
class PictureRef:
    """A picture in a message.

    Args:
        path: of a PNG, JPEG, WebP, GIF or BMP file. Only the engine's worker reads it.
    """

    path: str


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation.

    Args:
        pictures: what the model sees before it reads `content`.
        trained: whether training computes the loss on it; matters for answers only.
        tool_calls: the functions that an answer calls.
        tool_call_id: of the call that a `tool` message answers.
        name: of the function that a `tool` message answers for.
    """

    role: Role
    content: str
    trained: bool = True
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""
    name: str = ""
    pictures: tuple[PictureRef, ...] = ()

    @property
    def is_target(self) -> bool:
        """Whether it is an answer that training computes the loss on."""
        return self.role == "assistant" and self.trained

    @property
    def is_about_tools(self) -> bool:
        """Whether it calls functions, or is what one returned."""
        return self.role == "tool" or bool(self.tool_calls)


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a prompt.

    `literal` text is the template's own: special tokens in it (`<|im_start|>`) are parsed. Other text was written by
    people or by the model, or contains no special token: parsing special tokens in it would let a message forge a turn.
    Where neighbours are joined (see `PromptTemplate.separate_segments`), the literal ones are first split at their
    special tokens, and what is left is joined, so that no word boundary appears between two segments.

    Args:
        text: the text, "" when `special` is set.
        special: a token id of the vocabulary instead of text.
        literal: see above.
        trained: the loss is computed here (an assistant's text, and the token that closes it).
        silent: an answer that is not to be learned: tokenized as a trained one, but without loss.
        picture: what is seen here; the text is "" then.
    """

    text: str
    special: Literal["bos", "eos"] | None = None
    literal: bool = False
    trained: bool = False
    silent: bool = False
    picture: PictureRef | None = None


BOS = Segment("", special="bos")
EOS = Segment("", special="eos", trained=True)


@dataclass(frozen=True)
class PromptTemplate(ABC):
    """Renders a conversation as the text that a model was trained on.

    Args:
        id: for the catalogue, the command line and the worker.
        title: for people.
        stop: strings that end an answer and are no part of it.
        strip_leading_space: remove one space at the start of an answer, which is an artefact of the tokenizer.
        separate_segments: each segment is tokenized on its own (as BELLE was trained); otherwise neighbouring text
            is joined and tokenized together.
        add_bos: whether a beginning-of-sequence token goes in front of everything; None: as the model file says.
        supports_system: False when the template has no system role; a system message is then put in front of the
            user message that follows it, with an empty line between.
        answer_prefix: written in front of an answer: the space that `strip_leading_space` removes, where the model
            itself, and not its tokenizer, writes it.
        needs: the control tokens that it writes; a vocabulary without them belongs to another family.
    """

    id: str
    title: str
    stop: tuple[str, ...] = ()
    strip_leading_space: bool = False
    separate_segments: bool = False
    add_bos: bool | None = None
    supports_system: bool = True
    answer_prefix: str = ""
    needs: tuple[str, ...] = ()

    def segments(
        self, messages: Sequence[Message], *, continue_last: bool = False, add_generation_prompt: bool = True
    ) -> list[Segment]:
        """The prompt for `messages`, oldest first.

        Args:
            continue_last: the last message is the beginning of an answer; the prompt ends with exactly its text, which
                the model continues.
            add_generation_prompt: end with the text that makes the model answer; no effect with `continue_last`, and
                where that text is a part of the user's turn (BELLE, Llama 2).

        Raises KnownError("template_error") when the template cannot express this conversation, and ValueError when
        `continue_last` is asked for and the last message is not an assistant's.
        """
        finished, partial = split_partial(messages, continue_last)
        if not self.supports_system:
            finished = list(system_into_user(finished))
        pieces = self._turns(finished, answer=partial is not None or add_generation_prompt)
        self._silence(pieces, finished)
        if partial is not None and partial.content:
            thought = opened_by(pieces[-1].text) if pieces and pieces[-1].literal else None
            if thought is not None:
                # The prompt has opened a thought, but the answer is to be continued: its thought is over, and no part
                # of the message. So it is closed, empty.
                pieces.append(Segment(f"\n{thought.closing}\n\n", literal=True))
            pieces.append(Segment(self.answer_prefix + partial.content, trained=True))
        return [piece for piece in pieces if piece.text or piece.special]

    @property
    def can_switch_thinking(self) -> bool:
        """Whether `with_thinking` changes anything."""
        return False

    def with_thinking(self, on: bool | None) -> PromptTemplate:
        """The same template, set to let the model think before its answer or not; None: the template's default."""
        del on
        return self

    @property
    def tool_syntax(self) -> str | None:
        """How its models write calls of functions: an id of `belle.prompts.tool_calls`; None: they know none."""
        return None

    def with_tools(self, tools: Sequence[Mapping[str, Any]]) -> PromptTemplate:
        """The same template that offers functions to the model.

        Args:
            tools: each as in OpenAI's API, `{"type": "function", "function": {"name", "description", "parameters"}}`.

        Raises KnownError("tools_unsupported") where its models know no tools.
        """
        if tools:
            raise tools_unsupported()
        return self

    def keeps_history(self, messages: Sequence[Message]) -> bool:
        """Whether in the finished conversation each answer follows exactly the prompt of a chat.

        Some templates rewrite history, by leaving out earlier thoughts. Then each answer needs a training sample of its
        own, with the prompt that a chat would have. Raises KnownError("template_error").
        """
        del messages
        return True

    def _silence(self, pieces: list[Segment], messages: Sequence[Message]) -> None:
        """Mark the segments of answers without loss as `silent`.

        Their position is found by rendering the messages before and up to such an answer: the segments of earlier
        messages do not depend on later ones.
        """
        for index, message in enumerate(messages):
            if message.role == "assistant" and not message.trained:
                first, last = (len(self._turns(messages[:end], answer=False)) for end in (index, index + 1))
                pieces[first:last] = [replace(piece, silent=piece.trained) for piece in pieces[first:last]]

    @abstractmethod
    def _turns(self, messages: Sequence[Message], *, answer: bool) -> list[Segment]:
        """The segments of finished messages, and with `answer` those that make the model begin an answer."""


def tools_unsupported() -> KnownError:
    """The error for tools that a template has no words for."""
    message = "The prompt template of this model does not know tools."
    return KnownError("tools_unsupported", message, "Leave tools out, or use a model that was trained to call them.")


def split_partial(messages: Sequence[Message], continue_last: bool) -> tuple[Sequence[Message], Message | None]:
    """The finished messages, and the assistant's unfinished one. Raises ValueError when there is none to continue."""
    if not continue_last:
        return messages, None
    if not messages or messages[-1].role != "assistant":
        raise ValueError("only an assistant's message can be continued, and it must be the last")
    return messages[:-1], messages[-1]


def system_into_user(messages: Iterable[Message]) -> Iterator[Message]:
    """`messages` without the system role: each system text goes in front of the user's text that follows it."""
    waiting = ""
    for message in messages:
        if message.role == "system":
            waiting += message.content + "\n\n" if message.content else ""
        elif message.role == "user":
            yield Message("user", waiting + message.content)
            waiting = ""
        else:
            yield message


def as_text(segments: Iterable[Segment], *, bos: str = "<s>", eos: str = "</s>") -> str:
    """The prompt as one readable string, for people and for tests; models get token ids."""
    special = {None: "", "bos": bos, "eos": eos}
    return "".join(s.text + special[s.special] for s in segments)
