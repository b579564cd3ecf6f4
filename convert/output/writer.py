"""Writes a model file from its plan: with many threads, bounded memory, and safe against interruption at any moment.

The whole file is laid out first. Then threads take runs of rows in the order of the plan and read, encode and write
each. While some wait for the disk, others compute; memory holds one run of rows per thread.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import threading
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle.engine.llama.cores import usable_processors
from belle.errors import KnownError
from belle.gguf import ggml
from belle.gguf.writer import KeyValue
from convert.output.encode import encode_rows
from convert.output.file_format import GGUF, FileFormat, FileFrame, gguf_frame
from convert.output.journal import Journal, TensorSlice
from convert.output.part_file import PartFile, check_output, journal_path, part_path, writing_model
from convert.output.progress import Meter, Progress, ProgressCallback
from convert.output.scratch import Scratch
from convert.plan.plan import TensorPlan

if TYPE_CHECKING:
    from convert.output.verify import FileProof

CHUNK_WEIGHTS = 1 << 20
"""Weights per run of rows: small enough for memory, large enough that Python's overhead does not matter."""

COMMIT_SECONDS = 5.0
"""Seconds of work that a power cut costs at most: the interval of the journal."""

_TICK_SECONDS = 0.2
_JOURNAL_FORMAT = 1
# Faults of the checkpoint itself: trying again cannot help, so the part file is deleted.
_HOPELESS = {"not_finite", "too_large"}

MetadataSource = Callable[[], Sequence[KeyValue]]

Verifier = Callable[[Path, FileFrame, Mapping[TensorSlice, int]], "FileProof"]
"""Checks a complete file under its temporary name; arguments are path, frame and the checksum of every slice."""


@dataclass(frozen=True)
class Written:
    """The result: bytes of the file, the last progress, and the verifier's proof."""

    n_bytes: int
    progress: Progress
    proof: FileProof | None = None


def write_gguf(
    path: Path,
    metadata: Sequence[KeyValue],
    plans: Sequence[TensorPlan],
    *,
    threads: int = 0,
    progress: ProgressCallback | None = None,
    resume: bool = True,
    inputs: Sequence[Path] = (),
    recipe: Mapping[str, Any] | None = None,
    final_metadata: MetadataSource | None = None,
    verifier: Verifier | None = None,
) -> Written:
    """Write a GGUF file. `metadata` are the entries of its header; the rest is as in `write_file`.

    Args:
        final_metadata: called when all tensors are written; returns entries of the same size that replace `metadata`.
    """

    def final_frame() -> FileFrame | None:
        return gguf_frame(final_metadata(), plans) if final_metadata is not None else None

    return write_file(
        path,
        GGUF,
        gguf_frame(metadata, plans),
        plans,
        threads=threads,
        progress=progress,
        resume=resume,
        inputs=inputs,
        recipe=recipe,
        final_frame=final_frame,
        verifier=verifier,
    )


def write_file(
    path: Path,
    file_format: FileFormat,
    frame: FileFrame,
    plans: Sequence[TensorPlan],
    *,
    threads: int = 0,
    progress: ProgressCallback | None = None,
    resume: bool = True,
    inputs: Sequence[Path] = (),
    recipe: Mapping[str, Any] | None = None,
    final_frame: Callable[[], FileFrame | None] = lambda: None,
    verifier: Verifier | None = None,
) -> Written:
    """Write the file, or finish one that an interrupted run began.

    Args:
        path: the output; it gets this name only when complete, replacing an existing file of the same format.
        file_format: of the file.
        frame: everything around the weights.
        plans: tensors in the order of the file.
        threads: threads that compute; 0 for one per processor.
        progress: called from this thread about five times a second, and when all is written.
        resume: continue an interrupted run.
        inputs: the files read; by their sizes and times an interrupted run of the same conversion is recognized.
        recipe: everything else that determines the bytes and is not in `plans`, JSON-serializable.
        final_frame: called when all tensors are written; returns what replaces `frame`, of the same sizes, or None.
        verifier: called last; if it raises, the file does not get its name.

    Raises:
        KnownError: the output cannot be written, the disk is full, a weight is not finite or too large for its type.
            The part file stays for the next run, unless trying again cannot help.
    """
    check_output(path, inputs, file_format)
    journal = Journal(journal_path(path), _identity(frame, plans, inputs, recipe or {}))
    for kind in {plan.type for plan in plans}:
        ggml.prepare(kind)
    part = PartFile(path, frame.size)
    try:
        done = journal.read() if resume and part.is_whole else {}
        with writing_model(path):
            if not done:
                journal.delete()
            part.reserve(keep=bool(done))
            _write_frame(part, frame)
            if not done:
                journal.start()
        run = _Run(part, journal, plans, frame.data_start, done)
        run.run(threads or usable_processors(), progress)
        last_progress = run.meter.read()
        # Before `final_frame`, which may wait for the inputs' digests: the disk is busy meanwhile.
        run.commit()
        if progress:
            progress(last_progress)
        last = final_frame()
        if last is not None:
            if not last.fits(frame):
                raise RuntimeError("the final metadata has another size than the one the file was laid out with")
            _write_frame(part, last)
            frame = last
        proof = None
        if verifier is not None:
            proof = verifier(part_path(path), frame, run.checksums)
        part.finish()
        with writing_model(path):
            journal.delete()
    except KnownError as error:
        if error.kind in _HOPELESS or error.details.get("repairable") is False:
            part.discard()
            journal.delete()
        raise
    finally:
        part.close()
    return Written(frame.size, last_progress, proof)


def _write_frame(part: PartFile, frame: FileFrame) -> None:
    for at, piece in frame.pieces:
        part.write(memoryview(piece), at)


def chunks_of(plans: Iterable[TensorPlan]) -> Iterator[TensorSlice]:
    """Every run of rows, in the order of the plan."""
    for index, plan in enumerate(plans):
        n_rows = plan.source.n_rows
        step = max(1, CHUNK_WEIGHTS // plan.source.row_length)
        for start in range(0, n_rows, step):
            yield TensorSlice(index, start, min(start + step, n_rows))


def _identity(
    frame: FileFrame, plans: Sequence[TensorPlan], inputs: Sequence[Path], recipe: Mapping[str, Any]
) -> dict[str, Any]:
    # Types and shapes are in the frame; this is the rest of what determines the bytes.
    ways = hashlib.sha256()
    for plan in plans:
        ways.update(f"{plan.source.dtype} {plan.packed} {plan.round_first};".encode())
        if plan.importance is not None:
            ways.update(plan.importance.tobytes())
    files = [(file.resolve(), file.stat()) for file in inputs]
    return {
        "format": _JOURNAL_FORMAT,
        "size": frame.size,
        "head": hashlib.sha256(b"".join(piece for _, piece in frame.pieces)).hexdigest(),
        "ways": ways.hexdigest(),
        "chunk_weights": CHUNK_WEIGHTS,
        "quantizer": f"llama-cpp-python {importlib.metadata.version('llama-cpp-python')}",
        "inputs": [[str(file), stat.st_size, stat.st_mtime_ns] for file, stat in files],
        "recipe": dict(recipe),
    }


class _Run:
    """One run of the threads. `done` are the slices that an earlier run wrote, with their checksums."""

    def __init__(
        self,
        part: PartFile,
        journal: Journal,
        plans: Sequence[TensorPlan],
        data_start: int,
        done: Mapping[TensorSlice, int],
    ) -> None:
        self._part, self._journal, self._plans, self._data_start, self._done = part, journal, plans, data_start, done
        self._queue = chunks_of(plans)
        self._lock = threading.Lock()
        self._finished: list[tuple[TensorSlice, int]] = []
        self.checksums: dict[TensorSlice, int] = {}
        self._chunks_left = Counter(chunk.tensor for chunk in chunks_of(plans))
        self._failure: BaseException | None = None
        self._stop = threading.Event()
        self.meter = Meter(sum(plan.n_bytes for plan in plans), sum(plan.n_weights for plan in plans))

    def run(self, n_threads: int, progress: ProgressCallback | None) -> None:
        """Write all slices. Raises what a thread or `progress` raised; finished slices are in the journal then."""
        slots = threading.Semaphore(n_threads)
        # One thread more than slots for computing: while one waits for the disk, another computes.
        workers = [threading.Thread(target=self._work, args=(slots,), daemon=True) for _ in range(n_threads + 1)]
        committer = threading.Thread(target=self._commit_regularly, daemon=True)
        for thread in [*workers, committer]:
            thread.start()
        try:
            for thread in workers:
                while thread.is_alive():
                    thread.join(_TICK_SECONDS)
                    if progress:
                        progress(self.meter.read())
        finally:
            self._stop.set()
            for thread in [*workers, committer]:
                thread.join()
            if self._failure or next(self._queue, None):
                with contextlib.suppress(KnownError):  # the failure itself is what matters
                    self.commit()
        if self._failure:
            raise self._failure

    def _work(self, slots: threading.Semaphore) -> None:
        scratch = Scratch()
        try:
            while not self._stop.is_set():
                with self._lock:
                    chunk = next(self._queue, None)
                if chunk is None:
                    return
                self._write_chunk(chunk, scratch, slots)
        except BaseException as error:
            with self._lock:
                self._failure = self._failure or error
            self._stop.set()

    def _write_chunk(self, chunk: TensorSlice, scratch: Scratch, slots: threading.Semaphore) -> None:
        self._fill(chunk, scratch, slots)
        with self._lock:
            self._chunks_left[chunk.tensor] -= 1
            last = not self._chunks_left[chunk.tensor]
        if last:
            self._plans[chunk.tensor].source.release()

    def _fill(self, chunk: TensorSlice, scratch: Scratch, slots: threading.Semaphore) -> None:
        plan = self._plans[chunk.tensor]
        at = self._data_start + plan.offset + chunk.start * plan.row_bytes
        n_bytes = (chunk.stop - chunk.start) * plan.row_bytes
        n_weights = (chunk.stop - chunk.start) * plan.source.row_length
        checksum = self._done.get(chunk)
        # The journal alone is not believed: what is on the disk may have been damaged since.
        if checksum is not None and zlib.crc32(self._part.read(n_bytes, at)) == checksum:
            with self._lock:
                self.checksums[chunk] = checksum
            self.meter.add(n_bytes, n_weights, resumed=True)
            return
        try:
            compute = encode_rows(plan, chunk.start, chunk.stop, scratch)
        except OSError as error:
            raise KnownError(
                "unreadable",
                f"{plan.source.name} cannot be read: {error.strerror or error}.",
                "Check the disk and run the same command again: it goes on where it stopped.",
                tensor=plan.source.name,
            ) from error
        with slots:
            data = compute()
            checksum = zlib.crc32(data.data)
        if data.nbytes != n_bytes:
            raise RuntimeError(f"{plan.name} gave {data.nbytes} bytes instead of {n_bytes}")
        self._part.write(data.data, at)
        with self._lock:
            self._finished.append((chunk, checksum))
            self.checksums[chunk] = checksum
        self.meter.add(n_bytes, n_weights)

    def _commit_regularly(self) -> None:
        try:
            while not self._stop.wait(COMMIT_SECONDS):
                self.commit()
        except BaseException as error:
            with self._lock:
                self._failure = self._failure or error
            self._stop.set()

    def commit(self) -> None:
        """Flush finished slices to the disk, and only then record them in the journal."""
        with self._lock:
            finished, self._finished = self._finished, []
        if finished:
            self._part.sync()
            with writing_model(self._part.path):
                self._journal.append(finished)
