"""The token that stands in a prompt where a picture is shown; the picture's vectors take its place in the model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from belle.training.tokenizer.templates import add_tokens

PICTURE_TOKEN = "<image>"  # noqa: S105
"""As LLaVA's checkpoints for transformers name it."""


def picture_token_of(tokenizer: Any, *, say: Callable[[str], None] = lambda _: None) -> int:
    """The id of the token, which is added to the vocabulary where it is missing."""
    known = {entry.content: index for index, entry in tokenizer.added_tokens_decoder.items()}
    if PICTURE_TOKEN not in known:
        add_tokens(tokenizer, [PICTURE_TOKEN])
        say(f"vocabulary: {PICTURE_TOKEN} added, in whose place a picture is read")
    return int(tokenizer.convert_tokens_to_ids(PICTURE_TOKEN))
