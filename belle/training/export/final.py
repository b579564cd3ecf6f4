"""`final/`, the result of a run: a folder that transformers, `belle merge` and `belle convert` take as it is.

The tokenizer's files are copies of the base's, so that every program that reads them sees the same ids; the chat
template that the model was trained with, its name, and a padding token are added.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle.documents import read_json_object
from belle.errors import KnownError
from belle.pretrained import stored_dtype
from belle.prompts import PromptTemplate
from belle.prompts.jinja import jinja_source
from belle.prompts.model_template import ModelTemplate
from belle.texts import utf8
from belle.training.checkpoints.atomic_folder import write_folder
from belle.training.checkpoints.manifest import TOKENIZER_FILES
from belle.training.checkpoints.weights import is_adapted
from belle.training.cluster.ranks import Ranks
from belle.training.export.disk_proof import check_written, tie_as_written
from belle.training.model.answer import end_tokens
from belle.training.model.load import base_of
from belle.training.model.options import ModelOptions
from belle.training.recipe.stages import TrainingStage
from belle.training.tokenizer.templates import TEMPLATE_KEY, new_tokens

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from belle.training.recipe.schema import PrecisionName


def write_final(
    folder: Path,
    model: Any,
    weights: Mapping[str, Tensor],
    *,
    tokenizer: Any,
    template: PromptTemplate,
    stage: TrainingStage,
    dtype: torch.dtype,
    step: int,
    recipe: Mapping[str, Any],
    ranks: Ranks,
    further: Mapping[str, str] | None = None,
) -> None:
    """Write a trained model, whole or not at all, and replace the one that was there. All processes call it.

    Args:
        weights: all weights by name, on the CPU; in process 0.
        template: that the model was trained with.
        dtype: of the weights in the file.
        step: optimizer steps done.
        recipe: the resolved recipe, JSON-serializable.
        further: names and texts of more files.

    Raises KnownError: those of `write_folder`, and `adapter_empty` when an adapter's file lacks what was trained.
    """
    if hasattr(model, "policy"):
        # PPO's model without its value model, which nobody needs after the training.
        model, weights = model.policy, model.policy_weights(weights)

    def write(into: Path) -> None:
        if ranks.rank == 0:
            write_model(model, weights, into, dtype=dtype)
            write_tokenizer(tokenizer, into, template=template if stage.chats else None)
            if not stage.scores:
                write_generation_config(model, tokenizer, template.stop, into)
            for name, text in (further or {}).items():
                (into / name).write_text(text, encoding="utf-8")

    write_folder(folder, write, step=step, recipe=recipe, ranks=ranks)


def final_dtype(precision: PrecisionName, options: ModelOptions) -> torch.dtype:
    """The type of the written weights: `final_precision` of a recipe; with `auto` that of the base, fp32 for a new
    model."""
    import torch

    named = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
    if precision in named:
        return named[precision]
    if options.model is None:
        return torch.float32
    dtype: torch.dtype = stored_dtype(base_of(options))
    return dtype


def write_model(model: Any, weights: Mapping[str, Tensor], folder: Path, *, dtype: torch.dtype) -> None:
    """Write config and weights, or the adapter alone (in its own precision), and check the files.

    Args:
        weights: all weights by name, on the CPU.
        dtype: of the weights in the file, where they are floating-point numbers.

    Raises KnownError: `export_wrong`, `adapter_empty`.
    """
    if is_adapted(model):
        # A trained embedding or head is among `modules_to_save`; by itself peft would add the base's untrained ones.
        model.save_pretrained(folder, state_dict=dict(weights), save_embedding_layers=False)
        (folder / "README.md").unlink(missing_ok=True)
        check_adapter(folder, trained=model.active_peft_config.r)
        return
    by_storage: dict[int, Tensor] = {}
    cast: dict[str, Tensor] = {}
    for name, tensor in weights.items():
        # Tied weights stay one tensor, which is written once.
        key = tensor.data_ptr() if tensor.numel() else id(tensor)
        if key not in by_storage or by_storage[key].shape != tensor.shape:
            by_storage[key] = tensor.to(dtype) if tensor.is_floating_point() else tensor
        cast[name] = by_storage[key]
    tie_as_written(model, cast)
    model.save_pretrained(folder, state_dict=dict(cast))  # it leaves the second name of a tied tensor out
    _edit(folder / "config.json", {"dtype": str(dtype).removeprefix("torch.")})
    check_written(folder, model, cast, dtype=dtype)


def check_adapter(folder: Path, *, trained: int) -> None:
    """Raises KnownError("adapter_empty") when the adapter's file has no matrices of that rank, or none but zeros.

    Under ZeRO-3, several tools have written files of a few hundred bytes here.
    """
    from safetensors import safe_open

    path = folder / "adapter_model.safetensors"
    with safe_open(path, framework="pt") as file:
        names = list(file.keys())
        # B starts at zero (Hu et al. 2021, section 4.1), so any other value was learned.
        b_names = [name for name in names if "lora_B" in name]
        empty = [name for name in names if 0 in file.get_slice(name).get_shape()]
        learned = any(bool(file.get_tensor(name).any()) for name in b_names)
    if not b_names or empty or not learned:
        what = f"{empty[0]} is empty" if empty else "its matrices B are zero" if b_names else "it has no matrices B"
        raise KnownError(
            "adapter_empty",
            f"The adapter of rank {trained} in {path} holds nothing that was learned: {what}.",
            "Train more steps with a higher learning rate; under DeepSpeed, try ZeRO-2.",
            path=str(path),
        )


def write_tokenizer(tokenizer: Any, folder: Path, *, template: PromptTemplate | None) -> None:
    """Copy the tokenizer's files and write the chat template beside them.

    Args:
        template: what the model was trained with; None for a model that does not chat: the files stay as they are.
    """
    source = Path(tokenizer.name_or_path)
    if source.is_dir():
        for name in TOKENIZER_FILES:
            if (source / name).exists():
                shutil.copyfile(source / name, folder / name)
    else:
        tokenizer.save_pretrained(folder)
    if source.is_dir() and new_tokens(tokenizer):
        # The files of the base lack the tokens that were added.
        tokenizer.save_pretrained(folder)
    changes: dict[str, Any] = {"pad_token": tokenizer.pad_token}
    if isinstance(template, ModelTemplate):
        changes[TEMPLATE_KEY] = template.id
        if not template.writes_bos:
            # Trained without a BOS token, as transformers renders the template; inference must not add one either.
            changes["add_bos_token"] = False
    elif template is not None:
        changes[TEMPLATE_KEY] = template.id
        if template.add_bos is not None:
            changes["add_bos_token"] = template.add_bos
        program = jinja_source(template)
        (folder / "chat_template.jinja").unlink(missing_ok=True)
        if program is not None:
            changes["chat_template"] = None
            (folder / "chat_template.jinja").write_text(program, encoding="utf-8")
    _edit(folder / "tokenizer_config.json", changes)


def write_generation_config(model: Any, tokenizer: Any, stop: tuple[str, ...], folder: Path) -> None:
    """Write generation_config.json: the tokens that end an answer, and the padding token.

    Args:
        stop: strings that end an answer; those that are a single token become end tokens.
    """
    from transformers import GenerationConfig

    ends = end_tokens(tokenizer, stop)
    config = GenerationConfig.from_dict(model.generation_config.to_dict()) if model.generation_config else None
    config = config or GenerationConfig()
    config.bos_token_id = tokenizer.bos_token_id
    config.eos_token_id = ends[0] if len(ends) == 1 else ends
    config.pad_token_id = tokenizer.pad_token_id
    config.save_pretrained(folder)


def _edit(path: Path, changes: Mapping[str, Any]) -> None:
    """Set keys of a JSON file; the value None removes a key."""
    values = read_json_object(path) if path.exists() else {}
    values = {**values, **changes}
    remaining = {key: value for key, value in values.items() if not (key in changes and value is None)}
    path.write_bytes(utf8(json.dumps(remaining, indent=2, ensure_ascii=False) + "\n"))
