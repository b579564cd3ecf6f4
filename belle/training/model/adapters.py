"""LoRA adapters and the quantized base under them (QLoRA), through peft and bitsandbytes."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle.documents import read_json_object
from belle.errors import KnownError
from belle.pretrained import adapter_weights, load_adapter
from belle.training.model.lora_names import check_names, is_named, linear_names, saved_modules
from belle.training.recipe.options import LoraOptions

if TYPE_CHECKING:
    from torch import Tensor, nn

    from belle.training.engines.precision import Precision

_ADAPTER_CONFIG = "adapter_config.json"
_PEFT_KEYS = {
    "r": "r", "alpha": "lora_alpha", "dropout": "lora_dropout", "targets": "target_modules",
    "modules_to_save": "modules_to_save", "rslora": "use_rslora", "dora": "use_dora",
}  # fmt: skip

_CONTINUES = "belle_continues"
"""Attribute of a peft model: the folder of the adapter that it continues."""


def is_adapter(folder: Path) -> bool:
    """Whether this folder holds a peft adapter."""
    return (folder / _ADAPTER_CONFIG).is_file()


def read_adapter_base(folder: Path) -> str:
    """The model that an adapter was trained on. Raises KnownError("base_unknown")."""
    try:
        base = read_json_object(folder / _ADAPTER_CONFIG).get("base_model_name_or_path")
    except KnownError:
        base = None
    if not isinstance(base, str) or not base:
        raise KnownError(
            "base_unknown",
            f"{folder / _ADAPTER_CONFIG} does not name the model that the adapter was trained on.",
            "Write it there as base_model_name_or_path.",
            path=str(folder),
        )
    return base


def continue_adapter(model: Any, folder: str, *, partitioned: bool, say: Callable[[str], None]) -> nn.Module:
    """The model with the adapter in `folder`, which is trained further; the rest frozen.

    Args:
        partitioned: as in `add_adapter`.
    """
    model.requires_grad_(False)
    say(f"adapter: going on with the one in {folder}, with its own rank and layers")
    adapted: Any = load_adapter(model, folder, is_trainable=True, autocast_adapter_dtype=not partitioned)
    # peft has rounded the file's fp32 tensors to the 16 bits of the base; `trained_before` reads them again.
    setattr(adapted, _CONTINUES, folder)
    return adapted


def add_adapter(
    model: Any,
    options: LoraOptions,
    *,
    quantization: str | None = None,
    partitioned: bool = False,
    task: str | None = "CAUSAL_LM",
    except_in: Sequence[str] = (),
) -> nn.Module:
    """The model with a new adapter, the rest frozen.

    Args:
        quantization: of the frozen weights: `nf4`, `int8` or None.
        partitioned: the weights are spread over processes (ZeRO-3). Then the adapter keeps the model's dtype: a module
            with two of them cannot be gathered.
        task: peft's name of what the model is for; with `SEQ_CLS` the head is trained and saved too.
        except_in: names of modules whose layers are not adapted.

    Raises KnownError: `lora_target_missing`, `lora_module_missing`, `lora_refused`.
    """
    from peft import get_peft_model

    model.requires_grad_(False)
    check_names(model, options)
    if options.dora and quantization == "int8" and model.device.type == "cpu":
        # DoRA starts from the norms of the weights, and on a CPU bitsandbytes cannot dequantize an int8 layer.
        raise KnownError(
            "lora_refused",
            "lora.dora cannot be trained beside weights in int8 on a CPU.",
            "Take quantization: nf4, or leave dora or quantization out.",
        )
    try:
        with warnings.catch_warnings():
            # peft warns when tied embeddings are trained; `belle merge` handles them.
            warnings.filterwarnings("ignore", message=".*tie_word_embeddings.*")
            config = _config(model, options, task, except_in)
            adapted: nn.Module = get_peft_model(model, config, autocast_adapter_dtype=not partitioned)
    except ValueError as error:
        raise KnownError(
            "lora_refused",
            f"peft cannot adapt the model as “lora” says: {' '.join(str(error).split())[:300]}",
            f"Its linear layers are: {', '.join(linear_names(model))}; or write all-linear.",
            targets=list(options.targets),
        ) from None
    return adapted


def check_continued(options: LoraOptions, folder: Path) -> None:
    """Check that the recipe's `lora` does not contradict the adapter in `folder`, which is trained further.

    Keys with their default are not compared. Raises KnownError("adapter_has_its_own").
    """
    values = read_json_object(folder / _ADAPTER_CONFIG, kind="damaged_config")
    for key, default in asdict(LoraOptions()).items():
        wanted, stored = getattr(options, key), values.get(_PEFT_KEYS[key])
        if isinstance(wanted, tuple):
            names = stored if isinstance(stored, list) else []
            same = all(any(is_named(name, (part,)) for name in names) for part in wanted)
        else:
            same = wanted == stored
        if wanted != default and not same:
            raise KnownError(
                "adapter_has_its_own",
                f"lora.{key} is {wanted}, but the adapter in {folder}, which is trained further, has {stored}.",
                f"Leave lora.{key} out, or train a new adapter on the base model.",
                key=key,
            )


def trained_before(model: nn.Module) -> Iterator[tuple[nn.Parameter, Tensor]]:
    """The trained parameters of adapters that are continued, each with its tensor in the precision of the file."""
    from peft import get_peft_model_state_dict

    for adapted in model.modules():
        if (folder := getattr(adapted, _CONTINUES, None)) is None:
            continue
        saved = adapter_weights(folder)
        # The parameters themselves, under the names that peft gives them in files.
        named = get_peft_model_state_dict(
            adapted, state_dict=dict(adapted.named_parameters()), save_embedding_layers=False
        )
        for name, parameter in named.items():
            if name in saved and parameter.requires_grad:
                yield parameter, saved[name]


def quantization_config(name: str, precision: Precision) -> Any:
    """transformers' configuration to quantize the frozen weights: `nf4` with double quantization (QLoRA), or `int8`.

    Raises KnownError("not_installed").
    """
    import importlib.util

    from transformers import BitsAndBytesConfig

    if importlib.util.find_spec("bitsandbytes") is None:
        raise KnownError(
            "not_installed",
            f"quantization: {name} needs the package bitsandbytes.",
            "Install it, or leave quantization out of the recipe.",
        )
    if name == "int8":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=precision.compute_dtype,
    )


def _config(model: nn.Module, options: LoraOptions, task: str | None, except_in: Sequence[str]) -> Any:
    from peft import LoraConfig

    return LoraConfig(
        task_type=task,
        r=options.r,
        lora_alpha=options.alpha,
        lora_dropout=options.dropout,
        target_modules=options.targets if isinstance(options.targets, str) else list(options.targets),
        modules_to_save=saved_modules(model, options.modules_to_save) or None,
        use_rslora=options.rslora,
        use_dora=options.dora,
        exclude_modules=rf"(.*\.)?({'|'.join(map(re.escape, except_in))})(\..*)?" if except_in else None,
    )


def without_adapter(model: Any) -> AbstractContextManager[None]:
    """The model as it is without its adapter, for as long as the context lasts."""
    context: AbstractContextManager[None] = model.disable_adapter()
    return context
