"""A reading: sentences that arrive while earlier ones are made into sound, and sound that is played meanwhile."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from time import perf_counter
from typing import TYPE_CHECKING, Literal

import numpy as np

from belle.errors import KnownError
from belle.speech.speaking.events import ReadingEnded, SentenceStarted
from belle.speech.speaking.playback import open_output
from belle.speech.speaking.text.spoken import SpokenLanguage, language_of, spoken

if TYPE_CHECKING:
    from belle.speech.speaking.commands import Speak
    from belle.speech.speaking.playback import SoundOutput
    from belle.speech.speaking.voices.voice import Sound, Voice

_PAUSE_S = 0.25  # behind a sentence
_AHEAD = 2  # sentences that are ready before they are heard
_POLL_S = 0.05


class SpokenReading:
    """A reading. `add` and `stop` are called from another thread than `run`."""

    def __init__(self, request: Speak) -> None:
        self.request = request
        self.stopped = threading.Event()
        self._sentences: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._sounds: queue.Queue[tuple[int, Sound] | None] = queue.Queue(_AHEAD)
        self._lock = threading.Lock()  # guards the two below
        self._voice: Voice | None = None
        self._output: SoundOutput | None = None
        self._rate = 1
        self._seconds = self._compute_s = 0.0
        self._error: KnownError | None = None
        self.add(request.sentences, complete=request.complete)

    def add(self, sentences: tuple[str, ...], *, complete: bool) -> None:
        """Add sentences; after the last ones it is `complete`."""
        for sentence in sentences:
            self._sentences.put(sentence)
        if complete:
            self._sentences.put(None)

    def stop(self) -> None:
        """Silence at once. `run` returns soon after."""
        self.stopped.set()
        self._sentences.put(None)
        with self._lock:
            if self._voice is not None:
                self._voice.interrupt()
            if self._output is not None:
                self._output.stop()

    def language(self) -> SpokenLanguage:
        """That of the sentences which came with the request."""
        return language_of(" ".join(self.request.sentences))

    def run(self, voice: Voice, send: Callable[[SentenceStarted], object]) -> ReadingEnded:
        """Read everything with a voice that is ready. Returns how it ended; raises KnownError."""
        output = open_output(self.request.output)
        with self._lock:
            self._voice, self._output = voice, output
        if self.stopped.is_set():
            output.stop()
        player = threading.Thread(target=self._play, args=(output, send), name="player", daemon=True)
        player.start()
        try:
            for index, sound in self._speak(voice):
                if not self._hand_over((index, sound)):
                    break
        except BaseException:
            self.stop()
            raise
        finally:
            self._hand_over(None)
            player.join()
            with self._lock:
                self._voice = self._output = None
            output.close(complete=not self.stopped.is_set())
        if self._error is not None:
            raise self._error
        reason: Literal["end", "stopped"] = "stopped" if self.stopped.is_set() else "end"
        return ReadingEnded(self.request.id, reason, self._seconds, self._compute_s)

    def _speak(self, voice: Voice) -> Iterator[tuple[int, Sound]]:
        """The sound of each sentence that has anything to say, with its index."""
        language = self.language()
        for index, sentence in enumerate(iter(self._sentences.get, None)):
            if self.stopped.is_set():
                return
            language = language_of(sentence, language)
            began = perf_counter()
            sound = voice.say(spoken(sentence, language), self.request.speed)
            self._compute_s += perf_counter() - began
            self._rate = voice.rate
            if len(sound) and not self.stopped.is_set():
                yield index, np.concatenate([sound, np.zeros(int(_PAUSE_S * voice.rate), np.float32)])

    def _hand_over(self, item: tuple[int, Sound] | None) -> bool:
        """Give a sound to the player, or None for the end. False when it takes no more."""
        while not self.stopped.is_set():
            with suppress(queue.Full):
                self._sounds.put(item, timeout=_POLL_S)
                return True
        return False

    def _play(self, output: SoundOutput, send: Callable[[SentenceStarted], object]) -> None:
        """The player thread."""
        while not self.stopped.is_set():
            try:
                item = self._sounds.get(timeout=_POLL_S)
            except queue.Empty:
                continue
            if item is None:
                return
            index, sound = item
            send(SentenceStarted(self.request.id, index, self._seconds))
            try:
                if not output.play(sound, self._rate):
                    return
            except KnownError as error:
                self._error = error
                self.stop()
                return
            self._seconds += len(sound) / self._rate
