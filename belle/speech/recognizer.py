"""A loaded Whisper model: turns windows of a recording into text.

Each window is decoded by itself, without the text before it: a mistake is not carried on. One temperature only, because
a second pass after a doubtful first one takes five times as long and rarely helps. The number of tokens is limited by
the length of the window, so a model that repeats itself stops soon.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np

from belle.engine.llama.cores import usable_cores
from belle.engine.process.stop_flag import NativeStopFlag
from belle.errors import KnownError
from belle.gguf.whisper_file import WhisperHeader, read_whisper
from belle.speech.audio.source import RATE
from belle.speech.audio.wav import Samples
from belle.speech.bindings import GREEDY, FullParams
from belle.speech.library import WhisperLibrary

AUTO = "auto"
"""The language that the model hears in each window."""

PROMPTS: Mapping[str, str] = {"zh": "以下是普通话的句子。"}
"""By language, a sentence that the model takes for what was said before. Whisper writes Chinese in simplified or in
traditional characters as it happens; after this sentence it writes simplified ones."""

_FIRST_VOCABULARY = 51864  # tokens of the smallest Whisper; below, whisper.cpp would read beyond its tables
_POSITIONS_PER_S = 50
_SPARE_POSITIONS, _STEP, _FEWEST = 256, 256, 768
_TOKENS_PER_S, _SPARE_TOKENS = 14, 24  # somebody who speaks fast says 8 characters a second, of 1 or 2 tokens each
_SHORTEST_S = 1.0
_CENTISECONDS = 100


@dataclass(frozen=True, slots=True)
class SpokenText:
    """A text and when it was said, in seconds since the beginning of its window."""

    start: float
    end: float
    text: str


class Recognizer:
    """A model in memory.

    Args:
        library: whisper.cpp.
        path: of a file that whisper.cpp reads.
        threads: to compute with; None for one on each physical core.
        use_gpu: where the library was built for one.
        stop: ends a computation from another thread.

    Attributes:
        header: what the file says.

    Raises KnownError for a file that is not a model, or cannot be loaded.
    """

    def __init__(
        self, library: WhisperLibrary, path: Path, *, threads: int | None, use_gpu: bool, stop: NativeStopFlag
    ) -> None:
        self.header = read_whisper(path)
        _check(self.header)
        self._library, self._functions, self._stop = library, library.functions, stop
        self._threads = threads or usable_cores()[0]
        params = self._functions.whisper_context_default_params()
        params.use_gpu = use_gpu
        self._context = self._functions.whisper_init_from_file_with_params(os.fsencode(path), params)
        if not self._context:
            reason = library.log.reason()
            message = f"{path.name} cannot be loaded{f' (whisper.cpp: {reason})' if reason else ''}."
            raise KnownError("damaged", message, "Download or convert it again.", path=str(path), log=reason)

    @property
    def is_multilingual(self) -> bool:
        """Whether it knows other languages than English."""
        return bool(self._functions.whisper_is_multilingual(self._context))

    def check_language(self, language: str) -> None:
        """Raise KnownError("unknown_language", "english_only") where the model cannot be asked for `language`."""
        if language == AUTO:
            return
        if self._functions.whisper_lang_id(language.encode("utf-8", "replace")) < 0:
            message = f"“{language}” is not a language that Whisper knows."
            raise KnownError("unknown_language", message, "Give a code such as zh or en, or auto.")
        if language != "en" and not self.is_multilingual:
            message = f"{self.header.path.name} knows English only."
            raise KnownError("english_only", message, "Take a multilingual model, or set the language to English.")

    def transcribe(
        self, samples: Samples, *, language: str, prompt: str, timestamps: bool
    ) -> tuple[list[SpokenText], str] | None:
        """The texts of a window of at most 30 seconds, and its language. None when it was stopped.

        Args:
            samples: at 16 kHz.
            language: a code such as `zh`, or `AUTO`.
            prompt: what the model takes for what was said before.
            timestamps: ask the model when its sentences begin and end; without, the window is one text.

        Raises KnownError("speech_failed").
        """
        seconds = len(samples) / RATE
        padded = np.zeros(max(len(samples), int(_SHORTEST_S * RATE)), np.float32)
        padded[: len(samples)] = samples
        params = self._params(seconds, language=language, prompt=prompt, timestamps=timestamps)
        data = padded.ctypes.data_as(ctypes.c_void_p)
        status = self._functions.whisper_full(self._context, params, data, len(padded))
        if self._stop:
            return None
        if status != 0:
            reason = self._library.log.reason()
            message = f"The model could not transcribe a part of the recording ({reason or f'status {status}'})."
            raise KnownError("speech_failed", message, "Try another model.", status=status)
        spoken = self._functions.whisper_full_lang_id(self._context) if self.is_multilingual else -1
        code = self._functions.whisper_lang_str(spoken).decode() if spoken >= 0 else "en"
        return self._texts(seconds, timestamps=timestamps), code

    def close(self) -> None:
        """Free the model."""
        if self._context:
            self._functions.whisper_free(self._context)
        self._context = None

    def _params(self, seconds: float, *, language: str, prompt: str, timestamps: bool) -> FullParams:
        params: FullParams = self._functions.whisper_full_default_params(GREEDY)
        params.n_threads = self._threads
        params.no_context = True
        params.no_timestamps = not timestamps
        params.print_progress = False
        params.best_of = 1
        params.temperature_inc = 0.0  # no second pass
        params.max_tokens = int(_SPARE_TOKENS + _TOKENS_PER_S * seconds)
        params.audio_ctx = audio_context(seconds, self._functions.whisper_n_audio_ctx(self._context))
        params.language = language.encode() if self.is_multilingual else b"en"
        params.initial_prompt = prompt.encode("utf-8", "replace") if prompt else None
        params.abort_callback, params.abort_callback_user_data = self._stop.function, self._stop.data
        return params

    def _texts(self, seconds: float, *, timestamps: bool) -> list[SpokenText]:
        texts: list[SpokenText] = []
        for number in range(self._functions.whisper_full_n_segments(self._context)):
            # A limit on tokens may cut a character of several bytes.
            text = (
                self._functions.whisper_full_get_segment_text(self._context, number).decode("utf-8", "ignore").strip()
            )
            if not text:
                continue
            times = [0.0, seconds]
            if timestamps:
                read = (self._functions.whisper_full_get_segment_t0, self._functions.whisper_full_get_segment_t1)
                times = sorted(min(max(0.0, at(self._context, number) / _CENTISECONDS), seconds) for at in read)
            texts.append(SpokenText(times[0], times[1], text))
        return texts


def audio_context(seconds: float, most: int) -> int:
    """How many positions of the encoder are computed for a clip; 0 for all `most` of them, which stand for 30 seconds.

    Whisper was trained with all of them, and the fewer there are, the more it errs. So there is a margin, and no clip
    gets less than half: from 5 to 15 seconds that is twice as fast.
    """
    positions = ceil((seconds * _POSITIONS_PER_S + _SPARE_POSITIONS) / _STEP) * _STEP
    return max(positions, _FEWEST) if max(positions, _FEWEST) < most else 0


def _check(header: WhisperHeader) -> None:
    """Refuse what would end the process later. Raises KnownError."""
    name = header.path.name
    if header.sizes.n_vocab < _FIRST_VOCABULARY:
        message = f"{name} has {header.sizes.n_vocab:,} tokens, and Whisper models have {_FIRST_VOCABULARY:,} or more."
        raise KnownError("unsupported_architecture", message, "Choose another model.", path=str(header.path))
    if header.sizes.type == "F32":
        message = f"{name} holds numbers of 32 bits, with which whisper.cpp cannot compute."
        raise KnownError("unsupported_architecture", message, "Convert the checkpoint to F16, Q8_0 or Q5_0.")
