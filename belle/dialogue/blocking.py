"""Drives turns with engines whose caller waits for them: commands and evaluations."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Mapping, Sequence

from belle.dialogue.engine_requests import generate, reply_of
from belle.dialogue.events import DialogueEvent, Mind
from belle.dialogue.turn import DialogueTurn
from belle.engine.process.blocking import BlockingEngine
from belle.engine.process.commands import Generate
from belle.engine.process.events import Done, Event, Text
from belle.prompts import Message


class TurnDriver:
    """Has turns answered, one at a time.

    Args:
        minds: the engine of each; without a slow one, the fast one is asked in its place.

    Attributes:
        read: the last prompt.
    """

    def __init__(self, minds: Mapping[Mind, BlockingEngine]) -> None:
        self.read: Sequence[Message] = ()
        self._minds = minds
        self._ids = itertools.count(1)
        self._asked: tuple[BlockingEngine, int] | None = None
        self._stopping = False

    def run(self, turn: DialogueTurn, base: Generate) -> Iterator[DialogueEvent | Event]:
        """Yield what happens until `turn` has ended; also the engine's events, but for `Text` and `Done`.

        Args:
            turn: not begun yet.
            base: as of `generate`; its `conversation` is the fast mind's.

        Raises KnownError.
        """
        self._stopping = False
        yield from turn.start()
        while (request := turn.request) is not None:
            if self._stopping:
                turn.stop()
                return
            engine = self._minds.get(request.mind, self._minds["fast"])
            number = next(self._ids)
            name = base.conversation if request.mind == "fast" else ""
            self._asked = engine, number
            self.read = request.messages
            try:
                for event in engine.generate(generate(request, base, number, conversation=name)):
                    match event:
                        case Text(text=text):
                            yield from turn.add_text(text)
                        case Done():
                            yield from turn.reply(reply_of(event))
                        case _:
                            yield event
            finally:
                self._asked = None

    def stop(self) -> None:
        """Stop the turn under way; may be called from the handler of a signal."""
        self._stopping = True
        if self._asked is not None:
            engine, number = self._asked
            # In a thread: the handler may have interrupted the client while that holds its lock.
            threading.Thread(target=engine.client.stop, args=(number,)).start()
