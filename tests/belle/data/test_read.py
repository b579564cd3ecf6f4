"""Every format becomes rows, and errors name the file and the line."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belle.data import files, json_array
from belle.data.fields import ROLES
from belle.data.formats import FORMATS
from belle.data.read import detect_format, read_categories, read_rows, scan_rows
from belle.data.rows import Conversation, Kind, Preference, PretrainText, category_name
from belle.data.trainable import untrainable
from belle.errors import KnownError
from belle.prompts import Message

Q, A = (lambda text: Message("user", text)), (lambda text: Message("assistant", text))
PROMPT = "Human: \n你好\n\nAssistant: \n"


def lines(folder: Path, *records: Any, name: str = "data.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records), encoding="utf-8")
    return path


def one(folder: Path, record: Any, **options: Any) -> Any:
    (row,) = read_rows(lines(folder, record), **options)
    return row


def refused(path: Path | str, **options: Any) -> KnownError:
    with pytest.raises(KnownError) as caught:
        list(read_rows(path, **options))
    return caught.value


FORMS: dict[str, tuple[Any, Any]] = {
    "BELLE": (
        {"id": "a", "conversations": [{"from": "human", "value": "q"}, {"from": "Assistant", "value": "r"}]},
        Conversation((Q("q"), A("r")), "a"),
    ),
    "ShareGPT": (
        {"system": "S", "conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "r"}]},
        Conversation((Message("system", "S"), Q("q"), A("r"))),
    ),
    "OpenAI": (
        {"messages": [{"role": "developer", "content": "S"},
                      {"role": "user", "content": [{"type": "text", "text": "q"}]}]},
        Conversation((Message("system", "S"), Q("q"))),
    ),
    "Alpaca": (
        {"instruction": "do", "input": "this", "output": "r", "category": "Open\xa0QA"},
        Conversation((Q("do\nthis"), A("r")), category="Open\xa0QA"),
    ),
    "Alpaca with history": (
        {"instruction": "do", "input": "", "output": "r", "history": [["q1", "a1"]], "system": "S"},
        Conversation((Message("system", "S"), Q("q1"), A("a1"), Q("do"), A("r"))),
    ),
    "BELLE 0.5M": ({"input": "q", "target": "r"}, Conversation((Q("q"), A("r")))),
    "BELLE multi-turn": (
        {"instruction": "Human:q1\nAssistant:a1\na1b\nHuman:q2\nAssistant:", "input": "", "output": "\nr"},
        Conversation((Q("q1"), A("a1\na1b"), Q("q2"), A("r"))),
    ),
    "BELLE evaluation": (
        {"question": "q", "std_answer": "r", "class": "math"}, Conversation((Q("q"), A("r")), category="math"),
    ),
    "PPO prompt": ({"text": PROMPT}, Conversation((Q("你好"),))),
    "pre-training": ({"text": "Human beings"}, PretrainText("Human beings")),
    "BELLE reward": (
        {"chosen": PROMPT + "好</s>", "rejected": PROMPT + "坏"}, Preference((Q("你好"),), "好", "坏"),
    ),
    "BELLE DPO": ({"prompt": PROMPT, "chosen": "好", "rejected": "坏"}, Preference((Q("你好"),), "好", "坏")),
    "BELLE DPO as its README says": (
        {"prompt": PROMPT, "chosen": "好", "reject": "坏"}, Preference((Q("你好"),), "好", "坏"),
    ),
    "bare DPO": ({"prompt": "q", "chosen": "好", "rejected": "坏"}, Preference((Q("q"),), "好", "坏")),
    "trl DPO": (
        {"prompt": [{"role": "user", "content": "q"}], "chosen": [{"role": "assistant", "content": "g"}],
         "rejected": [{"role": "assistant", "content": "b"}]},
        Preference((Q("q"),), "g", "b"),
    ),
    "trl reward": (
        {"chosen": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "g"}],
         "rejected": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "b"}]},
        Preference((Q("q"),), "g", "b"),
    ),
    "ShareGPT preference": (
        {"conversations": [{"from": "human", "value": "q"}], "chosen": {"from": "gpt", "value": "g"},
         "rejected": {"from": "gpt", "value": "b"}},
        Preference((Q("q"),), "g", "b"),
    ),
    "completion": ({"prompt": "q", "completion": "r"}, Conversation((Q("q"), A("r")))),
    "response": (
        {"system": "S", "prompt": "q", "response": "r"}, Conversation((Message("system", "S"), Q("q"), A("r"))),
    ),
    "completion of turns": (
        {"prompt": [{"role": "user", "content": "q"}], "completion": [{"role": "assistant", "content": "r"}]},
        Conversation((Q("q"), A("r"))),
    ),
    "completion of a templated prompt": ({"prompt": PROMPT, "completion": "r"}, Conversation((Q("你好"), A("r")))),
    "query and response": ({"query": "q", "response": "r"}, Conversation((Q("q"), A("r")))),
    "question and response": (
        {"system": "S", "question": "q", "response": "r"}, Conversation((Message("system", "S"), Q("q"), A("r"))),
    ),
    "input and output": ({"input": "q", "output": "r"}, Conversation((Q("q"), A("r")))),
    "Dolly": (
        {"instruction": "do", "context": "this", "response": "r", "category": "qa"},
        Conversation((Q("do\nthis"), A("r")), category="qa"),
    ),
    "good of KTO": ({"prompt": "q", "completion": "r", "label": True}, Conversation((Q("q"), A("r")))),
    "bad of KTO": (
        {"prompt": "q", "completion": "r", "label": False},
        Conversation((Q("q"), A("r")), unwanted="its label says that the answer is a bad one"),
    ),
    "a bad answer in OpenAI's form": (
        {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "r"}], "label": False},
        Conversation((Q("q"), A("r")), unwanted="its label says that the answer is a bad one"),
    ),
    "a bad answer in Alpaca's form": (
        {"instruction": "q", "output": "r", "kto_tag": False},
        Conversation((Q("q"), A("r")), unwanted="its label says that the answer is a bad one"),
    ),
    "an answer of weight 0": (
        {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "r", "weight": 0}]},
        Conversation((Q("q"), Message("assistant", "r", trained=False))),
    ),
    "labels that are numbers": (
        {"id": 7, "class": 3, "instruction": "q", "output": "r"}, Conversation((Q("q"), A("r")), "7", "3"),
    ),
    "a label of something else": (
        {"question": "q", "answer": "r", "label": 0}, Conversation((Q("q"), A("r"))),
    ),
    "tools": (
        {"tools": [{"name": "f"}], "messages": [{"role": "user", "content": "q"}]},
        Conversation((Q("q"),), unwanted="it is about tools, which no prompt here can describe"),
    ),
    "no tools": ({"tools": [], "messages": [{"role": "user", "content": "q"}]}, Conversation((Q("q"),))),
    "Orca DPO": (
        {"system": "S", "question": "q", "chosen": "g", "rejected": "b"},
        Preference((Message("system", "S"), Q("q")), "g", "b"),
    ),
    "UltraFeedback": (
        {"prompt": "q", "chosen": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "g"}],
         "rejected": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "b"}]},
        Preference((Q("q"),), "g", "b"),
    ),
    "a pair with its conversation": (
        {"prompt": "q", "chosen": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"},
                                   {"role": "user", "content": "r"}, {"role": "assistant", "content": "g"}],
         "rejected": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"},
                      {"role": "user", "content": "r"}, {"role": "assistant", "content": "b"}]},
        Preference((Q("q"), A("a"), Q("r")), "g", "b"),
    ),
    "Alpaca preference": (
        {"instruction": "q", "input": "", "chosen": "g", "rejected": "b"}, Preference((Q("q"),), "g", "b"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_formats(tmp_path: Path, name: str) -> None:
    record, expected = FORMS[name]
    assert one(tmp_path, record) == expected


def test_a_pair_that_answers_another_question_than_its_prompt_is_refused(tmp_path: Path) -> None:
    both = {
        key: [{"role": "user", "content": "q"}, {"role": "assistant", "content": key}] for key in ("chosen", "rejected")
    }
    assert "does not begin with the prompt" in refused(lines(tmp_path, {"prompt": "p", **both})).message


def test_a_seed_gives_a_row_for_each_instance(tmp_path: Path) -> None:
    seed = {"id": "s", "instruction": "do", "instances": [{"input": "a", "output": "1"}, {"input": "", "output": "2"}]}
    rows = list(read_rows(lines(tmp_path, seed)))
    assert rows == [Conversation((Q("do\na"), A("1")), "s"), Conversation((Q("do"), A("2")), "s")]


BELLE_ROW = {"conversations": [{"from": "human", "value": "q"}, {"from": "assistant", "value": "r"}]}


@pytest.mark.parametrize(("role", "meant"), [("asistant", "assistant"), ("Humann", "human"), ("usr", "user")])
def test_an_unknown_role_is_refused_and_never_trained(tmp_path: Path, role: str, meant: str) -> None:
    """BELLE trained on everything that was not “human”."""
    bad = {"conversations": [{"from": "human", "value": "q"}, {"from": role, "value": "r"}]}
    error = refused(lines(tmp_path, BELLE_ROW, BELLE_ROW, bad))
    assert error.kind == "data_wrong"
    assert error.details["number"] == 3
    assert error.details["role"] == role
    assert f"data.jsonl, line 3: turn 2: the role “{role}” is not known" in error.message
    assert f"Did you mean “{meant}”" in error.advice


def test_the_role_user_is_never_trained(tmp_path: Path) -> None:
    row = one(tmp_path, {"conversations": [{"from": "user", "value": "q"}, {"from": "gpt", "value": "r"}]})
    assert [m.role for m in row.messages] == ["user", "assistant"]


WRONG: dict[str, tuple[Any, str]] = {
    "no object": ([1], "it is a list"),
    "a missing key": ({"conversation": []}, "“conversations” is missing"),
    "an empty conversation": ({"conversations": []}, "not a list of turns"),
    "a text for the turns": ({"conversations": "x"}, "not a list of turns"),
    "a turn that is a text": ({"conversations": ["x"]}, "turn 1 is a text"),
    "a turn without a role": ({"conversations": [{"value": "x"}]}, "turn 1 has neither"),
    "a number for a text": ({"conversations": [{"from": "human", "value": 3}]}, "“value” is 3"),
    "null for a text": ({"conversations": [{"from": "human", "value": None}]}, "“value” is null"),
    "half a character": ({"conversations": [{"from": "human", "value": "a\ud83d"}]}, "half a character"),
}


@pytest.mark.parametrize("name", WRONG)
def test_an_error_names_the_line(tmp_path: Path, name: str) -> None:
    record, message = WRONG[name]
    path = tmp_path / "data.json"
    path.write_text("".join(json.dumps(r) + "\n" for r in [BELLE_ROW, BELLE_ROW, record, BELLE_ROW]), encoding="utf-8")
    error = refused(path)
    assert (error.kind, error.details["number"]) == ("data_wrong", 3)
    assert message in error.message
    # The rest can still be read.
    found = [row for _, row in scan_rows(path)]
    assert [isinstance(row, KnownError) for row in found] == [False, False, True, False]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ('{"text": "a"}\n\n{"text": \n', 3, "it is not valid JSON"),
        ('[{"text": "a"},\n {"text": "b"},\n {"text": }]', 3, "it is not valid JSON"),
        ('[{"text": "a"}\n {"text": "b"}]', 2, "a comma is missing"),
        ('[{"text": "a"},\n {"text": "b"}', 2, "the array is not closed"),
        ('[{"text": "a"},\n {"text": "b"},', 2, "the array is not closed"),
        ('[{"text": "a"},]', 1, "it is not valid JSON"),
        ('[{"text": "a"}]\n[{"text": "b"}]', 2, "something follows"),
        ("[" * 100_000, 1, "nested more than 100 levels deep"),
    ],
)
def test_damaged_json(tmp_path: Path, text: str, line: int, message: str) -> None:
    path = tmp_path / "data.json"
    path.write_text(text, encoding="utf-8")
    error = refused(path)
    assert error.kind == "data_wrong"
    assert error.details["number"] == line
    assert message in error.message


def test_bytes_that_are_not_utf8_are_named(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_bytes('{"text": "a"}\n{"text": "你好"}\n'.encode("gbk"))
    error = refused(path)
    assert error.details["number"] == 2
    assert "not UTF-8" in error.message


def test_a_truncated_archive_is_named(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"text": "a"}\n' * 10_000)[:-20])
    assert refused(path).kind == "file_damaged"


@given(
    st.lists(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
            max_leaves=6,
        ),
        max_size=8,
    ),
    st.sampled_from([None, 0, 2]),
    st.integers(1, 9),
)
@settings(deadline=None, max_examples=60)
def test_an_array_is_read_as_json_reads_it(values: list[Any], indent: int | None, block: int) -> None:
    """At whatever places its text is cut into blocks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_array, "BLOCK", block)
        found = list(json_array.array_elements(io.StringIO(json.dumps(values, indent=indent))))
    assert [value for _, value in found] == values


@given(st.binary(max_size=200))
@settings(deadline=None)
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_bytes(data)
    try:
        list(read_rows(path))
    except KnownError as error:
        assert error.message


VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["from", "value", "role", "content", "type", "text"]), inner, max_size=3)
    ),
    max_leaves=8,
)
KEYS = sorted({k for f in FORMATS.values() for key in f.keys for k in ([key] if isinstance(key, str) else key)})


@given(VALUES, st.sampled_from(KEYS))
@settings(deadline=None)
def test_any_record_is_a_row_or_refused(tmp_path_factory: pytest.TempPathFactory, value: Any, key: str) -> None:
    record = {"conversations": value, "messages": value, "prompt": value, "chosen": "a", "rejected": value, key: value}
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    path.write_text(json.dumps(record), encoding="utf-8")
    for form in FORMATS:
        for _, row in scan_rows(path, format=form):
            assert isinstance(row, KnownError | Conversation | Preference | PretrainText)


ROWS = [{"text": f"text {i}"} for i in range(120)]
TEXTS = [PretrainText(f"text {i}") for i in range(120)]


def test_containers(tmp_path: Path) -> None:
    plain = lines(tmp_path, *ROWS)
    array = tmp_path / "array.json"
    array.write_text(json.dumps(ROWS, indent=1), encoding="utf-8")
    with_bom = tmp_path / "bom.json"
    with_bom.write_bytes(b"\xef\xbb\xbf" + plain.read_bytes())
    zipped = tmp_path / "data.json.gz"
    zipped.write_bytes(gzip.compress(array.read_bytes()))
    for path in (plain, array, with_bom, zipped):
        assert list(read_rows(path)) == TEXTS
    numbers = [record.number for record, _ in scan_rows(array)]
    assert numbers == [2 + 3 * i for i in range(120)]


def test_parquet_and_saved_datasets(tmp_path: Path) -> None:
    import datasets

    turns = [{"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": str(i)}]} for i in range(50)]
    dataset = datasets.Dataset.from_list(turns)
    dataset.to_parquet(tmp_path / "data.parquet")
    dataset.save_to_disk(tmp_path / "saved")
    for path in (tmp_path / "data.parquet", tmp_path / "saved"):
        rows = list(read_rows(path, "conversation"))
        assert [row.messages[1].content for row in rows] == [str(i) for i in range(50)]
    assert {record.unit for record, _ in scan_rows(tmp_path / "data.parquet")} == {"row"}
    (tmp_path / "broken.parquet").write_bytes(b"PAR1nothing")
    assert refused(tmp_path / "broken.parquet").kind == "file_damaged"


def test_a_folder_is_its_files_each_in_its_own_format(tmp_path: Path) -> None:
    lines(tmp_path, BELLE_ROW, BELLE_ROW, name="b.jsonl")
    (tmp_path / "sub").mkdir()
    lines(tmp_path / "sub", {"instruction": "q", "input": "", "output": "r"}, name="c.json")
    (tmp_path / "readme.md").write_text("no data")
    rows = list(read_rows(tmp_path))
    assert rows == [Conversation((Q("q"), A("r")))] * 3


def test_text_files_are_documents(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\n\ntwo", encoding="utf-8")
    assert list(read_rows(tmp_path, "text")) == [PretrainText("one\n\ntwo")]


def test_missing_files_and_unknown_formats_are_refused(tmp_path: Path) -> None:
    assert refused(tmp_path / "no.json").kind == "file_missing"
    assert refused(tmp_path).kind == "file_missing"
    (tmp_path / "a.csv").write_text("a,b")
    assert refused(tmp_path / "a.csv").kind == "unknown_format"
    error = refused(lines(tmp_path, {"conversation": [], "other": 1}))
    assert error.kind == "unknown_format"
    assert "“conversation” for “conversations”" in error.advice
    error = refused(lines(tmp_path, BELLE_ROW), format="bele")
    assert "Did you mean “belle”" in error.advice


def test_the_wrong_kind_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    error = refused(lines(tmp_path, {"text": "a book"}), kind="conversation")
    assert error.kind == "wrong_kind"
    assert refused(lines(tmp_path, BELLE_ROW), kind="preference").kind == "wrong_kind"
    # Where a record fits two formats, the kind that was asked for decides.
    assert one(tmp_path, {"text": PROMPT}, kind="text") == PretrainText(PROMPT)
    assert one(tmp_path, {"text": "a question"}, format="prompt") == Conversation((Q("a question"),))


@pytest.mark.parametrize(
    ("row", "kind", "holds", "stages"),
    [
        ({"instruction": "q", "chosen": "a", "rejected": "b"}, "conversation", "pairs of a chosen", "reward or dpo"),
        ({"prompt": "q", "chosen": "a", "rejected": "b"}, "text", "pairs of a chosen", "reward or dpo"),
        ({"instruction": "q", "output": "a"}, "preference", "conversations", "sft or mip or ppo"),
        (BELLE_ROW, "text", "conversations", "sft or mip or ppo"),
        ({"text": "a book"}, "conversation", "texts for pre-training", "pretrain or mip or vocab"),
        ({"text": "a book"}, "preference", "texts for pre-training", "pretrain or mip or vocab"),
    ],
)
def test_data_of_another_stage_is_refused_with_the_name_of_that_stage(
    tmp_path: Path, row: Any, kind: Kind, holds: str, stages: str
) -> None:
    error = refused(lines(tmp_path, row), kind=kind)
    assert f"data.jsonl holds {holds}" in error.message
    assert f"data for stage: {stages}." in error.advice


@pytest.mark.parametrize(
    "question",
    [
        {"prompt": "q"},
        {"question": "q"},
        {"prompt": [{"role": "user", "content": "q"}]},
        {"conversations": [{"from": "human", "value": "q"}]},
        {"messages": [{"role": "user", "content": "q"}]},
    ],
)
def test_a_pair_is_a_question_for_ppo_and_named_as_a_pair_for_sft(tmp_path: Path, question: Any) -> None:
    for rejected in ("rejected", "reject"):
        pair = {**question, "chosen": {"role": "assistant", "content": "a"}, rejected: "b"}
        row = one(tmp_path, pair, kind="conversation")
        assert row.messages == (Q("q"),)
        assert "a pair (chosen, rejected), which is data for stage: reward or dpo" in untrainable(row)
    assert untrainable(one(tmp_path, question, kind="conversation")) == "nothing is answered"
    answered = {"prompt": "q", "completion": "c", "chosen": "a", "rejected": "b"}
    assert untrainable(one(tmp_path, answered, kind="conversation")) == ""


def carriage_returns(count: int, *, long: int = 1) -> str:
    return "".join(json.dumps({"text": f"text {i} " + "x" * long}) + "\r" for i in range(count))


@pytest.mark.parametrize(("count", "long"), [(1, 1), (3, 1), (3, 15_000), (2_000, 100)])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_lines_that_end_in_a_carriage_return_alone_are_lines(
    tmp_path: Path, count: int, long: int, encoding: str
) -> None:
    path = tmp_path / "old.jsonl"
    path.write_bytes(carriage_returns(count, long=long).encode(encoding))
    found = [(record.number, row.text) for record, row in scan_rows(path, "text") if isinstance(row, PretrainText)]
    assert found == [(i + 1, f"text {i} " + "x" * long) for i in range(count)]


def test_a_wrong_line_that_ends_in_a_carriage_return_is_named(tmp_path: Path) -> None:
    path = tmp_path / "old.jsonl"
    path.write_text(carriage_returns(3) + '{"text": }\r' + carriage_returns(1), newline="")
    error = refused(path)
    assert (error.kind, error.details["number"]) == ("data_wrong", 4)


def test_long_lines_that_end_in_a_carriage_return_are_named(tmp_path: Path) -> None:
    path = tmp_path / "old.jsonl"
    path.write_text(carriage_returns(3, long=100_000), newline="")
    error = refused(path)
    assert error.details["number"] == 1
    assert "end in carriage returns alone (CR), of which “tr '\\r' '\\n'” makes line feeds" in error.message


@pytest.mark.parametrize(
    ("name", "what", "advice"),
    [
        ("a.csv", "is a table (.csv)", "Make JSON Lines of it"),
        ("a.TSV", "is a table (.tsv)", r'delimiter="\t"'),
        ("a.csv.gz", "is a table (.csv)", "Unpack it first. Make JSON Lines of it"),
        ("a.xlsx", "is a spreadsheet (.xlsx)", "Save it as CSV first."),
        ("a.zip", "is an archive (.zip)", "Unpack it first."),
        ("a.jsonl.zst", "is an archive (.zst)", "Unpack it first."),
        ("a.doc", "has an ending that is not known", ".jsonl"),
    ],
)
def test_a_file_in_another_format_is_named_as_what_it_is(tmp_path: Path, name: str, what: str, advice: str) -> None:
    (tmp_path / name).write_text("instruction,output\nq,a\n")
    error = refused(tmp_path / name)
    assert error.kind == "unknown_format"
    assert f"{name} {what}." in error.message
    assert advice in error.advice
    # A folder with nothing else.
    error = refused(tmp_path)
    assert "holds no data files" in error.message
    assert (what in error.message) == (name != "a.doc")
    assert advice in error.advice


@pytest.mark.parametrize(("name", "mark"), [("my data.csv", "\ufeff"), ("a.tsv", ""), ("it's.csv", "")])
def test_the_advised_command_makes_data_of_a_table(tmp_path: Path, name: str, mark: str) -> None:
    cells = [["instruction", "output"], ["二,\t三\n四", 'say "a"'], ["q", "é"]]
    with (tmp_path / name).open("w", encoding="utf-8", newline="") as stream:
        stream.write(mark)
        csv.writer(stream, delimiter="\t" if name.endswith("tsv") else ",").writerows(cells)
    command = refused(tmp_path / name).advice.partition("as keys: ")[2]
    subprocess.run(command, shell=True, check=True, env={**os.environ, "PATH": f"{Path(sys.executable).parent}:/bin"})
    rows = list(read_rows((tmp_path / name).with_suffix(".jsonl"), "conversation"))
    assert rows == [Conversation((Q(question), A(answer))) for question, answer in cells[1:]]


@pytest.mark.parametrize(
    ("text", "table"),
    [
        ("instruction,output\nq,a\n", True),
        ('"id"\t"text"\n1\ta\n', True),
        ("问题;回答\n", True),
        ("broken\n", False),
        ('{"text": "a", \n', False),
        ('{"text": "a"}\na,b\n', False),
    ],
)
def test_a_table_with_the_suffix_of_json_is_recognised(tmp_path: Path, text: str, table: bool) -> None:
    (tmp_path / "a.jsonl").write_text(text, encoding="utf-8")
    assert ("head of a table (CSV)" in refused(tmp_path / "a.jsonl").message) == table


def test_most_of_the_first_records_decide(tmp_path: Path) -> None:
    assert detect_format(lines(tmp_path, {"x": 1}, BELLE_ROW, BELLE_ROW)).name == "belle"
    with pytest.raises(KnownError) as caught:
        detect_format(lines(tmp_path))
    assert caught.value.kind == "file_empty"
    assert refused(lines(tmp_path)).kind == "file_empty"


def test_rows_are_read_as_they_are_used(tmp_path: Path) -> None:
    """A hundred thousand rows stream through a small window."""
    path = tmp_path / "long.jsonl"
    with path.open("w") as stream:
        for _ in range(100_000):
            stream.write('{"text": "row"}\n')
        stream.write("broken")
    rows: Iterable[Any] = read_rows(path)
    assert sum(1 for _, _ in zip(range(99_000), rows, strict=False)) == 99_000


def test_categories(tmp_path: Path) -> None:
    path = lines(tmp_path, {"id": "a", "category": "Closed\xa0QA"}, {"id": 2, "category": "math"})
    assert read_categories(path) == {"a": "closed qa", "2": "math"}
    with pytest.raises(KnownError):
        read_categories(lines(tmp_path, {"id": "a"}))
    assert category_name("closed\xa0qa") == category_name("Closed  QA")


def test_roles_are_three() -> None:
    assert set(ROLES.values()) == {"system", "user", "assistant"}


TEXT_ROWS = [{"text": "你好 one"}, {"text": 'two\n"“”"'}, {"text": "three"}]
THREE = [PretrainText(row["text"]) for row in TEXT_ROWS]
PRETTY = "\n".join(json.dumps(row, indent=2, ensure_ascii=False) for row in TEXT_ROWS)
LINES = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in TEXT_ROWS)
SHAPES = {
    "objects over several lines": PRETTY,
    "objects over several lines with empty lines between": PRETTY.replace("\n{", "\n\n{"),
    "objects behind each other": "\n" + PRETTY.replace("}\n{", "}{"),
    "one object for all": json.dumps({"data": TEXT_ROWS}, ensure_ascii=False),
    "one object for all, with more in it": json.dumps(
        {"version": 1, "train": TEXT_ROWS, "note": ["x"]}, ensure_ascii=False, indent=1
    ),
    "one object on one line, with more in it": json.dumps({"version": 1, "rows": TEXT_ROWS}, ensure_ascii=False),
    "lines with CRLF": LINES.replace("\n", "\r\n"),
    "lines with no-break spaces around": LINES.replace("{", "\u00a0{").replace("}\n", "}\u00a0\u3000\n"),
    "files put together with their marks": LINES.replace("\n{", "\n\ufeff{"),
    "an array": json.dumps(TEXT_ROWS, ensure_ascii=False, indent=4),
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("shape", SHAPES)
def test_json_is_read_however_it_was_written(tmp_path: Path, shape: str, encoding: str) -> None:
    path = tmp_path / "data.json"
    path.write_bytes(SHAPES[shape].encode(encoding))
    assert list(read_rows(path)) == THREE
    zipped = tmp_path / "data.json.gz"
    zipped.write_bytes(gzip.compress(path.read_bytes()))
    assert list(read_rows(zipped)) == THREE


def test_lines_are_numbered_in_objects_over_several_lines(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(PRETTY, encoding="utf-8")
    assert [record.number for record, _ in scan_rows(tmp_path / "a.json")] == [1, 4, 7]


def test_a_list_inside_a_record_is_not_a_file_of_records(tmp_path: Path) -> None:
    record = {"instruction": "do", "input": "", "output": "r", "examples": [{"input": "a"}]}
    assert one(tmp_path, record) == Conversation((Q("do"), A("r")))
    (tmp_path / "b.json").write_text(json.dumps(record, indent=1))
    assert list(read_rows(tmp_path / "b.json")) == [Conversation((Q("do"), A("r")))]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty (0 bytes)"),
        (b" \n\n", "holds no records"),
        (b"\xef\xbb\xbf", "holds no records"),
        (b"[]", "holds no records"),
        (b'{"text": "\xc4\xe3\xba\xc3"}\n', "GB18030"),
        (b'{"text":\xc2\xa0"a"}\n', "no-break space"),
        (b'{"text": "a"\n', "is not valid JSON"),
        (b'{\n"text": "a",\n"text" "b"}\n', "line 3: it is not valid JSON: a colon is missing"),
        (b'{\n"data": [{"text": "a"}\n', "the array is not closed"),
        (b'{\n"text": "a"\n', "an object is not closed"),
    ],
)
def test_unreadable_content_is_described(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "data.json"
    path.write_bytes(content)
    with pytest.raises(KnownError) as caught:
        list(read_rows(path))
    assert words in caught.value.message
    assert str(path) in caught.value.message


def test_a_text_file_is_read_in_its_encoding(tmp_path: Path) -> None:
    for number, encoding in enumerate(("utf-8-sig", "utf-16", "utf-16-le")):
        path = tmp_path / f"{number}.txt"
        path.write_bytes("one 一\r\ntwo".encode(encoding))
        assert list(read_rows(path)) == [PretrainText("one 一\ntwo")]


def test_an_object_for_all_streams(tmp_path: Path) -> None:
    """The first record is yielded before the end of the file is read."""
    path = tmp_path / "long.json"
    path.write_text('{"data": [' + ",\n".join(['{"text": "row"}'] * 200_000) + ", broken")
    rows = read_rows(path)
    assert sum(1 for _, _ in zip(range(1_000), rows, strict=False)) == 1_000


def test_a_compressed_line_as_long_as_the_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LONGEST_VALUE", 1 << 16)
    monkeypatch.setattr(json_array, "LONGEST_VALUE", 1 << 16)
    path = tmp_path / "bomb.jsonl.gz"
    # An array, or an object over several lines, has a reader of its own.
    for start, words in (
        (b'{"text": "a"}\n{"text": "', "line 2 is longer than"),
        (b'["', "line 1"),
        (b'{\n"a": "', "line"),
    ):
        with gzip.open(path, "wb") as stream:
            stream.write(start)
            for _ in range(64):
                stream.write(b"x" * (1 << 20))
        tracemalloc.start()
        try:
            with pytest.raises(KnownError, match=words):
                list(read_rows(path))
            assert tracemalloc.get_traced_memory()[1] < 24 << 20
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize("name", ["pipe.jsonl", "pipe.json", "pipe.txt", "pipe.jsonl.gz", "pipe.parquet"])
def test_a_pipe_is_refused_without_waiting_for_it(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    assert "is a pipe" in refused(tmp_path / name).message


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"instruction": "q", "output": "r", "history": [["x", "\udfff"]]}, "“history” holds half a character"),
        ({"instruction": "q", "output": "r", "id": "\ud800"}, "“id” holds half a character"),
        ({"instruction": "q", "output": "r", "class": ["a"]}, "“class” is a list, not a text"),
        ({"conversations": []}, "“conversations” is empty, not a list of turns"),
        (
            {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "r", "tool_calls": [{}]}]},
            "turn 2: it calls a tool",
        ),
        ({"messages": [{"role": "assistant", "content": None, "function_call": {"name": "f"}}]}, "it calls a tool"),
    ],
)
def test_a_row_that_cannot_be_learned_as_it_is_says_which_part(
    tmp_path: Path, record: dict[str, Any], words: str
) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text(json.dumps(record) + "\n", encoding="utf-8")
    assert words in refused(path).message


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.json", b'[[{"instruction": "q", "output": "r"}]]', "it is a list, not an object with keys"),
        ("a.json", json.dumps('[{"instruction": "q"}]').encode(), "it is a text, not an object with keys"),
        ("a.json", b'// mine\n[{"instruction": "q", "output": "r"}]', "line 1: it is not valid JSON"),
        ("a.jsonl", gzip.compress(b'{"instruction": "q", "output": "r"}', mtime=0), "it is compressed with gzip"),
        ("a.json.gz", gzip.compress(gzip.compress(b"[]", mtime=0), mtime=0), "it is compressed with gzip"),
        ("a.jsonl", b"\x28\xb5\x2f\xfd\xff\xff", "it is compressed with zstd"),
    ],
)
def test_a_damaged_first_record_is_described(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert words in refused(tmp_path / name).message
