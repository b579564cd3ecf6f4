"""Adds passages of the conversation's folder to a question, within a share of the context."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from PySide6.QtCore import QObject

from belle.engine.process.commands import Count, Generate
from belle.engine.process.events import Counted, Event, Failed
from belle.prompts import Message
from desktop.chat.documents.folders import DocumentFolders
from desktop.chat.model_host import ModelHost
from desktop.documents.cited import KEY, CitedPassage, stored_sources
from desktop.documents.prompt import numbered, with_sources, within
from desktop.documents.search import FoundPassage
from desktop.store import StoredMessage

SHARE = 1 / 3
"""Of the context, that the question with its passages takes at most."""

OnReady = Callable[[Generate, dict[str, object]], None]
"""Called with the request to send, and what is to be stored in the `stats` of its answer."""


@dataclass(slots=True)
class _Asked:
    """A request on its way; `count_id` is that of the count that is awaited."""

    request: Generate
    place: int  # of the question in the request's messages
    folder: str
    sources: list[CitedPassage]
    ready: OnReady
    count_id: int = 0


class Grounding(QObject):
    """Prepares one request at a time; `ids` gives the ids of counts, shared with the requests."""

    def __init__(self, folders: DocumentFolders, host: ModelHost, ids: Iterator[int], parent: QObject) -> None:
        super().__init__(parent)
        self._folders, self._host, self._ids = folders, host, ids
        self._asked: _Asked | None = None
        host.answer_event.connect(self._on_event)

    def prepare(
        self,
        request: Generate,
        folder: str,
        path: Sequence[StoredMessage],
        continued: StoredMessage | None,
        ready: OnReady,
    ) -> None:
        """Have passages found for the last question of `path`, and call `ready`.

        An answer that is continued (`continued`) goes on with the sources that it was begun with.
        """
        questions = [message.text for message in path if message.role == "user"]
        place = max(index for index, message in enumerate(request.messages) if message.role == "user")
        asked = self._asked = _Asked(request, place, folder, [], ready)
        stored = stored_sources(continued.stats) if continued is not None else None
        if stored is not None:
            asked.folder, asked.sources = stored
            self._finish(asked)
        else:
            if not self._folders.state(folder).stopped:  # by a person, who shall have it so
                self._folders.update(folder)
            self._folders.find(folder, questions[-1], questions[:-1], lambda found: self._on_found(asked, found))

    def _on_found(self, asked: _Asked, found: Sequence[FoundPassage]) -> None:
        if asked is self._asked:
            asked.sources = within(numbered(found), self._room)
            self._count(asked)

    @property
    def _room(self) -> int:
        info = self._host.state.info
        return int(info.n_ctx * SHARE) if info is not None else 0

    def _count(self, asked: _Asked) -> None:
        if not asked.sources:
            self._finish(asked)
            return
        asked.count_id = next(self._ids)
        self._host.count(Count(asked.count_id, (Message("user", self._text(asked)),)))

    def _on_event(self, event: Event) -> None:
        asked = self._asked
        if asked is None or not isinstance(event, Counted | Failed) or event.id != asked.count_id:
            return
        if isinstance(event, Counted) and event.tokens > self._room and len(asked.sources) > 1:
            # All that is too much at once: a count for each passage would take its time.
            keep = max(1, int(len(asked.sources) * self._room / event.tokens))
            asked.sources = asked.sources[: min(keep, len(asked.sources) - 1)]
            self._count(asked)
        else:
            self._finish(asked)

    def _text(self, asked: _Asked) -> str:
        return with_sources(asked.request.messages[asked.place].content, asked.folder, asked.sources)

    def _finish(self, asked: _Asked) -> None:
        self._asked = None
        messages = list(asked.request.messages)
        messages[asked.place] = Message("user", self._text(asked))
        stored = {"folder": asked.folder, "sources": [source.fields for source in asked.sources]}
        asked.ready(replace(asked.request, messages=tuple(messages)), {KEY: stored})


def with_stored_sources(request: Generate, stats: Mapping[str, object]) -> Generate:
    """The request with the passages that an answer to its last question was made from, by what is stored with it."""
    stored = stored_sources(stats)
    if stored is None:
        return request
    *before, question = request.messages
    return replace(request, messages=(*before, Message("user", with_sources(question.content, *stored))))
