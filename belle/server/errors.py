"""Errors in the form of OpenAI's API, with the status that its clients act on (they try 429 and 5xx again)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import JSONResponse, Response

from belle.errors import KnownError

_CODES = {"prompt_too_long": "context_length_exceeded"}
"""Where OpenAI's API has a code of its own for a kind of `KnownError`."""

# Kinds of `KnownError` that are the request's fault.
_BAD_REQUEST = frozenset({
    "bad_grammar", "bad_prompt", "bad_sampling", "empty_prompt", "grammar_stuck", "no_template", "nothing_to_continue",
    "prompt_too_long", "template_error", "tools_unsupported", "unknown_template",
})  # fmt: skip
# Those of a worker that has died or could not be started; another one is tried for the next request.
_UNAVAILABLE = frozenset({
    "backend_crash", "busy", "killed", "killed_low_memory", "no_model", "out_of_memory", "terminated",
    "server_ending", "too_big_for_memory", "unresponsive", "worker_bug",
})  # fmt: skip
_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


class ApiError(Exception):
    """What a client is told instead of an answer.

    Args:
        status: of HTTP.
        message: for people.
        param: the field of the request that is wrong, such as `messages[1].content`.
        code: for programs.
        headers: of the response.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param
        self.code = code
        self.headers = dict(headers or {})

    def body(self) -> dict[str, Any]:
        """The JSON of the response."""
        kind = _TYPES.get(self.status, "server_error" if self.status >= 500 else "invalid_request_error")
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}

    def response(self) -> Response:
        """The whole response."""
        return JSONResponse(self.body(), self.status, self.headers)


class ClientGoneError(Exception):
    """The client has closed its connection; nobody waits for a response."""


def bad_request(message: str, param: str | None = None, *, code: str | None = None) -> ApiError:
    """Something in the request is wrong."""
    return ApiError(400, message, param=param, code=code)


def from_known(error: KnownError) -> ApiError:
    """What a known error of the engine means to a client."""
    code = _CODES.get(error.kind, error.kind)
    if error.kind in _BAD_REQUEST:
        param = "messages" if error.kind in ("prompt_too_long", "template_error") else None
        return ApiError(400, str(error), param=param, code=code)
    if error.kind in _UNAVAILABLE:
        return ApiError(503, str(error), code=code, headers={"Retry-After": "1"})
    return ApiError(500, str(error), code=code)
