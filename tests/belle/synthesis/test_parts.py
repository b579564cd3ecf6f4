"""The parts: JSON in replies, near duplicates, labels, passages, seeds, and the measures of quality."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belle import paths
from belle.data.check import language_of
from belle.data.contamination import EvaluationSet
from belle.data.rows import Conversation
from belle.errors import KnownError
from belle.evaluation.items.read import read_set
from belle.prompts import Message
from belle.synthesis.about_passages import options_of, shuffled
from belle.synthesis.dialogues import dialogue_turns
from belle.synthesis.filters import REASONS, QuestionLimits, question_reason, speaks_of_material
from belle.synthesis.instructions import TaskSample
from belle.synthesis.labels import LabelCounts, LabelDimension, read_labels
from belle.synthesis.novelty import SeenQuestions, in_pairs
from belle.synthesis.passages import LONGEST_PASSAGE, SHORTEST_PASSAGE, read_passages
from belle.synthesis.quality import common_subsequence, named_letter, rouge_l, support
from belle.synthesis.reply_json import objects_in, text_field
from belle.synthesis.seeds import Task, own_seeds_file, read_seeds

TEXTS = st.text(max_size=40)
ENTRIES = st.lists(st.fixed_dictionaries({"instruction": TEXTS, "input": TEXTS}), min_size=1, max_size=5)
BETWEEN = st.text(st.characters(blacklist_characters="{}[]", blacklist_categories=["Cs"]), max_size=30)


@given(ENTRIES)
def test_a_sound_reply_is_read_as_a_whole(entries: list[dict[str, str]]) -> None:
    found = objects_in(json.dumps({"tasks": entries}), "tasks")
    assert found.whole and list(found.objects) == entries


@given(ENTRIES, BETWEEN, BETWEEN, st.sampled_from(["```json\n{}\n```", "{}"]))
def test_json_is_found_between_other_text(entries: list[dict[str, str]], before: str, after: str, form: str) -> None:
    reply = f"{before}\n{form.replace('{}', json.dumps({'tasks': entries}))}\n{after}"
    assert list(objects_in(reply, "tasks").objects) == entries


@given(ENTRIES, st.integers(0, 400))
def test_of_a_reply_that_is_cut_the_whole_objects_are_read(entries: list[dict[str, str]], length: int) -> None:
    reply = json.dumps({"tasks": entries})
    found = objects_in(reply[:length], "tasks")
    assert list(found.objects) == entries[: len(found.objects)]
    ends = [len(json.dumps({"tasks": entries[:n]})) - 2 for n in range(1, len(entries) + 1)]
    assert len(found.objects) == sum(end <= length for end in ends)


@given(st.text() | st.text(alphabet='{}[]",:\\ tasks0', max_size=200))
def test_no_reply_breaks_the_reader(reply: str) -> None:
    for entry in objects_in(reply, "tasks").objects:
        assert isinstance(text_field(entry, "instruction"), str)


@pytest.mark.parametrize("reply", ['{"a":' * 50_000, "[" * 100_000, '{"tasks": [' + "9" * 6000 + "]}", "{" * 300_000])
def test_hostile_replies_are_read_quickly(reply: str) -> None:
    assert not objects_in(reply, "tasks").objects


@given(st.lists(st.dictionaries(st.sampled_from(["user", "assistant", "x"]), TEXTS | st.none() | st.integers())))
def test_dialogues_alternate_whatever_a_reply_has(objects: list[dict[str, Any]]) -> None:
    turns = dialogue_turns(objects)
    assert [turn.role for turn in turns] == ["user", "assistant"] * (len(turns) // 2)
    assert all(turn.content.strip() for turn in turns)


@given(st.fixed_dictionaries({"options": st.none() | TEXTS | st.lists(TEXTS | st.integers() | st.none(), max_size=8)}))
def test_options_are_distinct_texts_or_none(entry: dict[str, Any]) -> None:
    options = options_of(entry)
    assert len(set(options)) == len(options) <= 6 and all(options)


@given(st.lists(st.text(min_size=1), min_size=2, max_size=6, unique=True), st.data())
def test_the_right_option_stays_right_in_another_order(options: list[str], data: st.DataObject) -> None:
    right = data.draw(st.integers(0, len(options) - 1))
    mixed, place = shuffled(options, right, random.Random(data.draw(st.integers())))
    assert sorted(mixed) == sorted(options) and mixed[place] == options[right]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("写一首关于春天的诗，要押韵。", "写一首关于秋天的诗，要押韵！"),
        ("Write a short poem about the spring in the city", "write a short poem about the autumn in the city."),
        ("把下面的句子翻译成英文：今天天气很好", "请把下面的句子翻译成英文：今天天气很好"),
    ],
)
def test_one_word_makes_no_new_question(one: str, other: str) -> None:
    seen = SeenQuestions()
    assert seen.add(one) and not seen.add(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("写一首关于春天的诗，要押韵。", "列出三种适合春天种的蔬菜。"),
        ("Explain how a bicycle stays upright.", "List three ways to keep bread fresh."),
        ("计算 12 乘以 7", "计算圆柱的体积，半径 3，高 9"),
    ],
)
def test_other_questions_are_new(one: str, other: str) -> None:
    seen = SeenQuestions()
    assert seen.add(one) and seen.add(other)


@given(st.text(max_size=60))
def test_words_become_pairs_and_equal_texts_stay_equal(text: str) -> None:
    assert in_pairs(text) == in_pairs(text.upper().lower()) or text.upper().lower() != text.lower()


def test_what_was_accepted_first_is_still_found_after_thousands() -> None:
    seen = SeenQuestions()
    chance = random.Random(1)
    texts = ["".join(chr(0x4E00 + chance.randrange(3000)) for _ in range(14)) for _ in range(1200)]
    assert sum(map(seen.add, texts)) > 1190
    assert not any(seen.add(text[:6] + "新" + text[7:]) for text in texts[:200])


@pytest.mark.parametrize("weights", [(1.0, 1.0, 2.0), (0.1, 0.3, 0.6), (30.0, 5.0, 100.0)])
def test_rows_have_labels_in_the_ratio_of_the_weights(weights: tuple[float, ...]) -> None:
    by_value = dict(zip("abc", weights, strict=True))
    labels = LabelCounts((LabelDimension("scene", "scene", by_value),))
    chance = random.Random(1)
    counts: Counter[str] = Counter()
    for _ in range(8000):
        drawn = labels.draw(chance)
        labels.count(drawn)
        counts[drawn["scene"]] += 1
    for value, weight in by_value.items():
        assert counts[value] / counts.total() == pytest.approx(weight / sum(weights), rel=0.05)


def test_a_label_whose_rows_are_mostly_left_out_is_asked_for_more_often() -> None:
    labels = LabelCounts((LabelDimension("scene", "scene", {"a": 1.0, "b": 1.0}),))
    chance = random.Random(1)
    accepted: Counter[str] = Counter()
    for _ in range(8000):
        drawn = labels.draw(chance)
        if drawn["scene"] != "a" or chance.random() < 0.25:
            labels.count(drawn)
            accepted[drawn["scene"]] += 1
    assert accepted["a"] / accepted["b"] == pytest.approx(0.25**0.5, rel=0.05)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no table"),
        ("scene = 3", "outside of a table"),
        ("[scene]\nvalue = []", "unknown key"),
        ("[scene]\nvalues = []", "no list of texts"),
        ('[scene]\nvalues = ["a", "a"]', "twice"),
        ('[scene]\nvalues = ["a"]\nweights = [0]', "weights"),
        ('[scene]\nvalues = ["a"]\nweights = [1, 2]', "weights"),
        ('[scene]\nvalues = ["a"]\nname = 3', "name"),
        ("[scene", "not valid TOML"),
    ],
)
def test_labels_that_are_wrong_are_named(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "labels.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(KnownError, match=said):
        read_labels(path)


def test_passages_end_where_sentences_do_and_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    sentences = [f"第{number}号船在早上六点离开港口，下午四点才回来。" for number in range(400)]
    path.write_text("".join(sentences), encoding="utf-8")
    parts = [passage.text for passage in read_passages([path])]
    assert all(SHORTEST_PASSAGE <= len(part) <= LONGEST_PASSAGE and part.endswith("。") for part in parts)
    assert "".join(parts) == "".join(sentences)


def test_a_huge_sentence_is_cut_and_a_passage_comes_once(tmp_path: Path) -> None:
    path = tmp_path / "texts.jsonl"
    text = "长" * 5000
    path.write_text((json.dumps({"text": text}) + "\n") * 3, encoding="utf-8")
    assert [len(passage.text) for passage in read_passages([path])] == [LONGEST_PASSAGE, 5000 % LONGEST_PASSAGE]


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.txt", b"", "empty"),
        ("a.txt", b"too short", "no passage"),
        ("a.txt", bytes(range(256)) * 20, "text"),
        ("a.jsonl", b'{"text": 3}\n', "text"),
        ("a.pdf", b"%PDF-1.7", "ending"),
    ],
)
def test_what_is_no_text_is_said(name: str, data: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(KnownError, match=said):
        read_passages([path])


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "not valid JSON|not a seed"),
        ("[1]", "not an object|not a seed"),
        ('{"instruction": 3, "instances": []}', "“instruction” is not a text"),
        ('{"instruction": " ", "instances": []}', "“instruction” is not a text"),
        ('{"instruction": "写诗"}', "“instances” is not a list"),
        ('{"instruction": "写诗", "instances": [3]}', "“instances” is not a list"),
        ('{"instruction": "写诗", "instances": [{"input": 3}]}', "“input” is not a text"),
    ],
)
def test_a_seed_that_is_wrong_is_named_with_its_line(line: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "seeds.jsonl"
    sound = '{"instruction": "写一首诗", "instances": [{"input": "", "output": "诗"}]}'
    path.write_text(f"{sound}\n{line}\n", encoding="utf-8")
    with pytest.raises(KnownError, match=said) as error:
        read_seeds(path, "zh")
    assert "line 2" in str(error.value)


def test_seeds_of_another_language_only_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "seeds.jsonl"
    path.write_text('{"instruction": "Write a poem.", "instances": []}\n', encoding="utf-8")
    assert [task.instruction for task in read_seeds(path, "en")] == ["Write a poem."]
    with pytest.raises(KnownError, match="language “zh”"):
        read_seeds(path, "zh")


def test_our_own_seeds_are_varied_and_near_no_evaluation() -> None:
    chinese, english = (read_seeds(own_seeds_file(), language) for language in ("zh", "en"))
    assert len(chinese) >= 32 and len(english) >= 16
    seeds = [*chinese, *english]
    seen = SeenQuestions()
    assert all(seen.add(seed.question) for seed in seeds)
    evaluation = EvaluationSet([paths.asset("evaluation") / "items.jsonl"])
    for item in read_set("own").items:
        for turn in item.turns:
            evaluation.add(turn, item.id, 0)
    for seed in seeds:
        assert evaluation.find(Conversation((Message("user", seed.question),))) is None, seed.id
    limits = QuestionLimits()
    for language, tasks in (("zh", chinese), ("en", english)):
        for task in tasks:
            assert question_reason(task.instruction, limits, language) == "", task.instruction
            assert task.input or not speaks_of_material(task.instruction), task.instruction
    assert {language_of(task.instruction) for task in chinese} <= {"zh", "mixed"}


def test_our_own_seeds_have_every_field_of_the_published_form() -> None:
    rows = [json.loads(line) for line in own_seeds_file().read_text(encoding="utf-8").splitlines()]
    for row in rows:
        assert list(row) == ["id", "name", "instruction", "instances", "is_classification"]
        assert all(set(instance) == {"input", "output"} and instance["output"] for instance in row["instances"])
    assert any(row["is_classification"] for row in rows)
    assert len({row["id"] for row in rows}) == len({row["name"] for row in rows}) == len(rows)
    assert "CC0-1.0" in own_seeds_file().with_name("README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("请介绍一下长城的历史", ""),
        ("Give me three uses of an old newspaper.", "language"),
        ("写诗", "short"),
        ("看图写话，描写画面里的小猫", "needs-more"),
        ("请画一张全家福", "needs-more"),
        ("播放一首歌给我听：https://a.b", "needs-more"),
        ("为小学三年级编三道应用题", ""),
        ("- 请写一段自我介绍", "not-text"),
        ("“风声鹤唳”是什么意思？", ""),
        ("请再写 8 道新题", "echo"),
        ("3 加 5 等于多少？", ""),
    ],
)
def test_questions_are_left_out_for_one_reason(text: str, reason: str) -> None:
    assert question_reason(text, QuestionLimits(), "zh") == reason
    assert not reason or reason in REASONS


@given(st.lists(st.sampled_from("abcd"), max_size=12), st.lists(st.sampled_from("abcd"), max_size=12))
def test_the_longest_common_subsequence_is_that_of_the_table(first: list[str], second: list[str]) -> None:
    table = [[0] * (len(second) + 1) for _ in range(len(first) + 1)]
    for i, one in enumerate(first):
        for j, other in enumerate(second):
            table[i + 1][j + 1] = table[i][j] + 1 if one == other else max(table[i][j + 1], table[i + 1][j])
    assert common_subsequence(first, second) == table[-1][-1]


def test_agreement_is_that_of_words_and_of_letters() -> None:
    assert rouge_l("北京是首都", "北京是首都。") == 1 and rouge_l("北京", "上海") == 0 and rouge_l("…", "?") == 0
    assert 0.5 < rouge_l("青石桥长九十六米", "这座桥长九十六米") < 1
    assert named_letter("答案：B") == "B" and named_letter("选 B，不选 A") == "" and named_letter("Apple") == ""
    assert named_letter("The answer is C.") == "C"


def test_support_is_the_share_that_the_passage_says_and_no_number_may_be_new() -> None:
    passage = "青石桥建于 1874 年，由三百名石匠凿成。"
    assert support("青石桥建于 1874 年", passage) == 1
    assert support("青石桥建于 1875 年", passage) == 0
    assert support("木桥由村民修成", passage) < 0.5
    assert support("", passage) == 1


def test_a_sample_of_tasks_is_bounded_and_even() -> None:
    sample = TaskSample(50, random.Random(1))
    for number in range(2000):
        sample.add(Task(str(number), "写"))
    numbers = [int(task.id) for task in sample.tasks]
    assert len(set(numbers)) == 50 and 700 < sum(numbers) / 50 < 1300
