"""The thread of the speech worker that records, beside the one that transcribes: a model may load while one speaks."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from belle.engine.process.events import Failed
from belle.errors import KnownError
from belle.speech.commands import ListMicrophones, StartRecording
from belle.speech.events import MicrophoneList, RecordingBegan, RecordingEnded, SoundLevel, SpeechEvent
from belle.speech.recording.recorder import RecordedSound, RecordingOrder, record


class RecordingDesk:
    """Executes `StartRecording` and `ListMicrophones` in order, in a thread that starts with the first of them.

    Args:
        send: sends an event; called in that thread.
    """

    def __init__(self, send: Callable[[SpeechEvent], None]) -> None:
        self._send = send
        self._commands: queue.SimpleQueue[StartRecording | ListMicrophones] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()  # guards the two below
        self._orders: dict[int, RecordingOrder] = {}  # of recordings that have not ended
        self._last: tuple[int, RecordedSound] | None = None

    def submit(self, command: StartRecording | ListMicrophones) -> None:
        """Execute a command, after those before it. Returns at once."""
        if isinstance(command, StartRecording):
            with self._lock:
                self._orders[command.id] = ""
        self._commands.put(command)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="recording", daemon=True)
            self._thread.start()

    def order(self, request_id: int, order: RecordingOrder) -> bool:
        """End a recording, or throw it away. False when it has ended already, or never was."""
        with self._lock:
            if request_id not in self._orders:
                return False
            if self._orders[request_id] != "cancel":
                self._orders[request_id] = order
            return True

    def take(self, request_id: int) -> RecordedSound | None:
        """The sound of a recording that has ended, once; of several recordings only the last one is there."""
        with self._lock:
            if self._last is None or self._last[0] != request_id:
                return None
            sound, self._last = self._last[1], None
            return sound

    def _run(self) -> None:
        while True:
            command = self._commands.get()
            number = command.id if isinstance(command, StartRecording) else None
            try:
                event: SpeechEvent = self._record(command) if isinstance(command, StartRecording) else _microphones()
            except KnownError as error:
                event = Failed(number, error.kind, error.message, error.advice, dict(error.details))
            if number is not None:
                with self._lock:
                    del self._orders[number]
            self._send(event)

    def _record(self, command: StartRecording) -> RecordingEnded:
        from belle.speech.recording.opening import open_microphone

        microphone = open_microphone(command.microphone)
        try:
            self._send(RecordingBegan(command.id, microphone.name))
            sound = record(
                microphone,
                lambda: self._orders[command.id],
                lambda seconds, rms, peak: self._send(SoundLevel(command.id, seconds, rms, peak)),
                command.longest_s,
            )
        finally:
            microphone.close()
        with self._lock:
            self._last = None if sound.reason == "cancelled" else (command.id, sound)
        fault = sound.fault
        return RecordingEnded(
            command.id, sound.reason, sound.seconds, *((fault.kind, fault.message, fault.advice) if fault else ())
        )


def _microphones() -> MicrophoneList:
    from belle.speech.recording.opening import list_microphones

    return MicrophoneList(tuple(list_microphones()))
