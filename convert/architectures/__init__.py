"""Architectures, each a small table of which checkpoint tensor becomes which GGUF tensor.

`registry.architecture_of(config)` chooses one; `base` explains the tables.
"""

from __future__ import annotations

from convert.architectures.base import Architecture, Dimensions, NamedTensor
from convert.architectures.registry import ARCHITECTURES, architecture_of

__all__ = ["ARCHITECTURES", "Architecture", "Dimensions", "NamedTensor", "architecture_of"]
