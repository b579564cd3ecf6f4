"""Dictation: what is said into a microphone, or in a file, as text. The speech worker runs only while it is needed.

It starts with the first recording, loads the model while the person speaks, and ends when it has long been idle. When
it dies, `failed` says so, and the next recording starts another one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QObject, QTimer, Signal

from belle.engine.process.events import Died, Failed
from belle.environment import pip_command
from belle.errors import KnownError
from belle.models.speech import resolve_speech
from belle.speech.client import SpeechClient
from belle.speech.commands import LoadSpeech, StartRecording, Transcribe
from belle.speech.events import (
    HeardUntil,
    MicrophoneList,
    RecordingEnded,
    Said,
    SoundLevel,
    SpeechEvent,
    SpeechModel,
    SpeechReady,
    Transcribed,
)
from belle.speech.library import check_usable

if TYPE_CHECKING:
    from desktop.settings import Settings

_PACKAGES = ("pywhispercpp", "sounddevice")
UNLOAD_MS = 300_000
LONGEST_S = 600.0
"""Of a recording; what is longer than this was forgotten, not dictated."""


@dataclass(frozen=True, slots=True)
class DictationState:
    """What is going on.

    Attributes:
        phase: `recording`, or `writing` down what was recorded.
        file: the name of the file that is written down; empty for the microphone.
        fraction: how much of it is written down, 0…1; None where that is not known.
    """

    phase: Literal["off", "recording", "writing"] = "off"
    file: str = ""
    fraction: float | None = None


class Dictation(QObject):
    """Records and transcribes, one thing at a time.

    Args:
        settings: name the model and the microphone.
        language: called when something is to be written down: `zh`, `en`, … or `auto`.
        unload_ms: after so long without work the worker is ended, and its memory is free.
    """

    changed = Signal(object)
    """The `DictationState`."""
    level = Signal(float, float)
    """Seconds recorded so far, and the root mean square of the latest samples, 0…1."""
    said = Signal(str)
    """A text, to be added to those before it."""
    failed = Signal(object)
    """A KnownError. After one about the microphone, what was recorded before may still be written down."""
    microphones_listed = Signal(object)
    """The tuple of `Microphone` that `list_microphones` asked for."""
    _received = Signal(object)  # from the client's thread to this one

    def __init__(
        self,
        settings: Settings,
        language: Callable[[], str],
        parent: QObject | None = None,
        *,
        unload_ms: int = UNLOAD_MS,
    ) -> None:
        super().__init__(parent)
        self._settings, self._language = settings, language
        self._client = SpeechClient(self._forward)
        self._numbers = count(1)
        self._number = 0  # of the request under way
        self._path: Path | None = None  # of the model that the worker has, or loads
        self._model: SpeechModel | None = None  # once it is loaded
        self._waits_for_model, self._pending = False, ""  # a path, or empty for the recording
        self._has_said = False
        self._files: deque[Path] = deque()
        self.state = DictationState()
        self._received.connect(self._handle)
        self._unload = QTimer(self)
        self._unload.setSingleShot(True)
        self._unload.setInterval(unload_ms)
        self._unload.timeout.connect(self.close)

    @property
    def is_running(self) -> bool:
        """Whether the worker takes memory."""
        return self._client.alive

    @property
    def pid(self) -> int | None:
        """Of the worker."""
        return self._client.pid

    def start(self) -> None:
        """Begin to record. Why it cannot be done is said by `failed`."""
        if self.state.phase != "off" or not self._prepare():
            return
        self._number = next(self._numbers)
        if self._try(lambda: self._client.record(StartRecording(self._number, self._settings.microphone, LONGEST_S))):
            self._set(DictationState("recording"))

    def finish(self) -> None:
        """End the recording; what was said follows."""
        if self.state.phase == "recording":
            self._client.finish(self._number)
            self._set(DictationState("writing"))

    def cancel(self) -> None:
        """Throw the recording away, or write down no more. What was said already stays."""
        if self.state.phase != "off":
            self._client.stop(self._number)
            self._files.clear()
            self._end()

    def transcribe(self, paths: Iterable[Path]) -> None:
        """Write down what is said in files, one after the other, after what is being done now."""
        self._files.extend(paths)
        if self.state.phase == "off":
            self._next_file()

    def list_microphones(self) -> None:
        """Ask for the microphones; answered by `microphones_listed`, and by `failed` where nothing can record."""
        self._try(self._client.list_microphones)
        self._rest()

    def close(self) -> None:
        """End the worker. The next recording starts another one."""
        self.cancel()
        self._unload.stop()
        self._client.close()
        self._path = self._model = None

    # The worker

    def _prepare(self) -> bool:
        """Have the worker load the chosen model, unless it has it. False when there is none; that is said."""
        try:
            _check_installed()
            path = resolve_speech(self._settings.speech_model)
        except KnownError as error:
            self._fail(error)
            return False
        self._has_said, self._waits_for_model = False, False
        self._unload.stop()
        if path != self._path or not self._client.alive:
            self._path, self._model = path, None
            return self._try(lambda: self._client.load(LoadSpeech(str(path))))
        return True

    def _try(self, send: Callable[[], None]) -> bool:
        try:
            send()
        except OSError as error:
            message = f"The process that writes down speech could not be started ({error.strerror or error})."
            self._fail(KnownError("speech_not_started", message, "Close other programs and try it again."))
            return False
        return True

    def _next_file(self) -> None:
        if not self._files:
            self._end()
            return
        path = self._files.popleft()
        if self._prepare():
            self._number = next(self._numbers)
            self._set(DictationState("writing", path.name))
            self._transcribe(str(path))

    def _transcribe(self, path: str) -> None:
        """Transcribe when the model is loaded: only then it is known whether it has the language."""
        self._waits_for_model = self._model is None
        self._pending = path
        if self._model is not None:
            language = self._language() if self._model.is_multilingual else "auto"
            request = Transcribe(self._number, path, language)
            self._try(lambda: self._client.transcribe(request))

    def _forward(self, event: SpeechEvent | Died) -> None:
        """Called on the client's thread."""
        with suppress(RuntimeError):  # the window has been closed meanwhile
            self._received.emit(event)

    def _handle(self, event: SpeechEvent | Died) -> None:
        match event:
            case MicrophoneList(microphones=microphones):
                self.microphones_listed.emit(microphones)
            case SpeechReady(model=model):
                self._model = model
                if self._waits_for_model:
                    self._transcribe(self._pending)
            case Died():
                self._path = self._model = None
                if self.state.phase != "off":
                    self._fail(KnownError("speech_died", event.message, event.advice, log=event.log))
            case Failed(id=None, kind="no_recorder"):
                self.failed.emit(_error(event))
            case Failed(id=None):
                # The model could not be loaded: what is being recorded for it is of no use.
                self._path = self._model = None
                self.cancel()
                self._fail(_error(event))
            case _ if getattr(event, "id", None) == self._number and self.state.phase != "off":
                self._handle_current(event)

    def _handle_current(self, event: SpeechEvent) -> None:
        match event:
            case SoundLevel():
                self.level.emit(event.seconds, event.rms)
            case RecordingEnded(reason="cancelled"):
                self._end()
            case RecordingEnded():
                self._say_why_ended(event)
                self._set(DictationState("writing"))
                self._transcribe("")
            case HeardUntil(seconds=seconds, total=total):
                fraction = min(1.0, seconds / total) if total else None
                self._set(DictationState("writing", self.state.file, fraction))
            case Said(text=text) if text.strip():
                self._has_said = True
                self.said.emit(text.strip())
            case Transcribed():
                if not self._has_said and event.reason == "end":
                    self.failed.emit(_nothing_heard(self.state.file))
                self._next_file()
            case Failed():
                self.failed.emit(_error(event))
                self._next_file()

    def _say_why_ended(self, event: RecordingEnded) -> None:
        if event.reason == "failed":
            self.failed.emit(KnownError(event.kind, event.message, event.advice))
        elif event.reason == "longest":
            message = f"The recording was ended after {LONGEST_S / 60:.0f} minutes; what was said is written down."
            self.failed.emit(KnownError("longest_recording", message, "Go on with another one."))

    # States

    def _fail(self, error: KnownError) -> None:
        """Nothing goes on."""
        self._files.clear()
        self._end()
        self.failed.emit(error)

    def _end(self) -> None:
        self._number, self._waits_for_model = 0, False
        self._set(DictationState())
        self._rest()

    def _rest(self) -> None:
        if self.state.phase == "off":
            self._unload.start()

    def _set(self, state: DictationState) -> None:
        if state != self.state:
            self.state = state
            self.changed.emit(state)


def _check_installed() -> None:
    """Raise KnownError("dictation_not_installed"), with the command, or "processor_too_old"."""
    try:
        check_usable()
    except KnownError as error:
        if error.kind != "missing_package":
            raise
        command = pip_command("install", *_PACKAGES)
        message = "Dictation needs packages that are not installed."
        raise KnownError("dictation_not_installed", message, f"Install: {command}", command=command) from None


def _error(event: Failed) -> KnownError:
    return KnownError(event.kind, event.message, event.advice, **event.details)


def _nothing_heard(file: str) -> KnownError:
    if file:
        return KnownError("nothing_said", f"Nothing is said in {file}.", "Check that it is the right file.", file=file)
    message = "Nothing was heard that could be written down."
    return KnownError("nothing_heard", message, "Speak closer to the microphone, or choose another one.")
