"""The socket of a server, and how uvicorn serves an application at it."""

from __future__ import annotations

import errno
import socket

import uvicorn
from starlette.types import ASGIApp

from belle.errors import KnownError
from belle.server.protocol import TimedH11Protocol
from belle.server.settings import ServerSettings

_BACKLOG = 128
_MOST_CONNECTIONS = 512
_KEEP_ALIVE_S = 30
_GRACE_S = 1
_LONGEST_HEAD = 32 << 10


def server_config(app: ASGIApp) -> uvicorn.Config:
    """What uvicorn does around `app`: nothing is logged or told about itself, and nothing waits without end."""
    return uvicorn.Config(
        app,
        http=TimedH11Protocol,
        ws="none",
        lifespan="off",
        loop="asyncio",
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_GRACE_S,
        h11_max_incomplete_event_size=_LONGEST_HEAD,
    )


def listen(settings: ServerSettings) -> socket.socket:
    """A socket that listens. Raises KnownError: `bad_host`, `port_in_use`, `cannot_listen`."""
    try:
        family, _, _, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, UnicodeError):
        message = f"{settings.host} is not an address of this computer."
        raise KnownError("bad_host", message, "Give --host 127.0.0.1, or another address of this computer.") from None
    # The protocol by its number: asyncio sets TCP_NODELAY on no other sockets, and without it each response, whose head
    # and body are sent one after the other, waits 40 ms for the client to confirm the head.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    # A server that was just ended leaves its address in use for a minute otherwise.
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(address)
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise _not_listening(settings, error) from None
    return listening


def address_of(listening: socket.socket, host: str) -> str:
    """The address of a server without a path, such as `http://127.0.0.1:8080`, by the name that it was given."""
    port = listening.getsockname()[1]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _not_listening(settings: ServerSettings, error: OSError) -> KnownError:
    if error.errno == errno.EADDRINUSE:
        message = f"Port {settings.port} of {settings.host} is in use already."
        return KnownError("port_in_use", message, "End the other program, or give another --port; 0 takes a free one.")
    if error.errno == errno.EADDRNOTAVAIL:
        message = f"{settings.host} is not an address of this computer."
        return KnownError("bad_host", message, "Give --host 127.0.0.1, or another address of this computer.")
    message = f"{settings.host} port {settings.port} cannot be listened at: {error.strerror or error}."
    advice = "Ports below 1024 need special rights; give another --port." if error.errno == errno.EACCES else ""
    return KnownError("cannot_listen", message, advice)
