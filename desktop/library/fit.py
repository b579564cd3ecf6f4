"""Will it run here? Memory, disk and speed of a model on this machine, before it is downloaded or loaded."""

from __future__ import annotations

import re
import shutil
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

from belle import paths
from belle.durable import nearest_existing
from belle.engine.llama.memory import MemoryShape, Verdict, available_memory, estimate_for, shape_of, verdict
from belle.engine.llama.speed import Observed, TokenWork, load_observed, work_of
from belle.gguf.reader import GgufHeader
from belle.models.catalog import ModelEntry
from convert.install.library import memory_shape

Limit = Literal["", "memory", "disk"]

_EMBEDDING_BITS = 4.5  # of Q4_K, which a 4-bit mixture gives to an embedding that is not the output matrix
_TYPE_IN_NAME = re.compile(r"[._-]((?:I?Q|TQ)\d_[\dK]|F16|BF16|F32)", re.IGNORECASE)
_ENGINE = "belle.engine.worker"
_WORSE: dict[Verdict, int] = {"fits": 0, "tight": 1, "too_big": 2}


@dataclass(frozen=True, slots=True)
class Machine:
    """What is free on this machine, in bytes, and how fast it is known to be."""

    memory_free: int
    disk_free: int
    observed: Observed = field(default_factory=Observed)

    @classmethod
    def now(cls, *, beside_loaded: bool = False) -> Machine:
        """The machine as it is now, without the model that is loaded: another one would take its place.

        With `beside_loaded` that model stays where it is.
        """
        disk = shutil.disk_usage(nearest_existing(paths.models_dir())).free
        freed = 0 if beside_loaded else held_by_engines()
        return cls(available_memory() + freed, disk, load_observed())


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
        disk: for the download and what is made of it; 0 for a file that is here.
        tokens_per_s: seen, or predicted; None while nothing is known of this machine.
    """

    verdict: Verdict
    limit: Limit
    memory: int
    memory_free: int
    disk: int
    disk_free: int
    n_ctx: int
    tokens_per_s: float | None


def fit_of_file(header: GgufHeader, n_ctx: int, machine: Machine) -> Fit:
    """Whether a file that is here will run with a context of `n_ctx` tokens, or of all that it was trained for."""
    n_ctx = min(n_ctx, header.n_ctx_train or n_ctx)
    speed = machine.observed.tokens_per_s(work_of(header), header.path.name)
    return _fit(shape_of(header), n_ctx, 0, machine, speed)


def fit_of_entry(entry: ModelEntry, n_ctx: int, machine: Machine, *, present: int = 0) -> Fit | None:
    """Whether a model of the catalogue will run, with `present` bytes downloaded already.

    None when the catalogue does not know its shape.
    """
    shape = memory_shape(entry)
    if shape is None:
        return None
    disk = max(0, entry.disk_bytes - present)
    speed = machine.observed.tokens_per_s(_work_of_entry(entry, shape.weight_bytes))
    return _fit(shape, min(n_ctx, entry.context_length), disk, machine, speed)


def fit_of_pair(left: GgufHeader, right: GgufHeader, n_ctx: int, machine: Machine) -> Fit:
    """Whether two files will run at once, each with a context of `n_ctx` tokens, or of all that it was trained for.

    The weights of one file are in memory once. `tokens_per_s` is not predicted: they share the processor.
    """
    needs = [estimate_for(shape_of(header), min(n_ctx, header.n_ctx_train or n_ctx)) for header in (left, right)]
    memory = sum(need.total for need in needs) - (needs[1].weights if left.path == right.path else 0)
    result = verdict(memory, machine.memory_free)
    limit: Limit = "" if result == "fits" else "memory"
    return Fit(result, limit, memory, machine.memory_free, 0, machine.disk_free, n_ctx, None)


def _fit(shape: MemoryShape, n_ctx: int, disk: int, machine: Machine, speed: float | None) -> Fit:
    memory = estimate_for(shape, n_ctx).total
    by_memory = verdict(memory, machine.memory_free)
    by_disk = verdict(disk, machine.disk_free) if disk else "fits"
    worst = max(by_memory, by_disk, key=lambda one: _WORSE[one])
    limit: Limit = "" if worst == "fits" else "memory" if worst == by_memory else "disk"
    return Fit(worst, limit, memory, machine.memory_free, disk, machine.disk_free, n_ctx, speed)


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
