"""Projects hold conversations, and what they have in common holds where a conversation has nothing of its own."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from desktop.store import ProjectSettings, Store, StoreError
from desktop.store.instructions.precedence import InForce, in_force

THESIS = ProjectSettings("Thesis", "Be strict.", "starter", "/papers")


def titles(store: Store, **which: object) -> list[str]:
    return [row.title for row in store.conversations(**which)]  # type: ignore[arg-type]


def chats(store: Store, *names: str, project_id: int | None = None) -> list[int]:
    return [store.create_conversation(title=name, project_id=project_id).id for name in names]


@pytest.mark.parametrize(
    ("own", "of_project", "expected"),
    [
        ("own", "project", InForce("own", "conversation")),
        ("own", None, InForce("own", "conversation")),
        ("", "project", InForce("", "conversation")),
        (None, "project", InForce("project", "project")),
        (None, "", InForce("", "project")),
        (None, None, InForce("general", "general")),
    ],
)
def test_the_nearest_setting_holds(own: str | None, of_project: str | None, expected: InForce[str]) -> None:
    assert in_force(own, of_project, "general") == expected


def test_a_project_is_read_as_it_was_written(store: Store) -> None:
    project = store.create_project(THESIS)
    assert store.project(project.id).settings == THESIS
    changed = ProjectSettings("论文", "Be kind.", "", "")
    store.change_project(project.id, changed)
    store.set_project_collapsed(project.id, True)
    assert [(p.settings, p.collapsed) for p in store.projects()] == [(changed, True)]


def test_projects_are_in_the_order_of_their_names(store: Store) -> None:
    for name in ("beta", "Alpha", "论文", "alpha"):
        store.create_project(ProjectSettings(name))
    assert [p.settings.name for p in store.projects()] == ["Alpha", "alpha", "beta", "论文"]


@pytest.mark.parametrize("method", ["project", "delete_project"])
def test_a_project_that_does_not_exist_is_named_in_the_error(store: Store, method: str) -> None:
    with pytest.raises(StoreError, match="project"):
        getattr(store, method)(7)
    (chat,) = chats(store, "one")
    with pytest.raises(StoreError, match="project"):
        store.set_project(chat, 7)


def test_the_list_is_read_with_without_and_by_project(store: Store) -> None:
    first, second = (store.create_project(ProjectSettings(name)).id for name in ("first", "second"))
    chats(store, "a", "b", project_id=first)
    chats(store, "c", project_id=second)
    chats(store, "d")
    assert titles(store) == ["d", "c", "b", "a"]
    assert titles(store, project_id=first) == ["b", "a"]
    assert titles(store, outside=[first, second]) == ["d"]
    assert titles(store, outside=[first]) == ["d", "c"]
    page = store.conversations(project_id=first, limit=1)
    assert titles(store, project_id=first, before=page[-1]) == ["a"]


def test_a_conversation_moves_between_projects_and_out(store: Store) -> None:
    project = store.create_project(THESIS).id
    (chat,) = chats(store, "a")
    for target in (project, None, project):
        store.set_project(chat, target)
        assert store.conversation(chat).project_id == target
        assert store.conversations()[0].project_id == target


def test_the_conversations_own_system_prompt_holds_before_the_projects(store: Store) -> None:
    project = store.create_project(THESIS).id
    (chat,) = chats(store, "a")
    assert store.system_prompt_of(store.conversation(chat)) == InForce("", "general")
    store.set_project(chat, project)
    assert store.system_prompt_of(store.conversation(chat)) == InForce("Be strict.", "project")
    store.set_system_prompt(chat, "Be brief.")
    assert store.system_prompt_of(store.conversation(chat)) == InForce("Be brief.", "conversation")
    store.set_system_prompt(chat, " \n")
    assert store.system_prompt_of(store.conversation(chat)) == InForce("Be strict.", "project")


@pytest.mark.parametrize("with_conversations", [False, True])
def test_a_deleted_project_comes_back_with_its_conversations(store: Store, with_conversations: bool) -> None:
    project = store.create_project(THESIS)
    kept, moved, gone = chats(store, "kept", "moved", "gone", project_id=project.id)
    store.delete_conversation(gone)  # before, and so not brought back
    other = store.create_project(ProjectSettings("other")).id
    deleted = store.delete_project(project.id, with_conversations=with_conversations)
    assert [p.id for p in store.projects()] == [other]
    assert titles(store) == ([] if with_conversations else ["moved", "kept"])
    if not with_conversations:
        store.set_project(moved, other)
    store.restore_project(deleted)
    assert store.project(project.id).settings == THESIS
    assert store.conversation(kept).project_id == project.id
    assert store.conversation(moved).project_id == (project.id if with_conversations else other)
    with pytest.raises(StoreError):
        store.conversation(gone)


def test_the_new_conversation_keeps_its_project_and_takes_it_along(store: Store) -> None:
    project = store.create_project(THESIS).id
    store.save_new_project(project)
    store.save_draft(None, "")
    assert store.new_project() == project
    question = store.add_question(None, "Why?", project_id=project)
    assert (store.new_project(), store.conversation(question.conversation_id).project_id) == (None, project)
    store.save_new_project(project)
    store.delete_project(project)
    assert store.new_project() is None


def test_a_conversation_goes_into_the_project_of_the_same_name(store: Store, tmp_path: Path) -> None:
    project = store.create_project(THESIS).id
    trees = [store.tree(chat) for chat in chats(store, "a", "b", project_id=project)]
    with Store.open(tmp_path / "other.sqlite3") as other:
        ids = [other.add_tree(tree) for tree in trees]
        (added,) = other.projects()
        assert added.settings == ProjectSettings("Thesis", "Be strict.", "starter")  # the folder is of one computer
        assert {other.conversation(chat).project_id for chat in ids} == {added.id}
        other.change_project(added.id, ProjectSettings("Thesis", "Be kind."))
        other.add_tree(trees[0])
        assert [p.settings.system_prompt for p in other.projects()] == ["Be kind."]


def damage(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM project",
        "UPDATE project SET name = CAST(X'C328' AS TEXT), system_prompt = CAST(X'FF' AS TEXT)",
        "UPDATE conversation SET project_id = 77",
    ],
)
def test_a_project_that_is_damaged_costs_no_conversation(path: Path, statement: str) -> None:
    with Store.open(path) as store:
        chats(store, "a", "b", project_id=store.create_project(THESIS).id)
    damage(path, statement)
    with Store.open(path) as store:
        projects = [project.id for project in store.projects()]
        listed = titles(store, outside=projects) + [t for p in projects for t in titles(store, project_id=p)]
        assert listed == ["b", "a"]
        for row in store.conversations():
            assert store.tree(row.id).title == row.title
            store.system_prompt_of(store.conversation(row.id))


def test_projects_on_an_unreadable_page_are_left_out_and_their_conversations_listed(path: Path) -> None:
    with Store.open(path) as store:
        chats(store, "a", project_id=store.create_project(THESIS).id)
    with closing(sqlite3.connect(path)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'project'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(path.read_bytes())
    content[(page - 1) * size : page * size] = b"\xff" * size
    path.write_bytes(content)
    with Store.open(path, check=False) as store:
        with pytest.raises(StoreError):
            store.projects()
        assert titles(store) == ["a"]
        assert store.system_prompt_of(store.conversation(1)) == InForce("", "general")


@pytest.mark.parametrize("with_conversations", [False, True])
def test_a_conversation_that_was_deleted_before_its_project_comes_back_into_it(
    store: Store, with_conversations: bool
) -> None:
    project = store.create_project(ProjectSettings("Thesis"))
    conversation = store.create_conversation(title="Rain", project_id=project.id)
    store.delete_conversation(conversation.id)
    deleted = store.delete_project(project.id, with_conversations=with_conversations)
    assert deleted.deleted == ()
    store.restore_project(deleted)
    assert store.n_conversations(project.id) == 0
    store.restore_conversation(conversation.id)
    assert store.conversation(conversation.id).project_id == project.id
