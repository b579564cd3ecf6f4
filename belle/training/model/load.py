"""The model of a run: loaded or made, checked against its tokenizer, and prepared for what the recipe trains of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle.errors import KnownError
from belle.pretrained import load_with_report
from belle.training.engines.precision import choose_attention
from belle.training.model.adapters import add_adapter, is_adapter, quantization_config, read_adapter_base
from belle.training.recipe.options import InitOptions
from belle.training.recipe.schema import Recipe
from belle.training.tokenizer.templates import new_tokens

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
    from transformers import LlamaConfig

    from belle.training.engines.engine import EngineBuilder

Say = Callable[[str], None]


@dataclass(frozen=True)
class Family:
    """A kind of model.

    Args:
        loader: transformers' class that loads it.
        task: peft's name for it.
        options: further arguments of its configuration.
        fresh: weights that a base model lacks, which are then random.
    """

    loader: str
    task: str
    options: dict[str, Any]
    fresh: tuple[str, ...] = ()


CAUSAL = Family("AutoModelForCausalLM", "CAUSAL_LM", {})
SCORING = Family("AutoModelForSequenceClassification", "SEQ_CLS", {"num_labels": 1}, ("score.weight",))
"""A transformer that gives a text one number, from the last hidden state: reward models and values."""


def load_causal_model(recipe: Recipe, builder: EngineBuilder, tokenizer: Any, say: Say) -> nn.Module:
    """The language model of the recipe, ready to be trained.

    Args:
        builder: knows the device and the precision, and is told while weights are loaded.
        tokenizer: must fit the model's embedding.
        say: gets a sentence for each decision.

    Raises KnownError: `model_missing`, `weights_missing`, `vocabulary_too_large`, `attention_unsupported`,
    `lora_target_missing`, `not_installed`, `no_new_rows`.
    """
    from belle.training.model.model_loss import full_logits_reason

    model = load_model(CAUSAL, recipe, builder, tokenizer, say)
    if hindrance := full_logits_reason(model):
        say(f"loss: with all logits at once, because {hindrance}")
    return model


def load_model(family: Family, recipe: Recipe, builder: EngineBuilder, tokenizer: Any, say: Say) -> nn.Module:
    """The recipe's model as one of `family`, ready to be trained. Arguments and errors as `load_causal_model`."""
    attention, reason = choose_attention(recipe.attention, builder.device, builder.precision)
    say(f"attention: {reason}")
    with builder.loading():
        if recipe.init is not None:
            model = _random_llama(family, recipe.init, tokenizer, attention)
        else:
            model = _pretrained(family, recipe, builder, attention)
        if new_tokens(tokenizer):
            layers = add_rows(model, tokenizer, partitioned=builder.partitioned)
            if recipe.lora is not None:
                in_full = tuple(dict.fromkeys([*recipe.lora.modules_to_save, *layers]))
                recipe = replace(recipe, lora=replace(recipe.lora, modules_to_save=in_full))
        if recipe.model is None or not is_adapter(Path(recipe.model)):
            # An adapter may bring an embedding with more rows.
            check_vocabulary(model, tokenizer)
        train_every_row(model)
        if recipe.lora is not None:
            model = add_adapter(model, recipe, partitioned=builder.partitioned, say=say, task=family.task)
    prepare(model, recipe)
    return model


def prepare(model: Any, recipe: Recipe) -> None:
    """Freezing, gradient checkpointing, Liger kernels and NEFTune, as the recipe says. Raises KnownError."""
    if recipe.freeze == "new_rows":
        train_new_rows(model)
    if recipe.gradient_checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    if recipe.liger:
        _use_liger(model)
    if recipe.neftune_alpha:
        add_noise(model.get_input_embeddings(), recipe.neftune_alpha)


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """The parameters that are trained, matrices with decay and all else without, as torch's optimizers want them."""
    trained = [p for p in model.parameters() if p.requires_grad]
    # Under ZeRO-3 a parameter is empty here, and its own shape is elsewhere.
    matrices = [p for p in trained if len(getattr(p, "ds_shape", p.shape)) >= 2]
    others = [p for p in trained if len(getattr(p, "ds_shape", p.shape)) < 2]
    groups = [{"params": matrices, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]


def count_parameters(model: nn.Module) -> tuple[int, int]:
    """How many numbers there are in the model, and how many of them are trained."""
    total = trained = 0
    for parameter in model.parameters():
        # Four-bit weights are packed two to a byte.
        state = getattr(parameter, "quant_state", None)
        size = math.prod(state.shape) if state is not None else getattr(parameter, "ds_numel", parameter.numel())
        total += size
        trained += size if parameter.requires_grad else 0
    return total, trained


def check_vocabulary(model: Any, tokenizer: Any) -> None:
    """Raises KnownError("vocabulary_too_large") when there are tokens that the model has no embedding for."""
    rows = _rows(model.get_input_embeddings())
    if len(tokenizer) > rows:
        raise KnownError(
            "vocabulary_too_large",
            f"The tokenizer has {len(tokenizer)} tokens, and the model's embedding has {rows} rows.",
            "Take the model's own tokenizer, or extend the model with a recipe of stage: vocab.",
            tokens=len(tokenizer),
            rows=rows,
        )


def add_rows(model: Any, tokenizer: Any, *, partitioned: bool) -> tuple[str, ...]:
    """Give the new tokens rows in the model's embedding and head. Returns the names of both layers.

    A new row begins as the mean of all others, in the midst of what the model knows: a row of zeros or of small random
    numbers would be an outlier on either side of the softmax. It is trained like every other row; with adapters,
    embedding and head are trained in full and saved beside them.

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
    with torch.no_grad():
        for weight in embedding_weights(model):
            weight[ids] = weight[: min(ids)].float().mean(dim=0).to(weight.dtype)
    grown = {id(layer) for layer in (model.get_input_embeddings(), model.get_output_embeddings())}
    return tuple(name.rpartition(".")[2] for name, module in model.named_modules() if id(module) in grown)


def train_every_row(model: Any) -> None:
    """Let the embedding learn the padding token too.

    torch gives the row of `padding_idx` no gradient, and in many base models the padding token is the end token. What
    is padding goes by position here (`collate`), so that row has a gradient only where the token itself is written.
    """
    for module in model.modules():
        if getattr(module, "padding_idx", None) is not None and hasattr(module, "num_embeddings"):
            module.padding_idx = None


def train_new_rows(model: Any) -> None:
    """Freeze everything but the rows of embedding and head that the vocabulary extension added.

    Which they are says `first_new_token` in the model's config.json. Raises KnownError("no_new_rows").
    """
    first = getattr(model.config, "first_new_token", None)
    if not isinstance(first, int):
        raise KnownError(
            "no_new_rows",
            "freeze: new_rows needs a model whose vocabulary was extended by a recipe of stage: vocab.",
            "Its config.json has first_new_token.",
        )
    model.requires_grad_(False)
    for weight in embedding_weights(model):
        weight.requires_grad_(True)
        weight.register_hook(lambda gradient: _without_first(gradient, first))


def embedding_weights(model: Any) -> list[Tensor]:
    """The weights of embedding and head `[vocabulary, hidden_size]`; one where they are tied or there is no head."""
    layers = (model.get_input_embeddings(), model.get_output_embeddings())
    return list({id(layer.weight): layer.weight for layer in layers if layer is not None}.values())


def llama_config(init: InitOptions, tokenizer: Any, **options: Any) -> LlamaConfig:
    """transformers' configuration of a LLaMA of that shape, for the vocabulary of `tokenizer`."""
    from transformers import LlamaConfig

    return LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=init.hidden_size,
        intermediate_size=init.intermediate_size,
        num_hidden_layers=init.num_hidden_layers,
        num_attention_heads=init.num_attention_heads,
        num_key_value_heads=init.num_key_value_heads,
        max_position_embeddings=init.max_position_embeddings,
        rope_parameters={"rope_type": "default", "rope_theta": init.rope_theta},
        rms_norm_eps=init.rms_norm_eps,
        initializer_range=init.initializer_range,
        tie_word_embeddings=init.tie_word_embeddings,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **options,
    )


def add_noise(embedding: nn.Module, alpha: float) -> None:
    """Uniform noise on the embeddings while training, up to alpha ÷ √(length · width) (NEFTune, Jain et al. 2023)."""
    import torch

    def noisy(module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        if not module.training:
            return output
        bound = alpha / math.sqrt(output.shape[1] * output.shape[2])
        return output + torch.empty_like(output).uniform_(-bound, bound)

    embedding.register_forward_hook(noisy)


def _random_llama(family: Family, init: InitOptions, tokenizer: Any, attention: str) -> nn.Module:
    import transformers

    config = llama_config(init, tokenizer, **family.options)
    loader = getattr(transformers, family.loader)
    model: nn.Module = loader.from_config(config, attn_implementation=attention, dtype=_float32())
    return model


def _pretrained(family: Family, recipe: Recipe, builder: EngineBuilder, attention: str) -> nn.Module:
    name = base_of(recipe)
    frozen = recipe.lora is not None
    options: dict[str, Any] = dict(family.options)
    if recipe.quantization is not None:
        options["quantization_config"] = quantization_config(recipe.quantization, builder.precision)
        options["device_map"] = {"": builder.device}
    try:
        model, report = load_with_report(
            family.loader,
            name,
            dtype=builder.precision.compute_dtype if frozen else _float32(),
            attn_implementation=attention,
            **options,
        )
    except (OSError, ValueError) as error:
        raise KnownError(
            "model_missing",
            f"The model {name} cannot be loaded: {str(error).splitlines()[0]}",
            "Name a folder with config.json and weights, or a model on a hub.",
            model=name,
        ) from error
    check_complete(name, report, family)
    result: nn.Module = model
    return result


def check_complete(name: str, report: Mapping[str, Any], family: Family) -> None:
    """Nothing of a model is random but what its family begins anew.

    Args:
        name: of the checkpoint, for the words.
        report: from `load_with_report`.

    Raises KnownError("weights_missing").
    """
    missing = sorted(set(report.get("missing_keys") or ()) - set(family.fresh))
    if missing:
        raise KnownError(
            "weights_missing",
            f"{name} lacks the weights {', '.join(missing[:3])}; they would be random.",
            "Take a complete checkpoint of a language model.",
            model=name,
            missing=missing,
        )


def base_of(recipe: Recipe) -> str:
    """The folder or name of the whole model that the recipe starts from: below an adapter, its base.

    Raises KnownError("model_is_adapter") when an adapter cannot be trained on as the recipe says.
    """
    assert recipe.model is not None
    folder = Path(recipe.model)
    if not is_adapter(folder):
        return str(folder.absolute()) if folder.is_dir() else recipe.model
    if recipe.lora is None:
        raise KnownError(
            "model_is_adapter",
            f"{folder} is a LoRA adapter, not a whole model.",
            f"Make a model of it with “belle merge {folder}”, or train the adapter on with “lora”.",
            model=str(folder),
        )
    return read_adapter_base(folder)


def _use_liger(model: Any) -> None:
    try:
        from liger_kernel.transformers import _apply_liger_kernel_to_instance
    except ImportError:
        raise KnownError(
            "not_installed", "liger: true needs the package liger-kernel.", "Install it, or leave liger out."
        ) from None
    # The loss is our own; it does not make the logits that Liger's would avoid.
    _apply_liger_kernel_to_instance(model=model, fused_linear_cross_entropy=False, cross_entropy=False)


def _without_first(gradient: Tensor, first: int) -> Tensor:
    masked = gradient.clone()
    masked[:first] = 0
    return masked


def _rows(embedding: Any) -> int:
    shape = getattr(embedding.weight, "ds_shape", embedding.weight.shape)
    return int(shape[0])


def _float32() -> torch.dtype:
    import torch

    return torch.float32
