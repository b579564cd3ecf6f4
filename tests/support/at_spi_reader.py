"""Reads the AT-SPI tree of ChatBELLE as a screen reader does, and waits for one announcement.

Run with the system's Python, which has the bindings. Prints a JSON line `[role, name, depth]` for each object that is
showing, then `"listening"`, then `["announcement", text]`.
"""

from __future__ import annotations

import json
import time

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi, GLib  # noqa: E402

TIMEOUT_S = 20


def main() -> None:
    Atspi.init()
    end = time.monotonic() + TIMEOUT_S
    lines: list[list[object]] = []
    while time.monotonic() < end and not any(line[0] == "alert" for line in lines):
        time.sleep(0.1)
        desktop = Atspi.get_desktop(0)
        lines = [line for n in range(desktop.get_child_count()) for line in walk(desktop.get_child_at_index(n), 0)]
    for line in lines:
        print(json.dumps(line))
    loop = GLib.MainLoop()

    def heard(event: Atspi.Event) -> None:
        print(json.dumps(["announcement", str(event.any_data)]))
        loop.quit()

    listener = Atspi.EventListener.new(heard)
    listener.register("object:announcement")
    print(json.dumps("listening"), flush=True)
    GLib.timeout_add_seconds(TIMEOUT_S, loop.quit)
    loop.run()


def walk(node: Atspi.Accessible | None, depth: int) -> list[list[object]]:
    if node is None or not node.get_state_set().contains(Atspi.StateType.SHOWING):
        return []
    lines: list[list[object]] = [[node.get_role_name(), node.get_name(), depth]]
    for index in range(node.get_child_count()):
        lines += walk(node.get_child_at_index(index), depth + 1)
    return lines


if __name__ == "__main__":
    main()
