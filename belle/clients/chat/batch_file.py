"""Requests and answers as files, for clusters without a network path: `vllm run-batch`, and the batches of hosted APIs.

One line for a request (`custom_id`, `method`, `url`, `body`), one line for its answer (`custom_id`, `response`,
`error`), in any order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from belle.clients.chat.client import RequestError
from belle.clients.chat.replies import ChatReply, ReplyError, error_text, reply_of
from belle.clients.chat.requests import RowRequest
from belle.documents import DocumentError, parse_json_row
from belle.durable import replace_file
from belle.errors import KnownError
from belle.texts import json_text, utf8

_LONGEST_LINE = 32 << 20


def write_requests(path: Path, requests: Iterable[RowRequest], model: str) -> int:
    """Write the batch; returns the number of requests. Raises KnownError."""
    count = 0
    with replace_file(path) as file:
        for count, request in enumerate(requests, 1):  # noqa: B007 – the last count is returned
            line = {
                "custom_id": request.id,
                "method": "POST",
                "url": "/v1/chat/completions",
                "body": request.body(model),
            }
            file.write(utf8(json_text(line)) + b"\n")
    return count


def read_batch(path: Path) -> dict[str, dict[str, Any]]:
    """The lines of a file of answers, by id. Raises KnownError ("bad_batch") for a line that is no answer."""
    rows = {}
    try:
        with path.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(_LONGEST_LINE + 1), b""), 1):
                if line.strip():
                    row = _row(line, f"{path}, line {number}")
                    rows[str(row["custom_id"])] = row
    except OSError as error:
        raise KnownError("unreadable", f"{path} cannot be read ({error.strerror}).", path=str(path)) from None
    return rows


def outcome_of(row: Mapping[str, Any], request: RowRequest) -> ChatReply | RequestError:
    """What a line of a file of answers says to `request`."""
    response = row.get("response")
    if row.get("error") or not isinstance(response, dict):
        return RequestError("request_broken", f"the batch says {error_text({'error': row.get('error')})}")
    body, status = response.get("body"), response.get("status_code", 200)
    if status != 200:
        return RequestError("request_refused", f"the batch answers {status}: {error_text(body)}")
    try:
        reply = reply_of(body, request)
    except ReplyError as error:
        return RequestError("request_broken", f"the answer in the batch {error}")
    return replace(reply, endpoint="batch")


def _row(line: bytes, where: str) -> dict[str, Any]:
    if len(line) > _LONGEST_LINE:
        raise KnownError("bad_batch", f"{where} is longer than {_LONGEST_LINE >> 20} MB.")
    try:
        row = parse_json_row(line)
    except DocumentError as error:
        raise KnownError("bad_batch", f"{where} {error.message}.", "Give the file of answers, whole.") from None
    if not isinstance(row, dict) or not isinstance(row.get("custom_id"), str) or not {"response", "error"} & set(row):
        advice = "It is the file of answers that is wanted, not that of requests."
        raise KnownError("bad_batch", f"{where} is not an answer of a batch.", advice)
    return row
