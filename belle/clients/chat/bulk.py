"""Answers many requests at once: as many as the endpoints take, in the order in which they get ready."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from belle.clients.chat.client import ChatClient, RequestError
from belle.clients.chat.endpoints import Endpoint
from belle.clients.chat.replies import ChatReply
from belle.clients.chat.requests import RowRequest


@dataclass(frozen=True, slots=True)
class SpendingLimit:
    """What a run may spend; None is without end. What is in flight when it is spent is still taken."""

    tokens: int | None = None
    money: float | None = None


@dataclass(slots=True)
class Tally:
    """What a run has done and spent so far.

    Attributes:
        answered, failed: requests.
        cost: in the currency of the endpoints' prices.
        spent: whether the limit ended the run.
    """

    answered: int = 0
    failed: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    spent: bool = False

    @property
    def tokens(self) -> int:
        """Read and written."""
        return self.prompt_tokens + self.completion_tokens


Take = Callable[[RowRequest, ChatReply | RequestError], None]
"""Told how each request went."""


async def answer_all(
    client: ChatClient,
    requests: Iterable[RowRequest],
    take: Take,
    *,
    tally: Tally | None = None,
    limit: SpendingLimit | None = None,
    prices: Iterable[Endpoint] = (),
) -> Tally:
    """Have `client` answer all of `requests`, of which only those in flight are in memory.

    Args:
        client: entered.
        requests: may be without end where there is a limit.
        take: called with each outcome, one at a time.
        tally: of the run before, which goes on.
        limit: where the run ends.
        prices: the endpoints, for the cost.

    Raises KnownError, of the client or of `take`; what was in flight then is dropped.
    """
    tally = tally or Tally()
    by_url = {endpoint.url: endpoint for endpoint in prices}
    rest = _within(limit or SpendingLimit(), tally, iter(requests))

    async def work() -> None:
        for request in rest:
            try:
                outcome: ChatReply | RequestError = await client.complete(request)
            except RequestError as error:
                outcome = error
            _count(tally, outcome, by_url)
            take(request, outcome)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(client.most_in_flight):
                group.create_task(work())
    except BaseExceptionGroup as errors:
        # The first says why; the others broke with it.
        raise errors.exceptions[0] from None
    return tally


def _within(limit: SpendingLimit, tally: Tally, requests: Iterator[RowRequest]) -> Iterator[RowRequest]:
    for request in requests:
        tally.spent = (limit.tokens is not None and tally.tokens >= limit.tokens) or (
            limit.money is not None and tally.cost >= limit.money
        )
        if tally.spent:
            return
        yield request


def _count(tally: Tally, outcome: ChatReply | RequestError, endpoints: dict[str, Endpoint]) -> None:
    if isinstance(outcome, RequestError):
        tally.failed += 1
        return
    tally.answered += 1
    tally.prompt_tokens += outcome.prompt_tokens
    tally.completion_tokens += outcome.completion_tokens
    if endpoint := endpoints.get(outcome.endpoint):
        tally.cost += endpoint.cost(outcome.prompt_tokens, outcome.completion_tokens)
