"""Llama 2's template, which no row of `families` can express, the empty template, and the table of built-in ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType

from belle.errors import KnownError
from belle.prompts.base import BOS, EOS, Message, PromptTemplate, Segment
from belle.prompts.families import FAMILIES
from belle.prompts.human_assistant import FAMILY


@dataclass(frozen=True)
class Llama2(PromptTemplate):
    """Llama-2-chat: `[INST] … [/INST]`, the system text in `<<SYS>>` before the first question, `<s>` before each.

    White space around finished messages is removed, as in Meta's reference code (llama/generation.py, chat_completion).
    `[INST]` is ordinary text to the tokenizer, so no segment is literal.
    """

    id: str = "llama-2"
    title: str = "Llama 2 chat"
    strip_leading_space: bool = True
    # `_turns` writes one before every question.
    add_bos: bool | None = False
    answer_prefix: str = " "

    def _turns(self, messages: Sequence[Message], *, answer: bool) -> list[Segment]:
        del answer  # `[/INST]` already makes the model answer
        result: list[Segment] = []
        system = ""
        for message in messages:
            text = message.content.strip()
            if message.role == "system":
                system += f"<<SYS>>\n{text}\n<</SYS>>\n\n" if text else ""
            elif message.role == "user":
                result += [BOS, Segment(f"[INST] {system}{text} [/INST]")]
                system = ""
            else:
                result += [Segment(f"{self.answer_prefix}{text} ", trained=True), EOS]
        return result


@dataclass(frozen=True)
class Plain(PromptTemplate):
    """No template: the messages' texts one after the other, with nothing in between; the model continues.

    For base models, which complete a text and have no turns.
    """

    id: str = "plain"
    title: str = "Plain text (base models)"
    supports_system: bool = False

    def _turns(self, messages: Sequence[Message], *, answer: bool) -> list[Segment]:
        del answer
        return [Segment(m.content, trained=m.role == "assistant") for m in messages]


TEMPLATES: Mapping[str, PromptTemplate] = MappingProxyType(
    {template.id: template for template in (*FAMILIES, Llama2(), *FAMILY, Plain())}
)


def get_template(template_id: str) -> PromptTemplate:
    """The built-in template of that id. Raises KnownError("unknown_template")."""
    try:
        return TEMPLATES[template_id]
    except KeyError:
        close = get_close_matches(template_id, TEMPLATES, n=1)
        hint = f"Did you mean {close[0]}? " if close else ""
        raise KnownError(
            "unknown_template",
            f"There is no prompt template called “{template_id}”.",
            f"{hint}The templates are: {', '.join(TEMPLATES)}.",
            template=template_id,
            known=list(TEMPLATES),
        ) from None
