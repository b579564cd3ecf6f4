"""An estimate of the memory that a model needs, compared with what the machine has free.

A model that does not fit is not slow but useless: the machine swaps, and everything else on it stands still. So the
worker refuses to load it, and the catalogue says beforehand which models a laptop can hold.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from belle.engine.llama.attention import PLAIN, Attention
from belle.errors import KnownError
from belle.gguf.reader import GgufHeader
from belle.units import gibibytes

Verdict = Literal["fits", "tight", "too_big"]

N_UBATCH = 128
"""Most tokens that the worker evaluates at once on a CPU; the compute buffer grows with it."""

_PROCESS_BYTES = 50 << 20  # Python and llama.cpp, measured with a model of a few hundred tokens
_TOKEN_BYTES = 250  # of llama.cpp's tables, for each entry of the vocabulary
_COMFORTABLE_SHARE = 0.85
_SMALLEST_CONTEXT = 512
_CGROUP = Path("/sys/fs/cgroup")
_OWN_CGROUPS = Path("/proc/self/cgroup")
# Version 1 of control groups writes a number near 2⁶³ for no limit.
_NO_LIMIT = 1 << 60


@dataclass(frozen=True, slots=True)
class MemoryNeed:
    """What a loaded model takes, in bytes.

    Args:
        weights: the file; it is mapped, but every token reads every byte of it.
        kv: keys and values of the whole context.
        compute: buffers for intermediate results, and the process itself with its tables of the vocabulary.
    """

    weights: int
    kv: int
    compute: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.kv + self.compute


@dataclass(frozen=True, slots=True)
class MemoryShape:
    """The numbers of a model that decide how much memory it takes: of a file that is here, or of one to be fetched.

    Args:
        weight_bytes: of the file.
        kv_elements_per_token: values in the KV cache per token: Σ over layers of n_kv_heads × (key + value length).
        n_embd, n_ff, n_heads, n_vocab: as in `GgufHeader`.
    """

    weight_bytes: int
    kv_elements_per_token: int
    n_embd: int
    n_ff: int
    n_heads: int
    n_vocab: int


def shape_of(header: GgufHeader) -> MemoryShape:
    """The numbers of a file that is here."""
    return MemoryShape(
        header.size_bytes, header.kv_elements_per_token, header.n_embd, header.n_ff, header.n_heads, header.n_vocab
    )


def kv_bytes_per_token(header: GgufHeader, attention: Attention = PLAIN) -> int:
    """Bytes of KV cache per token of context: Σ over layers of n_kv_heads × (key + value length) × bytes of a value."""
    return round(header.kv_elements_per_token * attention.element_bytes)


def estimate(header: GgufHeader, n_ctx: int, attention: Attention = PLAIN) -> MemoryNeed:
    """The memory that the model of `header` takes with a context of `n_ctx` tokens."""
    return estimate_for(shape_of(header), n_ctx, attention)


def estimate_for(shape: MemoryShape, n_ctx: int, attention: Attention = PLAIN) -> MemoryNeed:
    """The memory that a model takes with a context of `n_ctx` tokens.

    The compute buffer holds, for `N_UBATCH` tokens in f32, the activations of one layer (about 6 × n_embd, 3 × n_ff),
    the attention scores against the whole context (n_heads × n_ctx) with their mask, and the logits of the one token
    that is sampled from. Flash attention has no scores, and its mask is one of f16.
    """
    activations = 6 * shape.n_embd + 3 * (shape.n_ff or 4 * shape.n_embd)  # values per token
    # Values per token, the mask included.
    scores = n_ctx / 2 if attention.flash == "on" else (shape.n_heads + 1) * n_ctx
    compute = round(4 * (N_UBATCH * (activations + scores) + 2 * shape.n_vocab))
    process = _PROCESS_BYTES + _TOKEN_BYTES * shape.n_vocab
    kv = round(n_ctx * shape.kv_elements_per_token * attention.element_bytes)
    return MemoryNeed(shape.weight_bytes, kv, compute + process)


def available_memory() -> int:
    """Bytes that a new process can use now without swapping, also inside a container with a limit."""
    import psutil

    available: int = psutil.virtual_memory().available
    if sys.platform == "linux":
        available = min([available, *_left_by_cgroups()])
    return max(0, available)


def verdict(needed: int, available: int) -> Verdict:
    """Whether `needed` bytes fit into `available` ones with room to spare, only just, or not at all."""
    if needed > available:
        return "too_big"
    return "fits" if needed <= available * _COMFORTABLE_SHARE else "tight"


def check_fits(
    header: GgufHeader, n_ctx: int, *, available: int | None = None, attention: Attention = PLAIN
) -> MemoryNeed:
    """The estimate for `n_ctx` tokens, if there is room for it.

    Raises KnownError("too_big_for_memory") with the bytes `needed`, `available`, `weights`, `kv`, and `fitting_n_ctx`:
    the largest context that would fit, 0 when none does.
    """
    available = available_memory() if available is None else available
    need = estimate(header, n_ctx, attention)
    if verdict(need.total, available) == "too_big":
        smaller = largest_context(header, available, attention)
        advice = f"A context of {smaller:,} tokens would fit. " if smaller else ""
        raise KnownError(
            "too_big_for_memory",
            f"{header.name} needs {gibibytes(need.total)} of memory with a context of {n_ctx:,} tokens, "
            f"and {gibibytes(available)} are free.",
            advice + "Close other programs, or choose a smaller model or a smaller quantization.",
            needed=need.total,
            available=available,
            weights=need.weights,
            kv=need.kv,
            n_ctx=n_ctx,
            fitting_n_ctx=smaller,
        )
    return need


def largest_context(header: GgufHeader, available: int | None = None, attention: Attention = PLAIN) -> int:
    """The largest context that fits, in tokens: a power of two from 512 on, or what the model was trained for.

    0 when not even the smallest fits.
    """
    available = available_memory() if available is None else available
    n_ctx, best = _SMALLEST_CONTEXT, 0
    limit = header.n_ctx_train or _SMALLEST_CONTEXT
    while estimate(header, min(n_ctx, limit), attention).total <= available:
        best = min(n_ctx, limit)
        if best == limit:
            break
        n_ctx *= 2
    return best


def _left_by_cgroups() -> list[int]:
    """What each limit of a control group (version 1 or 2) leaves to this process, in bytes."""
    left = []
    for folder, limit_name, usage_name, cache_key in cgroup_folders():
        try:
            limit = (folder / limit_name).read_text().strip()
            usage = int((folder / usage_name).read_text())
            statistics = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        except (OSError, ValueError):
            continue
        if limit.isdigit() and int(limit) < _NO_LIMIT:
            # Cached files count as used, but the kernel drops them before the limit is reached.
            left.append(int(limit) - usage + int(statistics.get(cache_key, "0")))
    return left


def cgroup_folders() -> list[tuple[Path, str, str, str]]:
    """The folders that limit this process, from its own up to the root, with the names of their files."""
    try:
        lines = _OWN_CGROUPS.read_text().splitlines()
    except OSError:
        return []
    folders = []
    for line in lines:
        _, controllers, name = line.split(":", 2)
        if controllers == "":
            root, names = _CGROUP, ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            root, names = _CGROUP / "memory", ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        own = root / name.lstrip("/")
        folders += [(folder, *names) for folder in (own, *own.parents) if folder.is_relative_to(root)]
    return folders
