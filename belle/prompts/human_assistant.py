"""The templates of the BELLE family: `Human:` asks, `Assistant:` answers, an end token closes every answer.

BELLE's models were trained by several generations of its code, whose prompts differ in a space or a newline; a model
answers well only to its own. In all of them there is no system role, each answer is followed by the end token (also in
the history), and a model that misses its end continues with `Human:`, which is therefore a stop string.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from belle.prompts.base import EOS, Message, PromptTemplate, Segment


@dataclass(frozen=True)
class HumanAssistant(PromptTemplate):
    """A prompt of the BELLE family.

    A question and the texts around it, “Assistant:” included, are one segment.

    Args:
        before: the text before the question.
        after: the text between the question and the answer.
        between: the text between an answer's end token and the next question.
    """

    before: str = "Human: \n"
    after: str = "\n\nAssistant: \n"
    between: str = ""
    stop: tuple[str, ...] = ("Human:",)
    strip_leading_space: bool = True
    supports_system: bool = False

    def _turns(self, messages: Sequence[Message], *, answer: bool) -> list[Segment]:
        del answer  # every question ends with the text that makes the model answer
        result: list[Segment] = []
        for message in messages:
            if message.role == "user":
                gap = self.between if result else ""
                result.append(Segment(f"{gap}{self.before}{message.content}{self.after}"))
            else:
                result += [Segment(self.answer_prefix + message.content, trained=True), EOS]
        return result


# BELLE's training code (2023-04 and later) tokenizes “Human: \n…\n\nAssistant: \n” and each answer separately and joins
# the ids; the space before each newline is in its strings. So for SentencePiece each answer begins a new text, in front
# of which it puts a space: hence `strip_leading_space`. No BOS is added.
BELLE = HumanAssistant(
    "belle",
    "BELLE (Human / Assistant, 2023-04 and later)",
    separate_segments=True,
    add_bos=False,
)

# The same, but for one space: “Assistant:\n”.
BELLE_LLAMA2 = HumanAssistant(
    "belle-llama2",
    "BELLE-Llama2 (no space after “Assistant:”)",
    separate_segments=True,
    add_bos=False,
    after="\n\nAssistant:\n",
)

# The first generation wrote question and answer in the lines of their labels, and tokenized the whole as one text, with
# BOS.
BELLE_V0 = HumanAssistant(
    "belle-v0",
    "BELLE-LLaMA 0.6M, 2M (first generation)",
    add_bos=True,
    before="Human: ",
    after="\n\nAssistant: ",
)

# BLOOM's byte-level tokens include their leading space, so the prompt ends before the space and the model writes it.
BELLE_BLOOM = HumanAssistant(
    "belle-bloom",
    "BELLE-7B on BLOOM",
    separate_segments=True,
    add_bos=False,
    before="Human: ",
    after="\n\nAssistant:",
    answer_prefix=" ",
)

# BELLE-LLaMA-EXT calls itself Belle, and an empty line separates an answer from the next question.
BELLE_EXT = HumanAssistant(
    "belle-ext",
    "BELLE-LLaMA-EXT (Human / Belle)",
    add_bos=True,
    before="Human: ",
    after="\n\nBelle: ",
    between="\n\n",
)

FAMILY = (BELLE, BELLE_LLAMA2, BELLE_V0, BELLE_BLOOM, BELLE_EXT)
