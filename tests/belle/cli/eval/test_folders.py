"""The answers of a model are put together from its shards, and from nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from belle.cli.eval.folders import answers_by_model, model_of
from belle.clients.chat.answer_file import RowShard
from belle.errors import KnownError
from belle.evaluation.items.item import EvaluationItem, EvaluationItems

IDS = ("a", "a/1", "x-of-y", "00001-of-00002", "e")
ITEMS = EvaluationItems("few", "digest", tuple(EvaluationItem(name, "math", ("?",), "1") for name in IDS))


def write(folder: Path, shard: RowShard, model: str = "m", **facts: object) -> None:
    path = shard.path(folder / "answers" / f"{model}.jsonl")
    path.parent.mkdir(exist_ok=True)
    rows = [{"run": {"set": "digest", **facts}}]
    rows += [{"id": f"{item.id}/1", "choices": [{"text": f"to {item.id}"}]} for item in shard.of(ITEMS.items)]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")


@pytest.mark.parametrize(
    ("stem", "model"),
    [
        ("m", "m"),
        ("m-00000-of-00002", "m"),
        ("best-of-breed", "best-of-breed"),
        ("best-of-breed-00003-of-00016", "best-of-breed"),
        ("m-1-of-2", "m-1-of-2"),
        ("-of-", "-of-"),
    ],
)
def test_a_shard_has_the_name_of_its_model(stem: str, model: str) -> None:
    assert model_of(stem) == model


@pytest.mark.parametrize("model", ["m", "best-of-breed"])
def test_shards_are_judged_as_one_whatever_the_ids(model: str, tmp_path: Path) -> None:
    for index in range(3):
        write(tmp_path, RowShard(index, 3), model)
    found = answers_by_model(tmp_path, ITEMS)
    assert list(found) == [model]
    assert {answer.item.id: answer.text for answer in found[model]} == {name: f"to {name}" for name in IDS}


def test_shards_of_different_counts_give_each_item_once(tmp_path: Path) -> None:
    for shard in (RowShard(), RowShard(0, 2), RowShard(1, 4)):
        write(tmp_path, shard)
    assert sorted(answer.item.id for answer in answers_by_model(tmp_path, ITEMS)["m"]) == sorted(IDS)


def test_shards_that_were_asked_in_different_ways_are_refused(tmp_path: Path) -> None:
    write(tmp_path, RowShard(0, 2), temperature=0.0)
    write(tmp_path, RowShard(1, 2), temperature=1.0)
    with pytest.raises(KnownError, match="asked in different ways"):
        answers_by_model(tmp_path, ITEMS)
