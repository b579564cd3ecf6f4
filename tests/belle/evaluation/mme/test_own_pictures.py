"""The project's own pictures: what the maker draws is what is committed, and the questions are true of it."""

from __future__ import annotations

import json
import struct
import zlib
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from assets.evaluation.makers.pictures.__main__ import OWN, own_set, write_own, write_training
from assets.evaluation.makers.pictures.canvas import COLOURS, SHAPES, Canvas
from assets.evaluation.makers.pictures.glyphs import WORDS, strokes, write
from assets.evaluation.makers.pictures.scenes import SCENES, scenes


def pixels(png: bytes) -> NDArray[np.uint8]:
    """The places in the palette, `[rows, columns]`, of a file that `Canvas` wrote."""
    width, height = struct.unpack(">II", png[16:24])
    start = png.index(b"IDAT")
    (length,) = struct.unpack(">I", png[start - 4 : start])
    rows = np.frombuffer(zlib.decompress(png[start + 4 : start + 4 + length]), np.uint8).reshape(height, width + 1)
    assert not rows[:, 0].any()
    return rows[:, 1:]


def test_the_committed_set_is_what_the_maker_draws(tmp_path: Path) -> None:
    write_own(tmp_path)
    made = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*.*"))
    assert made == sorted(path.relative_to(OWN) for path in OWN.rglob("*.*"))
    assert len(made) == 120
    for path in made:
        new, committed = (tmp_path / path).read_bytes(), (OWN / path).read_bytes()
        if path.suffix == ".png":  # versions of zlib compress differently
            assert np.array_equal(pixels(new), pixels(committed)), path
        else:
            assert new == committed, path


def test_no_two_pictures_are_the_same() -> None:
    drawn = [scene.canvas.pixels.tobytes() for part in own_set().values() for scene in part]
    assert len(set(drawn)) == 60


def test_a_png_is_read_by_another_library() -> None:
    image = pytest.importorskip("PIL.Image")
    import io

    canvas = Canvas(32)
    canvas.shape("square", "red", (0.5, 0.5), 0.3)
    with image.open(io.BytesIO(canvas.png())) as opened:
        rgb = np.array(opened.convert("RGB"))
    assert tuple(rgb[16, 16]) == COLOURS["red"]
    assert tuple(rgb[0, 0]) == COLOURS["white"]


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_lie_inside_their_circle_and_are_symmetric(shape: str) -> None:
    canvas = Canvas(200)
    canvas.shape(shape, "blue", (0.5, 0.5), 0.4)
    rows, columns = np.nonzero(canvas.pixels)
    assert np.hypot(rows - 99.5, columns - 99.5).max() <= 0.4 * 200 * 1.21
    assert abs(columns.mean() - 99.5) < 0.5
    assert len(rows) > 0.15 * 200 * 200 * 0.4


def test_so_many_shapes_are_seen_as_are_said() -> None:
    numbers = ("one", "two", "three", "four", "five", "six")
    for scene in scenes("count", 40, Random(5)):
        assert numbers[islands(scene.canvas.pixels > 0) - 1] in scene.yes
        assert scene.yes != scene.no


def islands(filled: NDArray[np.bool_]) -> int:
    """How many connected parts there are, where pixels of blocks of 2 × 2 and their neighbours touch."""
    left = {(int(row) // 2, int(column) // 2) for row, column in np.argwhere(filled)}
    count = 0
    while left:
        count += 1
        front = [left.pop()]
        while front:
            row, column = front.pop()
            near = {(row + down, column + right) for down in (-1, 0, 1) for right in (-1, 0, 1)} & left
            left -= near
            front += near
    return count


def test_a_colour_and_a_side_are_what_is_drawn() -> None:
    names = list(COLOURS)
    for scene in scenes("color", 30, Random(6)):
        (place,) = set(np.unique(scene.canvas.pixels)) - {0}
        assert f"picture {names[place]}?" in scene.yes
        assert f"picture {names[place]}?" not in scene.no
    for scene in scenes("position", 30, Random(6)):
        assert len(np.unique(scene.canvas.pixels)) == 3


def test_words_look_different_and_all_of_them_can_be_written() -> None:
    seen = set()
    for word in WORDS:
        canvas = Canvas(64)
        write(canvas, word, "black", (0, 0.25), 0.5)
        seen.add(canvas.pixels.tobytes())
        assert all(
            0 <= x <= 1 and 0 <= y <= 1 for character in word for stroke in strokes(character) for x, y in stroke
        )
    assert len(seen) == len(WORDS)


def test_training_pictures_are_others_and_come_as_conversations(tmp_path: Path) -> None:
    write_training(tmp_path, 40)
    rows = {name: read(tmp_path / f"{name}.jsonl") for name in ("captions", "conversations", "yes_no")}
    assert [len(part) for part in rows.values()] == [40, 40, 80]
    answers = Counter(row["conversations"][1]["value"] for row in rows["yes_no"])
    assert answers == {"Yes": 40, "No": 40}
    everything = [row for part in rows.values() for row in part]
    assert all(row["conversations"][0]["value"].startswith("<image>\n") for row in everything)
    own = {scene.canvas.pixels.tobytes() for part in own_set().values() for scene in part}
    files = {row["image"] for row in everything}
    assert len(files) == 40
    assert all(pixels((tmp_path / file).read_bytes()).tobytes() not in own for file in files)
    assert set(SCENES) == {Path(file).stem.rsplit("-", 1)[0] for file in files}


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
