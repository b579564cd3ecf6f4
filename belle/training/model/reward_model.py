"""A reward model: a transformer that reads a question with an answer and gives it one number.

It is transformers' model for sequence classification with one label, so everything that loads those loads it. The
number is read at the last token of the answer, the one that closes it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from belle.errors import KnownError
from belle.prompts.encoding import UNTRAINED
from belle.training.model.adapters import is_adapter
from belle.training.model.load import SCORING, load_model
from belle.training.model.model_loss import causal_model
from belle.training.tokenizer.tokenizer import load_tokenizer, padding_to_look_for

if TYPE_CHECKING:
    from belle.training.engines.engine import EngineBuilder
    from belle.training.recipe.schema import Recipe
    from belle.training.samples.collate import Batch

Say = Callable[[str], None]


def load_scoring_model(recipe: Recipe, builder: EngineBuilder, tokenizer: Any, say: Say) -> nn.Module:
    """The recipe's model with a head for scores, ready to be trained; with LoRA the head is trained and saved too.

    Raises KnownError: those of `load_causal_model`, and `no_score_head`.
    """
    model: Any = load_model(SCORING, recipe, builder, tokenizer, say)
    score_head(causal_model(model))
    # transformers finds the last token by looking for the padding, and where that is the end token it would be wrong.
    model.config.get_text_config().pad_token_id = padding_to_look_for(tokenizer)
    return model


def load_finished_model(
    folder: Path, recipe: Recipe, builder: EngineBuilder, tokenizer: Any, *, trainable: bool = False
) -> nn.Module:
    """A reward model that was trained before, or another model as the beginning of one, for the ids of `tokenizer`.

    Args:
        folder: a checkpoint or an adapter.
        recipe: whose device, precision and attention are used.
        trainable: it is going to be trained: whole, or its adapter when it is one.

    Raises KnownError: as `load_scoring_model`; `tokenizer_differs`; `not_a_reward_model` when it has no trained head
    and is not going to be trained.
    """
    _check_tokenizer(folder, tokenizer)
    if not trainable and not has_head(folder):
        raise KnownError(
            "not_a_reward_model",
            f"{folder} is no reward model: it has no trained head for scores.",
            "Train one with a recipe of stage: reward, and name its final folder.",
            path=str(folder),
        )
    lora = recipe.lora
    if is_adapter(folder) and lora is None:
        from belle.training.recipe.options import LoraOptions

        lora = LoraOptions()
    # Without adapters the weights are read as fp32: they may be going to be trained.
    lora = lora if is_adapter(folder) else None
    alone = replace(
        recipe, model=str(folder), init=None, lora=lora, quantization=None, freeze=None, neftune_alpha=0.0, liger=False
    )
    model = load_scoring_model(alone, builder, tokenizer, lambda _: None)
    if not trainable and not builder.partitioned and lora is None:
        model.to(builder.precision.compute_dtype)
        score_head(causal_model(model)).float()
    return model


def scores(model: Any, batch: Batch) -> Tensor:
    """The score of each row, read at its last trained token, in fp32 `[rows]`.

    Args:
        model: from `load_scoring_model`.
        batch: on the model's device; every row has a trained token.
    """
    whole = causal_model(model)
    states = whole.base_model(**batch.inputs())[0]
    places = torch.arange(batch.labels.shape[1], device=batch.labels.device)
    last = torch.where(batch.labels != UNTRAINED, places, 0).amax(dim=1)
    chosen = states[torch.arange(len(last), device=last.device), last]
    return apply_head(score_head(whole), chosen)


def score_head(whole: Any) -> Any:
    """The head of a model for sequence classification. Raises KnownError("no_score_head")."""
    head = getattr(whole, "score", None)
    if head is None:
        raise KnownError(
            "no_score_head",
            f"transformers' {type(whole).__name__} keeps its head where it is not looked for.",
            "Take a decoder model such as LLaMA, Mistral, Qwen or BLOOM.",
        )
    return head


def apply_head(head: Any, states: Tensor) -> Tensor:
    """One number for each state `[states]`, in the head's own precision: 16 bits would round small differences away."""
    with torch.autocast(states.device.type, enabled=False):
        values: Tensor = head(states.to(head.weight.dtype)).squeeze(-1).float()
    return values


def is_score_head(name: str) -> bool:
    """Whether a tensor of this name in a file is a head for scores: transformers', or one saved with an adapter."""
    return name.endswith(("score.weight", "score.modules_to_save.weight"))


def has_head(folder: Path) -> bool:
    """Whether the checkpoint's files name a head for scores."""
    from safetensors import safe_open

    names: list[str] = []
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="pt") as file:
            names += file.keys()
    return any(map(is_score_head, names))


def _check_tokenizer(folder: Path, tokenizer: Any) -> None:
    other = load_tokenizer(folder, notice=lambda _: None)
    if other.get_vocab() != tokenizer.get_vocab():
        raise KnownError(
            "tokenizer_differs",
            f"The model in {folder} has another vocabulary than the one that is trained.",
            "Start both from the same base model.",
            path=str(folder),
        )
