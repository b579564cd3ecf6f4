-- A store as version 12 wrote it, without its search index. Never to be edited: it stands for the files people have.
BEGIN TRANSACTION;
CREATE TABLE active_child (
    parent_id INTEGER PRIMARY KEY REFERENCES message (id) ON DELETE CASCADE,
    child_id  INTEGER NOT NULL
) STRICT;
INSERT INTO "active_child" VALUES(1,2);
INSERT INTO "active_child" VALUES(2,6);
CREATE TABLE conversation (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    title         TEXT    NOT NULL DEFAULT '',
    title_is_auto INTEGER NOT NULL DEFAULT 1 CHECK (title_is_auto IN (0, 1)),
    pinned        INTEGER NOT NULL DEFAULT 0 CHECK (pinned IN (0, 1)),
    created_at    REAL    NOT NULL,
    updated_at    REAL    NOT NULL,
    deleted_at    REAL,
    active_leaf   INTEGER,
    model         TEXT    NOT NULL DEFAULT '',
    system_prompt TEXT    NOT NULL DEFAULT ''
, imported_from TEXT NOT NULL DEFAULT '', overflow TEXT NOT NULL DEFAULT 'refuse'
    CHECK (overflow IN ('refuse', 'drop_oldest', 'cut_middle', 'summarise')), left_out TEXT NOT NULL DEFAULT '[]', project_id INTEGER REFERENCES project (id) ON DELETE SET NULL, own_model TEXT NOT NULL DEFAULT '', sampling TEXT NOT NULL DEFAULT '{}', uses_facts INTEGER CHECK (uses_facts IN (0, 1)), strategy TEXT NOT NULL DEFAULT '{}') STRICT;
INSERT INTO "conversation" VALUES(1,'量化是什么',1,0,1700000001.0,1700000020.0,NULL,6,'starter','Answer in ''one'' sentence.','','summarise','[1, 2]',1,'belle-7b-2m','{"top_p": 0.9}',0,'{"name": "raise", "slow": "starter", "facts": {"预算": "400 元"}, "facts_after": 2}');
INSERT INTO "conversation" VALUES(2,'deleted',1,0,1700000007.0,1700000008.0,1700000009.0,4,'','','','refuse','[]',NULL,'','{}',NULL,'{}');
INSERT INTO "conversation" VALUES(3,'pinned',0,1,1700000010.0,1700000011.0,NULL,5,'','','chatgpt:5e2a','refuse','[]',NULL,'','{}',NULL,'{}');
CREATE TABLE draft (
    conversation_id INTEGER REFERENCES conversation (id) ON DELETE CASCADE,
    text            TEXT    NOT NULL DEFAULT '',
    system_prompt   TEXT    NOT NULL DEFAULT ''
, typed_title TEXT, typed_system_prompt TEXT, project_id INTEGER REFERENCES project (id) ON DELETE SET NULL) STRICT;
INSERT INTO "draft" VALUES(NULL,'a new question','Be brief.',NULL,'Be brief, and',1);
INSERT INTO "draft" VALUES(1,'还有','','量化与位数',NULL,NULL);
CREATE TABLE draft_attachments (
    conversation_id INTEGER REFERENCES conversation (id) ON DELETE CASCADE,
    attachments     TEXT    NOT NULL
) STRICT;
INSERT INTO "draft_attachments" VALUES(NULL,'[{"name": "雪.md", "size": 9, "text": "Snow.", "n_cut": 0}]');
CREATE TABLE draft_picture (
    conversation_id INTEGER REFERENCES conversation (id) ON DELETE CASCADE,
    position        INTEGER NOT NULL,
    picture_id      INTEGER NOT NULL REFERENCES picture (id),
    name            TEXT    NOT NULL DEFAULT '',
    text            TEXT    NOT NULL DEFAULT '',
    source_width    INTEGER NOT NULL DEFAULT 0,
    source_height   INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO "draft_picture" VALUES(NULL,0,1,'dot.png','',0,0);
CREATE TABLE fact (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    text       TEXT NOT NULL,
    created_at REAL NOT NULL
) STRICT;
INSERT INTO "fact" VALUES(1,'我吃素。',1700000040.0);
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
, thinking TEXT NOT NULL DEFAULT '', thinking_seconds REAL, pinned INTEGER NOT NULL DEFAULT 0 CHECK (pinned IN (0, 1)), attachments TEXT NOT NULL DEFAULT '[]') STRICT;
INSERT INTO "message" VALUES(1,1,NULL,'user','complete',1700000002.0,'','量化是什么？','{}','',NULL,1,'[]');
INSERT INTO "message" VALUES(2,1,1,'assistant','complete',1700000003.0,'starter','Quantization rounds the weights.
It saves memory.','{"tokens_per_s": 41.5}','',NULL,0,'[]');
INSERT INTO "message" VALUES(3,1,1,'assistant','stopped',1700000005.0,'starter','量化就是用更少的位数','{}','',NULL,0,'[]');
INSERT INTO "message" VALUES(4,2,NULL,'user','complete',1700000008.0,'','gone','{}','',NULL,0,'[]');
INSERT INTO "message" VALUES(5,3,NULL,'assistant','streaming',1700000011.0,'starter','half an ans','{}','The person asks what it is.',1.5,0,'[]');
INSERT INTO "message" VALUES(6,1,2,'user','complete',1700000020.0,'','还有呢？','{}','',NULL,0,'[{"name": "雨.md", "size": 12, "text": "Rain.", "n_cut": 3}]');
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
INSERT INTO "message_picture" VALUES(1,0,1,'dot.png','一点',4000,4000);
CREATE TABLE open_edit (
    message_id INTEGER PRIMARY KEY REFERENCES message (id) ON DELETE CASCADE,
    text       TEXT    NOT NULL
) STRICT;
INSERT INTO "open_edit" VALUES(1,'量化是什么意思？');
CREATE TABLE persona (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    name          TEXT NOT NULL,
    system_prompt TEXT NOT NULL DEFAULT '',
    greeting      TEXT NOT NULL DEFAULT '',
    sampling      TEXT NOT NULL DEFAULT '{}'
) STRICT;
INSERT INTO "persona" VALUES(1,'老师','Teach.','Hello!','{"temperature": 0.3}');
CREATE TABLE picture (
    id     INTEGER PRIMARY KEY,
    digest TEXT    NOT NULL UNIQUE,
    kind   TEXT    NOT NULL CHECK (kind IN ('png', 'jpeg')),
    width  INTEGER NOT NULL CHECK (width > 0),
    height INTEGER NOT NULL CHECK (height > 0),
    data   BLOB    NOT NULL
) STRICT;
INSERT INTO "picture" VALUES(1,'b1ff9c8ea3a780bad09b346c423d2d0e46815926879b18e841d928376a946640','png',1,1,X'89504E470D0A1A0A0000000D4948445200000001000000010802000000907753DE0000000C49444154789C63F8CFC0000003010100C9FE92EF0000000049454E44AE426082');
CREATE TABLE project (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    name          TEXT    NOT NULL,
    system_prompt TEXT    NOT NULL DEFAULT '',
    model         TEXT    NOT NULL DEFAULT '',
    folder        TEXT    NOT NULL DEFAULT '',
    collapsed     INTEGER NOT NULL DEFAULT 0 CHECK (collapsed IN (0, 1)),
    created_at    REAL    NOT NULL
, sampling TEXT NOT NULL DEFAULT '{}', uses_facts INTEGER CHECK (uses_facts IN (0, 1))) STRICT;
INSERT INTO "project" VALUES(1,'论文','Be strict.','starter','/papers',1,1700000030.0,'{"temperature": 0.1}',1);
CREATE TABLE summary (
    message_id INTEGER PRIMARY KEY REFERENCES message (id) ON DELETE CASCADE,
    covers     TEXT NOT NULL,
    text       TEXT NOT NULL,
    created_at REAL NOT NULL
) STRICT;
INSERT INTO "summary" VALUES(2,'[1, 2]','量化减少位数。',1700000021.0);
CREATE INDEX conversation_list ON conversation (pinned DESC, updated_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX conversation_deleted ON conversation (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX conversation_imported ON conversation (imported_from) WHERE imported_from <> '';
CREATE INDEX message_children ON message (parent_id, conversation_id);
CREATE INDEX message_conversation ON message (conversation_id);
CREATE INDEX message_streaming ON message (id) WHERE status = 'streaming';
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
CREATE TRIGGER message_thinking_is_kept BEFORE UPDATE OF thinking, thinking_seconds ON message
WHEN old.status <> 'streaming'
 AND (new.thinking IS NOT old.thinking OR new.thinking_seconds IS NOT old.thinking_seconds)
BEGIN SELECT RAISE(ABORT, 'the thinking of a finished message never changes'); END;
CREATE TRIGGER message_attachments_are_kept BEFORE UPDATE OF attachments ON message
WHEN new.attachments IS NOT old.attachments
BEGIN SELECT RAISE(ABORT, 'the attachments of a message never change'); END;
CREATE UNIQUE INDEX draft_place ON draft (ifnull(conversation_id, 0));
CREATE INDEX draft_conversation ON draft (conversation_id);
CREATE UNIQUE INDEX draft_attachments_place ON draft_attachments (ifnull(conversation_id, 0));
CREATE INDEX draft_attachments_conversation ON draft_attachments (conversation_id);
CREATE INDEX conversation_project ON conversation (project_id, pinned DESC, updated_at DESC, id DESC)
    WHERE project_id IS NOT NULL;
CREATE INDEX draft_project ON draft (project_id) WHERE project_id IS NOT NULL;
CREATE INDEX message_picture_picture ON message_picture (picture_id);
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
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('conversation',3);
INSERT INTO "sqlite_sequence" VALUES('message',6);
INSERT INTO "sqlite_sequence" VALUES('project',1);
INSERT INTO "sqlite_sequence" VALUES('persona',1);
INSERT INTO "sqlite_sequence" VALUES('fact',1);
COMMIT;
