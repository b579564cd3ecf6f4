"""Reads checkpoints lazily and without PyTorch: safetensors, PyTorch's own files, and BELLE's encrypted ones.

Every byte that is read here comes from strangers. The readers check each number against the file before they rely on
it, never run what a file asks for, and raise a KnownError that names file and tensor for everything unsound.
"""

from convert.checkpoint.checkpoint import Checkpoint, open_checkpoint
from convert.checkpoint.tensor import CheckpointTensor

__all__ = ["Checkpoint", "CheckpointTensor", "open_checkpoint"]
