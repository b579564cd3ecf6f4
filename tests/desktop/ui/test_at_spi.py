"""What a screen reader on Linux is told: the AT-SPI tree of the real window, and what is announced."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.support.at_spi_window import SYSTEM_PYTHON

TOOLS = ("xvfb-run", "dbus-run-session", SYSTEM_PYTHON)


def can_run() -> bool:
    if not all(map(shutil.which, TOOLS)):
        return False
    bindings = "import gi; gi.require_version('Atspi', '2.0'); from gi.repository import Atspi"
    return subprocess.run([SYSTEM_PYTHON, "-c", bindings], capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str]]:
    """(role, name) of everything that is showing, in the order of the tree, and the announcement."""
    if not can_run():
        pytest.skip("needs Xvfb, D-Bus, and the system's bindings of AT-SPI")
    environment = os.environ | {
        "QT_QPA_PLATFORM": "xcb",
        "QT_LINUX_ACCESSIBILITY_ALWAYS_ON": "1",
        "HOME": str(tmp_path_factory.mktemp("home")),
    }
    command = ["xvfb-run", "-a", "dbus-run-session", "--", sys.executable, "-m", "tests.support.at_spi_window"]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    # `xvfb-run` puts the errors of all programs into their output.
    lines = [json.loads(line) for line in run.stdout.splitlines() if line.startswith('["')]
    assert lines, run.stdout
    return [(line[0], line[1]) for line in lines]


def test_the_conversation_is_a_document_whose_messages_are_a_list(told: list[tuple[str, str]]) -> None:
    start = told.index(("document frame", "Conversation"))
    parts = [item for item in told[start:] if item[0] in ("list", "list item")]
    assert parts[:3] == [("list", "Messages"), ("list item", "You"), ("list item", "Answer")]


def test_a_fault_is_an_alert_with_its_whole_text_and_another_one_is_announced(told: list[tuple[str, str]]) -> None:
    (alert,) = [name for role, name in told if role == "alert"]
    assert alert.startswith("The disk is full. What you wrote is not saved yet.")
    assert told[-1] == (
        "announcement",
        "The model has no room left. The answer ends here because the context is full.",
    )


def test_whatever_can_be_used_has_a_role_and_a_name(told: list[tuple[str, str]]) -> None:
    used = [item for item in told if item[0] in ("push button", "text", "tool bar", "status bar", "list", "panel")]
    assert len(used) > 15
    assert all(name for _, name in used), used
    assert {"tool bar", "status bar", "document frame", "alert"} <= {role for role, _ in told}
