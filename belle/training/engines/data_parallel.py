"""The engine for a model that fits into one GPU: one process, or several with DistributedDataParallel."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from belle.errors import KnownError
from belle.training.checkpoints.weights import load_trained, save_trained
from belle.training.cluster.processes import start_processes
from belle.training.engines.options import EngineOptions
from belle.training.engines.precision import Precision, choose_precision

OPTIMIZER_FILE = "optimizer.pt"


class Apply(nn.Module):  # type: ignore[misc]
    """A module whose forward pass is any function of the model.

    Wrappers such as DistributedDataParallel prepare the exchange of gradients in `forward`. A loss that calls parts of
    the model, or the model twice, has to be computed inside it.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """`function(model, *arguments)`."""
        return function(self.model, *arguments)


@contextlib.contextmanager
def own_settings(optimizer: Any) -> Iterator[None]:
    """Around the loading of a saved optimizer state: the settings stay the recipe's and do not become the file's."""
    settings = [{key: group[key] for key in ("weight_decay", "betas", "eps")} for group in optimizer.param_groups]
    yield
    for group, own in zip(optimizer.param_groups, settings, strict=True):
        group.update(own)


class DataParallelBuilder:
    """Starts the processes and makes a `DataParallelEngine`. See `belle.training.engines.engine.EngineBuilder`."""

    partitioned = False

    def __init__(self, options: EngineOptions) -> None:
        self._options = options
        process = start_processes(options.timeout_minutes)
        self.rank, self.local_rank, self.world_size = process.rank, process.local_rank, process.world_size
        self.device = process.device
        self.precision = choose_precision(options.precision, self.device)

    def loading(self) -> AbstractContextManager[None]:
        """Nothing special: every process loads the whole model."""
        return contextlib.nullcontext()

    def build(self, model: nn.Module, groups: list[dict[str, Any]]) -> DataParallelEngine:
        """Move the model to the device, convert what is trained to fp32, and wrap it."""
        for parameter in (parameter for group in groups for parameter in group["params"]):
            # Beside an adapter whole layers are trained (a head, embeddings, norms), which were loaded in the 16 bits
            # of the frozen base. bf16 has 8 significant bits: a change below 1/512 of a weight is rounded away, and at
            # a learning rate of 1e-5 most changes are.
            parameter.data = parameter.data.float()
        if not getattr(model, "is_quantized", False):
            model.to(self.device)
        return DataParallelEngine(model, groups, self._options, self)

    def frozen(self, model: nn.Module) -> nn.Module:
        """On the device, without gradients and dropout."""
        if not getattr(model, "is_quantized", False):
            model.to(self.device)
        return model.requires_grad_(False).eval()


class DataParallelEngine:
    """See `belle.training.engines.engine.TrainingEngine`."""

    def __init__(
        self, model: nn.Module, groups: list[dict[str, Any]], options: EngineOptions, builder: DataParallelBuilder
    ) -> None:
        self.model: Any = model
        self.device = builder.device
        self.rank, self.world_size = builder.rank, builder.world_size
        self.precision: Precision = builder.precision
        self._limit = options.max_grad_norm or math.inf
        self._parameters = [p for group in groups for p in group["params"]]
        self._optimizer = torch.optim.AdamW(
            groups, lr=options.learning_rate, betas=options.betas, eps=options.eps, fused=self.device.type != "mps"
        )
        self._scaler = torch.amp.GradScaler(self.device.type) if self.precision.scales_loss else None
        self._wrapper: nn.Module = Apply(model)
        if self.world_size > 1:
            # The models have no buffers that training changes (batch norm), so none are broadcast. Gradients are views
            # into the buckets that are exchanged, which saves a copy of all of them.
            self._wrapper = nn.parallel.DistributedDataParallel(
                self._wrapper, forward_sync_buffers=False, gradient_as_bucket_view=True
            )

    def forward(self, function: Callable[..., Any], *arguments: Any) -> Any:
        with self.autocast():
            return self._wrapper(function, *arguments)

    def autocast(self) -> AbstractContextManager[Any]:
        return self.precision.autocast(self.device)

    def accumulating(self, *, last: bool) -> AbstractContextManager[Any]:
        # Gradients are exchanged once a step, in the backward pass of its last micro-batch.
        if isinstance(self._wrapper, nn.parallel.DistributedDataParallel) and not last:
            result: AbstractContextManager[Any] = self._wrapper.no_sync()
            return result
        return contextlib.nullcontext()

    def backward(self, loss: Tensor) -> None:
        loss = loss * self.world_size  # DistributedDataParallel averages over processes; the shares are to be summed
        (self._scaler.scale(loss) if self._scaler else loss).backward()

    def step(self, learning_rate: float) -> float:
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate
        if self._scaler:
            self._scaler.unscale_(self._optimizer)  # before clipping, which is about the true gradient
        norm = float(nn.utils.clip_grad_norm_(self._parameters, self._limit))
        if self._scaler:
            self._scaler.step(self._optimizer)  # skipped where a gradient has overflowed
            self._scaler.update()
        elif math.isfinite(norm):
            self._optimizer.step()
        self.discard()
        return norm

    def discard(self) -> None:
        self._optimizer.zero_grad(set_to_none=True)

    def all_sum(self, values: Tensor) -> Tensor:
        if self.world_size == 1:
            return values.detach().cpu().double()  # in this order: Apple's GPUs have no float64
        total = values.detach().to(self.device, torch.float64)
        torch.distributed.all_reduce(total)
        return total.cpu()

    def barrier(self) -> None:
        if self.world_size > 1:
            self.all_sum(torch.zeros(1))

    def set_weights(self, weights: Iterable[tuple[nn.Parameter, Tensor]]) -> None:
        with torch.no_grad():
            for parameter, value in weights:
                parameter.copy_(value)

    def save_state(self, folder: Path) -> None:
        if self.rank == 0:
            save_trained(self.model, folder)
            state = {"optimizer": self._optimizer.state_dict(), "scaler": self._scaler and self._scaler.state_dict()}
            torch.save(state, folder / OPTIMIZER_FILE)

    def load_state(self, folder: Path) -> None:
        load_trained(self.model, folder)
        path = folder / OPTIMIZER_FILE
        if not path.exists():
            raise KnownError(
                "no_optimizer_state",
                f"{folder} has no {OPTIMIZER_FILE}: it was written by DeepSpeed.",
                "Resume with “deepspeed” in the recipe, as the run was started.",
                path=str(path),
            )
        state = torch.load(path, map_location="cpu", weights_only=True)
        with own_settings(self._optimizer):
            self._optimizer.load_state_dict(state["optimizer"])
        if self._scaler and state["scaler"]:
            self._scaler.load_state_dict(state["scaler"])

    def gathered_state_dict(self) -> Mapping[str, Tensor]:
        return {name: value.detach().cpu() for name, value in self.model.state_dict().items()} if self.rank == 0 else {}
