"""The engine for models that do not fit into one GPU: DeepSpeed's ZeRO, stages 1 to 3 (Rajbhandari et al. 2020).

DeepSpeed averages gradients over processes and micro-batches. The loop has divided by the weight of the whole step
already, so both averages are undone here, and ZeRO computes what `DataParallelEngine` computes. In bf16 and fp16 the
model itself has 16 bits; the optimizer keeps the fp32 weights, spread over the processes.
"""

from __future__ import annotations

import contextlib
import copy
import json
import logging
import math
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from belle.documents import read_json_object
from belle.errors import KnownError
from belle.training.cluster.processes import start_processes
from belle.training.engines.data_parallel import Apply, own_settings
from belle.training.engines.deepspeed_config import training_config
from belle.training.engines.options import EngineOptions
from belle.training.engines.precision import Precision, choose_precision

if TYPE_CHECKING:
    from belle.training.cluster.processes import ProcessInfo

STATE_FOLDER = "deepspeed"
_SHARED_MEMORY_OP = "deepspeed_shm_comm"
_FACTS_FILE = "deepspeed.json"


class DeepSpeedBuilder:
    """Starts the processes and makes a `DeepSpeedEngine`. See `belle.training.engines.engine.EngineBuilder`.

    Raises KnownError: `not_installed`, and those of `training_config`.
    """

    def __init__(self, options: EngineOptions) -> None:
        self._options = options
        process = start_processes(options.timeout_minutes)
        self.rank, self.local_rank, self.world_size = process.rank, process.local_rank, process.world_size
        self.device = process.device
        self.precision = choose_precision(options.precision, self.device)
        if self.precision.name == "fp16" and self.device.type == "cpu":
            raise KnownError(
                "precision_unsupported",
                "DeepSpeed does not compute in fp16 on a CPU.",
                "Set precision: bf16 or fp32, or leave it at auto.",
            )
        self.config = training_config(options, precision=self.precision.name, world_size=self.world_size)
        self.stage = int(self.config["zero_optimization"]["stage"])
        self.partitioned = self.stage == 3
        self.deepspeed = start_deepspeed(process)
        self._frozen: list[Any] = []

    def loading(self) -> AbstractContextManager[None]:
        """With ZeRO-3 the weights are spread over the processes while they are loaded."""
        return partitioned_loading(self.config) if self.partitioned else contextlib.nullcontext()

    def build(self, model: nn.Module, groups: list[dict[str, Any]]) -> DeepSpeedEngine:
        """Hand the model to DeepSpeed, with torch's AdamW."""
        if self.partitioned:
            # ZeRO-3 gathers a module's parameters in one buffer, so all have one dtype: also those that were added
            # after the weights were loaded (adapters, a value head).
            for parameter in model.parameters():
                if not hasattr(parameter, "ds_id") and parameter.is_floating_point():
                    parameter.data = parameter.data.to(self.precision.compute_dtype)
        optimizer = torch.optim.AdamW(
            groups,
            lr=self._options.learning_rate,
            betas=self._options.betas,
            eps=self._options.eps,
            fused=True,
        )
        wrapped, *_ = self.deepspeed.initialize(model=Apply(model), optimizer=optimizer, config=self._config())
        return DeepSpeedEngine(model, wrapped, self)

    def frozen(self, model: nn.Module) -> nn.Module:
        """On the device; with ZeRO-3 spread over the processes, which then have to call the model together."""
        model.requires_grad_(False).eval()
        if not self.partitioned:
            return model.to(self.device)
        wrapped, *_ = self.deepspeed.initialize(model=model, config=self._config())
        # The hooks that gather its weights belong to DeepSpeed's object, which must live as long as the model.
        self._frozen.append(wrapped)
        return model

    def _config(self) -> dict[str, Any]:
        """A copy of the configuration, because DeepSpeed writes into it."""
        copied: dict[str, Any] = copy.deepcopy(self.config)
        return copied


class DeepSpeedEngine:
    """See `belle.training.engines.engine.TrainingEngine`."""

    def __init__(self, model: nn.Module, wrapped: Any, builder: DeepSpeedBuilder) -> None:
        self.model: Any = model
        self.device = builder.device
        self.rank, self.world_size = builder.rank, builder.world_size
        self.precision: Precision = builder.precision
        self._wrapped = wrapped
        self._builder = builder

    def forward(self, function: Callable[..., Any], *arguments: Any) -> Any:
        def computed(model: nn.Module, *inputs: Any) -> Any:
            # Inside the function: DeepSpeed's own forward switches an autocast around it off.
            with self.autocast():
                return function(model, *inputs)

        return self._wrapped(computed, *arguments)

    def autocast(self) -> AbstractContextManager[Any]:
        return self.precision.autocast(self.device)

    def accumulating(self, *, last: bool) -> AbstractContextManager[Any]:
        # DeepSpeed would count micro-batches by its configuration, but the last step of an epoch may have fewer.
        self._wrapped.set_gradient_accumulation_boundary(last)
        return contextlib.nullcontext()

    def backward(self, loss: Tensor) -> None:
        # × world_size undoes the average over processes, scale_wrt_gas=False the one over micro-batches.
        self._wrapped.backward(loss * self.world_size, scale_wrt_gas=False)

    def step(self, learning_rate: float) -> float:
        for group in self._wrapped.optimizer.param_groups:
            group["lr"] = learning_rate
        self._wrapped.step()
        if not self._wrapped.was_step_applied():
            return math.inf  # a gradient overflowed; the step was skipped and the loss scale lowered
        return float(self._wrapped.get_global_grad_norm())

    def discard(self) -> None:
        optimizer = self._wrapped.optimizer
        optimizer.zero_grad(set_to_none=True)
        # ZeRO keeps this process's part of the gradients there, outside of `parameter.grad`.
        optimizer.averaged_gradients = {}
        optimizer.micro_step_id = -1 if self._builder.stage < 3 else 0

    def all_sum(self, values: Tensor) -> Tensor:
        total = values.detach().to(self.device, torch.float64, copy=True)
        torch.distributed.all_reduce(total)
        return total.cpu()

    def barrier(self) -> None:
        self.all_sum(torch.zeros(1))

    def set_weights(self, weights: Iterable[tuple[nn.Parameter, Tensor]]) -> None:
        from deepspeed.utils import safe_set_full_fp32_param

        for parameter, value in weights:
            safe_set_full_fp32_param(parameter, value.float())

    def save_state(self, folder: Path) -> None:
        if self.rank == 0:
            (folder / _FACTS_FILE).write_text(json.dumps(self._facts(), indent=2) + "\n", encoding="utf-8")
        self._wrapped.save_checkpoint(str(folder), tag=STATE_FOLDER, save_latest=False, exclude_frozen_parameters=True)

    def load_state(self, folder: Path) -> None:
        """Raises KnownError: `checkpoint_mismatch`, `world_size_changed`."""
        self._check(folder)
        optimizer = self._wrapped.optimizer
        limit = getattr(optimizer, "clip_grad", None)  # the recipe's, which loading overwrites
        with own_settings(optimizer):
            loaded, _ = self._wrapped.load_checkpoint(str(folder), tag=STATE_FOLDER, load_module_strict=False)
        if limit is not None:
            optimizer.clip_grad = limit
        if loaded is None:
            raise _mismatch(folder, f"{folder / STATE_FOLDER} cannot be read")

    def gathered_state_dict(self) -> Mapping[str, Tensor]:
        whole: dict[int, Tensor] = {}
        state: dict[str, Tensor] = {}
        for name, value in self.model.state_dict(keep_vars=True).items():
            if id(value) not in whole:  # tied weights have two names
                whole[id(value)] = self._whole(value)
            if self.rank == 0:
                state[name] = whole[id(value)]
        return state

    def _whole(self, value: Tensor) -> Tensor:
        """A weight on the CPU of process 0, in fp32 where it is trained; an empty tensor in the others."""
        result: Tensor | None = None
        if self.precision.name != "fp32" and value.requires_grad:
            from deepspeed.utils import safe_get_full_fp32_param

            result = safe_get_full_fp32_param(value)
        elif hasattr(value, "ds_id"):
            with self._builder.deepspeed.zero.GatheredParameters([value]):
                return value.detach().to("cpu", copy=True) if self.rank == 0 else torch.empty(0)
        result = value if result is None else result
        return result.detach().to("cpu", copy=True) if self.rank == 0 else torch.empty(0)

    def _facts(self) -> dict[str, Any]:
        return {"processes": self.world_size, "stage": self._builder.stage, "precision": self.precision.name}

    def _check(self, folder: Path) -> None:
        path = folder / _FACTS_FILE
        try:
            then = read_json_object(path)
        except KnownError:
            raise _mismatch(folder, f"{folder} was not written by DeepSpeed") from None
        now = self._facts()
        if then.get("processes") != now["processes"]:
            raise KnownError(
                "world_size_changed",
                f"{folder} was written by {then.get('processes')} processes, and now there are {now['processes']}.",
                f"Resume with {then.get('processes')} processes: the optimizer's state is cut into as many parts.",
                path=str(folder),
                processes=then.get("processes"),
            )
        for name, words in (("stage", "ZeRO stage"), ("precision", "precision")):
            if then.get(name) != now[name]:
                raise _mismatch(folder, f"{folder} was written with {words} {then.get(name)}, now it is {now[name]}")


def _mismatch(folder: Path, message: str) -> KnownError:
    return KnownError(
        "checkpoint_mismatch",
        f"{message}.",
        "Resume with the recipe the run was started with, or choose another output_dir.",
        path=str(folder),
    )


def start_deepspeed(process: ProcessInfo) -> Any:
    """Import the package `deepspeed` and connect it to the process group that `start_processes` made.

    Call it before any model is loaded. Raises KnownError("not_installed").
    """
    # DeepSpeed reads the variable and asserts that a launcher has set it.
    os.environ.setdefault("LOCAL_RANK", str(process.local_rank))
    try:
        import deepspeed
    except ImportError as error:
        raise KnownError(
            "not_installed",
            f"The recipe asks for DeepSpeed, which cannot be imported: {error}.",
            "Install the package deepspeed, or leave “deepspeed” out of the recipe.",
        ) from None
    from deepspeed.utils import logger

    logger.setLevel(logging.ERROR)
    # DeepSpeed 0.19 uses the names of before torch 2.13, several times a step.
    warnings.filterwarnings("ignore", r"`torch\.distributed\.\w+` is deprecated", FutureWarning, r"torch\.distributed")
    _join_alone(process)
    if process.device.type == "cpu":
        # DeepSpeed would compile an all-reduce through shared memory for minutes, and fail without a compiler. Training
        # never calls it: gloo does the work.
        deepspeed.ops.__compatible_ops__[_SHARED_MEMORY_OP] = False
    deepspeed.init_distributed(verbose=False)
    return deepspeed


@contextmanager
def partitioned_loading(config: Mapping[str, Any]) -> Iterator[None]:
    """In this context, transformers and peft load a model with its weights spread over the processes (ZeRO-3)."""
    from transformers.integrations.deepspeed import HfDeepSpeedConfig, unset_hf_deepspeed_config

    # transformers holds the object by a weak reference: it lives as long as this name.
    reference = HfDeepSpeedConfig(dict(config))
    try:
        yield
    finally:
        del reference
        unset_hf_deepspeed_config()


def _join_alone(process: ProcessInfo) -> None:
    """Make a process group of one: DeepSpeed needs a group even for a single process."""
    from torch import distributed

    if not distributed.is_initialized():
        backend = "nccl" if process.device.type == "cuda" else "gloo"
        distributed.init_process_group(backend, store=distributed.HashStore(), rank=0, world_size=1)
