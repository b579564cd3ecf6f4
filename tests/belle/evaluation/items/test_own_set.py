"""The project's own evaluation set: whole, scorable, its references right, none of its items like another text."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import sys
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from assets.evaluation.makers import __main__ as makers
from belle.data.contamination import EvaluationSet
from belle.data.duplicates.shingles import compared, features, jaccard
from belle.data.read import read_rows
from belle.data.rows import Conversation, questions_of
from belle.evaluation.items.checks import CodeCheck, code_in
from belle.evaluation.items.item import CLASSES, EvaluationItem
from belle.evaluation.items.read import read_set
from belle.evaluation.judge.sandbox import SandboxLimits, program_problem, unconfined_reason
from belle.prompts import Message

ROOT = Path(__file__).parents[4]
OWN = ROOT / "assets" / "evaluation" / "own"
BELLE = Path(os.environ.get("BELLE_EVAL_SET", "none"))

SIMILAR = 0.6
"""Jaccard similarity of four-character runs. `belle data dedup` takes 0.8 for a duplicate; two tasks of one form, with
other numbers and names, lie below 0.6, and one task put in other words, with the same numbers and names, above it."""


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    files = sorted(OWN.glob("*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def items() -> tuple[EvaluationItem, ...]:
    return read_set("own").items


def rule_checks(item: EvaluationItem) -> list[Any]:
    return [check for check in item.checks if not isinstance(check, CodeCheck)]


def test_every_class_has_a_hundred_items() -> None:
    classes = read_set("own").classes
    assert set(classes) == set(CLASSES)
    assert {name: count for name, count in classes.items() if count < 100} == {}
    assert sum(classes.values()) >= 1200


def test_the_set_is_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert read_set("own").name == "own"


def test_the_set_ships_and_its_makers_do_not() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert "assets" in wheel["packages"]
    assert "assets/evaluation/makers" in wheel["exclude"]
    assert [path for path in wheel["exclude"] if OWN.is_relative_to(ROOT / path)] == []


def test_an_item_says_its_class_and_language_in_its_id(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        stem = f"{row['class'].replace(' ', '-')}-{row['language']}-"
        assert re.fullmatch(re.escape(stem) + r"\d{3}", row["id"]), row["id"]
        assert row["source"] in ("generated", "hand")
        assert ("question" in row) != ("turns" in row), row["id"]
    assert len({row["id"] for row in rows}) == len(rows)


def test_chinese_comes_first_and_english_with_it(rows: list[dict[str, Any]]) -> None:
    for name in CLASSES:
        languages = Counter(row["language"] for row in rows if row["class"] == name)
        assert set(languages) == {"zh", "en"}
        assert 0.6 <= languages["zh"] / languages.total() <= 0.8, name


def test_every_item_can_be_scored(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        assert row.get("reference") or row.get("rubric") or row.get("checks"), row["id"]
        for text in (
            row.get("reference", "-"),
            *row.get("rubric", ()),
            *row.get("turns", ()),
            row.get("question", "-"),
        ):
            assert text.strip() == text != "", row["id"]


def test_a_rubric_is_in_the_language_of_its_item(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        for sentence in row.get("rubric", ()):
            chinese = len(re.findall(r"[\u4e00-\u9fff]", sentence)) > 0.2 * len(sentence)
            assert chinese == (row["language"] == "zh"), (row["id"], sentence)


def test_every_reference_passes_the_checks_of_its_item(items: tuple[EvaluationItem, ...]) -> None:
    problems = {item.id: problem for item in items if item.reference for check in rule_checks(item)
                if (problem := check.problem(item.reference))}  # fmt: skip
    assert problems == {}


@pytest.mark.parametrize("answer", ["nothing", "the question", "the whole conversation"])
def test_no_answer_at_all_fails_a_check(items: tuple[EvaluationItem, ...], answer: str) -> None:
    passing = []
    for item in items:
        text = {"nothing": "", "the question": item.turns[-1], "the whole conversation": "\n".join(item.turns)}[answer]
        checks = rule_checks(item)
        if checks and not any(check.problem(text) for check in checks):
            passing.append(item.id)
    assert passing == []


MASK_PHONE = """好的：
```python
def mask_phone(phone):
    ok = len(phone) == 11 and phone.isdigit()
    return phone[:3] + '*' * 4 + phone[-4:] if ok else phone
```
这样就可以了。"""


@pytest.mark.parametrize(
    ("item", "answer"),
    [
        ("math-zh-002", "365÷18=20……5，他自己能吃到 **5 个**。"),
        ("math-zh-006", "设兔子有 x 只，则 4x+2(42−x)=118，解得 x=17。\n\n答案：17 只\n\n检验：17×4+25×2=118，正确。"),
        ("math-zh-006", "兔子有十七只。"),
        ("math-zh-047", "$54 \\div (6 \\times 5) = 1.8$\n\n答案：$\\boxed{1.8}$ 分米"),
        ("math-en-002", "430 − 40 = 390; 390 / 18 ≈ 21.7, so she needs 22 weeks.\n\n**Answer:** 22 weeks"),
        ("math-en-009", "Answer: $1,680"),
        ("code-zh-001", MASK_PHONE),
        ("code-zh-071", "集合的异或会去掉出现两次的数。\n答案：`[16,25]`"),
        ("extract-zh-068", "浊度的检测值是 0.46（NTU）。"),
        ("extract-zh-033", "截止日期最早的是“预订展位”。"),
        ("closed-qa-zh-001", "鹤嘴桥于 1790 年建成。"),
        ("closed-qa-zh-004", "文中没有提到鹤嘴桥的长度。"),
        ("closed-qa-en-020", "The text does not say how much a Wendle bicycle weighs."),
        ("rewrite-zh-044", "这家修表铺虽然门面很小，但全城各处的人都到这里修表。"),
        ("rewrite-zh-043", "来过石塘的人，没有谁不记得那片晚霞。"),
        ("rewrite-en-018", "Would you mind not using your drill on Sundays? Thank you so much."),
    ],
)  # fmt: skip
def test_a_right_answer_in_other_words_passes(items: tuple[EvaluationItem, ...], item: str, answer: str) -> None:
    checks = next(each.checks for each in items if each.id == item)
    assert checks
    for check in checks:
        if isinstance(check, CodeCheck):
            assert unconfined_reason() is not None or program_problem(code_in(answer), check.tests) == ""
        else:
            assert check.problem(answer) == ""


def test_the_answer_to_another_item_is_worth_little(items: tuple[EvaluationItem, ...]) -> None:
    """Conditions that any text fulfils would give points for nothing."""
    by_class: dict[str, list[float]] = defaultdict(list)
    for item, other in zip(items, [*items[7:], *items[:7]], strict=True):
        checks = rule_checks(item)
        if checks and item.category == other.category and other.reference not in ("", item.reference):
            kept = sum(not check.problem(other.reference) for check in checks)
            by_class[item.category].append(kept / len(checks))
    worth = {name: sum(shares) / len(shares) for name, shares in by_class.items()}
    assert {name: share for name, share in worth.items() if share > 0.3} == {}


ALL_PROGRAMS = """
import json
problems = {{}}
for name, program, tests, passes in json.loads({cases!r}):
    scope = {{"__name__": "__main__"}}
    try:
        exec(program, scope)
        exec(tests, scope)
        problem = ""
    except BaseException as error:
        problem = repr(error)
    if bool(problem) == passes:
        problems[name] = problem or "passes"
assert not problems, problems
"""


@pytest.mark.skipif(unconfined_reason() is not None, reason="programs cannot be confined here")
def test_programs_of_references_pass_their_tests_and_others_do_not(items: tuple[EvaluationItem, ...]) -> None:
    cases = []
    for item in items:
        for check in item.checks:
            if isinstance(check, CodeCheck):
                assert item.reference, item.id
                cases.append((item.id, code_in(item.reference), check.tests, True))
                cases.append((f"{item.id} with nothing", "", check.tests, False))
                cases.append((f"{item.id} with the question", code_in(item.turns[-1]), check.tests, False))
    assert program_problem("", ALL_PROGRAMS.format(cases=json.dumps(cases)), SandboxLimits(seconds=60)) == ""


def similar(texts: dict[str, str]) -> Iterator[tuple[float, str, str]]:
    """The pairs of texts from `SIMILAR` on."""
    runs = {name: features(compared(text)) for name, text in texts.items()}
    having: dict[int, list[str]] = defaultdict(list)
    for name, found in runs.items():
        for run in found.tolist():
            having[run].append(name)
    common = Counter(pair for names in having.values() for pair in combinations(names, 2))
    for (one, other), count in common.items():
        enough = count >= SIMILAR / (1 + SIMILAR) * (len(runs[one]) + len(runs[other])) - 1
        if enough and (share := jaccard(runs[one], runs[other])) >= SIMILAR:
            yield round(share, 2), one, other


def test_no_item_is_nearly_another(items: tuple[EvaluationItem, ...]) -> None:
    assert sorted(similar({item.id: "\n".join(item.turns) for item in items}), reverse=True) == []


def test_no_item_is_nearly_one_of_the_small_set(items: tuple[EvaluationItem, ...]) -> None:
    assert mixed_up(items, ROOT / "assets" / "evaluation" / "items.jsonl") == []


@pytest.mark.skipif(not BELLE.is_file(), reason="BELLE_EVAL_SET names no file")
def test_no_item_is_nearly_one_of_belles(items: tuple[EvaluationItem, ...]) -> None:
    assert mixed_up(items, BELLE) == []


def mixed_up(items: tuple[EvaluationItem, ...], path: Path) -> list[object]:
    """Items that hold a question of a file, by the rule for contamination, or are nearly one of its questions."""
    published = EvaluationSet([path])
    held = {
        item.id: published.find(Conversation(tuple(Message("user", turn) for turn in item.turns))) for item in items
    }
    asked = [question for row in read_rows(path) for question in questions_of(row)]
    texts = {f"{path.name} {number}": question for number, question in enumerate(asked, 1)}
    pairs = similar({**texts, **{item.id: item.turns[-1] for item in items}})
    return [
        *((hit.overlap, name, hit.question) for name, hit in held.items() if hit is not None),
        *(pair for pair in pairs if (pair[1] in texts) != (pair[2] in texts)),
    ]


def test_the_small_chat_model_is_not_trained_on_the_set(items: tuple[EvaluationItem, ...], tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("make_text", ROOT / "train" / "chat" / "make_text.py")
    assert spec is not None and spec.loader is not None
    make_text = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = make_text
    spec.loader.exec_module(make_text)
    questions = make_text.evaluation_questions()
    assert {turn for item in items for turn in item.turns} <= set(questions)
    corpus = make_text.make(300_000, seed=1, questions=questions)
    training = [("\n".join(sample.turns) or sample.text) for _, sample in (*corpus.train, *corpus.handwritten)]
    own = tmp_path / "own.jsonl"
    own.write_text("".join(json.dumps({"question": turn, "std_answer": ""}) + "\n" for item in items
                           for turn in item.turns), encoding="utf-8")  # fmt: skip
    seen = EvaluationSet([own])
    hits = [hit for text in training if (hit := seen.find(Conversation((Message("user", text),)))) is not None]
    assert [hit.question for hit in hits] == []


def test_the_readme_counts_the_items(rows: list[dict[str, Any]]) -> None:
    text = (OWN.parent / "README.md").read_text(encoding="utf-8")
    table = re.findall(r"^\| ([a-z -]+) \| (generated|hand) \| (\d+) \| (\d+) \|", text, re.M)
    counted = Counter((row["class"], row["source"], row["language"]) for row in rows)
    assert {(name, made, int(zh), int(en)) for name, made, zh, en in table} == {
        (name, made, counted[name, made, "zh"], counted[name, made, "en"]) for name, made, _ in counted
    }
    assert f"{len(rows):,} items" in text


def test_the_makers_write_the_committed_files_again() -> None:
    for name, content in makers.files().items():
        assert (OWN / name).read_text(encoding="utf-8") == content, f"{name}: run python -m assets.evaluation.makers"
    assert {path.name for path in OWN.glob("*.generated.jsonl")} == set(makers.files())


def test_a_generated_file_says_so_in_every_row() -> None:
    for path in OWN.glob("*.jsonl"):
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        source = "generated" if path.name.endswith(".generated.jsonl") else "hand"
        assert {row["source"] for row in rows} == {source}, path.name
        assert len({row["class"] for row in rows}) == 1, path.name


@pytest.mark.parametrize("category", ["closed qa", "rewrite"])
def test_answers_to_other_items_do_not_keep_most_rules_of_one(items: tuple[EvaluationItem, ...], category: str) -> None:
    """An item may have a rule that many answers keep, such as a length, and not mostly such rules."""
    of_class = [item for item in items if item.category == category]
    references = {item.reference for item in of_class if item.reference}
    lenient = {}
    for item in of_class:
        others = sorted(references - {item.reference})
        checks = rule_checks(item)
        kept = [sum(not check.problem(other) for check in checks) / len(checks) for other in others if checks]
        share = sum(worth > 0.6 for worth in kept) / max(len(kept), 1)
        if share > 0.3:
            lenient[item.id] = round(share, 2)
    assert lenient == {}
