"""Describes files for `belle inspect`: GGUF and Whisper files, checkpoints of every format that is read, and
LoRA adapters.

Only headers, configurations, tokenizers and GPTQ's group indices are read, never the weights, so it takes a second at
most.
"""

from __future__ import annotations

from convert.inspection.describe import describe
from convert.inspection.description import Description

__all__ = ["Description", "describe"]
