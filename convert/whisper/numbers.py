"""What whisper.cpp takes for granted of a Whisper: the ids of the special tokens, and 30 seconds of sound at a time.

Its files hold the texts of the ordinary tokens alone. Which ids begin a transcript, name a language or stand for a time
is computed from the number of rows of the embedding (`whisper_vocab` in whisper.cpp), so only the numbers of rows that
OpenAI's models have give the right ids.
"""

from __future__ import annotations

from dataclasses import dataclass

from belle.errors import KnownError

SAMPLE_RATE = 16_000
"""Samples per second of the sound that every Whisper hears."""

_ENGLISH, _MULTILINGUAL, _WITH_CANTONESE = 51864, 51865, 51866
_N_AUDIO_CTX = 1500
_N_LANGUAGES = {_ENGLISH: 99, _MULTILINGUAL: 99, _WITH_CANTONESE: 100}


@dataclass(frozen=True, slots=True)
class SpecialTokens:
    """The ids that whisper.cpp gives to the special tokens.

    Attributes:
        end_of_text: the first of them; the tokens before it are the ordinary ones.
        start: of a transcript.
        transcribe, no_timestamps: what follows the language.
    """

    end_of_text: int
    start: int
    transcribe: int
    no_timestamps: int

    @property
    def by_text(self) -> dict[str, int]:
        """The ids by the tokens' names in checkpoints."""
        return {
            "<|endoftext|>": self.end_of_text,
            "<|startoftranscript|>": self.start,
            "<|transcribe|>": self.transcribe,
            "<|notimestamps|>": self.no_timestamps,
        }


def special_tokens(n_vocab: int) -> SpecialTokens:
    """The special tokens of a model with `n_vocab` rows of the embedding, one of those of `check_sizes`."""
    end = 50256 if n_vocab == _ENGLISH else 50257
    last_language = end + 1 + _N_LANGUAGES[n_vocab]
    return SpecialTokens(end, end + 1, last_language + 2, last_language + 6)


def check_sizes(*, n_vocab: int, n_audio_ctx: int) -> None:
    """Raise KnownError("unsupported_option") for a model that whisper.cpp would load and use wrongly."""
    if n_vocab not in _N_LANGUAGES:
        raise KnownError(
            "unsupported_option",
            f"config.json says vocab_size is {n_vocab}. whisper.cpp knows vocabularies of {_ENGLISH} (English), "
            f"{_MULTILINGUAL} and {_WITH_CANTONESE} tokens; of others it would take wrong ones for the special.",
            "A fine-tuned model with added tokens needs its embedding cut back to the original size.",
            name="vocab_size",
        )
    if n_audio_ctx != _N_AUDIO_CTX:
        raise KnownError(
            "unsupported_option",
            f"config.json says max_source_positions is {n_audio_ctx}. whisper.cpp hears 30 seconds at a time, which "
            f"are {_N_AUDIO_CTX} positions, and would lose what such a model does not hear.",
            "Such a file would run and leave out words, so none is written.",
            name="max_source_positions",
        )
