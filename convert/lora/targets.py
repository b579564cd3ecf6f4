"""Which layers an adapter changes by its configuration. PEFT silently ignores everything else in its file.

Source: `check_target_module_exists` and `LoraConfig.__post_init__` in PEFT. Layers are named as the model's modules
are, such as `model.layers.0.self_attn.q_proj`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convert.lora.option_values import damaged_option, names, pattern

Names = str | tuple[str, ...]
"""One pattern for whole names, or the ends of names."""

_ALL_LINEAR = "all-linear"
# Embeddings and head: PEFT does not count them among `all-linear`, and they may be tied.
_ENDS = ("model.embed_tokens", "transformer.word_embeddings", "lm_head")
# PEFT's default targets, for those architectures here that it has defaults for.
_DEFAULT = ("q_proj", "v_proj", "query_key_value")
# Finds the first number in a name: that of the block, not that of an expert in it.
_ANY_BLOCK = r".*?\.[^.]*\.(?P<block>\d+)\."


@dataclass(frozen=True, slots=True)
class Targets:
    """The layers that an `adapter_config.json` names.

    Attributes:
        targeted: `target_modules`.
        ties: whether embedding and head are targeted together (`ensure_weight_tying`).
        excluded: `exclude_modules`.
        saved: `modules_to_save`, layers that are trained whole; patterns as well as ends of names.
        blocks: `layers_to_transform`, the numbers of the blocks that are changed; None for all.
        block_patterns: `layers_pattern`, each with the number of the block as its group `block`.
    """

    targeted: Names
    ties: bool
    excluded: Names
    saved: tuple[str, ...]
    blocks: frozenset[int] | None
    block_patterns: tuple[str, ...]

    def left_out_by(self, layer: str) -> str | None:
        """The option by which PEFT leaves a layer alone; None for a layer that gets a product."""
        if self.excluded and _named(self.excluded, layer):
            return "exclude_modules"
        if any(re.match(_inside(saved), layer) for saved in self.saved):
            return "modules_to_save"
        if not self._is_targeted(layer):
            return "target_modules"
        # For a layer whose whole name is in `target_modules` PEFT does not check the block.
        if self.blocks is not None and layer not in self.targeted and self._block(layer) not in self.blocks:
            return "layers_to_transform"
        return None

    def trains_whole(self, layer: str) -> bool:
        """Whether PEFT trains the layer, or a module that contains it, whole (`_set_trainable`)."""
        parts = layer.split(".")
        return any(".".join(parts[:n]).endswith(self.saved) for n in range(1, len(parts) + 1))

    def _is_targeted(self, layer: str) -> bool:
        is_end = layer.endswith(_ENDS)
        if self.targeted == _ALL_LINEAR:
            return not is_end
        if is_end and self.ties:
            return any(_named(self.targeted, end) for end in (layer, *_ENDS))
        return _named(self.targeted, layer)

    def _block(self, layer: str) -> int | None:
        match = next(filter(None, (re.match(p, layer) for p in self.block_patterns)), None)
        return int(match["block"]) if match and match["block"] else None


def read_targets(path: Path, config: Mapping[str, Any]) -> Targets:
    """The layers that the configuration at `path` names. Raises KnownError("damaged_adapter")."""
    targeted = config.get("target_modules")
    blocks, block_patterns = config.get("layers_to_transform"), config.get("layers_pattern")
    if isinstance(targeted, str) and blocks is not None:
        raise damaged_option(path, "layers_to_transform", blocks)
    if (isinstance(targeted, str) and block_patterns is not None) or (block_patterns and blocks is None):
        raise damaged_option(path, "layers_pattern", block_patterns)
    return Targets(
        targeted=_targeted(path, targeted),
        ties=bool(config.get("ensure_weight_tying")),
        excluded=_names(path, "exclude_modules", config.get("exclude_modules") or ()),
        saved=_saved(path, config.get("modules_to_save") or ()),
        blocks=_blocks(path, blocks),
        block_patterns=_block_patterns(path, block_patterns or ()),
    )


def _targeted(path: Path, value: Any) -> Names:
    if value is None:
        return _DEFAULT
    if isinstance(value, str) and value.lower() == _ALL_LINEAR:
        return _ALL_LINEAR
    return _names(path, "target_modules", value)


def _saved(path: Path, value: Any) -> tuple[str, ...]:
    saved = names(path, "modules_to_save", value)
    for name in saved:
        pattern(path, "modules_to_save", _inside(name))
    return saved


def _inside(name: str) -> str:
    """The pattern of a module that is trained whole and of everything in it."""
    return rf"(^|.*\.){name}($|\..*)"


def _named(named: Names, layer: str) -> bool:
    if isinstance(named, str):
        return re.fullmatch(named, layer) is not None
    return any(layer == name or layer.endswith(f".{name}") for name in named)


def _names(path: Path, option: str, value: Any) -> Names:
    return pattern(path, option, value) if isinstance(value, str) else names(path, option, value)


def _blocks(path: Path, value: Any) -> frozenset[int] | None:
    numbers = value if isinstance(value, list) else [] if value is None else [value]
    if any(type(number) is not int for number in numbers):
        raise damaged_option(path, "layers_to_transform", value)
    return frozenset(numbers) or None


def _block_patterns(path: Path, value: Any) -> tuple[str, ...]:
    parts = names(path, "layers_pattern", [value] if isinstance(value, str) else value)
    patterns = (pattern(path, "layers_pattern", rf"(?:^|.*?\.){part}\.(?P<block>\d+)\.") for part in parts)
    return tuple(patterns) or (_ANY_BLOCK,)
