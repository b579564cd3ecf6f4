"""Verification: a right file passes with true figures, and no wrong file gets its name."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gguf.constants import GGMLQuantizationType as T

from belle.cli.main import main
from belle.errors import KnownError
from belle.gguf.types import FILE_TYPES, FLOAT_TYPES, row_bytes
from belle.gguf.writer import padded
from convert.gptq import blocks
from convert.gptq.gptq_rows import GPTQRows
from convert.output.compare import TENSOR_ERRORS
from convert.output.file_format import FileFrame
from convert.output.journal import TensorSlice
from convert.output.part_file import journal_path, part_path
from convert.output.verify import FileProof, TensorProof, verify
from convert.output.writer import write_gguf
from convert.pipeline import convert
from convert.plan.mixture import TypeRequests
from convert.plan.options import ConvertOptions
from convert.plan.plan import TensorPlan, exactness_of
from convert.rows.arrange import take_rows
from convert.rows.source import RowSource
from tests.convert.checkpoints import bloom_checkpoint, llama_checkpoint
from tests.convert.gptq.test_exact import layer
from tests.convert.tiny_models import ArraySource, as_dtype, importances, make_model, plan, values

WIDTH = 512


def plan_one(source: RowSource, kind: T, *, packed: bool = False, **more: Any) -> TensorPlan:
    exactness = source.packed_exactness if packed else exactness_of(source, kind)
    n_bytes = source.n_rows * row_bytes(kind, source.row_length)
    return TensorPlan("blk.0.ffn_up.weight", source.shape, source, kind, exactness, n_bytes, 0, packed, **more)


HEAD = make_model().metadata


def write(path: Path, plans: list[TensorPlan], before: Callable[[Path], None] = lambda path: None) -> FileProof:
    """Write and verify; `before` may meddle with the finished file or its sources in between."""

    def verifier(part: Path, frame: FileFrame, checksums: Mapping[TensorSlice, int]) -> FileProof:
        before(part)
        return verify(part, frame, checksums, plans=plans, threads=2)

    written = write_gguf(path, HEAD, plans, threads=2, verifier=verifier)
    assert written.proof is not None
    return written.proof


def proof_of(path: Path, one: TensorPlan) -> TensorProof:
    return write(path, [one]).tensors[0]


class Forgetful(ArraySource):
    """A source that says something else when it is read the second time."""

    def change(self, how: Callable[[np.ndarray], None]) -> None:
        self.values = self.values.copy()
        how(self.values)


# --- what is right


@pytest.mark.parametrize(
    ("name", "with_imatrix"),
    [(name, w) for name in FILE_TYPES for w in (False, True) if w or name != "q2_k_s"],  # refused without a matrix
)
@pytest.mark.parametrize("dtype", ["f16", "f32", "bf16"])
def test_every_type_keeps_its_promise(name: str, dtype: str, with_imatrix: bool, tmp_path: Path) -> None:
    model = make_model(layers=2, rows=8, dtype=dtype, seed=4)
    weights = importances(model) if with_imatrix else None
    imatrix = type("Matrix", (), {"weights": weights})() if weights else None
    proof = write(tmp_path / "m.gguf", plan(model, name, imatrix=imatrix))
    assert [t.name for t in proof.tensors] == [tensor.name for tensor in model.tensors]
    for found, tensor in zip(proof.tensors, model.tensors, strict=True):
        assert found.n_weights == tensor.source.values.size
        match found.exactness:
            case "exact":
                assert found.relative_error == 0
            case "quantized":
                assert 0 < found.relative_error < TENSOR_ERRORS[T[found.type]]
            case rounded:
                assert rounded == f"rounded to {found.type.lower()}"
                assert found.relative_error < 2.0**-8


@pytest.mark.parametrize("kind", TENSOR_ERRORS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("shape", ["heavy tails", "one outlier", "rows of all sizes", "constant", "zeros", "tiny"])
def test_strange_weights_are_no_reason_to_fail(kind: T, shape: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(0, 0.02, (64, WIDTH)).astype(np.float32)
    match shape:
        case "heavy tails":
            x = (rng.standard_t(1.5, x.shape) * 0.02).clip(-1e4, 1e4).astype(np.float32)
        case "one outlier":
            x[:, ::256] = 30.0
        case "rows of all sizes":
            x *= 10.0 ** rng.uniform(-6, 3, (64, 1)).astype(np.float32)
        case "constant":
            x[:] = 0.1
        case "zeros":
            x[::2] = 0
        case "tiny":
            x *= np.float32(1e-7)
    importance = rng.gamma(0.5, 1.0, WIDTH).astype(np.float32)
    for number, weights in enumerate((None, importance)):
        write(tmp_path / f"{number}.gguf", [plan_one(ArraySource("x", x), kind, importance=weights)])


def test_rounding_is_measured(tmp_path: Path) -> None:
    source = ArraySource("x", values(np.random.default_rng(0), 64, WIDTH))
    half = proof_of(tmp_path / "a.gguf", plan_one(source, T.F16))
    brain = proof_of(tmp_path / "b.gguf", plan_one(source, T.BF16))
    assert half.exactness == "rounded to f16"
    assert 1e-4 < half.relative_error < 2.0**-11
    assert 1e-3 < brain.relative_error < 2.0**-8


def gptq(bits: int = 4, *, mode: str = "exact", seed: int = 0, **options: Any) -> GPTQRows:
    return layer(bits, 128, shape=(64, 1024), seed=seed, **options).rows(mode=mode)


def test_gptq_is_told_apart_by_what_happened_to_it(tmp_path: Path) -> None:
    sources = {
        "exact": gptq(symmetric=True),
        "permuted": take_rows(gptq(symmetric=False), np.arange(64)[::-1].copy()),
        "fp32 scales": gptq(symmetric=False, scale_type=np.float32),
        "structured": gptq(symmetric=False, mode="fast"),
        "hybrid": gptq(8, symmetric=False),
        "permuted structured": take_rows(gptq(symmetric=False, mode="fast"), np.arange(64)[::-1].copy()),
    }
    found = {
        name: proof_of(tmp_path / f"{name}.gguf", plan_one(source, source.packed_type, packed=True))
        for name, source in sources.items()
    }
    assert {name: proof.exactness for name, proof in found.items()} == {
        "exact": "exact",
        "permuted": "exact",
        "fp32 scales": "near-exact",
        "structured": "near-exact",
        "hybrid": "near-exact",
        "permuted structured": "near-exact",
    }
    assert found["exact"].rms_steps == 0
    assert found["exact"].noise_factor == 1
    assert 0.0005 < found["fp32 scales"].rms_steps < 0.002
    assert found["fp32 scales"].largest_steps < 0.008
    assert 0.003 < found["structured"].rms_steps < 0.03
    assert found["permuted structured"].rms_steps == pytest.approx(found["structured"].rms_steps)
    assert 0.05 < found["hybrid"].rms_steps < 0.58  # zeros anywhere: more than real ones cost


@pytest.mark.parametrize(("kind", "factor"), [(T.Q4_K, 1.34), (T.Q5_K, 1.10), (T.Q6_K, 1.025), (T.Q8_0, 1.003)])
def test_the_noise_of_quantizing_a_second_time(kind: T, factor: float, tmp_path: Path) -> None:
    """Gaussian weights, asymmetric groups of 128, rounded to nearest: the numbers that were measured before."""
    from convert.gptq import word_packing
    from tests.convert.gptq.test_exact import Layer, Stored

    rng = np.random.default_rng(0)
    n_out, n_in, group = 64, 2048, 128
    x = rng.normal(0, 0.02, (n_in // group, group, n_out))
    low, high = np.minimum(x.min(axis=1), 0), np.maximum(x.max(axis=1), 0)
    scales = ((high - low) / 15).astype(np.float16)
    zeros = np.rint(-low / scales).clip(1, 15)
    q = (np.rint(x / scales[:, None]) + zeros[:, None]).clip(0, 15).astype(np.uint8).reshape(n_in, n_out)
    tensors = {
        "m.qweight": Stored(word_packing.pack(q, 4)),
        "m.qzeros": Stored(word_packing.pack(np.ascontiguousarray((zeros - 1).astype(np.uint8).T), 4).T.copy()),
        "m.scales": Stored(scales),
    }
    source = Layer(tensors, np.empty(0)).rows()
    proof = proof_of(tmp_path / "m.gguf", plan_one(source, kind, round_first=True))
    assert proof.exactness == "requantized"
    assert proof.noise_factor - 1 == pytest.approx(factor - 1, rel=0.25)
    assert proof.noise_factor == pytest.approx(1 + 12 * proof.rms_steps**2)


# --- what is wrong


def swap_rows(x: np.ndarray) -> None:
    x[[3, 7]] = x[[7, 3]]


def one_weight(x: np.ndarray) -> None:
    x[5, 11] *= 1.01


def not_a_number(x: np.ndarray) -> None:
    x[5, 11] = np.nan


def double(x: np.ndarray) -> None:
    x *= 2


@pytest.mark.parametrize(
    ("dtype", "kind", "change"),
    [
        ("f32", T.F32, one_weight),
        ("f16", T.F16, one_weight),
        ("f16", T.F32, one_weight),
        ("f32", T.F16, one_weight),
        ("f32", T.BF16, swap_rows),
        ("f32", T.F16, not_a_number),
        ("f16", T.F32, not_a_number),
        *(("f32", kind, swap_rows) for kind in TENSOR_ERRORS),
        *(("f32", kind, double) for kind in (T.Q8_0, T.Q6_K, T.Q4_K, T.Q4_0)),
        ("f32", T.Q4_K, not_a_number),
    ],
    ids=lambda value: getattr(value, "__name__", getattr(value, "name", value)),
)
def test_other_weights_than_the_sources_are_found(
    dtype: str, kind: T, change: Callable[[np.ndarray], None], tmp_path: Path
) -> None:
    source = Forgetful("the.source", as_dtype(values(np.random.default_rng(0), 64, WIDTH), dtype))
    path = tmp_path / "m.gguf"
    with pytest.raises(KnownError) as caught:
        write(path, [plan_one(source, kind)], before=lambda _: source.change(change))
    assert caught.value.kind == "verification_failed"
    assert caught.value.details["tensor"] == "blk.0.ffn_up.weight"
    assert caught.value.details["repairable"] is False
    assert list(tmp_path.iterdir()) == [], "trying again cannot help, so nothing is kept"


@pytest.mark.parametrize("options", [{"symmetric": True}, {"symmetric": False, "scale_type": np.float32}])
@pytest.mark.parametrize("what", ["code", "zero"])
def test_a_wrong_code_or_zero_is_found(options: dict[str, Any], what: str, tmp_path: Path) -> None:
    source = gptq(**options)

    def meddle(_: Path) -> None:
        if what == "zero":
            source.groups.zeros[:] += 1
            return
        wrong = np.array(source._tensors["m.qweight"].values)
        wrong[:, 9] ^= 0x77777777
        source._tensors["m.qweight"].values = wrong
        source.release()

    with pytest.raises(KnownError, match=r"codes|promises"):
        write(tmp_path / "m.gguf", [plan_one(source, source.packed_type, packed=True)], before=meddle)


@pytest.mark.parametrize(("packer", "symmetric"), [("q4_0_of_pairs", True), ("q5_0", False)])
def test_a_packer_that_is_wrong_each_time_is_found(
    packer: str, symmetric: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = getattr(blocks, packer)

    def wrong(*arguments: Any) -> np.ndarray:
        made = right(*arguments)
        made[:, -1] ^= 0x10  # the last code of every row
        return made

    monkeypatch.setattr(blocks, packer, wrong)
    source = gptq(symmetric=symmetric)
    with pytest.raises(KnownError, match="not what its codes stand for"):
        write(tmp_path / "m.gguf", [plan_one(source, source.packed_type, packed=True)])


@pytest.mark.parametrize("kind", [T.F16, T.Q4_K, T.Q8_0])
@pytest.mark.parametrize("where", ["head", "data"])
def test_a_bit_that_tips_over_on_the_disk_is_found_and_mended(kind: T, where: str, tmp_path: Path) -> None:
    sources = [ArraySource(f"s{i}", values(np.random.default_rng(i), 64, WIDTH)) for i in range(2)]
    n_bytes = 64 * row_bytes(kind, WIDTH)
    plans = [
        TensorPlan(f"blk.{i}.ffn_up.weight", (64, WIDTH), s, kind, exactness_of(s, kind), n_bytes, i * padded(n_bytes))
        for i, s in enumerate(sources)
    ]
    path = tmp_path / "m.gguf"

    def flip(part: Path) -> None:
        with part.open("r+b") as file:
            file.seek(70 if where == "head" else -1000, 0 if where == "head" else 2)
            byte = file.read(1)
            file.seek(-1, 1)
            file.write(bytes([byte[0] ^ 1]))

    with pytest.raises(KnownError) as caught:
        write(path, plans, before=flip)
    assert caught.value.kind == "verification_failed"
    assert caught.value.details["repairable"] is True
    assert caught.value.details["tensor"] == ("" if where == "head" else "blk.1.ffn_up.weight")
    assert not path.exists()
    assert part_path(path).exists()
    write(path, plans)
    assert not journal_path(path).exists()
    write(tmp_path / "right.gguf", plans)
    assert path.read_bytes() == (tmp_path / "right.gguf").read_bytes()


def test_rows_without_a_checksum_are_a_defect(tmp_path: Path) -> None:
    one = plan_one(ArraySource("x", values(np.random.default_rng(0), 64, WIDTH)), T.F16)

    def forget(part: Path, frame: FileFrame, checksums: Mapping[TensorSlice, int]) -> FileProof:
        return verify(part, frame, {}, plans=[one])

    with pytest.raises(RuntimeError, match="without a checksum"):
        write_gguf(tmp_path / "m.gguf", HEAD, [one], verifier=forget)
    assert not (tmp_path / "m.gguf").exists()


# --- through the pipeline and the command line


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return llama_checkpoint(tmp_path_factory.mktemp("llama"), layers=2, dtype="bf16")


def test_a_conversion_is_verified_unless_told_not_to(llama: Path, tmp_path: Path) -> None:
    report = convert(llama, tmp_path / "m.gguf", ConvertOptions(types=("q4_k_m", "f16")))
    for file in report.files:
        assert file.proof is not None
        assert [t.name for t in file.proof.tensors] == [t.name for t in file.tensors]
        assert [t.exactness for t in file.proof.tensors] == [t.exactness for t in file.tensors]
    assert json.loads(json.dumps(report.as_json()))["files"][0]["proof"]["tensors"][0]["relative_error"] > 0
    skipped = convert(llama, tmp_path / "n.gguf", ConvertOptions(verify=False))
    assert skipped.files[0].proof is None


def test_rare_types_are_verified_too(llama: Path, tmp_path: Path) -> None:
    options = ConvertOptions(types=("q8_0",), requests=TypeRequests(pure=True))
    assert convert(llama, tmp_path / "m.gguf", options).files[0].proof


def test_interrupted_while_verifying(tmp_path: Path) -> None:
    source = bloom_checkpoint(tmp_path / "bloom", layers=2)
    path = tmp_path / "m.gguf"

    def stop(reading: Any) -> None:
        if reading.stage == "verify":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(source, path, ConvertOptions(types=("q8_0",)), progress=stop)
    assert not path.exists()
    assert len(journal_path(path).read_text().splitlines()) > 10, "what was written is not written again"
    convert(source, path, ConvertOptions(types=("q8_0",)))
    assert path.exists()


def test_command(llama: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["convert", str(llama), "-o", str(tmp_path / "m.gguf"), "-t", "q4_k_m"]
    assert main([*words, "--report", str(tmp_path / "report.json")]) == 0
    shown = capsys.readouterr().out
    assert "every weight compared with the checkpoint" in shown
    assert "bit for bit" in shown
    assert "largest errors: " in shown
    report = json.loads((tmp_path / "report.json").read_text())
    assert len(report["files"][0]["proof"]["tensors"]) == 21
    assert main([*words, "--no-verify"]) == 0
    assert "not verified" in capsys.readouterr().out
    assert main([*words, "--report", str(tmp_path / "none" / "r.json")]) == 2


def test_memory_is_bounded_by_chunks(tmp_path: Path) -> None:
    """Nothing larger than a few runs of rows may be asked of a source at once."""
    source = ArraySource("x", values(np.random.default_rng(0), 3000, 1024))
    asked = []
    read = source.rows
    source.rows = lambda start, stop: (asked.append(stop - start), read(start, stop))[1]  # type: ignore[method-assign]
    write(tmp_path / "m.gguf", [plan_one(source, FLOAT_TYPES["f16"])])
    assert max(asked) * 1024 <= 1 << 20
    assert sum(asked) == 2 * 3000
