"""The weights of a loaded model, exchanged while it stays loaded: what would it say if this one tensor were another?

Writing a file per question would copy gigabytes for a change of megabytes. llama.cpp's C interface does not hand out
its weights, but its graphs point to them: from one evaluation every tensor is found, checked against the file's
header, and can then be made to point to other data, of another type. Graphs are planned anew for every evaluation, so
the next one reads what it finds there.
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

# ggml's struct of a tensor, as ctypes sees it: the door to what llama.cpp's C interface does not show.


class Tensor(ctypes.Structure):
    """`struct ggml_tensor` of ggml 0.25 (llama-cpp-python 0.3.36). Whoever meets one checks it before believing it."""


Tensor._fields_ = [
    ("type", ctypes.c_int),
    ("buffer", ctypes.c_void_p),
    ("ne", ctypes.c_int64 * 4),
    ("nb", ctypes.c_size_t * 4),
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

_MOST_SOURCES = 10


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a tensor of the model points, as it was loaded."""

    tensor: Tensor
    type: int
    buffer: int | None
    nb: tuple[int, ...]
    data: int | None
    extra: int | None

    @classmethod
    def of(cls, tensor: Tensor) -> _Place:
        return cls(tensor, tensor.type, tensor.buffer, tuple(tensor.nb), tensor.data, tensor.extra)

    def restore(self) -> None:
        tensor = self.tensor
        tensor.type, tensor.buffer, tensor.data, tensor.extra = self.type, self.buffer, self.data, self.extra
        tensor.nb[:] = self.nb


class LiveTensors:
    """The matrices and vectors of `model`, by their names in the GGUF.

    An embedding that serves as output matrix too is there twice, and exchanged in both places.

    Args:
        model: loaded from `header.path`, on the processor.
        header: of its file.

    Raises KnownError: "out_of_memory", "unknown_llama_build" when what is found does not fit the header.
    """

    def __init__(self, model: Model, header: GgufHeader) -> None:
        self._stored = {tensor.name: tensor for tensor in header.tensors}
        self._places: dict[str, list[_Place]] = {}
        self._exchanged: dict[str, Blocks] = {}
        for tensor in _weights_in_graph(model):
            stored = self._stored.get(tensor.name.decode("utf-8", "replace"))
            if stored is not None and _fits(tensor, stored):
                self._places.setdefault(stored.name, []).append(_Place.of(tensor))
        # Weights that the processor's kernels want in another order lie in buffers of their own; vectors never do.
        plain = [places[0] for name, places in self._places.items() if len(_shape(self._stored[name])) == 1]
        if not plain or not any(len(_shape(self._stored[name])) > 1 for name in self._places):
            raise KnownError(
                "unknown_llama_build",
                "This build of llama.cpp lays out its tensors in a way that is not known here.",
                "Install the version of llama-cpp-python named in constraints.txt.",
            )
        self._plain_buffer = plain[0].buffer

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def exchange(self, name: str, kind: int, blocks: Blocks) -> None:
        """Let the tensor `name` have the contents `blocks`, contiguous, of ggml's type `kind`, until `undo`.

        Raises KeyError for a tensor that the model does not use, ValueError when the bytes are not of its shape.
        """
        block_size, block_bytes = TENSOR_TYPES[kind].block_size, TENSOR_TYPES[kind].block_bytes
        for place in self._places[name]:
            tensor = place.tensor
            row_bytes = tensor.ne[0] // block_size * block_bytes
            expected = row_bytes * tensor.ne[1] * tensor.ne[2] * tensor.ne[3]
            if tensor.ne[0] % block_size or blocks.nbytes != expected or not blocks.flags.c_contiguous:
                raise ValueError(f"{name}: {blocks.nbytes} bytes where {expected} of type {kind} are needed")
            tensor.type, tensor.buffer, tensor.extra = kind, self._plain_buffer, None
            tensor.data = blocks.ctypes.data
            strides = [block_bytes, row_bytes, row_bytes * tensor.ne[1], row_bytes * tensor.ne[1] * tensor.ne[2]]
            tensor.nb[:] = strides
        self._exchanged[name] = blocks

    def undo(self) -> None:
        """Let every tensor be what was loaded."""
        for name in self._exchanged:
            for place in self._places[name]:
                place.restore()
        self._exchanged.clear()


def _shape(stored: StoredTensor) -> tuple[int, ...]:
    """Without leading ones, which ggml does not count."""
    shape = stored.shape
    while len(shape) > 1 and shape[0] == 1:
        shape = shape[1:]
    return shape


def _fits(tensor: Tensor, stored: StoredTensor) -> bool:
    shape = tuple(reversed(stored.shape))
    return tensor.type == stored.type and tuple(tensor.ne) == (*shape, 1, 1, 1, 1)[:4]


def _weights_in_graph(model: Model) -> list[Tensor]:
    """Every tensor of the model that its graph reads."""
    seen: dict[int, Tensor] = {}

    def look(node: int, ask: bool) -> bool:
        if ask:
            sources = ctypes.cast(node, ctypes.POINTER(Tensor)).contents.src
            for i in range(_MOST_SOURCES):
                if sources[i]:
                    seen.setdefault(ctypes.addressof(sources[i].contents), sources[i].contents)
        return not ask

    with Evaluator(model) as evaluator:
        evaluator.open(ContextOptions(n_ctx=_N_CTX, n_batch=_N_CTX, flash_attention="auto", on_node=look))
        evaluator.decode(range(_TOKENS), 0, outputs=_TOKENS)
        # Nodes are gone with the context; what belongs to the model stays.
        return [tensor for tensor in seen.values() if bytes(tensor.name).endswith((b".weight", b".bias"))]
