"""Exchanges weights of a loaded model, to see what it computes with another tensor in place of one.

Writing a file for each experiment would copy gigabytes for a change of megabytes. llama.cpp's C interface does not give
access to its weights, but its graphs point to them: one evaluation shows every tensor, which is checked against the
file's header and can then be made to point to other data, of another type. Graphs are planned anew for each
evaluation, so the next one uses that data.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from belle.engine.llama.evaluator import ContextOptions, Evaluator
from belle.engine.llama.model import Model
from belle.errors import KnownError
from belle.gguf.constants import TENSOR_TYPES
from belle.gguf.reader import GgufHeader, StoredTensor


class Tensor(ctypes.Structure):
    """`struct ggml_tensor` of ggml 0.25 (llama-cpp-python 0.3.36). Its values have to be checked before they are used.

    It is no part of llama.cpp's stable interface: another version may have another layout.
    """


Tensor._fields_ = [
    ("type", ctypes.c_int),
    ("buffer", ctypes.c_void_p),
    ("ne", ctypes.c_int64 * 4),  # elements by dimension, the contiguous one first: [columns, rows, matrices, 1]
    ("nb", ctypes.c_size_t * 4),  # bytes from one element of a dimension to the next
    ("op", ctypes.c_int),
    ("op_params", ctypes.c_int32 * 16),
    ("flags", ctypes.c_int32),
    ("src", ctypes.POINTER(Tensor) * 10),
    ("view_src", ctypes.c_void_p),
    ("view_offs", ctypes.c_size_t),
    ("data", ctypes.c_void_p),
    ("name", ctypes.c_char * 64),
    ("extra", ctypes.c_void_p),
    ("padding", ctypes.c_char * 8),
]

Blocks = NDArray[np.uint8]
"""A tensor's bytes as a GGUF stores them."""

_TOKENS, _N_CTX = 2, 32
_MAX_SOURCES = 10  # GGML_MAX_SRC


@dataclass(frozen=True, slots=True)
class _LoadedTensor:
    """A tensor of the model, and what it pointed to when it was loaded."""

    tensor: Tensor
    type: int
    buffer: int | None
    nb: tuple[int, ...]
    data: int | None
    extra: int | None

    @classmethod
    def of(cls, tensor: Tensor) -> _LoadedTensor:
        return cls(tensor, tensor.type, tensor.buffer, tuple(tensor.nb), tensor.data, tensor.extra)

    def restore(self) -> None:
        tensor = self.tensor
        tensor.type, tensor.buffer, tensor.data, tensor.extra = self.type, self.buffer, self.data, self.extra
        tensor.nb[:] = self.nb


class LiveTensors:
    """The matrices and vectors of `model`, by their names in the GGUF.

    An embedding that also serves as output matrix occurs twice, and both are exchanged.

    Args:
        model: loaded from `header.path`, on the processor.
        header: of its file.

    Raises KnownError: "out_of_memory", "unknown_llama_build" when what is found does not fit the header.
    """

    def __init__(self, model: Model, header: GgufHeader) -> None:
        self._stored = {tensor.name: tensor for tensor in header.tensors}
        self._loaded: dict[str, list[_LoadedTensor]] = {}
        self._exchanged: dict[str, Blocks] = {}
        for tensor in _weights_in_graph(model):
            stored = self._stored.get(tensor.name.decode("utf-8", "replace"))
            if stored is not None and _fits(tensor, stored):
                self._loaded.setdefault(stored.name, []).append(_LoadedTensor.of(tensor))
        # llama.cpp rearranges the weights of some types and keeps them in special buffers, whose kernels would read
        # other data wrongly. Vectors are never rearranged, so a vector's buffer is the ordinary one.
        plain = [loaded[0] for name, loaded in self._loaded.items() if len(_shape(self._stored[name])) == 1]
        if not plain or not any(len(_shape(self._stored[name])) > 1 for name in self._loaded):
            raise KnownError(
                "unknown_llama_build",
                "This build of llama.cpp lays out its tensors in a way that is not known here.",
                "Install the version of llama-cpp-python named in constraints.txt.",
            )
        self._plain_buffer = plain[0].buffer

    def __contains__(self, name: str) -> bool:
        return name in self._loaded

    def __iter__(self) -> Iterator[str]:
        return iter(self._loaded)

    def exchange(self, name: str, kind: int, blocks: Blocks) -> None:
        """Replace the contents of tensor `name` by `blocks`, contiguous, of ggml's type `kind`, until `undo`.

        Raises KeyError for a tensor that the model does not use, ValueError when the bytes are not of its shape.
        """
        block_size, block_bytes = TENSOR_TYPES[kind].block_size, TENSOR_TYPES[kind].block_bytes
        for loaded in self._loaded[name]:
            tensor = loaded.tensor
            row_bytes = tensor.ne[0] // block_size * block_bytes
            expected = row_bytes * tensor.ne[1] * tensor.ne[2] * tensor.ne[3]
            if tensor.ne[0] % block_size or blocks.nbytes != expected or not blocks.flags.c_contiguous:
                raise ValueError(f"{name}: {blocks.nbytes} bytes where {expected} of type {kind} are needed")
            tensor.type, tensor.buffer, tensor.extra = kind, self._plain_buffer, None
            tensor.data = blocks.ctypes.data
            strides = [block_bytes, row_bytes, row_bytes * tensor.ne[1], row_bytes * tensor.ne[1] * tensor.ne[2]]
            tensor.nb[:] = strides
        self._exchanged[name] = blocks  # llama.cpp has only its address

    def undo(self) -> None:
        """Restore every tensor that was exchanged."""
        for name in self._exchanged:
            for loaded in self._loaded[name]:
                loaded.restore()
        self._exchanged.clear()


def _shape(stored: StoredTensor) -> tuple[int, ...]:
    """The shape without leading ones, which ggml does not count as dimensions."""
    shape = stored.shape
    while len(shape) > 1 and shape[0] == 1:
        shape = shape[1:]
    return shape


def _fits(tensor: Tensor, stored: StoredTensor) -> bool:
    shape = tuple(reversed(stored.shape))  # ggml's order: [columns, rows, …]
    return tensor.type == stored.type and tuple(tensor.ne) == (*shape, 1, 1, 1, 1)[:4]


def _weights_in_graph(model: Model) -> list[Tensor]:
    """Every tensor of the model that its graph reads."""
    seen: dict[int, Tensor] = {}

    def look(node: int, ask: bool) -> bool:
        if ask:
            sources = ctypes.cast(node, ctypes.POINTER(Tensor)).contents.src
            for i in range(_MAX_SOURCES):
                if sources[i]:
                    seen.setdefault(ctypes.addressof(sources[i].contents), sources[i].contents)
        return not ask

    with Evaluator(model) as evaluator:
        evaluator.open(ContextOptions(n_ctx=_N_CTX, n_batch=_N_CTX, flash_attention="auto", on_node=look))
        evaluator.decode(range(_TOKENS), 0, outputs=_TOKENS)
        # Nodes are freed with the context; the weights belong to the model and stay.
        return [tensor for tensor in seen.values() if bytes(tensor.name).endswith((b".weight", b".bias"))]
