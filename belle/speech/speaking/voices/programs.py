"""Voices of programs that write a WAV file: `say` of macOS, and `espeak-ng`."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from belle.errors import KnownError
from belle.path_guard import open_input
from belle.speech.audio import wav
from belle.speech.speaking.voices.voice import VoiceName

if TYPE_CHECKING:
    from belle.speech.speaking.voices.voice import Sound

_LIST_S = 10.0
_SPEAK_S = 120.0
_WORDS_PER_MINUTE = 175  # of both programs, unless they are told another speed
# “Tingting            zh_CN    # 你好，我叫婷婷。”
_LISTED = re.compile(r"^(?P<name>\S.*?)\s+(?P<language>[a-z]{2,3})[_-]\S+\s+#", re.MULTILINE)
ESPEAK_VOICES = (VoiceName("espeak", "cmn", "zh"), VoiceName("espeak", "en", "en"))


def say_voices() -> list[VoiceName]:
    """The voices of macOS; none elsewhere."""
    if shutil.which("say") is None:
        return []
    with suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(
            ["say", "-v", "?"], capture_output=True, text=True, encoding="utf-8", timeout=_LIST_S, check=False
        )
        return [VoiceName("say", match["name"], match["language"]) for match in _LISTED.finditer(done.stdout)]
    return []


def espeak_voices() -> list[VoiceName]:
    """The voices of espeak-ng, where it is installed."""
    return list(ESPEAK_VOICES) if shutil.which("espeak-ng") else []


class ProgramVoice:
    """A voice of `say` or `espeak-ng`. Raises KnownError("no_voice") where the program is not installed."""

    rate = 22_050

    def __init__(self, name: VoiceName) -> None:
        self._name = name
        self._program = {"say": "say", "espeak": "espeak-ng"}[name.engine]
        if shutil.which(self._program) is None:
            advice = {"say": "It is a part of macOS.", "espeak": "Debian, Ubuntu: apt install espeak-ng"}[name.engine]
            raise KnownError("no_voice", f"The program {self._program} is not installed.", advice)
        self._running: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def say(self, words: str, speed: float) -> Sound:
        """The sound of words, as `Voice.say`."""
        with tempfile.TemporaryDirectory() as folder:
            output = Path(folder) / "speech.wav"
            status, reason = self._run(self._command(output, round(_WORDS_PER_MINUTE * speed)), words)
            if status < 0 or not words.strip():
                return np.zeros(0, np.float32)
            if status != 0 or not output.is_file():
                why = f" ({reason})" if reason else ""
                message = f"{self._program} could not speak with the voice “{self._name.name}”{why}."
                raise KnownError("voice_failed", message, "Choose another voice.")
            return self._read(output)

    def interrupt(self) -> None:
        """End a `say` that another thread is in."""
        with self._lock:
            if self._running is not None:
                self._running.kill()

    def _command(self, output: Path, words_per_minute: int) -> Sequence[str]:
        if self._name.engine == "say":
            kind = ["--file-format=WAVE", f"--data-format=LEI16@{self.rate}"]
            return ["say", "-v", self._name.name, "-r", str(words_per_minute), "-o", str(output), *kind, "-f", "-"]
        return ["espeak-ng", "-v", self._name.name, "-s", str(words_per_minute), "-w", str(output), "--stdin"]

    def _run(self, command: Sequence[str], words: str) -> tuple[int, str]:
        """Run the program on `words`. Returns its exit status and what it complained of."""
        with self._lock:
            self._running = process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
            )
        try:
            _, errors = process.communicate(words.encode(), timeout=_SPEAK_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return 1, f"no end after {_SPEAK_S:.0f} s"
        finally:
            with self._lock:
                self._running = None
        return process.returncode, errors.decode("utf-8", "replace").strip().replace("\n", " ")[:200]

    def _read(self, output: Path) -> Sound:
        with open_input(output) as file:
            header = wav.read_format(file, output)
            blocks = list(wav.read_blocks(file, header, output))
        self.rate = header.rate
        return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
