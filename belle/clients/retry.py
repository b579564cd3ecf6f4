"""How often to try again, and how long to wait in between."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from belle.clients.errors import HubError
from belle.clients.progress import Reporter

_WAITS_SECONDS = (1.0, 2.0, 4.0, 8.0, 16.0)
_LONGEST_WAIT_SECONDS = 300.0

Result = TypeVar("Result")


class Retries:
    """The retries of one installation; failures are counted until bytes arrive."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._failures = 0
        self._connected = False

    def succeeded(self) -> None:
        """Bytes arrived."""
        self._failures = 0
        self._connected = True

    def failed(self, error: HubError) -> None:
        """Wait before the next try. Raises `error` when another try is useless, or after the last one."""
        tries = 1 if error.kind == "no_connection" and not self._connected else len(_WAITS_SECONDS)
        seconds = error.retry_after if error.retry_after is not None else _WAITS_SECONDS[min(self._failures, tries - 1)]
        if not error.passing or self._failures >= tries or seconds > _LONGEST_WAIT_SECONDS:
            raise error
        self._failures += 1
        self._reporter.wait(max(seconds, 0.1), error.message)

    def keep_trying(self, ask: Callable[[], Result]) -> Result:
        """The result of `ask`, with retries. Raises HubError."""
        while True:
            try:
                result = ask()
            except HubError as error:
                self.failed(error)
            else:
                self.succeeded()
                return result
