"""The page's server: whom it answers, what never leaves it, and what becomes of whatever it is sent."""

from __future__ import annotations

import json
import socket
import time
from typing import Any

import httpx2
import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from belle.evaluation.page.files import OPEN_FILES
from tests.belle.evaluation.page.conftest import HOSTILE, SECRET, Judge, PageProcess, judged
from tests.support.chat_server import answer, complaint

APIS = ("items", "case", "checks", "judge", "decide", "undo", "enter")


def code(response: httpx2.Response) -> str:
    found: str = response.json()["error"]["code"]
    return found


def test_it_listens_on_loopback_alone(page: PageProcess) -> None:
    listening = [c for c in psutil.Process(page.process.pid).net_connections("inet") if c.status == "LISTEN"]
    assert {connection.laddr.ip for connection in listening} == {"127.0.0.1"}


@pytest.mark.parametrize("path", OPEN_FILES)
def test_its_files_need_no_token_and_hold_nothing_of_the_run(page: PageProcess, path: str) -> None:
    response = page.get(path)
    assert response.status_code == 200
    assert not any(word in response.text for word in (page.token, SECRET, "model-a", "瑞利", "7 + 9"))


@pytest.mark.parametrize("path", ["/", "/page.js", "/nothing", "/../../pyproject.toml", "/api/session", "/api/case"])
def test_every_response_forbids_all_that_is_not_its_own(page: PageProcess, path: str) -> None:
    headers = page.get(path).headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert "set-cookie" not in headers


@pytest.mark.parametrize("token", ["", "Bearer", "Bearer x", "Basic {token}", "Bearer {token}x", "Bearer {half}"])
def test_nothing_is_told_without_the_token(page: PageProcess, token: str) -> None:
    shown = token.format(token=page.token, half=page.token[:-1])
    for method, path in (("GET", "session"), *(("POST", name) for name in APIS if name != "enter")):
        headers = {"authorization": shown} if shown else {}
        response = httpx2.request(method, f"{page.base}/api/{path}", json={"item": "sum"}, headers=headers)
        assert response.status_code == 401
        assert page.token not in response.text


def test_a_ticket_that_is_not_one_gives_no_token(page: PageProcess) -> None:
    response = httpx2.post(f"{page.base}/api/enter", json={"ticket": page.token})
    assert response.status_code == 401
    assert code(response) == "invalid_ticket"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "10.0.0.1"])
def test_a_name_that_is_not_this_computer_is_refused(page: PageProcess, host: str) -> None:
    assert page.get("/api/session", host=host, **page.headers).status_code == 400
    assert page.get("/", host=host).status_code == 400


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://localhost"])
def test_another_page_is_refused_even_with_the_token(page: PageProcess, origin: str) -> None:
    response = page.post("case", {"item": "sum"}, origin=origin)
    assert (response.status_code, code(response)) == (403, "origin_not_allowed")
    assert "access-control-allow-origin" not in response.headers


def test_the_page_itself_is_answered(page: PageProcess) -> None:
    assert page.post("case", {"item": "sum"}, origin=page.base).status_code == 200


def test_the_names_of_models_are_not_told_where_it_is_blind(page: PageProcess) -> None:
    shown = page.post("case", {"item": "poem", "first": "model-a", "second": "model-b", "blind": True}).json()
    assert [answer["model"] for answer in shown["answers"]] == [None, None]
    shown = page.post("case", {"item": "poem", "first": "model-a", "second": "model-b", "blind": False}).json()
    assert [answer["model"] for answer in shown["answers"]] == ["model-a", "model-b"]


def test_the_rules_of_an_item_are_checked_for_each_answer(page: PageProcess) -> None:
    request = {"item": "sum", "answers": [{"text": "It is 16."}, {"text": "It is 17."}]}
    first, second = page.post("checks", request).json()["answers"]
    assert first == [{"type": "number", "rule": "value 16", "problem": ""}]
    assert (second[0]["key"], second[0]["parts"]) == ("wrong_number", {"given": "17", "right": "16"})
    assert second[0]["problem"] == "says 17, 16 is right"


def test_items_are_found_by_id_question_and_reference_and_by_class(page: PageProcess) -> None:
    def found(**filters: Any) -> list[str]:
        return [row["id"] for row in page.post("items", filters).json()["rows"]]

    assert len(found()) == 5
    assert found(search="SKY") == found(search="天空") == found(search="瑞利") == ["sky"]
    assert found(**{"class": "math"}) == ["sum"]
    assert found(search="no such") == []


def test_a_judges_key_is_in_no_response(page: PageProcess, judge: Judge) -> None:
    said = [page.get("/api/session", **page.headers).text]
    for script in (lambda body: complaint(401, f"wrong key {SECRET}"), lambda body: complaint(400, SECRET)):
        judge.script = script
        said.append(page.post("judge", {"item": "sky", "first": "model-a", "ask": True}).text)
    assert judge.server.headers[-1]["authorization"] == f"Bearer {SECRET}"
    assert not any(SECRET in text for text in said)
    assert "wrong key …" in said[1]


def test_pasted_questions_are_judged_and_not_kept(page: PageProcess, judge: Judge) -> None:
    request = {
        "pasted": {"question": "Why?", "class": "Open QA", "reference": "So.", "rubric": ["It says so.", " "]},
        "answers": [{"text": HOSTILE, "model": "x"}],
    }
    judge.script = lambda body: answer('{"reason": "r", "met": [true]}')
    shown = page.post("case", request).json()
    assert (shown["item"]["class"], shown["item"]["rubric"], shown["in_set"]) == ("open qa", ["It says so."], False)
    assert shown["answers"][0]["text"] == HOSTILE
    assert judged(page, **request)["opinions"][0]["score"] == 1.0
    digests = [shown["answers"][0]["digest"]]
    refused = page.post("decide", {**request, "score": 1, "shown": digests})
    assert (refused.status_code, code(refused)) == (400, "not_decidable")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b"\xff", 400),
        (b'{"item": "no such"}', 404),
        (b'{"item": 3}', 400),
        (b'{"item": "sum", "first": "no such"}', 400),
        (b'{"item": "sum", "first": "model-a", "second": "model-a"}', 400),
        (b'{"item": "sum", "second": "model-a"}', 400),
        (b'{"pasted": {"question": " "}}', 400),
        (b'{"pasted": {"question": "\\ud800"}}', 400),
        (b'{"item": "sum", "answers": [{"text": "a"}, {"text": "b"}, {"text": "c"}]}', 400),
        (b'{"item": "sum", "answers": [{"text": "a", "model": "m"}, {"text": "b", "model": "m"}]}', 400),
        (b'{"item": "sum", "blind": "yes"}', 400),
        (b'{"pasted": {"question": "?"}, "answers": [{"text": "' + b"a" * (9 << 20) + b'"}]}', 413),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_request_that_is_wrong_is_told_so(page: PageProcess, body: bytes, status: int) -> None:
    response = httpx2.post(f"{page.base}/api/case", content=body, headers=page.headers)
    assert response.status_code == status
    assert response.json()["error"]["message"]


def test_an_answer_of_a_megabyte_is_shown(page: PageProcess) -> None:
    text = "字" * (1 << 20)
    assert page.post("case", {"item": "sum", "answers": [{"text": text}]}).json()["answers"][0]["text"] == text


names = st.sampled_from(["item", "pasted", "answers", "first", "second", "blind", "ask", "shown", "score", "choice"])
plain = st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False)
words = st.sampled_from(["sum", "x", "left", "", "\0"])
values = st.recursive(
    plain | words,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["question", "text", "model", "rubric"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.sampled_from(["items", "case", "checks", "decide", "enter"]), st.dictionaries(names, values, max_size=6))
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_it_is_sent_it_answers_in_words(page: PageProcess, path: str, body: dict[str, Any]) -> None:
    response = page.post(path, body)
    assert response.status_code in (200, 400, 401, 404, 409)
    json.loads(response.text)


def test_a_response_does_not_wait_for_its_head_to_be_confirmed(page: PageProcess) -> None:
    durations = []
    for _ in range(20):
        started = time.monotonic()
        page.post("case", {"item": "sum"})
        durations.append(time.monotonic() - started)
    assert sorted(durations)[5] < 0.035  # the system confirms after 40 ms what it has no answer to


def test_half_a_request_holds_nobody_up(page: PageProcess) -> None:
    port = int(page.base.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as half:
        half.sendall(b"POST /api/case HTTP/1.1\r\nHost: localhost\r\nContent-Le")
        assert page.post("case", {"item": "sum"}).status_code == 200
