"""Two real workers answer the same request: at once, one after the other, stopped, killed, and refused."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from belle.engine.process import client
from belle.engine.process.commands import Generate, Sampling
from belle.prompts import Message
from desktop.compare.comparison import ComparisonResult, ModelComparison
from desktop.settings import Settings
from desktop.ui.notices.text import notice_text
from tests.support.processes import is_running

ANSWERED_MS = 120_000
SIDES = ("left", "right")


def request(text: str = "Name three colours.", *, max_tokens: int = 24, temperature: float = 0.0) -> Generate:
    sampling = Sampling(temperature=temperature, repeat_penalty=1.0)
    return Generate(0, (Message("user", text),), sampling, max_tokens=max_tokens)


@pytest.fixture
def comparison(qapp) -> Iterator[ModelComparison]:
    settings = Settings()
    settings.set_value("model/threads", 1)
    settings.set_value("model/n_ctx", 1024)
    made = ModelComparison(settings)
    yield made
    made.close()


def result_of(comparison: ModelComparison, qtbot: QtBot, start: Callable[[], None]) -> ComparisonResult:
    with qtbot.waitSignal(comparison.compared, timeout=ANSWERED_MS) as arrived:
        start()
    return arrived.args[0]


def test_two_quantizations_answer_at_once_and_part_somewhere(
    comparison: ModelComparison, qtbot: QtBot, coarser: Path
) -> None:
    streamed = dict.fromkeys(SIDES, "")
    comparison.text.connect(lambda side, text: streamed.update({side: streamed[side] + text}))
    ask = request("Tell me a story about a fox and a stone.", max_tokens=48)
    result = result_of(comparison, qtbot, lambda: comparison.start("starter", str(coarser), ask, together=True))
    left, right = (comparison.state(side) for side in SIDES)
    assert (left.status, right.status) == ("done", "done")
    assert streamed == {"left": left.text, "right": right.text}
    assert left.info is not None
    assert right.info is not None
    assert (left.info.quantization, right.info.quantization) == ("Q4_1", "Q4_0")
    assert left.stats is not None
    assert left.stats.completion_tokens == 48
    assert result.differences
    assert result.parting is not None
    assert result.parting.left is not None
    assert 0 < (result.parting.left.probability or 0) < 1
    assert left.text[: result.differences[0].left_start] == right.text[: result.differences[0].right_start]


def test_the_same_model_twice_says_the_same_one_after_the_other_too(comparison: ModelComparison, qtbot: QtBot) -> None:
    loading: list[tuple[str, bool]] = []

    def note(side: str) -> None:
        if comparison.state(side).status == "loading":
            loading.append((side, comparison.state("left").has_ended))

    comparison.changed.connect(note)
    ask = request("用一句话介绍北京。", temperature=0.8)
    result = result_of(comparison, qtbot, lambda: comparison.start("starter", "starter", ask, together=False))
    assert result == ComparisonResult((), None)
    assert comparison.state("left").text == comparison.state("right").text != ""
    assert all(left_has_ended for side, left_has_ended in loading if side == "right")
    assert {side for side, _ in loading} == set(SIDES)


def test_stopped_in_the_middle_what_there_is_is_compared_and_no_process_stays(
    comparison: ModelComparison, qtbot: QtBot
) -> None:
    long = request("Tell me a very long story.", max_tokens=800)
    comparison.start("starter", "starter", long, together=True)
    qtbot.waitUntil(lambda: all(comparison.state(side).text for side in SIDES), timeout=ANSWERED_MS)
    pids = [pid for side in SIDES if (pid := comparison.run(side).pid)]
    assert len(pids) == 2
    result_of(comparison, qtbot, comparison.stop)
    assert [comparison.state(side).status for side in SIDES] == ["stopped", "stopped"]
    assert not comparison.is_running
    assert not any(is_running(pid) for pid in pids)


def test_stopped_while_the_first_loads_nothing_is_left_to_come(comparison: ModelComparison, qtbot: QtBot) -> None:
    with qtbot.waitSignal(comparison.finished, timeout=ANSWERED_MS):
        comparison.start("starter", "starter", request(), together=False)
        comparison.stop()
    assert [comparison.state(side).status for side in SIDES] == ["stopped", "stopped"]


def test_a_worker_that_is_killed_costs_its_own_side_only(comparison: ModelComparison, qtbot: QtBot) -> None:
    comparison.start("starter", "starter", request("Tell me a story.", max_tokens=60), together=True)
    qtbot.waitUntil(lambda: bool(comparison.state("left").text), timeout=ANSWERED_MS)
    pid = comparison.run("left").pid
    assert pid is not None
    with qtbot.waitSignal(comparison.finished, timeout=ANSWERED_MS):
        os.kill(pid, signal.SIGKILL)
    left, right = (comparison.state(side) for side in SIDES)
    assert (left.status, right.status) == ("failed", "done")
    assert left.problem is not None
    assert left.problem.details["message"]
    assert left.text
    assert right.stats is not None


def test_a_file_that_does_not_exist_costs_its_own_side_only(
    comparison: ModelComparison, qtbot: QtBot, tmp_path: Path
) -> None:
    with qtbot.waitSignal(comparison.finished, timeout=ANSWERED_MS):
        comparison.start(str(tmp_path / "gone.gguf"), "starter", request(max_tokens=4), together=False)
    assert comparison.state("left").status == "failed"
    assert comparison.state("left").problem is not None
    assert comparison.state("right").status == "done"


def test_two_that_cannot_be_loaded_end_at_once(comparison: ModelComparison, qtbot: QtBot, tmp_path: Path) -> None:
    with qtbot.waitSignal(comparison.finished, timeout=ANSWERED_MS):
        comparison.start(str(tmp_path / "a.gguf"), str(tmp_path / "b.gguf"), request(), together=True)
    assert [comparison.state(side).status for side in SIDES] == ["failed", "failed"]


@pytest.mark.parametrize("together", [True, False])
def test_processes_that_cannot_be_started_end_both_sides_in_words(
    comparison: ModelComparison, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, together: bool
) -> None:
    monkeypatch.setattr(client, "_COMMAND", (str(tmp_path / "no-python"),))
    with qtbot.waitSignal(comparison.finished, timeout=ANSWERED_MS):
        comparison.start("starter", "starter", request(), together=together)
    for side in SIDES:
        state = comparison.state(side)
        assert state.status == "failed"
        assert state.problem is not None
        assert notice_text(state.problem).title == "The model could not be started"
