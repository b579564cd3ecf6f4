"""The speech worker: `python -m belle.speech.worker`. It loads one model, records, and transcribes.

As in the engine's worker, the reader thread takes commands from stdin and acts at once on `stop`, `finish`, `quit` and
the end of stdin; a thread of its own records (`recording.desk`); the main thread owns whisper.cpp and executes
everything else in order. stdout belongs to the protocol.
"""

from __future__ import annotations

import os
import queue
import signal
import threading
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Literal

from belle.engine.process.commands import Quit, Stop
from belle.engine.process.events import Failed, Hello
from belle.engine.process.pipes import LinePipe, read_lines, take_stdout
from belle.engine.process.protocol import ProtocolError, encode
from belle.engine.process.stop_flag import NativeStopFlag
from belle.errors import KnownError
from belle.speech.commands import (
    FinishRecording,
    ListMicrophones,
    LoadSpeech,
    SpeechCommand,
    StartRecording,
    Transcribe,
    Unload,
)
from belle.speech.events import HeardUntil, Said, SpeechEvent, SpeechModel, SpeechReady, Transcribed, Unloaded
from belle.speech.protocol import SPEECH_PROTOCOL_VERSION, decode_command

if TYPE_CHECKING:
    from belle.speech.audio.source import Recording
    from belle.speech.library import WhisperLibrary
    from belle.speech.recognizer import Recognizer
    from belle.speech.recording.desk import RecordingDesk
    from belle.speech.voice_activity import VoiceDetector
    from belle.speech.windows import Heard, SpeechWindow

_STDIN = 0
_GRACE_S = 4.0


class SpeechWorker:
    """Executes commands with at most one model loaded.

    Args:
        output: the descriptor that events are written to.
    """

    def __init__(self, output: int) -> None:
        self._output = LinePipe(output)
        self._commands: queue.SimpleQueue[SpeechCommand | None] = queue.SimpleQueue()
        self._library: WhisperLibrary | None = None
        self._recognizer: Recognizer | None = None
        self._detector: VoiceDetector | None = None
        self._desk: RecordingDesk | None = None  # of the first recording
        self._flag = NativeStopFlag()
        self._requests = threading.Lock()  # guards the two below
        self._current: int | None = None
        self._stopped: set[int] = set()  # requests that were stopped before they began
        self._finished = threading.Event()

    def run(self) -> None:
        """Serve until the end of stdin or `quit`."""
        self._send(Hello(SPEECH_PROTOCOL_VERSION, os.getpid()))
        threading.Thread(target=self._read, name="reader", daemon=True).start()
        while (command := self._commands.get()) is not None:
            try:
                self._execute(command)
            except KnownError as error:
                self._fail(command.id if isinstance(command, Transcribe) else None, error)
        self._close_model()
        self._finished.set()

    def _read(self) -> None:
        """The reader thread."""
        for line in read_lines(_STDIN):
            try:
                command = decode_command(line)
            except ProtocolError as error:
                self._fail(None, KnownError("protocol_error", str(error)))
                continue
            match command:
                case Quit():
                    break
                case Stop(id=request_id):
                    self._stop(request_id)
                case StartRecording() | ListMicrophones():
                    self._open_desk().submit(command)
                case FinishRecording(id=request_id):
                    if self._desk is not None:
                        self._desk.order(request_id, "finish")
                case _:
                    self._commands.put(command)
        with self._requests:
            self._flag.set()
        self._commands.put(None)
        # The main thread may be stuck in native code, which no exception reaches: end the process all the same.
        self._finished.wait(_GRACE_S)
        os._exit(0)

    def _open_desk(self) -> RecordingDesk:
        if self._desk is None:
            from belle.speech.recording.desk import RecordingDesk

            self._desk = RecordingDesk(self._send)
        return self._desk

    def _stop(self, request_id: int) -> None:
        if self._desk is not None and self._desk.order(request_id, "cancel"):
            return
        with self._requests:
            if request_id == self._current:
                self._flag.set()
            else:
                self._stopped.add(request_id)

    def _execute(self, command: SpeechCommand) -> None:
        match command:
            case LoadSpeech():
                self._load(command)
            case Unload():
                self._close_model()
                self._send(Unloaded())
            case Transcribe():
                with self._requests:
                    self._current = command.id
                    if command.id in self._stopped:
                        self._flag.set()
                try:
                    end: SpeechEvent = self._transcribe(command)
                finally:
                    with self._requests:
                        self._current = None
                        self._stopped.discard(command.id)
                        self._flag.clear()
                self._send(end)

    def _load(self, command: LoadSpeech) -> None:
        # After `Hello`: numpy and the library take a tenth of a second.
        from belle.speech.library import WhisperLibrary
        from belle.speech.recognizer import Recognizer
        from belle.speech.voice_activity import LevelGate, SileroDetector, find_model

        self._close_model()
        began = perf_counter()
        path = Path(command.path)
        self._library = self._library or WhisperLibrary()
        detector_path = Path(command.voice_activity) if command.voice_activity else find_model(path)
        self._detector = SileroDetector(self._library, detector_path) if detector_path else LevelGate()
        self._recognizer = Recognizer(
            self._library, path, threads=command.threads, use_gpu=command.use_gpu, stop=self._flag
        )
        header = self._recognizer.header
        detector_name = detector_path.name if detector_path else ""
        seconds = perf_counter() - began
        self._send(
            SpeechReady(
                SpeechModel(command.path, header.sizes.type, self._recognizer.is_multilingual, detector_name, seconds)
            )
        )

    def _close_model(self) -> None:
        for part in (self._recognizer, self._detector):
            if part is not None:
                part.close()
        self._recognizer = self._detector = None

    def _transcribe(self, command: Transcribe) -> Transcribed:
        if self._recognizer is None or self._detector is None:
            raise KnownError("no_model", "No model for speech is loaded.", "Load one first.")
        from belle.speech.windows import LONGEST_S, Cutting, Heard, cut

        self._recognizer.check_language(command.language)
        began = perf_counter()
        recording = self._recording(command)
        seconds = speech_s = 0.0
        longest = LONGEST_S if command.timestamps else min(command.longest_s, LONGEST_S)
        for item in cut(recording.blocks, self._detector, Cutting(longest_s=longest)):
            if self._flag or not self._hear(command, self._recognizer, item):
                break
            if isinstance(item, Heard):
                seconds = item.seconds
            else:
                seconds, speech_s = item.end, speech_s + item.end - item.start
            self._send(HeardUntil(command.id, seconds, recording.seconds))
        reason: Literal["end", "stopped"] = "stopped" if self._flag else "end"
        return Transcribed(command.id, reason, seconds, speech_s, perf_counter() - began, recording.missing_s)

    def _recording(self, command: Transcribe) -> Recording:
        from belle.speech.audio.source import Recording, open_recording

        if command.path:
            return open_recording(Path(command.path))
        sound = self._desk.take(command.id) if self._desk is not None else None
        if sound is None:
            raise KnownError("no_recording", "Nothing was recorded that could be transcribed.", "Record it again.")
        return Recording(sound.seconds, 0.0, iter(sound.blocks))

    def _hear(self, command: Transcribe, recognizer: Recognizer, item: SpeechWindow | Heard) -> bool:
        """Send what was said in a window. False when it was stopped meanwhile."""
        from belle.speech.recognizer import PROMPTS
        from belle.speech.windows import SpeechWindow

        if not isinstance(item, SpeechWindow):
            return True
        prompt = PROMPTS.get(command.language, "") if command.prompt is None else command.prompt
        result = recognizer.transcribe(
            item.samples, language=command.language, prompt=prompt, timestamps=command.timestamps
        )
        if result is None:
            return False
        texts, language = result
        for text in texts:
            self._send(Said(command.id, item.start + text.start, item.start + text.end, text.text, language))
        return True

    def _send(self, event: SpeechEvent) -> None:
        self._output.write(encode(event))

    def _fail(self, request_id: int | None, error: KnownError) -> None:
        self._send(Failed(request_id, error.kind, error.message, error.advice, dict(error.details)))


def main() -> None:
    """Run the worker in this process."""
    # Ctrl-C in a terminal goes to the whole process group; what it means is for the client to decide.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    protocol = take_stdout()  # before the library is loaded
    os.environ.setdefault("GGML_NO_BACKTRACE", "1")
    SpeechWorker(protocol).run()
    # Not `sys.exit`: it runs the destructors of native libraries, in which some have aborted.
    os._exit(0)


if __name__ == "__main__":
    main()
