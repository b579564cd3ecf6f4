"""Guesses the next tokens of a text from the text itself: what followed when its last tokens stood in it before.

Answers that translate, correct or quote repeat long passages of the question. (Prompt lookup decoding,
github.com/apoorvumang/prompt-lookup-decoding; here the match is followed from token to token, so a step costs a look
into one table however long the text is.)
"""

from __future__ import annotations

from collections.abc import Iterable

_NGRAM = 2
LONGEST_MATCH = 16
"""Longer matches count as this one."""


class PromptLookup:
    """A text that grows, and what it repeats.

    Attributes:
        match: how many of the last tokens, at most 16, stand in the place that the guesses are taken from; 0 where
            nothing is guessed.
    """

    def __init__(self, tokens: Iterable[int] = ()) -> None:
        self.match = 0
        self._tokens: list[int] = []
        self._after: dict[tuple[int, ...], int] = {}  # where the text went on after an n-gram, the last time
        self._next = 0  # the place of the guess; of no meaning while `match` is 0
        for token in tokens:
            self.add(token)

    def add(self, token: int) -> None:
        """The text goes on with `token`."""
        tokens = self._tokens
        is_right = self.match > 0 and tokens[self._next] == token
        tokens.append(token)
        ngram = tuple(tokens[-_NGRAM:])
        earlier = self._after.get(ngram)
        self._after[ngram] = len(tokens)
        if is_right:
            self._next += 1
            self.match = min(self.match + 1, LONGEST_MATCH)
        elif earlier is None:
            self.match = 0
        else:
            self._next, self.match = earlier, self._match_length(earlier)

    def guess(self, most: int) -> tuple[int, ...]:
        """The next `most` tokens, or fewer; none without a match. What repeats itself is guessed to go on so."""
        if not self.match:
            return ()
        tokens, period = self._tokens, len(self._tokens) - self._next
        guess = tokens[self._next : self._next + most]
        while len(guess) < most:
            guess.append(guess[-period])
        return tuple(guess)

    def _match_length(self, end: int) -> int:
        """How many tokens before `end` are the last of the text."""
        tokens = self._tokens
        most = min(end, LONGEST_MATCH)
        return next((i for i in range(most) if tokens[end - 1 - i] != tokens[-1 - i]), most)
