"""Models that see: made of their halves, trained in two stages, and only where they are meant to be."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assets.evaluation.makers.pictures.__main__ import OWN, write_training
from belle.cli.main import main
from belle.errors import KnownError
from belle.training.recipe.load import load_recipe
from belle.training.stages.run import run_recipe
from tests.belle.training.runs import metrics, recipe_file

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
]
TOWER = {
    "image_size": 32,
    "patch_size": 16,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 1,
}
PROJECTOR, TOWER_NAME, LANGUAGE = "multi_modal_projector", "vision_tower", "language_model"


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of some drawn pictures, with captions and questions."""
    folder = tmp_path_factory.mktemp("drawn")
    write_training(folder, 12)
    return folder


def trained(
    folder: Path, drawn: Path, stage: str = "vl_align", overrides: list[str] | None = None, **more: Any
) -> Path:
    """Train; returns the folder of the run."""
    file = "captions.jsonl" if stage == "vl_align" else "conversations.jsonl"
    values: dict[str, Any] = {"stage": stage, "data": [str(drawn / file)], "max_length": 120, "template": "belle"}
    if "model" not in more:
        values["vision"] = {"new_tower": TOWER}
    recipe = load_recipe(recipe_file(folder, **{**values, **more}), overrides or [])
    run_recipe(recipe)
    return recipe.output_dir


def weights(run: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(run / "final/model.safetensors")


def moved(before: Path, after: Path) -> set[str]:
    """Which parts of a model differ."""
    import torch

    one, other = weights(before), weights(after)
    assert one.keys() == other.keys()
    return {name.partition(".")[0] for name in one if not torch.equal(one[name], other[name])}


@pytest.fixture(scope="module")
def aligned(tmp_path_factory: pytest.TempPathFactory, drawn: Path) -> Path:
    return trained(tmp_path_factory.mktemp("aligned"), drawn, epochs=8, learning_rate=0.1)


def test_only_the_projector_learns_to_align(aligned: Path, drawn: Path, tmp_path: Path) -> None:
    losses = metrics(aligned, "loss")
    assert sum(losses[-3:]) < sum(losses[:3]) - 0.01  # a language model of random weights says little
    short = trained(tmp_path, drawn, max_steps=1)
    assert moved(short, aligned) == {PROJECTOR}


def test_projector_and_language_model_learn_to_answer(aligned: Path, drawn: Path, tmp_path: Path) -> None:
    run = trained(tmp_path, drawn, "vl_instruct", model=str(aligned / "final"), epochs=9)
    losses = metrics(run, "loss")
    assert losses[-1] < 0.7 * losses[0]
    assert moved(aligned, run) == {PROJECTOR, LANGUAGE}


def test_the_tower_learns_where_the_recipe_says_so(aligned: Path, drawn: Path, tmp_path: Path) -> None:
    model = str(aligned / "final")
    run = trained(tmp_path, drawn, "vl_instruct", model=model, max_steps=1, vision={"train_tower": True})
    assert moved(aligned, run) == {PROJECTOR, LANGUAGE, TOWER_NAME}


def test_an_adapter_learns_and_is_merged(aligned: Path, drawn: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    lora = {"r": 4, "dropout": 0.0}
    run = trained(tmp_path, drawn, "vl_instruct", model=str(aligned / "final"), lora=lora, epochs=2)
    losses = metrics(run, "loss")
    assert losses[-1] < losses[0]
    names = set(load_file(run / "final/adapter_model.safetensors"))
    assert any(LANGUAGE in name and "lora_A" in name for name in names)
    assert any(PROJECTOR in name for name in names)
    assert not any(TOWER_NAME in name for name in names)
    assert main(["merge", str(run / "final"), "-o", str(tmp_path / "merged/final")]) == 0
    assert moved(aligned, tmp_path / "merged") == {PROJECTOR, LANGUAGE}
    assert (tmp_path / "merged/final/preprocessor_config.json").exists()


def test_an_adapter_needs_a_model_that_sees(drawn: Path, tmp_path: Path) -> None:
    init = {"tokenizer": "train/tiny/tokenizer", "hidden_size": 32, "num_attention_heads": 2, "num_hidden_layers": 1}
    base = trained(tmp_path / "blind", drawn, "sft", init=init, max_steps=1, vision=None)
    with pytest.raises(KnownError, match="needs a model that sees already"):
        vision = {"new_tower": TOWER}
        trained(tmp_path, drawn, "vl_instruct", model=str(base / "final"), lora={"r": 4}, vision=vision)


def test_the_final_folder_is_transformers_own(aligned: Path) -> None:
    from transformers import AutoModelForImageTextToText, AutoTokenizer

    model, report = AutoModelForImageTextToText.from_pretrained(aligned / "final", output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    tokenizer = AutoTokenizer.from_pretrained(aligned / "final")
    assert tokenizer.convert_tokens_to_ids("<image>") == model.config.image_token_id
    values = json.loads((aligned / "final/preprocessor_config.json").read_text(encoding="utf-8"))
    assert values["crop_size"] == {"height": 32, "width": 32}
    assert (aligned / "final/chat_template.jinja").exists()


def test_the_loss_is_that_of_transformers(aligned: Path, drawn: Path) -> None:
    import torch
    from transformers import LlavaForConditionalGeneration

    from belle.training.model.model_loss import loss_sum
    from belle.training.model.vision import PictureFormat
    from belle.training.samples.pictures import PictureBatch, read_picture

    model = LlavaForConditionalGeneration.from_pretrained(aligned / "final").eval()
    wanted = PictureFormat(32, 16, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    paths = sorted((drawn / "images").iterdir())[:2]
    pixels = torch.stack([torch.from_numpy(read_picture(path, wanted)) for path in paths])
    picture = [model.config.image_token_id] * 4
    ids = torch.tensor([[5, *picture, 9, 11, 12], [5, 6, *picture, 13, 14]])
    labels = torch.tensor([[-100] * 6 + [11, 12], [-100] * 6 + [13, 14]])
    batch = PictureBatch(ids, labels, None, [0, 1], 16, 4, pixel_values=pixels)
    with torch.no_grad():
        theirs = model(input_ids=ids, labels=labels, pixel_values=pixels).loss * 4
        ours = loss_sum(model, batch)
        blind = loss_sum(model, replace(batch, pixel_values=torch.zeros_like(pixels)))
    assert float(ours) == pytest.approx(float(theirs), rel=1e-5)
    assert float(blind) != pytest.approx(float(ours), rel=1e-6)


def test_a_resumed_run_ends_with_the_same_bits(aligned: Path, drawn: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"model": str(aligned / "final"), "max_steps": 4, "save_every": 2}
    whole = trained(tmp_path / "whole", drawn, "vl_instruct", **options)
    cut = trained(tmp_path / "cut", drawn, "vl_instruct", **options)
    for path in (cut / "step-4", cut / "final"):
        shutil.rmtree(path)
    run_recipe(replace(load_recipe(tmp_path / "cut/recipe.yaml"), resume=True))
    assert moved(whole, cut) == set()


@pytest.mark.parametrize("kind", ["clip", "clip_vision_model", "siglip_vision_model"])
def test_a_tower_is_taken_from_its_folder(kind: str, drawn: Path, tmp_path: Path) -> None:
    import torch
    from transformers import (
        CLIPConfig,
        CLIPModel,
        CLIPVisionConfig,
        CLIPVisionModel,
        SiglipVisionConfig,
        SiglipVisionModel,
    )

    if kind == "clip":
        text = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 1}
        tower: Any = CLIPModel(CLIPConfig(vision_config=TOWER, text_config={**text, "vocab_size": 50}))
        own = tower.vision_model.state_dict()
    elif kind == "clip_vision_model":
        tower = CLIPVisionModel(CLIPVisionConfig(**TOWER))
        own = tower.state_dict()
    else:
        tower = SiglipVisionModel(SiglipVisionConfig(**TOWER))
        own = tower.state_dict()
    tower.save_pretrained(tmp_path / "tower")
    processor = {"image_mean": [0.1, 0.2, 0.3], "image_std": [0.5, 0.5, 0.5]}
    (tmp_path / "tower/preprocessor_config.json").write_text(json.dumps(processor), encoding="utf-8")
    run = trained(tmp_path / "run", drawn, vision={"tower": str(tmp_path / "tower")}, max_steps=1)
    written = {name.removeprefix(f"{TOWER_NAME}."): value for name, value in weights(run).items()}
    patches = next(value for name, value in own.items() if name.endswith("patch_embedding.weight"))
    taken = next(value for name, value in written.items() if name.endswith("patch_embedding.weight"))
    assert torch.equal(patches, taken)
    assert json.loads((run / "final/preprocessor_config.json").read_text(encoding="utf-8"))["image_mean"] == [
        0.1,
        0.2,
        0.3,
    ]
    config = json.loads((run / "final/config.json").read_text(encoding="utf-8"))
    assert config["vision_feature_select_strategy"] == ("full" if kind == "siglip_vision_model" else "default")


def test_a_language_model_that_ties_its_head_stays_tied(drawn: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForImageTextToText

    init = {"tokenizer": "train/tiny/tokenizer", "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1}
    init |= {"num_attention_heads": 2, "tie_word_embeddings": True}
    run = trained(tmp_path, drawn, "vl_instruct", init=init, max_steps=1)
    model = AutoModelForImageTextToText.from_pretrained(run / "final")
    assert model.lm_head.weight is model.get_input_embeddings().weight


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"vision": None}, "vision"),
        ({"vision": {}}, "names no vision tower"),
        ({"vision": {"new_tower": {**TOWER, "patch_size": 7}}}, "has to divide image_size"),
        ({"vision": {"tower": "train", "new_tower": TOWER}}, "exclude each other"),
        ({"vision": {"tower": "train/tiny/tokenizer"}}, "cannot be read|is a"),
        ({"vision": {"new_tower": TOWER, "train_tower": True}}, "has no meaning for stage: vl_align"),
        ({"lora": {"r": 4}, "model": "train/tiny/tokenizer"}, "has no meaning for stage: vl_align"),
    ],
)
def test_a_recipe_that_cannot_be_is_refused(changes: dict[str, Any], words: str, drawn: Path, tmp_path: Path) -> None:
    with pytest.raises(KnownError, match=words):
        trained(tmp_path, drawn, **changes)


def test_a_model_that_sees_needs_no_other_tower(aligned: Path, drawn: Path, tmp_path: Path) -> None:
    with pytest.raises(KnownError, match="has a vision tower already"):
        trained(tmp_path, drawn, "vl_instruct", model=str(aligned / "final"), vision={"new_tower": TOWER})


def test_missing_pictures_are_told_before_the_training(drawn: Path, tmp_path: Path) -> None:
    shutil.copy(drawn / "captions.jsonl", tmp_path)
    with pytest.raises(KnownError, match="12 of 12 pictures do not exist"):
        trained(tmp_path / "run", tmp_path)
    run = trained(tmp_path / "again", tmp_path, vision={"new_tower": TOWER, "pictures": str(drawn)}, max_steps=1)
    assert metrics(run, "step") == [1]


def test_belle_eval_mme_asks_it(aligned: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "pictures/color").mkdir(parents=True)
    for file in sorted((OWN / "color").glob("000[12].*")):
        shutil.copy(file, tmp_path / "pictures/color")
    words = [str(aligned / "final"), "--pictures", str(tmp_path / "pictures"), "-o", str(tmp_path / "out")]
    assert main(["eval", "mme", *words]) == 0
    assert "| color | 2 |" in capsys.readouterr().out
    lines = (tmp_path / "out/answers/run/color.txt").read_text(encoding="utf-8").removesuffix("\n").split("\n")
    assert [line.split("\t")[0] for line in lines] == ["0001.png", "0001.png", "0002.png", "0002.png"]
    assert main(["eval", "mme", str(tmp_path / "out/answers/run")]) == 0


def test_a_checkpoint_that_does_not_see_is_told(
    aligned: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from transformers import LlamaConfig

    LlamaConfig(hidden_size=8, num_attention_heads=1).save_pretrained(tmp_path / "blind")
    assert main(["eval", "mme", str(tmp_path / "blind"), "-o", str(tmp_path / "out")]) != 0
    assert "does not take pictures" in capsys.readouterr().err
