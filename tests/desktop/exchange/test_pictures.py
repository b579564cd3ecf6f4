"""Pictures go along with what is exported, in every format, and come back with our own."""

from __future__ import annotations

import base64
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop.exchange.files import conversations_in
from desktop.exchange.html_page import html_page, print_page
from desktop.exchange.outgoing import export
from desktop.exchange.own_format import record
from desktop.exchange.words import ExportWords
from desktop.store import ConversationTree, TreeMessage
from desktop.store.pictures.header import PictureHeader, picture_header
from tests.support.pictures import png, stored

WORDS = ExportWords()
VIOLET, GREEN = png(), png(8, 8, (30, 127, 79))
TREE = ConversationTree(
    messages=(
        TreeMessage(
            None,
            "user",
            "What is this?",
            active_child=1,
            pictures=(stored(VIOLET, name="a]*.png", text="北京 <b>"), stored(GREEN, 8, 8, "b.png")),
        ),
        TreeMessage(0, "assistant", "A colour.", pictures=()),
    ),
    title="Colours",
    active_leaf=1,
)
PLAIN = ConversationTree(messages=(TreeMessage(None, "user", "What is this?"),), active_leaf=0)


def imported(path: Path) -> ConversationTree:
    (incoming,) = conversations_in(path)
    return incoming.tree


def test_our_own_format_brings_pictures_back(tmp_path: Path) -> None:
    export([TREE], tmp_path / "chats.json", WORDS)
    back = imported(tmp_path / "chats.json").messages[0].pictures
    assert back == TREE.messages[0].pictures
    assert [picture.data for picture in back] == [VIOLET, GREEN]


@pytest.mark.parametrize(
    "damage",
    [
        {"data": "no base64"},
        {"data": base64.b64encode(b"<svg xmlns='http://www.w3.org/2000/svg'/>").decode()},
        {"data": base64.b64encode(VIOLET[:20]).decode()},
        {"data": None},
        {"data": 7},
    ],
)
def test_a_picture_that_is_none_is_counted_and_the_rest_comes_in(damage: dict[str, Any], tmp_path: Path) -> None:
    export([TREE], tmp_path / "chats.json", WORDS)
    document = json.loads((tmp_path / "chats.json").read_bytes())
    document["conversations"][0]["messages"][0]["pictures"][0] |= damage
    (tmp_path / "chats.json").write_text(json.dumps(document))
    (incoming,) = conversations_in(tmp_path / "chats.json")
    assert [picture.name for picture in incoming.tree.messages[0].pictures] == ["b.png"]
    assert incoming.left_out["images"] == 1


def test_what_a_file_claims_of_a_picture_does_not_count(tmp_path: Path) -> None:
    export([TREE], tmp_path / "chats.json", WORDS)
    document = json.loads((tmp_path / "chats.json").read_bytes())
    claims = {"kind": "jpeg", "width": 9, "height": -1, "text": 7, "source_width": "x", "digest": "0"}
    document["conversations"][0]["messages"][0]["pictures"][0] |= claims
    (tmp_path / "chats.json").write_text(json.dumps(document))
    picture = imported(tmp_path / "chats.json").messages[0].pictures[0]
    assert (picture.kind, picture.width, picture.height, picture.text) == ("png", 4, 3, "")
    assert picture.digest == TREE.messages[0].pictures[0].digest


def test_a_page_holds_its_pictures_and_may_load_no_other() -> None:
    page = html_page([TREE], WORDS)
    assert f'src="data:image/png;base64,{base64.b64encode(VIOLET).decode()}"' in page
    assert "img-src data:;" in page
    assert "北京 &lt;b&gt;" in page
    assert "img-src" not in html_page([PLAIN], WORDS)


def test_a_page_for_paper_has_the_pictures() -> None:
    assert print_page([TREE], WORDS).count("<img") == 2


def test_markdown_has_its_pictures_beside_it(tmp_path: Path) -> None:
    export([TREE], tmp_path / "my chats.md", WORDS)
    text = (tmp_path / "my chats.md").read_text()
    names = [f"{picture.digest[:16]}.png" for picture in TREE.messages[0].pictures]
    assert f"![a\\]\\*.png](<my chats-pictures/{names[0]}>)" in text
    assert "> 北京 <b>" in text
    assert (tmp_path / "my chats-pictures" / names[1]).read_bytes() == GREEN


def test_an_archive_has_each_picture_once(tmp_path: Path) -> None:
    export([TREE, TREE], tmp_path / "chats.zip", WORDS)
    with zipfile.ZipFile(tmp_path / "chats.zip") as archive:
        names = [f"pictures/{picture.digest[:16]}.png" for picture in TREE.messages[0].pictures]
        assert sorted(archive.namelist()) == sorted(["Colours.md", "Colours (2).md", *names])
        assert f"](<{names[0]}>)" in archive.read("Colours.md").decode()


def test_a_chat_without_pictures_makes_no_folder(tmp_path: Path) -> None:
    export([PLAIN], tmp_path / "chat.md", WORDS)
    assert [path.name for path in tmp_path.iterdir()] == ["chat.md"]


def test_a_record_is_json() -> None:
    assert json.loads(json.dumps(record(TREE)))["messages"][1]["pictures"] == []


JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffff") + bytes.fromhex("c0000b08012c01900101110000")


def test_the_head_of_a_file_says_how_large_it_is() -> None:
    assert picture_header(VIOLET) == PictureHeader("png", 4, 3)
    assert picture_header(JPEG) == PictureHeader("jpeg", 400, 300)
    assert picture_header(JPEG[:-8]) is None


@given(st.binary(max_size=200), st.sampled_from([b"", VIOLET[:16], JPEG[:2], JPEG[:20]]))
def test_any_bytes_have_a_head_or_none(tail: bytes, head: bytes) -> None:
    header = picture_header(head + tail)
    assert header is None or min(header.width, header.height) > 0
