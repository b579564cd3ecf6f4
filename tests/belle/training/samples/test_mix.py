"""Domain and general data are mixed exactly as the ratio says, and always in the same way."""

from __future__ import annotations

import json
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belle.data.rows import Kind
from belle.errors import KnownError
from belle.prompts import get_template
from belle.training.recipe.fields import FieldError
from belle.training.recipe.options import DataFile, MixOptions
from belle.training.samples.mix import mixed
from belle.training.samples.prepare import prepare
from belle.training.samples.store import SampleSet
from belle.training.tokenizer.tokenizer import HubVocabulary, load_tokenizer
from tests.belle.training.runs import TOKENIZER

BOTH: tuple[Kind, ...] = ("text", "conversation")
TALK = {"conversations": [{"from": "human", "value": "你好"}, {"from": "assistant", "value": "你好！"}]}


def write(path: Path, *records: object) -> DataFile:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return DataFile(path)


def encode(folder: Path, files: list[DataFile], *, max_length: int = 24) -> SampleSet:
    vocabulary = HubVocabulary(load_tokenizer(TOKENIZER))
    template = get_template("belle")
    return prepare(
        files, BOTH, vocabulary, template, max_length=max_length, processes=1, cache_dir=folder, trains_all=True
    )


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> SampleSet:
    """A domain of 6 texts and 4 conversations in two files, and 40 general texts of various lengths."""
    folder = tmp_path_factory.mktemp("mix")
    texts = write(folder / "text.jsonl", *({"text": f"The house has room {n}."} for n in range(6)))
    talks = write(folder / "talk.jsonl", *[TALK] * 4)
    general = write(folder / "general.jsonl", *({"text": f"River {n}. " * (1 + n % 9)} for n in range(40)))
    return encode(folder / "cache", [texts, talks, general])


def options(ratio: str, **changes: Any) -> MixOptions:
    return MixOptions((DataFile(Path("general.jsonl")),), ratio, **changes)


def rows_of(samples: SampleSet, *, general: bool) -> Counter[int]:
    """How often each row is in the mixture, whole."""
    mine = samples.row_numbers[(samples.input_numbers >= 2) == general]
    return Counter(mine.tolist())


@pytest.mark.parametrize("ratio", ["1:0", "1:1", "1:2", "2:1", "2:5", "1:2.5", "10:3"])
def test_the_ratio_of_rows_is_exact(samples: SampleSet, ratio: str) -> None:
    domain, general = map(Fraction, ratio.split(":"))
    mixture, counts = mixed(samples, options(ratio), 2, seed=1)
    assert (counts.domain_rows, counts.general_rows) == (10, 10 * general / domain)
    assert len(rows_of(mixture, general=False)) == 10
    assert len(rows_of(mixture, general=True)) == counts.general_rows
    assert counts.domain_tokens + counts.general_tokens == mixture.lengths.sum()
    assert f"{counts.general_rows} general" in counts.as_text()
    whole = Counter(samples.row_numbers.tolist())
    for general_rows in (False, True):
        assert all(whole[row] == count for row, count in rows_of(mixture, general=general_rows).items())


def test_a_larger_ratio_has_the_rows_of_a_smaller_one(samples: SampleSet) -> None:
    def drawn(ratio: str, seed: int) -> set[int]:
        return set(rows_of(mixed(samples, options(ratio), 2, seed)[0], general=True))

    small, large = drawn("1:1", 3), drawn("1:3", 3)
    assert small < large
    again, other = drawn("1:1", 3), drawn("1:1", 4)
    assert small == again != other


def test_a_ratio_of_tokens_is_met_as_nearly_as_whole_rows_do(samples: SampleSet) -> None:
    longest = max(np.bincount(samples.row_numbers, weights=samples.lengths))
    for ratio in ("1:0", "1:1", "3:2"):
        _, counts = mixed(samples, options(ratio, by="tokens"), 2, seed=1)
        wanted = counts.domain_tokens * options(ratio).share
        assert abs(counts.general_tokens - wanted) <= longest / 2


def test_too_little_general_data_is_said_or_repeated(samples: SampleSet) -> None:
    with pytest.raises(KnownError) as caught:
        mixed(samples, options("1:10"), 2, seed=1)
    assert caught.value.kind == "too_little_general"
    assert "needs 100 rows" in caught.value.message and "are 40" in caught.value.message
    mixture, counts = mixed(samples, options("1:10", repeat=True), 2, seed=1)
    assert counts.general_rows == 100
    whole = Counter(samples.row_numbers.tolist())
    times = {row: count / whole[row] for row, count in rows_of(mixture, general=True).items()}
    assert sorted(Counter(times.values()).items()) == [(2.0, 20), (3.0, 20)]
    assert [mixture.name(n) for n in range(len(mixture)) if "talk" in mixture.name(n)]


@given(st.integers(1, 30), st.integers(0, 30), st.booleans(), st.integers(0, 5))
@settings(deadline=None, max_examples=40)
def test_any_ratio_is_exact_or_refused(samples: SampleSet, domain: int, general: int, repeat: bool, seed: int) -> None:
    mix = options(f"{domain}:{general}", repeat=repeat)
    wanted = round(Fraction(10 * general, domain))
    if wanted > 40 and not repeat:
        with pytest.raises(KnownError):
            mixed(samples, mix, 2, seed)
    else:
        mixture, counts = mixed(samples, mix, 2, seed)
        assert counts.general_rows == wanted
        assert sum(len(mixture.sequences(n)[0][0]) for n in range(len(mixture))) == mixture.lengths.sum()


@pytest.mark.parametrize("ratio", ["", "1", "0:1", "1:-1", "1:2:3", "a:b", "65", "1e9:1"])
def test_what_is_no_ratio_is_refused(ratio: str) -> None:
    with pytest.raises(FieldError, match=r"domain:general|cannot be"):
        options(ratio)


def test_every_token_of_texts_and_conversations_is_trained(tmp_path: Path) -> None:
    long = {"conversations": [{"from": "human", "value": "好" * 90}, {"from": "assistant", "value": "是" * 90}]}
    data = write(tmp_path / "a.jsonl", TALK, long)
    text = write(tmp_path / "b.jsonl", {"text": "A river begins."})
    samples = encode(tmp_path / "cache", [data, text], max_length=100)
    vocabulary = HubVocabulary(load_tokenizer(TOKENIZER))
    sequences = [samples.sequences(n)[0] for n in range(len(samples))]
    assert all(trained[1:].all() for _, trained in sequences)  # nothing predicts the first
    assert vocabulary.text(sequences[0][0].tolist()).split() == ["Human:", "你好", "Assistant:", "你好！</s>"]
    assert len(sequences) > 3  # the long conversation is cut, not dropped
    assert samples.counts.trained == samples.counts.tokens - len(samples) and not samples.counts.dropped


def test_pairs_of_answers_are_refused_in_words(tmp_path: Path) -> None:
    pairs = write(tmp_path / "pairs.jsonl", {"prompt": "q", "chosen": "a", "rejected": "b"})
    with pytest.raises(KnownError) as caught:
        encode(tmp_path / "cache", [pairs])
    assert caught.value.kind == "wrong_kind"
    assert "texts for pre-training or conversations are needed" in caught.value.message
