"""The metrics of a run: metrics.jsonl whatever happens, and the services that the recipe names."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from belle.errors import KnownError
from belle.training.run_folder import RunFolder
from belle.training.tracking import services
from belle.training.tracking.run_record import RunRecord, read_record, still_runs
from belle.training.tracking.tracker import Tracker, memory_in_use, read_steps

RECIPE = {"stage": "sft", "data": [Path("对话.jsonl")], "lora": {"r": 8}}


def strict(path: Path) -> list[dict[str, Any]]:
    """The lines of a file, read by a parser that refuses NaN."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    return [json.loads(line, parse_constant=refuse) for line in path.read_text(encoding="utf-8").splitlines()]


class TestMetrics:
    def test_a_line_per_step(self, tmp_path: Path) -> None:
        with Tracker(RunFolder(tmp_path), names=()) as tracker:
            tracker.log(1, {"loss": torch.tensor(2.5), "tokens": 128})
            # Written at once, for those who follow the file.
            assert strict(tmp_path / "metrics.jsonl") == [{"step": 1, "loss": 2.5, "tokens": 128}]
            tracker.log(2, {"loss": float("nan"), "grad_norm": float("inf")})
        assert strict(tmp_path / "metrics.jsonl")[1] == {"step": 2, "loss": None, "grad_norm": None}

    def test_the_same_step_is_one_line(self, tmp_path: Path) -> None:
        with Tracker(RunFolder(tmp_path), names=()) as tracker:
            tracker.log(1, {"loss": 2.0})
            tracker.log(2, {"loss": 1.0})
            tracker.log(2, {"eval_loss": 1.5})
            tracker.log(3, {"loss": 0.5})
        assert strict(tmp_path / "metrics.jsonl") == [
            {"step": 1, "loss": 2.0},
            {"step": 2, "loss": 1.0, "eval_loss": 1.5},
            {"step": 3, "loss": 0.5},
        ]

    def test_a_resumed_run_cuts_off_the_steps_that_it_repeats(self, tmp_path: Path) -> None:
        with Tracker(RunFolder(tmp_path), names=()) as tracker:
            for step in range(1, 6):
                tracker.log(step, {"loss": 1 / step})
                tracker.sample(step, "你好", f"回答 {step}")
        with (tmp_path / "metrics.jsonl").open("a") as file:
            file.write('{"step": 6, "lo')
        with Tracker(RunFolder(tmp_path), names=(), step=3) as tracker:
            tracker.log(3, {"eval_loss": 9.0})
            tracker.log(4, {"loss": 7.0})
        rows = strict(tmp_path / "metrics.jsonl")
        assert [row["step"] for row in rows] == [1, 2, 3, 4]
        assert rows[2] == {"step": 3, "loss": 1 / 3, "eval_loss": 9.0}
        assert rows[3] == {"step": 4, "loss": 7.0}
        assert [row["text"] for row in strict(tmp_path / "samples.jsonl")] == ["回答 1", "回答 2", "回答 3"]

    def test_a_new_run_begins_anew(self, tmp_path: Path) -> None:
        for text in ("first", "second"):
            with Tracker(RunFolder(tmp_path), names=()) as tracker:
                tracker.sample(0, "prompt", text)
        assert [row["text"] for row in strict(tmp_path / "samples.jsonl")] == ["second"]

    @given(content=st.binary(max_size=200), step=st.integers(1, 5))
    @settings(max_examples=60)
    def test_a_file_with_any_content(self, tmp_path_factory: pytest.TempPathFactory, content: bytes, step: int) -> None:
        path = tmp_path_factory.mktemp("lines") / "metrics.jsonl"
        good = [{"step": 0, "loss": 1.5}, {"step": 1, "loss": 0.5}]
        path.write_bytes(b"".join(json.dumps(row).encode() + b"\n" for row in good) + content)
        with Tracker(RunFolder(path.parent), names=(), step=step) as tracker:
            tracker.log(9, {"loss": 2.5})
        rows = list(read_steps(path))
        assert rows == strict(path)
        assert rows[: len(good[: step + 1])] == good[: step + 1]
        assert rows[-1] == {"step": 9, "loss": 2.5}

    def test_other_ranks_write_nothing(self, tmp_path: Path) -> None:
        with Tracker(RunFolder(tmp_path), rank=1) as tracker:
            tracker.log(1, {"loss": 1.0})
            tracker.sample(1, "a", "b")
            tracker.sync()
        assert list(tmp_path.iterdir()) == []

    def test_sync_and_memory(self, tmp_path: Path) -> None:
        with Tracker(RunFolder(tmp_path), names=()) as tracker:
            tracker.log(1, {"loss": 1.0})
            tracker.sync()
        assert 10_000_000 < memory_in_use(torch.device("cpu")) < 1 << 40

    def test_a_folder_that_cannot_be_written_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(KnownError) as caught:
            Tracker(RunFolder(tmp_path / "file" / "run"), names=())
        assert caught.value.kind == "folder_not_writable"


class TestTensorBoard:
    def test_values_and_samples_are_in_the_event_files(self, tmp_path: Path) -> None:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        with Tracker(RunFolder(tmp_path), recipe=RECIPE) as tracker:
            for step in range(1, 5):
                tracker.log(step, {"loss": 1 / step})
            tracker.sample(4, "你好", "<b>我</b>")
        with Tracker(RunFolder(tmp_path), recipe=RECIPE, step=2) as tracker:
            tracker.log(3, {"loss": 30.0})
        events = EventAccumulator(str(tmp_path / "tensorboard"))
        events.Reload()
        assert [(e.step, e.value) for e in events.Scalars("loss")] == [(1, 1.0), (2, 0.5), (3, 30.0)]
        texts = "".join(
            e.tensor_proto.string_val[0].decode() for tag in events.Tags()["tensors"] for e in events.Tensors(tag)
        )
        assert '"stage": "sft"' in texts

    def test_a_resumed_run_writes_into_a_file_of_a_later_second(self, tmp_path: Path) -> None:
        """Files of one second are read in an order that says nothing: process and count as text, 10 before 9."""
        for step in (0, 1, 2):
            Tracker(RunFolder(tmp_path), recipe=RECIPE, step=step).close()
        seconds = [path.name.split(".")[3] for path in (tmp_path / "tensorboard").iterdir()]
        assert len(set(seconds)) == 3


class TestServices:
    """The calls that the services get; their packages are replaced in `sys.modules`."""

    def test_an_unknown_service_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(KnownError) as caught:
            Tracker(RunFolder(tmp_path), names=["tensorbord"])
        assert caught.value.kind == "unknown_tracker"
        assert caught.value.advice == "Did you mean tensorboard?"

    @pytest.mark.parametrize("name", ["wandb", "mlflow", "swanlab"])
    def test_a_missing_package_is_named(self, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, name, None)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "file:///nowhere")
        with pytest.raises(KnownError) as caught:
            Tracker(RunFolder(tmp_path), names=["tensorboard", name])
        assert caught.value.kind == "tracker_not_installed"
        assert f"pip install {name}" in caught.value.advice

    def test_a_service_that_fails_is_dropped_and_training_goes_on(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Fails:
            def __init__(self, run: services.RunInfo) -> None:
                pass

            def log(self, step: int, values: Mapping[str, float]) -> None:
                raise ConnectionError("the server is away")

        class FailsAtOnce:
            def __init__(self, run: services.RunInfo) -> None:
                raise RuntimeError("no")

        monkeypatch.setattr("belle.training.tracking.tracker.SERVICES", {"wandb": Fails, "mlflow": FailsAtOnce})
        notices: list[str] = []
        with Tracker(RunFolder(tmp_path), names=["wandb", "mlflow"], notice=notices.append) as tracker:
            tracker.log(1, {"loss": 1.0})
            tracker.log(2, {"loss": 0.5})
        assert len(strict(tmp_path / "metrics.jsonl")) == 2
        assert [notice.split()[0] for notice in notices] == ["mlflow", "wandb"]
        assert "the server is away" in notices[1]

    def wandb(self, monkeypatch: pytest.MonkeyPatch, *, reachable: bool = True) -> list[Any]:
        calls: list[Any] = []

        def init(**options: Any) -> Any:
            calls.append(options)
            if not reachable and options.get("mode") != "offline":
                raise ConnectionError("no network")
            return types.SimpleNamespace(
                log=lambda values, step: calls.append((step, values)), finish=lambda: calls.append("finished")
            )

        module = types.ModuleType("wandb")
        module.init = init
        module.Html = lambda page: ("html", page)
        monkeypatch.setitem(sys.modules, "wandb", module)
        for name in ("WANDB_MODE", "WANDB_API_KEY"):
            monkeypatch.delenv(name, raising=False)
        return calls

    def test_wandb_without_a_key_stays_on_this_machine(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        calls = self.wandb(monkeypatch)
        with Tracker(RunFolder(tmp_path / "run"), names=["wandb"], recipe=RECIPE) as tracker:
            tracker.log(1, {"loss": 1.0})
            tracker.sample(1, "<q>", "<script>")
        assert calls[0]["mode"] == "offline"
        assert calls[0]["dir"] == str(tmp_path / "run")
        assert calls[0]["config"]["data"] == ["对话.jsonl"]
        assert calls[1] == (1, {"loss": 1.0})
        assert calls[2] == (1, {"sample/1": ("html", "<pre>&lt;q&gt;</pre><hr><pre>&lt;script&gt;</pre>")})
        assert calls[3] == "finished"

    def test_wandb_with_a_key_and_without_network(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        calls = self.wandb(monkeypatch, reachable=False)
        monkeypatch.setenv("WANDB_API_KEY", "k")
        notices: list[str] = []
        Tracker(RunFolder(tmp_path), names=["wandb"], notice=notices.append).close()
        assert "mode" not in calls[0]
        assert calls[1]["mode"] == "offline"
        assert "wandb sync" in notices[0]

    def test_a_resumed_run_is_the_same_run_there(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Also with several services: each has its own id for the run."""
        known: list[tuple[str, str]] = []

        class Known:
            def __init__(self, run: services.RunInfo) -> None:
                known.append((run.identity("one"), run.identity("two")))

            def close(self) -> None:
                pass

        monkeypatch.setattr("belle.training.tracking.tracker.SERVICES", {"one": Known})
        for step in (0, 2, 4, 0):
            Tracker(RunFolder(tmp_path), names=["one"], step=step).close()
        assert known[0] == known[1] == known[2]
        assert set(known[0]).isdisjoint(known[3])

    @pytest.mark.parametrize("name", ["wandb", "mlflow", "swanlab"])
    def test_the_real_service_writes_offline(self, tmp_path: Path, name: str) -> None:
        pytest.importorskip(name)
        for step in (0, 2):
            notices: list[str] = []
            with Tracker(
                RunFolder(tmp_path / "run"), names=[name], recipe=RECIPE, step=step, notice=notices.append
            ) as tracker:
                tracker.log(step + 1, {"loss": 1.0, "bad": float("nan")})
                tracker.sample(step + 1, "你好", "hello")
            assert notices == []
        folder = {"wandb": "wandb", "mlflow": "mlruns", "swanlab": "swanlog"}[name]
        assert any(path.is_file() for path in (tmp_path / "run" / folder).rglob("*"))


class TestRecord:
    def test_sessions_add_up(self, tmp_path: Path) -> None:
        first = RunRecord(RunFolder(tmp_path), stage="sft", steps=10)
        first.update(data={"rows": 3}, parameters={"total": 5})
        assert still_runs(read_record(RunFolder(tmp_path))["sessions"][0])
        first.finish("stopped", "SIGTERM")
        second = RunRecord(RunFolder(tmp_path), stage="sft", steps=10, resumed=True, world_size=2)
        second.finish()
        record = read_record(RunFolder(tmp_path))
        assert [(s["status"], s["reason"], s["processes"]) for s in record["sessions"]] == [
            ("stopped", "SIGTERM", 1),
            ("finished", "", 2),
        ]
        assert record["data"] == {"rows": 3}
        assert record["sessions"][0]["versions"]["torch"]
        assert record["sessions"][0]["machine"]["memory"] > 0
        assert not still_runs(record["sessions"][1])

    def test_a_new_run_forgets_the_earlier_one(self, tmp_path: Path) -> None:
        RunRecord(RunFolder(tmp_path), stage="sft").update(data={"rows": 3})
        RunRecord(RunFolder(tmp_path), stage="dpo")
        record = read_record(RunFolder(tmp_path))
        assert (record["stage"], len(record["sessions"]), "data" in record) == ("dpo", 1, False)

    def test_other_ranks_write_nothing(self, tmp_path: Path) -> None:
        record = RunRecord(RunFolder(tmp_path), stage="sft", rank=1)
        record.update(data={})
        record.finish()
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("content", ["", "[]", "{", '{"sessions": 3}'])
    def test_a_file_that_is_not_a_record_is_empty(self, tmp_path: Path, content: str) -> None:
        (tmp_path / "run.json").write_text(content)
        RunRecord(RunFolder(tmp_path), stage="sft", resumed=True)
        assert len(read_record(RunFolder(tmp_path))["sessions"]) == 1

    def test_a_process_that_ended_is_not_running(self, tmp_path: Path) -> None:
        RunRecord(RunFolder(tmp_path), stage="sft")
        session = read_record(RunFolder(tmp_path))["sessions"][0]
        assert not still_runs({**session, "pid": 1 << 22})
        assert not still_runs({**session, "host": "elsewhere"})
        # Another process got the number since.
        assert not still_runs({**session, "started": "2020-01-01T00:00:00+00:00"})
        assert not still_runs({"status": "running"})
