"""A headless Chromium that a test drives by the DevTools protocol, over two pipes: no library, no port."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

_PATIENCE_S = 30.0
_OPTIONS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-extensions", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--remote-debugging-pipe",
)  # fmt: skip
# Keys that are not a character: their code, and what they insert.
_NAMED_KEYS = {"Enter": (13, "\r"), "Escape": (27, ""), "Tab": (9, ""), "ArrowLeft": (37, ""), "ArrowRight": (39, "")}


class ChromiumTab:
    """A tab. Its methods raise AssertionError for what the page throws, and for what takes too long.

    Attributes:
        said: what the page wrote to its console, refusals of its content security policy among them.
        dialogs: the messages of alert, confirm and prompt.
    """

    def __init__(self, process: subprocess.Popen[bytes], sending: int, receiving: int) -> None:
        self._process = process
        self._sending, self._receiving = sending, receiving
        self._buffer = b""
        self._number = 0
        self._session: str | None = None
        self.said: list[str] = []
        self.dialogs: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The result of a command."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._sending, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self._number:
            self._note(answer)
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def open(self, url: str) -> None:
        """Go to an address."""
        self.call("Page.navigate", url=url)

    def run(self, script: str) -> Any:
        """The JSON value of an expression; a promise is waited for."""
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def until(self, script: str) -> None:
        """Wait for an expression to be true."""
        end = time.monotonic() + _PATIENCE_S
        while not self.run(f"Boolean({script})"):
            assert time.monotonic() < end, f"never true: {script}\n{self.run('document.body?.innerText')}"
            time.sleep(0.02)

    def press(self, *keys: str) -> None:
        """Press keys as a person does, one after the other."""
        for key in keys:
            code, text = _NAMED_KEYS[key] if key in _NAMED_KEYS else (ord(key.upper()), key)
            fields = {"key": key, "windowsVirtualKeyCode": code}
            self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **fields)
            self.call("Input.dispatchKeyEvent", type="keyUp", **fields)

    def look(self, *, width: int = 1280, height: int = 860, scheme: str = "light") -> None:
        """Set the size of the window, and what the system prefers."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def screenshot(self, path: Path) -> None:
        """Save what is seen as a PNG."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._receiving], [], [], _PATIENCE_S)
            piece = os.read(self._receiving, 1 << 16) if ready else b""
            assert piece, "Chromium does not answer"
            self._buffer += piece
        message, _, self._buffer = self._buffer.partition(b"\0")
        parsed: dict[str, Any] = json.loads(message)
        return parsed

    def _note(self, event: dict[str, Any]) -> None:
        match event.get("method"):
            case "Page.javascriptDialogOpening":
                self.dialogs.append(event["params"]["message"])
            case "Log.entryAdded":
                self.said.append(event["params"]["entry"]["text"])
            case "Runtime.exceptionThrown":
                details = event["params"]["exceptionDetails"]
                self.said.append(details.get("exception", {}).get("description") or details["text"])


@contextmanager
def chromium(profile: Path, *, language: str = "en") -> Iterator[ChromiumTab]:
    """A browser with a new profile in a folder, and a tab in it."""
    to_browser, from_browser = os.pipe(), os.pipe()
    read_end, write_end = to_browser[0], from_browser[1]
    options = [*_OPTIONS, f"--user-data-dir={profile}", f"--accept-lang={language}", f"--lang={language}"]
    process = subprocess.Popen(
        # Chromium expects the pipes as descriptors 3 and 4.
        ["bash", "-c", f'exec "$@" 3<&{read_end} 4>&{write_end}', "bash", str(CHROMIUM), *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=(read_end, write_end),
        env=os.environ | {"HOME": str(profile)},
    )
    os.close(read_end)
    os.close(write_end)
    try:
        yield ChromiumTab(process, to_browser[1], from_browser[0])
    finally:
        process.terminate()
        process.wait(10)
        os.close(to_browser[1])
        os.close(from_browser[0])
