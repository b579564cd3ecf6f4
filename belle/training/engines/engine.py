"""What runs a model: one process, several with PyTorch's DistributedDataParallel, or DeepSpeed, behind one interface.

The loop speaks to `TrainingEngine` alone. An engine decides where weights, gradients and optimizer states live and how
processes add up their gradients; it knows nothing of data, losses or checkpoints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from belle.training.engines.precision import Precision
    from belle.training.recipe.schema import Recipe


class TrainingEngine(Protocol):
    """A model in training. Every method that is not marked otherwise is called by all processes together.

    Attributes:
        model: the bare model (transformers or peft), without any wrapper. Use it for generation and for saving;
            a loss goes through `forward`.
        device: where the model computes.
        rank, world_size: this process and how many there are.
        precision: what is computed in.
    """

    model: Any
    device: torch.device
    rank: int
    world_size: int
    precision: Precision

    def forward(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """`function(model, *arguments)`, run inside the wrapper and autocast, so that its gradients are counted."""
        ...

    def autocast(self) -> AbstractContextManager[Any]:
        """The precision of the forward pass, for generation."""
        ...

    def accumulating(self, *, last: bool) -> AbstractContextManager[Any]:
        """Around `forward` and `backward` of one micro-batch; gradients are exchanged in the last one of a step."""
        ...

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of this micro-batch.

        Args:
            loss: this micro-batch's share of the step's loss: the gradients of all shares, of every micro-batch and
                process, are summed. (A library that averages over processes or micro-batches is undone here.)
        """
        ...

    def step(self, learning_rate: float) -> float:
        """Clip, change the weights, and forget the gradients. Returns the gradient's norm before clipping.

        With fp16 a gradient that overflowed changes no weights; then the norm is infinite.
        """
        ...

    def discard(self) -> None:
        """Forget the gradients without changing the weights."""
        ...

    def all_sum(self, values: Tensor) -> Tensor:
        """The sum of every process's `values` (float64, any device), on the CPU."""
        ...

    def barrier(self) -> None:
        """Wait for all processes."""
        ...

    def set_weights(self, weights: Iterable[tuple[nn.Parameter, Tensor]]) -> None:
        """Let trained parameters have these values, exactly: those of the fp32 weights that the optimizer changes."""
        ...

    def save_state(self, folder: Path) -> None:
        """Write what this process needs to go on exactly: weights that are trained, optimizer, loss scale."""
        ...

    def load_state(self, folder: Path) -> None:
        """Take up what `save_state` wrote. Raises KnownError("world_size_changed") with another number of processes."""
        ...

    def gathered_state_dict(self) -> Mapping[str, Tensor]:
        """All weights by name, whole and on the CPU, in process 0; empty in the others."""
        ...


class EngineBuilder(Protocol):
    """Makes an engine in two steps, because ZeRO-3 has to be told before the model is loaded.

    Attributes:
        rank, local_rank, world_size: known, and the process group running, before any model is loaded.
        device: where this process computes.
        precision: decided by what the device can do.
        partitioned: weights are spread over the processes while they are loaded (ZeRO-3).
    """

    rank: int
    local_rank: int
    world_size: int
    device: torch.device
    precision: Precision
    partitioned: bool

    def loading(self) -> AbstractContextManager[None]:
        """Around everything that creates or loads the model."""
        ...

    def build(self, model: nn.Module, groups: list[dict[str, Any]]) -> TrainingEngine:
        """Wrap the model. `groups`: parameters that are trained, as torch's optimizers want them."""
        ...

    def frozen(self, model: nn.Module) -> nn.Module:
        """A further model that is only evaluated (a reference, a reward model), where it can be called."""
        ...


def engine_builder(recipe: Recipe) -> EngineBuilder:
    """The builder that the recipe asks for; starts the process group when there are several processes.

    Raises KnownError when DeepSpeed is asked for and not installed.
    """
    if recipe.deepspeed is not None:
        from belle.training.engines.deepspeed import DeepSpeedBuilder

        return DeepSpeedBuilder(recipe)
    from belle.training.engines.data_parallel import DataParallelBuilder

    return DataParallelBuilder(recipe)
