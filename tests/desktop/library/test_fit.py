"""Will it run here: the verdict follows from memory and disk, the speed from what the machine was measured to do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from belle.engine.llama.memory import estimate
from belle.engine.llama.speed import MachineSpeed, Observed
from belle.engine.process.blocking import open_engine
from belle.engine.process.commands import Load
from belle.gguf.reader import read_header
from belle.models.catalog import ModelEntry, load_catalog
from desktop.library.fit import Fit, Machine, fit_of_entry, fit_of_file, fit_of_pair, held_by_engines
from desktop.model_settings import ALL_LAYERS, LoadSettings

GB = 10**9
SPEED = MachineSpeed(dict.fromkeys(("Q4_K", "Q6_K", "Q8_0", "Q5_0", "Q4_1", "Q4_0"), 1 / (10 * GB)), 0.0)
ROOMY = Machine(64 * GB, 500 * GB, Observed(SPEED))
KNOWN = [entry for entry in load_catalog() if entry.kind not in ("unsupported", "speech")]


def entry(name: str) -> ModelEntry:
    found = load_catalog().find(name)
    assert found is not None
    return found


@pytest.mark.parametrize("model", KNOWN, ids=lambda model: model.name)
def test_every_model_of_the_catalogue_for_chatting_has_a_verdict_and_a_speed(model: ModelEntry) -> None:
    fit = fit_of_entry(model, 4096, ROOMY)
    assert fit is not None
    assert (fit.verdict, fit.limit) == ("fits", "")
    assert fit.memory > (model.installed_bytes or 0)
    assert fit.n_ctx <= min(4096, model.context_length)
    assert fit.tokens_per_s is not None
    if model.kind == "bundled":
        return  # so small that its layers take longer than its bytes
    # At ten gigabytes per second, about as many tokens as the model goes into them.
    assert fit.tokens_per_s == pytest.approx(10 * GB / (model.installed_bytes or 1), rel=0.35)


@pytest.mark.parametrize(
    ("memory", "disk", "verdict", "limit"),
    [
        (64, 500, "fits", ""),
        (3.6, 500, "tight", "memory"),
        (2, 500, "too_big", "memory"),
        (64, 2.6, "tight", "disk"),
        (64, 1, "too_big", "disk"),
        (3.6, 1, "too_big", "disk"),
        (2, 1, "too_big", "memory"),
    ],
)
def test_the_worse_of_memory_and_disk_decides(memory: float, disk: float, verdict: str, limit: str) -> None:
    fit = fit_of_entry(entry("qwen3-4b"), 4096, Machine(round(memory * GB), round(disk * GB)))
    assert fit is not None
    assert (fit.verdict, fit.limit, fit.tokens_per_s) == (verdict, limit, None)


def test_what_is_downloaded_already_needs_no_disk() -> None:
    model = entry("qwen3-4b")
    whole = fit_of_entry(model, 4096, Machine(64 * GB, 1 * GB))
    rest = fit_of_entry(model, 4096, Machine(64 * GB, 1 * GB), present=2 * GB)
    assert whole is not None
    assert rest is not None
    assert (whole.verdict, rest.verdict) == ("too_big", "fits")
    assert whole.disk - rest.disk == 2 * GB


def test_a_converted_model_needs_room_for_both_files() -> None:
    model = entry("belle-7b-2m")
    fit = fit_of_entry(model, 2048, ROOMY)
    assert fit is not None
    assert fit.disk == model.download_bytes + (model.installed_bytes or 0)


@pytest.fixture(scope="module")
def starter() -> Path:
    path = entry("starter").bundled_file()
    assert path is not None
    return path


def test_a_file_that_is_here_is_judged_by_its_header(starter: Path) -> None:
    header = read_header(starter)
    fit = fit_of_file(header, LoadSettings(100_000), ROOMY)
    assert (fit.n_ctx, fit.memory, fit.disk) == (8192, estimate(header, 8192).total, 0)
    assert fit_of_file(header, LoadSettings(2048), Machine(fit.memory // 4, 0)).verdict == "too_big"


def test_layers_on_a_gpu_need_none_of_the_machines_memory(starter: Path) -> None:
    header = read_header(starter)
    wanted = LoadSettings(4096, flash_attention="off")
    need = estimate(header, 4096).total
    small = Machine(need // 2, 0, gpu_memory=(4 * need,))
    assert fit_of_file(header, wanted, small).verdict == "fits"
    assert fit_of_file(header, replace(wanted, n_gpu_layers=0), small).verdict == "too_big"
    half = replace(wanted, n_gpu_layers=(header.n_layers + 1) // 2)
    assert fit_of_file(header, half, small).memory_free == pytest.approx(need, rel=0.05)
    shared = Machine(need // 2, 0, gpu_memory=(0,))
    assert fit_of_file(header, wanted, shared).verdict == "too_big", "its memory is the machine's"


def test_catalogue_and_file_agree(starter: Path) -> None:
    """What is predicted before the download is what is predicted after it."""
    before = fit_of_entry(entry("starter"), 4096, ROOMY)
    after = fit_of_file(read_header(starter), LoadSettings(4096), ROOMY)
    assert before is not None
    assert before.memory == pytest.approx(after.memory, rel=0.01)
    assert before.tokens_per_s == pytest.approx(after.tokens_per_s, rel=0.05)


def test_the_memory_of_the_loaded_model_is_not_in_the_way_of_another(starter: Path) -> None:
    before = held_by_engines()
    kv_bytes = 4096 * 23_040
    with open_engine(Load(str(starter), n_ctx=4096, threads=1)) as engine:
        assert engine.client.pid is not None
        resident = psutil.Process(engine.client.pid).memory_info().rss
        assert kv_bytes < held_by_engines() - before <= resident
    assert held_by_engines() == before


def test_two_at_once_need_what_each_is_set_to(starter: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.gguf"
    other.write_bytes(starter.read_bytes())
    first, second = read_header(starter), read_header(other)
    wanted = {starter: LoadSettings(4096), other: LoadSettings(8192, kv_type="q8_0")}
    pair = fit_of_pair(first, second, wanted.__getitem__, ROOMY)
    alone = [fit_of_file(header, wanted[header.path], ROOMY).memory for header in (first, second)]
    assert (pair.memory, pair.n_ctx, pair.tokens_per_s) == (sum(alone), 8192, None)
    twice = fit_of_pair(first, first, wanted.__getitem__, ROOMY)
    assert twice.memory == 2 * alone[0] - first.size_bytes, "one file is in memory once"


def test_of_two_at_once_only_the_layers_that_go_to_a_gpu_have_its_memory(starter: Path) -> None:
    header = read_header(starter)
    need = estimate(header, 4096).total

    def twice(n_gpu_layers: int, *gpu_memory: int) -> Fit:
        wanted = LoadSettings(4096, n_gpu_layers=n_gpu_layers, flash_attention="off")
        return fit_of_pair(header, header, lambda _: wanted, Machine(need // 2, 0, gpu_memory=gpu_memory))

    assert twice(ALL_LAYERS, 4 * need).verdict == "fits"
    assert twice(ALL_LAYERS, 4 * need).memory == 2 * need, "each process has its own weights there"
    assert twice(0, 4 * need).verdict == "too_big"
    assert twice(ALL_LAYERS, 0).memory == 2 * need - header.size_bytes, "its memory is the machine's"
