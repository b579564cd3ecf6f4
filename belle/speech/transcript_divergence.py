"""How differently two Whisper files predict what is said in a recording, computed by whisper.cpp in a child process.

Both hear the same sound and are given the same transcript, token by token (teacher forcing), so that one wrong word
does not change all that follow. Before each token, and before the end, their distributions of the next token are
compared: KL(P ‖ Q) = Σ p · (log p − log q), in nats (Kullback and Leibler 1951), P being the reference's.
"""

from __future__ import annotations

import ctypes
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from belle.engine.process.native_calls import call_whisper
from belle.errors import KnownError
from belle.speech.audio.source import RATE, open_recording
from belle.speech.library import WhisperLibrary, check_usable
from belle.speech.next_tokens import check_memory, decoded_logits, loaded

LONGEST_S = 30.0
"""Of a recording that Whisper hears at once."""

_MOST_TOKENS = 1024


@dataclass(frozen=True, slots=True)
class TranscriptDivergence:
    """How differently a transcript is predicted.

    Attributes:
        tokens: predicted ones: those of the transcript, and its end.
        divergence: sum of KL(reference ‖ candidate) over them, in nats.
        same_first: tokens at which both find the same one most likely.
    """

    tokens: int
    divergence: float
    same_first: int


def transcript_divergence(
    reference: Path, candidate: Path, audio: Path, text: str, language: str, *, threads: int = 2
) -> TranscriptDivergence:
    """Compare two files of whisper.cpp on one recording of at most `LONGEST_S`.

    Args:
        text: what is said.
        language: its code, such as `zh`.

    Raises KnownError: `other_vocabulary`, `unknown_language`, `too_big_for_memory`, `not_loadable`, those of reading
    the recording, and of a process that dies.
    """
    check_usable()
    check_memory(reference, candidate)
    result = call_whisper(
        "belle.speech.transcript_divergence:compare",
        reference=str(reference.resolve()),
        candidate=str(candidate.resolve()),
        audio=str(audio.resolve()),
        text=text,
        language=language,
        threads=threads,
    )
    return TranscriptDivergence(**result)


def compare(
    *, reference: str, candidate: str, audio: str, text: str, language: str, threads: int
) -> dict[str, int | float]:
    """In the child process: the fields of a `TranscriptDivergence`. Raises KnownError."""
    sound = np.concatenate(list(open_recording(Path(audio)).blocks))[: int(LONGEST_S * RATE)]
    library = WhisperLibrary()
    whisper = library.functions
    with loaded(library, reference) as first:
        begin, said = _tokens(whisper, first, text, language)
        n_first = whisper.whisper_n_vocab(first)
        p = decoded_logits(whisper, first, sound, begin + said, threads)[len(begin) - 1 :]
    with loaded(library, candidate) as second:
        if whisper.whisper_n_vocab(second) != n_first:
            raise KnownError(
                "other_vocabulary",
                f"{Path(candidate).name} has other tokens than {Path(reference).name}, so their predictions cannot be "
                "compared.",
                "Compare files of one model, or add --no-kl.",
            )
        q = decoded_logits(whisper, second, sound, begin + said, threads)[len(begin) - 1 :]
    return asdict(divergence_of(p, q))


def divergence_of(reference: NDArray[np.float32], candidate: NDArray[np.float32]) -> TranscriptDivergence:
    """The divergence of two arrays of logits, `[n_tokens, n_vocab]`."""
    log_p, log_q = _log_softmax(reference), _log_softmax(candidate)
    same = np.count_nonzero(reference.argmax(axis=1) == candidate.argmax(axis=1))
    return TranscriptDivergence(len(reference), float((np.exp(log_p) * (log_p - log_q)).sum()), int(same))


def _log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    shifted: NDArray[np.float64] = logits - logits.max(axis=1, keepdims=True).astype(np.float64)
    result: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result


def _tokens(whisper: ctypes.CDLL, context: int, text: str, language: str) -> tuple[list[int], list[int]]:
    """What begins a transcript without times, and the tokens of the transcript, as many as fit."""
    begin = [whisper.whisper_token_sot(context)]
    if whisper.whisper_is_multilingual(context):
        number = whisper.whisper_lang_id(language.encode())
        if number < 0:
            raise KnownError("unknown_language", f"Whisper knows no language “{language}”.", "Give a code such as zh.")
        begin += [whisper.whisper_token_lang(context, number), whisper.whisper_token_transcribe(context)]
    begin.append(whisper.whisper_token_not(context))
    room = min(_MOST_TOKENS, whisper.whisper_n_text_ctx(context) - len(begin))
    found = (ctypes.c_int * _MOST_TOKENS)()
    n = whisper.whisper_tokenize(context, text.encode(), found, _MOST_TOKENS)
    if n < 0:  # the number that there are, negative
        longest = (ctypes.c_int * -n)()
        n = whisper.whisper_tokenize(context, text.encode(), longest, -n)
        return begin, list(longest[: min(n, room)])
    return begin, list(found[: min(n, room)])
