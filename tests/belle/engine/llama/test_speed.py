"""Whether a model will run here, and how fast: what is predicted is what is measured in the real worker."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest
from gguf import GGMLQuantizationType

from belle import paths
from belle.engine.llama import speed
from belle.engine.llama.memory import estimate
from belle.engine.llama.speed import MachineSpeed, Observed, TokenWork, load_observed, machine_speed, work_of
from belle.engine.process.blocking import BlockingEngine, open_engine
from belle.engine.process.commands import Generate, Load, Sampling
from belle.engine.process.events import Done
from belle.engine.process.native_calls import call
from belle.gguf.reader import read_header
from belle.prompts import Message
from tests.belle.engine.tiny_gguf import write_random_model

QUESTION = (Message("user", "Tell me a long story about a river, and about everybody who lives beside it."),)
TRIES = 4


@pytest.fixture(scope="module")
def other_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of other types and another vocabulary than the starter, larger than the caches of most processors."""
    path = tmp_path_factory.mktemp("speed") / "other.gguf"
    write_random_model(
        path, n_ctx=2048, n_layers=6, n_embd=1024, n_ff=3072, scale=0.02, matrix_type=GGMLQuantizationType.Q8_0
    )
    return path


def core_seconds(engine: BlockingEngine, number: int, tokens: int) -> float:
    """Processor time of the worker for an answer of so many tokens: what a core of its own would have taken.

    Other tests use the same cores, and a thread that waits for one costs nothing here.
    """
    assert engine.client.pid is not None
    worker = psutil.Process(engine.client.pid)
    before = sum(worker.cpu_times()[:2])
    *_, done = engine.generate(Generate(number, QUESTION, Sampling(temperature=0.0), max_tokens=tokens))
    assert isinstance(done, Done)
    assert done.stats.completion_tokens == tokens
    return float(sum(worker.cpu_times()[:2]) - before)


@pytest.mark.parametrize("which", ["starter", "other_model"])
def test_memory_and_speed_are_what_was_predicted(which: str, request: pytest.FixtureRequest) -> None:
    path: Path = request.getfixturevalue(which)
    header = read_header(path)
    work = work_of(header)
    types = sorted(work.bytes_by_type, key=lambda name: -work.bytes_by_type[name])[:2]
    speeds = []
    with open_engine(Load(str(path), n_ctx=2048, threads=1, template="plain")) as engine:
        core_seconds(engine, 1, 4)  # reads the question, which the next answers need not
        for number in range(2, 2 + 2 * TRIES, 2):
            machine = machine_speed(call("belle.engine.llama.speed:measure", types=types, threads=1))
            predicted = 1 / machine.seconds_per_token(work)
            measured = 80 / (core_seconds(engine, number, 88) - core_seconds(engine, number + 1, 8))
            speeds.append((predicted, measured))
            if predicted == pytest.approx(measured, rel=0.25):
                break
        else:
            pytest.fail(f"predicted and measured tokens per second: {speeds}")
        assert engine.client.pid is not None
        resident = psutil.Process(engine.client.pid).memory_info().rss
    assert estimate(header, 2048).total == pytest.approx(resident, rel=0.10)


WORK = TokenWork({"Q4_K": 4_000_000_000, "Q6_K": 100_000_000}, n_layers=32, n_vocab=32_000)
MACHINE = MachineSpeed({"Q4_K": 1e-10, "Q6_K": 2e-10}, node_seconds=1e-6)


def test_nothing_is_predicted_before_the_machine_was_measured() -> None:
    assert Observed().tokens_per_s(WORK) is None


def test_what_was_seen_of_other_models_corrects_the_prediction() -> None:
    plain = Observed(MACHINE).tokens_per_s(WORK)
    assert plain == pytest.approx(1 / (0.4 + 0.02 + 32 * 22 * 1.1e-5 + 32_000 * 6e-9 + 150e-6))
    seen = Observed(MACHINE)
    small = TokenWork({"Q4_K": 100_000_000}, 10, 1000)
    seen.saw(small, "small.gguf", 0.8 / MACHINE.seconds_per_token(small))
    assert seen.tokens_per_s(WORK) == pytest.approx(0.8 * plain)
    assert seen.tokens_per_s(small, "small.gguf") == seen.models["small.gguf"]


def test_what_is_known_is_kept_and_damage_is_ignored() -> None:
    known = Observed(MACHINE)
    known.saw(WORK, "a.gguf", 2.5)
    known.save()
    assert load_observed() == known
    for damaged in (b"", b"{", b"[]", b'{"format": 1}', b'{"format": 1, "machine": 3, "models": {}, "errors": {}}'):
        paths.speed_file().write_bytes(damaged)
        assert load_observed() == Observed()


def test_of_a_tied_model_the_embedding_is_read_as_the_output(starter: Path) -> None:
    tied = work_of(read_header(starter))
    assert sum(tied.bytes_by_type.values()) > 0.95 * starter.stat().st_size, "the embedding is the output, too"
    assert set(speed.MEASURED_TYPES) >= set(tied.bytes_by_type) - {"F32"}


def test_the_embedding_is_not_read_where_the_output_is_another_matrix(other_model: Path) -> None:
    header = read_header(other_model)
    embedding = next(tensor for tensor in header.tensors if tensor.name == "token_embd.weight")
    everything = sum(tensor.n_bytes for tensor in header.tensors)
    assert sum(work_of(header).bytes_by_type.values()) == everything - embedding.n_bytes
