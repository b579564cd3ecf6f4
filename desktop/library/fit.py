"""Will it run here? Memory, disk and speed of a model on this machine, before it is downloaded or loaded."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from belle import paths
from belle.durable import nearest_existing
from belle.engine.llama.attention import choose_attention
from belle.engine.llama.memory import MemoryNeed, Verdict, available_memory, estimate, estimate_for, verdict
from belle.engine.llama.speed import Observed, TokenWork, load_observed, work_of
from belle.engine.process.events import Fallback
from belle.gguf.reader import GgufHeader
from belle.models.catalog import ModelEntry
from convert.install.library import memory_shape
from desktop.model_settings import ALL_LAYERS, LoadSettings

Limit = Literal["", "memory", "disk"]

_EMBEDDING_BITS = 4.5  # of Q4_K, which a 4-bit mixture gives to an embedding that is not the output matrix
_TYPE_IN_NAME = re.compile(r"[._-]((?:I?Q|TQ)\d_[\dK]|F16|BF16|F32)", re.IGNORECASE)
_ENGINE = "belle.engine.worker"
_WORSE: dict[Verdict, int] = {"fits": 0, "tight": 1, "too_big": 2}


@dataclass(frozen=True, slots=True)
class Machine:
    """What is free on this machine, in bytes, and how fast it is known to be.

    Attributes:
        gpu_memory: free bytes of each GPU that llama.cpp can use; 0 of one that shares the machine's memory.
    """

    memory_free: int
    disk_free: int
    observed: Observed = field(default_factory=Observed)
    gpu_memory: tuple[int, ...] = ()

    @classmethod
    def now(cls, gpu_memory: tuple[int, ...] = (), *, beside_loaded: bool = False) -> Machine:
        """The machine as it is now, without the model that is loaded: another one would take its place.

        With `beside_loaded` that model stays where it is.
        """
        disk = shutil.disk_usage(nearest_existing(paths.models_dir())).free
        freed = 0 if beside_loaded else held_by_engines()
        return cls(available_memory() + freed, disk, load_observed(), gpu_memory)

    def room(self, on_gpu: int) -> int:
        """Bytes that models can use, with `on_gpu` of theirs on the GPUs."""
        return self.memory_free + min(sum(self.gpu_memory), on_gpu)


def held_by_engines() -> int:
    """Bytes of memory that are free again when the models which this process has loaded are closed.

    On Linux the pages of a mapped file count as available already, so only the others are counted.
    """
    import psutil

    held = 0
    for child in psutil.Process().children():
        with suppress(psutil.Error):
            if _ENGINE in child.cmdline():
                memory = child.memory_info()
                held += memory.rss - getattr(memory, "shared", 0)
    return held


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether a model will run here. Sizes in bytes.

    Attributes:
        verdict: the worse one of memory and disk.
        limit: what is short, when the verdict is not "fits".
        memory: for weights, KV cache of `n_ctx` tokens, and what is needed to compute.
        memory_free: of the machine, and of its GPUs as far as layers go there.
        disk: for the download and what is made of it; 0 for a file that is here.
        tokens_per_s: seen, or predicted; None while nothing is known of this machine.
        fallbacks: settings that this model cannot be loaded with.
    """

    verdict: Verdict
    limit: Limit
    memory: int
    memory_free: int
    disk: int
    disk_free: int
    n_ctx: int
    tokens_per_s: float | None
    fallbacks: tuple[Fallback, ...] = ()


def fit_of_file(header: GgufHeader, wanted: LoadSettings, machine: Machine) -> Fit:
    """Whether a file that is here will run as `wanted`, with at most the context that it was trained for."""
    n_ctx = min(wanted.n_ctx, header.n_ctx_train or wanted.n_ctx)
    need, fallbacks = _need(header, wanted, n_ctx, machine)
    room = machine.room(round(need.total * _share_on_gpu(header, wanted, machine)))
    speed = machine.observed.tokens_per_s(work_of(header), header.path.name)
    return replace(_fit(need.total, room, 0, machine, n_ctx=n_ctx, speed=speed), fallbacks=fallbacks)


def fit_of_pair(left: GgufHeader, right: GgufHeader, wanted: Callable[[Path], LoadSettings], machine: Machine) -> Fit:
    """Whether two files will run at once, each as `wanted`, with at most the context that it was trained for.

    The weights of one file are in the machine's memory once, and on a GPU once for each. `tokens_per_s` is not
    predicted: they share the processor.
    """
    memory, on_gpu, longest = 0, 0, 0
    for header in (left, right):
        one = wanted(header.path)
        n_ctx = min(one.n_ctx, header.n_ctx_train or one.n_ctx)
        need, _ = _need(header, one, n_ctx, machine)
        memory, longest = memory + need.total, max(longest, n_ctx)
        on_gpu += round(need.total * _share_on_gpu(header, one, machine))
    if left.path == right.path:
        memory -= round(left.size_bytes * (1 - _share_on_gpu(left, wanted(left.path), machine)))
    return _fit(memory, machine.room(on_gpu), 0, machine, n_ctx=longest, speed=None)


def _need(
    header: GgufHeader, wanted: LoadSettings, n_ctx: int, machine: Machine
) -> tuple[MemoryNeed, tuple[Fallback, ...]]:
    on_gpu = bool(machine.gpu_memory) and wanted.n_gpu_layers != 0
    attention, fallbacks = choose_attention(header, wanted.kv_type, wanted.flash_attention, on_gpu=on_gpu)
    return estimate(header, n_ctx, attention), fallbacks


def _share_on_gpu(header: GgufHeader, wanted: LoadSettings, machine: Machine) -> float:
    """The part of a model's bytes that goes to GPUs with memory of their own.

    The output matrix counts as one more layer.
    """
    if not any(machine.gpu_memory):
        return 0.0
    n_layers = header.n_layers + 1
    return 1.0 if wanted.n_gpu_layers == ALL_LAYERS else min(1.0, wanted.n_gpu_layers / n_layers)


def fit_of_entry(entry: ModelEntry, n_ctx: int, machine: Machine, *, present: int = 0) -> Fit | None:
    """Whether a model of the catalogue will run, with `present` bytes downloaded already.

    None when the catalogue does not know its shape.
    """
    shape = memory_shape(entry)
    if shape is None:
        return None
    disk = max(0, entry.disk_bytes - present)
    speed = machine.observed.tokens_per_s(_work_of_entry(entry, shape.weight_bytes))
    n_ctx = min(n_ctx, entry.context_length)
    memory = estimate_for(shape, n_ctx).total
    return _fit(memory, machine.room(on_gpu=memory), disk, machine, n_ctx=n_ctx, speed=speed)


def _fit(memory: int, room: int, disk: int, machine: Machine, *, n_ctx: int, speed: float | None) -> Fit:
    by_memory = verdict(memory, room)
    by_disk = verdict(disk, machine.disk_free) if disk else "fits"
    worst = max(by_memory, by_disk, key=lambda one: _WORSE[one])
    limit: Limit = "" if worst == "fits" else "memory" if worst == by_memory else "disk"
    return Fit(worst, limit, memory, room, disk, machine.disk_free, n_ctx, speed)


def _work_of_entry(entry: ModelEntry, weights: int) -> TokenWork:
    """What a token will cost: the bytes by type, as llama.cpp's mixtures distribute them."""
    dimensions = entry.shape
    assert dimensions is not None  # the caller has looked
    if not dimensions.tied:
        weights -= round(dimensions.vocabulary * dimensions.width * _EMBEDDING_BITS / 8)
    inner, outer, output_bits = _types(entry)
    output = round(dimensions.output * output_bits / 8)
    by_type = {inner: weights} if inner == outer else {inner: weights - output, outer: output}
    return TokenWork(by_type, dimensions.layers, dimensions.vocabulary)


def _types(entry: ModelEntry) -> tuple[str, str, float]:
    """The type of the layers and of the output matrix, and the bits of the latter, of the GGUF after installation."""
    if entry.is_gptq:
        return ("Q5_0" if entry.bits == 4 else "Q8_0"), "Q8_0", 8.5
    stated = _TYPE_IN_NAME.search(entry.files[0].name) if entry.kind in ("gguf", "bundled") else None
    name = stated[1].upper() if stated else "Q4_K"
    return (name, "Q6_K", 6.5625) if name == "Q4_K" else (name, name, 0.0)
