"""The speaking worker: `python -m belle.speech.speaking.worker`. It keeps one voice ready and reads texts aloud.

Three threads: the reader takes commands from stdin and acts at once on `stop`, `more`, `quit` and the end of stdin; the
main thread makes sound; each reading has a player. stdout belongs to the protocol.
"""

from __future__ import annotations

import os
import queue
import signal
import threading
from time import perf_counter
from typing import TYPE_CHECKING

from belle.engine.process.commands import Quit, Stop
from belle.engine.process.events import Failed, Hello
from belle.engine.process.pipes import LinePipe, read_lines, take_stdout
from belle.engine.process.protocol import ProtocolError, encode
from belle.errors import KnownError
from belle.speech.speaking.commands import ListVoices, Speak, SpeakingCommand, SpeakMore
from belle.speech.speaking.events import ReadingEnded, SpeakingEvent, VoiceList, VoiceOpened
from belle.speech.speaking.protocol import SPEAKING_PROTOCOL_VERSION, decode_speaking_command
from belle.speech.speaking.reading import SpokenReading
from belle.speech.speaking.voices.choice import find_voice, no_voice, open_voice, voices

if TYPE_CHECKING:
    from belle.speech.speaking.voices.voice import Voice, VoiceName

_STDIN = 0
_GRACE_S = 4.0


class SpeakingWorker:
    """Executes commands with at most one voice ready.

    Args:
        output: the descriptor that events are written to.
    """

    def __init__(self, output: int) -> None:
        self._output = LinePipe(output)
        self._tasks: queue.SimpleQueue[SpokenReading | ListVoices | None] = queue.SimpleQueue()
        self._readings: dict[int, SpokenReading] = {}  # from their command to their end
        self._lock = threading.Lock()  # guards `_readings`
        self._voice: tuple[VoiceName, Voice] | None = None
        self._finished = threading.Event()

    def run(self) -> None:
        """Serve until the end of stdin or `quit`."""
        self._send(Hello(SPEAKING_PROTOCOL_VERSION, os.getpid()))
        threading.Thread(target=self._read, name="reader", daemon=True).start()
        while (task := self._tasks.get()) is not None:
            if isinstance(task, ListVoices):
                self._list_voices(task)
            else:
                self._run_reading(task)
        self._finished.set()

    def _read(self) -> None:
        """The reader thread."""
        for line in read_lines(_STDIN):
            try:
                command = decode_speaking_command(line)
            except ProtocolError as error:
                self._send(_failed(None, KnownError("protocol_error", str(error))))
                continue
            if isinstance(command, Quit):
                break
            self._take(command)
        with self._lock:
            readings = list(self._readings.values())
        self._tasks.put(None)
        for reading in readings:
            reading.stop()
        # The main thread may be stuck in native code, which no exception reaches: end the process all the same.
        self._finished.wait(_GRACE_S)
        os._exit(0)

    def _take(self, command: SpeakingCommand) -> None:
        with self._lock:
            match command:
                case Speak():
                    self._readings[command.id] = reading = SpokenReading(command)
                    self._tasks.put(reading)
                case SpeakMore(id=number) if number in self._readings:
                    self._readings[number].add(command.sentences, complete=command.complete)
                case Stop(id=number) if number in self._readings:
                    self._readings[number].stop()
                case ListVoices():
                    self._tasks.put(command)

    def _run_reading(self, reading: SpokenReading) -> None:
        number = reading.request.id
        try:
            end: SpeakingEvent = self._outcome(reading)
        except KnownError as error:
            end = _failed(number, error)
        with self._lock:  # before the client is told: it may use the number again
            del self._readings[number]
        self._send(end)

    def _outcome(self, reading: SpokenReading) -> ReadingEnded:
        """Run a reading. Returns how it ended; raises KnownError."""
        request = reading.request
        if reading.stopped.is_set():
            return ReadingEnded(request.id, "stopped", 0.0, 0.0)
        began = perf_counter()
        name = find_voice(request.voice, reading.language(), request.model)
        voice = self._opened(name)
        self._send(VoiceOpened(request.id, name.id, perf_counter() - began))
        return reading.run(voice, self._send)

    def _opened(self, name: VoiceName) -> Voice:
        """The voice `name`: the one that is ready, or another one in its place."""
        if self._voice is None or self._voice[0] != name:
            self._voice = None  # its memory is free before that of the next one is taken
            self._voice = name, open_voice(name)
        return self._voice[1]

    def _list_voices(self, command: ListVoices) -> None:
        here = tuple(voices(command.model))
        if here:
            self._send(VoiceList(here))
        else:
            reason = no_voice(command.model)
            self._send(VoiceList((), reason.message, reason.advice))

    def _send(self, event: SpeakingEvent) -> None:
        self._output.write(encode(event))


def _failed(request_id: int | None, error: KnownError) -> Failed:
    return Failed(request_id, error.kind, error.message, error.advice, dict(error.details))


def main() -> None:
    """Run the worker in this process."""
    # Ctrl-C in a terminal goes to the whole process group; what it means is for the client to decide.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    SpeakingWorker(take_stdout()).run()
    # Not `sys.exit`: it runs the destructors of native libraries, in which some have aborted.
    os._exit(0)


if __name__ == "__main__":
    main()
