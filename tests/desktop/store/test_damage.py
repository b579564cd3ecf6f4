"""In a damaged file only what is damaged is lost, with no traceback and no endless loop."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from desktop.store import Store, StoreError
from desktop.store.schema import APPLICATION_ID
from tests.desktop.store.processes import python


def change(path: Path, *statements: str) -> None:
    """Change the file of a store in a way that the store itself never would."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute("PRAGMA writable_schema = ON")
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)


@pytest.fixture
def talk(path: Path) -> Path:
    """A closed file with a conversation of two questions and answers, and one beside it."""
    with Store.open(path) as store:
        for title in ("first", "second"):
            conversation = store.create_conversation(title=title).id
            parent: int | None = None
            for text in ("question one", "answer one", "question two", "answer two"):
                role = "user" if text.startswith("q") else "assistant"
                parent = store.add_message(conversation, parent, role, text).id
    return path


def texts(path: Path, conversation: int = 1) -> list[str]:
    with Store.open(path) as store:
        return [message.text for message in store.active_path(conversation)]


def test_a_text_that_is_no_utf8_is_shown_with_marks_and_the_rest_as_it_is(talk: Path) -> None:
    change(talk, "UPDATE message SET text = CAST(X'616263FF646566' AS TEXT) WHERE id = 2")
    with Store.open(talk) as store:
        path = store.active_path(1)
        assert [m.text for m in path] == ["question one", "abc\ufffddef", "question two", "answer two"]
        assert [m.is_damaged for m in path] == [False, True, False, False]
        assert [hit.message_id for hit in store.search("def")] == [2]
        store.add_message(1, 4, "user", "question three")


def test_a_title_that_is_no_utf8_is_shown_with_marks(talk: Path) -> None:
    change(talk, "UPDATE conversation SET title = CAST(X'C328' AS TEXT), model = CAST(X'FF' AS TEXT) WHERE id = 2")
    with Store.open(talk) as store:
        assert sorted(row.title for row in store.conversations()) == ["first", "\ufffd("]
        assert store.conversation(2).title == "\ufffd("


@pytest.mark.parametrize("stats", ["", "{", "[1]", "null", "7", "[" * 100_000])
def test_figures_that_are_no_json_cost_the_figures(talk: Path, stats: str) -> None:
    change(talk, f"UPDATE message SET stats = '{stats}' WHERE id = 2")
    with Store.open(talk) as store:
        message = store.active_path(1)[1]
        assert (message.text, dict(message.stats), message.is_damaged) == ("answer one", {}, True)


@pytest.mark.parametrize(
    ("assignment", "left"),
    [
        ("role = 'robot'", ["question one", "answer one", "question two", "answer two"]),
        ("status = 'unheard of'", ["question one", "answer one", "question two", "answer two"]),
        ("parent_id = 77", ["answer one", "question two", "answer two"]),
        ("parent_id = 2", ["answer one", "question two", "answer two"]),
        ("parent_id = 4", ["answer one", "question two", "answer two"]),
        ("parent_id = NULL", ["answer one", "question two", "answer two"]),
    ],
)
def test_a_row_with_nonsense_in_it_costs_no_other(talk: Path, assignment: str, left: list[str]) -> None:
    change(talk, f"UPDATE message SET {assignment} WHERE id = 2")
    assert texts(talk) == left
    assert texts(talk, 2) == ["question one", "answer one", "question two", "answer two"]


def test_messages_that_are_each_others_parents_are_shown_once(talk: Path) -> None:
    change(talk, "UPDATE message SET parent_id = 4 WHERE id = 1")
    with Store.open(talk) as store:
        assert [m.text for m in store.active_path(1)] == ["question one", "answer one", "question two", "answer two"]
        store.show(2)
        store.switch_version(3, 1)
        assert store.add_message(1, 4, "user", "question three").text == "question three"
        assert store.active_path(1)[-1].text == "question three"


def test_remembered_children_that_go_round_in_a_circle_have_an_end(talk: Path) -> None:
    change(talk, "UPDATE active_child SET child_id = 1 WHERE parent_id = 3")
    with Store.open(talk) as store:
        store.show(2)
        assert "answer one" in [m.text for m in store.active_path(1)]


@pytest.mark.parametrize("leaf", [77, 9_223_372_036_854_775_807, -1])
def test_a_leaf_that_is_not_there_leads_to_the_newest_message(talk: Path, leaf: int) -> None:
    change(talk, f"UPDATE conversation SET active_leaf = {leaf} WHERE id = 1")
    assert texts(talk) == ["question one", "answer one", "question two", "answer two"]


@pytest.mark.parametrize(
    "pragma", ["user_version = 0", "user_version = -3", "application_id = 0", "application_id = 7"]
)
def test_a_header_that_forgot_what_the_file_is_does_no_harm(talk: Path, pragma: str) -> None:
    with closing(sqlite3.connect(talk)) as connection:
        connection.execute(f"PRAGMA {pragma}")
    assert len(texts(talk)) == 4
    with closing(sqlite3.connect(talk)) as connection:
        assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
        assert connection.execute("PRAGMA user_version").fetchone()[0] >= 2


def test_a_header_that_forgot_the_version_of_other_tables_is_told_in_words(talk: Path) -> None:
    change(talk, "ALTER TABLE message ADD COLUMN unheard_of TEXT", "PRAGMA user_version = 0")
    with pytest.raises(StoreError) as caught:
        Store.open(talk)
    assert caught.value.kind == "damaged"


@pytest.mark.parametrize(
    "ask",
    [
        lambda store: store.message(2**63),
        lambda store: store.conversation(10**30),
        lambda store: store.add_message(1, 2**64, "user", "text"),
        lambda store: store.set_model(-(2**65), "model"),
        lambda store: store.add_message(1, None, "robot", "text"),
    ],
)
def test_every_error_of_the_binding_is_one_of_the_store(store: Store, ask: Callable[[Store], object]) -> None:
    store.create_conversation()
    with pytest.raises(StoreError):
        ask(store)
    assert store.create_conversation().id == 2


def use(path: Path, *, check: bool) -> None:
    """Everything that a window does with a store, on a file that may be damaged anywhere."""
    with suppress(StoreError), Store.open(path, check=check) as store:
        conversations: list[int] = []
        with suppress(StoreError):
            conversations = [row.id for row in store.conversations()]
        for conversation in conversations or [1]:
            steps: list[Callable[[], object]] = [
                lambda c=conversation: store.conversation(c),
                lambda c=conversation: [store.switch_version(m.id, 1) for m in store.active_path(c)],
                lambda c=conversation: store.add_question(store.conversation(c), "another"),
                lambda c=conversation: store.save_draft(c, "draft"),
                lambda c=conversation: store.edits(c),
                lambda c=conversation: store.rename(c, "title"),
            ]
            for step in steps:
                with suppress(StoreError):
                    step()
        for query in ("answer", "es", "Ünheard"):
            with suppress(StoreError):
                store.search(query)
        with suppress(StoreError):
            answer = store.start_answer(1, 1, "model")
            store.checkpoint(answer.id, "more")
            store.finish(answer.id, "more", status="complete", stats={})
        with suppress(StoreError):
            store.delete_conversation(1)
            store.purge_deleted(older_than_s=0)


def mutate(good: bytes, seed: int) -> bytes:
    """A copy with some bytes changed: anywhere, or crowded into one page."""
    chance, data = random.Random(seed), bytearray(good)
    page = chance.randrange(len(data) // 4096) * 4096
    for _ in range(chance.choice((1, 3, 30))):
        offset = chance.randrange(len(data)) if seed % 2 else page + chance.randrange(4096)
        data[offset] = chance.randrange(256)
    return bytes(data)


def fuzz(path: Path, seeds: range) -> None:
    """Use a mutated copy per seed; the number of each is printed before, to identify one that hangs."""
    good = path.read_bytes()
    for seed in seeds:
        print(seed, flush=True)
        copy = path.with_name("mutated.sqlite3")
        copy.write_bytes(mutate(good, seed))
        use(copy, check=bool(seed % 3))
        for file in copy.parent.glob("mutated.sqlite3*"):
            file.unlink()


def test_a_file_with_any_bytes_changed_ends_in_words_or_in_work(talk: Path) -> None:
    with Store.open(talk) as store:
        for number in range(40):
            question = store.add_message(2, None, "user", f"question {number} " * 20)
            store.add_message(2, question.id, "assistant", f"answer {number} " * 40)
    script = (
        "import sys; from pathlib import Path; from tests.desktop.store.test_damage import fuzz;"
        " fuzz(Path(sys.argv[1]), range(int(sys.argv[2])))"
    )
    with python(script, talk, 120) as process:
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, f"seed {output.split()[-1]}"


def pages_of(path: Path, name: str) -> list[int]:
    """The leaf pages of a table or an index, counted from 1."""
    with closing(sqlite3.connect(path)) as connection:
        if not connection.execute("SELECT 1 FROM pragma_module_list WHERE name = 'dbstat'").fetchone():
            pytest.skip("this SQLite cannot tell which page is whose")
        rows = connection.execute("SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf'", (name,)).fetchall()
    return [number for (number,) in rows]


def spoil(path: Path, page: int) -> None:
    data = bytearray(path.read_bytes())
    data[(page - 1) * 4096 : page * 4096] = b"\xff" * 4096
    path.write_bytes(data)


@pytest.fixture
def long_talk(path: Path) -> Path:
    """One conversation over many pages."""
    with Store.open(path) as store:
        conversation = store.create_conversation(title="long").id
        parent: int | None = None
        for number in range(40):
            parent = store.add_message(conversation, parent, "user", f"{number} " + "word " * 150).id
    return path


def test_an_unreadable_page_costs_the_messages_on_it(long_talk: Path) -> None:
    page = pages_of(long_talk, "message")[3]
    spoil(long_talk, page)
    with Store.open(long_talk) as store:
        numbers = [int(message.text.split()[0]) for message in store.active_path(1)]
        assert 30 <= len(numbers) < 40
        assert numbers == sorted(numbers)
        assert {0, 39} <= set(numbers)
        assert store.damage is not None
    with pytest.raises(StoreError):  # now it is known, and a copy can be put back
        Store.open(long_talk)
    Store.open(long_talk, check=False).close()


@pytest.mark.parametrize("index", ["message_children", "message_conversation", "conversation_list"])
def test_an_unreadable_page_of_an_index_costs_no_message(long_talk: Path, index: str) -> None:
    for page in pages_of(long_talk, index):
        spoil(long_talk, page)
    with Store.open(long_talk) as store:
        assert [row.title for row in store.conversations()] == ["long"]
        assert len(store.active_path(1)) == 40


def test_an_unreadable_page_of_the_list_costs_the_conversations_on_it(path: Path) -> None:
    with Store.open(path) as store:
        for number in range(60):
            store.create_conversation(title=f"{number} " + "word " * 60)
    pages = pages_of(path, "conversation")
    spoil(path, pages[len(pages) // 2])
    with Store.open(path) as store:
        listed = store.conversations(limit=100)
        assert 30 < len(listed) < 60
        assert [row.id for row in listed] == sorted((row.id for row in listed), reverse=True)
        assert store.conversations(limit=5, before=listed[9]) == listed[10:15]


def test_any_one_page_of_a_long_conversation_costs_what_is_on_it(long_talk: Path) -> None:
    good = long_talk.read_bytes()
    with closing(sqlite3.connect(long_talk)) as connection:
        roots = {row[0] for row in connection.execute("SELECT rootpage FROM sqlite_master WHERE type = 'table'")}
    schema = {1, *pages_of(long_talk, "sqlite_schema"), *pages_of(long_talk, "sqlite_master")}
    for page in set(range(1, len(good) // 4096 + 1)) - roots - schema:
        long_talk.write_bytes(good)
        spoil(long_talk, page)
        with Store.open(long_talk, check=False) as store:
            assert len(store.conversations()) == 1
            assert len(store.active_path(1)) >= 34, f"page {page}"
