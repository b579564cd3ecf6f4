"""What `bench_training` measures, each in a process of its own: `python -m tests.bench.training_parts NAME FOLDER …`.

Prints one JSON object. Steps are timed in CPU seconds of one thread, so that other work on the machine weighs less.

Model, tokenizer and samples are the same for all: a LLaMA of 21 million weights and Chinese conversations whose lengths
are distributed as in real chats: log-normal with σ 0.9, as measured on short Chinese texts (mean 48, median 31, 95th
percentile 133 tokens); with questions, answers and several turns, mean 141, median 108 and 350 tokens.
"""

from __future__ import annotations

import json
import os
import random
import resource
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from belle.prompts import get_template
from belle.training.recipe.options import DataFile, InitOptions
from belle.training.recipe.schema import Recipe
from belle.training.samples.prepare import prepare
from belle.training.tokenizer.tokenizer import HubVocabulary, load_tokenizer

ROOT = Path(__file__).parents[2]
TOKENIZER = ROOT / "train/chat/tokenizer"
TEXT = ROOT / "assets/text/zh.txt"
BATCH = 8
MAX_LENGTH = 512
# Of an epoch, so many steps are run, taken from it at equal distances.
STEPS = 8
# As `belle` renders, for transformers; the part between the generation marks is trained.
CHAT_TEMPLATE = (
    "{% for m in messages %}{% if m['role'] == 'user' %}{{ 'Human: \n' + m['content'] + '\n\nAssistant: \n' }}"
    "{% else %}{% generation %}{{ m['content'] + eos_token }}{% endgeneration %}{% endif %}{% endfor %}"
)


def write_conversations(path: Path, count: int) -> None:
    """Conversations cut from the project's own Chinese text, in BELLE's format."""
    text = "".join(TEXT.read_text(encoding="utf-8").split())
    rng = random.Random(1)

    def piece(median: float) -> str:
        length = min(max(int(rng.lognormvariate(0, 0.9) * median), 2), 600)
        start = rng.randrange(len(text) - length)
        return text[start : start + length]

    with path.open("w", encoding="utf-8") as file:
        for _ in range(count):
            turns = [
                {"from": who, "value": piece(median)}
                for _ in range(rng.choices((1, 2, 3), (80, 14, 6))[0])
                for who, median in (("human", 20), ("assistant", 45))
            ]
            file.write(json.dumps({"conversations": turns}, ensure_ascii=False) + "\n")


def recipe(folder: Path) -> Recipe:
    """21 M weights: width 512, 6 layers, 4,096 tokens."""
    return Recipe(
        stage="sft",
        output_dir=folder / "run",
        init=InitOptions(TOKENIZER, 512, 1408, num_hidden_layers=6, num_attention_heads=8, tie_word_embeddings=True),
        data=(DataFile(folder / "steps.jsonl"),),
        max_length=MAX_LENGTH,
        batch_size=BATCH,
        precision="fp32",
    )


def samples_of(folder: Path, name: str, processes: int) -> Any:
    return prepare(
        [DataFile(folder / name)],
        "conversation",
        HubVocabulary(load_tokenizer(TOKENIZER)),
        get_template("belle"),
        max_length=MAX_LENGTH,
        processes=processes,
        cache_dir=folder / f"cache-{os.getpid()}",
    )


def steps(folder: Path, mode: str) -> Mapping[str, float]:
    """Some of our steps: `group`, `pack`, or `default`: random batches, transformers' mask and its own loss."""
    from belle.training.engines.engine import engine_builder
    from belle.training.engines.options import EngineOptions
    from belle.training.loop.loop import optimizer_step
    from belle.training.model.load import load_causal_model
    from belle.training.model.options import ModelOptions
    from belle.training.model.prepare import parameter_groups
    from belle.training.stages.next_token import NextToken

    class Default(NextToken):
        def loss(self, model: Any, batch: Any) -> Any:
            lengths = [samples.lengths[sample] for sample in batch.samples]
            mask = batch.input_ids.new_tensor([[i < n for i in range(batch.input_ids.shape[1])] for n in lengths])
            out = model(input_ids=batch.input_ids, attention_mask=mask, labels=batch.labels)
            return out.loss * batch.trained_tokens, {}

    plan = recipe(folder)
    builder = engine_builder(plan.part(EngineOptions))
    tokenizer = load_tokenizer(TOKENIZER)
    model = load_causal_model(plan.part(ModelOptions), builder, tokenizer, lambda _: None)
    engine = builder.build(model, parameter_groups(model, 0.0))
    samples, chosen = some_steps(folder, "pad" if mode == "default" else mode)
    method = Default() if mode == "default" else NextToken()
    optimizer_step(engine, method, chosen[0], 1e-4)
    began = time.process_time()
    for step in chosen:
        optimizer_step(engine, method, step, 1e-4)
    seconds = time.process_time() - began
    tokens = sum(micro.batch.tokens for step in chosen for micro in step)
    trained = sum(micro.batch.trained_tokens for step in chosen for micro in step)
    return {"tokens": tokens / seconds, "trained": trained / seconds, "seconds": seconds}


def some_steps(folder: Path, mode: str) -> tuple[Any, list[Any]]:
    """The samples, and `STEPS` steps of the first epoch."""
    from belle.training.samples.loader import SampleBatches

    samples = samples_of(folder, "steps.jsonl", 1)
    options = recipe(folder)
    batches = SampleBatches(
        samples,
        batch_size=options.batch_size,
        accumulation=options.accumulation,
        max_length=options.max_length,
        seed=options.seed,
        mode=mode,
        attention="sdpa",
        pad_id=0,
        rank=0,
        world_size=1,  # type: ignore[arg-type]
    )
    every = batches.steps(0) // STEPS
    return samples, [batches.step(0, index * every) for index in range(STEPS)]


def trl_steps(folder: Path, mode: str) -> Mapping[str, float]:
    """trl's SFTTrainer on the samples of our steps: `grouped`: in our very batches, else in its own.

    `plain`, `padding_free` and `packed` take them in random order.
    """
    import torch
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, LlamaConfig, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    class Watch(TrainerCallback):
        began = 0.0

        def on_step_begin(self, *_: Any, **__: Any) -> None:
            self.began = self.began or time.process_time()

    samples, chosen = some_steps(folder, "group")
    numbers = [number for step in chosen for micro in step for number in micro.batch.samples]
    rows = [samples.sequences(number)[0] for number in numbers]
    labels = [[int(t) if use else -100 for t, use in zip(ids, trained, strict=True)] for ids, trained in rows]
    data = Dataset.from_dict({"input_ids": [ids.tolist() for ids, _ in rows], "labels": labels})
    tokenizer = load_tokenizer(TOKENIZER)
    shape = recipe(folder).init
    assert shape is not None
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=shape.hidden_size,
        intermediate_size=shape.intermediate_size,
        num_hidden_layers=shape.num_hidden_layers,
        num_attention_heads=shape.num_attention_heads,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = AutoModelForCausalLM.from_config(config, attn_implementation="sdpa")
    settings: dict[str, dict[str, Any]] = {
        "plain": {},
        "grouped": {"train_sampling_strategy": "sequential"},
        "padding_free": {"padding_free": True, "max_length": None},
        "packed": {"packing": True, "per_device_train_batch_size": 1},
    }
    arguments = {
        "per_device_train_batch_size": BATCH,
        "max_length": MAX_LENGTH,
        "num_train_epochs": 1,
        "optim": "adamw_torch_fused",
        "gradient_checkpointing": False,
        "dataloader_pin_memory": False,
        "use_cpu": True,
        "bf16": False,
        "report_to": "none",
        "save_strategy": "no",
        "logging_strategy": "no",
        "disable_tqdm": True,
    }
    watch = Watch()
    trainer = SFTTrainer(
        model,
        SFTConfig(str(folder / "trl"), **{**arguments, **settings[mode]}),
        train_dataset=data,
        processing_class=tokenizer,
        callbacks=[watch],
    )
    model(input_ids=torch.ones(BATCH, 64, dtype=torch.long)).logits.sum().backward()
    model.zero_grad()
    trainer.train()
    seconds = time.process_time() - watch.began
    return {"tokens": sum(len(ids) for ids, _ in rows) / seconds, "seconds": seconds}


def prepare_rows(folder: Path, who: str) -> Mapping[str, float]:
    """Rows per second with two processes; `ours` from the file to the finished folder, `trl` what it maps alone."""
    began = time.perf_counter()
    if who == "ours":
        rows = samples_of(folder, "rows.jsonl", 2).counts.rows
        seconds = time.perf_counter() - began
    else:
        rows, seconds = _trl_map(folder)
    own, child = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    # Of two children, the larger is known.
    return {"rows": rows / seconds, "peak_mb": (own + 2 * child) / unit, "seconds": seconds}


def _trl_map(folder: Path) -> tuple[int, float]:
    from datasets import load_dataset
    from transformers import AutoModelForCausalLM, LlamaConfig
    from trl import SFTConfig, SFTTrainer

    class Timed(SFTTrainer):
        seconds = 0.0

        def _prepare_dataset(self, *arguments: Any, **options: Any) -> Any:
            began = time.perf_counter()
            found = super()._prepare_dataset(*arguments, **options)
            Timed.seconds += time.perf_counter() - began
            return found

    roles = {"human": "user", "assistant": "assistant"}
    data = load_dataset("json", data_files=str(folder / "rows.jsonl"), split="train", cache_dir=str(folder / "hub"))
    data = data.map(
        lambda row: {"messages": [{"role": roles[t["from"]], "content": t["value"]} for t in row["conversations"]]},
        remove_columns=data.column_names,
    )
    tokenizer = load_tokenizer(TOKENIZER)
    tokenizer.chat_template = CHAT_TEMPLATE
    small = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2
    )
    Timed(
        AutoModelForCausalLM.from_config(small),
        SFTConfig(
            str(folder / "trl"),
            max_length=MAX_LENGTH,
            assistant_only_loss=True,
            dataset_num_proc=2,
            use_cpu=True,
            bf16=False,
            report_to="none",
        ),
        train_dataset=data,
        processing_class=tokenizer,
    )
    return len(data), Timed.seconds


def loss_memory(_: Path, who: str) -> Mapping[str, float]:
    """Peak of what a loss adds, its gradients included, ÷ the logits in fp32; BLOOM's vocabulary, 2,048 tokens."""
    import torch

    from belle.training.model.loss import causal_loss_sum

    vocabulary, tokens, width = 250_880, 2048, 256
    head = torch.nn.Linear(width, vocabulary, bias=False)
    labels = torch.randint(vocabulary, (1, tokens + 1))
    hidden = torch.randn(1, tokens + 1, width, requires_grad=True)
    small = causal_loss_sum(hidden[:, :9], torch.nn.Linear(width, 64, bias=False), labels[:, :9] % 64)[0]
    small.backward()
    hidden.grad = None
    unit = 1 if sys.platform == "darwin" else 1024
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    if who == "ours":
        loss = causal_loss_sum(hidden, head, labels)[0]
    else:
        loss = torch.nn.functional.cross_entropy(head(hidden)[0, :-1], labels[0, 1:], reduction="sum")
    loss.backward()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return {"ratio": (peak - before) / (4 * vocabulary * tokens)}


PARTS = {"steps": steps, "trl_steps": trl_steps, "prepare": prepare_rows, "loss": loss_memory}

if __name__ == "__main__":
    os.environ |= {"TOKENIZERS_PARALLELISM": "false", "OMP_NUM_THREADS": "1"}
    print(json.dumps(PARTS[sys.argv[1]](Path(sys.argv[2]), sys.argv[3])))
