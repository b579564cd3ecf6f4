"""HTTP/1.1 as uvicorn speaks it, with a limit to the time in which a request's head has to arrive.

uvicorn waits for ever for a client that connects and says nothing, or half of what it wants to say.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_TIMEOUT_S = 20.0


class TimedH11Protocol(H11Protocol):
    """Closes a connection whose first request, or whose next after a beginning of it, does not come in time."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """A client has connected."""
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """It has gone."""
        self._cancel_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some bytes have come."""
        between_requests = self.cycle is None or self.cycle.response_complete
        before = self.scope
        super().data_received(data)
        if self.scope is not before:
            self._cancel_deadline()
        elif between_requests and self._deadline is None:
            self._expect_head()

    def _expect_head(self) -> None:
        self._deadline = self.loop.call_later(HEAD_TIMEOUT_S, self.transport.close)

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
