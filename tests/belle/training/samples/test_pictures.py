"""Pictures among the samples: their tokens stand where they are shown, and what cannot be read is said."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from belle.cli.main import main
from belle.data.read import detect_format, read_rows
from belle.data.rows import PictureConversation
from belle.data.split import group_text
from belle.data.write import open_writer
from belle.errors import KnownError
from belle.prompts import TEMPLATES, Message
from belle.training.model.vision import PictureFormat
from belle.training.samples.encode import RowChunk, RowEncoder
from belle.training.samples.picture_text import PicturePlaceholder, PictureVocabulary, with_mark
from belle.training.samples.pictures import read_picture
from belle.training.samples.store import EncodedSamples
from belle.training.tokenizer.tokenizer import HubVocabulary, load_tokenizer
from tests.belle.training.runs import TOKENIZER

WANTED = PictureFormat(8, 4, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
PLACEHOLDER = PicturePlaceholder(9999, 4)


@pytest.fixture(scope="module")
def vocabulary() -> HubVocabulary:
    return HubVocabulary(load_tokenizer(TOKENIZER, notice=print))


def talk(*texts: str, picture: str = "a.png") -> PictureConversation:
    roles = ("user", "assistant")
    return PictureConversation(
        tuple(Message(roles[n % 2], text) for n, text in enumerate(texts)),  # type: ignore[arg-type]
        picture=picture,
    )


def encoded(vocabulary: HubVocabulary, row: PictureConversation, template: str = "belle", length: int = 200) -> Any:
    encoder = RowEncoder(vocabulary, TEMPLATES[template], length, placeholder=PLACEHOLDER)
    part = encoder.encode(RowChunk(0, "data", "row", [(1, row)]))
    assert isinstance(part, EncodedSamples)
    return part


def ids_of(part: EncodedSamples) -> list[int]:
    return [int(token) if token >= 0 else -1 - int(token) for token in part.tokens]


@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_in_every_template_the_picture_stands_before_the_question(template: str, vocabulary: HubVocabulary) -> None:
    try:
        part = encoded(vocabulary, talk("<image>\nWhat is it?", "A star"), template)
    except KnownError as error:
        pytest.skip(error.message)
    if not part.counts.samples:
        pytest.skip(str(part.counts.dropped))
    ids = ids_of(part)
    assert ids.count(PLACEHOLDER.token) == PLACEHOLDER.count
    first = ids.index(PLACEHOLDER.token)
    assert ids[first : first + 4] == [PLACEHOLDER.token] * 4
    before, after = vocabulary.text(ids[:first]), vocabulary.text(ids[first + 4 :])
    assert "What is it?" in after
    assert "What is it?" not in before
    trained = [int(token) for token in part.tokens if token >= 0]
    assert PLACEHOLDER.token not in trained
    assert "A star" in vocabulary.text(trained)


def test_the_text_of_the_loss_is_the_answers_alone(vocabulary: HubVocabulary) -> None:
    part = encoded(vocabulary, talk("<image>\nWhat?", "A star", "And?", "A moon"))
    trained = [int(token) for token in part.tokens if token >= 0]
    assert vocabulary.text(trained).replace("</s>", "|").replace(" ", "") == "Astar|Amoon|"


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("<image>\nWhat?", "What?"),
        ("What?\n<image>", "What?"),
        ("Look <image> what?", "Look \n what?"),
        ("What?", "What?"),
        ("<image>", ""),
        ("a\ufdd0b <image>", "ab "),
    ],
)
def test_the_mark_stands_at_the_beginning_of_the_message(text: str, rest: str) -> None:
    (message,) = with_mark([Message("user", text)])
    assert message.content == "\ufdd0" + rest


def test_the_picture_is_shown_in_the_message_that_names_it() -> None:
    said = with_mark([Message("user", "Hello"), Message("assistant", "<image>"), Message("user", "<image>\nWhat?")])
    assert [message.content for message in said] == ["Hello", "<image>", "\ufdd0What?"]


def test_texts_around_a_picture_are_tokenized_apart(vocabulary: HubVocabulary) -> None:
    seeing = PictureVocabulary(vocabulary, PLACEHOLDER)
    picture = [PLACEHOLDER.token] * 4
    assert seeing.tokenize("Human: \ufdd0What?") == vocabulary.tokenize(
        "Human: "
    ) + picture + vocabulary.tokenize_after("What?")
    assert seeing.tokenize("\ufdd0") == picture
    assert seeing.tokenize("plain") == vocabulary.tokenize("plain")


def test_what_loses_its_picture_is_left_out(vocabulary: HubVocabulary) -> None:
    long = encoded(vocabulary, talk("<image>\nWhat?", "A star", "And what else is there? " * 3, "Yes"), length=60)
    assert long.counts.dropped == {"longer than 60 tokens": 1}
    assert encoded(vocabulary, talk("What?", "A star", picture="")).counts.dropped == {"without a picture": 1}


LLAVA = {
    "id": "1",
    "image": "a/b.jpg",
    "conversations": [{"from": "human", "value": "<image>\nq"}, {"from": "gpt", "value": "a"}],
}


def lines(path: Path, *rows: Any) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_llavas_rows_are_read_and_written(tmp_path: Path) -> None:
    path = lines(tmp_path / "data.jsonl", LLAVA, {**LLAVA, "image": ["c.jpg"]}, {**LLAVA, "image": None})
    rows = list(read_rows(path))
    assert detect_format(path).name == "llava"
    assert [row.picture for row in rows if isinstance(row, PictureConversation)] == ["a/b.jpg", "c.jpg", ""]
    with open_writer(tmp_path / "again.jsonl") as writer:
        for row in rows[:2]:
            writer.write(row)
    assert list(read_rows(tmp_path / "again.jsonl")) == rows[:2]


def test_fine_tuning_reads_the_same_file_as_conversations(tmp_path: Path) -> None:
    (row,) = read_rows(lines(tmp_path / "data.jsonl", LLAVA), "conversation")
    assert row.messages[0].content == "<image>\nq"


@pytest.mark.parametrize(
    "changes",
    [
        {"image": 3},
        {"image": ["a", "b"]},
        {"image": ""},
        {"conversations": [{"from": "human", "value": "<image><image>"}]},
    ],
)
def test_a_row_with_no_one_picture_is_refused(changes: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(KnownError, match="line 1"):
        list(read_rows(lines(tmp_path / "data.jsonl", {**LLAVA, **changes}), format="llava"))


def test_a_picture_becomes_a_square_of_values(tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (16, 8), (255, 255, 255)).save(tmp_path / "wide.png")
    values = read_picture(tmp_path / "wide.png", WANTED)
    assert values.shape == (3, 8, 8)
    assert values.dtype == np.float32
    assert values[:, 4, 4] == pytest.approx([1, 1, 1], abs=0.02)
    assert values[:, 0, 4] == pytest.approx([0, 0, 0], abs=0.02)  # filled up with the mean colour


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "1"])
def test_pictures_of_every_mode_are_read(mode: str, tmp_path: Path) -> None:
    from PIL import Image

    Image.new(mode, (8, 8)).save(tmp_path / "p.png")
    assert read_picture(tmp_path / "p.png", WANTED).shape == (3, 8, 8)


def test_pictures_are_upright_and_on_white_as_the_engine_shows_them(tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert read_picture(tmp_path / "clear.png", WANTED) == pytest.approx(1, abs=0.02)
    image = Image.new("RGB", (16, 16), (0, 0, 0))
    image.paste((255, 255, 255), (0, 0, 16, 8))  # white above, black below
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    image.save(tmp_path / "turned.png", exif=exif)
    values = read_picture(tmp_path / "turned.png", WANTED)
    assert values[:, 1, 4].mean() < values[:, 6, 4].mean()


def test_a_bomb_a_cut_file_and_a_text_are_refused(tmp_path: Path) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))))
    from PIL import Image

    Image.effect_noise((64, 64), 90).save(tmp_path / "whole.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "whole.jpg").read_bytes()[:600])
    (tmp_path / "text.png").write_text("<svg/>", encoding="utf-8")
    for name in ("bomb.png", "cut.jpg", "text.png"):
        with pytest.raises(KnownError, match=name):
            read_picture(tmp_path / name, WANTED)


def test_words_about_two_pictures_are_no_duplicates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{**LLAVA, "image": name} for name in ("a-0001.png", "a-0002.png", "a-0001.png")]
    path = lines(tmp_path / "data.jsonl", *rows)
    assert main(["data", "check", str(path), "--near", "0.8"]) == 0
    assert "the same as an earlier row: 1" in capsys.readouterr().out
    for number, by in enumerate(([], ["--by", "question"])):
        out = tmp_path / f"kept-{number}.jsonl"
        assert main(["data", "dedup", str(path), "-o", str(out), *by]) == 0
        kept = [row.picture for row in read_rows(out) if isinstance(row, PictureConversation)]
        assert kept == ["a-0001.png", "a-0002.png"]


def test_rows_about_one_picture_stay_together_when_data_are_split() -> None:
    one, other = talk("<image>\nWhat?", "A star"), talk("Where?", "Here")
    assert group_text(one) == group_text(other)
    assert group_text(one) != group_text(talk("<image>\nWhat?", "A star", picture="b.png"))
