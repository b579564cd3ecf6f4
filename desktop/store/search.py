"""Search in titles and messages.

A word that is frequent is found quickest by reading the newest messages until there are enough hits. A word that is
rare, or not there at all, would have all of them read: 0.3 s for 200,000. So the newest 2,000 are read, and if
that was not enough the index names the older messages that may hold the words (`search_index`). Only where it cannot
tell, for words that are each in a large part of all messages, is the rest read as well, newest first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from desktop.store.database import Database, Row, storable
from desktop.store.errors import StoreError
from desktop.store.query import Word, snippet, words_of
from desktop.store.reading import ValueReader
from desktop.store.records import SearchHit

_NEWEST = 2_000  # messages that are read before the index is asked
_RARE = 2_000  # index entries: a word with fewer is all the filter that is needed
_FREQUENT = 60_000  # index entries: with more, reading messages is quicker than reading the index
_MOST_CONDITIONS = 16  # words that SQLite compares; the rest are compared here
_MOST_TRIGRAMS = 64  # of all words together; more make the index no wiser
_MOST_RANGES = 8  # short words that the index is asked for
_AT_ONCE = 400  # messages looked up by one statement


class Search:
    """The part of the store that finds things. Raises StoreError."""

    _db: Database

    def search(self, query: str, limit: int = 50) -> list[SearchHit]:
        """Titles and messages that contain every word of the query (`words`), newest first.

        Deleted conversations and an answer still being written are left out.
        """
        words = words_of(storable(query))
        if not words:
            return []
        try:
            hits = self._titles(words, limit) + self._messages(words, limit)
        except StoreError as error:
            if error.kind != "damaged" or not self._db.has_index:
                raise
            self._db.give_up_index()
            return self.search(query, limit)
        return sorted(hits, key=lambda hit: -hit.updated_at)[:limit]

    def _titles(self, words: Sequence[Word], limit: int) -> list[SearchHit]:
        filters, values = _conditions("title", words)
        rows = self._db.stream(
            f"SELECT id, title, updated_at FROM conversation WHERE deleted_at IS NULL{filters}"  # noqa: S608
            " ORDER BY updated_at DESC, id DESC",
            *values,
        )
        found = map(ValueReader, islice((row for row in rows if _contains(row[1], words)), limit))
        return [
            SearchHit(read.whole(0), read.text(1), None, *snippet(read.text(1), words), read.number(2))
            for read in found
        ]

    def _messages(self, words: Sequence[Word], limit: int) -> list[SearchHit]:
        (newest,) = self._db.rows("SELECT max(id) FROM message")
        below = max((newest[0] or 0) - _NEWEST, 0)
        rows = list(islice(self._among(words, "m.id > ?", below), limit))
        if below and len(rows) < limit:
            rows += islice(self._older(words, below), limit - len(rows))
        return [
            SearchHit(read.whole(1), read.text(2), read.whole(0), *snippet(read.text(3), words), read.number(4))
            for read in map(ValueReader, rows)
        ]

    def _older(self, words: Sequence[Word], below: int) -> Iterator[Row]:
        """Messages with ids up to `below` that contain the words, newest first."""
        candidates = self._candidates(words, below)
        if candidates is None:
            yield from self._among(words, "m.id <= ?", below)
            return
        while chunk := list(islice(candidates, _AT_ONCE)):
            yield from self._among(words, f"m.id IN ({', '.join('?' * len(chunk))})", *chunk)

    def _among(self, words: Sequence[Word], where: str, *values: Any) -> Iterator[Row]:
        """Of the messages chosen by `where`, those that contain the words, newest first."""
        filters, patterns = _conditions("m.text", words)
        rows = self._db.stream(
            # CROSS: SQLite keeps this order, so that a conversation is looked up for a hit only.
            "SELECT m.id, m.conversation_id, c.title, m.text, m.created_at"  # noqa: S608
            " FROM message AS m CROSS JOIN conversation AS c ON c.id = m.conversation_id"
            f" WHERE {where} AND m.status <> 'streaming'{filters} AND c.deleted_at IS NULL ORDER BY m.id DESC",
            *values,
            *patterns,
        )
        return (row for row in rows if _contains(row[3], words))

    def _candidates(self, words: Sequence[Word], below: int) -> Iterator[int] | None:
        """Ids up to `below`, highest first, of messages that may contain the words; None: the index cannot tell."""
        if not self._db.has_index:
            return None
        ranges = [found for word in words if (found := word.term_range())][:_MOST_RANGES]
        for start, end in ranges:
            rare = self._beginning_with(start, end, below, at_most=_RARE)
            if rare is not None:
                return iter(sorted(rare, reverse=True))
        trigrams = [trigram for word in words for trigram in word.trigrams()][:_MOST_TRIGRAMS]
        if trigrams:
            return self._with_trigrams(trigrams, below)
        common: set[int] | None = None
        for start, end in sorted(ranges, key=lambda found: -len(found[0]))[:2]:
            ids = self._beginning_with(start, end, below, at_most=_FREQUENT)
            if ids is not None:
                common = ids if common is None else common & ids
        return None if common is None else iter(sorted(common, reverse=True))

    def _beginning_with(self, start: str, end: str, below: int, *, at_most: int) -> set[int] | None:
        """Ids of messages with a trigram from `start` to `end`; None when there are more than `at_most` entries."""
        rows = self._db.rows(
            "SELECT doc FROM temp.message_index_terms WHERE term >= ? AND term <= ? LIMIT ?", start, end, at_most + 1
        )
        return None if len(rows) > at_most else {id_ for (id_,) in rows if id_ <= below}

    def _with_trigrams(self, trigrams: Sequence[str], below: int) -> Iterator[int]:
        expression = " AND ".join('"' + trigram.replace('"', '""') + '"' for trigram in trigrams)
        rows = self._db.stream(
            "SELECT rowid FROM message_index WHERE message_index MATCH ? AND rowid <= ? ORDER BY rowid DESC",
            expression,
            below,
        )
        return (id_ for (id_,) in rows)


def _conditions(column: str, words: Sequence[Word]) -> tuple[str, list[str]]:
    found = [condition for word in words if (condition := word.condition(column))][:_MOST_CONDITIONS]
    return "".join(f" AND {expression}" for expression, _ in found), [value for _, value in found]


def _contains(text: Any, words: Sequence[Word]) -> bool:
    # In a damaged file a text may be anything.
    return isinstance(text, str) and all(word.pattern.search(text) for word in words)
