"""Conversations that were written into one text: `Human: …` and `Assistant: …`, as in BELLE's reward, DPO and PPO data.

The inverse of `belle.prompts.human_assistant`, for every variant of the labels that BELLE's files use.
"""

from __future__ import annotations

import re

from belle.data.problems import RowError
from belle.prompts import Message

# At the beginning of a line, or right behind the end token of an answer.
_LABEL = re.compile(r"(?:\A|(?<=\n)|(?<=</s>))[ \t]*(Human|Assistant|Belle)[ \t]*[:：]")
_ROLES = {"Human": "user", "Assistant": "assistant", "Belle": "assistant"}
_END = "</s>"


def is_templated(text: str) -> bool:
    """Whether the text begins as a conversation."""
    found = _LABEL.match(text.lstrip().removeprefix("<s>").lstrip())
    return found is not None and found[1] == "Human"


def parse_templated(text: str) -> list[Message]:
    """The messages in `text`; an open `Assistant:` at its end is an empty answer.

    White space around messages, which belongs to the template, is taken off. Raises RowError when the text does not
    begin with a label.
    """
    text = text.lstrip().removeprefix("<s>").lstrip()
    labels = list(_LABEL.finditer(text))
    if not labels or labels[0].start() != 0:
        raise RowError("it does not begin with “Human:”", "Write it as “Human: …”, “Assistant: …”, each on a new line.")
    ends = [label.start() for label in labels[1:]] + [len(text)]
    messages = []
    for label, end in zip(labels, ends, strict=True):
        content = text[label.end() : end].strip().removesuffix(_END).strip()
        messages.append(Message("user" if _ROLES[label[1]] == "user" else "assistant", content))
    return messages


def parse_prompt(text: str) -> tuple[Message, ...]:
    """The messages of a prompt that calls for an answer; text without labels is one question.

    Raises RowError when it does not end with “Assistant:” or with a question.
    """
    if not is_templated(text):
        return (Message("user", text),)
    messages = parse_templated(text)
    if messages[-1].role == "assistant":
        if messages[-1].content:
            raise RowError(
                "the prompt ends with an answer", "It must end with a question, or with an open “Assistant:”."
            )
        messages.pop()
    return tuple(messages)
