"""The rows of a model's embedding and head: one for each token, and those of new tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from belle.errors import KnownError
from belle.training.tokenizer.templates import new_tokens

if TYPE_CHECKING:
    from torch import Tensor


def check_vocabulary(model: Any, tokenizer: Any) -> None:
    """Raises KnownError("vocabulary_too_large") when a token has no row in the model's embedding."""
    rows = _rows(model.get_input_embeddings())
    if len(tokenizer) > rows:
        raise KnownError(
            "vocabulary_too_large",
            f"The tokenizer has {len(tokenizer)} tokens, but the model's embedding has only {rows} rows.",
            "Take the model's own tokenizer, or extend the model with a recipe of stage: vocab.",
            tokens=len(tokenizer),
            rows=rows,
        )


def add_rows(model: Any, tokenizer: Any, *, partitioned: bool) -> tuple[str, ...]:
    """Give the new tokens rows in the model's embedding and head. Returns the names of both layers.

    A new row starts as the mean of all old ones, so that its logit starts as their mean logit; the logit of a row of
    zeros or of small random numbers would be an outlier in the softmax. It is trained like every other row. With
    adapters, embedding and head are trained in full and saved beside them.

    Args:
        partitioned: the weights are spread over processes (ZeRO-3).

    Raises KnownError("new_tokens_partitioned").
    """
    import torch

    if partitioned:
        raise KnownError(
            "new_tokens_partitioned",
            "add_tokens: true needs the whole embedding, but ZeRO-3 spreads it over the processes.",
            "Train one step without DeepSpeed first, and start from its final folder.",
        )
    ids = list(new_tokens(tokenizer))
    embedding = model.get_input_embeddings()
    if embedding.weight.shape[0] < len(tokenizer):
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    with torch.no_grad():
        for weight in embedding_weights(model):
            weight[ids] = weight[: min(ids)].float().mean(dim=0).to(weight.dtype)  # [hidden_size]
    grown = {id(layer) for layer in (model.get_input_embeddings(), model.get_output_embeddings())}
    return tuple(name.rpartition(".")[2] for name, module in model.named_modules() if id(module) in grown)


def train_every_row(model: Any) -> None:
    """Let the embedding learn the row of the padding token too.

    torch gives the row of `padding_idx` no gradient, and in many base models the padding token is the end token. Here
    padding is known by its position (`collate`), so the row gets a gradient only where the token is in the text.
    """
    for module in model.modules():
        if getattr(module, "padding_idx", None) is not None and hasattr(module, "num_embeddings"):
            module.padding_idx = None


def train_new_rows(model: Any) -> None:
    """Freeze everything but the rows of embedding and head that the vocabulary extension added.

    They begin at `first_new_token` in the model's config.json. Raises KnownError("no_new_rows").
    """
    first = getattr(model.config, "first_new_token", None)
    if not isinstance(first, int):
        raise KnownError(
            "no_new_rows",
            "freeze: new_rows needs a model whose vocabulary was extended by a recipe of stage: vocab.",
            "The config.json of such a model has first_new_token.",
        )
    model.requires_grad_(False)
    for weight in embedding_weights(model):
        weight.requires_grad_(True)
        # A parameter is trained as a whole or not at all: the gradient of the old rows is set to 0.
        weight.register_hook(lambda gradient: _without_first(gradient, first))


def embedding_weights(model: Any) -> list[Tensor]:
    """The weights of embedding and head `[vocabulary, hidden_size]`; one where they are tied or there is no head."""
    layers = (model.get_input_embeddings(), model.get_output_embeddings())
    return list({id(layer.weight): layer.weight for layer in layers if layer is not None}.values())


def _without_first(gradient: Tensor, first: int) -> Tensor:
    masked = gradient.clone()
    masked[:first] = 0
    return masked


def _rows(embedding: Any) -> int:
    """Rows of an embedding; under ZeRO-3 the weight itself is empty here, and DeepSpeed keeps its shape."""
    shape = getattr(embedding.weight, "ds_shape", embedding.weight.shape)
    return int(shape[0])
