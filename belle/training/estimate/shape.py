"""The sizes of a run's models, from their configurations alone, without loading a weight.

The model is built on torch's `meta` device, where tensors have shapes and no memory, so that every architecture
that transformers knows is counted exactly.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle.errors import KnownError
from belle.pretrained import load_config
from belle.training.model.adapters import check_continued, is_adapter, read_adapter_base
from belle.training.model.load import base_of, llama_config
from belle.training.model.lora_names import check_names, is_named
from belle.training.model.options import ModelOptions
from belle.training.recipe.load import load_recipe
from belle.training.recipe.sources import is_recipe

if TYPE_CHECKING:
    from torch import nn

    from belle.training.recipe.options import LoraOptions, PpoOptions
    from belle.training.recipe.schema import Recipe


@dataclass(frozen=True)
class ModelShape:
    """The numbers of parameters of a run's models, and the sizes that memory and time depend on.

    Args:
        name: transformers' class.
        total: in the model that is trained, with its adapter.
        trained: those of them that are trained.
        quantized: those of them that `quantization` stores in fewer bits.
        frozen_beside: in further models that are only evaluated (a reference, a reward model).
        multiplied: those of `total` that are in a matrix product for every token: all but an untied embedding.
        layers, hidden, intermediate, key_value, vocabulary: sizes.
        largest_layer: in the largest of layer, embedding and head.
    """

    name: str
    total: int
    trained: int
    quantized: int
    frozen_beside: int
    multiplied: int
    layers: int
    hidden: int
    intermediate: int
    key_value: int
    vocabulary: int
    largest_layer: int

    @property
    def frozen(self) -> int:
        """Parameters of all models that are not trained."""
        return self.total - self.trained + self.frozen_beside


def shape_of(options: ModelOptions, *, scoring: bool = False, ppo: PpoOptions | None = None) -> ModelShape:
    """The shape of a run's models; where the run starts from a recipe, of the model that this recipe will leave.

    Args:
        scoring: the model gives a text one number (`stage: reward`).
        ppo: the options of `stage: ppo`, which has further models.

    Raises KnownError: `model_missing`, and those of `load_recipe`.
    """
    config = config_of(options)
    model = _empty_model(config, scoring=scoring)
    base = sum(p.numel() for p in model.parameters())
    linear = _linear_layers(model)
    head = model.get_output_embeddings()
    embedding = model.get_input_embeddings()
    lora = _lora_of(options)
    added = adapter_parameters(model, lora) if lora is not None else 0
    trained = base
    if lora is not None:
        trained = added
    elif options.freeze == "new_rows":
        trained = sum({id(p): p.numel() for m in (embedding, head) if m is not None for p in m.parameters()}.values())
    value, beside = _further_models(options, ppo, base) if ppo is not None else (0, 0)
    tied = head is not None and head.weight is embedding.weight
    sizes = config.get_text_config()
    heads = int(getattr(sizes, "num_attention_heads", None) or sizes.n_head)
    hidden, layers = int(sizes.hidden_size), int(sizes.num_hidden_layers)
    body = base - embedding.weight.numel() - (0 if head is None or tied else head.weight.numel())
    return ModelShape(
        name=type(model).__name__,
        total=base + added + value,
        trained=trained + value,
        quantized=sum(m.weight.numel() for m in linear.values() if m is not head) if options.quantization else 0,
        frozen_beside=beside,
        multiplied=base + added + value - (0 if tied else embedding.weight.numel()),
        layers=layers,
        hidden=hidden,
        intermediate=int(getattr(sizes, "intermediate_size", None) or 4 * hidden),
        key_value=hidden // heads * int(getattr(sizes, "num_key_value_heads", None) or heads),
        vocabulary=int(sizes.vocab_size),
        largest_layer=max(embedding.weight.numel(), body // max(layers, 1)),
    )


def config_of(options: ModelOptions) -> Any:
    """transformers' configuration of a run's model. Raises KnownError as `shape_of`."""
    if options.init is not None:
        from belle.training.tokenizer.tokenizer import load_tokenizer

        return llama_config(options.init, load_tokenizer(options.init.tokenizer, notice=lambda _: None))
    assert options.model is not None
    return _config_at(options.model if is_recipe(options.model) else base_of(options))


def check_lora(options: ModelOptions, *, scoring: bool = False) -> None:
    """Check that the layers which `lora` names exist, before data are prepared and weights are read.

    Args:
        scoring: as in `shape_of`.

    Raises KnownError as `check_names`, `check_continued` and `shape_of`.
    """
    if options.lora is None:
        return
    if options.model and is_adapter(Path(options.model)):
        check_continued(options.lora, Path(options.model))
    else:
        check_names(_empty_model(config_of(options), scoring=scoring), options.lora)


def adapter_parameters(model: nn.Module, lora: LoraOptions) -> int:
    """The number of parameters that LoRA adds: r · (in + out) per adapted layer, and copies of `modules_to_save`.

    Raises KnownError as `check_names`.
    """
    check_names(model, lora)
    linear = _linear_layers(model)
    head: Any = getattr(model, "get_output_embeddings", lambda: None)()
    if lora.targets == "all-linear":
        adapted = [name for name, layer in linear.items() if layer is not head]
    else:
        adapted = [name for name in linear if is_named(name, lora.targets)]
    total = 0
    for name in adapted:
        outputs, inputs = linear[name].weight.shape
        total += lora.r * (inputs + outputs) + (outputs if lora.dora else 0)  # A [r, in], B [out, r], DoRA's m [out]
    for name, module in model.named_modules():
        if is_named(name, lora.modules_to_save):
            total += sum(p.numel() for p in module.parameters())
    return total


def _config_at(name: str | Path) -> Any:
    """The configuration of a model, of an adapter's base, or of the final model of a recipe."""
    if is_recipe(name):
        return _after(load_recipe(Path(name)))
    base = read_adapter_base(Path(name)) if is_adapter(Path(name)) else name
    try:
        return load_config(base)
    except (OSError, ValueError) as error:
        raise KnownError(
            "model_missing",
            f"The configuration of {name} cannot be read: {str(error).splitlines()[0]}",
            "Name a folder with config.json, or a model on a hub.",
            model=str(name),
        ) from error


def _after(recipe: Recipe) -> Any:
    """The configuration of a recipe's final model, which may not exist yet."""
    final = recipe.run_folder.final
    if (final / "config.json").is_file():
        return load_config(final)
    config = copy.deepcopy(config_of(recipe.part(ModelOptions)))
    if recipe.traits.makes_tokenizer and recipe.vocab is not None:
        config.get_text_config().vocab_size += recipe.vocab.size
    return config


def _further_models(options: ModelOptions, ppo: PpoOptions, base: int) -> tuple[int, int]:
    """PPO's parameters beside the policy: those of the values, which are trained; of reference and reward model."""

    def size(path: Path | None) -> int:
        if path is None:
            return 0
        return sum(p.numel() for p in _empty_model(_config_at(path), scoring=True).parameters())

    value = size(ppo.value_model) or int(config_of(options).get_text_config().hidden_size) + 1
    return value, size(ppo.reward_model) + (0 if options.lora is not None else base)


def _lora_of(options: ModelOptions) -> LoraOptions | None:
    """The adapter's options; of an adapter that is trained further, its own."""
    if options.lora is None or options.model is None or not is_adapter(Path(options.model)):
        return options.lora
    from peft import LoraConfig

    from belle.training.recipe.options import LoraOptions

    own: Any = LoraConfig.from_pretrained(options.model, local_files_only=True)
    targets = own.target_modules
    return LoraOptions(
        r=own.r,
        targets="all-linear" if targets == "all-linear" else tuple(targets),
        modules_to_save=tuple(own.modules_to_save or ()),
        dora=own.use_dora,
    )


def _empty_model(config: Any, *, scoring: bool) -> Any:
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForImageTextToText, AutoModelForSequenceClassification

    if scoring:
        config = copy.deepcopy(config)
        config.num_labels = 1
    sees = hasattr(config, "vision_config")
    loader: Any = AutoModelForImageTextToText if sees else AutoModelForCausalLM
    loader = AutoModelForSequenceClassification if scoring else loader
    with torch.device("meta"):
        return loader.from_config(config)


def _linear_layers(model: nn.Module) -> dict[str, Any]:
    from torch import nn

    return {name: layer for name, layer in model.named_modules() if isinstance(layer, nn.Linear)}
