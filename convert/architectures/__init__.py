"""Architectures: one small table each, that says which checkpoint tensor becomes which GGUF tensor.

`registry.architecture_of(config)` finds the right one; `base` explains how a table is read.
"""

from __future__ import annotations

from convert.architectures.base import Architecture, Dimensions, NamedTensor
from convert.architectures.registry import ARCHITECTURES, architecture_of

__all__ = ["ARCHITECTURES", "Architecture", "Dimensions", "NamedTensor", "architecture_of"]
