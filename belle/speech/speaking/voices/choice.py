"""Which voices there are on this computer, and which one speaks when none is chosen."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from belle import paths
from belle.environment import pip_command
from belle.errors import KnownError
from belle.speech.speaking.voices.kokoro_files import find_kokoro, installed_models, voice_language
from belle.speech.speaking.voices.programs import ESPEAK_VOICES, ProgramVoice, espeak_voices, say_voices
from belle.speech.speaking.voices.voice import VoiceName

if TYPE_CHECKING:
    from belle.speech.speaking.voices.voice import Voice

PACKAGES = ("jieba", "misaki", "onnxruntime", "pypinyin")
"""What Kokoro's voices need: the extra `speak`."""

_PREFERRED = ("zf_xiaoxiao", "zf_xiaoyi", "zf_xiaobei", "Tingting", "af_heart", "af_bella", "Samantha")
_MOST_THREADS = 4


def missing_packages() -> list[str]:
    """The packages of `PACKAGES` that are not installed."""
    return [name for name in PACKAGES if importlib.util.find_spec(name) is None]


def voices(model: str = "") -> list[VoiceName]:
    """The voices that can speak now, without espeak-ng's: those are used when somebody names one.

    Args:
        model: the folder or file of a Kokoro model, in place of those among the models.
    """
    return [*say_voices(), *([] if missing_packages() else kokoro_voices(model))]


def kokoro_voices(model: str = "") -> list[VoiceName]:
    """The voices of Kokoro models, also when the packages that they need are missing."""
    folders = [Path(model).expanduser()] if model else installed_models(paths.models_dir())
    return [
        VoiceName("kokoro", name, voice_language(name), str(folder))
        for folder in folders
        if (files := find_kokoro(folder)) is not None
        for name in sorted(files.voices)
    ]


def find_voice(wanted: str, language: str, model: str = "") -> VoiceName:
    """The voice that is called `wanted`, or the one for `language` when it is "".

    Args:
        wanted: `kokoro:zf_xiaoxiao`, or only the name in it.
        language: `zh` or `en`.
        model: as of `voices`.

    Raises KnownError: `no_voice`, `unknown_voice`, `voice_packages`.
    """
    here = voices(model)
    if wanted:
        everything = [*here, *espeak_voices()]
        for voice in everything:
            if wanted in (voice.id, voice.name):
                return voice
        if wanted in {voice.id for voice in ESPEAK_VOICES}:
            ProgramVoice(ESPEAK_VOICES[0])  # raises what to install
        if not here:
            raise no_voice(model)
        there = ", ".join(voice.id for voice in everything)
        raise KnownError("unknown_voice", f"There is no voice “{wanted}”.", f"There are {there}.")
    if not here:
        raise no_voice(model)
    return best(here, language)


def best(among: Sequence[VoiceName], language: str) -> VoiceName:
    """Of several voices the one for a language: one that speaks it, by the order of preference."""
    fitting = [voice for voice in among if voice.language == language] or list(among)
    preferred = [voice for name in _PREFERRED for voice in fitting if voice.name == name]
    return (preferred or fitting)[0]


def no_voice(model: str = "") -> KnownError:
    """Nothing can speak: what is missing, and how to get it."""
    missing = missing_packages()
    if missing:
        are = "is" if len(missing) == 1 else "are"
        message = f"Kokoro’s voices need {', '.join(missing)}, which {are} not installed."
        command = pip_command("install", *missing)
        return KnownError("voice_packages", message, f"Install: {command}", command=command)
    if model:
        message = f"{model} has no Kokoro model with voices."
        return KnownError("no_voice", message, "Choose the folder that has the .onnx file and the folder “voices”.")
    advice = "Get Kokoro-82M with: belle speak --get (or name the folder that has it: --model; in the settings)."
    return KnownError("no_voice", "No voice is installed.", advice)


def open_voice(name: VoiceName) -> Voice:
    """Make a voice ready to speak; a model is loaded. Raises KnownError."""
    if name.engine != "kokoro":
        return ProgramVoice(name)
    from belle.speech.speaking.voices.kokoro import KokoroVoice

    files = find_kokoro(Path(name.folder))
    if files is None:
        raise no_voice(name.folder)
    return KokoroVoice(files, name.name, threads=min(_MOST_THREADS, os.cpu_count() or 1))
