"""The ways to spread a model over GPUs, and the refusal of a run that cannot fit into its GPUs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from belle.errors import KnownError
from belle.training.engines.deepspeed_config import offload_device, read_config, zero_stage
from belle.training.estimate.memory import Layout, Memory, memory
from belle.training.estimate.plan import precision_of
from belle.training.estimate.shape import shape_of
from belle.training.model.options import ModelOptions
from belle.units import gib

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from belle.training.recipe.schema import Recipe


def layout_of(deepspeed: Path | None, processes: int) -> Layout:
    """How a DeepSpeed configuration spreads the model; None: no DeepSpeed. Raises KnownError as `read_config`."""
    if deepspeed is None:
        return Layout(0, processes)
    values = read_config(deepspeed)
    stage = zero_stage(deepspeed, values)
    return Layout(
        stage,
        processes,
        offload_optimizer=offload_device(values, "optimizer") is not None,
        offload_weights=stage == 3 and offload_device(values, "param") is not None,
    )


def layouts(processes: int) -> list[Layout]:
    """All layouts, from the fastest to the one that needs the least memory."""
    plain = [Layout(stage, processes) for stage in (0, 1, 2, 3)]
    return [
        *plain,
        Layout(2, processes, offload_optimizer=True),
        Layout(3, processes, offload_optimizer=True),
        Layout(3, processes, offload_optimizer=True, offload_weights=True),
    ]


def check_fits(recipe: Recipe, *, processes: int, available: int, device: str) -> None:
    """Refuse a run whose weights, gradients and optimizer state alone need more memory than the GPU has.

    Args:
        available: memory of one GPU in bytes, used or not.
        device: its name.

    Raises KnownError("gpu_memory") with the numbers and with what would fit, and those of `shape_of`.
    """
    if recipe.traits.makes_tokenizer:
        return
    ppo = recipe.ppo if recipe.traits.writes_answers else None
    shape = shape_of(recipe.part(ModelOptions), scoring=recipe.traits.scores, ppo=ppo)
    layout, precision = layout_of(recipe.deepspeed, processes), precision_of(recipe.precision)
    tokens = recipe.batch_size * recipe.max_length * recipe.traits.sequences

    def needed(other: Layout, *, checkpointing: bool = recipe.gradient_checkpointing) -> Memory:
        return memory(
            shape,
            other,
            precision=precision,
            quantization=recipe.quantization,
            tokens=tokens,
            checkpointing=checkpointing,
        )

    least = needed(layout).states
    if least <= available:
        return
    fitting = [other for other in layouts(processes) if needed(other, checkpointing=True).total <= available]
    ways = [f"{other.name}" for other in fitting[:1] if recipe.quantization is None]
    if recipe.lora is None:
        ways.append("LoRA")
    elif recipe.quantization is None:
        ways.append("quantization: nf4")
    ways.append("more GPUs" if layout.stage else "more GPUs with DeepSpeed")
    raise KnownError(
        "gpu_memory",
        f"{shape.total:,} parameters, {shape.trained:,} of them trained, need {gib(least)} GiB on each of {processes} "
        f"GPUs with {layout.name}, before any activation; {device} has {gib(available)} GiB.",
        f"What helps: {', '.join(ways)}. “--dry-run” shows the memory for each.",
        needed=int(least),
        available=available,
    )


def device_memory(device: torch.device) -> tuple[int, str]:
    """Memory in bytes, and name, of a CUDA device."""
    import torch

    properties = torch.cuda.get_device_properties(device)
    return int(properties.total_memory), str(properties.name)
