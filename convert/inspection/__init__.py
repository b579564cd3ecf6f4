"""What is in this file? Describes GGUF files, checkpoints of every kind that is read, and LoRA adapters.

Only heads, configurations, tokenizers and the group indices of GPTQ are looked at, never the weights, so that it takes
a second at most.
"""

from __future__ import annotations

from convert.inspection.describe import describe
from convert.inspection.description import Description

__all__ = ["Description", "describe"]
