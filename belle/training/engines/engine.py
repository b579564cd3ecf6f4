"""The interface of engines, which run a model: one process, several with DistributedDataParallel, or DeepSpeed.

The loop knows `TrainingEngine` alone. An engine decides where weights, gradients and optimizer states are kept and how
the processes sum their gradients; it knows nothing of data, losses or the schedule.

Not accelerate, which would add FSDP: its DeepSpeed wrapper changes the weights inside `backward`, before the loop has
seen the loss of all processes, and on CPUs, where the tests run, it silently ignores FSDP.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from belle.training.engines.options import EngineOptions
    from belle.training.engines.precision import Precision


class TrainingEngine(Protocol):
    """A model in training. All processes call every method together.

    Attributes:
        model: the bare model (transformers or peft), without any wrapper. Use it for generation and for saving;
            a loss goes through `forward`.
        device: where the model computes.
        rank, world_size: this process and how many there are.
        precision: of the forward pass.
    """

    model: Any
    device: torch.device
    rank: int
    world_size: int
    precision: Precision

    def forward(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """`function(model, *arguments)`, run inside the wrapper and autocast, so that its gradients are exchanged."""
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
        """Clip, change the weights, and drop the gradients. Returns the gradient's norm before clipping.

        With fp16 a gradient that overflowed changes no weights; the norm is infinite then.
        """
        ...

    def discard(self) -> None:
        """Drop the gradients without changing the weights."""
        ...

    def all_sum(self, values: Tensor) -> Tensor:
        """The sum of every process's `values` (float64, any device), on the CPU."""
        ...

    def barrier(self) -> None:
        """Wait for all processes."""
        ...

    def set_weights(self, weights: Iterable[tuple[nn.Parameter, Tensor]]) -> None:
        """Set trained parameters to these values exactly, in the fp32 weights that the optimizer changes."""
        ...

    def save_state(self, folder: Path) -> None:
        """Write what this process needs for an exact resume: trained weights, optimizer state, loss scale."""
        ...

    def load_state(self, folder: Path) -> None:
        """Load what `save_state` wrote. Raises KnownError("world_size_changed") with another number of processes."""
        ...

    def gathered_state_dict(self) -> Mapping[str, Tensor]:
        """All weights by name, whole and on the CPU, in process 0; empty in the others."""
        ...


class EngineBuilder(Protocol):
    """Makes an engine in two steps, because ZeRO-3 has to be switched on before the model is loaded.

    Attributes:
        rank, local_rank, world_size: of this process; the process group is running before any model is loaded.
        device: where this process computes.
        precision: as the recipe says, or what the device can do.
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
        """Prepare a further model that is only evaluated (a reference, a reward model), so that it can be called."""
        ...


def engine_builder(options: EngineOptions) -> EngineBuilder:
    """The builder that the options ask for; starts the process group when there are several processes.

    Raises KnownError when DeepSpeed is asked for and not installed.
    """
    if options.deepspeed is not None:
        from belle.training.engines.deepspeed import DeepSpeedBuilder

        return DeepSpeedBuilder(options)
    from belle.training.engines.data_parallel import DataParallelBuilder

    return DataParallelBuilder(options)
