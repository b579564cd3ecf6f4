"""The vocabulary of a GGUF: every id has a text, a type and, for SentencePiece, a score.

llama.cpp aborts the process if two ids have the same text, so `TokenTable` makes all texts different.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from gguf.constants import GGUFValueType, TokenType

from belle.errors import KnownError
from convert.metadata import KeyValue, array, count, flag, text
from convert.tokenizers.sentencepiece_model import SentencePieceModel

# The scores that llama.cpp's converter gives to tokens that are never merged.
_ADDED_SCORE = -1000.0
_UNUSED_SCORE = -10000.0

_ID_KEYS = {
    "bos": "bos_token_id",
    "eos": "eos_token_id",
    "eot": "eot_token_id",
    "eom": "eom_token_id",
    "unk": "unknown_token_id",
    "sep": "seperator_token_id",  # GGUF spells it so
    "pad": "padding_token_id",
    "mask": "mask_token_id",
}


@dataclass(frozen=True, slots=True)
class AddedToken:
    """A token added to a trained vocabulary.

    Args:
        id: its row in the embedding.
        text: as it is found in a text.
        special: a control token, which must not be recognized in what people write.
    """

    id: int
    text: str
    special: bool


@dataclass
class Tokenizer:
    """Everything a GGUF says about turning text into ids.

    Args:
        model: llama.cpp's name of the algorithm: `llama` (SentencePiece BPE) or `gpt2` (byte-level BPE).
        pre: llama.cpp's name of the pre-tokenizer.
        tokens: by id.
        types: by id.
        scores: by id, for `llama`.
        merges: in order, for `gpt2`.
        special_ids: of `bos`, `eos`, …, as far as they exist.
        flags: `add_bos_token`, `add_eos_token`, `add_space_prefix`; what is left out stays llama.cpp's default.
        chat_templates: Jinja by name, `default` among them.
        notes: sentences for the report.
        sentencepiece: the model it was read from, if that is `tokenizer.model`.
    """

    model: str
    pre: str
    tokens: list[str]
    types: list[TokenType]
    scores: list[float] | None = None
    merges: list[str] | None = None
    special_ids: dict[str, int] = field(default_factory=dict)
    flags: dict[str, bool] = field(default_factory=dict)
    chat_templates: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    sentencepiece: SentencePieceModel | None = None

    def metadata(self) -> list[KeyValue]:
        """The `tokenizer.*` entries."""
        prefix = "tokenizer.ggml"
        entries = [
            text(f"{prefix}.model", self.model),
            text(f"{prefix}.pre", self.pre),
            array(f"{prefix}.tokens", self.tokens, GGUFValueType.STRING),
        ]
        if self.scores is not None:
            entries.append(array(f"{prefix}.scores", self.scores, GGUFValueType.FLOAT32))
        entries.append(array(f"{prefix}.token_type", [int(t) for t in self.types], GGUFValueType.INT32))
        if self.merges is not None:
            entries.append(array(f"{prefix}.merges", self.merges, GGUFValueType.STRING))
        entries += [count(f"{prefix}.{_ID_KEYS[name]}", index) for name, index in self.special_ids.items()]
        entries += [flag(f"{prefix}.{name}", value) for name, value in self.flags.items()]
        others = {name: source for name, source in self.chat_templates.items() if name != "default"}
        if others:
            entries.append(array("tokenizer.chat_templates", list(others), GGUFValueType.STRING))
            entries += [text(f"tokenizer.chat_template.{name}", source) for name, source in others.items()]
        if "default" in self.chat_templates:
            entries.append(text("tokenizer.chat_template", self.chat_templates["default"]))
        return entries


class TokenTable:
    """Collects the tokens by id.

    Args:
        file: where the trained vocabulary was read, for messages.
        n_embeddings: rows of the embedding; every id below it gets a token, and none above.
    """

    def __init__(self, file: str, n_embeddings: int) -> None:
        self.notes: list[str] = []
        self._file = file
        self._n = n_embeddings
        self._texts: list[str | None] = [None] * n_embeddings
        self._types = [TokenType.UNUSED] * n_embeddings
        self._scores = [_UNUSED_SCORE] * n_embeddings

    def put(self, index: int, token: str, kind: TokenType, score: float = 0.0) -> None:
        """Set a token of the trained vocabulary. Raises KnownError("vocabulary_too_large", "damaged_tokenizer")."""
        if not 0 <= index < self._n:
            raise KnownError(
                "vocabulary_too_large",
                f"{self._file} has a token with the id {index}, but the embedding has {self._n} rows.",
                "Check that the tokenizer belongs to these weights.",
                id=index,
                rows=self._n,
            )
        try:
            token.encode("utf-8")
        except UnicodeEncodeError as error:
            raise KnownError(
                "damaged_tokenizer", f"{self._file}: token {index} is not valid text.", id=index
            ) from error
        self._texts[index], self._types[index], self._scores[index] = token, kind, score

    def text_of(self, index: int) -> str | None:
        """The text of a token; None for an id without one."""
        return self._texts[index] if 0 <= index < self._n else None

    def put_added(self, added: Sequence[AddedToken], *, escaped_spaces: bool) -> None:
        """Set the added tokens; those without a row in the embedding cannot be used and are left out.

        Args:
            added: tokens of the trained vocabulary may be among them.
            escaped_spaces: the vocabulary writes spaces as U+2581.
        """
        outside = [token for token in added if not 0 <= token.id < self._n]
        if outside:
            self.notes.append(
                f"{len(outside)} added tokens have no row in the embedding ({self._n} rows) and are left out, "
                f"the first of them {outside[0].text!r} with the id {outside[0].id}."
            )
        for token in added:
            if token in outside or self._is_known(token):
                continue
            kind = TokenType.CONTROL if token.special else TokenType.USER_DEFINED
            # llama.cpp looks for these in the text as it was written, with spaces.
            unescape = escaped_spaces and not token.special
            written = token.text.replace("\u2581", " ") if unescape else token.text
            self.put(token.id, written, kind, _ADDED_SCORE)

    def _is_known(self, token: AddedToken) -> bool:
        """Whether it is one of SentencePiece's own control tokens, which are usually listed as added ones, too."""
        same = self._texts[token.id] == token.text
        return same and self._types[token.id] in (TokenType.CONTROL, TokenType.UNKNOWN, TokenType.BYTE)

    def finish(self) -> tuple[list[str], list[TokenType], list[float]]:
        """Texts, types and scores of all ids; ids without a token are called `[PAD<id>]`."""
        owners: dict[str, int] = {}
        doubles: list[int] = []
        for index, token in enumerate(self._texts):
            if token is None:
                continue
            other = owners.setdefault(token, index)
            if other != index:
                # An encoder finds the added one before the trained one; of two of a kind the first stays.
                loser = other if self._is_added(index) and not self._is_added(other) else index
                owners[token] = other if loser == index else index
                doubles.append(loser)
        for index in doubles:
            self.notes.append(f"Token {index} has the same text as token {owners[str(self._texts[index])]}: not used.")
            self._texts[index], self._types[index], self._scores[index] = None, TokenType.UNUSED, _UNUSED_SCORE
        taken = set(owners)
        for index, token in enumerate(self._texts):
            if token is None:
                name = f"[PAD{index}]"
                while name in taken:
                    name = f"[{name}]"
                self._texts[index] = name
        return [str(token) for token in self._texts], self._types, self._scores

    def _is_added(self, index: int) -> bool:
        return self._types[index] in (TokenType.CONTROL, TokenType.USER_DEFINED)
