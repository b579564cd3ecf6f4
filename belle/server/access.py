"""Who may ask: the host a request is for, the page it comes from, the token it shows, and how long it is.

Pure ASGI around the application, so that nothing of a refused request is read.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from belle.server.errors import ApiError
from belle.server.settings import ServerSettings, answers_to

OPEN_PATHS = ("/health",)
"""Without a token: whether the server runs is no secret to whoever can reach it."""

_USUAL_HEADERS = "authorization, content-type"
_PREFLIGHT_S = "600"


@dataclass(frozen=True, slots=True)
class AccessAdvice:
    """What to do about a refusal, a sentence each."""

    host: str = "Ask it by its address, or name the host with --allow-host when it is started."
    origin: str = "Name those that may with --origin when it is started."
    authorization: str = "Send “Authorization: Bearer TOKEN” with the token of this server."


class AccessControl:
    """Lets a request through to `app`, or answers it with 400, 401, 403 or 413.

    Args:
        app: what it guards.
        settings: of the server.
        open_paths: that need no token.
        advice: for those who are refused.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: ServerSettings,
        open_paths: Collection[str] = OPEN_PATHS,
        advice: AccessAdvice | None = None,
    ) -> None:
        self._app = app
        self._settings = settings
        self._open_paths = open_paths
        self._advice = advice or AccessAdvice()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        try:
            self._check_host(headers)
            self._check_origin(origin, headers["host"])
            if scope["method"] == "OPTIONS" and origin is not None:
                answer = Response(status_code=204, headers=_preflight(headers))
                await self._with_cors(answer, origin, scope, receive, send)
                return
            if scope["path"] not in self._open_paths:
                self._check_token(headers)
            self._check_length(headers)
        except ApiError as error:
            await self._with_cors(error.response(), origin, scope, receive, send)
            return
        await self._with_cors(self._app, origin, scope, receive, send)

    def _check_host(self, headers: Headers) -> None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not answers_to(hosts[0], self._settings):
            message = "This server does not answer to the host name of the request."
            raise ApiError(400, f"{message} {self._advice.host}", code="host_not_allowed")

    def _check_origin(self, origin: str | None, host: str) -> None:
        if origin is not None and not self._is_allowed(origin) and not self._is_own(origin, host):
            message = "This server is not for the web page that asks."
            raise ApiError(403, f"{message} {self._advice.origin}", code="origin_not_allowed")

    def _is_allowed(self, origin: str) -> bool:
        return "*" in self._settings.origins or origin in self._settings.origins

    @staticmethod
    def _is_own(origin: str, host: str) -> bool:
        """Whether the page came from this server itself, by the name that the request gives it, which was checked."""
        return origin == f"http://{host}"

    def _check_token(self, headers: Headers) -> None:
        if self._settings.token is None:
            return
        scheme, _, token = headers.get("authorization", "").partition(" ")
        # In constant time: how long a refusal takes must not tell how much of a guess was right.
        is_right = hmac.compare_digest(token.strip().encode(), self._settings.token.encode())
        if scheme.casefold() != "bearer" or not is_right:
            message = f"The token is missing or wrong. {self._advice.authorization}"
            raise ApiError(401, message, code="invalid_api_key", headers={"WWW-Authenticate": "Bearer"})

    def _check_length(self, headers: Headers) -> None:
        length = headers.get("content-length", "0")
        if length.isdigit() and int(length) > self._settings.most_body_bytes:
            raise too_large(self._settings.most_body_bytes)

    async def _with_cors(self, app: ASGIApp, origin: str | None, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Cache-Control"] = "no-store"
                if origin is not None and self._is_allowed(origin):
                    headers["Access-Control-Allow-Origin"] = origin
                    headers["Vary"] = "Origin"
            await send(message)

        await app(scope, receive, send_with_headers)


def too_large(most: int) -> ApiError:
    """The error for a body of more than `most` bytes."""
    headers = {"Connection": "close"}  # the rest of it is not read
    return ApiError(413, f"The request has more than {most:,} bytes.", code="request_too_large", headers=headers)


def _preflight(headers: Headers) -> dict[str, str]:
    # Clients add headers of their own (`x-stainless-…`), which are read by nobody here.
    requested = headers.get("access-control-request-headers", _USUAL_HEADERS)
    return {
        "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
        "Access-Control-Allow-Headers": requested,
        "Access-Control-Max-Age": _PREFLIGHT_S,
    }
