"""Answers to many questions from a model that need not fit into one GPU (ZeRO-Inference, Aminabadi et al. 2022).

Without DeepSpeed every process has the whole model and answers its share. With ZeRO-3 the weights are spread over the
processes, or lie in the machine's memory or on its disk, and each layer is gathered when it is computed: slow for one
question, and worth it for many at a time. All processes then take every step together, even those with nothing left to
answer.

The random numbers of an answer depend on the seed and the number of its question alone, so the answers are the same
with any number of processes, any batch size, and after an interruption.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from belle.clients.copies import model_here
from belle.data.read import read_rows
from belle.errors import KnownError
from belle.pretrained import load_adapter, load_pretrained
from belle.prompts import Message
from belle.prompts.encoding import encode_prompt
from belle.training.cluster.processes import ProcessInfo, start_processes
from belle.training.cluster.ranks import Ranks, current_ranks, on_all_ranks
from belle.training.engines.deepspeed_config import inference_config
from belle.training.engines.precision import choose_precision
from belle.training.export.answers_file import AnswersFile
from belle.training.model.adapters import is_adapter, read_adapter_base
from belle.training.model.answer import answer_text, end_tokens
from belle.training.samples.encode import refusal_of
from belle.training.tokenizer.templates import template_to_answer_in
from belle.training.tokenizer.tokenizer import HubVocabulary, load_tokenizer

if TYPE_CHECKING:
    from belle.training.model.batch_decoding import Continuation
    from belle.training.recipe.schema import PrecisionName

# Batches per process that are sorted by length together and written to the file together.
_WINDOW_BATCHES = 4
_REPORT_SECONDS = 10.0


@dataclass(frozen=True)
class Generation:
    """The options of a batch generation.

    Args:
        model: a folder, an adapter, or a name on the hub.
        data: questions, in any format that `belle.data` reads as conversations; an answer at the end is left out.
        output: where the answers go.
        format: of the data, a name of `belle.data`; `prompt` for `{"text": …}` that holds a question.
        template: an id of `belle.prompts`; None: the one that the model was trained with.
        deepspeed: a configuration with ZeRO-3.
        batch_size: questions that one process answers at once.
        max_tokens: of an answer.
        temperature: 0: always the likeliest token.
        timeout_minutes: how long processes wait for each other.
    """

    model: str
    data: Path
    output: Path
    format: str = "auto"
    template: str | None = None
    deepspeed: Path | None = None
    batch_size: int = 8
    max_tokens: int = 512
    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    repeat_penalty: float = 1.0
    seed: int = 1234
    precision: PrecisionName = "auto"
    timeout_minutes: float = 30.0


@dataclass(frozen=True)
class EncodedQuestion:
    """One row of the data, encoded; without ids when it cannot be asked, for which `problem` is the reason."""

    number: int
    id: str
    messages: tuple[Message, ...]
    ids: list[int]
    problem: str = ""


def generate(request: Generation, *, resume: bool = False, say: Callable[[str], None] = lambda _: None) -> int:
    """Answer every question and write the output. All processes call it. Returns how many there are.

    Raises KnownError: `output_exists`, `request_changed`, `model_missing`, `template_needed`, those of the readers, the
    tokenizer, `inference_config` and of writing.
    """
    process = start_processes(request.timeout_minutes)
    ranks = current_ranks()
    request = replace(request, model=model_here(request.model, say=say))
    same_answers = {key: str(value) for key, value in asdict(request).items() if key in _ANSWERS_DEPEND_ON}
    with AnswersFile(request.output, ranks.rank) as output:
        done = on_all_ranks(ranks, lambda: output.open(same_answers, resume=resume))[0]
        answerer = BatchAnswerer(request, process)
        say(f"{done:,} questions answered before; {answerer.description}")
        started = last_report = monotonic()
        count = done
        size = request.batch_size * ranks.world_size * _WINDOW_BATCHES
        # Questions are read as they are answered: the first answer does not wait for the end of the file.
        questions = answerer.questions(after=done)
        while window := list(islice(questions, size)):
            on_all_ranks(ranks, partial(output.write, _answer_all(answerer, window, ranks)))
            count += len(window)
            if monotonic() - last_report > _REPORT_SECONDS:
                last_report = monotonic()
                say(f"{count:,} answered, {(count - done) / (last_report - started):.2g} a second")
        on_all_ranks(ranks, output.finish)
    say(f"written: {request.output}, {count:,} answers")
    return count


_ANSWERS_DEPEND_ON = (
    "model", "data", "format", "template", "max_tokens", "temperature", "top_k", "top_p", "repeat_penalty", "seed",
    "precision",
)  # fmt: skip


class BatchAnswerer:
    """A model that answers questions, on this process's device or spread over all of them."""

    def __init__(self, request: Generation, process: ProcessInfo) -> None:
        self._request = request
        self._process = process
        self.batch_size = request.batch_size
        self._precision = choose_precision(request.precision, process.device)
        self.tokenizer: Any = load_tokenizer(request.model, notice=lambda _: None)
        self.vocabulary = HubVocabulary(self.tokenizer)
        self.template = template_to_answer_in(request.template, self.tokenizer, request.model)
        self.spread = request.deepspeed is not None
        self.model = self._load()
        self._ends = end_tokens(self.tokenizer, self.template.stop)

    @property
    def description(self) -> str:
        """How the model is held, in words."""
        how = "spread by ZeRO-3" if self.spread else "whole in every process"
        return f"{self._request.model} in {self._precision.name}, {how}; template {self.template.id}"

    def questions(self, *, after: int = 0) -> Iterator[EncodedQuestion]:
        """The rows of the data after the first `after`, read as they are used. Raises KnownError of the readers."""
        limit = getattr(self.model.config.get_text_config(), "max_position_embeddings", None)
        room = limit - self._request.max_tokens if limit else None
        rows = enumerate(read_rows(self._request.data, "conversation", self._request.format))
        for number, row in islice(rows, after, None):
            messages = row.messages
            while messages and messages[-1].role == "assistant":
                messages = messages[:-1]
            problem = ""
            try:
                ids = encode_prompt(self.vocabulary, self.template, messages) if messages else []
                problem = "" if ids else "asks nothing"
            except KnownError as error:
                ids, problem = [], refusal_of(error)
            if room is not None and len(ids) > room:
                problem = f"its {len(ids)} tokens and {self._request.max_tokens} of an answer are more than {limit}"
            yield EncodedQuestion(number, row.id, messages, [] if problem else ids, problem)

    def answer(self, questions: Sequence[EncodedQuestion]) -> list[dict[str, Any]]:
        """The rows of the output for a batch.

        With ZeRO-3 all processes call it together: one with an empty batch takes part in gathering the layers.
        """
        from belle.training.model.batch_decoding import DecodingRules, continue_prompts
        from belle.training.model.sampling import answer_seed

        if not questions and not self.spread:
            return []
        prompts = [question.ids for question in questions] or [[self._ends[0]]]
        request = self._request
        written = continue_prompts(
            self.model,
            self.tokenizer,
            prompts,
            DecodingRules(
                request.temperature if questions else 0.0,
                self._ends,
                int(self.tokenizer.pad_token_id),
                top_k=request.top_k,
                top_p=request.top_p,
                repeat_penalty=request.repeat_penalty,
            ),
            limits=[request.max_tokens if questions else 1] * len(prompts),
            seeds=[answer_seed(request.seed, 0, question.number) for question in questions],
            synced=self.spread and self._process.world_size > 1,
        )
        return [self._row(question, one) for question, one in zip(questions, written, strict=False)]

    def _row(self, question: EncodedQuestion, written: Continuation) -> dict[str, Any]:
        text = answer_text(self.tokenizer, self.template, written.ids)
        return {**output_row(question, text), "tokens": len(written.ids), "finished": written.finished}

    def _load(self) -> Any:
        import contextlib

        config = None
        if self._request.deepspeed is not None:
            from belle.training.engines.deepspeed import partitioned_loading, start_deepspeed

            config = inference_config(self._request.deepspeed, precision=self._precision.name)
            deepspeed = start_deepspeed(self._process)
        with partitioned_loading(config) if config is not None else contextlib.nullcontext():
            model = load_answering_model(self._request.model, self._precision.compute_dtype)
        if config is None:
            return model.to(self._process.device)
        # Its hooks gather the layers; it has to live as long as the model.
        self._wrapped, *_ = deepspeed.initialize(model=model, config=config)
        return model


def output_row(question: EncodedQuestion, answer: str | None) -> dict[str, Any]:
    """A line of the output, in BELLE's format of conversations, without an answer where there is none."""
    names = {"user": "human", "assistant": "assistant", "system": "system"}
    turns = [{"from": names[message.role], "value": message.content} for message in question.messages]
    if answer is not None:
        turns.append({"from": "assistant", "value": answer})
    return {"id": question.id or str(question.number), "conversations": turns}


def _answer_all(answerer: BatchAnswerer, window: Sequence[EncodedQuestion], ranks: Ranks) -> list[dict[str, Any]]:
    """The rows of some questions, answered by all processes and returned in process 0, in the order of `window`."""
    rows = {q.number: {**output_row(q, None), "problem": q.problem} for q in window if q.problem}
    # The longest first: batches of like length, and too little memory shows at once.
    ready = sorted((q for q in window if not q.problem), key=lambda q: (-len(q.ids), q.number))
    size = answerer.batch_size
    batches = [ready[k : k + size] for k in range(0, len(ready), size)]
    own: dict[int, dict[str, Any]] = {}
    for first in range(0, len(batches), ranks.world_size):
        mine = batches[first + ranks.rank] if first + ranks.rank < len(batches) else []
        own |= {q.number: row for q, row in zip(mine, answerer.answer(mine), strict=True)}
    for part in ranks.gather(own):
        rows |= part
    return [rows[question.number] for question in window]


def load_answering_model(name: str, dtype: Any) -> Any:
    """The causal language model of a checkpoint or an adapter, which does not learn.

    Raises KnownError("model_missing"), and those of `belle.pretrained`.
    """
    from transformers import GenerationConfig

    adapter = is_adapter(Path(name))
    try:
        base = read_adapter_base(Path(name)) if adapter else name
        model = load_pretrained("AutoModelForCausalLM", base, dtype=dtype)
    except (OSError, ValueError) as error:
        raise KnownError(
            "model_missing",
            f"The model {name} cannot be loaded: {str(error).splitlines()[0]}",
            "Name a folder with config.json and weights, an adapter, or a model on the hub.",
            model=name,
        ) from error
    if adapter:
        model = load_adapter(model, name, autocast_adapter_dtype=False)
    # The checkpoint's own settings would be merged with those of the request.
    model.generation_config = GenerationConfig()
    return model.requires_grad_(False).eval()
