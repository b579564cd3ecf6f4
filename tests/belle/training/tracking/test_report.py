"""The page about a run: complete, without scripts, and possible for a run that crashed."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from belle.errors import KnownError
from belle.training.checkpoints.store import CheckpointStore
from belle.training.run_folder import RunFolder
from belle.training.tracking.report import read_run, write_report
from belle.training.tracking.run_record import RunRecord
from belle.training.tracking.tracker import Tracker

EVIL = "<script>alert(1)</script>\"'&</pre></style><img src=x onerror=alert(2)>{{ 7 * 7 }}"
VOID = {"meta", "hr", "br", "img", "link", "path", "use", "rect"}


class Page(HTMLParser):
    """The page as a browser parses it: elements, attributes and text. Every element must be closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.ids: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def make_run(folder: Path, *, text: str = "text", steps: int = 40) -> Path:
    record = RunRecord(RunFolder(folder), stage="sft", steps=steps)
    counts = {"rows": 1234, "kept": 1200, "dropped": 34, "truncated": 12, "trained_tokens": 98765}
    record.update(data=counts, eval_data={"rows": 10}, precision={"dtype": "fp32", "reason": text})
    (folder / "recipe.yaml").write_text(f"stage: sft\ntemplate: {text}\n", encoding="utf-8")
    with Tracker(RunFolder(folder), names=()) as tracker, CheckpointStore(RunFolder(folder), keep_last=0) as store:
        for step in range(1, steps + 1):
            values = {"loss": 3 / step, "lr": 1e-4, "memory": 2e9, "tokens": 100 * step, "seconds": 2.0 * step}
            tracker.log(step, values | ({"eval_loss": 3.5 / step} if step % 10 == 0 else {}))
        for step in (10, 20, 40):
            tracker.sample(step, f"prompt {text}", f"answer {step} {text}")
        for step in (20, 40):
            store.save(step, lambda into: (into / "model").write_bytes(bytes(2000)), recipe={})
    record.finish()
    return folder


class TestPage:
    def test_the_page_has_everything_that_the_run_wrote(self, tmp_path: Path) -> None:
        run = make_run(tmp_path / "名字")
        path = write_report(RunFolder(run))
        assert path == run / "report.html"
        page = Page(path.read_text(encoding="utf-8"))
        for words in (
            "名字",
            "finished",
            "40 of 40",
            "0.0750",
            "1,234",
            "trained tokens",
            "98,765",
            "answer 10 text",
            "answer 20 text",
            "answer 40 text",
            "step-20",
            "step-40",
            "stage: sft",
            "dtype fp32",
            "torch ",
            "80 s",
            "2.0 GB",
        ):
            assert words in page.text, words
        assert page.tags.count("svg") == 3
        assert page.tags.count("figure") == 3
        assert len(page.ids) == len(set(page.ids))

    def test_it_is_one_file_without_scripts(self, tmp_path: Path) -> None:
        text = write_report(RunFolder(make_run(tmp_path))).read_text(encoding="utf-8")
        page = Page(text)
        assert "script" not in page.tags
        assert not {name for name, _ in page.attributes} & {"src", "onerror", "onload"}
        links = [value for name, value in page.attributes if name in ("href", "xlink:href")]
        assert all(link and link.startswith("#") for link in links)
        assert "@import" not in text
        assert "url(http" not in text
        assert "prefers-color-scheme: dark" in text
        assert "@media print" in text

    def test_every_text_is_escaped(self, tmp_path: Path) -> None:
        run = make_run(tmp_path / EVIL.replace("/", "∕")[:60], text=EVIL)
        RunRecord(RunFolder(run), stage=EVIL, resumed=True).finish("failed", EVIL)
        with Tracker(RunFolder(run), names=(), step=40) as tracker:
            tracker.log(41, {EVIL: 1.0, "loss": 1.0})
        page = Page(write_report(RunFolder(run)).read_text(encoding="utf-8"))
        assert "script" not in page.tags
        assert "img" not in page.tags
        assert page.text.count(EVIL) >= 7
        assert "49" not in page.text.split("Recipe, resolved")[1].split("Machine")[0]

    def test_the_page_can_be_written_elsewhere(self, tmp_path: Path) -> None:
        out = tmp_path / "deep" / "page.html"
        assert write_report(RunFolder(make_run(tmp_path / "run")), out) == out
        assert out.is_file()


class TestPartial:
    def test_a_killed_run_has_a_page(self, tmp_path: Path) -> None:
        run = make_run(tmp_path)
        record = json.loads((run / "run.json").read_text())
        record["sessions"][0] |= {"status": "running", "ended": None, "pid": 1 << 22}
        (run / "run.json").write_text(json.dumps(record))
        with (run / "metrics.jsonl").open("a") as file:
            file.write('{"step": 41, "loss": nu')
        (run / "step-40" / "model").write_bytes(b"short")
        (run / "step-41").mkdir()
        (run / "step-42.tmp").mkdir()
        text = Page(write_report(RunFolder(run)).read_text(encoding="utf-8")).text
        assert "killed, or the machine went down" in text
        assert "model is missing or has another size" in text
        assert "it has no manifest.json" in text
        assert "step-42" not in text

    def test_a_running_run_is_shown_as_running(self, tmp_path: Path) -> None:
        RunRecord(RunFolder(tmp_path), stage="sft")
        assert read_run(RunFolder(tmp_path)).status == "running"
        assert "No step was logged." in Page(write_report(RunFolder(tmp_path)).read_text(encoding="utf-8")).text

    def test_a_loss_that_is_not_a_number_is_listed(self, tmp_path: Path) -> None:
        with Tracker(RunFolder(tmp_path), names=()) as tracker:
            tracker.log(1, {"loss": 2.0})
            tracker.log(2, {"loss": float("nan")})
        text = Page(write_report(RunFolder(tmp_path)).read_text(encoding="utf-8")).text
        assert "The loss was no number at step 2." in text

    @pytest.mark.parametrize("name", ["metrics.jsonl", "run.json", "recipe.yaml"])
    @pytest.mark.parametrize("content", [b"", b"\xff\xfe{", b"[1]", b'{"step": 1}\n'])
    def test_any_single_file_with_any_content_gives_a_page(self, tmp_path: Path, name: str, content: bytes) -> None:
        (tmp_path / name).write_bytes(content)
        Page(write_report(RunFolder(tmp_path)).read_text(encoding="utf-8"))

    @given(
        record=st.dictionaries(
            st.sampled_from(["sessions", "data", "eval_data", "steps", "stage", "x"]),
            st.recursive(
                st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=5),
                lambda inner: (
                    st.lists(inner, max_size=3)
                    | st.dictionaries(st.sampled_from(["machine", "versions", "gpus", "memory", "status", "a"]), inner)
                ),
                max_leaves=8,
            ),
        ),
        rows=st.lists(
            st.dictionaries(st.sampled_from(["loss", "tokens", "memory", "kl"]), st.none() | st.integers() | st.text())
        ),
    )
    @example(record={"sessions": [{"status": None}]}, rows=[])
    @example(record={"sessions": [{"status": [None]}]}, rows=[])
    @settings(max_examples=25, deadline=None)
    def test_a_record_of_any_shape_gives_a_page(
        self, tmp_path_factory: pytest.TempPathFactory, record: dict[str, object], rows: list[dict[str, object]]
    ) -> None:
        run = tmp_path_factory.mktemp("run")
        (run / "run.json").write_text(json.dumps(record))
        lines = [json.dumps({"step": step, **row}) + "\n" for step, row in enumerate(rows)]
        (run / "metrics.jsonl").write_text("".join(lines))
        Page(write_report(RunFolder(run)).read_text(encoding="utf-8"))

    def test_a_folder_without_a_run_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"")
        (tmp_path / "empty").mkdir()
        for name, words in (("nothing", "does not exist"), ("file", "is not a folder"), ("empty", "holds no run")):
            with pytest.raises(KnownError) as caught:
                write_report(RunFolder(tmp_path / name))
            assert caught.value.kind == "not_a_run"
            assert f"{tmp_path / name} {words}" in caught.value.message
        assert list((tmp_path / "empty").iterdir()) == []
