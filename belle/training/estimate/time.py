"""How much arithmetic a run is, and how long that takes on which device.

FLOPs of a transformer per token: for each weight that is multiplied 2 in the forward pass and 4 in the backward pass
(Kaplan et al. 2020, § 2.1), and 12 · layers · hidden · length for attention, half of it because kernels skip what a
causal mask hides (Chowdhery et al. 2022, PaLM, appendix B). A frozen weight needs no gradient of its own: 4 instead of
6. Gradient checkpointing computes the forward pass twice: 8 instead of 6.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

from belle.training.estimate.shape import ModelShape

UTILISATION = 0.4
"""The share of a device's peak that training reaches: 0.46 for PaLM (Chowdhery et al. 2022), 0.35 to 0.45 is usual."""

PEAK_TFLOPS = {
    "H200": 989, "H100": 989, "H800": 989, "A100": 312, "A800": 312, "L40S": 362, "L40": 181, "A6000": 155,
    "RTX 4090": 165, "RTX 3090": 71, "A10": 125, "V100": 125, "T4": 65,
}  # fmt: skip
"""Peak of dense 16-bit matrix products with fp32 sums, in 10¹² FLOP/s, from the makers' data sheets."""


@dataclass(frozen=True)
class Device:
    """A GPU or processor.

    Args:
        name: for people.
        flops: FLOP/s that training reaches on one of them.
        source: where the number comes from, in words.
    """

    name: str
    flops: float
    source: str


def flops_per_token(shape: ModelShape, length: float, *, checkpointing: bool) -> float:
    """FLOPs of one training step for each token in it.

    Args:
        length: mean tokens of a sequence.
    """
    share = shape.trained / max(shape.total, 1)
    passes = 4.0 + 2.0 * min(share, 1.0) + (2.0 if checkpointing else 0.0)
    attention = 12.0 * shape.layers * shape.hidden * length / 2 * passes / 6
    return passes * shape.multiplied + attention


def named_device(name: str) -> Device | None:
    """The GPU of the table that `name` contains, such as `NVIDIA H100 80GB HBM3`; None without one."""
    known = next((gpu for gpu in PEAK_TFLOPS if gpu.replace("RTX ", "") in name.split() or gpu in name), None)
    if known is None:
        return None
    source = f"{PEAK_TFLOPS[known]} TFLOP/s by its data sheet × {UTILISATION:g}"
    return Device(known, PEAK_TFLOPS[known] * 1e12 * UTILISATION, source)


def this_device() -> Device:
    """The first GPU of this machine, or its processor; measured where it is not in the table (half a second)."""
    import torch

    if torch.cuda.is_available():
        name = torch.cuda.get_device_name(0)
        known = named_device(name)
        if known is not None:
            return known
        measured = _measure("cuda", torch.bfloat16, 4096)
        return Device(name, measured * UTILISATION, f"{measured / 1e12:.3g} TFLOP/s measured × {UTILISATION:g}")
    measured = _measure("cpu", torch.float32, 1024)
    return Device("this processor", measured * UTILISATION, f"{measured / 1e9:.3g} GFLOP/s measured × {UTILISATION:g}")


def _measure(device: str, dtype: object, size: int) -> float:
    """FLOP/s of a square matrix product: the best of six."""
    import torch

    left = torch.ones(size, size, device=device, dtype=dtype)
    best = float("inf")
    for _ in range(6):
        started = perf_counter()
        product = left @ left
        if device == "cuda":
            torch.cuda.synchronize()
        best = min(best, perf_counter() - started)
        del product
    return 2.0 * size**3 / best
