"""How many requests one endpoint is given at a time: as many as it takes without complaint, and none while it is down.

The limit follows TCP's rule (additive increase, multiplicative decrease; Chiu and Jain, 1989): one more request in
flight after each full round without a complaint, half as many after one.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from time import monotonic

from belle.clients.chat.endpoints import Endpoint
from belle.clients.chat.requests import SchemaForm

_FIRST_LIMIT = 8.0
_FAILURES_IN_A_ROW = 3
"""One request that a server cannot answer is no sign that the server is down; several in a row are."""

_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 60.0


class EndpointLoad:
    """The requests at one endpoint. Not for several threads.

    Args:
        endpoint: which.
        clock: seconds, never going back.

    Attributes:
        in_flight: requests there now.
        paused_until: by the clock; no request before.
        schema_form: how it takes the JSON schema of an answer.
        refused: why the endpoint is of no use in this run, a clause with its address; "" while it is of use.
    """

    def __init__(self, endpoint: Endpoint, *, clock: Callable[[], float] = monotonic) -> None:
        self.endpoint = endpoint
        self.in_flight = 0
        self.paused_until = 0.0
        self.schema_form: SchemaForm = "json_schema"
        self.refused = ""
        self._clock = clock
        self._limit = min(_FIRST_LIMIT, float(endpoint.limit))
        self._lowered_at = -1.0
        self._failures = 0

    @property
    def limit(self) -> int:
        """Requests in flight that are allowed now."""
        return int(self._limit)

    @property
    def has_room(self) -> bool:
        """Whether it may get another request now."""
        return not self.refused and self.in_flight < self.limit and self._clock() >= self.paused_until

    @property
    def pressure(self) -> float:
        """The smaller, the sooner it gets the next request."""
        return (self.in_flight + 1) / self.endpoint.weight

    def answered(self) -> None:
        """A request was answered, with whatever."""
        self._failures = 0
        self._limit = min(self._limit + 1 / self._limit, float(self.endpoint.limit))

    def overloaded(self, sent_at: float, retry_after: float | None) -> None:
        """The endpoint complains about too many requests; `retry_after`: seconds that it asks for."""
        self._lower(sent_at)
        if retry_after is not None:
            self.paused_until = max(self.paused_until, self._clock() + min(retry_after, _LONGEST_PAUSE_S * 10))
        elif self._limit == 1.0:
            self._pause()

    def failed(self, sent_at: float) -> None:
        """A request broke: no connection, no whole answer, an error of the server."""
        self._failures += 1
        if self._failures >= _FAILURES_IN_A_ROW:
            self._lower(sent_at)
            self._pause()

    def _lower(self, sent_at: float) -> None:
        # The requests sent before the limit was lowered say nothing about the new one.
        if sent_at > self._lowered_at:
            self._lowered_at = self._clock()
            self._limit = max(1.0, self._limit / 2)

    def _pause(self) -> None:
        self.paused_until = max(self.paused_until, self._clock() + backoff(self._failures))


def backoff(failures: int) -> float:
    """Seconds to wait after so many failures: doubling, up to a minute, with jitter, so that clients spread out."""
    jitter = random.uniform(0.5, 1.0)  # noqa: S311 – no secret
    return min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(failures, 10)) * jitter
