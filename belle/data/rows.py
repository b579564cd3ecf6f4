"""The kinds of rows that training data has, whatever its file format.

Conversations, plain text, preferences, conversations about pictures, and recordings with what is said in them.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from belle.prompts import Message

Kind = Literal["conversation", "text", "preference", "picture", "speech"]

_STAGES: Mapping[Kind, str] = {
    "conversation": "sft or mip or ppo",
    "text": "pretrain or mip or vocab",
    "preference": "reward or dpo",
    "picture": "vl_align or vl_instruct",
    "speech": "speech",
}
"""The stages of training that use rows of each kind; `belle.training`, which defines them, is above this package."""

BAD_ANSWER = "its label says that the answer is a bad one"
"""Why the answer in a row of KTO data is unwanted (Ethayarajh et al. 2024)."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """Messages, oldest first; for PPO and batch inference without an answer at the end.

    Args:
        unwanted: why its answer must not be learned, in a few words (`BAD_ANSWER`, …); "" when it may.
        compared: whether the record also has a chosen and a rejected answer, which a conversation does not hold.
    """

    messages: tuple[Message, ...]
    id: str = ""
    category: str = ""
    unwanted: str = ""
    compared: bool = False


@dataclass(frozen=True, slots=True)
class PictureConversation(Conversation):
    """Messages about a picture, of which one of the user's has `<image>` where the picture is shown.

    Args:
        picture: path of its file, as it is written in the record; "" for a conversation without a picture.
    """

    picture: str = ""


@dataclass(frozen=True, slots=True)
class PretrainText:
    """A document for continued pre-training."""

    text: str
    id: str = ""
    category: str = ""


@dataclass(frozen=True, slots=True)
class TranscribedRecording(PretrainText):
    """What is said in a recording.

    Args:
        audio: path of its file, as it is written in the record.
    """

    audio: str = ""


@dataclass(frozen=True, slots=True)
class Preference:
    """Two answers to one prompt, of which people prefer `chosen`; the prompt ends with a question."""

    prompt: tuple[Message, ...]
    chosen: str
    rejected: str
    id: str = ""
    category: str = ""


Row = Conversation | PretrainText | Preference


def kind_of(row: Row) -> Kind:
    """The kind of a row."""
    if isinstance(row, PictureConversation):
        return "picture"
    if isinstance(row, TranscribedRecording):
        return "speech"
    if isinstance(row, Conversation):
        return "conversation"
    return "text" if isinstance(row, PretrainText) else "preference"


def stages_for(kind: Kind) -> str:
    """The stages of training that use rows of this kind, as text: `reward or dpo`."""
    return _STAGES[kind]


def texts_of(row: Row) -> tuple[str, ...]:
    """Every text in the row, in reading order."""
    if isinstance(row, PretrainText):
        return (row.text,)
    if isinstance(row, Conversation):
        return tuple(m.content for m in row.messages)
    return (*(m.content for m in row.prompt), row.chosen, row.rejected)


def compared_text(row: Row, *, questions_alone: bool = False) -> str:
    """The text by which rows are the same: what is said, or asked, and which picture it is about."""
    texts = questions_of(row) if questions_alone else texts_of(row)
    return "\n".join([*texts, *([picture_digest(row)] if picture_digest(row) else [])])


def picture_digest(row: Row) -> str:
    """A digest of the path of a row's picture; "" without one. Unlike paths, digests are never nearly the same."""
    picture = row.picture if isinstance(row, PictureConversation) else ""
    return hashlib.sha256(picture.encode("utf-8", "surrogatepass")).hexdigest() if picture else ""


def questions_of(row: Row) -> tuple[str, ...]:
    """The messages of the user in a row; the text of a document."""
    if isinstance(row, PretrainText):
        return (row.text,)
    messages = row.messages if isinstance(row, Conversation) else row.prompt
    return tuple(m.content for m in messages if m.role == "user")


def category_name(text: str) -> str:
    """A category in its normal form: BELLE's own files write `closed qa`, `closed QA` and `closed\\u00a0qa`."""
    return " ".join(unicodedata.normalize("NFKC", text).lower().split())
