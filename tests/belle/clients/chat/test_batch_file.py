"""The batch form: one file of requests, one of answers, as vLLM and hosted APIs have them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belle.clients.chat.batch_file import outcome_of, read_batch, write_requests
from belle.clients.chat.client import RequestError
from belle.clients.chat.replies import ChatReply
from belle.clients.chat.requests import RowRequest
from belle.errors import KnownError

REQUESTS = {name: RowRequest(name, ({"role": "user", "content": f"问 {name}"},)) for name in ("a", "b")}


def answered(name: str, text: str = "好", status: int = 200) -> dict[str, Any]:
    body = {"model": "m", "choices": [{"message": {"content": text}, "finish_reason": "stop"}]}
    return {"id": "r", "custom_id": name, "response": {"status_code": status, "body": body}, "error": None}


def write(folder: Path, *rows: object) -> Path:
    path = folder / "answers.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def test_requests_are_in_the_form_of_a_batch(tmp_path: Path) -> None:
    path = tmp_path / "requests.jsonl"
    assert write_requests(path, REQUESTS.values(), "BELLE") == 2
    first, _ = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    assert set(first) == {"custom_id", "method", "url", "body"}
    assert (first["custom_id"], first["method"], first["url"]) == ("a", "POST", "/v1/chat/completions")
    assert first["body"]["model"] == "BELLE"
    assert first["body"]["messages"] == [{"role": "user", "content": "问 a"}]


def outcomes(path: Path) -> dict[str, ChatReply | RequestError]:
    return {name: outcome_of(row, REQUESTS[name]) for name, row in read_batch(path).items()}


def test_answers_come_in_any_order_and_failures_say_why(tmp_path: Path) -> None:
    failed = {"custom_id": "a", "response": None, "error": {"code": "expired", "message": "took too long"}}
    found = outcomes(write(tmp_path, answered("b"), failed))
    assert isinstance(found["b"], ChatReply)
    assert found["b"].text == "好"
    assert isinstance(found["a"], RequestError)
    assert "took too long" in found["a"].message


def test_a_refused_request_of_a_batch_is_told(tmp_path: Path) -> None:
    row = answered("a", status=400)
    row["response"]["body"] = {"error": {"message": "too long"}}
    outcome = outcomes(write(tmp_path, row))["a"]
    assert isinstance(outcome, RequestError)
    assert "400: too long" in outcome.message


@pytest.mark.parametrize("row", [{"custom_id": "a", "method": "POST", "body": {}}, {"x": 1}, [1], {"custom_id": 3}])
def test_another_file_is_refused(tmp_path: Path, row: object) -> None:
    with pytest.raises(KnownError) as caught:
        read_batch(write(tmp_path, answered("a"), row))
    assert "is not an answer of a batch" in caught.value.message
    assert "line 2" in caught.value.message


@given(st.binary(max_size=200))
def test_any_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("b") / "answers.jsonl"
    path.write_bytes(data)
    try:
        assert read_batch(path) == {}
    except KnownError as error:
        assert error.kind == "bad_batch"
