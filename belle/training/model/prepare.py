"""A loaded model made ready for training: what is frozen, what is added to its forward pass, what is trained."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from belle.errors import KnownError
from belle.training.model.embedding_rows import train_new_rows

if TYPE_CHECKING:
    from torch import Tensor, nn

    from belle.training.model.options import ModelOptions


def prepare(model: Any, options: ModelOptions) -> None:
    """Freezing, gradient checkpointing, Liger kernels and NEFTune, as the options say.

    Raises KnownError: `no_new_rows`, `not_installed`.
    """
    if options.freeze == "new_rows":
        train_new_rows(model)
    if options.gradient_checkpointing:
        # The reentrant kind needs an input that requires a gradient, which a frozen embedding does not give.
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    if options.liger:
        _use_liger(model)
    if options.neftune_alpha:
        add_noise(model.get_input_embeddings(), options.neftune_alpha)


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Parameter groups for torch's optimizers: trained matrices with weight decay, biases and norms without."""
    trained = [p for p in model.parameters() if p.requires_grad]
    # Under ZeRO-3 a parameter is empty here, and DeepSpeed keeps its shape in `ds_shape`.
    matrices = [p for p in trained if len(getattr(p, "ds_shape", p.shape)) >= 2]
    others = [p for p in trained if len(getattr(p, "ds_shape", p.shape)) < 2]
    groups = [{"params": matrices, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]


def count_parameters(model: nn.Module) -> tuple[int, int]:
    """The number of parameters of the model, and of those that are trained."""
    total = trained = 0
    for parameter in model.parameters():
        # Four-bit weights are packed two to a byte; a tensor that ZeRO-3 has partitioned is empty.
        state = getattr(parameter, "quant_state", None)
        size = math.prod(state.shape) if state is not None else getattr(parameter, "ds_numel", parameter.numel())
        total += size
        trained += size if parameter.requires_grad else 0
    return total, trained


def add_noise(embedding: nn.Module, alpha: float) -> None:
    """Add uniform noise to the embeddings in training, up to alpha ÷ √(length · width) (NEFTune, Jain et al. 2023)."""
    import torch

    def noisy(module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        if not module.training:
            return output
        bound = alpha / math.sqrt(output.shape[1] * output.shape[2])  # output: [batch, length, hidden_size]
        return output + torch.empty_like(output).uniform_(-bound, bound)

    embedding.register_forward_hook(noisy)


def _use_liger(model: Any) -> None:
    try:
        from liger_kernel.transformers import _apply_liger_kernel_to_instance
    except ImportError:
        raise KnownError(
            "not_installed", "liger: true needs the package liger-kernel.", "Install it, or leave liger out."
        ) from None
    # Without Liger's losses: our own loss does not make the logits that they avoid.
    _apply_liger_kernel_to_instance(model=model, fused_linear_cross_entropy=False, cross_entropy=False)
