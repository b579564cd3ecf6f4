"""The tables of each schema version. Published versions never change here: a change is a new migration.

A conversation is a tree of messages. Versions of a message (edited, answered again) are children of the same parent.
`active_child` remembers for each message which child was last on the shown path; `conversation.active_leaf` is the end
of that path. Triggers enforce what must hold even if the code above has a bug: the text of a finished message never
changes, a message never moves in the tree, and only conversations that the user deleted can be removed.

`active_leaf` and the ids in `left_out` have no foreign key: SQLite would scan all conversations for each removed
message.
The full-text index is not part of the schema, because it can be rebuilt at any time (`search_index`).
"""

from __future__ import annotations

APPLICATION_ID = 0x42454C4C
"""`BELL` in the header of the file: tells our files from those of other programs."""

VERSION_1 = """
CREATE TABLE conversation (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    title         TEXT    NOT NULL DEFAULT '',
    title_is_auto INTEGER NOT NULL DEFAULT 1 CHECK (title_is_auto IN (0, 1)),
    pinned        INTEGER NOT NULL DEFAULT 0 CHECK (pinned IN (0, 1)),
    created_at    REAL    NOT NULL,
    updated_at    REAL    NOT NULL,
    deleted_at    REAL,
    active_leaf   INTEGER,
    context_start INTEGER,
    overflow      TEXT    NOT NULL DEFAULT 'refuse' CHECK (overflow IN ('refuse', 'drop_oldest')),
    model         TEXT    NOT NULL DEFAULT '',
    system_prompt TEXT    NOT NULL DEFAULT ''
) STRICT;

CREATE INDEX conversation_list ON conversation (pinned DESC, updated_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX conversation_deleted ON conversation (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE message (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation_id INTEGER NOT NULL REFERENCES conversation (id),
    parent_id       INTEGER REFERENCES message (id) DEFERRABLE INITIALLY DEFERRED,
    role            TEXT    NOT NULL CHECK (role IN ('user', 'assistant')),
    status          TEXT    NOT NULL
        CHECK (status IN ('streaming', 'complete', 'stopped', 'interrupted', 'error', 'length')),
    created_at      REAL    NOT NULL,
    model           TEXT    NOT NULL DEFAULT '',
    text            TEXT    NOT NULL DEFAULT '',
    stats           TEXT    NOT NULL DEFAULT '{}'
) STRICT;

CREATE INDEX message_children ON message (parent_id, conversation_id);
CREATE INDEX message_conversation ON message (conversation_id);
CREATE INDEX message_streaming ON message (id) WHERE status = 'streaming';

CREATE TABLE active_child (
    parent_id INTEGER PRIMARY KEY REFERENCES message (id) ON DELETE CASCADE,
    child_id  INTEGER NOT NULL
) STRICT;

CREATE TRIGGER message_parent_is_of_this_conversation BEFORE INSERT ON message
WHEN new.parent_id IS NOT NULL
 AND NOT EXISTS (SELECT 1 FROM message WHERE id = new.parent_id AND conversation_id = new.conversation_id)
BEGIN SELECT RAISE(ABORT, 'the parent is not a message of this conversation'); END;

CREATE TRIGGER message_text_is_kept BEFORE UPDATE OF text ON message
WHEN old.status <> 'streaming' AND new.text IS NOT old.text
BEGIN SELECT RAISE(ABORT, 'the text of a finished message never changes'); END;

CREATE TRIGGER message_place_is_kept BEFORE UPDATE OF id, conversation_id, parent_id, role, created_at ON message
BEGIN SELECT RAISE(ABORT, 'a message keeps its place in the tree'); END;

CREATE TRIGGER message_is_removed_with_its_conversation BEFORE DELETE ON message
WHEN EXISTS (SELECT 1 FROM conversation WHERE id = old.conversation_id AND deleted_at IS NULL)
BEGIN SELECT RAISE(ABORT, 'only messages of deleted conversations are removed'); END;

CREATE TRIGGER conversation_is_removed_after_deletion BEFORE DELETE ON conversation
WHEN old.deleted_at IS NULL
BEGIN SELECT RAISE(ABORT, 'only deleted conversations are removed'); END;
"""

# `thinking` is what the model wrote before its answer; like the text, it never changes once the message is finished.
# The draft with conversation_id NULL, and its system prompt, belong to the new conversation, which has no row yet.
VERSION_2 = """
ALTER TABLE message ADD COLUMN thinking TEXT NOT NULL DEFAULT '';
ALTER TABLE message ADD COLUMN thinking_seconds REAL;

CREATE TRIGGER message_thinking_is_kept BEFORE UPDATE OF thinking, thinking_seconds ON message
WHEN old.status <> 'streaming'
 AND (new.thinking IS NOT old.thinking OR new.thinking_seconds IS NOT old.thinking_seconds)
BEGIN SELECT RAISE(ABORT, 'the thinking of a finished message never changes'); END;

CREATE TABLE draft (
    conversation_id INTEGER REFERENCES conversation (id) ON DELETE CASCADE,
    text            TEXT    NOT NULL DEFAULT '',
    system_prompt   TEXT    NOT NULL DEFAULT ''
) STRICT;

CREATE UNIQUE INDEX draft_place ON draft (ifnull(conversation_id, 0));
CREATE INDEX draft_conversation ON draft (conversation_id);

CREATE TABLE open_edit (
    message_id INTEGER PRIMARY KEY REFERENCES message (id) ON DELETE CASCADE,
    text       TEXT    NOT NULL
) STRICT;
"""

# Text typed for the title and the system prompt and not saved; NULL: it is not being edited.
VERSION_3 = """
ALTER TABLE draft ADD COLUMN typed_title TEXT;
ALTER TABLE draft ADD COLUMN typed_system_prompt TEXT;
"""

# Where an imported conversation comes from: the digest of what the file said of it; empty for one that began here.
VERSION_4 = """
ALTER TABLE conversation ADD COLUMN imported_from TEXT NOT NULL DEFAULT '';
CREATE INDEX conversation_imported ON conversation (imported_from) WHERE imported_from <> '';
"""

# `left_out` are the ids of the messages that the prompt of the last answer did not contain; `summary.covers` are those
# that the summary replaces, and its key is the last of them. Both are JSON arrays, always read as a whole. Before this
# version, `context_start` was the first message in the prompt. ALTER TABLE cannot change a CHECK, so `overflow` becomes
# a new column of the same name.
VERSION_5 = """
ALTER TABLE conversation RENAME COLUMN overflow TO old_overflow;
ALTER TABLE conversation ADD COLUMN overflow TEXT NOT NULL DEFAULT 'refuse'
    CHECK (overflow IN ('refuse', 'drop_oldest', 'cut_middle', 'summarise'));
ALTER TABLE conversation ADD COLUMN left_out TEXT NOT NULL DEFAULT '[]';
ALTER TABLE message ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0 CHECK (pinned IN (0, 1));

UPDATE conversation SET overflow = old_overflow;
UPDATE conversation SET left_out = (
    WITH RECURSIVE up (id, parent_id) AS (
        SELECT id, parent_id FROM message WHERE id = conversation.active_leaf
        UNION SELECT m.id, m.parent_id FROM up JOIN message AS m ON m.id = up.parent_id
    )
    SELECT '[' || ifnull(group_concat(id), '') || ']' FROM (SELECT id FROM up WHERE id < context_start ORDER BY id)
) WHERE context_start IS NOT NULL;

ALTER TABLE conversation DROP COLUMN old_overflow;
ALTER TABLE conversation DROP COLUMN context_start;

CREATE TABLE summary (
    message_id INTEGER PRIMARY KEY REFERENCES message (id) ON DELETE CASCADE,
    covers     TEXT NOT NULL,
    text       TEXT NOT NULL,
    created_at REAL NOT NULL
) STRICT;
"""

# Files that went along with a question: a JSON array, always read as a whole. Like the text, they never change.
VERSION_6 = """
ALTER TABLE message ADD COLUMN attachments TEXT NOT NULL DEFAULT '[]';

CREATE TRIGGER message_attachments_are_kept BEFORE UPDATE OF attachments ON message
WHEN new.attachments IS NOT old.attachments
BEGIN SELECT RAISE(ABORT, 'the attachments of a message never change'); END;
"""

# Files that are to go along with the question being written. A table of its own: each change of the text would rewrite
# them, and they are long. The row with conversation_id NULL belongs to the new conversation.
VERSION_7 = """
CREATE TABLE draft_attachments (
    conversation_id INTEGER REFERENCES conversation (id) ON DELETE CASCADE,
    attachments     TEXT    NOT NULL
) STRICT;

CREATE UNIQUE INDEX draft_attachments_place ON draft_attachments (ifnull(conversation_id, 0));
CREATE INDEX draft_attachments_conversation ON draft_attachments (conversation_id);
"""

# A project is a group of conversations; what it has, they have unless they have their own. `own_model` is the one that
# the person chose for this conversation alone, while `model` tells with which it began. The draft of the new
# conversation keeps the project that it will be in.
VERSION_8 = """
CREATE TABLE project (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    name          TEXT    NOT NULL,
    system_prompt TEXT    NOT NULL DEFAULT '',
    model         TEXT    NOT NULL DEFAULT '',
    folder        TEXT    NOT NULL DEFAULT '',
    collapsed     INTEGER NOT NULL DEFAULT 0 CHECK (collapsed IN (0, 1)),
    created_at    REAL    NOT NULL
) STRICT;

ALTER TABLE conversation ADD COLUMN project_id INTEGER REFERENCES project (id) ON DELETE SET NULL;
ALTER TABLE conversation ADD COLUMN own_model TEXT NOT NULL DEFAULT '';
CREATE INDEX conversation_project ON conversation (project_id, pinned DESC, updated_at DESC, id DESC)
    WHERE project_id IS NOT NULL;
ALTER TABLE draft ADD COLUMN project_id INTEGER REFERENCES project (id) ON DELETE SET NULL;
CREATE INDEX draft_project ON draft (project_id) WHERE project_id IS NOT NULL;
"""

# A persona is copied where it is used: `sampling` of a conversation, of a project and of the persona is a JSON object,
# always read as a whole. A greeting is an ordinary message, the first of its conversation.
VERSION_9 = """
CREATE TABLE persona (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    name          TEXT NOT NULL,
    system_prompt TEXT NOT NULL DEFAULT '',
    greeting      TEXT NOT NULL DEFAULT '',
    sampling      TEXT NOT NULL DEFAULT '{}'
) STRICT;

ALTER TABLE conversation ADD COLUMN sampling TEXT NOT NULL DEFAULT '{}';
ALTER TABLE project ADD COLUMN sampling TEXT NOT NULL DEFAULT '{}';
"""

# What the person wants remembered. `uses_facts` of a conversation or a project is NULL while it says nothing.
VERSION_10 = """
CREATE TABLE fact (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    text       TEXT NOT NULL,
    created_at REAL NOT NULL
) STRICT;

ALTER TABLE conversation ADD COLUMN uses_facts INTEGER CHECK (uses_facts IN (0, 1));
ALTER TABLE project ADD COLUMN uses_facts INTEGER CHECK (uses_facts IN (0, 1));
"""

# How answers come about in a conversation: a JSON object, always read as a whole; `{}` is a plain answer.
VERSION_11 = """
ALTER TABLE conversation ADD COLUMN strategy TEXT NOT NULL DEFAULT '{}';
"""

# Pictures are in this file, each once, so that backups and copies have them and a commit is of text and pictures alike;
# `data` stands last, because what is before it is read without it. A picture is in use by messages and by drafts, and
# goes with the last of them. `text` is what was read in the picture, `source_*` its size before it was scaled down.
VERSION_12 = """
CREATE TABLE picture (
    id     INTEGER PRIMARY KEY,
    digest TEXT    NOT NULL UNIQUE,
    kind   TEXT    NOT NULL CHECK (kind IN ('png', 'jpeg')),
    width  INTEGER NOT NULL CHECK (width > 0),
    height INTEGER NOT NULL CHECK (height > 0),
    data   BLOB    NOT NULL
) STRICT;

CREATE TABLE message_picture (
    message_id    INTEGER NOT NULL REFERENCES message (id) ON DELETE CASCADE,
    position      INTEGER NOT NULL,
    picture_id    INTEGER NOT NULL REFERENCES picture (id),
    name          TEXT    NOT NULL DEFAULT '',
    text          TEXT    NOT NULL DEFAULT '',
    source_width  INTEGER NOT NULL DEFAULT 0,
    source_height INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (message_id, position)
) STRICT;

CREATE INDEX message_picture_picture ON message_picture (picture_id);

CREATE TABLE draft_picture (
    conversation_id INTEGER REFERENCES conversation (id) ON DELETE CASCADE,
    position        INTEGER NOT NULL,
    picture_id      INTEGER NOT NULL REFERENCES picture (id),
    name            TEXT    NOT NULL DEFAULT '',
    text            TEXT    NOT NULL DEFAULT '',
    source_width    INTEGER NOT NULL DEFAULT 0,
    source_height   INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE UNIQUE INDEX draft_picture_place ON draft_picture (ifnull(conversation_id, 0), position);
CREATE INDEX draft_picture_conversation ON draft_picture (conversation_id);
CREATE INDEX draft_picture_picture ON draft_picture (picture_id);

CREATE TRIGGER picture_is_kept BEFORE UPDATE ON picture
BEGIN SELECT RAISE(ABORT, 'a picture never changes'); END;

CREATE TRIGGER message_pictures_are_kept BEFORE UPDATE ON message_picture
BEGIN SELECT RAISE(ABORT, 'the pictures of a message never change'); END;

CREATE TRIGGER message_picture_is_removed_with_its_message BEFORE DELETE ON message_picture
WHEN EXISTS (SELECT 1 FROM message WHERE id = old.message_id)
BEGIN SELECT RAISE(ABORT, 'a picture is removed with its message'); END;

CREATE TRIGGER picture_goes_with_its_last_message AFTER DELETE ON message_picture
WHEN NOT EXISTS (SELECT 1 FROM message_picture WHERE picture_id = old.picture_id)
 AND NOT EXISTS (SELECT 1 FROM draft_picture WHERE picture_id = old.picture_id)
BEGIN DELETE FROM picture WHERE id = old.picture_id; END;

CREATE TRIGGER picture_goes_with_its_last_draft AFTER DELETE ON draft_picture
WHEN NOT EXISTS (SELECT 1 FROM message_picture WHERE picture_id = old.picture_id)
 AND NOT EXISTS (SELECT 1 FROM draft_picture WHERE picture_id = old.picture_id)
BEGIN DELETE FROM picture WHERE id = old.picture_id; END;
"""
