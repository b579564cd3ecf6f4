"""How many requests an endpoint gets: more while it answers, half after a complaint, none while it is down."""

from __future__ import annotations

from belle.clients.chat.endpoint_load import EndpointLoad
from belle.clients.chat.endpoints import Endpoint


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def load(limit: int = 64) -> tuple[EndpointLoad, Clock]:
    clock = Clock()
    return EndpointLoad(Endpoint("http://x/v1", "m", limit=limit), clock=clock), clock


def test_it_grows_by_one_for_each_full_round() -> None:
    one, _ = load()
    first = one.limit
    for _ in range(first + 1):
        one.answered()
    assert one.limit == first + 1


def test_it_never_grows_beyond_the_limit_of_the_endpoint() -> None:
    one, _ = load(limit=3)
    for _ in range(100):
        one.answered()
    assert one.limit == 3


def test_a_burst_of_complaints_halves_it_once() -> None:
    one, clock = load()
    first = one.limit
    sent = clock.now
    clock.now += 1
    for _ in range(5):
        one.overloaded(sent, None)
    assert one.limit == first // 2
    clock.now += 1
    one.overloaded(clock.now, None)
    assert one.limit == first // 4


def test_retry_after_is_obeyed() -> None:
    one, clock = load()
    one.overloaded(clock.now, 7.0)
    assert not one.has_room
    clock.now += 7.0
    assert one.has_room


def test_one_broken_request_is_no_sign_that_the_server_is_down_and_three_in_a_row_are() -> None:
    one, clock = load()
    one.failed(clock.now)
    one.failed(clock.now)
    one.answered()
    one.failed(clock.now)
    one.failed(clock.now)
    assert one.has_room
    one.failed(clock.now)
    assert not one.has_room
    clock.now += 60
    assert one.has_room


def test_weight_shares_the_requests() -> None:
    light, _ = load()
    heavy = EndpointLoad(Endpoint("http://y/v1", "m", weight=3.0))
    for _ in range(8):
        min((light, heavy), key=lambda one: one.pressure).in_flight += 1
    assert (light.in_flight, heavy.in_flight) == (2, 6)
