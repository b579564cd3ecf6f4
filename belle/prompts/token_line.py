"""From segments to tokens: decides which pieces of a prompt are tokenized together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from belle.prompts.base import PictureRef, PromptTemplate, Segment


class TokenVocabulary(Protocol):
    """The interface of a tokenizer, implemented for GGUF files and for checkpoints."""

    @property
    def bos(self) -> int | None:
        """The beginning-of-sequence token."""

    @property
    def eos(self) -> int | None:
        """The end-of-sequence token."""

    @property
    def adds_bos(self) -> bool:
        """Whether the model was trained with `bos` in front."""

    def tokenize(self, text: str) -> list[int]:
        """The tokens of `text` alone; text that looks like a control token stays text."""

    def tokenize_after(self, text: str) -> list[int]:
        """The tokens of `text` as the continuation of other text: without the space that SentencePiece adds."""

    def split_control(self, text: str) -> Iterable[str | int]:
        """Cut the `text` of a template into plain text and the ids of the control tokens in it."""


class KnownTokens(Protocol):
    """Tokens for the beginning of a segment, and the `rest` of it, which is not tokenized yet."""

    @property
    def tokens(self) -> list[int]:
        """The tokens."""

    @property
    def rest(self) -> str:
        """The text after them."""

    @property
    def starts_with_space(self) -> bool:
        """Whether the first token writes the space that a template may write too."""


def encode_segments(
    vocabulary: TokenVocabulary,
    template: PromptTemplate,
    segments: Iterable[Segment],
    known: Callable[[Segment], KnownTokens | None] | None = None,
    picture_tokens: Callable[[PictureRef], Iterable[int]] | None = None,
) -> TokenLine:
    """The tokens of `segments`, which are the template's.

    Args:
        known: returns the tokens with which a segment was generated, if it was.
        picture_tokens: what stands for a picture; without it there may be none.
    """
    line = TokenLine(vocabulary, joined=not template.separate_segments)
    for segment in segments:
        trained = None if segment.silent else segment.trained
        if segment.picture is not None and picture_tokens is not None:
            line.add_picture(picture_tokens(segment.picture))
        elif segment.special is not None:
            line.add_token(vocabulary.bos if segment.special == "bos" else vocabulary.eos, trained)
        elif segment.literal and not template.separate_segments:
            line.add_template_text(segment.text, trained)
        elif known is not None and (generated := known(segment)):
            line.add_known(generated, segment)
        else:
            line.add_text(segment.text, trained)
    line.flush()
    wants_bos = vocabulary.adds_bos if template.add_bos is None else template.add_bos
    if wants_bos and line.tokens:
        line.put_in_front(vocabulary.bos)
    return line


class TokenLine:
    """Tokens, and the text after them that is not tokenized yet because more text may be joined to it.

    `trained` says whether the loss is computed. It is None for an answer without loss, which is tokenized apart from
    its neighbours just like a trained one.
    """

    def __init__(self, vocabulary: TokenVocabulary, *, joined: bool) -> None:
        self._vocabulary = vocabulary
        self._joined = joined
        self.tokens: list[int] = []
        self.trained: list[bool] = []
        self._text = ""
        self._text_trained: bool | None = False
        self._continues = False
        self._is_after_picture = False

    def add_token(self, token: int | None, trained: bool | None) -> None:
        """A special token; nothing where the model has none."""
        if token is not None:
            self.flush()
            self._add([token], trained)
            self._continues = self._is_after_picture = False

    def add_text(self, text: str, trained: bool | None) -> None:
        """Text without control tokens."""
        if not self._joined:
            self.flush()
            self._continues, self._is_after_picture = self._is_after_picture, False
        elif trained != self._text_trained:
            self.flush()  # an answer begins and ends with whole tokens
        self._text += text
        self._text_trained = trained

    def add_template_text(self, text: str, trained: bool | None) -> None:
        """Text with control tokens in it."""
        for part in self._vocabulary.split_control(text):
            if isinstance(part, int):
                self.add_token(part, trained)
            else:
                self.add_text(part, trained)

    def add_known(self, known: KnownTokens, segment: Segment) -> None:
        """A segment with its own tokens."""
        if known.starts_with_space and self._text.endswith(" ") and not segment.text.startswith(" "):
            # The template writes the space that is the first character of the generated tokens.
            self._text = self._text[:-1]
        self.flush()
        self._add(known.tokens, segment.trained)
        self._text, self._text_trained = known.rest, segment.trained
        self._continues = True

    def add_picture(self, tokens: Iterable[int]) -> None:
        """What stands for a picture; the text after it is tokenized as its continuation."""
        self.flush()
        self._add(list(tokens), trained=False)
        self._continues = self._is_after_picture = True

    def put_in_front(self, token: int | None) -> None:
        """Insert a first token, unless it is the first already."""
        if token is not None and self.tokens[0] != token:
            self.tokens.insert(0, token)
            self.trained.insert(0, False)

    def flush(self) -> None:
        """Tokenize the text that is waiting."""
        if self._text:
            tokenize = self._vocabulary.tokenize_after if self._continues else self._vocabulary.tokenize
            self._add(tokenize(self._text), self._text_trained)
            self._text = ""
            self._continues = True

    def _add(self, tokens: list[int], trained: bool | None) -> None:
        self.tokens += tokens
        self.trained += [bool(trained)] * len(tokens)
