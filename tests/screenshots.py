"""`make screenshots`: the pictures of the README, taken of the real window in both languages and both themes.

    python -m tests.screenshots [FOLDER]

The conversations are the project's own text; the model in the header is the starter, really loaded. Chinese needs a
font that has it (fonts-noto-cjk).
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ["QT_SCALE_FACTOR"] = "2"

from PySide6.QtCore import QDeadlineTimer, QEventLoop, QSize
from PySide6.QtGui import QFontDatabase

FOLDER = Path(__file__).parent.parent / "assets" / "screenshots"
SIZE = QSize(1120, 760)
READY_S = 60

# The texts are long, and each is one string.
# ruff: noqa: ISC004
POEM = {
    "en": (
        "Spring rain, translated",
        "Translate this into Chinese, and tell me which word was hardest:\n\n"
        "> The rain came softly in the night, and by morning the whole street smelled of wet earth.",
        "**夜里，雨轻轻地来了；到了清晨，整条街都是泥土湿润的气息。**\n\n"
        "The hardest word was *softly*. Three candidates, and what each would have said:\n\n"
        "| word | literally | effect |\n|:--|:--|:--|\n| 轻轻地 | lightly | quiet, almost tender |\n"
        "| 悄悄地 | secretly | the rain hides |\n| 细细地 | finely | one sees the drops |\n\n"
        "*轻轻地* keeps the night quiet without giving the rain a secret.",
    ),
    "zh": (
        "二分查找",
        "用 Python 写一个二分查找，并说明为什么要用 `low + (high - low) // 2`。",
        "二分查找每次把范围缩小一半：\n\n```python\ndef binary_search(values: list[int], target: int) -> int | None:\n"
        '    """Index of target in sorted values, None when it is not there."""\n'
        "    low, high = 0, len(values) - 1\n    while low <= high:\n        middle = low + (high - low) // 2\n"
        "        if values[middle] == target:\n            return middle\n        if values[middle] < target:\n"
        "            low = middle + 1\n        else:\n            high = middle - 1\n    return None\n```\n\n"
        "写成 `low + (high - low) // 2`，是因为在整数有上限的语言里，`low + high` 可能溢出；Python 的整数没有上限，"
        "两种写法结果相同，这样写只是一个好习惯。",
    ),
}
OTHERS = {
    "en": [
        "A letter to an old friend",
        "Seven ideas for a rainy weekend",
        "What is a context window?",
        "Bread without a mixer",
    ],
    "zh": ["给老朋友的一封信", "周末下雨可以做什么", "什么是上下文窗口", "不用揉的面包"],
}


def main() -> int:
    """Take every picture; exit status 1 when there is no Chinese font."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        os.environ["HOME"] = home
        for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
            os.environ.pop(name, None)
        return _take_all(folder)


def _take_all(folder: Path) -> int:
    from belle import paths
    from desktop.app import WindowSession, make_application
    from desktop.i18n import set_language
    from desktop.settings import Settings
    from desktop.store import Store
    from desktop.ui.style.theme import themes

    make_application()
    if not any("CJK" in family or "Han" in family for family in QFontDatabase.families()):
        print("There is no Chinese font here. Install one: sudo apt install fonts-noto-cjk", file=sys.stderr)
        return 1
    settings = Settings()
    themes().follow_settings(settings)
    for language in ("en", "zh"):
        database = paths.database_file().with_name(f"{language}.sqlite3")
        store = Store.open(database)
        conversation = _fill(store, language)
        running = WindowSession(settings)
        controller = running.begin(store)
        running.window.resize(SIZE)
        running.window.show()
        controller.start()
        _wait(lambda controller=controller: controller.model.status == "ready")
        for mode in ("light", "dark"):
            set_language("zh_CN" if language == "zh" else "en")
            settings.set_value("window/theme", mode)
            controller.conversations.new_chat()
            _shoot(running.window, folder / f"welcome-{mode}-{language}.png")
            controller.conversations.open(conversation)
            _shoot(running.window, folder / f"conversation-{mode}-{language}.png")
        running.window.close()
        running.close()
    return 0


def _fill(store: object, language: str) -> int:
    """Some conversations, the one to be shown last. Its id."""
    for title in OTHERS[language]:
        store.create_conversation(title=title)  # type: ignore[attr-defined]
    title, question, answer = POEM[language]
    conversation = store.create_conversation(title=title)  # type: ignore[attr-defined]
    asked = store.add_message(conversation.id, None, "user", question)  # type: ignore[attr-defined]
    first = store.start_answer(conversation.id, asked.id, "SmolLM2 135M")  # type: ignore[attr-defined]
    store.finish(first.id, "…", status="stopped", stats={})  # type: ignore[attr-defined]
    shown = store.start_answer(conversation.id, asked.id, "SmolLM2 135M")  # type: ignore[attr-defined]
    stats = {"ttft_s": 0.3, "tokens_per_s": 41.0, "completion_tokens": 164}
    store.finish(shown.id, answer, status="complete", stats=stats)  # type: ignore[attr-defined]
    return int(conversation.id)


def _shoot(window: object, file: Path) -> None:
    _settle(0.6)
    if not window.grab().save(str(file)):  # type: ignore[attr-defined]
        raise OSError(f"{file} could not be written")
    print(file)


def _settle(seconds: float) -> None:
    deadline = QDeadlineTimer(int(seconds * 1000))
    while not deadline.hasExpired():
        QEventLoop().processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 50)
        time.sleep(0.01)


def _wait(condition: object) -> None:
    deadline = time.monotonic() + READY_S
    while not condition():  # type: ignore[operator]
        if time.monotonic() > deadline:
            raise TimeoutError("the starter model did not load")
        _settle(0.05)


if __name__ == "__main__":
    raise SystemExit(main())
