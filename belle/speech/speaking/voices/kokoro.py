"""Kokoro-82M, a small model that speaks, through onnxruntime.

https://huggingface.co/hexgrad/Kokoro-82M. Its ONNX form takes the numbers of phonemes, a style vector, which is the
voice and depends on the number of phonemes, and the speed; it gives sound at 24 kHz.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from belle.documents import read_json_object
from belle.environment import check_packages
from belle.errors import KnownError
from belle.path_guard import open_input
from belle.speech.speaking.phonemes.phonemizer import Phonemizer
from belle.speech.speaking.voices.kokoro_files import KokoroFiles, read_style

if TYPE_CHECKING:
    from belle.speech.speaking.voices.voice import Sound

RATE = 24_000
_LONGEST = 500  # phonemes at a time; the model's positions end at 512, and it wants a 0 before and behind
_SILENCE = 0.01  # of full scale; what is below at both ends is cut off
_MARGIN = RATE // 30
_SMALLEST_MODEL = 1000  # bytes
# The alphabet of version 1.0 (config.json of the published model), used where no tokenizer.json is beside the model.
_SYMBOLS = (
    (1, ";:,.!?"), (9, "—…\"()“” ̃ʣʥʦʨᵝꭧAI"), (31, "O"), (33, "Q"), (35, "ST"), (39, "W"), (41, "Yᵊabcdef"),
    (50, "hijklmnopqrstuvwxyzɑɐɒæ"), (75, "βɔɕç"), (80, "ɖðʤə"), (85, "ɚɛɜ"), (90, "ɟ"), (92, "ɡ"), (99, "ɥ"),
    (101, "ɨɪʝ"), (110, "ɯɰŋɳɲɴø"), (118, "ɸθœ"), (123, "ɹ"), (125, "ɾɻ"), (128, "ʁɽʂʃʈʧ"), (135, "ʊʋ"), (138, "ʌɣɤ"),
    (142, "χʎ"), (147, "ʒʔ"), (156, "ˈˌː"), (162, "ʰ"), (164, "ʲ"), (169, "↓"), (171, "→↗↘"), (177, "ᵻ"),
)  # fmt: skip
SYMBOLS: Mapping[str, int] = {
    symbol: first + offset for first, symbols in _SYMBOLS for offset, symbol in enumerate(symbols)
}


class KokoroVoice:
    """A voice of Kokoro.

    Args:
        files: where the model and its voices are.
        name: of the voice, such as `zf_xiaoxiao`.
        threads: to compute with.

    Raises KnownError: `missing_package`, `unknown_voice`, `damaged`.
    """

    rate = RATE

    def __init__(self, files: KokoroFiles, name: str, *, threads: int) -> None:
        check_packages("Speaking with Kokoro’s voices", "onnxruntime", "jieba", "misaki", "pypinyin")
        import onnxruntime

        self._style = read_style(files, name)
        self._symbols = _symbols(files)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = threads, 4
        with open_input(files.model) as file:
            if len(file.read(_SMALLEST_MODEL)) < _SMALLEST_MODEL:
                raise _damaged(files.model, "it is too short")
        try:
            self._session = onnxruntime.InferenceSession(
                str(files.model), sess_options=options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's own exceptions have no common base class
            raise _damaged(files.model, _reason(error)) from None
        self._types = {item.name: item.type for item in self._session.get_inputs()}
        self._tokens = next((name for name in ("input_ids", "tokens") if name in self._types), "")
        if not self._tokens or not {"style", "speed"} <= self._types.keys():
            raise _damaged(files.model, "it is not a Kokoro model")
        self._run_options = onnxruntime.RunOptions
        self._running: Any = None
        self._phonemizer = Phonemizer()

    def say(self, words: str, speed: float) -> Sound:
        """The sound of words, as `Voice.say`."""
        parts = []
        # Set before the phonemes are made: an interruption from here on must not be lost.
        self._running = running = self._run_options()
        try:
            for phonemes in _within(self._phonemizer.phonemes(words)):
                numbers = [self._symbols[symbol] for symbol in phonemes if symbol in self._symbols]
                if numbers:
                    parts.append(self._spoken(numbers, speed, running))
        except Exception as error:
            if running.terminate:
                return np.zeros(0, np.float32)
            message = f"The voice model could not say it (onnxruntime: {_reason(error)})."
            raise KnownError("voice_failed", message, "Try another text, or get the model again.") from None
        finally:
            self._running = None
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)

    def interrupt(self) -> None:
        """End a `say` that another thread is in: onnxruntime looks at this between two operations."""
        running = self._running
        if running is not None:
            running.terminate = True

    def _spoken(self, numbers: list[int], speed: float, running: Any) -> Sound:
        style = self._style[min(len(numbers), len(self._style)) - 1]  # [256]
        speed_type = np.int32 if "int32" in self._types["speed"] else np.float32
        inputs = {
            self._tokens: np.array([[0, *numbers, 0]], np.int64),
            "style": style.reshape(1, -1),
            "speed": np.array([speed], speed_type),
        }
        sound: NDArray[np.float32] = np.asarray(self._session.run(None, inputs, running)[0], np.float32).ravel()
        return _trimmed(np.nan_to_num(sound).clip(-1, 1))


def _symbols(files: KokoroFiles) -> Mapping[str, int]:
    if files.tokenizer is None:
        return SYMBOLS
    model = read_json_object(files.tokenizer).get("model")
    vocabulary = model.get("vocab") if isinstance(model, dict) else None
    if not isinstance(vocabulary, dict) or not all(isinstance(number, int) for number in vocabulary.values()):
        raise _damaged(files.tokenizer, "it has no vocabulary")
    return vocabulary


def _within(phonemes: str) -> Iterator[str]:
    """Pieces of at most `_LONGEST` phonemes, cut behind a mark, at a space, or there."""
    while len(phonemes) > _LONGEST:
        marks = [match.end() for match in re.finditer(r"[,.!?;:] ", phonemes[:_LONGEST])]
        cut = marks[-1] if marks else phonemes.rfind(" ", 1, _LONGEST) + 1 or _LONGEST
        yield phonemes[:cut].strip()
        phonemes = phonemes[cut:].strip()
    if phonemes:
        yield phonemes


def _trimmed(sound: Sound) -> Sound:
    """`sound` without the silence at its ends."""
    loud = np.flatnonzero(np.abs(sound) > _SILENCE)
    return sound[max(0, loud[0] - _MARGIN) : loud[-1] + _MARGIN] if len(loud) else sound[:0]


def _damaged(path: Path, why: str) -> KnownError:
    message = f"{path.name} cannot be used as a voice model: {why}."
    return KnownError("damaged", message, "Get Kokoro-82M v1.0 (ONNX) again.", path=str(path))


def _reason(error: Exception) -> str:
    return str(error).strip().splitlines()[-1][:200].rstrip(".") if str(error).strip() else type(error).__name__
