"""Answers to many questions: the same from one process, from two, and from two that share the model's weights."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from belle.cli.main import main
from belle.errors import KnownError
from belle.training.export.answers_file import AnswersFile
from tests.belle.training.runs import CONVERSATIONS, TOKENIZER, finish, run, start_processes_of

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
]

ANSWERS = {"你好": "你好！", "What is the sea?": "Salt water.", "1+1=?": "2"}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that was trained until it repeats its answers exactly."""
    return run(tmp_path_factory.mktemp("learnt"), epochs=60, batch_size=4) / "final"


def questions(path: Path, texts: Sequence[str]) -> Path:
    rows = ({"conversations": [{"from": "human", "value": text}]} for text in texts)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def answers(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_first_answers_do_not_wait_for_the_end_of_the_file(model: Path, tmp_path: Path) -> None:
    """An error in a later row shows when that row is read, and the answers before it stay in the file."""
    data = questions(tmp_path / "q.jsonl", ["1+1=?"] * 60)
    with data.open("a") as stream:
        stream.write("broken\n")
    out = tmp_path / "a.jsonl"
    words = ["generate", str(model), "--data", str(data), "-o", str(out), "--max-tokens", "1", "--batch-size", "5"]
    assert main(words) == 2
    part = tmp_path / "a.jsonl.part"
    assert len(answers(part)) == 60
    data.write_text(
        data.read_text().replace("broken", json.dumps({"conversations": [{"from": "human", "value": "q"}]}))
    )
    assert main([*words, "--resume"]) == 0
    assert len(answers(out)) == 61


def in_processes(arguments: Sequence[str], world_size: int = 2) -> None:
    finish(start_processes_of(["-m", "belle", "generate", *arguments], world_size))


def test_a_file_of_questions_is_answered_in_its_order(model: Path, tmp_path: Path) -> None:
    asked = [*ANSWERS, "x" * 3000, "你好"]
    data = questions(tmp_path / "q.jsonl", asked)
    out = tmp_path / "a.jsonl"
    words = ["generate", str(model), "--data", str(data), "-o", str(out), "--max-tokens", "24", "--batch-size", "2"]
    assert main(words) == 0
    rows = answers(out)
    assert [row["conversations"][0]["value"] for row in rows] == asked
    assert [row["id"] for row in rows] == ["0", "1", "2", "3", "4"]
    for row in (*rows[:3], rows[4]):
        human, assistant = row["conversations"]
        assert (assistant["from"], assistant["value"]) == ("assistant", ANSWERS[human["value"]])
        assert row["finished"]
        assert row["tokens"] > 0
    assert "are more than 2048" in rows[3]["problem"]
    assert len(rows[3]["conversations"]) == 1
    assert sorted(tmp_path.iterdir()) == [out, data]


def test_a_last_answer_is_left_out_and_a_question_that_is_too_long_is_named(model: Path, tmp_path: Path) -> None:
    data = tmp_path / "q.jsonl"
    turns = [("human", "天空是什么颜色的？"), ("assistant", "蓝色。"), ("human", "草呢？"), ("assistant", "别看我。")]
    data.write_text(json.dumps({"id": "grass", "conversations": [{"from": a, "value": b} for a, b in turns]}) + "\n")
    for limit, text, finished in ((24, "绿色。", True), (1, None, False)):
        out = tmp_path / f"{limit}.jsonl"
        assert main(["generate", str(model), "--data", str(data), "-o", str(out), "--max-tokens", str(limit)]) == 0
        (row,) = answers(out)
        assert row["id"] == "grass"
        assert [turn["value"] for turn in row["conversations"]][:3] == [b for _, b in turns[:3]]
        assert row["finished"] is finished
        if text:
            assert row["conversations"][3]["value"] == text


@pytest.fixture(scope="module")
def drawn(model: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], Path]:
    """Options with random sampling, and the answers of one process."""
    folder = tmp_path_factory.mktemp("drawn")
    texts = [turns[0][0] + "?" * (k % 3) for k in range(3) for turns in CONVERSATIONS][:25]
    data = questions(folder / "q.jsonl", texts)
    options = ["--temperature", "1.5", "--top-k", "50", "--max-tokens", "12", "--seed", "5", "--repeat-penalty", "1.1"]
    words = [str(model), "--data", str(data), *options]
    assert main(["generate", *words, "-o", str(folder / "one.jsonl"), "--batch-size", "4"]) == 0
    return words, folder / "one.jsonl"


def test_random_answers_do_not_depend_on_the_batch(drawn: tuple[list[str], Path], tmp_path: Path) -> None:
    words, one = drawn
    assert main(["generate", *words, "-o", str(tmp_path / "a.jsonl"), "--batch-size", "7"]) == 0
    assert (tmp_path / "a.jsonl").read_bytes() == one.read_bytes()
    assert main(["generate", *words, "-o", str(tmp_path / "b.jsonl"), "--seed", "6"]) == 0
    assert (tmp_path / "b.jsonl").read_bytes() != one.read_bytes()


def test_two_processes_that_share_the_weights_answer_the_same(drawn: tuple[list[str], Path], tmp_path: Path) -> None:
    words, one = drawn
    config = tmp_path / "zero3.json"
    zero = {"stage": 3, "stage3_param_persistence_threshold": 0, "offload_param": {"device": "cpu"}}
    config.write_text(json.dumps({"zero_optimization": zero}))
    out = tmp_path / "a.jsonl"
    # 25 questions in batches of 4: one process has a batch more than the other.
    in_processes([*words, "-o", str(out), "--batch-size", "4", "--deepspeed", str(config)])
    assert answers(out) == answers(one)


@pytest.mark.slow
def test_two_processes_with_a_model_each_answer_the_same(drawn: tuple[list[str], Path], tmp_path: Path) -> None:
    words, one = drawn
    in_processes([*words, "-o", str(tmp_path / "a.jsonl"), "--batch-size", "4"])
    assert (tmp_path / "a.jsonl").read_bytes() == one.read_bytes()


def test_an_interrupted_generation_is_resumed(drawn: tuple[list[str], Path], tmp_path: Path, monkeypatch: Any) -> None:
    from belle.training.export import generate

    words, one = drawn
    out = tmp_path / "a.jsonl"
    whole = AnswersFile.write

    def killed_in_the_second_window(self: AnswersFile, rows: Any) -> None:
        if self._part.stat().st_size:
            with self._part.open("a") as stream:
                stream.write('{"id": "half a li')
            raise KeyboardInterrupt
        whole(self, rows)

    monkeypatch.setattr(generate.AnswersFile, "write", killed_in_the_second_window)
    assert main(["generate", *words, "-o", str(out), "--batch-size", "2"]) == 130
    monkeypatch.undo()
    assert len((tmp_path / "a.jsonl.part").read_text().splitlines()) == 9
    assert main(["generate", *words, "-o", str(out), "--batch-size", "2"]) == 2
    assert main(["generate", *words, "-o", str(out), "--resume", "--seed", "6"]) == 2
    assert main(["generate", *words, "-o", str(out), "--resume", "--batch-size", "3"]) == 0
    assert out.read_bytes() == one.read_bytes()
    assert list(tmp_path.iterdir()) == [out]


def test_an_adapter_answers_too(model: Path, tmp_path: Path) -> None:
    folder = run(tmp_path, model=str(model), lora={"r": 2}, max_steps=1, learning_rate=1e-6)
    data, out = questions(tmp_path / "q.jsonl", ["1+1=?"]), tmp_path / "a.jsonl"
    words = ["generate", str(folder / "final"), "--data", str(data), "-o", str(out), "--max-tokens", "8"]
    assert main(words) == 0
    assert answers(out)[0]["conversations"][1]["value"] == "2"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"--data": "none.jsonl"}, "none.jsonl"),
        ({"--batch-size": "0"}, "at least 1"),
        ({"--top-p": "2"}, "--top-p is 2"),
        ({"--temperature": "nan"}, "--temperature is nan"),
        ({"--temperature": "inf"}, "--temperature is inf"),
        ({"--repeat-penalty": "0"}, "--repeat-penalty is 0.0"),
        ({"--repeat-penalty": "nan"}, "--repeat-penalty is nan"),
        ({"--seed": "-1"}, "--seed is -1"),
        ({"--max-tokens": str(10**20)}, "at most 2147483648"),
        ({"-o": "there.jsonl"}, "already exists"),
        ({"--data": "empty.jsonl"}, "empty.jsonl is empty"),
        ({"--deepspeed": "zero2.json"}, "only ZeRO stage 3"),
        ({"MODEL": "untold"}, "--template belle"),
        ({"MODEL": "nothing"}, "nothing"),
    ],
)
def test_an_impossible_request_is_refused(
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, str],
    words: str,
) -> None:
    import shutil

    monkeypatch.chdir(tmp_path)
    questions(tmp_path / "q.jsonl", ["1+1=?"])
    for name in ("there.jsonl", "empty.jsonl"):
        (tmp_path / name).touch()
    (tmp_path / "zero2.json").write_text('{"zero_optimization": {"stage": 2}}')
    shutil.copytree(model, tmp_path / "untold")
    shutil.copyfile(TOKENIZER / "tokenizer_config.json", tmp_path / "untold/tokenizer_config.json")
    (tmp_path / "untold/chat_template.jinja").unlink()
    options = {"MODEL": str(model), "--data": "q.jsonl", "-o": "a.jsonl", **changes}
    first = options.pop("MODEL")
    assert main(["generate", first, *(word for pair in options.items() for word in pair)]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert "Traceback" not in error
    assert not (tmp_path / "a.jsonl").exists()


def test_a_part_file_without_its_request_is_continued(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.part").write_text('{"id": "0"}\n{"id"')
    file = AnswersFile(tmp_path / "a.jsonl")
    with pytest.raises(KnownError, match="--resume"):
        file.open({"model": "m"}, resume=False)
    assert file.open({"model": "m"}, resume=True) == 1
    file.finish()
    assert list(tmp_path.iterdir()) == [tmp_path / "a.jsonl"]
