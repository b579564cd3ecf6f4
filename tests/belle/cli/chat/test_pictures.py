"""`belle chat --image` and `/image`: the starter model with a random vision encoder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from belle.gguf.reader import read_header
from tests.belle.cli.chat.test_command import chat
from tests.support.mmproj import N_PICTURE_TOKENS, write_mmproj
from tests.support.pty_chat import READS, Pty


@pytest.fixture(scope="module")
def mmproj(starter: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_mmproj(tmp_path_factory.mktemp("eyes") / "mmproj.gguf", read_header(starter).n_embd)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    Image.new("RGB", (3000, 2000), "navy").save(path)
    return path


def test_a_question_about_a_picture_has_its_tokens_in_the_prompt(mmproj: Path, photo: Path) -> None:
    options = ("--max-tokens", "2", "--json", "--mmproj", str(mmproj), "-p", "What is it?")
    without, once, twice = (
        json.loads(chat(*options, *(["--image", str(photo)] * count)).stdout)["prompt_tokens"] for count in range(3)
    )
    assert (once, twice) == (without + N_PICTURE_TOKENS, without + 2 * N_PICTURE_TOKENS)


@pytest.mark.parametrize(
    ("content", "options", "said"),
    [
        (b"", ("--mmproj",), "is empty"),
        (b"<svg/>", ("--mmproj",), "SVG"),
        (b"\xff\xd8\xff", ("--mmproj",), "photo.jpg"),
        (None, (), "cannot see pictures"),
        (None, ("--mmproj", "--save"), "cannot keep pictures"),
        (None, ("--mmproj", "--strategy", "react"), "answers without pictures"),
    ],
)
def test_what_cannot_be_seen_is_said_in_words(
    mmproj: Path, photo: Path, content: bytes | None, options: tuple[str, ...], said: str
) -> None:
    if content is not None:
        photo.write_bytes(content)
    words = [word for option in options for word in ((option, str(mmproj)) if option == "--mmproj" else (option,))]
    done = chat("--max-tokens", "2", "--image", str(photo), *words, "-p", "What is it?")
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_the_command_shows_pictures_to_the_next_question(
    terminal: Callable[..., Pty], mmproj: Path, photo: Path
) -> None:
    tty = terminal("--max-tokens", "2", "--mmproj", str(mmproj))
    tty.expect(READS)
    assert "No picture" in tty.ask("/image")
    assert "photo.jpg" in tty.ask(f"/image {photo}")
    assert "No picture" in tty.ask("/image off")
    tty.ask(f"/image {photo}")
    assert "3000 × 2000 pixels, seen at 1536 × 1024; 16 tokens" in tty.ask("What is it?")
    assert "No picture" in tty.ask("/image")
    assert "does not exist" in tty.ask("/image gone.png") + tty.ask("And this?")
