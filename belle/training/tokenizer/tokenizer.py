"""The tokenizer of a checkpoint, with an end token and a padding token, and as `belle.prompts` uses it.

Two traps are avoided here. The first LLaMA checkpoints name a tokenizer class that no longer exists and write empty
special tokens, on which `AutoTokenizer` recurses until Python gives up. And transformers' fast tokenizers parse control
tokens in any text.

The padding token may be the end token, as in many base models: here the trained tokens are chosen by position and never
by id (`collate`), so the end of an answer is learned all the same. Where the vocabulary has another token for padding,
that is used, because other programs leave the padding token out of the loss.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from belle.clients.copies import VOCABULARY_FILES, model_here
from belle.documents import read_json
from belle.errors import KnownError
from belle.model_names import check_model_name
from belle.streams import to_stderr

_LLAMA_CLASSES = ("LLaMATokenizer", "LlamaTokenizer", "LlamaTokenizerFast")
# What LLaMA's SentencePiece model calls them, whatever the files beside it say.
_LLAMA_SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
_PADDING_NAMES = ("<pad>", "[PAD]", "<|pad|>", "<|finetune_right_pad_id|>", "<|endoftext|>")


def _notice(sentence: str) -> None:
    to_stderr(f"belle: {sentence}")


def has_tokenizer(folder: Path) -> bool:
    """Whether `folder` has one of the files that hold a vocabulary."""
    return any((folder / name).exists() for name in VOCABULARY_FILES)


def load_tokenizer(path: Path | str, *, notice: Callable[[str], None] = _notice) -> Any:
    """The tokenizer of a checkpoint: a folder, or a name on the hub. It has a padding token.

    Args:
        notice: gets a sentence about what was repaired.

    Raises KnownError: `no_tokenizer`, `damaged_tokenizer`, `no_end_token`, and those of `model_here`.
    """
    from transformers import AutoTokenizer

    check_model_name(path)
    path = model_here(path, needs={"tokenizer"})
    folder = Path(path)
    if folder.is_dir() and not has_tokenizer(folder):
        raise KnownError(
            "no_tokenizer",
            f"{folder} holds no tokenizer.",
            "Copy tokenizer.json or tokenizer.model of the base model into it, or set “tokenizer” in the recipe.",
            path=path,
        )
    try:
        tokenizer = (
            _load_llama(folder) if _is_llama(folder) else AutoTokenizer.from_pretrained(path, local_files_only=True)
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        kind = "damaged_tokenizer" if folder.is_dir() else "no_tokenizer"
        message = f"The tokenizer of {path} cannot be loaded: {reason}"
        raise KnownError(kind, message, "Check its files.", path=path) from error
    if tokenizer.eos_token_id is None:
        raise KnownError(
            "no_end_token",
            f"The tokenizer of {path} has no end-of-sequence token, so the model could not learn where an answer ends.",
            "Set “eos_token” in its tokenizer_config.json.",
            path=path,
        )
    _give_padding(tokenizer, path, notice)
    return tokenizer


def padding_to_look_for(tokenizer: Any) -> int | None:
    """The padding token by which transformers may find the last token of a text; None when it may end one itself."""
    pad: int | None = tokenizer.pad_token_id
    return pad if pad != tokenizer.eos_token_id else None


class HubVocabulary:
    """A transformers tokenizer as `belle.prompts.encoding` wants it (a `TokenVocabulary`).

    Texts get the ids that SentencePiece and llama.cpp give them: control tokens in a text stay text, and a text that
    begins with a space keeps it beside the one that SentencePiece puts in front.

    Args:
        tokenizer: from `load_tokenizer`.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self.bos: int | None = tokenizer.bos_token_id
        self.eos: int | None = tokenizer.eos_token_id
        self.adds_bos: bool = self.bos is not None and tokenizer.encode("a")[:1] == [self.bos]
        self.size: int = len(tokenizer)
        first = tokenizer.convert_ids_to_tokens(self._plain("a"))[:1]
        self._puts_space_in_front = bool(first) and first[0].startswith("▁")
        self._line_feed = self._plain("\n")

    def __getstate__(self) -> dict[str, Any]:
        """Without the two cached properties, which every process computes for itself."""
        return {key: value for key, value in self.__dict__.items() if key not in ("_backend", "_control")}

    def encode(self, text: str, *, parse_special: bool = False) -> list[int]:
        """The ids of `text` with nothing put around it; control tokens in it are parsed only with `parse_special`."""
        if not parse_special:
            return self.tokenize(text)
        ids: list[int] = []
        for part in self.split_control(text):
            ids += [part] if isinstance(part, int) else self.tokenize(part)
        return ids

    def tokenize(self, text: str) -> list[int]:
        """The ids of `text` alone; text that looks like a control token stays text."""
        if self._puts_space_in_front and text.startswith(" "):
            # The fast tokenizers leave out the space in front of a text that has one already.
            return self.tokenize_after(" " + text)
        return self._plain(text)

    def tokenize_after(self, text: str) -> list[int]:
        """The ids of `text` as it continues other text.

        SentencePiece puts a space before any text it tokenizes. So a line feed, which merges with no other character,
        is put in front, and the ids of space and line feed are cut off again.
        """
        if not self._puts_space_in_front:
            return self._plain(text)
        before, whole = self._line_feed, self._plain("\n" + text)
        return whole[len(before) :] if whole[: len(before)] == before else self._plain(text)

    def split_control(self, text: str) -> Iterator[str | int]:
        """`text` of a template, cut into plain text and the ids of the control tokens written in it."""
        pattern, tokens = self._control
        position = 0
        for match in pattern.finditer(text):
            token, strips_left, strips_right = tokens[match[0]]
            before = text[position : match.start()]
            if plain := before.rstrip() if strips_left else before:
                yield plain
            yield token
            position = match.end()
            if strips_right:
                position = len(text) - len(text[position:].lstrip())
        if position < len(text):
            yield text[position:]

    def text(self, ids: list[int]) -> str:
        """What `ids` say, special tokens included."""
        return str(self._tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False))

    def _plain(self, text: str) -> list[int]:
        if self._backend is not None:
            ids: list[int] = self._backend.encode(text, add_special_tokens=False).ids
            return ids
        return list(self._tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True))

    @cached_property
    def _backend(self) -> Any:
        """A copy of the Rust tokenizer that does not see control tokens; None where Python does the work."""
        from tokenizers import Tokenizer

        backend = getattr(self._tokenizer, "backend_tokenizer", None)
        if not isinstance(backend, Tokenizer):
            return None
        backend = Tokenizer.from_str(backend.to_str())
        backend.encode_special_tokens = True
        backend.no_truncation()
        backend.no_padding()
        return backend

    @cached_property
    def _control(self) -> tuple[re.Pattern[str], dict[str, tuple[int, bool, bool]]]:
        tokens = {
            entry.content: (index, bool(entry.lstrip), bool(entry.rstrip))
            for index, entry in self._tokenizer.added_tokens_decoder.items()
            if entry.special and entry.content
        }
        longest_first = sorted(tokens, key=len, reverse=True)
        return re.compile("|".join(map(re.escape, longest_first)) or r"(?!)"), tokens


def _is_llama(folder: Path) -> bool:
    """Whether it is LLaMA's SentencePiece model alone, whose configuration may be of any age or missing.

    Without a class in the configuration, AutoTokenizer makes a tokenizer of it that leaves out what is not a piece.
    """
    if not (folder / "tokenizer.model").exists() or (folder / "tokenizer.json").exists():
        return False
    named = _object(folder / "tokenizer_config.json").get("tokenizer_class")
    model = _object(folder / "config.json").get("model_type")
    return named in _LLAMA_CLASSES or (named is None and model in (None, "llama", "mistral"))


def _load_llama(folder: Path) -> Any:
    from transformers import LlamaTokenizer

    config = _object(folder / "tokenizer_config.json")
    special = {key: text for key, text in _LLAMA_SPECIAL.items() if not _content(config.get(key))}
    # LLaMA begins every text with it unless the configuration says otherwise; saved files must say so too.
    begins = config.get("add_bos_token", True) is not False
    return LlamaTokenizer.from_pretrained(str(folder), **special, add_bos_token=begins, local_files_only=True)


def _give_padding(tokenizer: Any, path: Path | str, notice: Callable[[str], None]) -> None:
    pad, eos = tokenizer.pad_token_id, tokenizer.eos_token_id
    if pad is not None and pad != eos:
        return
    vocabulary: Mapping[str, int] = tokenizer.get_vocab()
    candidates = [*_PADDING_NAMES, tokenizer.unk_token, tokenizer.bos_token]
    padding = next((name for name in candidates if name in vocabulary and vocabulary[name] != eos), None)
    if padding is None:
        tokenizer.pad_token = tokenizer.eos_token
        return
    if pad is not None:
        notice(f"{path} pads with its end token {tokenizer.eos_token}; {padding} is used instead.")
    tokenizer.pad_token = padding


def _object(path: Path) -> dict[str, Any]:
    try:
        value = read_json(path)
    except KnownError:
        return {}
    return value if isinstance(value, dict) else {}


def _content(entry: Any) -> str:
    """The text of a special token, which is written as it is or in an object."""
    text = entry.get("content") if isinstance(entry, Mapping) else entry
    return text if isinstance(text, str) else ""
