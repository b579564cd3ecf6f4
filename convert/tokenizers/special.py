"""Added tokens, special ids and flags, which up to six files state (for further ends of an answer see `ends`).

Where the files disagree, the order is: what the tokenizer's own files say by text, then the SentencePiece model, then
`generation_config.json`, then `config.json`. The last is the least reliable: the first conversions of LLaMA,
BELLE's bases among them, have ids there (0, 1, −1) that belong to other tokens.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeGuard

from convert.tokenizers.files import TokenizerFolder, read_object
from convert.tokenizers.vocabulary import AddedToken

_KINDS = ("bos", "eos", "unk", "sep", "pad", "mask")

# Control tokens that some checkpoints do not mark as such.
_CONTROL_TEXTS = frozenset({"<pad>", "<mask>", "<s>", "</s>", "<unk>"})


class SpecialFiles:
    """The small files beside a tokenizer, read once."""

    def __init__(self, checkpoint: TokenizerFolder, tokenizer_json: Mapping[str, Any]) -> None:
        files = checkpoint.tokenizer_files
        self.tokenizer_json = tokenizer_json
        self.tokenizer_config = read_object(files.get("tokenizer_config.json"))
        self.special_tokens_map = read_object(files.get("special_tokens_map.json"))
        self.added_tokens = read_object(files.get("added_tokens.json"))
        self.generation_config = read_object(files.get("generation_config.json"))
        self.config = checkpoint.config

    def texts_of(self, kind: str) -> list[str]:
        """The texts that tokenizer files give for the `bos`, `eos`, … token, the most reliable first."""
        # A definition that was put together from other files names its tokens itself.
        sources = (self.tokenizer_config, self.special_tokens_map, self.tokenizer_json)
        named = [_content(source.get(f"{kind}_token")) for source in sources]
        return [token for token in (*named, self._template().get(kind)) if token]

    def text_of(self, kind: str) -> str | None:
        """The most reliable of `texts_of`."""
        return next(iter(self.texts_of(kind)), None)

    def added(self) -> list[AddedToken]:
        """All added tokens, by id."""
        special = {token for kind in _KINDS if (token := self.text_of(kind))} | _CONTROL_TEXTS
        more = self.special_tokens_map.get("additional_special_tokens")
        special |= {token for entry in more if (token := _content(entry))} if isinstance(more, list) else set()
        tokens: dict[int, AddedToken] = {}
        for index, text, flagged in self._listed():
            tokens[index] = AddedToken(index, text, flagged or text in special or _looks_special(text))
        return [tokens[index] for index in sorted(tokens)]

    def _listed(self) -> Iterable[tuple[int, str, bool]]:
        """Id, text and whether it is said to be special, the most reliable file last: later entries win."""
        for text, index in self.added_tokens.items():
            if is_id(index):
                yield index, text, False
        decoder = self.tokenizer_config.get("added_tokens_decoder")
        for number, entry in decoder.items() if isinstance(decoder, Mapping) else ():
            content = _content(entry)
            if number.isdecimal() and len(number) < 10 and content:
                yield int(number), content, bool(isinstance(entry, Mapping) and entry.get("special"))
        listed = self.tokenizer_json.get("added_tokens")
        for entry in listed if isinstance(listed, list) else ():
            content = _content(entry)
            if content and isinstance(entry, Mapping) and is_id(entry.get("id")):
                yield entry["id"], content, bool(entry.get("special"))

    def ids(self, tokens: Sequence[str], sentencepiece: Mapping[str, int]) -> dict[str, int]:
        """Special ids by kind.

        Args:
            tokens: the finished vocabulary.
            sentencepiece: the ids that a SentencePiece model names.
        """
        by_text = {token: index for index, token in enumerate(tokens)}
        result: dict[str, int] = {}
        for kind in _KINDS:
            token = self.text_of(kind)
            candidates = [by_text.get(token) if token else None, sentencepiece.get(kind)]
            candidates += [
                _first_id(source.get(f"{kind}_token_id")) for source in (self.generation_config, self.config)
            ]
            known = [index for index in candidates if index is not None and 0 <= index < len(tokens)]
            if known:
                result[kind] = known[0]
        return result

    def flags(self, *, by_default: bool | None) -> dict[str, bool]:
        """`add_bos_token` and `add_eos_token`: whether the tokenizer puts them around every text.

        Args:
            by_default: `add_bos_token` where no file says so; None leaves it out.
        """
        # In transformers, PreTrainedTokenizerFast uses the post-processor of tokenizer.json. The tokenizer classes of
        # models build their own from the flags of tokenizer_config.json, which then win.
        plain = self.tokenizer_config.get("tokenizer_class") == "PreTrainedTokenizerFast"
        stated = {kind: self.tokenizer_config.get(f"add_{kind}_token") for kind in ("bos", "eos")}
        template = self._template()
        result: dict[str, bool] = {}
        for kind, default in (("bos", by_default), ("eos", False)):
            by_flag = stated[kind] if isinstance(stated[kind], bool) else None
            by_processor = bool(template[kind]) if kind in template else None
            order = (by_processor, by_flag) if plain else (by_flag, by_processor)
            value = next((v for v in order if v is not None), default)
            if value is not None:
                result[f"add_{kind}_token"] = value
        return result

    def _template(self) -> dict[str, str]:
        """What the post-processor of `tokenizer.json` puts at the beginning and at the end: a token, or "" for none."""
        if not self.tokenizer_json:
            return {}
        processor = self.tokenizer_json.get("post_processor")
        processor = processor if isinstance(processor, Mapping) else {}
        inner = processor.get("processors")
        for step in inner if isinstance(inner, list) else [processor]:
            single = step.get("single") if isinstance(step, Mapping) else None
            if isinstance(single, list) and single:
                return {"bos": _special_token(single[0]), "eos": _special_token(single[-1])}
        return {"bos": "", "eos": ""}


def _special_token(part: Any) -> str:
    token = part.get("SpecialToken") if isinstance(part, Mapping) else None
    name = token.get("id") if isinstance(token, Mapping) else None
    return name if isinstance(name, str) else ""


def _content(entry: Any) -> str | None:
    if isinstance(entry, Mapping):
        entry = entry.get("content")
    return entry if isinstance(entry, str) else None


def is_id(value: Any) -> TypeGuard[int]:
    """Whether this may be the id of a token."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _first_id(value: Any) -> int | None:
    if isinstance(value, list):
        value = value[0] if value else None
    return value if is_id(value) else None


def _looks_special(text: str) -> bool:
    return (
        (text.startswith("<|") and text.endswith("|>"))
        or (text.startswith("<｜") and text.endswith("｜>"))
        or (text.startswith("<unused") and text.endswith(">"))
    )
