"""`belle train --keys`: exactly the keys that the dataclasses of a recipe have."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
import yaml

from belle.cli.main import main
from belle.training.recipe.fields import convert
from belle.training.recipe.keys import recipe_keys
from belle.training.recipe.options import (
    DataFile,
    DpoOptions,
    InitOptions,
    LoraOptions,
    MixOptions,
    PpoOptions,
    RewardOptions,
    VocabOptions,
)
from belle.training.recipe.schema import Recipe
from belle.training.recipe.speech_options import SpeechOptions
from belle.training.recipe.vision_options import TowerShape, VisionOptions

ROOT = Path(__file__).parents[4]
CLASSES: dict[str, Any] = {
    "": Recipe, "data[].": DataFile, "init.": InitOptions, "lora.": LoraOptions, "vocab.": VocabOptions,
    "mix.": MixOptions, "reward.": RewardOptions, "dpo.": DpoOptions, "ppo.": PpoOptions,
    "speech.": SpeechOptions, "vision.": VisionOptions, "vision.new_tower.": TowerShape,
}  # fmt: skip


def test_the_keys_are_the_fields_of_the_dataclasses() -> None:
    fields = {
        f"{prefix}{field.name}": field
        for prefix, cls in CLASSES.items()
        for field in dataclasses.fields(cls)
        if field.metadata.get("key", True)
    }
    keys = {key.name: key for key in recipe_keys()}
    assert keys.keys() == fields.keys()
    for name, key in keys.items():
        field = fields[name]
        assert (key.default is None) == (field.default is dataclasses.MISSING), name
        if key.default is not None:
            cls = CLASSES[name.removesuffix(field.name)]
            hint = get_type_hints(cls)[field.name]
            assert convert(hint, yaml.safe_load(key.default), source="", key=name) == field.default, name
        assert key.meaning.endswith("."), name
        assert key.type, name


def test_the_choices_of_a_key_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--keys", "stage"]) == 0
    output = capsys.readouterr().out
    assert all(stage in output for stage in get_args(get_type_hints(Recipe)["stage"]))


@pytest.mark.parametrize(
    ("subject", "there", "absent"),
    [
        ("lora", "lora.targets", "ppo.lam"),
        ("ppo", "ppo.kl_target", "lora.r:"),
        ("learning_rate", "min_learning_rate", "lora.r:"),
        ("data", "data[].weight", "lora.r:"),
    ],
)
def test_a_group_has_its_own_keys(subject: str, there: str, absent: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--keys", subject]) == 0
    output = capsys.readouterr().out
    assert there in output
    assert absent not in output


def test_a_name_that_is_neither_a_key_nor_a_recipe_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--keys", "lorra"]) == 2
    assert "Did you mean lora" in capsys.readouterr().err
    assert main(["train"]) == 2
    assert "There is no recipe." in capsys.readouterr().err


def test_the_keys_are_listed_without_importing_torch() -> None:
    program = (
        "import sys; from belle.cli.main import main; main(['train', '--keys']);"
        "print([m for m in ('torch', 'numpy', 'transformers') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True)
    assert result.stdout.splitlines()[-1] == "[]"
    assert "lora.r: whole number; default 16" in result.stdout
