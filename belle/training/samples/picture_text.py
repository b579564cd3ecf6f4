"""Where a picture is shown in the tokens of a conversation.

The message that shows it gets a mark at its beginning, which is no text: the vocabulary that the renderer asks cuts
texts at the mark, and puts the picture's tokens there. So what stands before and after a picture is tokenized apart, as
llama.cpp does it, in every prompt template.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from belle.data.formats import PICTURE_MARK
from belle.prompts import Message
from belle.prompts.token_line import TokenVocabulary

_MARK = "\ufdd0"
"""A code point that Unicode keeps free of characters for ever, so no text loses anything by it."""


@dataclass(frozen=True, slots=True)
class PicturePlaceholder:
    """What stands for a picture: one token, so many times."""

    token: int
    count: int


class PictureVocabulary:
    """Implements `TokenVocabulary`: as `vocabulary`, with the tokens of a picture in place of the mark."""

    def __init__(self, vocabulary: TokenVocabulary, placeholder: PicturePlaceholder) -> None:
        self._vocabulary = vocabulary
        self._picture = [placeholder.token] * placeholder.count
        self.bos = vocabulary.bos
        self.eos = vocabulary.eos
        self.adds_bos = vocabulary.adds_bos

    def tokenize(self, text: str) -> list[int]:
        before, mark, after = text.partition(_MARK)
        ids = self._vocabulary.tokenize(before) if before or not mark else []
        return ids + self._after(mark, after)

    def tokenize_after(self, text: str) -> list[int]:
        before, mark, after = text.partition(_MARK)
        ids = self._vocabulary.tokenize_after(before) if before or not mark else []
        return ids + self._after(mark, after)

    def split_control(self, text: str) -> Iterable[str | int]:
        return self._vocabulary.split_control(text)

    def _after(self, mark: str, text: str) -> list[int]:
        if not mark:
            return []
        return self._picture + (self._vocabulary.tokenize_after(text) if text else [])


def with_mark(messages: Sequence[Message]) -> list[Message]:
    """The messages with the mark in front of the one that shows the picture: where `<image>` is, else the first of the
    user's. As LLaVA does it, `<image>` itself and the line end beside it are taken out."""
    users = [index for index, message in enumerate(messages) if message.role == "user"]
    place = next((index for index in users if PICTURE_MARK in messages[index].content), users[0] if users else -1)
    return [
        replace(message, content=_marked(message.content) if index == place else message.content.replace(_MARK, ""))
        for index, message in enumerate(messages)
    ]


def _marked(text: str) -> str:
    before, _, after = text.replace(_MARK, "").partition(PICTURE_MARK)
    parts = (before.rstrip("\n"), after.lstrip("\n"))
    return _MARK + "\n".join(part for part in parts if part)
