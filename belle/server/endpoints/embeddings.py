"""`/v1/embeddings`: texts as vectors."""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from belle.engine.process.commands import Embed
from belle.server.connection import client_of, read_fields
from belle.server.endpoints import responses
from belle.server.endpoints.completions import Prompt, prompts_of
from belle.server.endpoints.responses import Chunk
from belle.server.errors import bad_request
from belle.server.served_model import ServedModel

_MOST_INPUTS = 2048


async def embeddings(request: Request) -> Response:
    """The endpoint. Raises ApiError, KnownError, ClientGoneError."""
    served: ServedModel = request.app.state.served
    fields = await read_fields(request, served.settings)
    served.check_model(fields)
    inputs = prompts_of(fields, "input", _MOST_INPUTS)
    if "" in inputs:
        raise bad_request("input holds an empty string.", "input")
    encoding = fields.text("encoding_format") or "float"
    if encoding not in ("float", "base64"):
        raise fields.wrong("encoding_format", "float or base64")
    size = fields.whole("dimensions", 1, 1 << 20)
    return await responses.whole(request, _embed(served, client_of(request, fields), inputs, encoding, size))


async def _embed(served: ServedModel, client: str, inputs: Sequence[Prompt], encoding: str, size: int | None) -> Chunk:
    rows: list[dict[str, Any]] = []
    read = 0
    with served.queue.admitted():
        for index, text in enumerate(inputs):
            embedded = await served.embedding(client, Embed(served.host.new_id(), text))
            vector = embedded.vector
            if size not in (None, len(vector)):
                raise bad_request(f"dimensions is {size}; the vectors of this model have {len(vector)}.", "dimensions")
            row = _base64(vector) if encoding == "base64" else list(vector)
            rows.append({"object": "embedding", "index": index, "embedding": row})
            read += embedded.tokens
    usage = {"prompt_tokens": read, "total_tokens": read}
    return {"object": "list", "data": rows, "model": served.settings.model_name, "usage": usage}


def _base64(vector: Sequence[float]) -> str:
    """As 32-bit numbers, the lowest byte first."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
