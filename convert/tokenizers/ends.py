"""The tokens beside `eos` that end an answer, from every file that names one: without them a model may never stop.

Files disagree: a base model's tokenizer names one end, `generation_config.json` another, and the chat template writes
a third after every answer. llama.cpp stops at all tokens with certain texts, and has two more ids for others, `eot` and
`eom`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gguf.constants import TokenType

from belle.errors import KnownError
from belle.prompts import Message
from belle.prompts.sandbox import Program
from convert.tokenizers.special import SpecialFiles, is_id

# llama.cpp ends an answer at these by their text (llama-vocab.cpp).
_KNOWN_BY_TEXT = frozenset(
    {"<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<|flush|>", "<|calls|>", "<end_of_turn>"}
    | {"<|endoftext|>", "</s>", "<|eom_id|>", "<EOT>", "_<EOT>", "[EOT]", "[EOS]", "<|end_of_text|>", "<eos>"}
    | {"<end_of_utterance>", "<turn|>", "<|tool_response>", "<｜end▁of▁sentence｜>", "[e~["}
)
_SPECIAL = (TokenType.CONTROL, TokenType.USER_DEFINED)
_ANSWER = "an answer"
_CONVERSATION = (Message("user", "a question"), Message("assistant", _ANSWER), Message("user", "another question"))


def further_ends(
    files: SpecialFiles,
    tokens: Sequence[str],
    types: Sequence[TokenType],
    ids: Mapping[str, int],
    *,
    template: str,
    notes: list[str],
) -> dict[str, int]:
    """The ids of those ends that llama.cpp does not know by their text, under `eot` and `eom`.

    Args:
        files: the small files beside the tokenizer.
        tokens, types: the finished vocabulary.
        ids: of `bos`, `eos`, `unk`, …
        template: the chat template, "" for none.
        notes: gets a sentence about an end that cannot be written, or that is not a token of the vocabulary.
    """
    named = [*_after_an_answer(template, tokens, types, ids, notes), *_listed(files, tokens, types)]
    # Old conversions of LLaMA give wrong ids for eos: that of bos, or of unk.
    never = {ids.get("bos"), ids.get("unk")} - {ids["eos"]}
    ends = [index for index in dict.fromkeys(named) if index not in never and index != ids["eos"]]
    unknown = [index for index in ends if tokens[index] not in _KNOWN_BY_TEXT or types[index] not in _SPECIAL]
    if len(unknown) > 2:
        left_out = ", ".join(repr(tokens[index]) for index in unknown[2:])
        notes.append(f"llama.cpp has no room for all ends of an answer; these are not written: {left_out}.")
    return dict(zip(("eot", "eom"), unknown, strict=False))


def _listed(files: SpecialFiles, tokens: Sequence[str], types: Sequence[TokenType]) -> Iterator[int]:
    """The ends that the files name, the most reliable first; of config.json only ids of special tokens are used."""
    stated = files.generation_config.get("eos_token_id")
    yield from (index for index in _as_list(stated) if index < len(tokens))
    by_text = {token: index for index, token in enumerate(tokens)}
    yield from (by_text[text] for text in files.texts_of("eos") if text in by_text)
    stated = files.config.get("eos_token_id")
    yield from (index for index in _as_list(stated) if index < len(tokens) and types[index] in _SPECIAL)


def _as_list(value: object) -> list[int]:
    return [index for index in (value if isinstance(value, list) else [value]) if is_id(index)]


def _after_an_answer(
    template: str, tokens: Sequence[str], types: Sequence[TokenType], ids: Mapping[str, int], notes: list[str]
) -> Iterator[int]:
    """The token that the chat template writes after an answer; none for a template that cannot be run."""
    if not template:
        return
    bos, eos = (tokens[ids[kind]] if kind in ids else "" for kind in ("bos", "eos"))
    try:
        text = Program(template, bos_token=bos, eos_token=eos).render(_CONVERSATION, add_generation_prompt=False)
    except KnownError:
        return
    after = text.partition(_ANSWER)[2].lstrip()
    special = {tokens[index]: index for index, kind in enumerate(types) if kind in _SPECIAL}
    end = max((token for token in special if token and after.startswith(token)), key=len, default=None)
    if end is not None:
        yield special[end]
    elif after.startswith(("<|", "<end", "<eo", "</")):
        shown = after.partition(">")[0][:40] + ">"
        notes.append(
            f"The chat template ends answers with {shown!r}, which is not a token of the vocabulary: the model may not "
            "stop by itself."
        )
