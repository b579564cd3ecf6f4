"""The model of a run: loaded or made with random weights, checked against its tokenizer, and ready to be trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle.errors import KnownError
from belle.pretrained import load_with_report
from belle.training.engines.precision import choose_attention
from belle.training.model.adapters import (
    add_adapter,
    continue_adapter,
    is_adapter,
    quantization_config,
    read_adapter_base,
)
from belle.training.model.embedding_rows import add_rows, check_vocabulary, train_every_row
from belle.training.model.options import ModelOptions
from belle.training.model.prepare import prepare
from belle.training.tokenizer.templates import new_tokens

if TYPE_CHECKING:
    import torch
    from torch import nn
    from transformers import LlamaConfig

    from belle.training.engines.engine import EngineBuilder
    from belle.training.recipe.options import InitOptions

Say = Callable[[str], None]
ModelLoader = Callable[[ModelOptions, "EngineBuilder", Any, Say], "nn.Module"]
"""Loads a model for a tokenizer, as `load_causal_model` does."""


@dataclass(frozen=True)
class Family:
    """A kind of model.

    Args:
        loader: transformers' class that loads it.
        task: peft's name for it; None where peft's own wrapper would expect other inputs.
        options: further arguments of its configuration.
        fresh: weights that a base model may lack; they are then initialized at random.
    """

    loader: str
    task: str | None
    options: dict[str, Any]
    fresh: tuple[str, ...] = ()


CAUSAL = Family("AutoModelForCausalLM", "CAUSAL_LM", {})
SCORING = Family("AutoModelForSequenceClassification", "SEQ_CLS", {"num_labels": 1}, ("score.weight",))
"""A transformer that gives a text one number, from the last hidden state: reward models and value models."""


def load_causal_model(options: ModelOptions, builder: EngineBuilder, tokenizer: Any, say: Say) -> nn.Module:
    """The language model of a run, ready to be trained.

    Args:
        builder: of the engine: has the device, the precision, and the context for loading weights.
        tokenizer: every token must have a row in the model's embedding.
        say: gets a sentence for each decision.

    Raises KnownError: `model_missing`, `weights_missing`, `vocabulary_too_large`, `attention_unsupported`,
    `lora_target_missing`, `not_installed`, `no_new_rows`.
    """
    from belle.training.model.model_loss import full_logits_reason

    model = load_model(CAUSAL, options, builder, tokenizer, say)
    if reason := full_logits_reason(model):
        say(f"loss: with all logits at once, because {reason}")
    return model


def load_model(family: Family, options: ModelOptions, builder: EngineBuilder, tokenizer: Any, say: Say) -> nn.Module:
    """The model of a run as one of `family`, ready to be trained. Arguments and errors as `load_causal_model`."""
    attention, reason = choose_attention(options.attention, builder.device, builder.precision)
    say(f"attention: {reason}")
    with builder.loading():
        if options.init is not None:
            model = _random_llama(family, options.init, tokenizer, attention)
        else:
            model = _pretrained(family, options, builder, attention)
        grown = add_rows(model, tokenizer, partitioned=builder.partitioned) if new_tokens(tokenizer) else ()
        if not _starts_from_adapter(options):
            # An adapter may bring an embedding with more rows.
            check_vocabulary(model, tokenizer)
        train_every_row(model)
        if options.lora is not None:
            model = _adapted(model, options, family, grown, partitioned=builder.partitioned, say=say)
    prepare(model, options)
    return model


def _adapted(
    model: nn.Module, options: ModelOptions, family: Family, grown: Sequence[str], *, partitioned: bool, say: Say
) -> nn.Module:
    """The model with a LoRA adapter: the one in `options.model`, or a new one.

    Args:
        grown: layers that got rows for new tokens; a new adapter trains them in full.
    """
    assert options.lora is not None
    if _starts_from_adapter(options):
        return continue_adapter(model, str(options.model), partitioned=partitioned, say=say)
    in_full = tuple(dict.fromkeys([*options.lora.modules_to_save, *grown]))
    lora = replace(options.lora, modules_to_save=in_full)
    return add_adapter(model, lora, quantization=options.quantization, partitioned=partitioned, task=family.task)


def llama_config(init: InitOptions, tokenizer: Any, **options: Any) -> LlamaConfig:
    """transformers' configuration of a LLaMA of the shape `init`, for the vocabulary of `tokenizer`."""
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


def _random_llama(family: Family, init: InitOptions, tokenizer: Any, attention: str) -> nn.Module:
    import transformers

    config = llama_config(init, tokenizer, **family.options)
    loader = getattr(transformers, family.loader)
    model: nn.Module = loader.from_config(config, attn_implementation=attention, dtype=_float32())
    return model


def _pretrained(family: Family, options: ModelOptions, builder: EngineBuilder, attention: str) -> nn.Module:
    name = base_of(options)
    frozen = options.lora is not None
    arguments: dict[str, Any] = dict(family.options)
    if options.quantization is not None:
        arguments["quantization_config"] = quantization_config(options.quantization, builder.precision)
        arguments["device_map"] = {"": builder.device}
    try:
        model, report = load_with_report(
            family.loader,
            name,
            dtype=builder.precision.compute_dtype if frozen else _float32(),
            attn_implementation=attention,
            **arguments,
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
    """Check that a checkpoint has all weights of the model, but for those that its family initializes at random.

    Args:
        name: of the checkpoint, for the message.
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


def base_of(options: ModelOptions) -> str:
    """The folder or name of the whole model that a run starts from; of an adapter, its base.

    Raises KnownError: `model_is_adapter` when `model` is an adapter and `lora` is not set, `base_unknown`.
    """
    assert options.model is not None
    folder = Path(options.model)
    if not is_adapter(folder):
        return str(folder.absolute()) if folder.is_dir() else options.model
    if options.lora is None:
        raise KnownError(
            "model_is_adapter",
            f"{folder} is a LoRA adapter, not a whole model.",
            f"Make a whole model with “belle merge {folder}”, or set “lora” to train the adapter further.",
            model=str(folder),
        )
    return read_adapter_base(folder)


def _starts_from_adapter(options: ModelOptions) -> bool:
    return options.model is not None and is_adapter(Path(options.model))


def _float32() -> torch.dtype:
    import torch

    return torch.float32
