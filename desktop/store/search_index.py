"""The full-text index over the messages: which messages *may* contain a word, found without reading them.

It is an FTS5 table of trigrams (three characters in a row). Two choices make it small and quick:

- `detail=none`: it knows which messages hold a trigram, not where. The reader looks into the text anyway.
- Each text is indexed with two line breaks after it. So every character but these begins a trigram, and a word of one
  or two characters, which Chinese is full of and which makes no trigram, is found as the beginning of some
  (`fts5vocab` lists them in order).

Triggers keep the index in step with every finished message; an answer under way is left out until it is finished,
so that its checkpoints stay cheap. Nothing is kept here alone: where FTS5 or its trigrams are missing, or the index is
damaged, the triggers are taken away, search reads the texts instead, and the next open that can makes the index anew.
"""

from __future__ import annotations

import sqlite3

from desktop.store.transactions import run_script, transaction

NAME = "message_index"
"""How the names of its table, of the tables that FTS5 makes for it, and of its triggers begin."""

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

_TERMS = "CREATE VIRTUAL TABLE temp.message_index_terms USING fts5vocab (main, message_index, instance)"

_TRIGGERS = ("message_index_add", "message_index_finish", "message_index_resume", "message_index_remove")


def attach(connection: sqlite3.Connection) -> bool:
    """Make sure of an index that is in step with the messages. False where there is none, and none can be made.

    Making it anew takes about a second for 4,000 messages. Raises sqlite3.Error.
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
        connection.execute("SELECT 1 FROM message_index WHERE rowid = 0").fetchone()  # reads what FTS5 needs to begin
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_CORRUPT:
            raise
        detach(connection)
        return False
    return True


def detach(connection: sqlite3.Connection) -> None:
    """Stop keeping the index, so that messages can be changed without it. The next `attach` makes it anew."""
    with transaction(connection):
        _drop_triggers(connection)


def compact(connection: sqlite3.Connection) -> None:
    """Drop what the index still holds of removed messages; FTS5 only marks it until its parts are merged."""
    connection.execute("INSERT INTO message_index (message_index) VALUES ('optimize')")


def has_trigrams(connection: sqlite3.Connection) -> bool:
    """This SQLite has FTS5 with the trigram tokenizer (3.34)."""
    row = connection.execute("SELECT 1 FROM pragma_module_list WHERE name = 'fts5'").fetchone()
    return row is not None and sqlite3.sqlite_version_info >= (3, 34)


def _is_in_step(connection: sqlite3.Connection) -> bool:
    """The triggers are there: they are made in one transaction with the index, and taken away when it falls behind."""
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")}
    return names.issuperset(_TRIGGERS)


def _drop_triggers(connection: sqlite3.Connection) -> None:
    for name in _TRIGGERS:
        connection.execute(f"DROP TRIGGER IF EXISTS {name}")
