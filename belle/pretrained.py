"""Loads every model and adapter of transformers and PEFT, so that the results do not depend on the processor.

On a processor with AVX512-BF16, bitsandbytes repacks the 4-bit weights of a layer in place when the layer first runs in
evaluation mode: its scales lose precision, small layers break, and gradients no longer pass through it. So generating a
sample in the middle of a training would change the model that is trained.

transformers never uses the network: `belle.clients.copies` decides what a name means and downloads it.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from belle.clients.copies import model_here
from belle.documents import read_json_object
from belle.errors import KnownError
from belle.model_names import check_model_name
from belle.texts import short_repr

_REPACKS = "support_avx512bf16_for_cpu"
"""bitsandbytes' flag of a `Linear4bit` (0.49 and later)."""


def load_pretrained(loader: str, name: str | Path, **options: Any) -> Any:
    """A model in the weights of the checkpoint `name`.

    Args:
        loader: transformers' class, such as `AutoModelForCausalLM`.
        name: a folder, or a name on the Hugging Face hub.
        options: of its `from_pretrained`.

    Raises KnownError: `model_missing` for a folder that does not exist, and those of `model_here`; and whatever
    transformers raises, mostly OSError and ValueError.
    """
    return load_with_report(loader, name, **options)[0]


def load_with_report(loader: str, name: str | Path, **options: Any) -> tuple[Any, Mapping[str, Any]]:
    """As `load_pretrained`; returns the model, and transformers' report of missing and unexpected tensors."""
    import transformers

    check_model_name(name)
    folder = model_here(name, needs={"config", "weights"})
    model, report = getattr(transformers, loader).from_pretrained(
        folder, output_loading_info=True, local_files_only=True, **options
    )
    keep_packing(model)
    return model, report


def load_config(name: str | Path) -> Any:
    """transformers' configuration of the checkpoint `name`. Raises as `load_pretrained`."""
    from transformers import AutoConfig

    check_model_name(name)
    return AutoConfig.from_pretrained(model_here(name, needs={"config"}), local_files_only=True)


def stored_dtype(name: str | Path) -> Any:
    """The torch.dtype of the weights in the checkpoint `name`. Raises as `load_pretrained`."""
    import torch

    dtype = load_config(name).dtype
    return dtype if isinstance(dtype, torch.dtype) else torch.float32


def keep_packing(model: Any) -> None:
    """Prevent bitsandbytes from repacking 4-bit weights. Does nothing for other models."""
    for module in model.modules():
        if hasattr(module, _REPACKS):
            setattr(module, _REPACKS, False)


def load_adapter(model: Any, folder: str | Path, **options: Any) -> Any:
    """`model` with the PEFT adapter in `folder`, with every tensor of it.

    PEFT itself ignores tensors whose names it does not know: with an adapter of another architecture it would silently
    add nothing.

    Args:
        options: of PEFT's `PeftModel.from_pretrained`.

    Raises KnownError: `adapter_differs`, which names a tensor that the model or the file lacks;
    `adapter_kind` for one that is not LoRA; `damaged_config`.
    """
    from peft import PeftModel, set_peft_model_state_dict

    _check_kind(folder)
    saved = adapter_weights(folder)
    _make_room(model, saved)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Found missing adapter keys")  # checked below
            adapted = PeftModel.from_pretrained(model, str(folder), local_files_only=True, **options)
        loaded = set_peft_model_state_dict(adapted, saved)
    except (RuntimeError, ValueError) as error:
        raise _differs(folder, f"{' '.join(str(error).split())[:300]}") from None
    except KeyError as error:
        raise _differs(folder, f"its file lacks {error.args[0]}") from None
    except (TypeError, AttributeError) as error:
        # PEFT does not check the types of the values in adapter_config.json.
        raise KnownError(
            "damaged_config",
            f"{folder}/adapter_config.json holds a value that peft cannot take: {error}.",
            "Copy the adapter again.",
            path=str(folder),
        ) from None
    lacking = [name for name in loaded.missing_keys if ".default." in name or name.endswith(".default")]
    if loaded.unexpected_keys:
        raise _differs(folder, f"the model has no place for {loaded.unexpected_keys[0]}")
    if lacking:
        raise _differs(folder, f"its file lacks {lacking[0]}")
    return adapted


def untie_head(adapted: Any) -> None:
    """Untie the output matrix from the embedding where an adapter changes one of the two. To be called before merging.

    Unmerged, such an adapter changes only that one layer; merging would add to the tensor that both share.
    """
    from torch import nn

    base = adapted.get_base_model()
    layers = [base.get_input_embeddings(), base.get_output_embeddings()]
    embedding, head = (getattr(layer, "base_layer", layer) for layer in layers)
    changed = [layer is not inner for layer, inner in zip(layers, (embedding, head), strict=True)]
    if any(changed) and getattr(head, "weight", None) is embedding.weight:
        head.weight = nn.Parameter(head.weight.detach().clone(), requires_grad=False)
        base.config.tie_word_embeddings = False


def _check_kind(folder: str | Path) -> None:
    """Raises KnownError("adapter_kind") for PEFT adapters other than LoRA."""
    kind = read_json_object(Path(folder) / "adapter_config.json", kind="damaged_config").get("peft_type")
    if kind != "LORA":
        raise KnownError(
            "adapter_kind",
            f"The adapter in {folder} is {f'of the kind {short_repr(kind)}' if kind else 'of no kind'} (peft_type).",
            "Only LoRA adapters are known here, with DoRA and rsLoRA.",
            path=str(folder),
        )


def _make_room(model: Any, saved: Mapping[str, Any]) -> None:
    """Resize the model's embedding and output matrix to the rows of an adapter that was trained with more tokens."""
    embedding = model.get_input_embeddings()
    name = next(name for name, module in model.named_modules() if module is embedding)
    ends = (f"{name}.weight", f"{name}.modules_to_save.weight")
    rows = next((tensor.shape[0] for key, tensor in saved.items() if key.endswith(ends)), 0)
    # Under ZeRO-3 the weight is partitioned and empty here; DeepSpeed keeps its shape in `ds_shape`.
    if rows > getattr(embedding.weight, "ds_shape", embedding.weight.shape)[0]:
        model.resize_token_embeddings(rows, mean_resizing=False)


def adapter_weights(folder: str | Path) -> dict[str, Any]:
    """The tensors of the adapter in `folder`, by name, on the CPU. Raises KnownError("weights_missing")."""
    from peft.utils import load_peft_weights

    names = ("adapter_model.safetensors", "adapter_model.bin")
    if not any((Path(folder) / name).is_file() for name in names):
        # PEFT would look for them on the hub.
        raise KnownError(
            "weights_missing", f"The adapter in {folder} has no {names[0]}.", "Copy it again.", path=str(folder)
        )
    weights: dict[str, Any] = load_peft_weights(str(folder), device="cpu")
    return weights


def _differs(folder: str | Path, reason: str) -> KnownError:
    return KnownError(
        "adapter_differs",
        f"The adapter in {folder} does not belong to this model: {reason}.",
        "Name the base that it was trained on.",
        path=str(folder),
    )
