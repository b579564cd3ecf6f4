"""The full-text index of the messages: it names the messages that *may* contain a word without reading their texts.

It is an FTS5 table with the trigram tokenizer (terms of three consecutive characters). Two choices make it small and
useful for Chinese:

- `detail=none`: it stores which messages contain a trigram, not at which position. The search reads the text anyway.
- Each text is indexed with two line breaks appended, so every character of it begins a trigram. A word of one or two
  characters, of which Chinese is full, has no trigram of its own, but is the prefix of some (`fts5vocab` lists the
  terms in order).

Triggers update the index with every finished message. An answer under way is indexed when it is finished, so that its
checkpoints stay cheap. The index can always be rebuilt from the messages: where FTS5 or its trigram tokenizer is
missing or the index is damaged, the triggers are dropped, search reads the texts instead, and the next open rebuilds
the index if it can.
"""

from __future__ import annotations

import sqlite3

from desktop.store.transactions import run_script, transaction

NAME = "message_index"
"""The name of its table, and the prefix of the tables that FTS5 creates for it and of its triggers."""

# The index does not store the texts (external content), so its `delete` command must get exactly the text that was
# indexed; a different one would leave terms behind. The text of a finished message never changes, so `old.text` is it.
_CREATE = """
DROP TABLE IF EXISTS message_index;
DROP VIEW IF EXISTS message_index_source;
CREATE VIEW message_index_source AS
    SELECT id, text || char(10, 10) AS body FROM message WHERE status <> 'streaming';
CREATE VIRTUAL TABLE message_index USING fts5 (
    body, content = 'message_index_source', content_rowid = 'id', tokenize = 'trigram', detail = 'none', columnsize = 0
);
INSERT INTO message_index (message_index) VALUES ('rebuild');
CREATE TRIGGER message_index_add AFTER INSERT ON message WHEN new.status <> 'streaming'
BEGIN INSERT INTO message_index (rowid, body) VALUES (new.id, new.text || char(10, 10)); END;
CREATE TRIGGER message_index_finish AFTER UPDATE OF status ON message
WHEN old.status = 'streaming' AND new.status <> 'streaming'
BEGIN INSERT INTO message_index (rowid, body) VALUES (new.id, new.text || char(10, 10)); END;
CREATE TRIGGER message_index_resume AFTER UPDATE OF status ON message
WHEN old.status <> 'streaming' AND new.status = 'streaming'
BEGIN
    INSERT INTO message_index (message_index, rowid, body) VALUES ('delete', old.id, old.text || char(10, 10));
END;
CREATE TRIGGER message_index_remove AFTER DELETE ON message WHEN old.status <> 'streaming'
BEGIN
    INSERT INTO message_index (message_index, rowid, body) VALUES ('delete', old.id, old.text || char(10, 10));
END;
"""

# In `temp`: a virtual table of this connection only, so that the file needs no schema change for it.
_TERMS = "CREATE VIRTUAL TABLE temp.message_index_terms USING fts5vocab (main, message_index, instance)"

_TRIGGERS = ("message_index_add", "message_index_finish", "message_index_resume", "message_index_remove")


def attach(connection: sqlite3.Connection) -> bool:
    """Make the index usable; rebuild it if it is missing or out of date. False where that is not possible.

    Rebuilding takes about a second for 4,000 messages. Raises sqlite3.Error.
    """
    if not has_trigrams(connection):
        detach(connection)
        return False
    try:
        if not _is_in_step(connection):
            with transaction(connection):
                _drop_triggers(connection)
                run_script(connection, _CREATE)
        connection.execute(_TERMS)
        connection.execute("SELECT 1 FROM message_index WHERE rowid = 0").fetchone()  # reads FTS5's own records
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_CORRUPT:
            raise
        detach(connection)
        return False
    return True


def detach(connection: sqlite3.Connection) -> None:
    """Stop updating the index, so that messages can be changed without it. The next `attach` rebuilds it."""
    with transaction(connection):
        _drop_triggers(connection)


def compact(connection: sqlite3.Connection) -> None:
    """Erase the terms of removed messages: FTS5 only marks them as deleted until its segments are merged."""
    connection.execute("INSERT INTO message_index (message_index) VALUES ('optimize')")


def has_trigrams(connection: sqlite3.Connection) -> bool:
    """Whether this SQLite has FTS5 with the trigram tokenizer (3.34)."""
    row = connection.execute("SELECT 1 FROM pragma_module_list WHERE name = 'fts5'").fetchone()
    return row is not None and sqlite3.sqlite_version_info >= (3, 34)


def _is_in_step(connection: sqlite3.Connection) -> bool:
    """Whether the index is up to date: its triggers are created with it and dropped whenever it is not updated."""
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")}
    return names.issuperset(_TRIGGERS)


def _drop_triggers(connection: sqlite3.Connection) -> None:
    for name in _TRIGGERS:
        connection.execute(f"DROP TRIGGER IF EXISTS {name}")
