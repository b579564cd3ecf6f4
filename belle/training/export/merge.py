"""Merge a LoRA adapter into its base, and measure what rounding lost of it.

The merge is computed in fp32, layer by layer, and rounded once to the type of the file. A coarse type loses much of a
small change: bf16 a sixth of one that is a hundredth of the weights, so the loss is reported, per layer and as a whole.
A base of 4-bit numbers cannot hold such a change at all; it is refused, or dequantized first. The proof is that the
merged model, opened again from its files, gives the logits of base plus adapter; for a reward model, its scores.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from belle.clients.copies import model_here
from belle.documents import read_json_object
from belle.errors import KnownError
from belle.model_names import check_model_name
from belle.pretrained import adapter_weights, load_adapter, load_with_report, stored_dtype, untie_head
from belle.training.checkpoints.manifest import MANIFEST
from belle.training.export.disk_proof import check_companions, reopen
from belle.training.export.final import write_model, write_tokenizer
from belle.training.export.merge_proof import MergeProof, outputs_of, prove
from belle.training.model.adapters import is_adapter, read_adapter_base
from belle.training.model.load import CAUSAL, SCORING, Family, check_complete
from belle.training.model.reward_model import has_head, is_score_head
from belle.training.model.vision import PROCESSOR_FILES, SEEING
from belle.training.tokenizer.tokenizer import padding_to_look_for

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Dtype = Literal["auto", "fp32", "bf16", "fp16"]
Onto = Literal["base", "nf4", "int8"]
Say = Callable[[str], None]

_COARSE = 0.05
"""A loss of the change beyond this share deserves a word of advice."""


@dataclass(frozen=True)
class RoundingLoss:
    """What rounding cost in one layer.

    Args:
        name: of the layer.
        change: size of the adapter's change relative to the weights, ‖Δ‖ ÷ ‖W‖ (Frobenius norms).
        error: share of the change that rounding lost, ‖stored − exact‖ ÷ ‖Δ‖.
    """

    name: str
    change: float
    error: float


@dataclass(frozen=True)
class Merged:
    """The result of a merge.

    Args:
        folder: the model.
        base: the model that the adapter was merged into.
        dtype: of the weights in the file.
        change, error: as in `RoundingLoss`, of all layers together.
        layers: each layer.
        proof: merged model against base plus adapter; None without prompts.
    """

    folder: Path
    base: str
    dtype: str
    change: float
    error: float
    layers: Sequence[RoundingLoss]
    proof: MergeProof | None

    def to_json(self) -> dict[str, Any]:
        """Plain values, for `merge.json`."""
        return {**asdict(self), "folder": str(self.folder), "layers": [asdict(layer) for layer in self.layers]}


def merge(
    adapter: Path,
    out: Path,
    *,
    base: str | None = None,
    dtype: Dtype = "auto",
    onto: Onto = "base",
    prompts: Sequence[str] = (),
    say: Say = print,
) -> Merged:
    """Merge the adapter in `adapter` into its base and write the model to `out`.

    Args:
        base: the model to merge into; the adapter's own when None.
        dtype: of the file; `auto` takes the base's.
        onto: `nf4` or `int8` rounds the base as QLoRA did and merges into that, so that the result is the function that
            was trained; `base` merges into the base as it is, which is the better model but not quite that function.
        prompts: texts for the proof; none leaves it out.
        say: gets a sentence for each decision.

    Raises KnownError: `not_an_adapter`, `adapter_kind`, `adapter_differs`, `base_unknown`, `base_is_adapter`,
    `base_quantized`, `output_not_empty`, `model_missing`, `weights_missing`, `merge_wrong`, `export_wrong`.
    """
    from belle.training.checkpoints.atomic_folder import write_folder

    name = _check_request(adapter, out, base, say)
    family = family_of(adapter, name)
    _mention_quantized_training(adapter, onto, say)
    model, stored = _open(adapter, name, family, dtype, onto)
    tokenizer = _tokenizer(adapter, name)
    if family.loader == SCORING.loader:
        # transformers finds the last token of a text, whose score counts, by the padding after it.
        model.config.get_text_config().pad_token_id = padding_to_look_for(tokenizer)
    before = outputs_of(model, tokenizer, prompts)
    untie_head(model)
    layers, change, error = _add(model, stored)
    merged = [model.unload()]
    del model
    results: list[Merged] = []

    def write(into: Path) -> None:
        plain = merged.pop()
        write_model(plain, dict(plain.state_dict()), into, dtype=stored)
        generation = _generation_config(adapter, plain) if family.task == CAUSAL.task else None
        if generation is not None:
            generation.save_pretrained(into)
        write_tokenizer(tokenizer, into, template=None)
        _copy_processor(adapter, Path(name), into)
        check_companions(into, tokenizer, generation)
        del plain  # there may not be memory for two
        proof = _prove(into, family, before, prompts) if prompts else None
        results.append(Merged(out, name, str(stored).removeprefix("torch."), change, error, layers, proof))
        text = json.dumps(results[0].to_json(), indent=2) + "\n"
        (into / "merge.json").write_text(text, encoding="utf-8")

    write_folder(out, write, step=0, recipe={"merge": str(adapter), "base": name, "onto": onto})
    (result,) = results
    if error > _COARSE:
        say(f"{result.dtype} lost {error:.0%} of what was learned; --dtype fp32 keeps all of it.")
    return result


def _prove(folder: Path, family: Family, before: Sequence[Tensor], prompts: Sequence[str]) -> MergeProof:
    """Compare the written model, opened again with its own tokenizer, with base plus adapter. Raises KnownError."""
    import torch

    from belle.training.tokenizer.tokenizer import load_tokenizer

    fresh = reopen(folder, family.loader, dtype=torch.float32)
    after = outputs_of(fresh, load_tokenizer(folder, notice=lambda _: None), prompts)
    proof = prove(before, after, scores=family.task != CAUSAL.task)
    if proof.is_wrong:
        raise KnownError(
            "merge_wrong",
            f"The merged model is not base plus adapter: {proof.in_words()}.",
            "Merge in fp32 (--dtype fp32); if that is no better, the adapter does not belong to this base.",
            **asdict(proof),
        )
    return proof


def _check_request(adapter: Path, out: Path, base: str | None, say: Say) -> str:
    """The local name of the base. Raises KnownError for what can be known before anything is loaded."""
    if not is_adapter(adapter):
        raise KnownError(
            "not_an_adapter",
            f"{adapter} is not a LoRA adapter: it has no adapter_config.json.",
            "Give the final/ folder of a run with “lora”.",
            path=str(adapter),
        )
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise KnownError("output_not_empty", f"{out} already exists.", "Choose another folder.", path=str(out))
    if _read(adapter / "adapter_config.json").get("layer_replication"):
        raise KnownError(
            "adapter_kind",
            f"The adapter in {adapter} uses layers of its base several times (layer_replication).",
            "Make the base with the repeated layers first, and train an adapter on that.",
            path=str(adapter),
        )
    name = model_here(base or read_adapter_base(adapter), needs={"config", "weights"}, say=say)
    if is_adapter(Path(name)):
        message = f"The base {name} is itself an adapter."
        raise KnownError("base_is_adapter", message, f"Merge it first: belle merge {name} -o DIR", base=name)
    check_model_name(name)
    config = Path(name) / "config.json"
    if config.is_file() and "quantization_config" in _read(config):
        raise KnownError(
            "base_quantized",
            f"The base {name} is quantized: a small change to its few-bit numbers would be rounded away.",
            "Give the 16-bit model it was made from with --base; for QLoRA add --onto nf4 (or int8).",
            base=name,
        )
    return name


def _mention_quantized_training(adapter: Path, onto: Onto, say: Say) -> None:
    """Say so when the adapter was trained on a quantized base, as the manifest of a run says."""
    manifest = adapter / MANIFEST
    recipe = _read(manifest).get("recipe") if manifest.is_file() else None
    trained_on = recipe.get("quantization") if isinstance(recipe, dict) else None
    if trained_on and onto == "base":
        say(
            f"The adapter was trained on a base rounded to {trained_on}. It is merged into the unrounded one, which is "
            f"the better model; --onto {trained_on} gives exactly the function that was trained."
        )


def _copy_processor(adapter: Path, base: Path, into: Path) -> None:
    """Copy what says how a model that sees wants its pictures, from the adapter or else from its base."""
    for name in PROCESSOR_FILES:
        source = next((folder / name for folder in (adapter, base) if (folder / name).is_file()), None)
        if source is not None:
            shutil.copyfile(source, into / name)


def family_of(adapter: Path, base: str) -> Family:
    """What kind of model an adapter makes of its base, with as many labels as its head has.

    Raises KnownError("adapter_kind") for any other kind.
    """
    task = _read(adapter / "adapter_config.json").get("task_type")
    heads = [tensor for name, tensor in adapter_weights(adapter).items() if is_score_head(name)]
    if heads or task == SCORING.task:
        return replace(SCORING, options={"num_labels": heads[0].shape[0] if heads else 1})
    if task not in (None, CAUSAL.task):
        raise KnownError(
            "adapter_kind",
            f"{adapter} is an adapter for {task}, of which no language model can be made.",
            f"What can be merged are adapters for {CAUSAL.task} and {SCORING.task} (reward models).",
            task=task,
        )
    return SEEING if _read(Path(base) / "config.json").get("model_type") == "llava" else CAUSAL


def _open(adapter: Path, base: str, family: Family, dtype: Dtype, onto: Onto) -> tuple[Any, torch.dtype]:
    """Base plus adapter, not merged yet, and the dtype of the file."""
    import torch

    from belle.training.engines.precision import Precision
    from belle.training.model.adapters import quantization_config

    options: dict[str, Any] = dict(family.options)
    if onto != "base":
        options["quantization_config"] = quantization_config(onto, Precision("fp32", ""))
    try:
        options["dtype"] = "auto" if onto == "base" else torch.float32
        model, report = load_with_report(family.loader, base, **options)
    except (OSError, ValueError) as error:
        first = str(error).splitlines()[0]
        raise KnownError(
            "model_missing", f"The base {base} cannot be loaded: {first}", "Name it with --base."
        ) from None
    check_complete(base, report, family)
    if family.fresh and report.get("missing_keys") and not has_head(adapter):
        raise KnownError(
            "weights_missing",
            f"Neither {adapter} nor its base {base} has a trained head for scores.",
            "Train the adapter with a recipe of stage: reward, which saves its head.",
            path=str(adapter),
        )
    named = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
    stored = named.get(dtype) or stored_dtype(base)
    if onto != "base":
        model = model.dequantize()
    # The adapter keeps fp32; frozen 16-bit weights are exact in fp32, where the proof's logits are computed too.
    return load_adapter(model.float(), adapter), stored


def _add(model: Any, stored: torch.dtype) -> tuple[list[RoundingLoss], float, float]:
    """Merge every layer in fp32. Returns each layer's loss by rounding to `stored`, and change and error of all."""
    import torch
    from peft.tuners.tuners_utils import BaseTunerLayer

    layers: list[RoundingLoss] = []
    sums = [0.0, 0.0, 0.0]
    with torch.no_grad():
        for name, layer in model.named_modules():
            if not isinstance(layer, BaseTunerLayer) or not hasattr(layer, "merge"):
                continue
            before = layer.get_base_layer().weight.detach().clone()  # [out_features, in_features]
            layer.merge(safe_merge=True)
            exact = layer.get_base_layer().weight
            rounded = exact.to(stored).float()
            # ‖W‖², ‖Δ‖² and ‖stored − exact‖², summed over the layers for the ratios of the whole model.
            squares = [float((part.double() ** 2).sum()) for part in (before, exact - before, rounded - exact)]
            sums = [total + part for total, part in zip(sums, squares, strict=True)]
            layers.append(RoundingLoss(name.removeprefix("base_model.model."), *_ratios(squares)))
    # From here on the weights are those of the file, held in fp32.
    for parameter in model.parameters():
        parameter.data = parameter.data.to(stored).float()
    return layers, *_ratios(sums)


def _ratios(squares: Sequence[float]) -> tuple[float, float]:
    """‖Δ‖ ÷ ‖W‖ and ‖stored − exact‖ ÷ ‖Δ‖ from the squares of the three norms."""
    weights, change, error = (math.sqrt(value) for value in squares)
    return change / weights if weights else 0.0, error / change if change else 0.0


def _tokenizer(adapter: Path, base: str) -> Any:
    from belle.training.tokenizer.tokenizer import has_tokenizer, load_tokenizer

    return load_tokenizer(adapter if has_tokenizer(adapter) else base)


def _generation_config(adapter: Path, model: Any) -> Any:
    from transformers import GenerationConfig

    if (adapter / "generation_config.json").is_file():
        return GenerationConfig.from_pretrained(str(adapter), local_files_only=True)
    return model.generation_config or GenerationConfig()


def _read(path: Path) -> dict[str, Any]:
    return read_json_object(path, kind="damaged_config")
