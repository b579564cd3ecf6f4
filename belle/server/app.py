"""The routes of the server, and what becomes of errors on them."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from belle.errors import KnownError
from belle.server.access import AccessControl
from belle.server.endpoints.chat import chat_completions
from belle.server.endpoints.completions import completions
from belle.server.endpoints.embeddings import embeddings
from belle.server.errors import ApiError, ClientGoneError, from_known
from belle.server.served_model import ServedModel, no_such_model

_CLIENT_GONE = 499


def make_app(served: ServedModel) -> Starlette:
    """The application in front of a served model."""
    routes = [
        Route("/health", health, methods=["GET"]),
        Route("/v1/models", models, methods=["GET"]),
        Route("/v1/models/{name:path}", model, methods=["GET"]),
        Route("/v1/chat/completions", chat_completions, methods=["POST"]),
        Route("/v1/completions", completions, methods=["POST"]),
        Route("/v1/embeddings", embeddings, methods=["POST"]),
    ]
    app = Starlette(
        routes=routes,
        middleware=[Middleware(AccessControl, settings=served.settings)],
        exception_handlers=dict.fromkeys((ApiError, KnownError, ClientGoneError, HTTPException, Exception), _on_error),
    )
    app.state.served = served
    return app


async def health(request: Request) -> Response:
    """Whether the model is there: 200, or 503."""
    ready = request.app.state.served.host.is_ready
    return JSONResponse({"status": "ok" if ready else "unavailable"}, 200 if ready else 503)


async def models(request: Request) -> Response:
    """The list of models, which has one."""
    return JSONResponse({"object": "list", "data": [_model_row(request.app.state.served)]})


async def model(request: Request) -> Response:
    """One model. Raises ApiError(404)."""
    served: ServedModel = request.app.state.served
    name = request.path_params["name"]
    if name != served.settings.model_name:
        raise no_such_model(name, served.settings.model_name)
    return JSONResponse(_model_row(served))


def _model_row(served: ServedModel) -> dict[str, object]:
    info = served.model
    return {
        "id": served.settings.model_name,
        "object": "model",
        "created": served.created,
        "owned_by": "chatbelle",
        "meta": {
            "architecture": info.architecture,
            "quantization": info.quantization,
            "n_params": info.n_params,
            "size": info.size_bytes,
            "n_ctx": info.n_ctx,
            "n_ctx_train": info.n_ctx_train,
            "tools": bool(info.tool_syntax),
        },
    }


async def _on_error(request: Request, error: Exception) -> Response:
    del request
    match error:
        case ApiError():
            return error.response()
        case KnownError():
            return from_known(error).response()
        case ClientGoneError():
            return Response(status_code=_CLIENT_GONE)
        case HTTPException():
            words = {404: "There is nothing at this path.", 405: "This path does not take this method."}
            message = words.get(error.status_code, "The request cannot be answered.")
            return ApiError(error.status_code, message, code="not_found", headers=error.headers).response()
    # What nobody expected: starlette raises it once more, and uvicorn logs it in full.
    message = "An error in the server itself. Its log has the details; please report it."
    return ApiError(500, message, code="internal_error").response()
