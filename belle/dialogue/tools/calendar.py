"""Date and time: what they are now, and arithmetic on them.

    request = date (("-" | "to" | "到" | "至") date | (("+" | "-") NUMBER unit)*)
    date    = 2026-11-30 | 2026/11/30 | 2026年11月30日 | now | today | tomorrow | yesterday, also with a time 14:30

Words before and around it, such as “weekday of”, are passed over: every date is given with its weekday.
"""

from __future__ import annotations

import calendar
import re
import unicodedata
from collections.abc import Callable
from datetime import date, datetime, time, timedelta

from belle.dialogue.tools.tool import Tool, ToolError

_TODAY = {"now": 0, "today": 0, "tomorrow": 1, "yesterday": -1, "现在": 0, "今天": 0, "明天": 1, "昨天": -1}
_DATE = re.compile(
    r"(?P<y>\d{4})(?:[-/.]|\s*年\s*)(?P<m>\d{1,2})(?:[-/.]|\s*月\s*)(?P<d>\d{1,2})\s*[日号]?"
    r"|\b(?P<english>now|today|tomorrow|yesterday)\b|(?P<chinese>现在|今天|明天|昨天)"
)
_TIME = re.compile(r"[\st]*(?P<hour>\d{1,2}):(?P<minute>\d{2})(?!\d)")
_STEP = re.compile(
    r"\s*(?P<sign>[-+−]|加|减)\s*(?P<n>\d{1,7})\s*个?\s*"
    r"(?P<unit>minutes?|hours?|days?|weeks?|months?|years?|分钟|小时|天|日|周|星期|月|年)后?前?"
)
_BETWEEN = re.compile(r"\s*(?:-|−|–|to|until|and|到|至|和|,)\s*$")
_UNITS = {
    "minute": "minutes", "分钟": "minutes", "hour": "hours", "小时": "hours", "day": "days", "天": "days", "日": "days",
    "week": "weeks", "周": "weeks", "星期": "weeks", "month": "months", "月": "months", "year": "years", "年": "years",
}  # fmt: skip
_WEEKDAYS_EN = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_WEEKDAYS_ZH = "一二三四五六日"
_ADVICE = "Write such as: now, 2026-11-30 + 45 days, or 2026-01-01 to 2026-11-30."


def calendar_tool(clock: Callable[[], datetime] = datetime.now) -> Tool:
    """The tool. `clock`: the time of this place, without a time zone."""
    usage = {
        "en": "date and time: now, 2026-11-30 + 45 days, or 2026-01-01 to 2026-11-30",
        "zh": "日期与时间：现在、2026-11-30 + 45天 或 2026-01-01 到 2026-11-30",
    }
    return Tool("calendar", usage, lambda argument: answer(argument, clock()))  # type: ignore[arg-type]


def answer(request: str, now: datetime) -> str:
    """A date with its weekday, or the difference of two. Raises ToolError."""
    text = unicodedata.normalize("NFKC", request).casefold()
    first = _DATE.search(text)
    if first is None:
        raise ToolError(f"There is no date in it. {_ADVICE}")
    start, has_time, end = _read(text, first, now)
    second = _DATE.search(text, end)
    try:
        if second is not None:
            if not _BETWEEN.match(text[end : second.start()]):
                raise ToolError(f"What is between the two dates cannot be read. {_ADVICE}")
            other, other_has_time, _ = _read(text, second, now)
            return _difference(start, other, in_minutes=has_time and other_has_time)
        moved, moved_has_time = _moved(start, text[end:])
    except OverflowError:
        raise ToolError("Dates go from the year 1 to the year 9999.") from None
    return _written(moved, has_time=has_time or moved_has_time)


def _read(text: str, match: re.Match[str], now: datetime) -> tuple[datetime, bool, int]:
    """A moment, whether it has a time of day, and where what follows it begins."""
    word = match["english"] or match["chinese"]
    if word is not None:
        has_time = word in ("now", "现在")
        day = now if has_time else _midnight(now.date())
        moment = day + timedelta(days=_TODAY[word])
    else:
        has_time = False
        try:
            moment = _midnight(date(int(match["y"]), int(match["m"]), int(match["d"])))
        except ValueError:
            raise ToolError(f"There is no date {match[0].strip()}.") from None
    clock = _TIME.match(text, match.end())
    if clock is None or int(clock["hour"]) > 23 or int(clock["minute"]) > 59:
        return moment, has_time, match.end()
    return moment.replace(hour=int(clock["hour"]), minute=int(clock["minute"])), True, clock.end()


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())


def _moved(start: datetime, text: str) -> tuple[datetime, bool]:
    """`start` after all the steps in `text`, and whether one of them was of hours or minutes."""
    moment, has_time, at = start, False, 0
    while (step := _STEP.match(text, at)) is not None:
        amount = int(step["n"]) * (1 if step["sign"] in "+加" else -1)
        unit = _UNITS[step["unit"].removesuffix("s")]
        if unit in ("months", "years"):
            moment = _plus_months(moment, amount * (12 if unit == "years" else 1))
        else:
            moment += timedelta(**{unit: amount})
        has_time |= unit in ("hours", "minutes")
        at = step.end()
    if re.search(r"\d", text[at:]):
        raise ToolError(f"“{text[at:].strip()[:40]}” cannot be read. {_ADVICE}")
    return moment, has_time


def _plus_months(moment: datetime, months: int) -> datetime:
    """The same day of a later or an earlier month, or the last one of a month that is too short for it."""
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    if not 1 <= year <= 9999:
        raise OverflowError
    return moment.replace(year=year, month=month + 1, day=min(moment.day, calendar.monthrange(year, month + 1)[1]))


def _difference(first: datetime, second: datetime, *, in_minutes: bool) -> str:
    early, late = sorted((first, second))
    if in_minutes:
        minutes = round((late - early).total_seconds() / 60)
        days, rest = divmod(minutes, 24 * 60)
        return f"{days} days, {rest // 60} hours and {rest % 60} minutes"
    days = (late.date() - early.date()).days
    return f"{days} days ({_in_months(early.date(), late.date())}; {days // 7} weeks and {days % 7} days)"


def _in_months(early: date, late: date) -> str:
    months = (late.year - early.year) * 12 + late.month - early.month
    start = _midnight(early)
    if _plus_months(start, months).date() > late:
        months -= 1
    days = (late - _plus_months(start, months).date()).days
    return f"{months // 12} years, {months % 12} months and {days} days"


def _written(moment: datetime, *, has_time: bool) -> str:
    weekday = f"{_WEEKDAYS_EN[moment.weekday()]}, 星期{_WEEKDAYS_ZH[moment.weekday()]}"
    # Not strftime: its %Y has no leading zeros for the years before 1000 on Linux.
    clock = f" {moment.hour:02d}:{moment.minute:02d}" if has_time else ""
    return f"{moment.year:04d}-{moment.month:02d}-{moment.day:02d}{clock} ({weekday})"
