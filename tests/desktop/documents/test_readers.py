"""Documents are read as what they are, in a process that may die."""

from __future__ import annotations

import os
import signal
import threading
import time
import zipfile
from pathlib import Path

import pytest

from belle.errors import KnownError
from desktop.documents import folders, reader_child, readers
from desktop.documents.blocks import DocumentBlock
from desktop.documents.folders import documents_in
from desktop.documents.reader_process import ReaderProcess, ReadingStopped
from tests.support.documents import write_docx, write_pdf


def refusal(reader: ReaderProcess, path: Path) -> KnownError:
    with pytest.raises(KnownError) as caught:
        reader.blocks(path)
    assert path.name in caught.value.message and caught.value.advice
    return caught.value


def test_the_pages_of_a_pdf_are_told_apart_in_english_and_chinese(reader: ReaderProcess, tmp_path: Path) -> None:
    path = write_pdf(
        tmp_path / "plan.pdf", ["The first page.", "第二页讲预算。\n共三万元。", "Alice leads the project."]
    )
    assert reader.blocks(path) == [
        DocumentBlock("The first page.", page=1),
        DocumentBlock("第二页讲预算。共三万元。", page=2),
        DocumentBlock("Alice leads the project.", page=3),
    ]


def test_paragraphs_of_markdown_know_their_heading_and_line(reader: ReaderProcess, tmp_path: Path) -> None:
    path = tmp_path / "notes.md"
    path.write_text("Intro.\n\n# Budget\nWe have 3.\n\n```\n# no heading\n```\n## 人员\n张三。\n", encoding="utf-8")
    assert reader.blocks(path) == [
        DocumentBlock("Intro.", line=1),
        DocumentBlock("# Budget\nWe have 3.", line=3, heading="Budget"),
        DocumentBlock("```\n# no heading\n```", line=6, heading="Budget"),
        DocumentBlock("## 人员\n张三。", line=9, heading="人员"),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "gb18030", "gbk"])
def test_chinese_text_is_read_in_every_usual_encoding(reader: ReaderProcess, tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.txt"
    path.write_text("今天下午三点开会。\n", encoding=encoding)
    assert [block.text for block in reader.blocks(path)] == ["今天下午三点开会。"]


def test_western_text_without_utf8_is_not_taken_for_chinese(reader: ReaderProcess, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("Café Müller, 3 €\n".encode("cp1252"))
    assert [block.text for block in reader.blocks(path)] == ["Café Müller, 3 €"]


def test_a_word_document_has_headings_and_rows_of_tables(reader: ReaderProcess, tmp_path: Path) -> None:
    paragraphs = [("Heading1", "Costs"), ("", "They are low &amp; fixed."), ("", "")]
    path = write_docx(tmp_path / "a.docx", paragraphs, table=[["Item", "Price"], ["Desk", "30"]])
    assert reader.blocks(path) == [
        DocumentBlock("Costs", heading="Costs"),
        DocumentBlock("They are low & fixed.", heading="Costs"),
        DocumentBlock("Item | Price", heading="Costs"),
        DocumentBlock("Desk | 30", heading="Costs"),
    ]


BAD = {
    "a.pdf": (b"just text", "not_what_it_says"),
    "b.docx": (b"just text", "not_what_it_says"),
    "c.docx": (b"\xd0\xcf\x11\xe0" + bytes(600), "encrypted"),
    "d.pdf": (b"%PDF-1.7\n" + bytes(range(256)) * 9, "damaged_document"),
    "e.txt": (b"PNG\0\1\2\3", "not_text"),
    "f.py": (b"\x7fELF" + bytes(99), "not_text"),
    "g.txt": (b" \n\n", "empty_document"),
    "h.md": (b"", "empty_document"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_document_that_is_not_what_its_name_says_is_refused_in_a_sentence(
    reader: ReaderProcess, tmp_path: Path, name: str
) -> None:
    content, kind = BAD[name]
    (tmp_path / name).write_bytes(content)
    assert refusal(reader, tmp_path / name).kind == kind


def test_a_pdf_behind_a_password_is_refused(reader: ReaderProcess, tmp_path: Path) -> None:
    for name, version in (("rc4.pdf", 2), ("aes.pdf", 5)):
        revision = 3 if version == 2 else version
        entry = (
            f"/ID [<00> <00>] /Encrypt << /Filter /Standard /V {version} /R {revision} /Length 128 /P -4"
            f" /O <{'41' * 32}> /U <{'42' * 32}> /OE <{'43' * 32}> /UE <{'44' * 32}> /Perms <{'45' * 16}> >>"
        )
        assert refusal(reader, write_pdf(tmp_path / name, ["secret"], encrypt=entry)).kind == "encrypted"


def test_a_scanned_pdf_is_said_to_have_no_text(reader: ReaderProcess, tmp_path: Path) -> None:
    error = refusal(reader, write_pdf(tmp_path / "scan.pdf", ["", ""]))
    assert error.kind == "no_text" and "OCR" in error.advice


def test_a_cut_pdf_gives_what_can_be_read_or_a_sentence(reader: ReaderProcess, tmp_path: Path) -> None:
    whole = write_pdf(tmp_path / "whole.pdf", ["One page.", "Another."]).read_bytes()
    for share in range(1, 10):
        path = tmp_path / f"{share}.pdf"
        path.write_bytes(whole[: len(whole) * share // 10])
        try:
            assert all(block.page for block in reader.blocks(path))
        except KnownError as error:
            assert error.kind in ("damaged_document", "no_text")


def test_a_word_document_that_unpacks_without_end_is_refused(reader: ReaderProcess, tmp_path: Path) -> None:
    path = tmp_path / "bomb.docx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", bytes(100 << 20))
    assert path.stat().st_size < 1 << 20
    assert refusal(reader, path).kind == "too_large"


def test_a_word_document_with_other_bytes_anywhere_is_read_or_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "a.docx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", "<x>" + "Some text. " * 300 + "</x>")
    whole = path.read_bytes()
    kinds = set()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        try:
            list(readers.read_blocks(readers.open_document(path)))
        except KnownError as error:
            kinds.add(error.kind)
    assert kinds == {"damaged_document", "no_text", "not_what_it_says"}


def test_xml_entities_are_not_expanded(reader: ReaderProcess, tmp_path: Path) -> None:
    path = tmp_path / "entities.docx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("word/document.xml", '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x>&b;</x>')
    assert refusal(reader, path).kind == "damaged_document"


def test_a_file_that_grows_while_it_is_read_is_read_again_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log.txt"
    path.write_text("one\n")
    real = os.fstat

    def grow(descriptor: int) -> os.stat_result:
        state = real(descriptor)
        with path.open("a") as file:
            file.write("more\n")
        return state

    monkeypatch.setattr(readers.os, "fstat", grow)
    with pytest.raises(KnownError, match="changed while it was read"):
        readers.open_document(path)


def test_a_file_that_vanishes_or_is_no_file_is_a_sentence(reader: ReaderProcess, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / "folder.txt").mkdir()
    assert refusal(reader, tmp_path / "gone.txt").kind == "file_missing"
    assert refusal(reader, tmp_path / "pipe.txt").kind == "not_a_file"
    assert refusal(reader, tmp_path / "folder.txt").kind == "is_a_folder"


def test_a_reader_that_dies_or_hangs_costs_one_document(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text")
    with ReaderProcess() as reader:
        for number, kind in ((signal.SIGKILL, "reader_died"), (signal.SIGSTOP, "document_hangs")):
            assert reader.blocks(tmp_path / "a.txt") == [DocumentBlock("text", line=1)]
            assert reader.pid is not None
            reader.silent_s = 0.5 if number == signal.SIGSTOP else reader.silent_s
            os.kill(reader.pid, number)
            assert refusal(reader, tmp_path / "a.txt").kind == kind


def test_every_page_is_a_sign_of_life_whether_it_has_text_or_not(tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "scan.pdf", ["", "", ""])
    for do in ("blocks", "passages"):
        *signs, last = reader_child.answer({"do": do, "path": str(path), "digest": ""})
        assert signs == [{"alive": True}] * 3
        assert last["error"]["kind"] == "no_text"


def test_reading_can_be_stopped_and_begun_again(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text")
    stopping = threading.Event()
    with ReaderProcess(stopping.is_set) as reader:
        assert list(reader.scan(tmp_path))
        assert reader.pid is not None
        os.kill(reader.pid, signal.SIGSTOP)
        threading.Timer(0.2, stopping.set).start()
        with pytest.raises(ReadingStopped):
            reader.blocks(tmp_path / "a.txt")
        stopping.clear()
        assert reader.blocks(tmp_path / "a.txt")


def test_documents_are_found_by_their_endings_below_the_folder(reader: ReaderProcess, tmp_path: Path) -> None:
    for name in ("a.txt", "B.PDF", "sub/c.docx", "sub/d.py", ".hidden.md", ".git/e.md", "node_modules/f.js", "g.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    assert sorted(path for path, _, _ in reader.scan(tmp_path)) == ["B.PDF", "a.txt", "sub/c.docx", "sub/d.py"]


def test_links_in_circles_end(reader: ReaderProcess, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.txt").write_text("a")
    (tmp_path / "sub" / "up").symlink_to(tmp_path)
    (tmp_path / "again").symlink_to(tmp_path / "sub")
    (tmp_path / "self.txt").symlink_to(tmp_path / "self.txt")
    (tmp_path / "nowhere.txt").symlink_to(tmp_path / "gone")
    assert [Path(path).name for path, _, _ in reader.scan(tmp_path)] == ["a.txt"]


def test_a_folder_that_vanished_or_cannot_be_read_is_a_sentence(reader: ReaderProcess, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for name in ("gone", "file"):
        with pytest.raises(KnownError, match=name) as caught:
            list(reader.scan(tmp_path / name))
        assert caught.value.kind == "folder_missing" and caught.value.advice


def test_a_folder_that_does_not_answer_is_given_up(tmp_path: Path) -> None:
    with ReaderProcess() as reader:
        list(reader.scan(tmp_path))
        assert reader.pid is not None
        reader.silent_s = 0.4
        os.kill(reader.pid, signal.SIGSTOP)
        begin = time.monotonic()
        with pytest.raises(KnownError, match="does not answer"):
            list(reader.scan(tmp_path))
        assert time.monotonic() - begin < 5


@pytest.mark.parametrize(
    ("limit", "kind"), [("MOST_ENTRIES", "too_many_files"), ("MOST_DOCUMENTS", "too_many_documents")]
)
def test_a_folder_with_more_than_can_be_searched_says_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, kind: str
) -> None:
    for number in range(12):
        (tmp_path / f"{number}.txt").touch()
    monkeypatch.setattr(folders, limit, 10)
    with pytest.raises(KnownError, match="more than 10") as caught:
        list(documents_in(tmp_path))
    assert caught.value.kind == kind


def test_a_hundred_thousand_files_are_looked_through_quickly(reader: ReaderProcess, tmp_path: Path) -> None:
    for number in range(3000):
        (tmp_path / f"{number}.png").touch()
    begin = time.monotonic()
    assert list(reader.scan(tmp_path)) == []
    assert (time.monotonic() - begin) * (100_000 / 3000) < 20
