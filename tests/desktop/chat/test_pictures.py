"""A model that sees gets the pictures of a question; one that does not gets the text in them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pytestqt.qtbot import QtBot

from belle import paths
from belle.engine.process.commands import DescribePicture
from belle.engine.process.events import PictureDescribed, Ready
from belle.prompts import Message
from desktop.chat.pictures.files import PictureFiles
from desktop.chat.prompt_path import with_attachments
from desktop.exchange.outgoing import export
from desktop.exchange.words import ExportWords
from desktop.store import Store
from tests.support.desk import Desk
from tests.support.fake_engine import model_info
from tests.support.pictures import png, png_chunk, stored

SIGN = stored(png(), name="sign.png", text="PLATFORM 42")
DOT = stored(png(8, 8), 8, 8, "dot.png")


def open_eyes(desk: Desk) -> None:
    """As if a model that sees had been loaded."""
    engine = desk.engines.last
    engine.on_event(Ready(replace(model_info(engine.loads[-1]), sees=True)))


def ask(desk: Desk) -> Message:
    """Ask about two pictures. Returns what was sent."""
    assert desk.controller.messages.send("Which?", (), (SIGN, DOT))
    return desk.engines.last.request.messages[-1]


def test_a_model_that_cannot_see_gets_the_text_and_is_told_of_the_rest(desk: Desk) -> None:
    message = ask(desk)
    assert message.pictures == ()
    assert message.content == (
        "sign.png (the text in this picture):\n```\nPLATFORM 42\n```\n\n"
        "[dot.png: a picture, which you cannot see]\n\nWhich?"
    )
    assert message.content == with_attachments("Which?", (), (SIGN, DOT))
    assert desk.path[0].pictures == (SIGN, DOT)


def test_a_model_that_sees_gets_the_pictures_as_files(desk: Desk) -> None:
    open_eyes(desk)
    message = ask(desk)
    assert message.content == "Which?"
    assert [Path(picture.path).read_bytes() for picture in message.pictures] == [SIGN.data, DOT.data]


def test_the_files_are_made_again_and_go_with_their_pictures(desk: Desk) -> None:
    open_eyes(desk)
    message = ask(desk)
    paths_before = [Path(picture.path) for picture in message.pictures]
    paths_before[0].unlink()
    files = PictureFiles(desk.store)
    assert [Path(ref.path) for ref in files.refs(desk.path[0].pictures)] == paths_before
    assert paths_before[0].read_bytes() == SIGN.data
    (paths.picture_files_dir() / "left over").write_bytes(b"")
    files.delete_orphans()
    assert sorted(path.name for path in paths.picture_files_dir().iterdir()) == sorted([SIGN.digest, DOT.digest])


def test_an_edited_question_is_asked_with_its_pictures(desk: Desk) -> None:
    ask(desk)
    desk.controller.messages.stop()
    desk.engines.last.finish("stopped")
    desk.controller.messages.edit(desk.path[0].id, "What?")
    assert desk.engines.last.request.messages[-1].content == with_attachments("What?", (), (SIGN, DOT))


def test_what_a_picture_costs_is_asked_of_the_model(desk: Desk) -> None:
    pictures = desk.controller.pictures
    counted: list[tuple[int, int]] = []
    pictures.counted.connect(lambda number, tokens: counted.append((number, tokens)))
    pictures.count(pictures.number(), SIGN)
    assert counted[0][1] == len(with_attachments("", (), (SIGN,)))
    open_eyes(desk)
    number = pictures.number()
    pictures.count(number, SIGN)
    command = desk.engines.last.commands[-1]
    assert isinstance(command, DescribePicture)
    assert Path(command.path).read_bytes() == SIGN.data
    desk.engines.last.on_event(PictureDescribed(number, "PNG", SIGN.digest, 4, 3, 4, 3, tokens=17))
    assert counted[1:] == [(number, 17)]


def test_pictures_above_the_composer_are_kept_with_the_draft(desk: Desk) -> None:
    drafting = desk.controller.drafting
    drafting.set_pictures(None, (SIGN,))
    assert drafting.flush()
    assert drafting.pictures(None) == (SIGN,)
    assert desk.controller.picture_data(SIGN.digest) == SIGN.data
    ask(desk)
    assert drafting.pictures(None) == ()


def test_an_imported_picture_is_drawn_anew(desk: Desk, tmp_path: Path, qtbot: QtBot) -> None:
    noisy = stored(
        png()[:-12] + png_chunk(b"tEXt", b"Comment\0taken at home") + png()[-12:], name="sign.png", text="42"
    )
    broken = stored(png(90, 90)[:60], 90, 90, "broken.png")
    with Store.open(tmp_path / "other.sqlite3") as other:
        question = other.add_question(None, "Which?", pictures=[noisy, broken])
        tree = other.with_picture_data(other.tree(question.conversation_id))
    export([tree], tmp_path / "chats.json", ExportWords())
    with qtbot.waitSignal(desk.controller.exchange.ended, timeout=60_000):
        desk.controller.exchange.import_files([tmp_path / "chats.json"])
    (picture,) = desk.store.active_path(desk.store.conversations()[0].id)[0].pictures
    assert (picture.name, picture.text, picture.width) == ("sign.png", "42", 4)
    assert b"taken at home" not in desk.store.picture_data(picture.digest)
    assert desk.notices[-1].details["left_out"] == {"images": 1}
