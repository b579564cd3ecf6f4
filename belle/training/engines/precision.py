"""The precision and the attention kernel of a run: what the device can do decides, and the reason is said in words.

Trained weights are kept in fp32 whatever the precision: at a learning rate of 1e-5 a step changes a weight by less than
bf16 can represent, and such changes would be rounded away. Only what is frozen is kept in 16 bits.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from belle.errors import KnownError

if TYPE_CHECKING:
    import torch

    from belle.training.recipe.schema import AttentionName, PrecisionName


@dataclass(frozen=True)
class Precision:
    """The precision of a run.

    Args:
        name: `bf16`, `fp16` or `fp32`: the type of matrix products.
        reason: why, as a sentence for the log.
    """

    name: str
    reason: str

    @property
    def compute_dtype(self) -> torch.dtype:
        """The type of matrix products and of frozen weights."""
        import torch

        return {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}[self.name]

    def autocast(self, device: torch.device) -> AbstractContextManager[Any]:
        """Around a forward pass on `device`."""
        import torch

        if self.name == "fp32":
            return nullcontext()
        result: AbstractContextManager[Any] = torch.autocast(device.type, self.compute_dtype)
        return result

    @property
    def scales_loss(self) -> bool:
        """fp16 has 5 bits of exponent: gradients below 3e-8 would be 0 without a factor."""
        return self.name == "fp16"


def choose_precision(name: PrecisionName, device: torch.device) -> Precision:
    """The precision for a device. Raises KnownError("precision_unsupported") when it lacks what was asked for."""
    import torch

    if name != "auto":
        if name == "bf16" and device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
            raise KnownError(
                "precision_unsupported",
                f"{torch.cuda.get_device_name(device)} cannot compute in bf16.",
                "Set precision: fp16, or leave it at auto.",
                device=str(device),
            )
        return Precision(name, f"{name}, as the recipe says")
    if device.type != "cuda":
        return Precision("fp32", f"fp32, because 16 bits gain nothing on a {device.type}")
    gpu = torch.cuda.get_device_name(device)
    if torch.cuda.is_bf16_supported(including_emulation=False):
        return Precision("bf16", f"bf16, because {gpu} has it")
    return Precision("fp16", f"fp16 with loss scaling, because {gpu} has no bf16")


def choose_attention(name: AttentionName, device: torch.device, precision: Precision) -> tuple[str, str]:
    """The name of transformers' attention implementation, and the reason as a sentence.

    Raises KnownError("attention_unsupported").
    """
    if name in ("sdpa", "eager"):
        return name, f"{name}, as the recipe says"
    obstacle = ""
    if device.type != "cuda":
        obstacle = f"flash attention does not run on a {device.type}"
    elif precision.name == "fp32":
        obstacle = "flash attention does not compute in fp32"
    if obstacle and name != "auto":
        raise _unsupported(name, obstacle)
    if obstacle:
        return "sdpa", f"sdpa, because {obstacle}"
    wanted = ("flash_attention_3", "flash_attention_2") if name == "auto" else (name,)
    for implementation in wanted:
        if _available(implementation):
            return implementation, f"{implementation}, because it is installed" if name == "auto" else name
    if name == "auto":
        return "sdpa", "sdpa, because flash attention is not installed (package flash-attn)"
    raise _unsupported(name, "its package is not installed for this GPU")


def _available(implementation: str) -> bool:
    from transformers import utils

    check: Any = {
        "flash_attention_3": utils.is_flash_attn_3_available,
        "flash_attention_2": utils.is_flash_attn_2_available,
    }[implementation]
    return bool(check())


def _unsupported(name: str, obstacle: str) -> KnownError:
    return KnownError(
        "attention_unsupported",
        f"attention: {name} is not possible: {obstacle}.",
        "Set attention: sdpa, or leave it at auto.",
        attention=name,
    )
