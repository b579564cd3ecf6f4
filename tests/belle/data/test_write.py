"""Written rows are read back unchanged, and a file is complete or does not exist."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belle.data.formats import FORMATS
from belle.data.read import read_rows
from belle.data.rows import (
    BAD_ANSWER,
    Conversation,
    PictureConversation,
    Preference,
    PretrainText,
    Row,
    TranscribedRecording,
)
from belle.data.write import WRITABLE, open_writer, to_record
from belle.errors import KnownError
from belle.prompts import Message

Q, A = (lambda text: Message("user", text)), (lambda text: Message("assistant", text))
TALK = Conversation((Message("system", "S"), Q("q1"), A("a1"), Q("q2\n问"), A("a2")), "id-1", "math")
ROWS: dict[str, Row] = {
    "belle": TALK,
    "sharegpt": TALK,
    "llava": PictureConversation(TALK.messages, "id-1", "math", picture="images/1.jpg"),
    "messages": TALK,
    "instruction": TALK,
    "multiturn": Conversation(TALK.messages[1:], "id-1"),
    "kto": Conversation((Q("q1"), A("a1"), Q("q2"), A("bad")), "id-1", unwanted=BAD_ANSWER),
    "prompt": Conversation((Q("q1"), A("a1"), Q("q2"))),
    "text": PretrainText("a\nb", "id-1"),
    "speech": TranscribedRecording("你好", "id-1", audio="clips/1.wav"),
    "dpo": Preference((Q("q1"), A("a1"), Q("q2")), "good", "bad", "id-1"),
    "reward": Preference((Q("q"),), "good", "bad"),
}


@pytest.mark.parametrize("name", WRITABLE)
@pytest.mark.parametrize("ending", [".jsonl", ".json.gz", ".parquet"])
def test_every_format_comes_back(tmp_path: Path, name: str, ending: str) -> None:
    path = tmp_path / f"data{ending}"
    with open_writer(path, name) as writer:
        for _ in range(3):
            writer.write(ROWS[name])
    assert writer.written == 3
    assert list(read_rows(path)) == [ROWS[name]] * 3


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=4), st.sampled_from(["belle", "messages", "instruction"]))
@settings(deadline=None)
def test_any_conversation_comes_back(turns: list[tuple[str, str]], name: str) -> None:
    row = Conversation(tuple(m for q, a in turns for m in (Q(q), A(a))))
    (again,) = FORMATS[name].rows(to_record(row, name))
    assert again == row


def test_a_row_that_a_format_cannot_hold_is_refused() -> None:
    for row, name in (
        (TALK, "multiturn"),
        (PretrainText("x"), "belle"),
        (TALK, "dpo"),
        (Conversation((Q("q"),)), "instruction"),
        (ROWS["kto"], "belle"),
        (Conversation((Q("q"),)), "kto"),
    ):
        with pytest.raises(KnownError) as caught:
            to_record(row, name)
        assert caught.value.kind == "cannot_express"


def test_a_file_that_was_not_finished_does_not_exist(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "data.jsonl"
    for existing in (False, True):
        with pytest.raises(RuntimeError), open_writer(path) as writer:
            writer.write(TALK)
            raise RuntimeError
        assert [p.name for p in path.parent.iterdir()] == (["data.jsonl"] if existing else [])
        path.write_text("old")
    assert path.read_text() == "old"


def test_equal_rows_give_equal_archives(tmp_path: Path) -> None:
    for name in ("a.jsonl.gz", "b.jsonl.gz"):
        with open_writer(tmp_path / name) as writer:
            writer.write(TALK)
    assert (tmp_path / "a.jsonl.gz").read_bytes() == (tmp_path / "b.jsonl.gz").read_bytes()
    assert "问" in gzip.decompress((tmp_path / "a.jsonl.gz").read_bytes()).decode()


def test_an_empty_parquet_file_and_an_unknown_format(tmp_path: Path) -> None:
    with open_writer(tmp_path / "a.parquet"):
        pass
    with pytest.raises(KnownError) as caught, open_writer(tmp_path / "a.jsonl", "mesages"):
        pass
    assert "Did you mean “messages”" in caught.value.advice


def test_an_answer_of_weight_0_is_written_as_one_or_not_at_all() -> None:
    row = Conversation((Q("q"), Message("assistant", "r", trained=False), Q("q2"), A("a2")))
    messages = to_record(row, "messages")["messages"]
    assert [message.get("weight") for message in messages] == [None, 0, None, None]
    for name in ("belle", "instruction", "kto"):
        with pytest.raises(KnownError, match="answers of weight 0"):
            to_record(row, name)
