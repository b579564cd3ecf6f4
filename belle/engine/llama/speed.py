"""Predicts how fast a model will answer on this machine: for models that are not here yet, too.

A token costs one pass over the weights. For each quantization type, llama.cpp multiplies a matrix of that type with a
vector at some number of bytes per second: the memory's bandwidth, or where that is slower what the cores compute.
`measure` times exactly that multiplication, by ggml and with the threads that a chat would use, over a matrix larger
than the caches. To the passes come the costs that do not depend on the size of the matrices: the threads wait for each
other after every node of the graph, and a sampler looks at every entry of the vocabulary.

What is left of the error is the same for all models of a machine, so the speeds that were seen in chats correct the
prediction (`Observed`).
"""

from __future__ import annotations

import ctypes
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from belle import paths
from belle.documents import read_json_object
from belle.durable import write_text
from belle.engine.llama.cores import usable_cores
from belle.errors import KnownError
from belle.gguf.constants import TENSOR_TYPES
from belle.gguf.reader import GgufHeader, read_header
from belle.texts import json_text

MEASURED_TYPES = ("Q4_K", "Q6_K", "Q8_0", "Q5_0", "Q4_1", "F16")
"""The types that most models consist of."""

_NODES_PER_LAYER = 22  # of llama's graph, views not counted
_NODE_S = 1e-5  # of norms, rotations, sums and attention over a few hundred tokens, without the waiting
_SAMPLING_S = 6e-9  # per entry of the vocabulary
_TOKEN_S = 150e-6  # Python, the pipe, and llama.cpp outside of the graph

_MATRIX_BYTES = 96 << 20  # more than the last cache of most processors
_COLUMNS = 2048
_PASSES = 4
_CHAIN = 400  # nodes of the graph that measures what a node costs
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class TokenWork:
    """What one token costs.

    Args:
        bytes_by_type: bytes of the weights that are read, by ggml's name of their type.
        n_layers, n_vocab: as in `GgufHeader`.
    """

    bytes_by_type: Mapping[str, int]
    n_layers: int
    n_vocab: int


@dataclass(frozen=True, slots=True)
class MachineSpeed:
    """What `measure` found.

    Args:
        seconds_per_byte: of a product of a matrix with a vector, by type of the matrix.
        node_seconds: what a node of a graph costs at least.
    """

    seconds_per_byte: Mapping[str, float]
    node_seconds: float

    def seconds_per_token(self, work: TokenWork) -> float:
        """The predicted time of one token near the beginning of a context, in seconds."""
        seconds = sum(n_bytes * self._rate(name) for name, n_bytes in work.bytes_by_type.items())
        nodes = work.n_layers * _NODES_PER_LAYER * (self.node_seconds + _NODE_S)
        return seconds + nodes + work.n_vocab * _SAMPLING_S + _TOKEN_S

    def _rate(self, name: str) -> float:
        """Seconds per byte of a type; of one that was not measured, those of the slowest that was."""
        return self.seconds_per_byte.get(name) or max(self.seconds_per_byte.values())


def work_of(header: GgufHeader) -> TokenWork:
    """What a token of this file costs. Of experts only those in use are read, of the embedding only one row."""
    total = _number(header, "expert_count")
    share = _number(header, "expert_used_count") / total if total else 1.0
    has_output = any(tensor.name == "output.weight" for tensor in header.tensors)
    read: dict[str, int] = {}
    for tensor in header.tensors:
        if tensor.type not in TENSOR_TYPES or (has_output and tensor.name == "token_embd.weight"):
            continue
        n_bytes = tensor.n_bytes * share if "_exps" in tensor.name else tensor.n_bytes
        name = TENSOR_TYPES[tensor.type].name
        read[name] = read.get(name, 0) + round(n_bytes)
    return TokenWork(read, header.n_layers, header.n_vocab)


def _number(header: GgufHeader, name: str) -> int:
    value = header.metadata.get(f"{header.architecture}.{name}")
    return value if isinstance(value, int) else 0


# What is known of this machine


@dataclass(slots=True)
class Observed:
    """What is known of this machine, in `paths.speed_file()`.

    Attributes:
        machine: what `measure` found; None before.
        models: tokens per second that were seen, by the name of the file.
        errors: of each of these models, what was seen divided by what had been predicted.
    """

    machine: MachineSpeed | None = None
    models: dict[str, float] = field(default_factory=dict)
    errors: dict[str, float] = field(default_factory=dict)

    def tokens_per_s(self, work: TokenWork, file_name: str = "") -> float | None:
        """What was seen of this file, else a prediction; None while nothing is known."""
        if file_name in self.models:
            return self.models[file_name]
        if self.machine is None:
            return None
        correction = median(self.errors.values()) if self.errors else 1.0
        return correction / self.machine.seconds_per_token(work)

    def saw(self, work: TokenWork, file_name: str, tokens_per_s: float) -> None:
        """Note the speed of an answer; of several answers the running mean."""
        before = self.models.get(file_name, tokens_per_s)
        self.models[file_name] = math.sqrt(before * tokens_per_s)
        if self.machine is not None:
            self.errors[file_name] = self.models[file_name] * self.machine.seconds_per_token(work)

    def save(self) -> None:
        """Write it. Raises KnownError when the disk is full or the folder cannot be written."""
        machine = self.machine and {
            "seconds_per_byte": dict(self.machine.seconds_per_byte),
            "node_seconds": self.machine.node_seconds,
        }
        paths.private_folder(paths.cache_dir())
        row = {"format": _FORMAT, "machine": machine, "models": self.models, "errors": self.errors}
        write_text(paths.speed_file(), json_text(row, indent=1) + "\n", several_writers=True)


def load_observed() -> Observed:
    """What is known; nothing when the file does not exist or cannot be used."""
    try:
        row = read_json_object(paths.speed_file())
        if row["format"] != _FORMAT:
            return Observed()
        machine = row["machine"]
        speed = MachineSpeed(_floats(machine["seconds_per_byte"]), float(machine["node_seconds"])) if machine else None
        return Observed(speed, _floats(row["models"]), _floats(row["errors"]))
    except (KnownError, KeyError, TypeError, ValueError, AttributeError):
        return Observed()


def note_seen(path: Path, tokens_per_s: float) -> None:
    """Note the speed of an answer by the model in `path`. It is no error when a file cannot be read or written."""
    with suppress(KnownError, OSError):
        observed = load_observed()
        observed.saw(work_of(read_header(path)), path.name, tokens_per_s)
        observed.save()


def _floats(values: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in values.items() if 0 < float(value) < math.inf}


# The measurement. It loads llama.cpp, so it belongs into a process of its own.


def measure(types: Sequence[str] = MEASURED_TYPES, threads: int | None = None) -> dict[str, Any]:
    """Time ggml on this machine, for a second or two: `seconds_per_byte` by type, `node_seconds`.

    To be called by `native_calls`, and turned into a `MachineSpeed` by `machine_speed`.

    Args:
        types: of the matrices to be timed.
        threads: a fixed number; None for the better one of all physical cores and half of them.
    """
    ggml = _Ggml()
    cores = usable_cores()[0]
    counts = [threads] if threads else sorted({max(1, cores // 2), cores})
    rates = {name: min(ggml.product_seconds(name, count) for count in counts) for name in types}
    # A chat uses one number of threads for everything: the one that reads fastest.
    fastest = min(counts, key=lambda count: ggml.product_seconds(types[0], count))
    return {"seconds_per_byte": rates, "node_seconds": ggml.node_seconds(fastest)}


def machine_speed(measured: Mapping[str, Any]) -> MachineSpeed:
    """The value of `measure`."""
    return MachineSpeed(_floats(measured["seconds_per_byte"]), float(measured["node_seconds"]))


class _Parameters(ctypes.Structure):
    """struct ggml_init_params"""

    _fields_ = (("mem_size", ctypes.c_size_t), ("mem_buffer", ctypes.c_void_p), ("no_alloc", ctypes.c_bool))


class _Ggml:
    """Graphs of single products, computed by ggml's own kernels."""

    def __init__(self) -> None:
        import llama_cpp.llama_cpp  # noqa: F401 - it finds the libraries, and loads the processor's kernels
        from llama_cpp._ggml import libggml

        self._lib = libggml
        pointer, number = ctypes.c_void_p, ctypes.c_int64
        for name, result, arguments in (
            ("ggml_init", pointer, [_Parameters]),
            ("ggml_free", None, [pointer]),
            ("ggml_new_tensor_2d", pointer, [pointer, ctypes.c_int, number, number]),
            ("ggml_mul_mat", pointer, [pointer, pointer, pointer]),
            ("ggml_get_data", pointer, [pointer]),
            ("ggml_nbytes", ctypes.c_size_t, [pointer]),
            ("ggml_new_graph", pointer, [pointer]),
            ("ggml_build_forward_expand", None, [pointer, pointer]),
            ("ggml_graph_compute_with_ctx", ctypes.c_int, [pointer, pointer, ctypes.c_int]),
        ):
            function = getattr(libggml, name)
            function.restype, function.argtypes = result, arguments

    def product_seconds(self, name: str, threads: int) -> float:
        """Seconds per byte of a matrix of this type, multiplied with a vector."""
        kind, stored = next((number, stored) for number, stored in TENSOR_TYPES.items() if stored.name == name)
        row_bytes = _COLUMNS // stored.block_size * stored.block_bytes
        rows = _MATRIX_BYTES // row_bytes
        with _Memory(self._lib, rows * row_bytes + (8 << 20)) as memory:
            matrix = self._filled(memory, kind, _COLUMNS, rows)
            vector = self._filled(memory, 0, _COLUMNS, 1)
            graph = self._graph(memory, [self._lib.ggml_mul_mat(memory, matrix, vector)])
            return self._seconds(memory, graph, threads, _PASSES) / (rows * row_bytes)

    def node_seconds(self, threads: int) -> float:
        """Seconds of a node that has next to nothing to compute."""
        with _Memory(self._lib, 16 << 20) as memory:
            matrix = self._filled(memory, 0, 32, 32)
            out = self._filled(memory, 0, 32, 1)
            for _ in range(_CHAIN):
                out = self._lib.ggml_mul_mat(memory, matrix, out)
            graph = self._graph(memory, [out])
            return self._seconds(memory, graph, threads, 2 * _PASSES) / _CHAIN

    def _filled(self, memory: int, kind: int, columns: int, rows: int) -> int:
        """A tensor of plain small numbers: denormal ones and infinities would be computed at another speed."""
        tensor: int = self._lib.ggml_new_tensor_2d(memory, kind, columns, rows)
        ctypes.memset(self._lib.ggml_get_data(tensor), 0x3C, self._lib.ggml_nbytes(tensor))
        return tensor

    def _graph(self, memory: int, results: Iterable[int]) -> int:
        graph: int = self._lib.ggml_new_graph(memory)
        for result in results:
            self._lib.ggml_build_forward_expand(graph, result)
        return graph

    def _seconds(self, memory: int, graph: int, threads: int, passes: int) -> float:
        """The least time of some passes, as it would be with a core for each thread.

        Processor time, because other programs may use the cores: waiting for one would count several times over.
        """
        best = math.inf
        for _ in range(passes):
            began = time.process_time()
            self._lib.ggml_graph_compute_with_ctx(memory, graph, threads)
            best = min(best, (time.process_time() - began) / threads)
        return best


class _Memory:
    """A ggml context, with room for tensors of so many bytes."""

    def __init__(self, lib: Any, n_bytes: int) -> None:
        self._lib, self._handle = lib, lib.ggml_init(_Parameters(n_bytes, None, False))
        if self._handle is None:
            raise MemoryError

    def __enter__(self) -> int:
        handle: int = self._handle
        return handle

    def __exit__(self, *_: object) -> None:
        self._lib.ggml_free(self._handle)
