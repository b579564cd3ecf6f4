"""Checkpoints in 8-bit floats (FP8) and in compressed-tensors' formats, seen as ordinary ones.

`view_compressed` makes one `X.weight` of every quantized layer: `float8` reads 8-bit floats with their scales,
`integer_rows` integer codes, which are moved into GGUF blocks like GPTQ's.
"""

from convert.compressed.checkpoint_view import is_companion, is_compressed, stored_layers, view_compressed

__all__ = ["is_companion", "is_compressed", "stored_layers", "view_compressed"]
