"""The servers to ask: a TOML file with one table for each, or one address on the command line.

[[endpoint]]
url = "http://10.0.0.7:8000/v1"
model = "BELLE-13B"           # the name under which the server offers it
key = "$VLLM_KEY"             # a variable of the environment; keys themselves do not belong into files
weight = 2                    # takes twice as many requests as an endpoint of weight 1
limit = 64                    # requests in flight at most
price = { prompt = 0.2, completion = 0.6 }   # per million tokens, in any currency
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from belle import network
from belle.documents import parse_toml, read_document
from belle.errors import KnownError
from belle.texts import short_repr

DEFAULT_LIMIT = 32
"""Requests in flight at one endpoint; fewer where it answers that they are too many."""

MOST_IN_FLIGHT = 4096
_LONGEST_FILE = 1 << 20
_SEE_HELP = "See `belle eval run --help`."
_ADDRESS = "Such as http://127.0.0.1:8080/v1."
_VARIABLE = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server and the model to ask there.

    Attributes:
        url: ends before `/chat/completions`, such as `http://127.0.0.1:8080/v1`.
        model: its name there.
        key: the bearer token, "" for none. Never shown.
        weight: its share of the requests, relative to the others.
        limit: requests in flight at most.
        prompt_price, completion_price: per million tokens.
    """

    url: str
    model: str
    key: str = field(default="", repr=False)
    weight: float = 1.0
    limit: int = DEFAULT_LIMIT
    prompt_price: float = 0.0
    completion_price: float = 0.0

    @property
    def is_local(self) -> bool:
        """Whether it is on this computer, so that no proxy may come in between."""
        return network.is_loopback(urlsplit(self.url).hostname or "")

    @property
    def has_price(self) -> bool:
        """Whether a price was given."""
        return self.prompt_price > 0 or self.completion_price > 0

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Of an answer, in the currency of the prices."""
        return (prompt_tokens * self.prompt_price + completion_tokens * self.completion_price) / 1e6


def read_endpoints(path: Path) -> list[Endpoint]:
    """The endpoints of a file. Raises KnownError ("bad_endpoints", and those of reading a file)."""
    document = read_document(path, parse_toml, kind="bad_endpoints", longest=_LONGEST_FILE)
    try:
        tables = document.pop("endpoint", None)
        if document:
            raise _EndpointError(f"has the unknown key {short_repr(next(iter(document)))}")
        if not isinstance(tables, list) or not tables:
            raise _EndpointError("has no table [[endpoint]]")
        return [_endpoint(table, f"[[endpoint]] {number}") for number, table in enumerate(tables, 1)]
    except _EndpointError as error:
        raise KnownError("bad_endpoints", f"{path} {error}.", error.advice, path=str(path)) from None


def endpoint_at(url: str, model: str, *, key: str = "") -> Endpoint:
    """The one endpoint of a command line; `key` names a variable (`$NAME`). Raises KnownError ("bad_endpoints")."""
    try:
        return _endpoint({"url": url, "model": model, **({"key": key} if key else {})}, "The endpoint")
    except _EndpointError as error:
        raise KnownError("bad_endpoints", f"{error}.", error.advice) from None


class _EndpointError(ValueError):
    """What is wrong with an endpoint: a clause, and what to do."""

    def __init__(self, message: str, advice: str = _SEE_HELP) -> None:
        super().__init__(message)
        self.advice = advice


def _endpoint(table: object, where: str) -> Endpoint:
    if not isinstance(table, dict):
        raise _EndpointError(f"{where} is not a table")
    unknown = set(table) - {"url", "model", "key", "weight", "limit", "price"}
    if unknown:
        raise _EndpointError(f"{where} has the unknown key {short_repr(min(unknown))}")
    price = table.get("price", {})
    if not isinstance(price, dict) or set(price) - {"prompt", "completion"}:
        raise _EndpointError(f"{where}: price is {{ prompt = …, completion = … }}, per million tokens")
    return Endpoint(
        url=_url(table.get("url"), where),
        model=_model(table.get("model"), where),
        key=_key(table.get("key", ""), where),
        weight=_number(table, "weight", 1.0, where, least=1e-6),
        limit=round(_number(table, "limit", DEFAULT_LIMIT, where, least=1, most=MOST_IN_FLIGHT)),
        prompt_price=_number(price, "prompt", 0.0, where),
        completion_price=_number(price, "completion", 0.0, where),
    )


def _url(value: object, where: str) -> str:
    try:
        parts = urlsplit(value) if isinstance(value, str) else None
        sound = parts is not None and parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound or parts is None:
        raise _EndpointError(f"{where}: {short_repr(value)} is not an address", _ADDRESS)
    if parts.username is not None or parts.query or parts.fragment:
        message = f"{where}: the address has to end before “?” and “#”, and must not have a user's name in it"
        raise _EndpointError(message, f"{_ADDRESS} A key is named by itself, as an environment variable.")
    return str(value).rstrip("/").removesuffix("/chat/completions")


def _model(value: object, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _EndpointError(f"{where} has no model: the name under which the server offers it")
    return value


def _key(value: object, where: str) -> str:
    if value == "":
        return ""
    match = _VARIABLE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        message = f"{where}: key has to name a variable of the environment, not the key itself"
        raise _EndpointError(message, "Set it with “export API_KEY=…”, and give '$API_KEY', in quotes.")
    key = os.environ.get(match[1], "").strip()
    if not key:
        message = f"{where} takes its key from {match[1]}, which is not set in the environment"
        raise _EndpointError(message, f"Set it first: export {match[1]}=…")
    if not key.isascii() or not key.isprintable():
        message = f"{where}: the key in {match[1]} has characters that no HTTP header can carry"
        raise _EndpointError(message, f"Copy it again, and set it: export {match[1]}=…")
    return key


def _number(
    table: Mapping[str, Any], name: str, default: float, where: str, *, least: float = 0.0, most: float = 1e9
) -> float:
    value = table.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise _EndpointError(
            f"{where}: {name} is {short_repr(value)}, and has to be a number from {least:g} to {most:g}"
        )
    return float(value)
