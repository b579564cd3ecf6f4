"""Search in titles and messages.

A frequent word is found fastest by reading the newest messages until there are enough hits. For a rare word, or one
that does not occur, that would read all of them: 0.3 s for 200,000. So the newest 2,000 are read first. If they have
too few hits, the index names the older messages that may contain the words (`search_index`). Only where it cannot,
because each word is in a large part of all messages, the older ones are read as well, newest first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from desktop.store.database import Database, Row, storable
from desktop.store.errors import StoreError
from desktop.store.query import Word, parse_query, snippet
from desktop.store.reading import ValueReader
from desktop.store.records import SearchHit

_NEWEST = 2_000  # messages that are read before the index is asked
_RARE = 2_000  # index entries; the messages of one word with fewer are few enough to read
_FREQUENT = 60_000  # index entries; with more, reading messages is faster than reading the index
_MAX_CONDITIONS = 16  # words that SQLite compares; all of them are compared here again
_MAX_TRIGRAMS = 64  # of all words; more do not narrow the result
_MAX_PREFIXES = 8  # short words that are looked up in the index
_BATCH = 400  # messages read by one statement; SQLite limits the number of its parameters


class Search:
    """The store's search. Raises StoreError."""

    _db: Database

    def search(self, query: str, limit: int = 50) -> list[SearchHit]:
        """Titles and messages that contain every word of the query (`query.Word`), newest first.

        Deleted conversations and answers that are still being written are left out.
        """
        words = parse_query(storable(query))
        if not words:
            return []
        try:
            hits = self._titles(words, limit) + self._messages(words, limit)
        except StoreError as error:
            if error.kind != "damaged" or not self._db.has_index:
                raise
            self._db.disable_index()  # if the damage is in the index, reading the messages succeeds
            return self.search(query, limit)
        return sorted(hits, key=lambda hit: -hit.updated_at)[:limit]

    def _titles(self, words: Sequence[Word], limit: int) -> list[SearchHit]:
        filters, values = _conditions("title", words)
        rows = self._db.stream(
            f"SELECT id, title, updated_at FROM conversation WHERE deleted_at IS NULL{filters}"  # noqa: S608
            " ORDER BY updated_at DESC, id DESC",
            *values,
        )
        hits = islice((row for row in rows if _contains(row[1], words)), limit)
        return [
            SearchHit(read.integer(0), read.text(1), None, *snippet(read.text(1), words), read.number(2))
            for read in map(ValueReader, hits)
        ]

    def _messages(self, words: Sequence[Word], limit: int) -> list[SearchHit]:
        (newest,) = self._db.rows("SELECT max(id) FROM message")
        last_id = max((newest[0] or 0) - _NEWEST, 0)  # of the older ones, which the index is asked for
        rows = list(islice(self._matching(words, "m.id > ?", last_id), limit))
        if last_id and len(rows) < limit:
            rows += islice(self._older(words, last_id), limit - len(rows))
        return [
            SearchHit(read.integer(1), read.text(2), read.integer(0), *snippet(read.text(3), words), read.number(4))
            for read in map(ValueReader, rows)
        ]

    def _older(self, words: Sequence[Word], last_id: int) -> Iterator[Row]:
        """Messages with ids up to `last_id` that contain the words, newest first; from the index if possible."""
        candidates = self._candidates(words, last_id)
        if candidates is None:
            yield from self._matching(words, "m.id <= ?", last_id)
            return
        while chunk := list(islice(candidates, _BATCH)):
            yield from self._matching(words, f"m.id IN ({', '.join('?' * len(chunk))})", *chunk)

    def _matching(self, words: Sequence[Word], where: str, *values: Any) -> Iterator[Row]:
        """The messages that satisfy `where` and contain the words, newest first."""
        filters, patterns = _conditions("m.text", words)
        rows = self._db.stream(
            # CROSS JOIN fixes the join order: SQLite looks a conversation up only for a message that is a hit.
            "SELECT m.id, m.conversation_id, c.title, m.text, m.created_at"  # noqa: S608
            " FROM message AS m CROSS JOIN conversation AS c ON c.id = m.conversation_id"
            f" WHERE {where} AND m.status <> 'streaming'{filters} AND c.deleted_at IS NULL ORDER BY m.id DESC",
            *values,
            *patterns,
        )
        return (row for row in rows if _contains(row[3], words))

    def _candidates(self, words: Sequence[Word], last_id: int) -> Iterator[int] | None:
        """Ids up to `last_id`, highest first, of messages that may contain the words; None: the index cannot tell."""
        if not self._db.has_index:
            return None
        ranges = [terms for word in words if (terms := word.term_range())][:_MAX_PREFIXES]
        # One short word that few messages contain is enough.
        for start, end in ranges:
            rare = self._ids_with_prefix(start, end, last_id, at_most=_RARE)
            if rare is not None:
                return iter(sorted(rare, reverse=True))
        # FTS5 intersects the lists of several trigrams itself.
        trigrams = [trigram for word in words for trigram in word.trigrams()][:_MAX_TRIGRAMS]
        if trigrams:
            return self._ids_with_trigrams(trigrams, last_id)
        # Only short and frequent words: the messages that contain the two longest of them.
        common: set[int] | None = None
        for start, end in sorted(ranges, key=lambda terms: -len(terms[0]))[:2]:
            ids = self._ids_with_prefix(start, end, last_id, at_most=_FREQUENT)
            if ids is not None:
                common = ids if common is None else common & ids
        return None if common is None else iter(sorted(common, reverse=True))

    def _ids_with_prefix(self, start: str, end: str, last_id: int, *, at_most: int) -> set[int] | None:
        """Ids of messages with a trigram from `start` to `end`; None when there are more than `at_most` entries."""
        rows = self._db.rows(
            "SELECT doc FROM temp.message_index_terms WHERE term >= ? AND term <= ? LIMIT ?", start, end, at_most + 1
        )
        return None if len(rows) > at_most else {id_ for (id_,) in rows if id_ <= last_id}

    def _ids_with_trigrams(self, trigrams: Sequence[str], last_id: int) -> Iterator[int]:
        # As FTS5 strings, in which a quotation mark is doubled: otherwise `AND`, `*` or `-` would be operators.
        expression = " AND ".join('"' + trigram.replace('"', '""') + '"' for trigram in trigrams)
        rows = self._db.stream(
            "SELECT rowid FROM message_index WHERE message_index MATCH ? AND rowid <= ? ORDER BY rowid DESC",
            expression,
            last_id,
        )
        return (id_ for (id_,) in rows)


def _conditions(column: str, words: Sequence[Word]) -> tuple[str, list[str]]:
    conditions = [condition for word in words if (condition := word.condition(column))][:_MAX_CONDITIONS]
    return "".join(f" AND {expression}" for expression, _ in conditions), [value for _, value in conditions]


def _contains(text: Any, words: Sequence[Word]) -> bool:
    # In a damaged file the value may be of any type.
    return isinstance(text, str) and all(word.pattern.search(text) for word in words)
