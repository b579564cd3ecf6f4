"""Preference pairs and prompts for tests, in BELLE's formats, and a vocabulary of eight words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.belle.training.runs import recipe_file

QUESTIONS = ["你好", "Hello", "天空是什么颜色的？", "1+1=?", "Name a colour.", "讲一句话。", "Say yes.", "谢谢"]


def write_pairs(path: Path, count: int = 16) -> Path:
    """Pairs that are easily told apart, in BELLE's reward format: a good answer says 好, a bad one 不."""
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            question = f"{QUESTIONS[number % len(QUESTIONS)]} {number}"
            good, bad = "好" * (1 + number % 3), "不不" + "。" * (number % 5)
            prompt = f"Human: \n{question}\n\nAssistant: \n"
            row = {"chosen": prompt + good, "rejected": prompt + bad}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    return path


def write_prompts(path: Path, count: int = 8) -> Path:
    """Prompts as BELLE's PPO data has them."""
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            text = f"Human: \n{QUESTIONS[number % len(QUESTIONS)]} {number}\n\nAssistant: \n"
            file.write(json.dumps({"text": text}, ensure_ascii=False) + "\n")
    return path


def rows(run_folder: Path) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl."""
    return [json.loads(line) for line in (run_folder / "metrics.jsonl").read_text().splitlines()]


def pairs_recipe(folder: Path, stage: str, **changes: Any) -> Path:
    """A recipe that learns from `write_pairs`."""
    folder.mkdir(parents=True, exist_ok=True)
    data = write_pairs(folder / "pairs.jsonl")
    return recipe_file(folder, **{"stage": stage, "data": [str(data)], "learning_rate": 3e-3, **changes})


def ppo_recipe(folder: Path, ppo: dict[str, Any], **changes: Any) -> Path:
    """A PPO recipe with the prompts of `write_prompts`."""
    folder.mkdir(parents=True, exist_ok=True)
    data = write_prompts(folder / "prompts.jsonl")
    options = {"reward_function": "length:8", "max_new_tokens": 6, "rollouts": 8, "stop_kl": None, **ppo}
    if "reward_model" in ppo:
        del options["reward_function"]
    settings = {"stage": "ppo", "data": [str(data)], "learning_rate": 3e-3, "ppo": options, "max_steps": 3, **changes}
    return recipe_file(folder, **settings)


def write_small_tokenizer(folder: Path) -> Path:
    """A tokenizer of eight letters; every other character is unknown to it."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    folder.mkdir(parents=True)
    names = ["<unk>", "<s>", "</s>", "<pad>", *"abcdefgh"]
    tokenizer = Tokenizer(models.WordLevel({name: i for i, name in enumerate(names)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}
    config["tokenizer_class"] = "PreTrainedTokenizerFast"
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder
