"""A reward model: a transformer that reads a question with an answer and gives it one number.

It is transformers' model for sequence classification with one label, so every program that loads such models loads it.
The number is read at the last token of the answer, its end token.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from belle.errors import KnownError
from belle.prompts.encoding import UNTRAINED
from belle.training.model.adapters import is_adapter
from belle.training.model.load import SCORING, Say, load_model
from belle.training.model.model_loss import causal_model
from belle.training.model.options import ModelOptions
from belle.training.recipe.options import LoraOptions
from belle.training.tokenizer.tokenizer import load_tokenizer, padding_to_look_for

if TYPE_CHECKING:
    from belle.training.engines.engine import EngineBuilder
    from belle.training.samples.collate import Batch


def load_scoring_model(options: ModelOptions, builder: EngineBuilder, tokenizer: Any, say: Say) -> nn.Module:
    """The model of a run with a head for scores, ready to be trained; with LoRA the head too is trained and saved.

    Raises KnownError: those of `load_causal_model`, and `no_score_head`.
    """
    model: Any = load_model(SCORING, options, builder, tokenizer, say)
    score_head(causal_model(model))
    # transformers finds the last token by searching for the padding token, which must not be the end token.
    model.config.get_text_config().pad_token_id = padding_to_look_for(tokenizer)
    return model


def load_finished_model(
    folder: Path, options: ModelOptions, builder: EngineBuilder, tokenizer: Any, *, trainable: bool = False
) -> nn.Module:
    """A trained reward model, or (`trainable`) any model to start one from, for the token ids of `tokenizer`.

    Args:
        folder: a checkpoint or an adapter.
        options: of the run's own model, whose attention kernel and gradient checkpointing are taken over.
        trainable: whether it will be trained: as a whole, or its adapter when it is one.

    Raises KnownError: as `load_scoring_model`; `tokenizer_differs`; `not_a_reward_model` when it has no trained head
    and will not be trained.
    """
    _check_tokenizer(folder, tokenizer)
    if not trainable and not has_head(folder):
        raise KnownError(
            "not_a_reward_model",
            f"{folder} is not a reward model: it has no trained head for scores.",
            "Train one with a recipe of stage: reward, and name the final folder of that run.",
            path=str(folder),
        )
    adapter = is_adapter(folder)
    own_options = ModelOptions(
        model=str(folder),
        lora=LoraOptions() if adapter else None,  # it goes on with its own rank and layers
        attention=options.attention,
        gradient_checkpointing=options.gradient_checkpointing,
    )
    model = load_scoring_model(own_options, builder, tokenizer, lambda _: None)
    if not trainable and not builder.partitioned and not adapter:
        # It was read in fp32, as for training.
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
    states = whole.base_model(**batch.inputs())[0]  # [rows, length, hidden_size]
    positions = torch.arange(batch.labels.shape[1], device=batch.labels.device)  # [length]
    last = torch.where(batch.labels != UNTRAINED, positions, 0).amax(dim=1)  # [rows]
    last_states = states[torch.arange(len(last), device=last.device), last]  # [rows, hidden_size]
    return apply_head(score_head(whole), last_states)


def score_head(whole: Any) -> Any:
    """The head of a model for sequence classification. Raises KnownError("no_score_head")."""
    head = getattr(whole, "score", None)
    if head is None:
        raise KnownError(
            "no_score_head",
            f"transformers' {type(whole).__name__} has no head called “score”.",
            "Take a decoder model such as LLaMA, Mistral, Qwen or BLOOM.",
        )
    return head


def apply_head(head: Any, states: Tensor) -> Tensor:
    """One number per hidden state, in fp32 `[states]`.

    Computed in the head's own precision: 16 bits would round small differences between scores away.
    """
    with torch.autocast(states.device.type, enabled=False):
        values: Tensor = head(states.to(head.weight.dtype)).squeeze(-1).float()
    return values


def is_score_head(name: str) -> bool:
    """Whether a tensor of this name in a file is a head for scores, of a whole model or of an adapter."""
    return name.endswith(("score.weight", "score.modules_to_save.weight"))


def has_head(folder: Path) -> bool:
    """Whether a checkpoint's files contain a head for scores."""
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
            f"The model in {folder} and the model that is trained have different vocabularies.",
            "Start both from the same base model.",
            path=str(folder),
        )
