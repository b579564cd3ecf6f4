"""`belle train RECIPE --dry-run`: the size, memory and time of a run, before a weight is loaded."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from belle.training.estimate.fits import layout_of, layouts
from belle.training.estimate.memory import Layout, Memory, memory
from belle.training.estimate.plan import Plan, PlanOptions, plan_of, precision_of, volume_of
from belle.training.estimate.shape import ModelShape, shape_of
from belle.training.estimate.time import Device, flops_per_token, named_device, this_device
from belle.training.model.options import ModelOptions
from belle.training.recipe.sources import fetched
from belle.units import gib, rough_duration

if TYPE_CHECKING:
    from belle.training.cluster.hosts import Host
    from belle.training.estimate.volume import Volume
    from belle.training.recipe.options import PpoOptions
    from belle.training.recipe.schema import Recipe
    from belle.training.recipe.stages import TrainingStage

# What BELLE trained on: the time on these is shown on every machine.
_COMPARED = ("A100", "H100")
_OTHER_PROCESSES = 8


def describe(recipe: Recipe, hosts: Sequence[Host] = ()) -> str:
    """Topology, parameters, data, steps, memory and time of a run, as lines of text.

    Args:
        hosts: the machines it will be launched on; without them, the number of processes is WORLD_SIZE or 1.

    Raises KnownError: those of `shape_of`, of the tokenizer, of the data's readers and of the DeepSpeed file.
    """
    if recipe.traits.makes_tokenizer:
        return (
            f"{recipe.source}: {recipe.stage}\n  no model is trained: text is read, pieces are learned, rows are added"
        )
    if recipe.traits.sees_pictures:
        return f"{recipe.source}: {recipe.stage}\n  memory and time of models that see are not estimated"
    if recipe.traits.hears:
        return f"{recipe.source}: {recipe.stage}\n  memory and time of models that hear are not estimated"
    recipe = fetched(recipe, weights=False)
    processes = sum(host.slots for host in hosts) or int(os.environ.get("WORLD_SIZE", "1"))
    device = this_device()
    stage = recipe.traits
    ppo = recipe.ppo if stage.writes_answers else None
    shape = shape_of(recipe.part(ModelOptions), scoring=stage.scores, ppo=ppo)
    volume = volume_of(recipe)
    plan = plan_of(recipe.part(PlanOptions), stage, volume, processes)
    layout = layout_of(recipe.deepspeed, processes)
    precision = precision_of(recipe.precision)
    lines = [f"{recipe.source}: {recipe.stage}, to {recipe.output_dir}"]
    lines += _topology(hosts, processes, device)
    lines += _parameters(shape, recipe.quantization)
    lines += _data(recipe.part(PlanOptions), stage, volume, plan)
    lines += _memory_table(shape, plan, layout, precision=precision, quantization=recipe.quantization)
    lines += _time(_flops(shape, plan, stage, ppo, checkpointing=recipe.gradient_checkpointing), plan, device)
    if stage.writes_answers:
        lines.append("              without the writing of answers, which waits for memory and not for arithmetic")
    return "\n".join(lines)


def _topology(hosts: Sequence[Host], processes: int, device: Device) -> list[str]:
    import psutil

    if hosts:
        first, parts = 0, []
        for host in hosts:
            parts.append(f"{host.name} (rank {first}" + (f" to {first + host.slots - 1})" if host.slots > 1 else ")"))
            first += host.slots
        return [f"  topology    {processes} processes on {len(hosts)} machines: {', '.join(parts)}"]
    cores, size = psutil.cpu_count() or 1, psutil.virtual_memory().total
    what = "process" if processes == 1 else "processes"
    return [f"  topology    {processes} {what} here: {device.name}, {cores} cores, {gib(size)} GiB of memory"]


def _parameters(shape: ModelShape, quantization: str | None) -> list[str]:
    share = shape.trained / shape.total
    text = f"{shape.name}, {shape.total:,} parameters, {shape.trained:,} of them trained ({share:.2%})"
    lines = [f"  model       {text}"]
    if shape.frozen_beside:
        lines.append(f"              {shape.frozen_beside:,} more in models that are not trained")
    if shape.quantized:
        lines.append(f"              {shape.quantized:,} of them in {quantization}")
    return lines


def _data(options: PlanOptions, stage: TrainingStage, volume: Volume, plan: Plan) -> list[str]:
    about = "" if volume.exact else "about "
    share = volume.trained / max(volume.tokens, 1)
    size = f"{about}{volume.rows:,} rows, {volume.samples:,} samples, {volume.tokens:,} tokens"
    lines = [f"  data        {size} ({volume.mean_length:.0f} a sample, {share:.0%} trained)"]
    if stage.writes_answers:
        step = f"{plan.samples:,} answers a step"
    else:
        step = (
            f"{plan.samples:,} {'blocks' if options.batching == 'pack' else 'samples'} a step"
            f" ({options.batch_size} × {options.accumulation} × {plan.processes} processes)"
        )
    lines.append(f"  steps       {plan.steps:,}; {step}; {plan.tokens:,.0f} tokens in all")
    return lines


def _memory_table(
    shape: ModelShape, plan: Plan, current: Layout, *, precision: str, quantization: str | None
) -> list[str]:
    batch = f"micro-batch of {plan.micro_tokens:,} tokens"
    lines = [f"  memory      GiB per GPU in {precision}, {batch} (“with”: gradient_checkpointing)"]
    for processes in sorted({plan.processes, _OTHER_PROCESSES if plan.processes == 1 else plan.processes}):
        gpus = "1 GPU" if processes == 1 else f"{processes} GPUs"
        lines.append(f"    {gpus:<43}weights  gradients  optimizer  activations   with    together   with   offloaded")
        for layout in layouts(processes):
            if quantization is not None and layout.stage:
                continue
            both = [
                memory(
                    shape,
                    layout,
                    precision=precision,
                    quantization=quantization,
                    tokens=plan.micro_tokens,
                    checkpointing=checkpointing,
                )
                for checkpointing in (False, True)
            ]
            mark = "←" if layout == replace(current, processes=processes) else " "
            lines.append(f"    {mark} {layout.name:<40}{_row(*both)}")
    return lines


def _row(without: Memory, with_: Memory) -> str:
    columns = [
        (without.weights, 8), (without.gradients, 11), (without.optimizer, 11), (without.activations, 13),
        (with_.activations, 7), (without.total, 12), (with_.total, 7), (without.offloaded, 12),
    ]  # fmt: skip
    return "".join(f"{gib(value):>{width}}" for value, width in columns)


def _flops(
    shape: ModelShape, plan: Plan, stage: TrainingStage, ppo: PpoOptions | None, *, checkpointing: bool
) -> tuple[float, float]:
    """FLOPs of the whole run, and of one trained token."""
    per_token = flops_per_token(shape, plan.length, checkpointing=checkpointing)
    total = per_token * plan.tokens
    if ppo is not None:
        # Each answer is trained on `epochs` times. Before that policy, reference and reward model read it once.
        total = plan.tokens * (per_token * ppo.epochs + 2.0 * (2 * shape.multiplied + shape.frozen_beside))
    if stage.has_reference:
        total *= 4 / 3  # a training step is three forward passes (see `time`); the reference adds one
    return total, per_token


def _time(flops: tuple[float, float], plan: Plan, device: Device) -> list[str]:
    total, per_token = flops
    lines = [f"  compute     {total:.3g} FLOP, {per_token / 1e9:.3g} GFLOP for each token"]
    devices = [(device, plan.processes)]
    for name in _COMPARED:
        gpu = named_device(name)
        if gpu is not None and gpu.name != device.name:
            devices.append((gpu, _OTHER_PROCESSES if plan.processes == 1 else plan.processes))
    for number, (one, count) in enumerate(devices):
        head = "time" if number == 0 else ""
        seconds = total / (one.flops * count)
        lines.append(f"  {head:<10}  {rough_duration(seconds):>12}  {count} × {one.name}: {one.source}")
    return lines
