"""The vision encoder of a loaded model: from pixels to embeddings, and into the KV cache. The calls of libmtmd."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import llama_cpp.llama_cpp as llama
import numpy as np
from numpy.typing import NDArray

from belle.engine.llama.context import BatchPlace
from belle.engine.llama.model import Model
from belle.engine.llama.native_log import NativeLog
from belle.engine.process.faults import loading_note
from belle.engine.process.stop_flag import NativeStopFlag
from belle.errors import KnownError
from belle.interrupts import native_callback

_NODES_BETWEEN = 16  # of the encoder's graph, about half a layer, are computed before the stop flag is looked at
_MANY = 1 << 10  # pixels: no encoder makes more tokens of a picture without tiles
_SHAPES = ((_MANY, _MANY), (_MANY, _MANY // 4), (_MANY // 4, _MANY))


@dataclass(frozen=True, slots=True)
class VisionChunk:
    """A part of a picture's prompt: tokens of the vocabulary, or `n_tokens` embeddings of a tile of the picture.

    Args:
        tokens: of the vocabulary; none for a tile.
        n_tokens, n_positions: see `PictureRun`.
        handle: of libmtmd, valid as long as its list.
    """

    tokens: tuple[int, ...]
    n_tokens: int
    n_positions: int
    handle: Any

    @property
    def is_tile(self) -> bool:
        """Whether it is of embeddings."""
        return not self.tokens


class VisionEncoder:
    """A vision encoder in memory. To be closed before the model. Belongs to one thread.

    Args:
        path: of the mmproj, as `choose_mmproj` gives it.
        model: whose embeddings it makes.
        threads: to compute with.
        on_gpu: whether the model's layers were offloaded.
        stop: interrupts `encode`.
        log: of llama.cpp.

    Attributes:
        whole_tokens: of how many tokens a picture may be that has to be evaluated in one piece, because each of its
            tokens sees all others; 0 where they are evaluated one after the other as text is.

    Raises KnownError: `no_mtmd` where llama.cpp was built without libmtmd, `wrong_mmproj`.
    """

    def __init__(
        self, path: Path, model: Model, *, threads: int, on_gpu: bool, stop: NativeStopFlag, log: NativeLog
    ) -> None:
        self._mtmd = _library()
        self._stop = stop
        self._log = log
        self._mtmd.mtmd_log_set(log.callback, None)
        self._nodes = 0
        self._callback = llama.ggml_backend_sched_eval_callback(native_callback(self._is_wanted))
        params = self._mtmd.mtmd_context_params_default()
        params.use_gpu = on_gpu
        params.print_timings = False
        params.n_threads = threads
        params.cb_eval = self._callback
        log.errors()
        log.note(loading_note(path))
        self._handle = self._mtmd.mtmd_init_from_file(os.fsencode(path), model.handle, params)
        if self._handle is None:
            reason = log.reason()
            message = f"{path.name} cannot be used with {model.path.name}."
            if "mismatch between text model" in reason:
                message = f"{path.name} belongs to another model than {model.path.name}."
            raise KnownError("wrong_mmproj", message, "Use the mmproj that belongs to this model.", log=reason)
        self._n_embd: int = llama.llama_model_n_embd_inp(model.handle)
        self.whole_tokens = 0
        if self._mtmd.mtmd_decode_use_non_causal(self._handle, None):
            self.whole_tokens = max(self._largest_tile(*shape) for shape in _SHAPES)

    @contextmanager
    def chunks(
        self, width: int, height: int, pixels: NDArray[np.uint8] | None = None
    ) -> Iterator[Sequence[VisionChunk]]:
        """What a picture of this size is in a prompt, with the tokens that the model expects around it.

        Args:
            pixels: RGB `[height, width, 3]`; None where the chunks are only to be counted, not to be encoded.

        Raises KnownError("bad_picture").
        """
        mtmd = self._mtmd
        data = None if pixels is None else pixels.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))
        bitmap, chunks = mtmd.mtmd_bitmap_init(width, height, data), mtmd.mtmd_input_chunks_init()
        try:
            marker = mtmd.mtmd_default_marker()
            text = mtmd.mtmd_input_text(marker, len(marker), False, True)
            bitmaps = (mtmd.mtmd_bitmap_p_ctypes * 1)(bitmap)
            if mtmd.mtmd_tokenize(self._handle, chunks, ctypes.byref(text), bitmaps, 1):
                message = f"The model's vision encoder cannot take a picture of {width:,} × {height:,} pixels."
                raise KnownError("bad_picture", message, "Use a picture of another size.", log=self._log.reason())
            count = mtmd.mtmd_input_chunks_size(chunks)
            yield [self._chunk(mtmd.mtmd_input_chunks_get(chunks, index)) for index in range(count)]
        finally:
            mtmd.mtmd_input_chunks_free(chunks)
            mtmd.mtmd_bitmap_free(bitmap)

    def encode(self, tile: VisionChunk) -> NDArray[np.float32] | None:
        """The embeddings of a tile, `[n_tokens, n_embd]`; None where the stop flag was set meanwhile.

        Raises KnownError("backend_error").
        """
        status = self._mtmd.mtmd_encode_chunk(self._handle, tile.handle)
        if self._stop:
            return None  # what was computed so far is of no use
        if status:
            message = "llama.cpp could not encode the picture."
            raise KnownError("backend_error", message, "Try again, or load the model anew.", log=self._log.reason())
        output = self._mtmd.mtmd_get_output_embd(self._handle)
        return np.ctypeslib.as_array(output, (tile.n_tokens, self._n_embd)).copy()

    def evaluate(
        self, tile: VisionChunk, embeddings: NDArray[np.float32], context: llama.llama_context_p, place: BatchPlace
    ) -> int:
        """Bring the embeddings of a tile into the KV cache; returns what `llama_decode` returns."""
        after = llama.llama_pos()
        pointer = embeddings.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        status: int = self._mtmd.mtmd_helper_decode_image_chunk(
            self._handle,
            context,
            tile.handle,
            pointer,
            place.position,
            place.sequence,
            place.n_batch,
            ctypes.byref(after),
            self._mtmd.mtmd_helper_post_decode_callback(),
            None,
        )
        return status

    def close(self) -> None:
        """Free the memory."""
        if self._handle is not None:
            self._mtmd.mtmd_free(self._handle)
            self._handle = None

    def _chunk(self, handle: Any) -> VisionChunk:
        mtmd = self._mtmd
        n_tokens = mtmd.mtmd_input_chunk_get_n_tokens(handle)
        if mtmd.mtmd_input_chunk_get_type(handle) == mtmd.MTMD_INPUT_CHUNK_TYPE_TEXT:
            count = ctypes.c_size_t()
            tokens = mtmd.mtmd_input_chunk_get_tokens_text(handle, ctypes.byref(count))
            return VisionChunk(tuple(tokens[: count.value]), n_tokens, n_tokens, handle)
        return VisionChunk((), n_tokens, mtmd.mtmd_input_chunk_get_n_pos(handle), handle)

    def _largest_tile(self, width: int, height: int) -> int:
        with self.chunks(width, height) as chunks:
            return max(chunk.n_tokens for chunk in chunks)

    def _is_wanted(self, tensor: Any, ask: bool, user_data: Any) -> bool:
        """ggml's scheduler asks before a node whether it is to stop after it (`ask`), and then whether to go on.

        Each stop is a wait for all threads, so there are few. There is no other way to end a picture that was begun.
        """
        del tensor, user_data
        if not ask:
            return not self._stop
        self._nodes += 1
        return self._nodes % _NODES_BETWEEN == 0


def _library() -> Any:
    """llama-cpp-python's binding of libmtmd, whose import loads the library. Raises KnownError("no_mtmd")."""
    try:
        from llama_cpp import mtmd_cpp
    except (FileNotFoundError, RuntimeError, OSError, ImportError) as error:
        message = "This llama.cpp was built without libmtmd, so no model can see pictures."
        raise KnownError("no_mtmd", message, "Build it anew: make clean, then make chat.", log=str(error)) from None
    return mtmd_cpp
