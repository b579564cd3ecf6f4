"""A DeepSpeed configuration file, completed by the recipe and checked against it.

The recipe alone decides batch size, clipping, precision and learning rate. A file that says something else about them
is refused, because DeepSpeed would follow the file in silence: BELLE's own configurations replaced the cosine schedule
of its scripts by a linear one. `auto`, common in files for Hugging Face's trainer, means “as the recipe says”, or
DeepSpeed's default.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle.documents import read_json
from belle.errors import KnownError
from belle.texts import short_repr
from belle.training.engines.deepspeed_keys import unknown_keys

if TYPE_CHECKING:
    from belle.training.engines.options import EngineOptions

_STAGES = (1, 2, 3)
_FP32 = "trained weights are kept in fp32, or small steps would be rounded away"
_REFUSED = {
    "scheduler": "the learning rate is the recipe's (learning_rate, schedule, warmup), and this block would replace it",
    "optimizer": "the optimizer is AdamW as the recipe says (learning_rate, betas, eps, weight_decay)",
    "amp": "the precision is the recipe's (precision)",
    "torch_autocast": "the precision is the recipe's (precision)",
    "curriculum_learning": "the order of the data is the recipe's, or a resumed run would be another one",
    "data_efficiency": "the order of the data is the recipe's, or a resumed run would be another one",
    "bf16.bf16_master_weights_and_grads": _FP32,
    "bf16.bf16_optimizer_states": _FP32,
    "fp16.fp16_master_weights_and_grads": _FP32,
}


def read_config(path: Path) -> dict[str, Any]:
    """The values of the file, checked as far as any use of it needs.

    Raises KnownError: `file_missing`, `deepspeed_config_wrong`.
    """
    values = read_json(path, kind="deepspeed_config_wrong")
    if not isinstance(values, dict) or not isinstance(values.get("zero_optimization", {}), dict):
        raise _wrong(path, "", "it is not a mapping of keys to values")
    for key, near in unknown_keys(values):
        advice = f"Did you mean {' or '.join(f'“{name}”' for name in near)}?" if near else "Take it out of the file."
        raise _wrong(path, key, f"“{key}” is not a key of DeepSpeed", advice)
    return values


def training_config(options: EngineOptions, *, precision: str, world_size: int) -> dict[str, Any]:
    """The configuration to train with.

    Args:
        options: name the file as `deepspeed`.
        precision: `bf16`, `fp16` or `fp32`, as decided for this device.
        world_size: processes.

    Raises KnownError: `file_missing`, `deepspeed_config_wrong`, with the key.
    """
    path = options.deepspeed
    assert path is not None
    values = read_config(path)
    for key, reason in _REFUSED.items():
        if _at(values, key):
            raise _wrong(path, key, f"“{key}” must not be set: {reason}", "Take it out of the file.")
    zero_stage(path, values)
    owned = {
        "train_micro_batch_size_per_gpu": (options.batch_size, "batch_size"),
        "gradient_accumulation_steps": (options.accumulation, "accumulation"),
        "train_batch_size": (
            options.batch_size * options.accumulation * world_size,
            "batch_size × accumulation × processes",
        ),
        "gradient_clipping": (options.max_grad_norm, "max_grad_norm"),
        "bf16.enabled": (precision == "bf16", "precision"),
        "fp16.enabled": (precision == "fp16", "precision"),
    }
    for key, (value, recipe_key) in owned.items():
        _set(values, key, value, path=path, recipe_key=recipe_key)
    result: dict[str, Any] = _without_auto(values)
    # A gradient that is not finite must not change the weights, in any precision.
    result["bf16"].setdefault("check_grad_overflow", True)
    # torch's own AdamW, on the GPU and (offloaded) on the CPU: DeepSpeed's has to be compiled.
    result["zero_allow_untested_optimizer"] = True
    result["zero_force_ds_cpu_optimizer"] = False
    # Without this key DeepSpeed's own writer leaves a folder without weights. (The final model is gathered by the
    # engine, whatever the file says.)
    if result["zero_optimization"]["stage"] == 3:
        result["zero_optimization"]["stage3_gather_16bit_weights_on_model_save"] = True
    return result


def inference_config(path: Path, *, precision: str) -> dict[str, Any]:
    """The configuration to generate with, for models larger than a GPU: ZeRO-3, the weights offloaded or not.

    Raises KnownError: `file_missing`, `deepspeed_config_wrong`.
    """
    values = read_config(path)
    if zero_stage(path, values) != 3:
        raise _wrong(
            path,
            "zero_optimization.stage",
            "only ZeRO stage 3 spreads the weights",
            "Set zero_optimization.stage to 3, or generate without --deepspeed.",
        )
    usable = {key: value for key, value in values.items() if key not in _REFUSED}
    result: dict[str, Any] = _without_auto(usable)
    result["train_micro_batch_size_per_gpu"] = 1
    result.pop("train_batch_size", None)
    for name in ("bf16", "fp16"):
        result[name] = {"enabled": precision == name}
    result["zero_optimization"].pop("offload_optimizer", None)
    return result


def zero_stage(path: Path, values: Mapping[str, Any]) -> int:
    """The ZeRO stage. Raises KnownError("deepspeed_config_wrong") when it is not 1, 2 or 3."""
    stage = values.get("zero_optimization", {}).get("stage")
    if stage not in _STAGES or isinstance(stage, bool):
        raise _wrong(
            path,
            "zero_optimization.stage",
            f"zero_optimization.stage is {short_repr(stage)}; it must be 1, 2 or 3",
            "Without ZeRO, leave “deepspeed” out of the recipe.",
        )
    return int(stage)


def offload_device(values: Mapping[str, Any], what: str) -> str | None:
    """Where `what` (`optimizer` or `param`) is offloaded to: `cpu`, `nvme`, or None."""
    block = values.get("zero_optimization", {}).get(f"offload_{what}") or {}
    device = block.get("device")
    return device if device in ("cpu", "nvme") else None


def _at(values: Mapping[str, Any], key: str) -> bool:
    """Whether the file has this dotted key; one inside a block that is false or `auto` counts as absent."""
    block, _, name = key.rpartition(".")
    if not block:
        return name in values
    inner = values.get(block)
    return isinstance(inner, Mapping) and inner.get(name, False) not in (False, "auto")


def _set(values: dict[str, Any], key: str, value: Any, *, path: Path, recipe_key: str) -> None:
    """Set a dotted key to the recipe's value; refuse a different value in the file."""
    *outer, last = key.split(".")
    block = values
    for name in outer:
        block = block.setdefault(name, {})
        if not isinstance(block, dict):
            raise _wrong(path, key, f"“{name}” is not a mapping of keys to values")
    in_file = block.get(last, "auto")
    if in_file not in ("auto", value):
        raise _wrong(
            path,
            key,
            f"“{key}” is {json.dumps(in_file)}, and the recipe's {recipe_key} makes it {json.dumps(value)}",
            f'Take “{key}” out of the file, or write "auto".',
        )
    block[last] = value


def _without_auto(value: Any) -> Any:
    """`value` without the keys that are `auto`, which leaves them to DeepSpeed's default."""
    if isinstance(value, Mapping):
        return {key: _without_auto(part) for key, part in value.items() if part != "auto"}
    return value


def _wrong(path: Path, key: str, message: str, advice: str = "") -> KnownError:
    return KnownError("deepspeed_config_wrong", f"{path}: {message}.", advice, path=str(path), key=key)
