"""The templates of well-known model families, a row each: the text around system texts, questions and answers.

A row is exactly what the family's published chat template writes, to the last space; `test_families.py` compares each
with that template, or with llama.cpp's own. A new family is one more row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from belle.prompts.base import BOS, EOS, Message, PromptTemplate, Segment


@dataclass(frozen=True)
class Turns(PromptTemplate):
    """A template that writes every message between two fixed texts, and closes an answer with an end token.

    A family without a system role has `supports_system` False.

    Args:
        starts_with_bos: the template itself writes the beginning-of-sequence token.
        system: the texts before and after a system text.
        user: the texts before and after a question.
        assistant: the text before an answer, which also makes the model begin one.
        end: the control token that closes an answer; "" for the vocabulary's end of sequence.
        after: the text between that token and the next turn.
        preamble: the system text of a conversation that has none.
        trims: remove white space around messages.
    """

    starts_with_bos: bool = False
    system: tuple[str, str] = ("", "")
    user: tuple[str, str] = ("", "")
    assistant: str = ""
    end: str = ""
    after: str = ""
    preamble: str = ""
    trims: bool = False

    def _turns(self, messages: Sequence[Message], *, answer: bool) -> list[Segment]:
        result = [BOS] if self.starts_with_bos else []
        if self.preamble and messages and messages[0].role != "system":
            result += self._turn(Message("system", self.preamble))
        for message in messages:
            result += self._turn(message)
        if answer:
            result.append(Segment(self.assistant, literal=True))
        return result

    def _turn(self, message: Message) -> list[Segment]:
        text = message.content.strip() if self.trims else message.content
        if message.role == "assistant":
            return [
                Segment(self.assistant, literal=True),
                Segment(self.answer_prefix + text, trained=True),
                Segment(self.end, literal=True, trained=True) if self.end else EOS,
                Segment(self.after, literal=True),
            ]
        before, behind = self.system if message.role == "system" else self.user
        return [Segment(before, literal=True), Segment(text), Segment(behind, literal=True)]


GEMMA = Turns(
    "gemma",
    "Gemma 1, 2 and 3",
    stop=("<end_of_turn>",),
    add_bos=False,
    supports_system=False,
    needs=("<start_of_turn>", "<end_of_turn>"),
    starts_with_bos=True,
    user=("<start_of_turn>user\n", "<end_of_turn>\n"),
    assistant="<start_of_turn>model\n",
    end="<end_of_turn>",
    after="\n",
    trims=True,
)

# The templates of Mistral's tokenizer versions differ in spaces. v1: `[INST]` is plain text, and SentencePiece itself
# puts the space in front of an answer.
MISTRAL = Turns(
    "mistral",
    "Mistral 7B v0.1 and v0.2, Mixtral",
    strip_leading_space=True,
    add_bos=False,
    supports_system=False,
    answer_prefix=" ",
    starts_with_bos=True,
    user=("[INST] ", " [/INST]"),
)

# v3: `[INST]` and `[/INST]` are control tokens; the space before the closing one is gone.
MISTRAL_V3 = Turns(
    "mistral-v3",
    "Mistral 7B v0.3, Mistral Large",
    strip_leading_space=True,
    add_bos=False,
    supports_system=False,
    answer_prefix=" ",
    needs=("[INST]", "[/INST]"),
    starts_with_bos=True,
    user=("[INST] ", "[/INST]"),
)

# v3-tekken: a byte-level vocabulary, whose tokens carry their spaces, so the template writes none.
MISTRAL_TEKKEN = Turns(
    "mistral-tekken",
    "Mistral Nemo, Ministral",
    add_bos=False,
    supports_system=False,
    needs=("[INST]", "[/INST]"),
    starts_with_bos=True,
    user=("[INST]", "[/INST]"),
)

# v7: adds a system role, again without spaces.
MISTRAL_V7 = Turns(
    "mistral-v7",
    "Mistral Small 3",
    add_bos=False,
    needs=("[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[INST]", "[/INST]"),
    starts_with_bos=True,
    system=("[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]"),
    user=("[INST]", "[/INST]"),
)

LLAMA_3 = Turns(
    "llama-3",
    "Llama 3, 3.1, 3.2 and 3.3",
    stop=("<|eot_id|>",),
    add_bos=False,
    needs=("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
    starts_with_bos=True,
    system=("<|start_header_id|>system<|end_header_id|>\n\n", "<|eot_id|>"),
    user=("<|start_header_id|>user<|end_header_id|>\n\n", "<|eot_id|>"),
    assistant="<|start_header_id|>assistant<|end_header_id|>\n\n",
    end="<|eot_id|>",
    trims=True,
)

CHATML = Turns(
    "chatml",
    "ChatML (Qwen, Yi, SmolLM)",
    stop=("<|im_end|>",),
    needs=("<|im_start|>", "<|im_end|>"),
    system=("<|im_start|>system\n", "<|im_end|>\n"),
    user=("<|im_start|>user\n", "<|im_end|>\n"),
    assistant="<|im_start|>assistant\n",
    end="<|im_end|>",
    after="\n",
)

# The prompt of Qwen 1's `chat()`: ChatML, in which no conversation is without a system text.
QWEN = replace(CHATML, id="qwen", title="Qwen 1, BELLE-VL", preamble="You are a helpful assistant.")

# Roles are tokens that were reserved in the vocabulary (ids 195 and 196), with nothing between them and the texts.
BAICHUAN = Turns(
    "baichuan",
    "Baichuan 13B",
    add_bos=False,
    supports_system=False,
    needs=("<reserved_102>", "<reserved_103>"),
    user=("<reserved_102>", ""),
    assistant="<reserved_103>",
)

ALPACA = Turns(
    "alpaca",
    "Alpaca",
    stop=("### Instruction:",),
    system=("", "\n\n"),
    user=("### Instruction:\n", "\n\n"),
    assistant="### Response:\n",
    preamble="Below is an instruction that describes a task. "
    "Write a response that appropriately completes the request.",
)

VICUNA = Turns(
    "vicuna",
    "Vicuna 1.1 and 1.5",
    stop=("USER:",),
    strip_leading_space=True,
    answer_prefix=" ",
    system=("", " "),
    user=("USER: ", " "),
    assistant="ASSISTANT:",
    preamble="A chat between a curious user and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the user's questions.",
)

# The bars of `<｜User｜>` are U+FF5C, and the control tokens need nothing between them.
DEEPSEEK = Turns(
    "deepseek",
    "DeepSeek V3 and R1",
    add_bos=False,
    needs=("<｜User｜>", "<｜Assistant｜>"),
    starts_with_bos=True,
    user=("<｜User｜>", ""),
    assistant="<｜Assistant｜>",
)

DEEPSEEK_V2 = Turns(
    "deepseek-v2",
    "DeepSeek LLM and V2",
    stop=("User:",),
    strip_leading_space=True,
    add_bos=False,
    answer_prefix=" ",
    starts_with_bos=True,
    system=("", "\n\n"),
    user=("User: ", "\n\n"),
    assistant="Assistant:",
)

PHI_3 = Turns(
    "phi-3",
    "Phi 3 and 3.5",
    stop=("<|end|>",),
    needs=("<|user|>", "<|assistant|>", "<|end|>"),
    system=("<|system|>\n", "<|end|>\n"),
    user=("<|user|>\n", "<|end|>\n"),
    assistant="<|assistant|>\n",
    end="<|end|>",
    after="\n",
)

# ChatML with `<|im_sep|>` in place of the line feed.
PHI_4 = Turns(
    "phi-4",
    "Phi 4",
    stop=("<|im_end|>",),
    needs=("<|im_start|>", "<|im_sep|>", "<|im_end|>"),
    system=("<|im_start|>system<|im_sep|>", "<|im_end|>"),
    user=("<|im_start|>user<|im_sep|>", "<|im_end|>"),
    assistant="<|im_start|>assistant<|im_sep|>",
    end="<|im_end|>",
)

FAMILIES = (
    GEMMA,
    MISTRAL,
    MISTRAL_V3,
    MISTRAL_TEKKEN,
    MISTRAL_V7,
    LLAMA_3,
    CHATML,
    QWEN,
    BAICHUAN,
    ALPACA,
    VICUNA,
    DEEPSEEK,
    DEEPSEEK_V2,
    PHI_3,
    PHI_4,
)
