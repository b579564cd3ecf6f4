"""Models are asked: what is recorded equals an independent computation, and whatever ends it, the answers stay."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from belle.engine.llama.model import Model
from belle.engine.llama.native_log import NativeLog
from belle.errors import KnownError
from belle.evaluation.tasks import sequence_scorer
from belle.evaluation.tasks.items import Item, ItemSet
from belle.evaluation.tasks.prompts import Continuations, TaskPrompts
from belle.evaluation.tasks.result import TaskMeasurement
from belle.evaluation.tasks.sequence_scorer import SequenceScorer, TooLongError
from belle.evaluation.tasks.task_run import TaskOptions, TaskRun
from belle.prompts import get_template
from tests.belle.engine.tiny_gguf import write_random_model
from tests.belle.evaluation.tiny_models import all_logits, change, pair

# The other computation uses flash attention and one batch: float16 adds up in another order.
NEAR = 3e-4
CHOICES = ("hello", "hello world", "好", "b")
ITEMS = [
    Item("en-1", "Yes, a?", "B", "one", "en", CHOICES),
    Item("zh-1", "你好？", "C", "two", "zh", CHOICES),
    Item("en-2", "Hello. What?", "hello", "one", "en"),
    Item("en-3", "Yes?", "A", "two", "en", ("a b", "b a")),
]
SET = ItemSet("items", "0" * 64, ITEMS, {"one": [replace(ITEMS[0], id="x")], "two": [replace(ITEMS[1], id="y")]})


def session(folder: Path, *models: Path, items: ItemSet = SET, **options) -> TaskRun:
    return TaskRun(models, items, TaskOptions(**{"threads": 1, **options}), folder / "out")


def asked(folder: Path, *models: Path, **options) -> TaskMeasurement:
    running = session(folder, *models, **options)
    running.run()
    return running.figures()


def recorded(folder: Path, number: int = 0) -> dict[str, dict]:
    lines = (folder / f"out/tasks-{number}.jsonl").read_text(encoding="utf-8").splitlines()
    return {row["id"]: row for row in map(json.loads, lines[1:])}


def log_p(path: Path, context: list[int], tail: list[int]) -> tuple[float, bool]:
    """By hand, from the logits of one batch."""
    rows = all_logits(path, [*context, *tail])[len(context) - 1 : -1]
    log_z = rows.max(axis=1) + np.log(np.exp(rows - rows.max(axis=1, keepdims=True)).sum(axis=1))
    value = (rows[np.arange(len(tail)), tail] - log_z).sum()
    return float(value), bool((rows.argmax(axis=1) == tail).all())


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.gguf"
    write_random_model(path)
    return path


def test_every_log_probability_equals_an_independent_computation(tmp_path: Path, tiny: Path) -> None:
    asked(tmp_path, tiny, tiny, form="plain")
    model = Model(tiny, n_gpu_layers=0, log=NativeLog(), on_progress=lambda _: True)
    tokenize = model.vocabulary.tokenize
    for item in ITEMS:
        question, answer, space = ("问题：", "答案：", "") if item.language == "zh" else ("Question: ", "Answer:", " ")
        listed = "".join(f"\n{letter}. {choice}" for letter, choice in zip("ABCD", item.choices, strict=False))
        row = recorded(tmp_path)[item.id]
        shown = [f"{question}{item.question}{listed}\n{answer}", f"{question}{item.question}\n{answer}"]
        endings = [list("ABCD")[: len(item.choices)], list(item.choices) or [item.answer]]
        for given, context, tails in zip((row["letter"], row["text"]), shown, endings, strict=True):
            start = [1, *tokenize(context)]
            for value, tail in zip(given, tails, strict=True):
                whole = [1, *tokenize(context + space + tail)]
                assert whole[: len(start)] == start
                expected, greedy = log_p(tiny, start, whole[len(start) :])
                assert value == pytest.approx(expected, rel=NEAR)
                if not item.choices:
                    assert row["expected"] is greedy
    model.close()


def test_a_greedy_answer_is_what_the_model_expects(tiny: Path) -> None:
    scorer = SequenceScorer(tiny, most_tails=2, threads=1)
    prompt = [1, *scorer.vocabulary.tokenize("hello world")]
    ids = list(prompt)
    for _ in range(6):
        ids.append(int(all_logits(tiny, ids)[-1].argmax()))
    tail = ids[len(prompt) :]
    [found, other] = scorer.expected(Continuations(prompt, [tail, [tail[0], tail[1] ^ 1, 5]]))
    assert (found.greedy, other.greedy) == (True, False)
    written = b"".join(map(scorer.vocabulary.piece, tail)).decode("utf-8", "ignore").strip()
    assert scorer.generate(prompt, 6) == written
    scorer.close()
    scorer.close()


def test_tails_that_need_several_batches(tiny: Path) -> None:
    scorer = SequenceScorer(tiny, most_tails=3, threads=1)
    words = Continuations([1, 30, 5], [[7, 8, 9], list(range(3, 90)), [4]])
    whole = scorer.expected(words)
    for tail, found in zip(words.tails, whole, strict=True):
        assert found.log_p == pytest.approx(log_p(tiny, words.context, tail)[0], rel=NEAR)
    assert whole == scorer.expected(words)
    scorer.close()


def test_threads_are_as_many_as_find_free_cores_and_change_nothing(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequence_scorer, "usable_cores", lambda: (2, 2))
    free = 2
    monkeypatch.setattr(sequence_scorer, "FreeCores", lambda: lambda: free)
    scorer = SequenceScorer(tiny, most_tails=2)
    words = Continuations([1, 30, 5, *range(3, 60)], [[7, 8, 9], [4, 11]])
    # While an answer is written, token by token, other numbers may be tried.
    expected = scorer.expected(words)
    assert scorer._evaluator.threads == 2
    written = scorer.generate(words.context, 20)
    free = 1
    assert scorer.expected(words) == expected
    assert scorer._evaluator.threads == 1
    assert scorer.generate(words.context, 20) == written
    scorer.close()


def test_what_was_asked_before_does_not_matter(tmp_path: Path, tiny: Path) -> None:
    asked(tmp_path / "a", tiny, form="plain", shots=1)
    asked(tmp_path / "b", tiny, form="plain", shots=1, items=replace(SET, items=ITEMS[::-1]))
    assert recorded(tmp_path / "a") == recorded(tmp_path / "b")


def test_identical_models_do_not_flip(tmp_path: Path, tiny: Path) -> None:
    found = asked(tmp_path, tiny, tiny)
    [candidate] = found.candidates
    assert found.form == "plain"
    assert found.complete
    assert candidate.accuracy == found.reference.accuracy
    assert candidate.changes == []
    assert all((pair.lost, pair.won, pair.changed, pair.p) == (0, 0, 0, 1) for pair in candidate.paired.values())
    assert {way: pair.n for way, pair in candidate.paired.items()} == {"letter": 3, "text": 4, "generation": 4}
    assert TaskMeasurement.from_data(json.loads(json.dumps(found.to_data()))) == found


def test_a_stopped_session_goes_on_and_can_be_reported(tmp_path: Path) -> None:
    models = pair(tmp_path, noise=3)
    whole = asked(tmp_path / "whole", *models)
    assert whole.candidates[0].changes

    def stop(model: str, done: int, total: int, left: float) -> None:
        if done == 5:
            raise KeyboardInterrupt

    running = session(tmp_path, *models)
    with pytest.raises(KeyboardInterrupt):
        running.run(stop)
    part = running.figures()
    assert (part.reference.n_done, part.candidates[0].n_done, part.complete) == (4, 1, False)
    assert part.candidates[0].paired["generation"].n == 1
    with (tmp_path / "out/tasks-1.jsonl").open("ab") as file:
        file.write(b'{"id": "half')
    seen: list[tuple[str, int, int]] = []
    running = session(tmp_path, *models, resume=True)
    running.run(lambda model, done, total, left: seen.append((model, done, total)))
    assert seen == [("candidate.gguf", 6, 8), ("candidate.gguf", 7, 8), ("candidate.gguf", 8, 8)]
    assert running.figures().candidates[0].changes == whole.candidates[0].changes
    for number in (0, 1):
        assert recorded(tmp_path, number) == recorded(tmp_path / "whole", number)


def test_answers_to_other_questions_are_not_continued(tmp_path: Path, tiny: Path) -> None:
    asked(tmp_path, tiny)
    for other in ({"items": replace(SET, sha256="1" * 64)}, {"shots": 1}, {"form": "belle"}, {"resume": False}):
        seen: list[int] = []
        running = session(tmp_path, tiny, **{"resume": True, **other})
        running.run(lambda model, done, *_: seen.append(done))  # noqa: B023
        assert seen[0] == 1, other


def test_a_candidate_that_predicts_nan_is_given_up_and_the_others_are_asked(tmp_path: Path) -> None:
    reference, candidate = pair(tmp_path)
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(candidate.read_bytes())
    change(broken, "output.weight", lambda w: np.where(np.arange(len(w))[:, None] == 7, np.nan, w))
    found = asked(tmp_path, reference, broken, candidate)
    assert "NaN" in found.candidates[0].failure
    assert found.candidates[0].accuracy == {}
    assert found.candidates[1].n_done == 4
    assert not found.complete
    with pytest.raises(KnownError, match=r"broken\.gguf predicts NaN"):
        asked(tmp_path, broken, candidate)


def test_a_question_longer_than_the_context_is_counted_apart(tmp_path: Path, tiny: Path) -> None:
    long = replace(SET, items=[*ITEMS, Item("long", "hm " * 400, "b", "one", "en")])
    found = asked(tmp_path, tiny, tiny, items=long)
    assert (found.reference.n_done, found.reference.n_too_long) == (5, 1)
    assert found.candidates[0].paired["text"].n == 4
    assert found.complete
    scorer = SequenceScorer(tiny, most_tails=1, threads=1)
    with pytest.raises(TooLongError):
        scorer.generate([1] * 510, 8)
    scorer.close()


def test_prompts_in_a_template(tiny: Path) -> None:
    model = Model(tiny, n_gpu_layers=0, log=NativeLog(), on_progress=lambda _: True)
    vocabulary = model.vocabulary

    def words(ids: list[int]) -> str:
        return b"".join(map(vocabulary.piece, ids)).decode()

    example, item = ITEMS[:2]
    prompts = TaskPrompts(vocabulary, get_template("chatml")).of(item, [example])
    listed = "A. hello\nB. hello world\nC. 好\nD. b\n\n"
    turns = words(prompts.generation)
    assert turns.index("Yes, a?\n" + listed) < turns.index("Answer: B") < turns.index("你好？\n" + listed)
    assert turns.endswith("请只写出正确选项的字母。<|im_end|>\n<|im_start|>assistant\n")
    assert words(prompts.letter.context).endswith("assistant\n答案：")
    assert [words(tail) for tail in prompts.letter.tails] == list("ABCD")
    assert "C. 好" not in words(prompts.text.context)
    assert "Answer: hello world" in words(prompts.text.context)
    assert [words(tail) for tail in prompts.text.tails] == list(CHOICES)
    assert prompts.longest == len(prompts.letter.context) + 1
    model.close()


def test_what_cannot_be_asked_is_said_at_once(tmp_path: Path, tiny: Path) -> None:
    for options, kind in (
        ({"form": "chat"}, "no_template"),
        ({"form": "chatmll"}, "unknown_template"),
        ({"shots": 2}, "no_examples"),
        ({"shots": -1}, "bad_option"),
    ):
        with pytest.raises(KnownError) as caught:
            session(tmp_path, tiny, **options)
        assert caught.value.kind == kind
    with pytest.raises(KnownError, match="is a checkpoint"):
        session(tmp_path, tmp_path)
    assert not (tmp_path / "out").exists()


def test_the_models_own_template_is_used_where_there_is_one(tmp_path: Path) -> None:
    path = tmp_path / "chat.gguf"
    write_random_model(path, template="{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant:")
    assert asked(tmp_path, path).form == "chat"
