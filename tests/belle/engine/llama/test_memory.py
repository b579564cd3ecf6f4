from __future__ import annotations

import re
from pathlib import Path

import llama_cpp.llama_cpp as llama
import psutil
import pytest
from gguf import GGMLQuantizationType

from belle.engine.llama import memory
from belle.engine.llama.context import Context, StopFlag
from belle.engine.llama.model import Model
from belle.engine.llama.native_log import NativeLog
from belle.engine.process.blocking import open_engine
from belle.engine.process.commands import Generate, Load, Sampling
from belle.errors import KnownError
from belle.gguf.reader import read_header
from belle.prompts import Message
from tests.belle.engine.tiny_gguf import write_random_model

GIB = 1 << 30


def test_the_parts_of_the_estimate(starter: Path) -> None:
    header = read_header(starter)
    need = memory.estimate(header, 4096)
    assert need.weights == starter.stat().st_size
    assert memory.kv_bytes_per_token(header) == 30 * 3 * (64 + 64) * 2
    assert need.kv == 4096 * 23_040
    assert need.total == need.weights + need.kv + need.compute


@pytest.mark.parametrize("n_ctx", [512, 4096, 8192])
def test_the_compute_buffer_is_about_what_llama_cpp_takes(starter: Path, native_log: NativeLog, n_ctx: int) -> None:
    lines: list[str] = []
    listen = llama.llama_log_callback(lambda level, text, _: lines.append(text.decode()))
    model = Model(starter, n_gpu_layers=0, log=native_log, on_progress=lambda fraction: True)
    llama.llama_log_set(listen, None)
    context = Context(model, n_ctx, on_gpu=False, stop=StopFlag(), log=native_log)
    llama.llama_log_set(native_log.callback, None)
    context.close()
    model.close()
    log = "".join(lines)
    taken = {name: float(re.search(rf"CPU {name} buffer size = +([\d.]+) MiB", log)[1]) for name in ("KV", "compute")}  # type: ignore[index]
    header = read_header(starter)
    need = memory.estimate(header, n_ctx)
    assert need.kv == taken["KV"] * (1 << 20)
    process = memory._PROCESS_BYTES + memory._TOKEN_BYTES * header.n_vocab
    buffers = (need.compute - process) / (1 << 20)
    assert 0.9 * taken["compute"] <= buffers <= 1.7 * taken["compute"]


def test_weights_that_are_rearranged_are_in_memory_once(tmp_path: Path) -> None:
    """llama.cpp copies Q4_0 into another order where the processor has kernels for it, and maps the file besides."""
    path = tmp_path / "model.gguf"
    write_random_model(
        path, n_ctx=512, n_layers=6, n_embd=1024, n_ff=3072, scale=0.02, matrix_type=GGMLQuantizationType.Q4_0
    )
    with open_engine(Load(str(path), n_ctx=512, threads=1, template="plain")) as engine:
        list(engine.generate(Generate(1, (Message("user", "hello"),), Sampling(temperature=0.0), max_tokens=4)))
        assert engine.client.pid is not None
        resident = psutil.Process(engine.client.pid).memory_info().rss
    assert resident == pytest.approx(memory.estimate(read_header(path), 512).total, rel=0.15)


def test_too_big_tells_the_numbers_and_what_would_fit(starter: Path) -> None:
    header = read_header(starter)
    available = memory.estimate(header, 2048).total
    with pytest.raises(KnownError) as caught:
        memory.check_fits(header, 8192, available=available)
    assert caught.value.kind == "too_big_for_memory"
    details = caught.value.details
    assert details["available"] == available < details["needed"]
    assert details["fitting_n_ctx"] == 2048
    assert memory.check_fits(header, 2048, available=available).total == available


def test_the_largest_context(starter: Path) -> None:
    header = read_header(starter)
    assert memory.largest_context(header, 1000 * GIB) == 8192
    assert memory.largest_context(header, 1) == 0


def test_verdicts() -> None:
    assert memory.verdict(4 * GIB, 8 * GIB) == "fits"
    assert memory.verdict(int(7.5 * GIB), 8 * GIB) == "tight"
    assert memory.verdict(9 * GIB, 8 * GIB) == "too_big"


def test_available_memory_is_plausible() -> None:
    assert 16 << 20 < memory.available_memory() < 1 << 50


@pytest.mark.parametrize("version", [1, 2])
def test_a_container_limit_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: int) -> None:
    group = tmp_path / ("box" if version == 2 else "memory/box")
    group.mkdir(parents=True)
    names = {
        1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        2: ("memory.max", "memory.current", "inactive_file"),
    }[version]
    (group / names[0]).write_text("1000000\n")
    (group / names[1]).write_text("900000\n")
    (group / "memory.stat").write_text(f"anon 5\n{names[2]} 300000\n")
    cgroups = tmp_path / "cgroup"
    cgroups.write_text("0::/box/inner\n" if version == 2 else "4:cpu,memory:/box/inner\n1:name=x:/\n")
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    monkeypatch.setattr(memory, "_OWN_CGROUPS", cgroups)
    monkeypatch.setattr("sys.platform", "linux")
    assert memory.available_memory() == 400_000
    (group / names[0]).write_text("max\n" if version == 2 else f"{2**63 - 4096}\n")
    assert memory.available_memory() > 16 << 20
