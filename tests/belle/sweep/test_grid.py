"""The runs of a sweep: all combinations, each under a name of its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belle.errors import KnownError
from belle.sweep.grid import sweep_runs


def test_every_combination_runs_with_every_seed() -> None:
    runs = sweep_runs(["mix.ratio=1:0,1:5", "lora.r=8"], seeds=2, first_seed=7)
    assert [run.name for run in runs] == [
        f"mix.ratio=1-{ratio},lora.r=8,seed={seed}" for ratio in (0, 5) for seed in (7, 8)
    ]
    assert runs[0].changes == ("mix.ratio=1:0", "lora.r=8", "seed=7")
    assert runs[0].title == "mix.ratio=1:0, lora.r=8"
    (alone,) = sweep_runs(["epochs=2"], first_seed=1234)
    assert (alone.name, alone.changes) == ("epochs=2", ("epochs=2", "seed=1234"))


def test_a_comma_in_brackets_or_quotes_separates_no_values() -> None:
    runs = sweep_runs(["lora.targets=[q_proj,v_proj],all-linear", "sample_prompts=['a, b']"], first_seed=1)
    assert [run.values for run in runs] == [
        ("lora.targets=[q_proj,v_proj]", "sample_prompts=['a, b']"),
        ("lora.targets=all-linear", "sample_prompts=['a, b']"),
    ]


@pytest.mark.parametrize(
    ("over", "words"),
    [
        (["epochs"], "not a key with its values"),
        (["=1,2"], "not a key with its values"),
        (["epochs="], "not a key with its values"),
        (["epochs=1,,2"], "not a key with its values"),
        (["epochs=1,1"], "a value twice"),
        (["epochs=1", "epochs=2"], "given twice"),
        (["output_dir=a,b"], "not possible"),
        (["seed=1,2"], "not possible"),
        ([f"a{n}=1,2,3,4,5,6,7,8,9,10" for n in range(4)], "10,000 runs"),
    ],
)
def test_what_is_no_list_of_values_is_refused_in_words(over: list[str], words: str) -> None:
    with pytest.raises(KnownError, match=re.escape(words)) as caught:
        sweep_runs(over, first_seed=1)
    assert caught.value.advice


@given(
    st.lists(
        st.text(st.characters(exclude_characters=",[]{}()'\"", exclude_categories=["Cs"]), min_size=1).filter(
            lambda t: t.strip() == t
        ),
        min_size=1,
        max_size=6,
        unique=True,
    )
)
def test_any_values_give_names_that_files_can_have(values: list[str]) -> None:
    runs = sweep_runs([f"key={','.join(values)}"], first_seed=1)
    names = [run.name for run in runs]
    assert len(set(names)) == len(values)
    for name in names:
        assert Path(name).name == name and not name.startswith((".", "-")) and len(name) < 130
