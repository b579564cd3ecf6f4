"""The index follows the folder, survives what happens to it, and finds what a question is about."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from belle.errors import KnownError
from desktop.documents import index_tables
from desktop.documents.progress import IndexProgress
from desktop.documents.reader_process import ReadDocument, ReaderProcess
from desktop.store import Store
from desktop.store.database import Database
from tests.desktop.documents.conftest import Desk
from tests.support.documents import write_docx, write_pdf


def test_words_and_two_chinese_characters_are_found_in_every_kind_of_document(desk: Desk) -> None:
    desk.write("notes.md", "# Money\n\nThe budgets for travel are 300 euros.")
    desk.write("会议.txt", "王芳负责预算，张伟负责采购。")
    write_docx(desk.folder / "a.docx", [("", "The printer stands in room 12. 打印机在十二号房间。")])
    write_pdf(desk.folder / "b.pdf", ["Nothing here.", "The deadline is in May. 截止日期是五月。"])
    assert desk.update() == IndexProgress(str(desk.folder), 4, 4, 0, finished=True)
    assert desk.paths("What is the travel budget?") == ["notes.md"]
    assert desk.paths("谁负责采购？") == desk.paths("采购") == ["会议.txt"]
    assert desk.paths("Where is the printer?") == desk.paths("打印机在哪里？") == ["a.docx"]
    assert desk.found("When is the deadline?") == desk.found("截止日期是哪天") != []
    assert desk.found("deadline")[0][:2] == ("b.pdf", 2)
    assert desk.paths("会议") == ["会议.txt"]  # its name
    assert desk.paths("money")[0] == "notes.md"  # a heading


def test_what_nothing_in_the_folder_answers_finds_nothing(desk: Desk) -> None:
    desk.write("a.txt", "The budget for travel is 300 euros. 预算是三百欧元。")
    desk.update()
    for question in (
        "Who won the football championship?",
        "长城有多长？",
        "photosynthesis",
        "!?",
        "zzz qqq budget xyzzy",
    ):
        assert desk.found(question) == [] or question == "!?"


def test_a_page_that_the_question_names_comes_first(desk: Desk) -> None:
    pages = ["Cats are quiet animals.", "Dogs are loyal animals.", "鸟会飞。Birds can fly.", "Fish swim."]
    write_pdf(desk.folder / "animals.pdf", pages)
    write_pdf(desk.folder / "budget.pdf", ["One.", "Two.", "Three million."])
    desk.write("c.txt", "page 3 is mentioned here")
    desk.update()
    for question in ("What does page 3 of animals.pdf say?", "animals 第三页讲了什么？", "animals 第3页"):
        assert desk.found(question)[0] == ("animals.pdf", 3, "鸟会飞。Birds can fly.")
        assert ("budget.pdf", 3, "Three million.") in desk.found(question)


def test_a_question_about_the_whole_gets_the_beginnings(desk: Desk) -> None:
    desk.write("a.md", "Alpha begins.")
    desk.write("b.md", "Beta begins.")
    desk.update()
    assert desk.paths("Summarise these documents, please.") == desk.paths("总结一下这些文档") == ["a.md", "b.md"]


def test_a_question_that_goes_on_is_searched_with_the_one_before(desk: Desk) -> None:
    desk.write("a.txt", "The zeppelin was built by Karl.")
    desk.write("b.txt", "The bicycle was built by Anna.")
    desk.update()
    assert desk.paths("And when was that?", "Who built the bicycle?")[0] == "b.txt"


def test_what_is_unchanged_is_not_read_again_and_what_is_gone_leaves(desk: Desk, tmp_path: Path) -> None:
    for name in ("same", "touched", "changed", "gone"):
        desk.write(f"{name}.txt", f"The {name} file speaks of oranges.")
    desk.update()
    read: list[str] = []
    real = desk.reader.passages

    class Watched(ReaderProcess):
        def passages(self, path: Path, digest: str = "") -> object:  # type: ignore[override]
            document = real(path, digest)
            read.append(f"{path.name} {'' if document.passages is None else 'read'}".strip())
            return document

    os.utime(desk.folder / "touched.txt", ns=(1, 1))
    desk.write("changed.txt", "Now it speaks of lemons and pears.")
    (desk.folder / "gone.txt").unlink()
    desk.write("new.txt", "A new one speaks of lemons.")
    with Watched() as desk.reader:
        desk.update()
        assert sorted(read) == ["changed.txt read", "new.txt read", "touched.txt"]
        read.clear()
        desk.update()
        assert read == []
    assert sorted(desk.paths("oranges")) == ["same.txt", "touched.txt"]
    assert sorted(desk.paths("lemons")) == ["changed.txt", "new.txt"]
    assert desk.paths("gone") == []


def test_a_file_that_cannot_be_read_is_listed_and_costs_nothing_else(desk: Desk) -> None:
    desk.write("good.txt", "Apples are red.")
    (desk.folder / "bad.pdf").write_bytes(b"no pdf")
    write_pdf(desk.folder / "scan.pdf", ["", ""])
    last = desk.update()
    assert (last.done, last.total, last.unreadable) == (3, 3, 2)
    assert desk.files() == {"good.txt": "", "bad.pdf": "not_what_it_says", "scan.pdf": "no_text"}
    assert desk.paths("apples") == ["good.txt"]
    write_pdf(desk.folder / "bad.pdf", ["Apples are green."])
    desk.update()
    assert sorted(desk.paths("apples")) == ["bad.pdf", "good.txt"]


def test_a_folder_that_vanished_says_so_and_keeps_what_was_read(desk: Desk) -> None:
    desk.write("a.txt", "Apples are red.")
    desk.update()
    shutil.rmtree(desk.folder)
    last = desk.update()
    assert last.finished and last.problem is not None and last.problem.kind == "folder_missing"
    assert desk.paths("apples") == ["a.txt"]


def test_a_folder_that_goes_away_while_it_is_read_is_named_and_nothing_that_was_read_is_lost(desk: Desk) -> None:
    for number in range(6):
        desk.write(f"{number}.txt", f"Apples number {number}.")
    desk.update()
    for number in range(6):
        desk.write(f"{number}.txt", f"Apples and pears number {number}.")

    def take_away(progress: IndexProgress) -> None:
        if progress.done == 3:
            desk.folder.rename(desk.folder.with_name("elsewhere"))

    last = desk.update(take_away)
    assert last.problem is not None and last.problem.kind == "folder_missing"
    assert len(desk.paths("apples")) == 6 and len(desk.paths("pears")) == 3
    desk.folder.with_name("elsewhere").rename(desk.folder)
    assert desk.update().problem is None
    assert len(desk.paths("pears")) == 6


def test_a_file_that_goes_away_while_the_folder_is_read_leaves_the_index_and_one_without_permission_is_listed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        desk.write(f"{name}.txt", "Apples are red.")
    desk.update()
    for name in ("b", "c"):
        desk.write(f"{name}.txt", "Apples and pears.")
    real = desk.reader.passages

    class Refused(ReaderProcess):
        def passages(self, path: Path, digest: str = "") -> ReadDocument:
            if path.name == "b.txt":
                path.unlink(missing_ok=True)
            if path.name == "c.txt":  # root, who runs tests, may read every file
                raise KnownError("no_permission", f"{path} may not be read.", "Give yourself the right.")
            return real(path, digest)

    with Refused() as desk.reader:
        assert desk.update().problem is None
        assert desk.files() == {"a.txt": "", "b.txt": "", "c.txt": "no_permission"}
        desk.update()
    assert desk.files() == {"a.txt": "", "c.txt": "no_permission"}


@pytest.mark.skipif(sys.platform == "darwin", reason="names of files are UTF-8 there")
def test_a_name_that_is_no_text_is_read_once(desk: Desk) -> None:
    (desk.folder / os.fsdecode(b"caf\xe9\n.txt")).write_text("Apples are red.")
    desk.update()
    before = desk.database.rows("SELECT id FROM document_passage")
    desk.update()
    assert desk.database.rows("SELECT id FROM document_passage") == before != []
    assert len(desk.paths("apples")) == 1


def test_a_folder_of_no_conversation_leaves_the_index(desk: Desk) -> None:
    desk.write("a.txt", "Apples are red.")
    desk.update()
    old = desk.folder
    desk.folder = desk.folder.parent / "other"
    desk.write("b.txt", "Pears are green.")
    desk.choices.choose(None, str(desk.folder))
    desk.update()
    assert desk.database.rows("SELECT path FROM document_folder") == [(str(desk.folder),)]
    assert desk.search.find(str(old), "apples") == []
    assert desk.paths("pears") == ["b.txt"]


def test_the_new_conversation_hands_its_folder_on(desk: Desk) -> None:
    with Store.open(desk.folder / "s" / "store.sqlite3") as store:
        desk.choices.__init__(Database.beside(store.file))  # type: ignore[misc]
        desk.choices.choose(None, "/a")
        first, second = store.create_conversation(), store.create_conversation()
        desk.choices.adopt(first.id)
        assert [desk.choices.folder(n) for n in (None, first.id, second.id)] == [None, "/a", None]
        store.delete_conversation(first.id)
        store.purge_deleted(older_than_s=-1)
        assert desk.choices.folder(first.id) is None


def test_an_index_of_another_version_is_read_anew(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.write("a.txt", "Apples are red.")
    desk.update()
    monkeypatch.setattr(index_tables, "VERSION", index_tables.VERSION + 1)
    assert desk.found("apples") == []
    desk.index.__init__(desk.database)  # type: ignore[misc]
    assert desk.choices.folder(None) == str(desk.folder)
    desk.update()
    assert desk.paths("apples") == ["a.txt"]


_KILLED = """
import os, sys
from pathlib import Path
from desktop.documents.index import DocumentIndex
from desktop.documents.indexing import FolderUpdate
from desktop.documents.reader_process import ReaderProcess
from desktop.store.database import Database
with ReaderProcess() as reader:
    index = DocumentIndex(Database.beside(Path(sys.argv[1])))
    add = index._add
    index._add = lambda *a: os.kill(os.getpid(), 9) if a[1] == 150 else add(*a)
    FolderUpdate(index, sys.argv[2], reader, lambda _: None).run()
"""


def test_a_run_that_was_killed_in_the_middle_of_a_file_is_taken_up(desk: Desk) -> None:
    desk.write("a.txt", "Apples are red.")
    long = "\n\n".join(f"# {n}\n\nChapter {n} tells of the number {n}. " + "word " * 190 for n in range(300))
    desk.write("b.md", long)
    desk.write("c.txt", "Pears are green.")
    killed = subprocess.run([sys.executable, "-c", _KILLED, str(desk.database.file), str(desk.folder)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert desk.paths("apples") == ["a.txt"] and desk.paths("pears") == []
    assert desk.update().done == 3
    assert desk.paths("pears") == ["c.txt"]
    assert desk.database.rows("SELECT count(*), count(DISTINCT position) FROM document_passage")[0][0] == 302
    assert desk.database.rows("INSERT INTO document_terms (document_terms) VALUES ('integrity-check')") == []


def test_a_disk_that_is_full_stops_the_index_with_a_sentence(desk: Desk) -> None:
    desk.write("a.txt", "Apples are red. " * 20_000)
    pages = desk.database.rows("PRAGMA page_count")[0][0]
    desk.database.rows(f"PRAGMA max_page_count = {pages + 8}")
    last = desk.update()
    assert last.problem is not None and last.problem.kind == "disk_full" and last.problem.advice
    desk.database.rows(f"PRAGMA max_page_count = {1 << 30}")
    assert desk.update().problem is None
    assert desk.paths("apples")


def test_the_window_can_write_while_documents_are_read(desk: Desk) -> None:
    desk.write("a.txt", "\n\n".join(f"Paragraph {n} " + "word " * 150 for n in range(2000)))
    with Store.open(desk.folder.parent / "w" / "conversations.sqlite3") as store:
        own = Desk(store.file, desk.folder, desk.reader)
        slowest = 0.0
        replace = own.database.transaction

        def write(*, durable: bool = True) -> object:
            nonlocal slowest
            begin = time.perf_counter()
            store.create_conversation()
            slowest = max(slowest, time.perf_counter() - begin)
            return replace(durable=durable)

        own.database.transaction = write  # type: ignore[method-assign, assignment]
        own.update()
        assert slowest < 1.0
        own.database.close()


def test_a_damaged_index_is_no_damage_of_the_conversations(desk: Desk) -> None:
    desk.write("a.txt", "Apples are red.")
    desk.update()
    file = desk.database.file
    desk.database.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    size = desk.database.rows("PRAGMA page_size")[0][0]
    root = desk.database.rows("SELECT rootpage FROM sqlite_master WHERE name = 'document_passage'")[0][0]
    copy = file.with_name("copy") / file.name
    copy.parent.mkdir()
    content = bytearray(file.read_bytes())
    content[(root - 1) * size : root * size] = b"\xff" * size
    copy.write_bytes(content)
    copy.with_name(f"{copy.name}.doubtful").touch()  # have it checked
    with Store.open(copy) as store:
        assert store.create_conversation(title="Still here").title == "Still here"
        broken = Desk(store.file, desk.folder, desk.reader)
        desk.write("b.txt", "Pears are green.")
        desk.write("a.txt", "Apples are green.")
        last = broken.update()
        assert last.problem is not None and last.problem.kind == "damaged"
        broken.database.close()
