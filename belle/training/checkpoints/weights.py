"""The trained weights of a run as files, bit by bit as they are in memory, for an exact resume.

A model that is trained as a whole, and an adapter, are written under the names that transformers and peft read, so that
a checkpoint can be loaded as a model.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from belle.errors import KnownError
from belle.pretrained import adapter_weights

WHOLE = "model.safetensors"
PART = "trained.safetensors"


def is_adapted(model: Any) -> bool:
    """Whether `model` carries peft adapters."""
    return hasattr(model, "peft_config")


def save_trained(model: Any, folder: Path) -> None:
    """Write the weights that are trained, and the config.

    An adapter becomes peft's own files. Otherwise the file is `model.safetensors` when every weight is trained, and
    `trained.safetensors` when some are frozen. Raises OSError.
    """
    from safetensors.torch import save_file

    if is_adapted(model):
        # Trained embeddings and heads are among `modules_to_save`; peft would also add the base's frozen ones.
        model.save_pretrained(folder, save_embedding_layers=False)
        return
    trained = {name: p.detach().cpu().contiguous() for name, p in model.named_parameters() if p.requires_grad}
    whole = all(p.requires_grad for p in model.parameters())
    save_file(trained, folder / (WHOLE if whole else PART), metadata={"format": "pt"})
    model.config.save_pretrained(folder)


def load_trained(model: Any, folder: Path) -> None:
    """Load what `save_trained` wrote. Raises KnownError("checkpoint_mismatch") for the weights of another model."""
    from safetensors.torch import load_file

    if is_adapted(model):
        from peft import set_peft_model_state_dict

        weights = adapter_weights(folder)
        result = set_peft_model_state_dict(model, weights)
        if result.unexpected_keys:
            raise _mismatch(folder, result.unexpected_keys[0])
        return
    path = next((folder / name for name in (WHOLE, PART) if (folder / name).exists()), None)
    if path is None:
        raise KnownError("checkpoint_mismatch", f"{folder} has no weights of such a run.", path=str(folder))
    weights = load_file(path)
    import torch

    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        if name not in weights or weights[name].shape != parameter.shape:
            raise _mismatch(path, name)
        with torch.no_grad():
            parameter.copy_(weights[name])


def _mismatch(path: Path, name: str) -> KnownError:
    return KnownError(
        "checkpoint_mismatch",
        f"{path} holds the weights of another model: {name} does not fit.",
        "Resume with the recipe the run was started with, or choose another output_dir.",
        path=str(path),
        tensor=name,
    )
