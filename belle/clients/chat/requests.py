"""A request for an answer, and the JSON body that asks a server for it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

SchemaForm = Literal["json_schema", "json_object"]
"""How `response_format` carries a schema: as OpenAI and vLLM have it, or as the server of llama-cpp-python does."""


@dataclass(frozen=True, slots=True)
class Decoding:
    """How an answer is drawn. What is None is left to the server.

    Attributes:
        max_tokens: of the answer.
        seed: of the whole run; each request gets one of its own, made from it and from its id (`seed_of`).
        n: answers to each request.
        logprobs: how many of the likeliest tokens to tell for each token; None tells nothing.
        extra: further fields of the body, in the words of the server (`{"top_k": 20}` for vLLM).
    """

    temperature: float | None = 0.0
    top_p: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    n: int = 1
    logprobs: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RowRequest:
    """One row to be answered.

    Attributes:
        id: unique among the rows; an answer is found again by it.
        messages: `{"role": …, "content": …}`, in order.
        schema: JSON schema that the answer has to follow; None for free text.
        decoding: see there.
    """

    id: str
    messages: tuple[Mapping[str, Any], ...]
    schema: Mapping[str, Any] | None = None
    decoding: Decoding = field(default_factory=Decoding)

    def body(self, model: str, schema_form: SchemaForm = "json_schema") -> dict[str, Any]:
        """What is sent to `/chat/completions`."""
        decoding = self.decoding
        optional = {
            "temperature": decoding.temperature,
            "top_p": decoding.top_p,
            "max_tokens": decoding.max_tokens,
            "stop": list(decoding.stop) or None,
            "seed": None if decoding.seed is None else seed_of(decoding.seed, self.id),
            "n": decoding.n if decoding.n > 1 else None,
        }
        body: dict[str, Any] = {"model": model, "messages": [dict(message) for message in self.messages]}
        body |= {name: value for name, value in optional.items() if value is not None}
        if decoding.logprobs is not None:
            body |= {"logprobs": True, "top_logprobs": decoding.logprobs}
        if self.schema is not None and schema_form == "json_object":
            body["response_format"] = {"type": "json_object", "schema": dict(self.schema)}
        elif self.schema is not None:
            schema = {"name": "answer", "schema": dict(self.schema), "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        return body | dict(decoding.extra)


def seed_of(run_seed: int, request_id: str) -> int:
    """The seed of one request, 31 bits: the same in every run, whatever the order, endpoint or retry."""
    digest = hashlib.blake2b(f"{run_seed} {request_id}".encode("utf-8", "surrogatepass"), digest_size=4).digest()
    return int.from_bytes(digest, "big") >> 1
