"""The writer: right bytes in the right places, no file under its real name before it is whole, resuming, refusing."""

from __future__ import annotations

import fcntl
import json
import os
import resource
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFReader
from gguf.constants import GGMLQuantizationType as T
from gguf.quants import dequantize

from belle.errors import KnownError
from belle.gguf.mapped_file import GgufFile
from belle.gguf.writer import KeyValue
from convert.output.part_file import journal_path, part_path
from convert.output.writer import CHUNK_WEIGHTS, chunks_of, write_gguf
from convert.plan.plan import TensorPlan
from tests.convert.tiny_models import TEXT, ArraySource, Tensor, TinyModel, as_dtype, make_model, plan, values, write


@pytest.fixture(scope="module")
def model() -> TinyModel:
    """Two matrices of several chunks each, and small ones."""
    return make_model(width=1024, ffn=2048, layers=1, rows=1100)


class Flaky(ArraySource):
    """Fails to read after `good` reads, as a disk that is pulled out."""

    def __init__(self, inner: ArraySource, good: int) -> None:
        super().__init__(inner.name, inner.values)
        self.left = good

    def rows(self, start: int, stop: int) -> np.ndarray:
        self.left -= 1
        if self.left < 0:
            raise OSError(5, "Input/output error")
        return super().rows(start, stop)


class Counting(ArraySource):
    """Counts what is read, and whether it was told to let go."""

    read = 0
    released = 0

    def rows(self, start: int, stop: int) -> np.ndarray:
        Counting.read += stop - start
        return super().rows(start, stop)

    def release(self) -> None:
        Counting.released += 1


def with_sources(model: TinyModel, make) -> TinyModel:
    return TinyModel(model.metadata, [Tensor(t.name, make(t.source)) for t in model.tensors])


def test_gguf_py_reads_the_same(model: TinyModel, tmp_path: Path) -> None:
    metadata = [
        *model.metadata,
        KeyValue("some.text", "中文 😀", TEXT),
        KeyValue("some.texts", ["a", "", "é"], TEXT),
    ]
    write_gguf(tmp_path / "m.gguf", metadata, plan(model, "q8_0"))
    read = GGUFReader(tmp_path / "m.gguf")
    assert read.fields["some.text"].contents() == "中文 😀"
    assert read.fields["some.texts"].contents() == ["a", "", "é"]
    assert read.fields["llama.block_count"].contents() == 1
    by_name = {tensor.name: tensor for tensor in read.tensors}
    assert list(by_name) == [tensor.name for tensor in model.tensors]
    for tensor in model.tensors:
        stored = by_name[tensor.name]
        assert stored.data_offset % 32 == 0
        assert tuple(reversed(stored.shape.tolist())) == tensor.source.shape
        written = dequantize(stored.data, stored.tensor_type).reshape(tensor.source.shape)
        source = tensor.source.float_rows(0, tensor.source.n_rows).reshape(tensor.source.shape)
        step = np.abs(source).max() / 127 if stored.tensor_type == T.Q8_0 else 0
        assert np.abs(written - source).max() <= 0.51 * step


def test_own_reader_agrees_with_gguf_py(model: TinyModel, tmp_path: Path) -> None:
    path = write(model, tmp_path / "m.gguf", "q4_k_m")
    theirs, ours = GGUFReader(path), GgufFile(path)
    assert ours.metadata == {
        key: field.contents() for key, field in theirs.fields.items() if not key.startswith("GGUF.")
    }
    for tensor in theirs.tensors:
        info = ours.tensors[tensor.name]
        assert (info.start, info.n_bytes, info.type) == (tensor.data_offset, tensor.n_bytes, tensor.tensor_type)


@pytest.mark.parametrize("dtype", ["f32", "f16", "bf16"])
@pytest.mark.parametrize("target", ["f32", "f16", "bf16"])
def test_float_conversions(dtype: str, target: str, tmp_path: Path) -> None:
    model = make_model(dtype=dtype, layers=2, rows=40)
    path = write(model, tmp_path / "m.gguf", target)
    stored = GgufFile(path)
    for entry in plan(model, target):
        source = entry.source.float_rows(0, entry.source.n_rows)
        bits = stored.data(entry.name)
        if entry.type is T.F32:
            assert np.array_equal(bits.view(np.float32), source.ravel())
        elif entry.type is T.F16:
            assert np.array_equal(bits.view(np.float16), source.ravel().astype(np.float16))
        else:
            reference = source.ravel().view(np.uint32).astype(np.uint64)
            reference = ((reference + 0x7FFF + ((reference >> 16) & 1)) >> 16).astype(np.uint16)
            assert np.array_equal(bits.view(np.uint16), reference)
        exact = np.array_equal(dequantized(entry, bits), source.ravel())
        assert (entry.exactness == "exact") <= exact
        assert entry.exactness in ("exact", f"rounded to {target}")
    vectors = [entry for entry in plan(model, target) if len(entry.shape) == 1]
    assert vectors
    assert all(entry.type is T.F32 for entry in vectors)


def dequantized(entry: TensorPlan, bits: np.ndarray) -> np.ndarray:
    return dequantize(bits, entry.type) if entry.type is not T.BF16 else _bf16(bits.view(np.uint16))


def _bf16(bits: np.ndarray) -> np.ndarray:
    return (bits.astype(np.uint32) << 16).view(np.float32)


def test_every_half_converts_exactly() -> None:
    from belle.gguf import ggml

    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    halves = halves[np.isfinite(halves)]
    out = np.empty(halves.size, np.float32)
    ggml.f16_to_f32(halves, out)
    assert np.array_equal(out, halves.astype(np.float32))
    between = np.concatenate([out, np.nextafter(out, np.float32(1e9)), (out[1:] + out[:-1]) / 2])
    rounded = np.empty(between.size, np.float16)
    ggml.f32_to_f16(between, rounded)
    with np.errstate(over="ignore"):
        assert np.array_equal(rounded, between.astype(np.float16))


def test_chunks_cover_every_row_once(model: TinyModel) -> None:
    plans = plan(model)
    seen: dict[int, int] = {}
    for chunk in chunks_of(plans):
        assert chunk.start == seen.get(chunk.tensor, 0)
        assert (chunk.stop - chunk.start) * plans[chunk.tensor].source.row_length <= CHUNK_WEIGHTS
        seen[chunk.tensor] = chunk.stop
    assert seen == {index: entry.source.n_rows for index, entry in enumerate(plans)}


def test_interrupted_and_resumed(model: TinyModel, tmp_path: Path) -> None:
    whole = write(model, tmp_path / "whole.gguf", "q4_k_m").read_bytes()
    path = tmp_path / "m.gguf"
    broken = with_sources(model, lambda s: Flaky(s, 1 if s.name == "blk.0.ffn_down.weight" else 99))
    with pytest.raises(KnownError) as failure:
        write(broken, path, "q4_k_m")
    assert failure.value.kind == "unreadable"
    assert "ffn_down" in failure.value.message
    assert not path.exists()
    assert part_path(path).stat().st_size == len(whole)
    Counting.read = 0
    write(with_sources(model, lambda s: Counting(s.name, s.values)), path, "q4_k_m")
    assert path.read_bytes() == whole
    assert 0 < Counting.read < sum(entry.source.n_rows for entry in plan(model))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.gguf", "whole.gguf"]


def test_a_journal_that_lies_is_not_believed(model: TinyModel, tmp_path: Path) -> None:
    whole = write(model, tmp_path / "whole.gguf").read_bytes()
    path = tmp_path / "m.gguf"
    with pytest.raises(KnownError):
        write(with_sources(model, lambda s: Flaky(s, 1 if s.name == "blk.0.ffn_down.weight" else 99)), path)
    assert len(journal_path(path).read_text().splitlines()) > 3
    with part_path(path).open("r+b") as file:  # as if the disk had forgotten everything
        file.write(bytes(len(whole)))
    write(model, path)
    assert path.read_bytes() == whole


@pytest.mark.parametrize("damage", [b"", b"{", b"[1]\n", b"\xff\xfe", b'{"format": 1}\n[0,0,5,1]\n'])
def test_a_damaged_journal_starts_afresh(model: TinyModel, damage: bytes, tmp_path: Path) -> None:
    whole = write(model, tmp_path / "whole.gguf").read_bytes()
    path = tmp_path / "m.gguf"
    part_path(path).write_bytes(b"\xaa" * len(whole))
    journal_path(path).write_bytes(damage)
    write(model, path)
    assert path.read_bytes() == whole


def test_a_torn_last_line_costs_only_itself(model: TinyModel, tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    with pytest.raises(KnownError):
        write(with_sources(model, lambda s: Flaky(s, 1 if s.name == "blk.0.ffn_down.weight" else 99)), path)
    journal = journal_path(path).read_text()
    journal_path(path).write_text(journal[:-4])
    Counting.read = 0
    write(with_sources(model, lambda s: Counting(s.name, s.values)), path)
    assert Counting.read < sum(entry.source.n_rows for entry in plan(model))


def test_changed_inputs_start_afresh(model: TinyModel, tmp_path: Path) -> None:
    path, source = tmp_path / "m.gguf", tmp_path / "weights"
    source.write_bytes(b"one")
    broken = with_sources(model, lambda s: Flaky(s, 1 if s.name == "blk.0.ffn_down.weight" else 99))
    with pytest.raises(KnownError):
        write_gguf(path, model.metadata, plan(broken), inputs=[source])
    source.write_bytes(b"other")
    Counting.read = 0
    counting = with_sources(model, lambda s: Counting(s.name, s.values))
    write_gguf(path, model.metadata, plan(counting), inputs=[source])
    assert Counting.read == sum(entry.source.n_rows for entry in plan(model))


def test_sources_are_released_once(model: TinyModel, tmp_path: Path) -> None:
    Counting.released = 0
    write(with_sources(model, lambda s: Counting(s.name, s.values)), tmp_path / "m.gguf")
    assert Counting.released == len(model.tensors)


def test_final_metadata_takes_the_place_of_the_first(model: TinyModel, tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    first = [*model.metadata, KeyValue("digest", "0" * 64, TEXT)]
    last = [*model.metadata, KeyValue("digest", "f" * 64, TEXT)]
    write_gguf(path, first, plan(model), final_metadata=lambda: last)
    assert GgufFile(path).metadata["digest"] == "f" * 64


def test_progress_ends_at_everything(model: TinyModel, tmp_path: Path) -> None:
    readings = []
    write_gguf(tmp_path / "m.gguf", model.metadata, plan(model, "q6_k"), progress=readings.append)
    last = readings[-1]
    assert last.done_bytes == last.total_bytes == sum(entry.n_bytes for entry in plan(model, "q6_k"))
    assert last.done_weights == last.total_weights
    assert last.seconds_left == 0
    assert last.weights_per_second > 0


def test_stopped_by_the_caller(model: TinyModel, tmp_path: Path) -> None:
    def stop(_progress) -> None:
        raise KeyboardInterrupt

    path = tmp_path / "m.gguf"
    with pytest.raises(KeyboardInterrupt):
        write_gguf(path, model.metadata, plan(model, "q4_k_m"), progress=stop)
    assert not path.exists()
    assert part_path(path).exists()
    write(model, path, "q4_k_m")
    assert path.read_bytes() == write(model, tmp_path / "whole.gguf", "q4_k_m").read_bytes()


# --- what is refused


def bad(value: float, dtype: str) -> TinyModel:
    model = make_model(dtype="f32", layers=2, rows=40)
    tensors = []
    for tensor in model.tensors:
        array = tensor.source.values.copy()
        if tensor.name == "blk.1.ffn_up.weight":
            array[17, 3] = value
        tensors.append(Tensor(tensor.name, ArraySource("checkpoint." + tensor.name, as_dtype(array, dtype))))
    return TinyModel(model.metadata, tensors)


@pytest.mark.parametrize("dtype", ["f32", "f16", "bf16"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("target", ["f32", "f16", "q8_0", "q4_k_m"])
def test_a_weight_that_is_not_finite(dtype: str, value: float, target: str, tmp_path: Path) -> None:
    with pytest.raises(KnownError) as failure:
        write(bad(value, dtype), tmp_path / "m.gguf", target)
    assert failure.value.kind == "not_finite"
    assert failure.value.details == {"tensor": "checkpoint.blk.1.ffn_up.weight", "row": 17, "column": 3}
    assert ("NaN" in failure.value.message) == np.isnan(value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("dtype", ["f32", "bf16"])
@pytest.mark.parametrize("target", ["f16", "q4_k_m"])
def test_a_weight_too_large_for_f16(dtype: str, target: str, tmp_path: Path) -> None:
    model = bad(-1e6, dtype)
    with pytest.raises(KnownError) as failure:
        write(model, tmp_path / "m.gguf", target)
    assert failure.value.kind == "too_large"
    assert failure.value.details["row"] == 17
    assert list(tmp_path.iterdir()) == []
    write(model, tmp_path / "bf16.gguf", "bf16")
    if target == "q4_k_m":
        write(model, tmp_path / "direct.gguf", target, round_first=False)


def test_output_on_the_input(model: TinyModel, tmp_path: Path) -> None:
    source = tmp_path / "in.gguf"
    source.write_bytes(b"GGUF and more")
    link = tmp_path / "link.gguf"
    link.hardlink_to(source)
    for path in (source, link):
        with pytest.raises(KnownError) as failure:
            write_gguf(path, model.metadata, plan(model), inputs=[source])
        assert failure.value.kind == "output_is_input"
    assert source.read_bytes() == b"GGUF and more"


def test_outputs_that_cannot_be(model: TinyModel, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    cases = {
        "output_is_folder": tmp_path,
        "no_folder": tmp_path / "none" / "m.gguf",
        "output_exists": tmp_path / "notes.txt",
    }
    for kind, path in cases.items():
        with pytest.raises(KnownError) as failure:
            write(model, path)
        assert failure.value.kind == kind
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("name", ["m.gguf", "deeper/m.gguf"])
def test_a_file_in_the_place_of_a_folder_is_called_a_file(name: str, model: TinyModel, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(KnownError, match=r"notes\.txt is a file, not a folder") as failure:
        write(model, tmp_path / "notes.txt" / name)
    assert failure.value.kind == "no_folder"


def test_a_folder_that_cannot_be_written(model: TinyModel) -> None:
    folder = Path("/proc/self")  # a folder in which even root cannot create files
    if not folder.is_dir():
        pytest.skip("no /proc")
    with pytest.raises(KnownError) as failure:
        write(model, folder / "m.gguf")
    assert failure.value.kind == "unwritable"


def test_an_older_file_stays_until_the_new_one_is_whole(model: TinyModel, tmp_path: Path) -> None:
    path = write(model, tmp_path / "m.gguf", "q8_0")
    before = path.read_bytes()
    with pytest.raises(KnownError):
        write(with_sources(model, lambda s: Flaky(s, 0)), path, "q4_0")
    assert path.read_bytes() == before
    write(model, path, "q4_0")
    assert path.read_bytes() != before


def test_two_programs_at_once(model: TinyModel, tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    with part_path(path).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(KnownError) as failure:
            write(model, path)
        assert failure.value.kind == "busy"
    write(model, path)


SMALL_DISK = """
    import resource, sys
    from pathlib import Path
    from belle.errors import KnownError
    from tests.convert.tiny_models import make_model, write
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
    try:
        write(make_model(rows=400), Path(sys.argv[1]), "q8_0")
    except KnownError as error:
        print(error.kind)
"""


def run_here(code: str, *arguments: str) -> str:
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments], cwd=root, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_a_file_system_that_ends_early(tmp_path: Path) -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)
    assert run_here(SMALL_DISK, str(tmp_path / "m.gguf")) == "file_too_large"
    assert list(tmp_path.iterdir()) == []


FULL_DISK = """
    import errno, os, sys
    from pathlib import Path
    from belle.errors import KnownError
    from tests.convert.tiny_models import make_model, write
    path, when = Path(sys.argv[1]), sys.argv[2]
    real, calls = os.pwrite, 0
    def pwrite(*arguments):
        global calls
        calls += 1
        if when == "later" and calls > 20:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*arguments)
    os.pwrite = pwrite
    if when == "before":
        def posix_fallocate(*arguments):
            raise OSError(errno.ENOSPC, "No space left on device")
        os.posix_fallocate = posix_fallocate
    try:
        write(make_model(rows=400), path, "q8_0")
    except KnownError as error:
        print(error.kind)
"""


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="space is not reserved on this system")
def test_disk_full_before_the_start(tmp_path: Path) -> None:
    assert run_here(FULL_DISK, str(tmp_path / "m.gguf"), "before") == "disk_full"
    assert list(tmp_path.iterdir()) == []


def test_disk_full_half_way(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    assert run_here(FULL_DISK, str(path), "later") == "disk_full"
    assert not path.exists()
    assert json.loads(journal_path(path).read_text().splitlines()[0])["format"] == 1
    write(make_model(rows=400), path, "q8_0")
    assert path.read_bytes() == write(make_model(rows=400), tmp_path / "whole.gguf", "q8_0").read_bytes()


def test_a_disk_that_is_too_small(tmp_path: Path) -> None:
    shape = (1 << 30, 1 << 14)
    endless = ArraySource("endless", np.broadcast_to(np.float16(0), shape))
    model = make_model(layers=1)
    model = TinyModel(model.metadata, [*model.tensors, Tensor("token_embd.weight", endless)])
    with pytest.raises(KnownError) as failure:
        write(model, tmp_path / "m.gguf", "f16")
    assert failure.value.kind == "disk_full"
    assert failure.value.details["needed"] > failure.value.details["free"]
    assert list(tmp_path.iterdir()) == []


def test_packed_blocks_are_moved(tmp_path: Path) -> None:
    class Packed(ArraySource):
        packed_type = T.Q4_0

        def packed_rows(self, start: int, stop: int) -> np.ndarray:
            return np.arange(start, stop, dtype=np.uint8)[:, None].repeat(self.shape[-1] // 32 * 18, axis=1) & 0x3F

    rng = np.random.default_rng(0)
    model = make_model(layers=2)
    packed = Packed("packed", values(rng, 100, 256).astype(np.float16))
    tensors = [t if t.name != "blk.1.ffn_up.weight" else Tensor(t.name, packed) for t in model.tensors]
    model = TinyModel(model.metadata, tensors)
    moved = GgufFile(write(model, tmp_path / "exact.gguf", "q4_k_m"))
    assert moved.tensors["blk.1.ffn_up.weight"].type is T.Q4_0
    assert np.array_equal(moved.data("blk.1.ffn_up.weight"), packed.packed_rows(0, 100).ravel())
    assert {entry.name: entry.exactness for entry in plan(model, "q4_k_m")}["blk.1.ffn_up.weight"] == "exact"
    again = GgufFile(write(model, tmp_path / "again.gguf", "q4_k_m", packed="requantize"))
    assert again.tensors["blk.1.ffn_up.weight"].type is T.Q4_K
