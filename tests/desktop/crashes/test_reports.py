"""The folder of reports: bounded, readable whatever is in it, and deleted in one go."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from belle.errors import KnownError
from desktop.crashes.making import of_engine, of_exception, of_signal
from desktop.crashes.reports import LARGEST_REPORT, MOST_REPORTS, CrashReport, CrashReports, as_text


def test_a_report_comes_back_as_it_was(tmp_path: Path) -> None:
    reports = CrashReports(tmp_path / "crashes")
    report = CrashReport("signal", "Aborted", 12.5, ("a.py:1 f",), {"thread": "documents"}, {"python": "3"})
    reports.add(report)
    assert reports.all() == [report]
    assert (tmp_path / "crashes").stat().st_mode & 0o77 == 0


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    reports = CrashReports(tmp_path)
    for number in range(MOST_REPORTS + 5):
        reports.add(CrashReport("exception", f"E{number}", 1000.0 + number))
    assert [report.what for report in reports.all()] == [f"E{n}" for n in range(MOST_REPORTS + 4, 4, -1)]
    reports.delete()
    assert reports.all() == [] and list(tmp_path.iterdir()) == []


def test_the_person_is_told_once(tmp_path: Path) -> None:
    reports = CrashReports(tmp_path)
    assert reports.announce() == 0
    reports.add(CrashReport("exception", "ValueError", 5))
    assert reports.announce() == 1
    assert reports.announce() == 0
    assert len(reports.all()) == 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"{",
        b"[]",
        b"null",
        b'{"version": 2}',
        b'{"version": 1, "kind": "exception", "what": "E", "at": "x", "frames": [], "details": {}, "versions": {}}',
        b'{"version": 1, "kind": "other", "what": "E", "at": 1, "frames": [], "details": {}, "versions": {}}',
        b'{"version": 1, "kind": "signal", "what": "E", "at": 1, "frames": 3, "details": {}, "versions": {}}',
        b'{"version": 1, "kind": "signal", "what": "E", "at": 1, "frames": [], "details": [], "versions": {}}',
        b'{"version": 1, "kind": "signal", "what": "E", "at": 1e999, "frames": [], "details": {}, "versions": {}}',
        b"[" * 5000,
        b" " * (LARGEST_REPORT + 1),
    ],
)
def test_a_file_that_is_not_a_report_is_passed_over(tmp_path: Path, content: bytes) -> None:
    reports = CrashReports(tmp_path)
    reports.add(CrashReport("exception", "ValueError", 5))
    (tmp_path / "20990101-000000-0.json").write_bytes(content)
    assert [report.what for report in reports.all()] == ["ValueError"]


def test_where_nothing_can_be_written_there_are_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    reports = CrashReports(tmp_path / "file" / "crashes")
    reports.add(CrashReport("exception", "ValueError", 5))
    assert reports.all() == [] and reports.announce() == 0
    reports.delete()


def test_no_message_and_no_file_name_reaches_a_report() -> None:
    secrets = ("diary", "日记", "ann")
    errors = [
        FileNotFoundError(2, "No such file", "/home/ann/diary.txt"),
        ValueError("日记: dear diary"),
        KnownError("file_missing", "ann's diary is not there.", file="/home/ann/diary"),
        UnicodeDecodeError("utf-8", b"diary", 0, 1, "日记"),
    ]
    reports = [of_exception(error, None, "ann's thread") for error in errors]
    reports.append(
        of_engine("worker_bug", 1, 'loading /home/ann/diary.gguf\n  File "/home/ann/diary.py", line 1, in f')
    )
    reports.append(
        of_signal('Fatal Python error: Aborted\n\nCurrent thread 0x1:\n  File "/home/ann/x.py", line 1 in f', 1)
    )
    text = as_text(reports)
    assert not [secret for secret in secrets if secret in text]
    assert [report.what for report in reports[:2]] == ["FileNotFoundError", "ValueError"]
    assert [report.details.get("code") for report in reports[:3]] == ["ENOENT", None, "file_missing"]
    assert reports[4].details == {"ended": "exit status 1"} and reports[5].frames == ("?:1 f",)
    assert json.loads(text)[0]["versions"]["chatbelle"]


def test_an_engine_s_death_says_by_which_signal() -> None:
    assert of_engine("backend_crash", -11, "").details == {"ended": "SIGSEGV"}
    assert of_engine("unresponsive", None, "").details == {}
