"""The names of layers in a recipe's `lora`, checked against the model before peft gets them.

peft ignores names that match nothing: with [q_proj, v_prj] only `q_proj` would be adapted, and a misspelled
`modules_to_save` would train nothing, which shows hours later.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

from belle.errors import KnownError

if TYPE_CHECKING:
    from torch import nn

    from belle.training.recipe.options import LoraOptions


def check_names(model: nn.Module, lora: LoraOptions) -> None:
    """Check that every name in `lora` names layers of `model` that can be trained so.

    Raises KnownError: `lora_target_missing` for a name in `targets` and `lora_module_missing` for one in
    `modules_to_save`, both with similar names; `lora_refused` for a target that has no matrix of its own, such as a
    block.
    """
    linear = linear_names(model)
    if lora.targets != "all-linear":
        for name in lora.targets:
            if not find_modules(model, name):
                raise _missing("targets", "lora_target_missing", name, ["all-linear", *_last_parts(model)], linear)
        _check_adaptable(model, lora.targets, linear)
    for name in lora.modules_to_save:
        modules = find_modules(model, name)
        if not modules:
            raise _missing("modules_to_save", "lora_module_missing", name, _last_parts(model), linear)
        weights = [parameter for module in modules for parameter in module.parameters()]
        if not weights or not all(weight.is_floating_point() for weight in weights):
            what = "has quantized weights, which cannot be trained" if weights else "has no weights"
            raise KnownError(
                "lora_module_missing",
                f"lora.modules_to_save names {name}, which {what}.",
                "Take it out of the list.",
                name=name,
            )


def _check_adaptable(model: nn.Module, targets: Iterable[str], linear: Sequence[str]) -> None:
    """Raises KnownError("lora_refused") for targets that are not layers with one matrix."""
    from torch import nn
    from transformers.pytorch_utils import Conv1D

    # The kinds of layer that peft can adapt; bitsandbytes' layers are subclasses of nn.Linear.
    adaptable = (nn.Linear, nn.Embedding, nn.Conv1d, nn.Conv2d, nn.Conv3d, Conv1D)
    wrong = {name: [m for m in find_modules(model, name) if not isinstance(m, adaptable)] for name in targets}
    names = [name for name, modules in wrong.items() if modules]
    if not names:
        return
    inside = sorted({part for name in names for module in wrong[name] for part in linear_names(module)})
    within = f"Inside of {'it' if len(names) == 1 else 'them'} are: {', '.join(inside)}. " if inside else ""
    what = "which is not a linear layer" if len(names) == 1 else "which are not linear layers"
    raise KnownError(
        "lora_refused",
        f"lora.targets names {' and '.join(names)}, {what}.",
        f"{within}The model's linear layers are: {', '.join(linear)}; all-linear means all of them.",
        targets=names,
    )


def saved_modules(model: nn.Module, names: Iterable[str]) -> list[str]:
    """`modules_to_save` for peft, which takes every module whose path ends in these letters.

    `norm` would match every `input_layernorm` too; in such a case the full paths are returned.
    """
    saved: list[str] = []
    for name in names:
        paths = [path for path, _ in model.named_modules() if path.endswith(name)]
        meant = [path for path in paths if is_named(path, (name,))]
        saved += [name] if len(meant) == len(paths) else meant
    return saved


def find_modules(model: nn.Module, name: str) -> list[nn.Module]:
    """The modules of `model` that a name in a recipe matches: `lm_head`, `self_attn.q_proj`, or a full path."""
    return [module for path, module in model.named_modules() if is_named(path, (name,))]


def is_named(path: str, names: Iterable[str]) -> bool:
    """Whether one of `names` is the path of a module, or its last parts."""
    return any(path == name or path.endswith(f".{name}") for name in names)


def linear_names(model: nn.Module) -> list[str]:
    """The last part of the name of every linear layer, such as `q_proj`, sorted."""
    from torch import nn

    return sorted({name.rpartition(".")[2] for name, layer in model.named_modules() if isinstance(layer, nn.Linear)})


def _last_parts(model: nn.Module) -> list[str]:
    """The last part of every module's name (`q_proj`, `norm`, …), but for the numbers in lists."""
    names = {path.rpartition(".")[2] for path, _ in model.named_modules()}
    return sorted(name for name in names if name and not name.isdigit())


def _missing(key: str, kind: str, name: str, known: Sequence[str], linear: Sequence[str]) -> KnownError:
    close = get_close_matches(name.rpartition(".")[2], known, n=3, cutoff=0.5)
    near = f"Did you mean {' or '.join(close)}? " if close else ""
    return KnownError(
        kind,
        f"The model has no layers called {name} (lora.{key}).",
        f"{near}Its linear layers are: {', '.join(linear)}.",
        name=name,
        near=close,
    )
