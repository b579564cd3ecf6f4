"""Verifies a written file: every byte is read back, every weight compared with the checkpoint.

Two things are proved for each run of rows: that its bytes are those that were computed (by a checksum from before they
were written), and that their values are the checkpoint's, as closely as the tensor's type promises
(`convert.output.compare`). The tensors' names, types and places are read by a reader that shares no code with the
writer, for GGUF `belle.gguf.reader`.
"""

from __future__ import annotations

import os
import threading
import time
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from belle.engine.llama.cores import usable_processors
from belle.errors import KnownError
from belle.gguf.reader import StoredTensor
from convert.output.compare import Difference, compare, tensor_fault
from convert.output.file_format import GGUF, FileFormat, FileFrame
from convert.output.journal import TensorSlice
from convert.output.progress import Meter, ProgressCallback
from convert.output.scratch import Scratch
from convert.plan.plan import Exactness, TensorPlan

_TICK_SECONDS = 0.2


@dataclass(frozen=True)
class TensorProof:
    """The result of comparing one tensor.

    Attributes:
        name: in the file.
        type: in the file.
        exactness: the promise, which was kept.
        n_weights: compared, that is all.
        relative_error: rms of (stored − source) over the rms of the source.
        largest_error: maximum of |stored − source|.
        rms_steps, largest_steps: the same errors in quantization steps, for weights that GPTQ had quantized. The rms is
            that of the error over that of the steps.
        noise_factor: power of the noise of both quantizations over that of GPTQ alone, 1 + 12 · rms_steps², since
            GPTQ's own noise is that of rounding, step² / 12.
    """

    name: str
    type: str
    exactness: Exactness
    n_weights: int
    relative_error: float
    largest_error: float
    rms_steps: float | None = None
    largest_steps: float | None = None
    noise_factor: float | None = None


@dataclass(frozen=True)
class FileProof:
    """The result of verifying one file.

    Attributes:
        tensors: in the order of the file.
        seconds: duration.
        loaded: whether llama.cpp loaded the file and read a token (`convert.output.load_proof`).
    """

    tensors: tuple[TensorProof, ...]
    seconds: float
    loaded: bool = False


def verify(
    path: Path,
    frame: FileFrame,
    checksums: Mapping[TensorSlice, int],
    *,
    plans: Sequence[TensorPlan],
    file_format: FileFormat = GGUF,
    threads: int = 0,
    progress: ProgressCallback | None = None,
) -> FileProof:
    """Read `path` back and compare it with the sources of `plans`.

    Args:
        path: the file, usually under its temporary name.
        frame: everything around the weights, as it was written.
        checksums: CRC-32 of the bytes of every run of rows, as they were computed.
        plans: what it was written from, in its order.
        file_format: of the file.
        threads: that compute; 0 for one per processor.
        progress: called from this thread about five times a second, and when all is compared.

    Raises:
        KnownError: `verification_failed`, naming the tensor. Its detail `repairable` says whether only the bytes on
            the disk are wrong, so that writing them again repairs the file.
    """
    start = time.monotonic()
    _check_frame(path, frame)
    stored = _table(path, plans, file_format)
    verification = _Verification(path, plans, stored, checksums)
    try:
        verification.run(threads or usable_processors(), progress)
    finally:
        verification.close()
    return FileProof(tuple(map(_proof, plans, verification.totals)), time.monotonic() - start)


def _check_frame(path: Path, frame: FileFrame) -> None:
    with path.open("rb") as file:
        for at, piece in frame.pieces:
            file.seek(at)
            if file.read(len(piece)) != piece:
                raise _failed(path, "", "the disk holds another header than was written", repairable=True)


def _table(path: Path, plans: Sequence[TensorPlan], file_format: FileFormat) -> Sequence[StoredTensor]:
    """The file's tensors, which must be those of the plan."""
    try:
        stored = file_format.read_tensors(path)
    except KnownError as error:
        raise _failed(path, "", f"its header cannot be read: {error.message}", repairable=False) from error
    for plan, tensor in zip(plans, stored, strict=False):
        if (tensor.name, tensor.shape, tensor.type) != (plan.name, plan.shape, int(plan.type)):
            raise _failed(path, plan.name, "its entry in the table of tensors is different", repairable=False)
    if len(stored) != len(plans):
        raise _failed(path, "", f"it holds {len(stored)} tensors instead of {len(plans)}", repairable=False)
    return stored


class _Verification:
    """One verification with several threads."""

    def __init__(
        self,
        path: Path,
        plans: Sequence[TensorPlan],
        stored: Sequence[StoredTensor],
        checksums: Mapping[TensorSlice, int],
    ) -> None:
        self._path, self._plans, self._stored, self._checksums = path, plans, stored, checksums
        self._chunks = sorted(checksums)
        self._left = Counter(chunk.tensor for chunk in self._chunks)
        self._lock = threading.Lock()
        self._threads = threading.local()
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._meter = Meter(sum(plan.n_bytes for plan in plans), sum(plan.n_weights for plan in plans), stage="verify")
        self.totals = [Difference() for _ in plans]

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def run(self, threads: int, progress: ProgressCallback | None) -> None:
        """Compare everything. Raises KnownError, and whatever `progress` raises."""
        covered = sum(chunk.stop - chunk.start for chunk in self._chunks)
        if covered != sum(plan.source.n_rows for plan in self._plans):
            raise RuntimeError(f"{self._path} has rows without a checksum")
        with ThreadPoolExecutor(threads) as pool:
            try:
                pending = {pool.submit(self._check, chunk) for chunk in self._chunks}
                while pending:
                    done, pending = wait(pending, _TICK_SECONDS, FIRST_EXCEPTION)
                    for future in done:
                        future.result()
                    if progress:
                        progress(self._meter.read())
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def _check(self, chunk: TensorSlice) -> None:
        plan, scratch = self._plans[chunk.tensor], self._scratch()
        n_bytes = (chunk.stop - chunk.start) * plan.row_bytes
        data = scratch.take("bytes read back", np.uint8, n_bytes)
        at = self._stored[chunk.tensor].start + chunk.start * plan.row_bytes
        if os.preadv(self._file, [data.data], at) != n_bytes:
            raise self._bytes_changed(plan, chunk)
        difference = compare(plan, chunk.start, chunk.stop, data, scratch)
        # Where the bytes equal the source's, a checksum would prove nothing more.
        if not difference.same_bytes and zlib.crc32(data.data) != self._checksums[chunk]:
            raise self._bytes_changed(plan, chunk)
        # Floating-point sums depend on the order of the threads, in the last bits only.
        with self._lock:
            self.totals[chunk.tensor].add(difference)
            self._left[chunk.tensor] -= 1
            last = not self._left[chunk.tensor]
        if difference.fault or last:
            self._judge(plan, self.totals[chunk.tensor] if last else difference)
        if last:
            plan.source.release()
        self._meter.add(n_bytes, (chunk.stop - chunk.start) * plan.source.row_length)

    def _judge(self, plan: TensorPlan, difference: Difference) -> None:
        fault = (
            f"{difference.fault} (row {difference.fault_row})" if difference.fault else tensor_fault(plan, difference)
        )
        if fault:
            raise _failed(self._path, plan.name, fault, repairable=False)

    def _bytes_changed(self, plan: TensorPlan, chunk: TensorSlice) -> KnownError:
        rows = f"rows {chunk.start} to {chunk.stop}"
        return _failed(self._path, plan.name, f"the disk holds other bytes than were written ({rows})", repairable=True)

    def _scratch(self) -> Scratch:
        if not hasattr(self._threads, "scratch"):
            self._threads.scratch = Scratch()
        scratch: Scratch = self._threads.scratch
        return scratch


def _proof(plan: TensorPlan, total: Difference) -> TensorProof:
    relative = float(np.sqrt(total.error / total.power)) if total.power else 0.0
    if not plan.source.was_quantized:
        return TensorProof(plan.name, plan.type.name, plan.exactness, total.n, relative, total.largest)
    power = total.error / total.steps if total.steps else 0.0
    return TensorProof(
        plan.name,
        plan.type.name,
        plan.exactness,
        total.n,
        relative,
        total.largest,
        float(np.sqrt(power)),
        total.largest_steps,
        1 + 12 * power,
    )


def _failed(path: Path, tensor: str, fault: str, *, repairable: bool) -> KnownError:
    if repairable:
        advice = "The disk or the memory is faulty. Run the same command again: the damaged parts are written again."
    else:
        advice = "This is a defect of the converter; please report it. --no-verify writes the file all the same."
    return KnownError(
        "verification_failed",
        f"{path.name} is not what it should be: {f'{tensor}: ' if tensor else ''}{fault}.",
        advice,
        path=str(path),
        tensor=tensor,
        repairable=repairable,
    )
