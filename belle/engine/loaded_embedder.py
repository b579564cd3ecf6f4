"""One model, loaded for embeddings alone: without the context and the session of a chat."""

from __future__ import annotations

from collections.abc import Callable

from belle.engine.answer.prompt import raw_prompt
from belle.engine.llama.context import StopFlag
from belle.engine.llama.cores import usable_cores
from belle.engine.llama.embedder import Embedder, text_tokens
from belle.engine.llama.memory import available_memory, check_fits
from belle.engine.llama.model import Model, Vocabulary
from belle.engine.llama.native_log import NativeLog
from belle.engine.process.commands import Embed, Load
from belle.engine.process.events import Embedded, ModelInfo
from belle.gguf.reader import GgufHeader, read_header

_N_CTX = 512
"""Tokens for which there has to be memory; longer texts ask for more when they come."""


class LoadedEmbedder:
    """A model on the processor that makes embeddings. To be closed.

    Args:
        command: what to load.
        on_progress: called with a fraction of 0…1; returns False to give up (raises LoadCancelled).
        stop: interrupts an embedding.
        log: of llama.cpp.

    Raises KnownError, LoadCancelled.
    """

    def __init__(self, command: Load, *, on_progress: Callable[[float], bool], stop: StopFlag, log: NativeLog) -> None:
        header = read_header(command.path)
        if command.check_memory:
            check_fits(header, _N_CTX, available=available_memory())
        self._model = Model(header.path, n_gpu_layers=0, log=log, on_progress=on_progress)
        self._embedder = Embedder(self._model, threads=command.threads or usable_cores()[0], stop=stop)
        self.info = model_info(header, self._model)

    def embed(self, request: Embed) -> Embedded:
        """The embedding of a text. Raises KnownError."""
        return embedded(request, self._embedder, self._model)

    def close(self) -> None:
        """Free the memory."""
        self._embedder.close()
        self._model.close()


def model_info(header: GgufHeader, model: Model) -> ModelInfo:
    """Facts about a model that is loaded on the processor, without a context and a template."""
    return ModelInfo(
        path=str(header.path),
        name=header.name,
        architecture=header.architecture,
        quantization=header.quantization,
        n_params=model.n_params,
        size_bytes=header.size_bytes,
        n_ctx=model.n_ctx_train,
        n_ctx_train=model.n_ctx_train,
        template=None,
        device="CPU",
        kv_bytes_per_token=0,
        license=header.license,
    )


def embedded(
    request: Embed, embedder: Embedder, model: Model, between: Callable[[], object] = lambda: None
) -> Embedded:
    """The answer to `request`; `between` is called between two evaluations. Raises KnownError."""
    tokens = _tokens(request, model.vocabulary, model.n_ctx_train)
    return Embedded(request.id, embedder.embed(tokens, between), len(tokens))


def _tokens(request: Embed, vocabulary: Vocabulary, longest: int) -> list[int]:
    if isinstance(request.text, str):
        return text_tokens(vocabulary, request.text, longest if request.truncate else None)
    return raw_prompt(vocabulary, request.text)
