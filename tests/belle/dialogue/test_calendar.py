"""Dates and times against the standard library's."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belle.dialogue.tools.calendar import answer
from belle.dialogue.tools.tool import ToolError

NOW = datetime(2026, 11, 30, 22, 40)  # noqa: DTZ001 – a clock on the wall


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ("now", "2026-11-30 22:40 (Monday, 星期一)"),
        ("今天是星期几", "2026-11-30 (Monday, 星期一)"),
        ("weekday of 2024-02-29", "2024-02-29 (Thursday, 星期四)"),
        ("2026-11-30 + 45 days", "2027-01-14 (Thursday, 星期四)"),
        ("2026-01-31 + 1 month", "2026-02-28 (Saturday, 星期六)"),
        ("2024-02-29 + 1 year", "2025-02-28 (Friday, 星期五)"),
        ("２０２６年１１月３０日 加 3 个月", "2027-02-28 (Sunday, 星期日)"),
        ("今天 + 2周 - 1天", "2026-12-13 (Sunday, 星期日)"),
        ("2026-11-30 23:30 + 90 minutes", "2026-12-01 01:00 (Tuesday, 星期二)"),
        ("2026-01-01 to 2026-11-30", "333 days (0 years, 10 months and 29 days; 47 weeks and 4 days)"),
        ("2026/11/30 到 2024/02/29", "1005 days (2 years, 9 months and 1 days; 143 weeks and 4 days)"),
        ("2026-11-30 14:30 to 2026-12-01 15:00", "1 days, 0 hours and 30 minutes"),
    ],
)
def test_calendar_arithmetic(request_: str, expected: str) -> None:
    assert answer(request_, NOW) == expected


@pytest.mark.parametrize(
    "request_", ["", "hello", "2026-02-30", "9999-12-31 + 1 day", "0001-01-01 - 1 month", "2026-01-01 + 3 eggs",
                 "2026-01-01 times 2026-01-02", "2026-01-01 + 9999999 years"],
)  # fmt: skip
def test_what_is_no_date_is_said(request_: str) -> None:
    with pytest.raises(ToolError):
        answer(request_, NOW)


@given(st.dates(date(1, 1, 1), date(9000, 1, 1)), st.integers(0, 300_000))
def test_adding_days_and_counting_them_are_inverse(start: date, days: int) -> None:
    end = start + timedelta(days=days)
    assert answer(f"{start.isoformat()} + {days} days", NOW).startswith(end.isoformat())
    assert answer(f"{start.isoformat()} to {end.isoformat()}", NOW).startswith(f"{days} days")


@given(st.text(max_size=40))
def test_any_text_is_answered_or_refused(text: str) -> None:
    try:
        assert answer(f"2026-11-30 {text}", NOW)
    except ToolError as error:
        assert str(error)
