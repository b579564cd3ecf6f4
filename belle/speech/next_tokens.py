"""The next-token logits of a Whisper file for given sound and tokens, computed by whisper.cpp in a child process."""

from __future__ import annotations

import ctypes
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from belle.engine.llama.memory import available_memory
from belle.engine.process.native_calls import call_whisper
from belle.errors import KnownError
from belle.gguf.whisper_file import read_whisper
from belle.speech.library import WhisperLibrary, check_usable
from belle.units import gigabytes

_WORKING_BYTES = 500 << 20  # beside the weights: for large-v3 its caches and the encoder's activations


def next_token_logits(
    path: Path, sound: NDArray[np.float32], ids: Sequence[int], *, threads: int = 2
) -> NDArray[np.float32]:
    """The logits after each of `ids`, `[n_tokens, n_vocab]`.

    Args:
        path: a file of whisper.cpp.
        sound: mono, 16,000 samples per second, -1 … 1; of more than 30 seconds the first 30 are heard.
        ids: tokens that the decoder has written, from the one that begins a transcript on.
        threads: that compute.

    Raises KnownError: those of `check_usable` and `read_whisper`, `too_big_for_memory`, `not_loadable`, and of a
    process that dies.
    """
    check_usable()
    check_memory(path)
    with tempfile.TemporaryDirectory(prefix="chatbelle-sound-") as folder:
        sound_file, logits_file = Path(folder, "sound.npy"), Path(folder, "logits.npy")
        np.save(sound_file, sound.astype(np.float32))
        call_whisper(
            "belle.speech.next_tokens:write_logits",
            path=str(path.resolve()),
            sound=str(sound_file),
            ids=list(ids),
            out=str(logits_file),
            threads=threads,
        )
        logits: NDArray[np.float32] = np.load(logits_file)
    return logits


def check_memory(*paths: Path) -> None:
    """Raises KnownError("too_big_for_memory") when files of whisper.cpp cannot be loaded at once."""
    needed = sum(read_whisper(path).size_bytes + _WORKING_BYTES for path in paths)
    free = available_memory()
    if needed > free:
        names = " and ".join(path.name for path in paths)
        raise KnownError(
            "too_big_for_memory",
            f"Running {names} in whisper.cpp takes {gigabytes(needed)} of memory; {gigabytes(free)} are free.",
            "Close other programs, or take a smaller type.",
            needed=needed,
            available=free,
        )


def write_logits(path: str, sound: str, ids: list[int], out: str, threads: int) -> None:
    """In the child process: read the samples from `sound`, write the logits to `out`. Raises KnownError."""
    library = WhisperLibrary()
    with loaded(library, path) as context:
        np.save(out, decoded_logits(library.functions, context, np.load(sound), ids, threads))


@contextmanager
def loaded(library: WhisperLibrary, path: str) -> Iterator[int]:
    """A model of whisper.cpp, by its address, until it is freed. Raises KnownError("not_loadable")."""
    whisper = library.functions
    context = whisper.whisper_init_from_file_with_params(path.encode(), whisper.whisper_context_default_params())
    if not context:  # every other call with it would be a segmentation fault
        raise KnownError(
            "not_loadable",
            f"whisper.cpp cannot load {Path(path).name}: {library.log.reason() or 'it does not say why'}.",
            "Download or convert it again.",
            path=path,
        )
    try:
        yield context
    finally:
        whisper.whisper_free(context)


def decoded_logits(
    whisper: ctypes.CDLL, context: int, sound: NDArray[np.float32], ids: Sequence[int], threads: int
) -> NDArray[np.float32]:
    """In the child process: the logits after each of `ids`, `[n_tokens, n_vocab]`. Raises KnownError."""
    samples = np.ascontiguousarray(sound, np.float32)
    _check(whisper.whisper_pcm_to_mel(context, samples.ctypes.data, samples.size, threads), "hear the sound")
    _check(whisper.whisper_encode(context, 0, threads), "encode the sound")
    logits = np.empty((len(ids), whisper.whisper_n_vocab(context)), np.float32)
    for position, token in enumerate(ids):
        # One token at a time: whisper.cpp keeps the logits of the last one alone.
        one = (ctypes.c_int * 1)(token)
        _check(whisper.whisper_decode(context, one, 1, position, threads), "decode a token")
        logits[position] = np.ctypeslib.as_array(whisper.whisper_get_logits(context), (logits.shape[1],))
    return logits


def _check(status: int, what: str) -> None:
    if status:
        raise KnownError("whisper_failed", f"whisper.cpp could not {what} (status {status}).", "Please report it.")
