"""Walking through models block by block, as llama.cpp computes them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFReader
from gguf.quants import dequantize

from belle.engine.llama.activations import ActivationReader
from belle.engine.llama.block_runner import OUTPUT_INPUT, BlockRunner
from belle.errors import KnownError
from belle.gguf.mapped_file import GgufFile
from convert.quantize import hessian, layerwise
from convert.quantize.hessian import Moments
from convert.quantize.layerwise import round_model
from convert.quantize.rows import GgufRows, RoundedRows, Spool
from tests.convert.quantize.walked_models import architecture_gguf

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
IDS = [int(i) for i in np.random.default_rng(7).integers(3, 250, 64)]
WINDOWS = [[int(i) for i in np.random.default_rng(seed).integers(3, 250, 200)] for seed in range(4)]


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return architecture_gguf("llama-gqa", tmp_path_factory.mktemp("llama") / "model.gguf")


@pytest.mark.parametrize("name", ["llama-tied", "bloom", "mistral-window", "qwen2", "qwen3", "gemma2", "gemma3"])
def test_block_by_block_is_the_whole_model(name: str, tmp_path: Path) -> None:
    with BlockRunner(architecture_gguf(name, tmp_path / "model.gguf"), threads=1) as runner:
        runner.check(IDS)
        groups = runner.inputs(IDS)
        first = ("attn_qkv",) if name == "bloom" else ("attn_q", "attn_k", "attn_v")
        assert set(groups[0]) == {f"blk.0.{part}.weight" for part in first}
        assert len(groups) == 4 * runner.n_blocks


def test_the_inputs_of_a_block_are_those_of_the_whole_model(llama: Path) -> None:
    wanted = "blk.1.ffn_down.weight"
    seen: dict[str, np.ndarray] = {}
    with ActivationReader(llama, lambda name, rows: seen.__setitem__(name, rows.copy()), threads=1) as reader:
        list(reader.read([IDS]))
    found: dict[str, np.ndarray] = {}
    with BlockRunner(llama, threads=1) as runner:
        hidden = runner.run(IDS, 0, None)
        runner.run(
            IDS, 1, hidden, take=lambda n, rows: found.__setitem__(n, rows.copy()), wanted=[wanted], to_end=False
        )
        # In any order, and as often as one likes.
        np.testing.assert_array_equal(runner.run(IDS, 0, None), hidden)
    np.testing.assert_allclose(found[wanted], seen[wanted], rtol=1e-4, atol=1e-5)


def test_a_model_that_computes_something_else_is_refused(llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with BlockRunner(llama, threads=1) as runner:
        run = BlockRunner.run

        def wrong(self, window, block, hidden, **options):
            return run(self, window, block, None if hidden is None else 1.01 * hidden, **options)

        monkeypatch.setattr(BlockRunner, "run", wrong)
        with pytest.raises(KnownError) as refusal:
            runner.check(IDS)
    assert refusal.value.kind == "unknown_graph"
    assert "--method imatrix" in refusal.value.advice


def test_what_is_not_there_is_not_waited_for(llama: Path) -> None:
    with BlockRunner(llama, threads=1) as runner, pytest.raises(KnownError, match="followed"):
        runner.run(IDS, 0, None, wanted=["blk.0.no_such.weight"], to_end=False)


@pytest.mark.parametrize("rows_per_column", [0, 10**6])
def test_every_block_is_rounded_for_what_the_rounded_ones_before_give(
    rows_per_column: int, llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hessian, "ROWS_PER_COLUMN", rows_per_column)
    file = GgufFile(llama)
    moments: list[Moments] = []
    prepare = layerwise.prepare
    monkeypatch.setattr(layerwise, "prepare", lambda found: (moments.append(found), prepare(found))[1])
    steps: list[tuple[int, int]] = []
    with Spool(tmp_path / "out") as spool, BlockRunner(llama, threads=1) as runner:
        names = [f"blk.{block}.{part}.weight" for block in (0, 1) for part in ("attn_q", "ffn_up")] + ["output.weight"]
        rounded = {n: RoundedRows(GgufRows(file, file.tensors[n]), layerwise.GGMLType.Q4_0, spool) for n in names}
        groups = dict.fromkeys(names)
        errors = round_model(runner, WINDOWS, rounded, threads=1, on_step=lambda *step: steps.append(step))
        assert errors.keys() == groups.keys()
        assert steps[-1][0] == steps[-1][1] == len(steps)
        # The same model as a file of float32, read as a whole.
        changed = tmp_path / "changed.gguf"
        changed.write_bytes(llama.read_bytes())
        reader = GGUFReader(changed, "r+")
        for tensor in reader.tensors:
            if tensor.name in rounded and tensor.name != "output.weight":
                blocks = rounded[tensor.name].packed_rows(0, rounded[tensor.name].n_rows)
                tensor.data[:] = dequantize(np.ascontiguousarray(blocks), layerwise.GGMLType.Q4_0)
        reader.data.flush()
    sums: dict[str, np.ndarray] = {}

    def take(name: str, rows: np.ndarray) -> None:
        sums[name] = sums.get(name, 0) + np.square(rows.astype(np.float64)).sum(axis=0)

    with ActivationReader(changed, take, threads=1, output_too=True) as whole:
        list(whole.read(WINDOWS))
    by_input = ["blk.0.attn_q", "blk.0.ffn_up", "blk.1.attn_q", "blk.1.ffn_up", "output"]
    for name, found in zip(by_input, moments, strict=True):
        expected = sums[f"{name}.weight"]
        same_input = name != "blk.0.ffn_up" and name != "blk.1.ffn_up"
        # Within a block, what is not rounded yet is the original's.
        np.testing.assert_allclose(np.diag(found.sum), expected, rtol=2e-3 if same_input else 0.2)
        assert found.n_rows == sum(map(len, WINDOWS))
        assert found.drift.any() == (rows_per_column == 0 and not name.startswith("blk.0."))


def test_interrupting_ends_the_walk(llama: Path, tmp_path: Path) -> None:
    file = GgufFile(llama)

    def stop(done: int, total: int) -> None:
        if done == 7:
            raise KeyboardInterrupt

    with Spool(tmp_path / "out") as spool, BlockRunner(llama, threads=1) as runner:
        name = "blk.1.ffn_down.weight"
        rounded = {name: RoundedRows(GgufRows(file, file.tensors[name]), layerwise.GGMLType.Q4_0, spool)}
        with pytest.raises(KeyboardInterrupt):
            round_model(runner, WINDOWS, rounded, threads=1, on_step=stop)
        with ThreadPoolExecutor(1):
            runner.check(IDS)
    assert list(tmp_path.iterdir()) == []


def test_the_output_matrix_sees_every_row(llama: Path) -> None:
    shapes: list[tuple[int, ...]] = []
    with BlockRunner(llama, threads=1) as runner:
        hidden = None
        for block in range(runner.n_blocks):
            hidden = runner.run(IDS, block, hidden)
        runner.run(
            IDS,
            runner.n_blocks,
            hidden,
            take=lambda _, rows: shapes.append(rows.shape),
            wanted=[OUTPUT_INPUT],
            to_end=False,
        )
    assert shapes == [(64, 64)]
