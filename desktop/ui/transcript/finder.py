"""Goes from one occurrence of a text to the next, through all messages of the transcript and round again."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from desktop.ui.transcript.view import TranscriptView


class Found(NamedTuple):
    """The occurrence shown is in the message number `place` of the `messages` that have one; 0 of 0: there is none."""

    place: int = 0
    messages: int = 0


class Finder:
    """Finds in the messages of a view, ignoring case.

    Which messages are worth a look, their source says: only these get a widget, so that a long conversation is searched
    at once. Where they have it, their document says; a text that is only in the address of a link is not found.
    """

    def __init__(self, view: TranscriptView) -> None:
        self._view = view
        self._query = ""
        self._ids: list[int] = []  # of the messages whose source has it
        self._empty: set[int] = set()  # of those that do not show it
        self._index = 0  # of the message in `_ids`
        self._place = 0  # in that message

    def start(self, query: str) -> Found:
        """Mark a text, and show the first occurrence from the message at the top of the viewport on."""
        self._query = query
        self._empty.clear()
        self._find_messages()
        visible = self._view.first_visible()
        messages = [message.id for message in self._view.messages()]
        later = [n for n, found in enumerate(self._ids) if visible is None or messages.index(found) >= visible]
        self._index, self._place = (later[0] if later else 0), 0
        return self._show(1)

    def step(self, step: int) -> Found:
        """Show the next occurrence (+1), or the previous one (-1). The conversation may have grown."""
        current = self._ids[self._index] if self._ids else None
        self._find_messages()
        if current in self._ids:
            self._index = self._ids.index(current)
        self._index = min(self._index, max(0, len(self._ids) - 1))
        self._place += step
        if self._place < 0:  # before the first of this message
            self._move(-1)
        return self._show(step)

    def end(self) -> None:
        """Remove the marks."""
        self._ids = []
        self._view.unmark()

    def _find_messages(self) -> None:
        query = self._query.casefold()
        messages = [message for message in self._view.messages() if message.id not in self._empty]
        self._ids = [message.id for message in messages if query and query in message.text.casefold()]

    def _move(self, step: int) -> None:
        self._index = (self._index + step) % max(1, len(self._ids))
        self._place = 0 if step > 0 else -1  # -1: the last

    def _show(self, step: int) -> Found:
        self._view.unmark()
        while self._ids:
            message_id = self._ids[self._index]
            count = self._view.mark_occurrence(message_id, self._query, self._place)
            if -count <= self._place < count:
                self._place %= count
                return Found(self._index + 1, len(self._ids))
            if count == 0:
                self._empty.add(message_id)
                del self._ids[self._index]
                self._index -= step > 0  # the next one has moved here
            self._move(step)
        return Found()
