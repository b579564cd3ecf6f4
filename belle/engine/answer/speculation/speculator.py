"""Speculation: guesses for the next tokens of an answer, as many as pay, and what became of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from belle.engine.answer.speculation.draft_length import Acceptance, BatchCosts, SpeculationGain, best_length
from belle.engine.answer.speculation.draft_model import DraftModel
from belle.engine.answer.speculation.exact_batches import MOST_TOKENS
from belle.engine.answer.speculation.prompt_lookup import LONGEST_MATCH, PromptLookup
from belle.engine.llama.kv_sequence import KvSequence

# Two tokens: 0.4, eight: 0.73. In a chat few places that begin alike go on alike.
_LOOKUP_PRIORS = [match / (match + 3) for match in range(LONGEST_MATCH + 1)]
_DRAFT_PRIORS = [0.8]
_FIRST_REST, _LONGEST_REST = 64, 4096  # tokens, after a draft model did not pay


class Speculator:
    """Guesses for the answers of one model. What was learned stays from answer to answer.

    Args:
        exact_sizes: of batches that give bit by bit what their tokens give one by one; asked once, as soon as a guess
            is likely to pay. None where nothing is to be guessed.
        draft: guesses where the text does not repeat itself; None for no such model.

    Attributes:
        unconfirmed: guesses in the KV cache, after the last token of the answer.
        drafted, accepted: guesses that were evaluated for this answer, and those that were right.
    """

    def __init__(self, exact_sizes: Callable[[], frozenset[int]] | None, draft: DraftModel | None = None) -> None:
        self.unconfirmed: tuple[int, ...] = ()
        self.drafted = self.accepted = 0
        self._exact_sizes = exact_sizes
        self._sizes = frozenset(range(2, MOST_TOKENS + 1)) if exact_sizes else frozenset()
        self._costs = BatchCosts()
        self._gain = SpeculationGain()
        self._drafting_s = 0.0  # what making the latest guesses took
        self._text: list[int] = []
        self._lookup = PromptLookup()
        self._lookup_acceptance = Acceptance(_LOOKUP_PRIORS)
        self._draft = draft
        self._draft_acceptance = Acceptance(_DRAFT_PRIORS)
        self._unjudged: tuple[int, ...] = ()  # guesses of the draft model
        self._rest = _FIRST_REST
        self._rested = 0  # tokens since the draft model did not pay
        self._is_resting = False
        self._is_off = False

    def begin(self, *, may_guess: bool = True) -> None:
        """Another answer begins. Without `may_guess` nothing is guessed for it."""
        self._is_off = not may_guess
        self._text = []
        self._unjudged = ()
        self._gain = SpeculationGain()
        self.drafted = self.accepted = 0

    def confirms(self, token: int, sequence: KvSequence) -> bool:
        """Whether the next token of the answer, `token`, is in the KV cache already, as it was guessed.

        If not, what was guessed instead is removed.
        """
        if self._is_off or not self._sizes:
            return False
        if not self._text:
            self._text = list(sequence.tokens)
            self._lookup = PromptLookup(self._text)
        self._learn(token)
        if self.unconfirmed[:1] == (token,):
            self.unconfirmed = self.unconfirmed[1:]
            self.accepted += 1
            self._observe_gain(0.0)
            return True
        self.drop_guesses(sequence)
        return False

    def guess(self, most: int) -> tuple[int, ...]:
        """At most `most` guesses, to be evaluated with the last token; none where that does not pay.

        Raises Interrupted, KnownError.
        """
        self._drafting_s = 0.0
        if self._is_off or not self._sizes or self._gain.is_loss:
            return ()
        most = min(most, MOST_TOKENS - 1)
        return self._from_text(most) or self._from_draft(most)

    def evaluated(self, guesses: tuple[int, ...], seconds: float) -> None:
        """The last token was evaluated, with `guesses` after it, and that took so long."""
        self._costs.observe(1 + len(guesses), seconds)
        self._observe_gain(self._drafting_s + seconds if guesses else self._costs.seconds(1))
        self.unconfirmed = guesses
        self.drafted += len(guesses)

    def drop_guesses(self, sequence: KvSequence) -> None:
        """Remove guesses that were not confirmed from the KV cache."""
        if self.unconfirmed:
            sequence.cut(len(sequence.tokens) - len(self.unconfirmed))
            self.unconfirmed = ()

    def _learn(self, token: int) -> None:
        lookup = self._lookup
        if lookup.match:
            self._lookup_acceptance.judge(lookup.match, is_right=lookup.guess(1) == (token,))
        lookup.add(token)
        self._text.append(token)
        self._rested += 1
        if self._unjudged:
            is_right = self._unjudged[0] == token
            self._draft_acceptance.judge(0, is_right=is_right)
            self._unjudged = self._unjudged[1:] if is_right else ()

    def close(self) -> None:
        """Free the draft model."""
        if self._draft is not None:
            self._draft.close()

    def _from_text(self, most: int) -> tuple[int, ...]:
        if not self._lookup.match:
            return ()
        chain = self._lookup_acceptance.chain(self._lookup.match, most)
        return self._lookup.guess(self._length(chain))

    def _from_draft(self, most: int) -> tuple[int, ...]:
        draft = self._draft
        if draft is None or not self._may_ask():
            return ()
        single = self._costs.seconds(1)
        cost = draft.guess_seconds / single if draft.guess_seconds and single else 0.0
        length = self._length(self._draft_acceptance.chain(0, most), cost)
        if length:
            self._unjudged = draft.guess(self._text, length)
            # Not what reading the prompt took, which it does once for many guesses.
            self._drafting_s = len(self._unjudged) * (draft.guess_seconds or 0.0)
            return self._unjudged
        if single and most == MOST_TOKENS - 1:
            self._is_resting, self._rested = True, 0
        return ()

    def _may_ask(self) -> bool:
        """Whether the draft model is to be asked. After a rest it is tried as if nothing were known of it."""
        if self._is_resting and self._rested >= self._rest:
            self._is_resting, self._rest = False, min(4 * self._rest, _LONGEST_REST)
            self._draft_acceptance = Acceptance(_DRAFT_PRIORS)
        return not self._is_resting

    def _observe_gain(self, seconds: float | None) -> None:
        """One more token of the answer, which took so long."""
        single = self._costs.seconds(1)
        if single and seconds is not None:
            self._gain.observe(seconds, single)

    def _length(self, chain: Sequence[float], guess_cost: float = 0.0) -> int:
        length = best_length(chain, self._costs, self._sizes, guess_cost)
        if length and self._exact_sizes is not None:
            self._sizes, self._exact_sizes = self._exact_sizes(), None
            length = best_length(chain, self._costs, self._sizes, guess_cost)
        return length
