"""The prompts of the BELLE family: `Human:` asks, `Assistant:` answers, an end token closes every answer.

BELLE's models were trained by several generations of its code, whose prompts differ in a space or a newline, and a
model answers well only to its own. What all share: there is no system role, each answer is followed by the end token
(also in the history), and a model that misses its end goes on with `Human:`, which therefore ends an answer too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from belle.prompts.base import EOS, Message, PromptTemplate, Segment


@dataclass(frozen=True)
class HumanAssistant(PromptTemplate):
    """A prompt of the BELLE family.

    A human turn is one segment and includes the call for an answer.

    Args:
        before: what stands before the question.
        after: what stands between the question and the answer.
        between: what stands between an answer's end token and the next question.
    """

    before: str = "Human: \n"
    after: str = "\n\nAssistant: \n"
    between: str = ""
    stop: tuple[str, ...] = ("Human:",)
    strip_leading_space: bool = True
    supports_system: bool = False

    def _turns(self, messages: Sequence[Message], *, answer: bool) -> list[Segment]:
        del answer  # every human turn calls for one
        result: list[Segment] = []
        for message in messages:
            if message.role == "user":
                gap = self.between if result else ""
                result.append(Segment(f"{gap}{self.before}{message.content}{self.after}"))
            else:
                result += [Segment(self.answer_prefix + message.content, trained=True), EOS]
        return result


BELLE = HumanAssistant(
    "belle",
    "BELLE (Human / Assistant, 2023-04 and later)",
    separate_segments=True,
    add_bos=False,
)

BELLE_LLAMA2 = HumanAssistant(
    "belle-llama2",
    "BELLE-Llama2 (no space after “Assistant:”)",
    separate_segments=True,
    add_bos=False,
    after="\n\nAssistant:\n",
)

# The first generation put question and answer on the lines of their labels and tokenized the whole as one text.
BELLE_V0 = HumanAssistant(
    "belle-v0",
    "BELLE-LLaMA 0.6M, 2M (first generation)",
    add_bos=True,
    before="Human: ",
    after="\n\nAssistant: ",
)

# BLOOM's byte-level tokens carry their leading space, so the prompt ends before it and the model writes it.
BELLE_BLOOM = HumanAssistant(
    "belle-bloom",
    "BELLE-7B on BLOOM",
    separate_segments=True,
    add_bos=False,
    before="Human: ",
    after="\n\nAssistant:",
    answer_prefix=" ",
)

BELLE_EXT = HumanAssistant(
    "belle-ext",
    "BELLE-LLaMA-EXT (Human / Belle)",
    add_bos=True,
    before="Human: ",
    after="\n\nBelle: ",
    between="\n\n",
)

FAMILY = (BELLE, BELLE_LLAMA2, BELLE_V0, BELLE_BLOOM, BELLE_EXT)
