"""The ways to spread a model over GPUs, and the refusal of a run that cannot fit into the GPUs it is on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from belle.errors import KnownError
from belle.training.engines.deepspeed_config import offload_device, read_config, zero_stage
from belle.training.estimate.memory import Layout, Memory, memory
from belle.training.estimate.plan import precision_of
from belle.training.estimate.shape import shape_of
from belle.units import gib

if TYPE_CHECKING:
    import torch

    from belle.training.recipe.schema import Recipe


def layout_of(recipe: Recipe, processes: int) -> Layout:
    """How the recipe spreads the model. Raises KnownError as `read_config`."""
    if recipe.deepspeed is None:
        return Layout(0, processes)
    values = read_config(recipe.deepspeed)
    stage = zero_stage(recipe.deepspeed, values)
    return Layout(
        stage,
        processes,
        offload_optimizer=offload_device(values, "optimizer") is not None,
        offload_weights=stage == 3 and offload_device(values, "param") is not None,
    )


def layouts(processes: int) -> list[Layout]:
    """All of them, from the fastest to the one that needs the least."""
    plain = [Layout(stage, processes) for stage in (0, 1, 2, 3)]
    return [
        *plain,
        Layout(2, processes, offload_optimizer=True),
        Layout(3, processes, offload_optimizer=True),
        Layout(3, processes, offload_optimizer=True, offload_weights=True),
    ]


def check_fits(recipe: Recipe, *, processes: int, available: int, device: str) -> None:
    """Refuse a run whose weights, gradients and optimizer alone are more than the GPU has.

    Args:
        available: bytes of one GPU, used or not.
        device: its name.

    Raises KnownError("gpu_memory") with the numbers and what would fit, and those of `shape_of`.
    """
    if recipe.traits.makes_tokenizer:
        return
    shape, layout, precision = shape_of(recipe), layout_of(recipe, processes), precision_of(recipe)
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
    """Bytes and name of a CUDA device."""
    import torch

    properties = torch.cuda.get_device_properties(device)
    return int(properties.total_memory), str(properties.name)
