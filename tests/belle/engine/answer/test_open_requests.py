from __future__ import annotations

from belle.engine.answer.open_requests import OpenRequests
from belle.engine.llama.context import StopFlag


def test_one_answer_at_a_time() -> None:
    flag = StopFlag()
    requests = OpenRequests(flag)
    assert requests.accept(1)
    assert not requests.accept(2)
    requests.begin(1)
    requests.finish(1)
    assert requests.accept(3)


def test_a_request_may_wait_for_one_that_is_being_stopped() -> None:
    flag = StopFlag()
    requests = OpenRequests(flag)
    requests.accept(1)
    requests.begin(1)
    requests.stop(1)
    assert flag
    assert requests.accept(2)
    assert not requests.accept(3)
    requests.finish(1)
    requests.begin(2)
    assert not flag


def test_a_request_stopped_before_its_turn_stays_stopped() -> None:
    flag = StopFlag()
    requests = OpenRequests(flag)
    requests.accept(1)
    requests.stop(1)
    requests.begin(1)
    assert flag


def test_stopping_what_is_not_there_has_no_effect() -> None:
    flag = StopFlag()
    requests = OpenRequests(flag)
    requests.stop(7)
    assert requests.accept(7)
    requests.begin(7)
    assert not flag


def test_quitting_is_for_good() -> None:
    flag = StopFlag()
    requests = OpenRequests(flag)
    requests.accept(1)
    requests.quit()
    requests.begin(1)
    assert flag and requests.quitting


def test_reading_ahead_gives_way_to_everything() -> None:
    flag = StopFlag()
    requests = OpenRequests(flag)
    assert requests.begin_reading_ahead()
    assert not flag
    requests.interrupt_reading_ahead()
    assert flag
    requests.finish_reading_ahead()
    requests.accept(1)
    assert not requests.begin_reading_ahead()
    requests.begin(1)
    assert not flag
    requests.interrupt_reading_ahead()
    assert not flag


def test_nothing_is_read_ahead_at_the_end() -> None:
    requests = OpenRequests(StopFlag())
    requests.quit()
    assert not requests.begin_reading_ahead()


def test_a_batch_is_interrupted_when_nobody_needs_it_any_more() -> None:
    flag = StopFlag()
    requests = OpenRequests(flag)
    requests.allow(2)
    assert requests.accept(1) and requests.accept(2) and not requests.accept(3)
    requests.begin(1)
    requests.begin(2)
    requests.stop(1)
    assert requests.is_stopped(1) and not requests.is_stopped(2)
    assert not flag
    assert requests.accept(3)
    requests.stop(2)
    assert flag
    requests.begin(3)
    assert not flag
    requests.finish(3)
    assert flag


def test_what_is_evaluated_for_one_request_alone_is_stopped_with_it() -> None:
    flag = StopFlag()
    requests = OpenRequests(flag)
    requests.allow(2)
    requests.accept(1)
    requests.accept(2)
    requests.begin(1)
    requests.begin(2, alone=True)
    requests.stop(2)
    assert flag
    requests.finish(2)
    assert not flag
