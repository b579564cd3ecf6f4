"""Log probabilities of tokens in the two forms of OpenAI's API: of the chat, and of the older completions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from belle.engine.process.events import TokenLogprob

_LEAST = -9999.0
"""Stands for minus infinity, which JSON does not have."""


def chat_rows(tokens: Iterable[TokenLogprob]) -> list[dict[str, Any]]:
    """`choices[].logprobs.content` of the chat."""
    return [
        {**_row(token.piece, token.logprob), "top_logprobs": [_row(piece, value) for _, piece, value in token.top]}
        for token in tokens
    ]


def completion_row(tokens: Sequence[TokenLogprob], offset: int) -> dict[str, Any]:
    """`choices[].logprobs` of the completions.

    Args:
        tokens: of a piece of the text.
        offset: where in the text that piece begins, in characters.
    """
    texts = [_text(token.piece) for token in tokens]
    offsets = []
    for text in texts:
        offsets.append(offset)
        offset += len(text)
    tops = [{_text(piece): _finite(value) for _, piece, value in token.top} or None for token in tokens]
    values = [None if token.logprob is None else _finite(token.logprob) for token in tokens]
    return {"tokens": texts, "token_logprobs": values, "top_logprobs": tops, "text_offset": offsets}


def text_of(tokens: Iterable[TokenLogprob]) -> str:
    """The text that tokens write together."""
    return b"".join(bytes(token.piece) for token in tokens).decode("utf-8", "replace")


def _row(piece: Sequence[int], logprob: float | None) -> dict[str, Any]:
    return {"token": _text(piece), "bytes": list(piece), "logprob": _finite(logprob)}


def _text(piece: Sequence[int]) -> str:
    return bytes(piece).decode("utf-8", "replace")


def _finite(value: float | None) -> float:
    return max(value, _LEAST) if value is not None else _LEAST
