"""Reads `adapter_config.json`: the kind of adapter, and the scale of each of its products.

Many options of PEFT change what the stored matrices mean. Every option that is not known to leave `W + scale * B A` (or
its DoRA form) valid is refused by name: an adapter merged by a wrong formula still gives a model that talks.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from belle.errors import KnownError
from convert.checkpoint.json_file import read_json_object
from convert.lora.option_values import by_pattern, number, rank
from convert.lora.targets import Targets, read_targets

T = TypeVar("T")

NAME = "adapter_config.json"
_LONGEST = 1 << 20

# Initializations that do not change the base's weights. Others (PiSSA, OLoRA, LoftQ, …) do, and the saved matrices
# belong to the changed weights.
_KEEPS_BASE = ("gaussian", "eva", "orthogonal")

# Options that do not change what the stored matrices mean: those that are read here, those that are visible in the
# tensors, and those that only told PEFT how to begin, what to train, or how to run.
_READ = """
    peft_type r rank_pattern lora_alpha alpha_pattern use_rslora use_dora fan_in_fan_out init_lora_weights
    target_modules exclude_modules modules_to_save layers_to_transform layers_pattern ensure_weight_tying
"""
_SHOWING = "bias"
_TRAINING = """
    auto_mapping base_model_name_or_path corda_config eva_config inference_mode loftq_config lora_dropout
    lora_ga_config megatron_core peft_version qalora_group_size revision runtime_config task_type
"""
_KNOWN = frozenset(f"{_READ} {_SHOWING} {_TRAINING}".split())

# Options that make the adapter something other than a sum of products.
_OTHER_METHODS = {
    "alora_invocation_tokens": "acts only after certain tokens (aLoRA)",
    "arrow_config": "is chosen again for every token (Arrow)",
    "kasa_config": "belongs to a base that was cut down (KaSA)",
    "layer_replication": "repeats layers of the base",
    "lora_bias": "adds biases to its products",
    "megatron_config": "is split for Megatron",
    "monteclora_config": "samples its weights (MonteCLoRA)",
    "target_parameters": "changes parameters that are not layers (experts)",
    "trainable_token_indices": "retrains single tokens of the embedding",
    "use_bdlora": "is block-diagonal (BD-LoRA)",
    "use_qalora": "averages its inputs (QA-LoRA)",
    "velora_config": "compresses its inputs (VeLoRA)",
}


@dataclass(frozen=True, slots=True)
class AdapterConfig:
    """What `adapter_config.json` says.

    Attributes:
        path: the file.
        base: the model it was trained on, as PEFT noted it; "" if it did not.
        alpha: `lora_alpha`.
        rank: `r`, of the layers that `rank_pattern` does not name.
        rslora: whether the scale is alpha / √rank (rsLoRA, arXiv 2312.03732) and not alpha / rank.
        dora: whether every row has a learned length (DoRA, arXiv 2402.09353).
        transposed: whether the layers store their weights transposed (`fan_in_fan_out`).
        alpha_pattern: `lora_alpha` of the layers whose name matches.
        rank_pattern: `r` of the layers whose name matches.
        targets: the layers that it changes.
    """

    path: Path
    base: str
    alpha: float
    rank: int
    rslora: bool
    dora: bool
    transposed: bool
    alpha_pattern: Mapping[str, float]
    rank_pattern: Mapping[str, int]
    targets: Targets

    def rank_of(self, layer: str) -> int:
        """The rank that the configuration gives a layer."""
        return _by_pattern(self.rank_pattern, layer, self.rank)

    def scaling(self, layer: str, rank: int) -> float:
        """PEFT's factor of `B A`: `alpha / rank`, or `alpha / sqrt(rank)` for rsLoRA; alpha by pattern.

        Source: `LoraLayer.update_layer` and `get_pattern_key` in PEFT; a pattern matches whole trailing names.
        """
        alpha = _by_pattern(self.alpha_pattern, layer, self.alpha)
        return alpha / (math.sqrt(rank) if self.rslora else rank)


def read_config(folder: Path) -> AdapterConfig:
    """Read and check the configuration in `folder`.

    Raises KnownError: `not_an_adapter`, `damaged_adapter`, `unsupported_adapter`, `unreadable`.
    """
    path = folder / NAME
    if not path.is_file():
        raise KnownError(
            "not_an_adapter", f"{folder} holds no {NAME}.", "Give the folder that PEFT saved.", path=str(folder)
        )
    config = read_json_object(path, kind="damaged_adapter", longest=_LONGEST)
    if config.get("peft_type", "LORA") != "LORA":
        raise _unsupported(path, f"describes {config['peft_type']}; only LoRA and DoRA adapters are known")
    for option, what in _OTHER_METHODS.items():
        if config.get(option):
            raise _unsupported(path, f"sets {option}: the adapter {what}")
    unknown = next((option for option, value in config.items() if value and option not in _KNOWN), None)
    if unknown is not None:
        raise _unsupported(path, f"sets {unknown[:80]!r}, which is not known here")
    start = config.get("init_lora_weights", True)
    if not (start is None or isinstance(start, bool) or (isinstance(start, str) and start.lower() in _KEEPS_BASE)):
        raise _unsupported(
            path,
            f"says init_lora_weights={start!r:.80}: the training began by changing the base's weights, "
            "and the adapter does not fit the original ones",
        )
    return AdapterConfig(
        path=path,
        base=str(config.get("base_model_name_or_path") or ""),
        alpha=number(path, "lora_alpha", config.get("lora_alpha", 8)),
        rank=rank(path, "r", config.get("r", 8)),
        rslora=bool(config.get("use_rslora")),
        dora=bool(config.get("use_dora")),
        transposed=bool(config.get("fan_in_fan_out")),
        alpha_pattern=by_pattern(path, "alpha_pattern", config.get("alpha_pattern"), number),
        rank_pattern=by_pattern(path, "rank_pattern", config.get("rank_pattern"), rank),
        targets=read_targets(path, config),
    )


def _by_pattern(patterns: Mapping[str, T], layer: str, otherwise: T) -> T:
    """The value of the first pattern that matches whole trailing names of the layer, else `otherwise`."""
    return next((value for p, value in patterns.items() if re.fullmatch(rf"(.*\.)?({p})", layer)), otherwise)


def _unsupported(path: Path, what: str) -> KnownError:
    return KnownError(
        "unsupported_adapter",
        f"{path} {what}.",
        "Merge it into its base with PEFT (merge_and_unload) and convert the merged checkpoint.",
        path=str(path),
    )
