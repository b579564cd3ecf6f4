"""The tables of documents, in the file of the conversations: made when they are needed, with a version of their own.

Whatever is in them but `document_choice` can be read from the documents again. So a change of these tables is not a
migration: what is of another version is removed, and the folders are read anew.
"""

from __future__ import annotations

from desktop.store.database import Database

VERSION = 3
"""Of the tables that hold what was read, and of the terms in them (`terms`, `passages`)."""

# The folder of each conversation; that with conversation_id NULL is of the new one, which has no row yet.
_CHOICE = """
CREATE TABLE IF NOT EXISTS document_choice (
    conversation_id INTEGER REFERENCES conversation (id) ON DELETE CASCADE,
    folder          TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS document_choice_place ON document_choice (ifnull(conversation_id, 0));
CREATE INDEX IF NOT EXISTS document_choice_conversation ON document_choice (conversation_id);
"""

# A file whose `digest` is empty was not read to its end: it is read again. `problem` is JSON: kind, message, advice.
# `document_terms` has no texts of its own (`content = ''`); what is removed from it must be given its terms again.
# `signs`, `vector` and `baseline`: see `embeddings`.
_READ = """
CREATE TABLE document_version (version INTEGER NOT NULL) STRICT;
CREATE TABLE document_folder (
    id   INTEGER PRIMARY KEY,
    path TEXT    NOT NULL UNIQUE
) STRICT;
CREATE TABLE document_file (
    id        INTEGER PRIMARY KEY,
    folder_id INTEGER NOT NULL REFERENCES document_folder (id),
    path      TEXT    NOT NULL,
    size      INTEGER NOT NULL,
    mtime_ns  INTEGER NOT NULL,
    digest    TEXT    NOT NULL DEFAULT '',
    problem   TEXT    NOT NULL DEFAULT '',
    UNIQUE (folder_id, path)
) STRICT;
CREATE TABLE document_passage (
    id       INTEGER PRIMARY KEY,
    file_id  INTEGER NOT NULL REFERENCES document_file (id),
    position INTEGER NOT NULL,
    text     TEXT    NOT NULL,
    page     INTEGER,
    line     INTEGER,
    heading  TEXT    NOT NULL
) STRICT;
CREATE INDEX document_passage_file ON document_passage (file_id, position);
CREATE INDEX document_passage_page ON document_passage (page, file_id) WHERE page IS NOT NULL;
CREATE VIRTUAL TABLE document_terms USING fts5 (
    name, heading, body, content = '', tokenize = 'unicode61 remove_diacritics 0'
);
CREATE TABLE document_model (
    id       INTEGER PRIMARY KEY,
    identity TEXT NOT NULL UNIQUE,
    baseline BLOB NOT NULL
) STRICT;
CREATE TABLE document_vector (
    passage_id INTEGER PRIMARY KEY REFERENCES document_passage (id) ON DELETE CASCADE,
    model_id   INTEGER NOT NULL REFERENCES document_model (id),
    signs      BLOB    NOT NULL,
    vector     BLOB    NOT NULL
) STRICT;
"""
_TABLES = (
    *("document_vector", "document_model"),
    *("document_terms", "document_passage", "document_file", "document_folder", "document_version"),
)


def make_choice_table(database: Database) -> None:
    """Make the table of the chosen folders, if there is none. Raises StoreError."""
    _run(database, _CHOICE)


def make_tables(database: Database) -> None:
    """Make the tables; empty ones, if they are not there or of another version. Raises StoreError."""
    make_choice_table(database)
    if has_tables(database):
        return
    with database.transaction():
        for table in _TABLES:
            database.write(f"DROP TABLE IF EXISTS {table}")
        _run(database, _READ)
        database.write("INSERT INTO document_version VALUES (?)", VERSION)


def has_tables(database: Database) -> bool:
    """Whether the tables are there, and of this version. Raises StoreError."""
    has_version = database.row("SELECT 1 FROM sqlite_master WHERE name = 'document_version'")
    return has_version is not None and database.row("SELECT version FROM document_version") == (VERSION,)


def has_choices(database: Database) -> bool:
    """Whether a folder was ever chosen. Raises StoreError."""
    return database.row("SELECT 1 FROM sqlite_master WHERE name = 'document_choice'") is not None


def _run(database: Database, script: str) -> None:
    with database.transaction():
        for statement in script.split(";"):
            if statement.strip():
                database.write(statement)
