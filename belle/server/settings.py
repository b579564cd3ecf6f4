"""What a server allows: where it listens, who may ask, and how much."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass

from belle.network import is_loopback


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """All of it, fixed for the life of the server.

    Args:
        host: address or name to listen at.
        port: 0 for any that is free.
        token: what clients have to show; None: nothing.
        origins: of web pages that may ask, `*` for all.
        allowed_hosts: names besides the usual ones by which clients may call this machine.
        model_name: by which clients ask for the model.
        most_waiting: requests that may wait while others are answered.
        most_body_bytes: of a request.
        most_messages: of a conversation.
        most_tokens: of an answer; None for what the context holds.
        most_choices: answers to one request (`n`).
        body_timeout_s: in which a request has to arrive, and a piece of an answer to be taken.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    token: str | None = None
    origins: tuple[str, ...] = ()
    allowed_hosts: tuple[str, ...] = ()
    model_name: str = ""
    most_waiting: int = 64
    most_body_bytes: int = 8 << 20
    most_messages: int = 2048
    most_tokens: int | None = None
    most_choices: int = 16
    body_timeout_s: float = 30.0


def answers_to(host_header: str, settings: ServerSettings) -> bool:
    """Whether a request with this `Host` was meant for this server.

    A page that has its own name point to 127.0.0.1 (DNS rebinding) sends that name. So names are taken that mean this
    machine whoever asks, and addresses, which no page can make its own.
    """
    name = _without_port(host_header).casefold()
    known = {"localhost", settings.host.casefold(), *(other.casefold() for other in settings.allowed_hosts)}
    if not is_loopback(settings.host):
        known.add(socket.gethostname().casefold())
    if name in known:
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or not is_loopback(settings.host)


def _without_port(host: str) -> str:
    """`127.0.0.1` of `127.0.0.1:8080`, `::1` of `[::1]:8080`."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]
