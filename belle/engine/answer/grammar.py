"""An answer that has to follow a grammar: of the tokens, only those can be drawn that it allows next.

llama.cpp looks through the whole vocabulary for them, which for 150,000 tokens takes longer than the model. Nearly
always the token that is drawn without the grammar is allowed, and to see that takes a look at one. So only where it is
not, the others are ruled out, and another one is drawn.
"""

from __future__ import annotations

import ctypes

import llama_cpp.llama_cpp as llama
import numpy as np
from numpy.typing import NDArray

from belle.engine.llama.model import Vocabulary
from belle.engine.llama.native_log import NativeLog
from belle.errors import KnownError

_TOKEN_DATA = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])  # llama_token_data
_Candidates = NDArray[np.void]


class Grammar:
    """A grammar and how far an answer has come in it. To be closed.

    Args:
        source: GBNF with a rule `root`.
        vocabulary: of the model.
        log: of llama.cpp.

    Raises KnownError("bad_grammar") when llama.cpp cannot read it.
    """

    def __init__(self, source: str, vocabulary: Vocabulary, log: NativeLog) -> None:
        self._size = vocabulary.size
        log.errors()
        self._sampler = llama.llama_sampler_init_grammar(vocabulary.handle, source.encode(), b"root")
        # Of a grammar that llama.cpp cannot read it makes a sampler that allows everything; only its log tells.
        reason = log.reason()
        if reason or self._sampler is None:
            self.close()
            message = "llama.cpp cannot read the grammar that the answer is to follow."
            raise KnownError("bad_grammar", message, "Simplify the schema or the grammar.", log=reason)
        self._ids = np.arange(self._size, dtype=np.int32)

    def sample(self, chain: llama.llama_sampler_p, context: llama.llama_context_p, row: int) -> int:
        """The next token by `chain` and a row of logits, one that the grammar allows; both take note of it.

        Raises KnownError("grammar_stuck") when no token of the vocabulary is allowed.
        """
        logits = np.ctypeslib.as_array(llama.llama_get_logits_ith(context, row), (self._size,))
        token = self._draw(chain, self._candidates(logits))
        if not self._allows(token):
            candidates = self._candidates(logits)
            llama.llama_sampler_apply(self._sampler, _array(candidates))
            if np.isneginf(candidates["logit"]).all():
                message = "No word of the model's vocabulary fits what the answer has to look like."
                raise KnownError("grammar_stuck", message, "Simplify the schema or the grammar.")
            token = self._draw(chain, candidates)
        llama.llama_sampler_accept(chain, token)
        llama.llama_sampler_accept(self._sampler, token)
        return token

    def close(self) -> None:
        """Free it."""
        if self._sampler is not None:
            llama.llama_sampler_free(self._sampler)
            self._sampler = None

    def _candidates(self, logits: NDArray[np.float32]) -> _Candidates:
        candidates = np.zeros(self._size, _TOKEN_DATA)
        candidates["id"], candidates["logit"] = self._ids, logits
        return candidates

    def _draw(self, chain: llama.llama_sampler_p, candidates: _Candidates) -> int:
        array = _array(candidates)
        llama.llama_sampler_apply(chain, array)
        token: int = array.data[array.selected].id
        return token

    def _allows(self, token: int) -> bool:
        candidates = np.array([(token, 1.0, 0.0)], _TOKEN_DATA)
        llama.llama_sampler_apply(self._sampler, _array(candidates))
        return bool(np.isfinite(candidates["logit"][0]))


def _array(candidates: _Candidates) -> llama.llama_token_data_array:
    """llama.cpp's view of `candidates`, which have to outlive it."""
    data = ctypes.cast(candidates.ctypes.data, llama.llama_token_data_p)
    return llama.llama_token_data_array(data=data, size=len(candidates), selected=-1, sorted=False)
