"""What streaming costs the window: `python -m tests.bench.bench_transcript`.

Both rows drive a real `TranscriptView` offscreen, painting included, with answers of the kinds that models write.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle, islice

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QCoreApplication, QEvent, QEventLoop, Qt, QTimer
from PySide6.QtWidgets import QApplication

from desktop.store.records import StoredMessage
from desktop.ui.style.theme import themes
from desktop.ui.transcript import TranscriptView
from tests.bench.measure import Measure, at_most

_PROSE = (
    "A paragraph of **plain** prose with `code` in it, which goes on for a few lines as models like to do, and "
    "then some more of it. 然后是一段中文，说明同样的事情，有标点，也有**重点**。\n\n"
)
_LINES = "我是一场春雨，在你脸上跳跃。\n"
_LIST = "- an item of a list with **bold** words and a `name`\n"
_NUMBERS = "1. a numbered item\n   - and one inside it\n\n"
_CODE = "def compute(value: int) -> int:  # a comment\n    return value * 2 + len('text')\n\n"
_TABLE = "| some cell | **another** | 第三 |\n"
_MIXED = (
    f"## Heading\n\n{_PROSE}{_LIST * 4}\n```python\n{_CODE * 2}```\n\n> a quote\n\n"
    f"| a | b | c |\n|--|--|--|\n{_TABLE * 3}\n"
)

KINDS = {
    "mixed": ("", _MIXED),
    "prose": ("", _PROSE),
    "lines": ("", _LINES),
    "list": ("", _LIST),
    "numbered": ("", _NUMBERS),
    "code": ("```python\n", _CODE),
    "table": ("| a | b | c |\n|---|--:|:-:|\n", _TABLE),
}
TOKEN = 4  # characters of a token, about


def run() -> list[Measure]:
    """The rows of the table that belong to the transcript."""
    rows = [at_most(f"append one token at 8,000 tokens ÷ at 200, {kind}", append_ratio(kind), 1.5) for kind in KINDS]
    rows.append(at_most("longest stall per 0.1 s at 200 tokens/s for 10 s, p99, ms", stall_ms(), 16))
    return rows


def append_ratio(kind: str, *, short: int = 200, long: int = 8000) -> float:
    """Median processor time of a token shown at once and painted, at length `long` over that at length `short`.

    Both answers grow by turns through the same text, so that whatever else the machine does weighs on both.
    """
    _application()
    period = len(KINDS[kind][1]) // TOKEN
    sample = period * (200 // period + 1)
    ends = [(_view(), _tokens(kind)) for _ in range(2)]
    for (view, tokens), length in zip(ends, (short, short + (long - short) // period * period), strict=True):
        view.append_text(2, "".join(islice(tokens, length)))
    _settle()
    costs: list[list[float]] = [[], []]
    for _ in range(sample):
        for (view, tokens), found in zip(ends, costs, strict=True):
            begun = time.thread_time()
            view.append_text(2, next(tokens))
            view.messages()  # shows at once what has come
            QCoreApplication.processEvents()
            found.append(time.thread_time() - begun)
    for view, _ in ends:
        _close(view)
    return statistics.median(costs[1]) / statistics.median(costs[0])


def stall_ms(*, seconds: float = 10.0, rate: int = 200) -> float:
    """99th percentile over windows of 0.1 s of the longest turn of the event loop, in milliseconds.

    In processor time of the window's thread: on a quiet machine that is the time that passes, and on a busy one it
    leaves out what other programs take.
    """
    _application()
    view = _view()
    tokens = _tokens("mixed")
    # The first picture of an empty view is no part of it, nor what is left of earlier views.
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    _settle(rounds=5)
    longest: dict[int, float] = {}
    start, last = time.perf_counter(), time.thread_time()
    sent = 0

    def tick() -> None:
        nonlocal last, sent
        passed, busy = time.perf_counter() - start, time.thread_time()
        window = int(passed * 10)
        longest[window] = max(longest.get(window, 0.0), busy - last)
        last = busy
        due = int(passed * rate) - sent
        for token in islice(tokens, max(0, due)):
            view.append_text(2, token)
            sent += 1

    timer = QTimer()
    timer.setTimerType(Qt.TimerType.PreciseTimer)
    timer.timeout.connect(tick)
    timer.start(1)
    loop = QEventLoop()
    QTimer.singleShot(round(seconds * 1000), loop.quit)
    loop.exec()
    timer.stop()
    _close(view)
    return statistics.quantiles(longest.values(), n=100)[98] * 1000


def _tokens(kind: str) -> Iterator[str]:
    head, body = KINDS[kind]
    pieces = [body[i * TOKEN : (i + 1) * TOKEN] for i in range(len(body) // TOKEN)]
    pieces[-1] += body[len(pieces) * TOKEN :]
    yield head
    yield from cycle(pieces)


def _application() -> QApplication:
    app = QApplication.instance()
    if not isinstance(app, QApplication):
        app = QApplication([])
        themes().apply("light")
    return app


def _view() -> TranscriptView:
    view = TranscriptView()
    view.resize(900, 800)
    question = StoredMessage(1, 1, None, "user", "Tell me about it.", "complete", 0.0, "", {}, 0, 1)
    answer = replace(question, id=2, parent_id=1, role="assistant", text="", status="streaming")
    view.set_path([question, answer])
    view.set_busy(True)
    view.show()
    _settle()
    return view


def _settle(*, rounds: int = 60) -> None:
    for _ in range(rounds):
        QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 20)
        time.sleep(0.005)


def _close(view: TranscriptView) -> None:
    view.close()
    view.deleteLater()
    _settle(rounds=5)


if __name__ == "__main__":
    for row in run():
        print(row)
