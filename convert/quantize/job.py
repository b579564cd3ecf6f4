"""`belle quantize`: from a model file to a quantized one. All checks come before the calibration text is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from gguf.constants import GGUFValueType
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from belle.durable import check_space
from belle.engine.llama.activations import ActivationReader, SquareSums
from belle.engine.llama.block_runner import BlockRunner
from belle.engine.llama.cores import usable_processors
from belle.errors import KnownError
from belle.gguf.imatrix import Imatrix
from belle.gguf.mapped_file import GgufFile
from belle.gguf.reader import is_gguf, read_header
from belle.gguf.types import FLOAT_TYPES, FileType
from belle.gguf.writer import KeyValue, serialize
from convert.output.load_proof import and_loads
from convert.output.part_file import NO_ROOM_ADVICE, check_output, journal_path, part_path
from convert.output.progress import ProgressCallback
from convert.output.verify import verify
from convert.output.writer import write_gguf
from convert.pipeline import convert
from convert.plan.mixture import MatrixRole, ModelFacts, role_of
from convert.plan.options import ConvertOptions
from convert.plan.plan import TensorPlan, data_size, plan_types
from convert.quantize.calibration import Windows, calibration_windows
from convert.quantize.formats import FORMATS
from convert.quantize.layerwise import EMBEDDINGS, Step, round_model
from convert.quantize.matrix import OutputErrors
from convert.quantize.options import QuantizeOptions, QuantizeReport
from convert.quantize.rows import GgufRows, RoundedRows, Spool
from convert.report import describe

_FILE_TYPE, _VERSION = "general.file_type", "general.quantization_version"
_QUANTIZATION_VERSION = 2
_STALE = (_VERSION, "general.alignment", "quantize.imatrix.")


def quantize(
    model: Path,
    out: Path,
    options: QuantizeOptions,
    *,
    on_step: Step | None = None,
    on_write: ProgressCallback | None = None,
) -> QuantizeReport:
    """Quantize `model` to `out`.

    Memory: for `gptq` see `convert.quantize.layerwise`; `imatrix` needs the model as llama.cpp holds it, `rtn` only a
    few rows.

    Args:
        model: a GGUF, or a checkpoint, which is converted to F16 first.
        out: the file to write; it appears when it is complete.
        options: the choices.
        on_step: called with the steps of reading and rounding done, and their number.
        on_write: called with the progress of writing and verifying.

    Raises:
        KnownError: for bad options, a bad model or text, a full disk.
    """
    kind = options.checked()
    with _as_gguf(model, out, options, on_write) as path, _removed_on_failure(out):
        return _Job(model, path, out, kind, options).run(on_step or _ignore, on_write)


@contextmanager
def _as_gguf(model: Path, out: Path, options: QuantizeOptions, on_write: ProgressCallback | None) -> Iterator[Path]:
    """The model as a GGUF: itself, or a checkpoint converted to F16 beside the output, for as long as it is needed."""
    try:
        given = model.is_file() and is_gguf(model)
    except OSError as error:
        raise KnownError("unreadable", f"{model} cannot be read: {error.strerror}.", path=str(model)) from None
    check_output(out, [model] if given else [])
    if given:
        yield model
        return
    intermediate = out.with_name(out.name + ".f16")
    try:
        with _removed_on_failure(intermediate):
            convert(model, intermediate, ConvertOptions(threads=options.threads, verify=False), progress=on_write)
        yield intermediate
    finally:
        intermediate.unlink(missing_ok=True)


@contextmanager
def _removed_on_failure(out: Path) -> Iterator[None]:
    """Remove the part file of `out` if the block fails: rounding is not resumed, so it would be of no use.

    Not if another program is writing it (`busy`): then it is not ours.
    """
    try:
        yield
    except BaseException as error:
        if not (isinstance(error, KnownError) and error.kind == "busy"):
            for path in (part_path(out), journal_path(out)):
                with suppress(OSError):
                    path.unlink(missing_ok=True)
        raise


@dataclass(frozen=True)
class _Named:
    name: str
    source: GgufRows


class _Job:
    """One quantization; making it checks the model."""

    def __init__(self, model: Path, path: Path, out: Path, kind: FileType, options: QuantizeOptions) -> None:
        self._model, self._path, self._out, self._kind, self._options = model, path, out, kind, options
        self._threads = options.threads or usable_processors()
        self._header = read_header(path)
        if self._header.n_parts > 1:
            raise KnownError(
                "split_file",
                f"{path.name} is one of {self._header.n_parts} parts of a model.",
                "Join them first, with llama.cpp's llama-gguf-split --merge.",
                path=str(path),
            )
        self._file = GgufFile(path)
        self._facts = ModelFacts.from_metadata(self._file.metadata)
        self._tensors = [_Named(name, GgufRows(self._file, info)) for name, info in self._file.tensors.items()]
        self._notes: list[str] = []
        self._refuse_quantized()
        if options.method != "rtn" and self._file.metadata.get("tokenizer.ggml.model", "none") == "none":
            raise KnownError(
                "no_vocabulary",
                f"{path.name} has no vocabulary, so it cannot read a calibration text.",
                "Take --method rtn.",
                path=str(path),
            )

    def _refuse_quantized(self) -> None:
        packed = [tensor for tensor in self._tensors if tensor.source.packed_type is not None]
        if not packed:
            return
        if not self._options.allow_requantize:
            raise KnownError(
                "already_quantized",
                f"{self._path.name} is quantized already: {packed[0].name} is {packed[0].source.stored.type.name}.",
                "Take the model as F16, BF16 or F32, or --allow-requantize to add a second loss to the first.",
                path=str(self._path),
                tensor=packed[0].name,
            )
        self._notes.append(f"{self._path.name} was quantized already; its loss is not counted in any figure here.")

    def run(self, on_step: Step, on_write: ProgressCallback | None) -> QuantizeReport:
        """Round and write. Raises KnownError."""
        options = self._options
        if options.method == "rtn":
            return self._write(self._plans(None), [], 0, {}, on_write)
        if not options.calibration.files:
            self._notes.append("Calibrated with the project's own Chinese and English prose (assets/text).")
        if options.method == "imatrix":
            imatrix = self._imatrix(on_step)
            return self._write(self._plans(imatrix), imatrix.metadata(), imatrix.n_chunks, {}, on_write)
        # Our own threads each compute small products. The threads of numpy's BLAS would wait for each other in busy
        # loops: on a machine with other work to do, that made rounding six times slower.
        with Spool(self._out) as spool, threadpool_limits(limits=1, user_api="blas"):
            plans, n_windows, errors = self._rounded(spool, on_step)
            return self._write(plans, [], n_windows, errors, on_write)

    def _plans(self, imatrix: Imatrix | None) -> list[TensorPlan]:
        plans = plan_types(
            self._tensors, self._facts, self._kind, imatrix=imatrix, packed="requantize", round_first=False
        )
        # Blocks that have the wanted type already are copied.
        return [
            replace(plan, packed=True, exactness="exact") if plan.source.packed_type is plan.type else plan
            for plan in plans
        ]

    def _windows(self, reader: ActivationReader) -> Windows:
        return calibration_windows(self._options.calibration, self._header, reader.vocabulary, reader.windows)

    def _imatrix(self, on_step: Step) -> Imatrix:
        squares = SquareSums()
        with ActivationReader(self._path, squares.add, threads=self._options.threads or None) as reader:
            windows = self._windows(reader)
            for done in reader.read(windows):
                on_step(done, len(windows))
        # Divided as when an importance matrix is read from a file, so that both give the same bytes.
        weights = {
            name: sums.astype(np.float32) / np.float32(squares.counts[name]) for name, sums in squares.sums.items()
        }
        return Imatrix(weights, self._options.calibration.names, len(windows))

    def _rounded(self, spool: Spool, on_step: Step) -> tuple[list[TensorPlan], int, dict[str, OutputErrors]]:
        # The types of a file without an importance matrix, so that it is as large as a plain one.
        plans = self._plans(None)
        wanted = {
            plan.name: RoundedRows(plan.source, plan.type, spool)
            for plan in plans
            if plan.type in FORMATS and not plan.packed and self._can_be_rounded(plan.name)
        }
        needed = sum(plan.n_bytes for plan in plans if plan.name in wanted) + self._size(plans)
        check_space(self._out, {"the model and what is kept while it is made": needed}, advice=NO_ROOM_ADVICE)
        with BlockRunner(self._path, threads=self._options.threads or None) as runner:
            windows = self._windows(runner)
            runner.check(windows[0])
            errors = round_model(runner, windows, wanted, threads=self._threads, on_step=on_step)
        unseen = [name for name in wanted if name not in errors]
        if unseen:
            self._notes.append(
                f"{len(unseen)} matrices were rounded to the nearest code, because llama.cpp does not show what they "
                f"read: {', '.join(unseen[:3])}{' …' if len(unseen) > 3 else ''}"
            )
        plans = [
            replace(p, source=wanted[p.name], packed=True, exactness="calibrated") if p.name in errors else p
            for p in plans
        ]
        return plans, len(windows), errors

    def _can_be_rounded(self, name: str) -> bool:
        if role_of(name) is MatrixRole.EMBEDDINGS:
            # Embeddings that are also the output matrix get more bits, and their two uses want different roundings.
            return name == EMBEDDINGS and "output.weight" in self._file.tensors
        return True

    def _size(self, plans: Sequence[TensorPlan]) -> int:
        return len(serialize(self._metadata(plans, []), [plan.info for plan in plans])) + data_size(plans)

    def _metadata(self, plans: Sequence[TensorPlan], imatrix: Sequence[KeyValue]) -> list[KeyValue]:
        """The model's own entries, with the file type of the new file."""
        quantized = self._kind.quantized
        new = [KeyValue(_FILE_TYPE, self._kind.number, GGUFValueType.UINT32)]
        if any(plan.type not in FLOAT_TYPES.values() for plan in plans):
            new.append(KeyValue(_VERSION, _QUANTIZATION_VERSION, GGUFValueType.UINT32))
        entries = [entry for entry in self._file.entries if not entry.key.startswith(_STALE)]
        keys = [entry.key for entry in entries]
        at = keys.index(_FILE_TYPE) if _FILE_TYPE in keys else len(entries)
        return [*entries[:at], *new, *entries[at + 1 :], *(imatrix if quantized else [])]

    def _write(
        self,
        plans: list[TensorPlan],
        imatrix: Sequence[KeyValue],
        n_windows: int,
        errors: dict[str, OutputErrors],
        on_write: ProgressCallback | None,
    ) -> QuantizeReport:
        written = write_gguf(
            self._out,
            self._metadata(plans, imatrix),
            plans,
            threads=self._threads,
            progress=on_write,
            resume=False,
            inputs=[self._path],
            verifier=and_loads(partial(verify, plans=plans, threads=self._threads, progress=on_write), self._out),
        )
        report = describe(
            self._out, self._kind.name, plans, written.n_bytes, written.progress.seconds, proof=written.proof
        )
        method = self._options.method
        texts = self._options.calibration.names if method != "rtn" else []
        return QuantizeReport(self._model, method, report, texts, n_windows, errors, tuple(self._notes))


def _ignore(done: int, total: int) -> None:
    pass
