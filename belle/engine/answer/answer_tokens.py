"""The exact tokens of recent answers, so that the next turn finds its history in the KV cache.

An answer is sent as text, and comes back as text in the history of the next request. Tokenizing that text again often
gives other tokens than the model had chosen, also because stop strings and a leading space were removed; from the first
difference on, the KV cache would be useless. So the tokens are remembered, by the text.
"""

from __future__ import annotations

import codecs
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

_MAX_ANSWERS = 256


@dataclass(frozen=True, slots=True)
class TokenizedPrefix:
    """Tokens for the beginning of a text, and the `rest` of the text, which is not tokenized yet."""

    tokens: list[int]
    rest: str
    starts_with_space: bool


@dataclass(frozen=True, slots=True)
class _RememberedAnswer:
    text: str
    tokens: list[int]
    # Length of text after each token; None where a token ends within a character.
    ends: list[int | None]


class AnswerTokens:
    """Remembers the last few hundred answers of a model.

    Args:
        piece: the bytes of a token.
    """

    def __init__(self, piece: Callable[[int], bytes]) -> None:
        self._piece = piece
        self._answers: OrderedDict[str, _RememberedAnswer] = OrderedDict()

    def remember(self, text: str, tokens: Sequence[int]) -> None:
        """`tokens` were generated and shown as `text`: without a leading space, perhaps, and up to a stop string."""
        generated, ends = self._decode(tokens)
        if not generated.startswith(text):
            text = " " + text
        if not text.strip() or not generated.startswith(text):
            return
        self._answers[text.strip()] = _RememberedAnswer(text, list(tokens), ends)
        self._answers.move_to_end(text.strip())
        if len(self._answers) > _MAX_ANSWERS:
            self._answers.popitem(last=False)

    def find(self, text: str) -> TokenizedPrefix | None:
        """The tokens of the remembered answer that equals `text` but for white space around it; None for none."""
        answer = self._answers.get(text.strip())
        if answer is None:
            return None
        spaces_after = text[len(text.rstrip()) :]
        wanted = answer.text.rstrip() + spaces_after
        shared = len(answer.text) if wanted.startswith(answer.text) else len(answer.text.rstrip())
        # The most tokens that end between two characters and do not go beyond the text that both have in common.
        count, end = max(
            ((i + 1, e) for i, e in enumerate(answer.ends) if e is not None and e <= shared), default=(0, 0)
        )
        return TokenizedPrefix(answer.tokens[:count], wanted[end:], answer.text.startswith(" "))

    def exact(self, texts: Iterable[str]) -> dict[str, list[int]]:
        """What has to be remembered again, after a restart, for `find` to know those of `texts` that it knows now."""
        known = (self._answers.get(text.strip()) for text in texts)
        return {answer.text: answer.tokens for answer in known if answer is not None}

    def _decode(self, tokens: Sequence[int]) -> tuple[str, list[int | None]]:
        """The text of `tokens`, and its length after each of them; None where a token ends within a character."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        text = ""
        ends: list[int | None] = []
        for token in tokens:
            text += decoder.decode(self._piece(token))
            within_character = bool(decoder.getstate()[0])
            ends.append(None if within_character else len(text))
        return text, ends
