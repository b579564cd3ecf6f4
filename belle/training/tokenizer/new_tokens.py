"""Control tokens that a prompt template needs and a vocabulary lacks: added, with rows in embedding and head.

A new row begins as the mean of all others, in the midst of what the model knows: a row of zeros or of small random
numbers would be an outlier on either side of the softmax. It is trained like every other row; with adapters embedding
and head are trained in full and saved beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from belle.errors import KnownError
from belle.prompts import PromptTemplate
from belle.training.recipe.load import Recipe
from belle.training.tokenizer.templates import choose_template, missing_tokens

_NEW = "new_token_ids"


def template_of(recipe: Recipe, tokenizer: Any, *, say: Callable[[str], None] = lambda _: None) -> PromptTemplate:
    """The template of a run, after whatever its tokenizer lacks was added as the recipe says.

    Raises KnownError as `choose_template`.
    """
    chats = recipe.traits.renders_chats
    template = choose_template(recipe.template, tokenizer, chats=chats, complete=not recipe.add_tokens, say=say)
    if recipe.add_tokens and chats:
        add_missing_tokens(template, tokenizer, say=say)
    return template


def add_missing_tokens(template: PromptTemplate, tokenizer: Any, *, say: Callable[[str], None]) -> None:
    """Add to the tokenizer what `template` needs; `new_tokens` tells afterwards what that was."""
    missing = missing_tokens(template, tokenizer)
    if missing:
        tokenizer.add_special_tokens({"additional_special_tokens": missing}, replace_extra_special_tokens=False)
        setattr(tokenizer, _NEW, tuple(tokenizer.convert_tokens_to_ids(missing)))
        say(f"vocabulary: {', '.join(missing)} added, which template {template.id} needs")


def new_tokens(tokenizer: Any) -> Sequence[int]:
    """The ids that `add_missing_tokens` added to this tokenizer."""
    ids: Sequence[int] = getattr(tokenizer, _NEW, ())
    return ids


def add_rows(model: Any, tokenizer: Any, *, partitioned: bool) -> tuple[str, ...]:
    """Give the new tokens rows in the model's embedding and head. Returns the names of both layers.

    Args:
        partitioned: the weights are spread over processes (ZeRO-3).

    Raises KnownError("new_tokens_partitioned").
    """
    import torch

    if partitioned:
        raise KnownError(
            "new_tokens_partitioned",
            "add_tokens: true needs the whole embedding, and ZeRO-3 spreads it over the processes.",
            "Train one step without DeepSpeed first, and go on from its final folder.",
        )
    ids = list(new_tokens(tokenizer))
    embedding = model.get_input_embeddings()
    if embedding.weight.shape[0] < len(tokenizer):
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    layers = [layer for layer in (model.get_input_embeddings(), model.get_output_embeddings()) if layer is not None]
    with torch.no_grad():
        for weight in {id(layer.weight): layer.weight for layer in layers}.values():
            weight[ids] = weight[: min(ids)].float().mean(dim=0).to(weight.dtype)
    found = {id(layer) for layer in layers}
    return tuple(name.rpartition(".")[2] for name, module in model.named_modules() if id(module) in found)
