"""A checkpoint of transformers that answers the requests of an evaluation, as the engine and servers do.

Prompts, templates and the random numbers of each answer are those of `belle generate`: an answer depends on the model,
the request and its seed alone, not on what else is in its batch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from belle.clients.chat.bulk import Take
from belle.clients.chat.client import RequestError
from belle.clients.chat.replies import ChatReply, ReplyChoice
from belle.clients.chat.requests import RowRequest, seed_of
from belle.clients.copies import VOCABULARY_FILES, model_here
from belle.errors import KnownError
from belle.prompts import Message
from belle.prompts.encoding import encode_prompt
from belle.prompts.thinking import opened_by, split_thinking
from belle.training.cluster.processes import this_process
from belle.training.engines.precision import choose_precision
from belle.training.export.generate import load_answering_model
from belle.training.model.adapters import is_adapter, read_adapter_base
from belle.training.model.answer import answer_text, end_tokens
from belle.training.tokenizer.templates import template_to_answer_in
from belle.training.tokenizer.tokenizer import HubVocabulary, load_tokenizer

# Batches that are sorted by length together.
_WINDOW_BATCHES = 4
# Of an answer without a limit, by a model without one.
_LONGEST_ANSWER = 4096
_FILES = ("*.safetensors", "*.bin", "config.json", "adapter_config.json", "*token*.json", "chat_template.*",
          *VOCABULARY_FILES)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Prompt:
    """Args: request: to be answered; ids: of its prompt; limit: tokens of each answer; choice: of several answers."""

    request: RowRequest
    ids: list[int]
    limit: int
    choice: int

    @property
    def seed(self) -> int:
        run_seed, row = self.request.decoding.seed or 0, self.request.id
        return seed_of(run_seed, f"{row} {self.choice}" if self.choice else row)


class CheckpointAnswerer:
    """A checkpoint or an adapter, loaded whole. A `ModelAnswerer` of `belle eval`.

    Args:
        model: a folder, or a name on the hub.
        name: for tables and files.
        template: an id of `belle.prompts`; None: the one that the model was trained with.
        batch_size: answers that are written at once. With several, products of matrices round otherwise: where two
            tokens are nearly as likely as each other, a text may differ from the one of another batch size.
        threads: of the processor; None leaves it to torch.

    Raises KnownError: `model_missing`, `no_tokenizer`, `template_needed`, `base_unknown`, and others of loading.
    """

    def __init__(
        self,
        model: str,
        *,
        name: str,
        template: str | None = None,
        batch_size: int = 4,
        threads: int | None = None,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        import torch

        if threads:
            torch.set_num_threads(threads)
        folder = model_here(model, say=say)
        device = this_process().device
        precision = choose_precision("auto", device)
        self.name = name
        self._batch_size = batch_size
        self._tokenizer = load_tokenizer(folder, notice=say)
        self._vocabulary = HubVocabulary(self._tokenizer)
        self._template = template_to_answer_in(template, self._tokenizer, model)
        self._model = load_answering_model(folder, precision.compute_dtype).to(device)
        self._ends = end_tokens(self._tokenizer, self._template.stop)
        limit = getattr(self._model.config.get_text_config(), "max_position_embeddings", None)
        self._context = int(limit) if limit else None
        self.identity: Mapping[str, Any] = {
            "model": content_digest(Path(folder)),
            "template": self._template.id,
            "precision": precision.name,
        }

    def answer(self, requests: Iterable[RowRequest], take: Take) -> None:
        """As `ModelAnswerer.answer`. A JSON schema and logprobs are refused: the decoding here has no grammar."""
        remaining = iter(requests)
        while window := list(islice(remaining, self._batch_size * _WINDOW_BATCHES)):
            prompts: list[_Prompt] = []
            for request in window:
                try:
                    prompts += self._prompts(request)
                except RequestError as error:
                    take(request, error)
            self._answer_prompts(prompts, take)

    def _prompts(self, request: RowRequest) -> Iterator[_Prompt]:
        """One for each answer. Raises RequestError."""
        decoding = request.decoding
        if request.schema is not None or decoding.logprobs is not None:
            what = "a JSON schema" if request.schema is not None else "logprobs"
            raise RequestError(
                "unsupported",
                f"a checkpoint answers here without {what}",
                "Convert it with “belle convert” and name the GGUF, or ask a server that has loaded it.",
            )
        messages = [Message(message["role"], message["content"]) for message in request.messages]
        try:
            ids = encode_prompt(self._vocabulary, self._template, messages)
        except KnownError as error:
            raise RequestError(error.kind, error.message, error.advice) from error
        room = self._context - len(ids) if self._context is not None else _LONGEST_ANSWER
        if room < 1:
            message = f"its {len(ids):,} tokens leave no room in the context of {self._context:,}"
            raise RequestError("context_full", message, "Shorten it.")
        limit = min(room, decoding.max_tokens or room)
        return (_Prompt(request, ids, limit, choice) for choice in range(decoding.n))

    def _answer_prompts(self, prompts: list[_Prompt], take: Take) -> None:
        # Those that are drawn in the same way can share a batch; the longest first, so that they are of like length.
        def key(prompt: _Prompt) -> tuple[Any, ...]:
            decoding = prompt.request.decoding
            return decoding.temperature or 0.0, decoding.top_p or 1.0, decoding.stop

        ordered = sorted(prompts, key=lambda prompt: (key(prompt), -len(prompt.ids), prompt.request.id, prompt.choice))
        answers: dict[str, dict[int, tuple[ReplyChoice, int]]] = {}
        while ordered:
            batch = [prompt for prompt in ordered[: self._batch_size] if key(prompt) == key(ordered[0])]
            ordered = ordered[len(batch) :]
            for prompt, answer in zip(batch, self._continue(batch), strict=True):
                request, done = prompt.request, answers.setdefault(prompt.request.id, {})
                done[prompt.choice] = answer
                if len(done) == request.decoding.n:
                    take(request, self._reply(request, prompt, [done[k] for k in range(request.decoding.n)]))

    def _continue(self, batch: list[_Prompt]) -> Iterator[tuple[ReplyChoice, int]]:
        """The answers to prompts of one kind, with their tokens."""
        from belle.training.model.batch_decoding import DecodingRules, continue_prompts

        decoding = batch[0].request.decoding
        written = continue_prompts(
            self._model,
            self._tokenizer,
            [prompt.ids for prompt in batch],
            DecodingRules(
                decoding.temperature or 0.0,
                self._ends,
                int(self._tokenizer.pad_token_id),
                top_p=decoding.top_p or 1.0,
                stop=(*self._template.stop, *decoding.stop),
            ),
            limits=[prompt.limit for prompt in batch],
            seeds=[prompt.seed for prompt in batch],
        )
        for prompt, continuation in zip(batch, written, strict=True):
            text = answer_text(self._tokenizer, self._template, continuation.ids)
            for stop in decoding.stop:
                text = text.partition(stop)[0]
            thinking, answer = split_thinking(text, opened_by(self._vocabulary.text(prompt.ids)))
            finish = "stop" if continuation.finished else "length"
            yield ReplyChoice(answer, finish, thinking=thinking), len(continuation.ids)

    def _reply(self, request: RowRequest, prompt: _Prompt, answers: list[tuple[ReplyChoice, int]]) -> ChatReply:
        return ChatReply(
            request.id,
            tuple(choice for choice, _ in answers),
            len(prompt.ids),
            sum(tokens for _, tokens in answers),
            model=self.name,
            asked_model=self.name,
        )


def content_digest(folder: Path) -> str:
    """A hash of the content of all files that decide what a checkpoint answers; of an adapter, with its base.

    Raises KnownError("base_unknown", "file_missing").
    """
    hashed = hashlib.sha256()
    for path in sorted({path for pattern in _FILES for path in folder.glob(pattern) if path.is_file()}):
        try:
            with path.open("rb") as file:
                hashed.update(f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
        except OSError as error:
            raise KnownError("file_missing", f"{path} cannot be read: {error.strerror}.", path=str(path)) from None
    if is_adapter(folder):
        base = model_here(read_adapter_base(folder), needs={"config", "weights"})
        hashed.update(content_digest(Path(base)).encode())
    return hashed.hexdigest()
