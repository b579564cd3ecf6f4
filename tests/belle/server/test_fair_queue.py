"""Clients take turns, whoever sends more; nobody is forgotten, and too many are refused."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belle.server.errors import ApiError
from belle.server.fair_queue import FairQueue


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 30))


async def order_of(holder: str, clients: list[str], cancelled: frozenset[int] = frozenset()) -> list[int]:
    """The order in which requests of `clients` are served that all arrive while one of `holder` is."""
    turns, served = FairQueue(1000), []

    async def ask(number: int, client: str) -> None:
        async with turns.turn(client):
            served.append(number)
            await asyncio.sleep(0)

    async with turns.turn(holder):
        tasks = [asyncio.create_task(ask(number, client)) for number, client in enumerate(clients)]
        await asyncio.sleep(0)
        for number in cancelled:
            tasks[number].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    async with turns.turn("last"):  # the engine is free again
        pass
    return served


def test_one_request_of_another_client_waits_for_one_answer_only() -> None:
    async def check() -> None:
        assert await order_of("a", ["a", "a", "a", "b"]) == [3, 0, 1, 2]
        assert await order_of("x", ["a", "a", "b", "b", "c"]) == [0, 2, 4, 1, 3]

    run(check())


@given(st.sampled_from("abcx"), st.lists(st.sampled_from("abc"), max_size=12), st.data())
def test_everybody_is_served_once_and_no_client_twice_before_another(
    holder: str, clients: list[str], data: st.DataObject
) -> None:
    gone = data.draw(st.frozensets(st.integers(0, len(clients) - 1)) if clients else st.just(frozenset()))

    async def check() -> None:
        served = await order_of(holder, clients, gone)
        assert sorted(served) == [number for number in range(len(clients)) if number not in gone]
        who = [holder, *(clients[number] for number in served)]
        for client in set(who):
            places = [place for place, other in enumerate(who) if other == client]
            for before, after in pairwise(places):
                # Whoever is served later on waited all the time, and had a turn in between.
                assert {*who[after:]} <= {*who[before:after]}
            mine = [number for number in served if clients[number] == client]
            assert mine == sorted(mine)

    run(check())


def test_the_turn_passes_on_when_an_answer_fails() -> None:
    async def check() -> None:
        turns = FairQueue(10)
        with pytest.raises(ZeroDivisionError):
            async with turns.turn("a"):
                raise ZeroDivisionError
        async with turns.turn("b"):
            pass

    run(check())


def test_who_was_called_up_and_has_gone_passes_the_turn_on() -> None:
    async def check() -> None:
        turns = FairQueue(10)

        async def ask(client: str) -> None:
            async with turns.turn(client):
                pass

        async with turns.turn("a"):
            tasks = [asyncio.create_task(ask(client)) for client in "bc"]
            await asyncio.sleep(0)
        tasks[0].cancel()  # called up by the end of the block, but not running yet
        await tasks[1]

    run(check())


def test_too_many_are_refused_with_a_time_to_come_again() -> None:
    turns = FairQueue(2)
    with turns.admitted(), turns.admitted(), turns.admitted():
        with pytest.raises(ApiError) as caught, turns.admitted():
            pass
        assert caught.value.status == 429
        assert int(caught.value.headers["Retry-After"]) >= 1
        assert "2 requests" in caught.value.message
    with turns.admitted():
        pass


@given(st.integers(1, 4), st.lists(st.sampled_from("abc"), max_size=12), st.data())
def test_every_place_is_used_and_none_is_lost(places: int, clients: list[str], data: st.DataObject) -> None:
    gone = data.draw(st.frozensets(st.integers(0, len(clients) - 1)) if clients else st.just(frozenset()))

    async def check() -> None:
        turns, served, most = FairQueue(1000, places), 0, 0

        async def ask(client: str) -> None:
            nonlocal served, most
            async with turns.turn(client):
                served += 1
                most = max(most, served)
                try:
                    await asyncio.sleep(0)
                finally:
                    served -= 1

        tasks = [asyncio.create_task(ask(client)) for client in clients]
        await asyncio.sleep(0)
        assert served == min(places, len(clients))
        for number in gone:
            tasks[number].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*[ask("last") for _ in range(places)])
        assert most == places

    run(check())


def test_those_that_are_answered_do_not_count_as_waiting() -> None:
    turns = FairQueue(1, 3)
    with turns.admitted(), turns.admitted(), turns.admitted(), turns.admitted():
        with pytest.raises(ApiError) as caught, turns.admitted():
            pass
        assert "1 requests" in caught.value.message
