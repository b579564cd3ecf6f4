"""The calibration text, cut into windows of token ids: plain text, or conversations in the model's prompt template."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path
from typing import Literal

from belle.engine.llama.activations import WINDOW
from belle.engine.llama.model import Vocabulary
from belle.errors import KnownError
from belle.gguf.reader import GgufHeader
from belle.paths import asset
from belle.prompts import PromptTemplate, template_from_gguf
from belle.prompts.encoding import encode_conversation
from belle.texts import read_text

TextFormat = Literal["text", "chat"]

Windows = list[list[int]]


@dataclass(frozen=True)
class Calibration:
    """Which files to read, in which format, and how many tokens of all files together at most.

    With no files the project's own prose is read (`assets/text`).
    """

    files: tuple[Path, ...] = ()
    format: TextFormat = "text"
    n_tokens: int = 48 * WINDOW

    @property
    def read(self) -> tuple[Path, ...]:
        """The files that are read."""
        return self.files or tuple(asset(f"text/{language}.txt") for language in ("zh", "en"))

    @property
    def names(self) -> list[str]:
        """Their names, for reports and metadata."""
        return [path.name for path in self.read]


def calibration_windows(
    calibration: Calibration, header: GgufHeader, vocabulary: Vocabulary, cut: Callable[[str], Windows]
) -> Windows:
    """The windows to read, the first of every file, then the second of every file, and so on.

    Args:
        calibration: what to read.
        header: of the model, whose prompt template conversations get.
        vocabulary: of the model.
        cut: plain text to whole windows; raises KnownError("text_too_short").

    Raises KnownError: `file_missing`, `wrong_encoding`, `text_too_short`, `no_template`, and what reading
    conversations raises.
    """
    count = calibration.n_tokens // WINDOW
    if count < 1:
        raise KnownError(
            "text_too_short",
            f"{calibration.n_tokens} calibration tokens are fewer than one window of {WINDOW}.",
            "A few ten thousand are usual.",
        )
    if calibration.format == "chat":
        template = _template(header, vocabulary)
        by_file = [_chat_windows(path, template, vocabulary, count) for path in calibration.read]
    else:
        by_file = [_text_windows(path, cut) for path in calibration.read]
    interleaved = chain.from_iterable(zip_longest(*by_file))
    return [window for window in interleaved if window is not None][:count]


def _text_windows(path: Path, cut: Callable[[str], Windows]) -> Windows:
    text = read_text(path)
    try:
        return cut(text)
    except KnownError as error:
        raise KnownError(error.kind, f"{path.name}: {error.message}", error.advice, **error.details) from None


def _chat_windows(path: Path, template: PromptTemplate, vocabulary: Vocabulary, most: int) -> Windows:
    """Conversations joined and cut into windows; a window may begin in the middle of one, as in long chats."""
    from belle.data.read import read_rows

    tokens: list[int] = []
    for row in read_rows(path, "conversation"):
        sample = encode_conversation(vocabulary, template, row.messages)
        if sample is not None:
            tokens += sample.ids
        if len(tokens) >= most * WINDOW:
            break
    whole = [tokens[at : at + WINDOW] for at in range(0, len(tokens) - WINDOW + 1, WINDOW)]
    if not whole:
        raise KnownError(
            "text_too_short",
            f"The conversations in {path.name} have {len(tokens)} tokens, fewer than one window of {WINDOW}.",
            "Give more of them.",
            path=str(path),
            tokens=len(tokens),
        )
    return whole


def _template(header: GgufHeader, vocabulary: Vocabulary) -> PromptTemplate:
    if not header.chat_template:
        raise KnownError(
            "no_template",
            f"{header.path.name} has no prompt template, so it cannot read conversations.",
            "Calibrate with plain text: --calib-format text.",
            path=str(header.path),
        )
    bos, eos = vocabulary.text(vocabulary.bos), vocabulary.text(vocabulary.eos)
    return template_from_gguf(header.chat_template, bos_token=bos, eos_token=eos)
