"""Whose turn it is: a few answers are made at once, and clients that wait take turns, whoever sends more.

A program with twenty requests waiting and one with a single request get every second answer each. Within a client the
order is that of arrival.
"""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from time import monotonic

from belle.server.errors import ApiError

_LONGEST_RETRY_S = 60
_SMOOTHING = 0.3


class FairQueue:
    """Hands the places of the engine from client to client. Belongs to one event loop.

    Args:
        most_waiting: requests that may wait; further ones are refused with 429.
        places: requests that are answered at once.
    """

    def __init__(self, most_waiting: int, places: int = 1) -> None:
        self._most_waiting = most_waiting
        self._places = places
        self._admitted = 0
        self._free = places
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self._usual_s = 1.0

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """Let a request in, which may then take any number of turns. Raises ApiError(429) when too many wait."""
        waiting = self._admitted - self._places
        if waiting >= self._most_waiting:
            retry = min(_LONGEST_RETRY_S, math.ceil(self._usual_s * self._admitted / self._places))
            message = f"{waiting} requests are waiting already. Try again in {retry} s."
            raise ApiError(429, message, code="queue_full", headers={"Retry-After": str(retry)})
        self._admitted += 1
        try:
            yield
        finally:
            self._admitted -= 1

    @asynccontextmanager
    async def turn(self, client: str) -> AsyncIterator[None]:
        """Wait until it is the turn of `client`; it ends with the block."""
        if self._free:
            self._free -= 1
        else:
            await self._wait(client)  # a place is passed on, and does not become free in between
        started = monotonic()
        try:
            yield
        finally:
            self._usual_s += _SMOOTHING * (monotonic() - started - self._usual_s)
            if client in self._waiting:
                self._waiting.move_to_end(client)  # behind those who came while it was served
            self._pass_on()

    async def _wait(self, client: str) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(client, deque()).append(future)
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self._pass_on()  # it was called up, and has gone meanwhile
            else:
                self._forget(client, future)
            raise

    def _pass_on(self) -> None:
        """Call up the next: the client that has waited longest since its last turn."""
        while self._waiting:
            client, futures = next(iter(self._waiting.items()))
            future = futures.popleft()
            has_gone = future.done()
            if not futures:
                del self._waiting[client]
            elif not has_gone:
                self._waiting.move_to_end(client)
            if not has_gone:
                future.set_result(None)
                return
        self._free += 1

    def _forget(self, client: str, future: asyncio.Future[None]) -> None:
        futures = self._waiting.get(client)
        if futures is not None and future in futures:
            futures.remove(future)
            if not futures:
                del self._waiting[client]
