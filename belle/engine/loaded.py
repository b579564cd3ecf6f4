"""One model, ready to answer: everything that a `Load` command builds. The cheapest checks come first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from belle.engine.answer.answer_tokens import AnswerTokens
from belle.engine.answer.decoder import Decoder
from belle.engine.answer.kv_states import ConversationStates
from belle.engine.answer.prompt_builder import PromptBuilder
from belle.engine.answer.schedule.prompt_cache import PromptCache
from belle.engine.answer.schedule.scheduler import AnswerScheduler, Tuners
from belle.engine.answer.session import AnswerSession
from belle.engine.answer.speculation.draft_model import DraftModel
from belle.engine.answer.speculation.exact_batches import exact_sizes
from belle.engine.answer.speculation.speculator import Speculator
from belle.engine.answer.state_files import StateFiles
from belle.engine.answer.template_list import own_template, template_options
from belle.engine.llama.attention import PLAIN, Attention, choose_attention
from belle.engine.llama.context import Context, StopFlag
from belle.engine.llama.cores import FreeCores, usable_cores
from belle.engine.llama.devices import Gpu, gpus
from belle.engine.llama.embedder import Embedder
from belle.engine.llama.eyes.eyes import Eyes
from belle.engine.llama.eyes.mmproj import choose_mmproj
from belle.engine.llama.eyes.vision_encoder import VisionEncoder
from belle.engine.llama.memory import available_memory, check_fits, kv_bytes_per_token
from belle.engine.llama.model import Model
from belle.engine.llama.native_log import NativeLog
from belle.engine.llama.threads import DECODE_PACE, PREFILL_PACE, Pace, ThreadTuner, ladder
from belle.engine.loaded_embedder import embedded, model_info
from belle.engine.process.commands import MOST_PARALLEL, Embed, Load
from belle.engine.process.events import Embedded, Event, Fallback, ModelInfo, TemplateOption
from belle.engine.process.faults import loading_note
from belle.errors import KnownError
from belle.gguf.reader import GgufHeader, read_header
from belle.prompts import OWN_TEMPLATE, Message, PromptTemplate, get_template

_DEFAULT_N_CTX = 4096
_GPU_HOST_THREADS = 4


class LoadedModel:
    """A model with its context and session. To be closed.

    Args:
        command: what to load.
        on_progress: called with a fraction of 0…1; returns False to give up (raises LoadCancelled).
        stop: interrupts the evaluation in progress.
        is_stopped: whether the request with this id is to end now.
        has_thought_enough: whether the thought of a request, by its number, is to end.
        emit: takes the events of the session.
        log: of llama.cpp.

    Raises KnownError, LoadCancelled.
    """

    def __init__(
        self,
        command: Load,
        *,
        on_progress: Callable[[float], bool],
        stop: StopFlag,
        is_stopped: Callable[[int], bool] = lambda _: False,
        has_thought_enough: Callable[[int], bool] = lambda _: False,
        emit: Callable[[Event], None],
        log: NativeLog,
    ) -> None:
        free_cores = FreeCores()
        _check_parallel(command.parallel)
        header = read_header(command.path)
        if command.template not in (None, OWN_TEMPLATE):
            get_template(command.template)
        devices = gpus() if command.n_gpu_layers else []
        n_ctx = _context_length(command.n_ctx, header)
        attention, refused = choose_attention(header, command.kv_type, command.flash_attention, on_gpu=bool(devices))
        self._fallbacks = [*refused, *_machine_fallbacks(command, devices)]
        mmproj = choose_mmproj(command.mmproj, header)
        if command.check_memory:
            available = available_memory() + sum(gpu.own_memory for gpu in devices)
            available -= mmproj.size_bytes if mmproj is not None else 0
            check_fits(header, n_ctx, available=available, attention=attention)
        self._header = header
        self.eyes: Eyes | None = None
        with ExitStack() as opened:
            self._model = Model(header.path, n_gpu_layers=command.n_gpu_layers, log=log, on_progress=on_progress)
            opened.callback(self._model.close)
            encoder = self._open_encoder(command, mmproj, on_gpu=bool(devices), stop=stop, log=log)
            if encoder is not None:
                opened.callback(encoder.close)
            new_context = partial(
                Context,
                self._model,
                n_ctx,
                on_gpu=bool(devices),
                stop=stop,
                log=log,
                n_sequences=command.parallel,
                whole_tokens=encoder.whole_tokens if encoder is not None else 0,
            )
            self._context = self._open_context(new_context, attention)
            opened.callback(self._context.close)
            self._speculator = self._new_speculator(command, on_gpu=bool(devices), stop=stop, log=log)
            opened.pop_all()

        def tuner(pace: Pace) -> ThreadTuner:
            return ThreadTuner(_thread_counts(command.threads, devices), pace, free_cores)

        vocabulary = self._model.vocabulary
        if encoder is not None and mmproj is not None:
            self.eyes = Eyes(encoder, self._context, mmproj.path)
        answers = AnswerTokens(vocabulary.piece)
        states = None
        if command.state_folder is not None and command.parallel == 1:
            files = StateFiles(Path(command.state_folder))
            states = ConversationStates(
                files,
                command.state_budget,
                model=header.path,
                context=self._context,
                vocabulary_size=vocabulary.size,
                answers=answers,
            )
        self.prompts = PromptBuilder(
            vocabulary,
            answers,
            n_ctx=self._context.n_ctx,
            n_ctx_train=self._model.n_ctx_train,
            picture_tokens=self.eyes.tokens if self.eyes is not None else None,
        )
        decode_threads = tuner(DECODE_PACE)
        scheduler = AnswerScheduler(
            self._context,
            PromptCache(self._context, command.prompt_cache),
            Tuners(decode_threads, tuner(DECODE_PACE), tuner(PREFILL_PACE)),
            is_stopped=is_stopped,
            eyes=self.eyes,
        )
        self.session = AnswerSession(
            vocabulary,
            self.prompts,
            Decoder(vocabulary, self._context, has_thought_enough=has_thought_enough, speculator=self._speculator),
            scheduler,
            n_ctx=self._context.n_ctx,
            answers=answers,
            states=states,
            emit=emit,
            log=log,
        )
        self._embedder = Embedder(self._model, threads=usable_cores()[0], stop=stop)
        self._info = self._describe(devices)
        decode_threads.begin()
        self._context.set_threads(decode_threads.count, decode_threads.count)
        self._context.warm_up()
        try:
            self.prompts.template = self._template(command.template)
        except KnownError as error:
            # The weights are usable all the same: the client may choose another template.
            self._info = replace(self._info, template_problem=error.message)

    @property
    def info(self) -> ModelInfo:
        """Facts about the model, and the template in use."""
        template = self.prompts.template
        if template is None:
            return self._info
        return replace(
            self._info,
            template=template.id,
            can_switch_thinking=template.can_switch_thinking,
            tool_syntax=template.tool_syntax or "",
        )

    @property
    def is_shared(self) -> bool:
        """Whether several requests are answered at once."""
        return len(self._context.sequences) > 1

    def set_template(self, template_id: str) -> None:
        """Answer with another prompt template from now on. Raises KnownError."""
        self.prompts.template = self._template(template_id)

    def embed(self, request: Embed, between: Callable[[], object]) -> Embedded:
        """The embedding of a text; `between` is called between two evaluations. Raises KnownError."""
        return embedded(request, self._embedder, self._model, between)

    def template_options(self, messages: Sequence[Message]) -> tuple[TemplateOption, ...]:
        """The templates to choose from, each with `messages` as the model would read them."""
        header = self._header
        names = f"{header.path.stem} {header.name}"
        return template_options(self._model.vocabulary, header.chat_template, names, messages)

    def close(self) -> None:
        """Save the conversation and free the memory, in the order that llama.cpp needs."""
        self.session.save()
        self._embedder.close()
        self._speculator.close()
        self._context.close()
        if self.eyes is not None:
            self.eyes.close()
        self._model.close()

    def _open_context(self, new_context: Callable[..., Context], attention: Attention) -> Context:
        """The context; a plain one, where llama.cpp refuses this attention for reasons of its own."""
        try:
            return new_context(attention=attention)
        except KnownError as error:
            if attention.flash == "off" or error.kind != "out_of_memory":
                raise
            try:
                context = new_context(attention=PLAIN)
            except KnownError:
                raise error from None  # so it was the memory
            reason = str(error.details.get("log", "")) or "llama.cpp refused it."
            if attention.is_quantized:
                self._fallbacks.append(Fallback("kv_type", attention.kv_type, "f16", "refused", reason))
            else:
                self._fallbacks.append(Fallback("flash_attention", attention.flash, "off", "refused", reason))
            return context

    def _open_encoder(
        self, command: Load, mmproj: GgufHeader | None, *, on_gpu: bool, stop: StopFlag, log: NativeLog
    ) -> VisionEncoder | None:
        """The vision encoder; None where there is none, or one that nobody has asked for cannot be used."""
        if mmproj is None:
            return None
        try:
            encoder = VisionEncoder(
                mmproj.path, self._model, threads=usable_cores()[0], on_gpu=on_gpu, stop=stop, log=log
            )
        except KnownError as error:
            if command.mmproj is not None:
                raise
            self._fallbacks.append(Fallback("mmproj", mmproj.path.name, "none", error.kind, error.message))
            return None
        log.note(loading_note(self._header.path))  # a crash from now on is this model's again
        return encoder

    def _new_speculator(self, command: Load, *, on_gpu: bool, stop: StopFlag, log: NativeLog) -> Speculator:
        """One that guesses where a batch can give the same text, which is then no other answer's as well.

        On a GPU several tokens have kernels of their own, and with flash attention a single token has one.
        """
        refusal = self._why_no_guesses(command, on_gpu=on_gpu)
        draft = None
        if command.draft is not None and refusal is None:
            *_, threads = _thread_counts(command.threads, [])
            draft = DraftModel(
                Path(command.draft), self._model.vocabulary, self._context.n_ctx, threads=threads, stop=stop, log=log
            )
            log.note(loading_note(self._header.path))  # a crash from now on is this model's again
            if not exact_sizes(self._header, log):
                draft.close()
                refusal = "draft_inexact", "llama.cpp computes batches of this model otherwise than single tokens."
        if command.draft is not None and refusal is not None:
            self._fallbacks.append(Fallback("draft", Path(command.draft).name, "none", *refusal))
        return Speculator(None) if refusal is not None else Speculator(partial(exact_sizes, self._header, log), draft)

    def _why_no_guesses(self, command: Load, *, on_gpu: bool) -> tuple[str, str] | None:
        """Reason and message, where no batch is computed as its tokens are one by one, or none is wanted."""
        if not command.speculation:
            return "draft_off", "Guessing is switched off."
        if on_gpu:
            return "draft_gpu", "On a GPU, guesses could change the text."
        if self._context.attention != PLAIN:
            return "draft_attention", "With flash attention, guesses could change the text."
        if self.is_shared:
            return "draft_shared", "Where several requests are answered at once, nothing is guessed."
        if not self._model.can_forget:
            return "draft_recurrent", "This model cannot take back what was guessed wrongly."
        return None

    def _template(self, template_id: str | None) -> PromptTemplate | None:
        """The template with this id; `gguf` is the one inside the file, None the same if the file has one."""
        if template_id is not None and template_id != OWN_TEMPLATE:
            return get_template(template_id)
        source = self._header.chat_template
        if not source:
            if template_id is None:
                return None
            message = f"{self._header.path.name} contains no prompt template."
            raise KnownError("no_template", message, "Choose one of the built-in templates.")
        return own_template(self._model.vocabulary, source)

    def _describe(self, devices: list[Gpu]) -> ModelInfo:
        context = self._context
        return replace(
            model_info(self._header, self._model),
            n_ctx=context.n_ctx,
            device=" + ".join(gpu.name for gpu in devices) or "CPU",
            kv_bytes_per_token=kv_bytes_per_token(self._header, context.attention),
            kv_type=context.attention.kv_type,
            flash_attention=context.attention.flash,
            fallbacks=tuple(self._fallbacks),
            sees=self.eyes is not None,
            mmproj=str(self.eyes.path) if self.eyes is not None else "",
            picture_tokens=self.eyes.sample_tokens if self.eyes is not None else 0,
        )


def _check_parallel(parallel: int) -> None:
    if not 1 <= parallel <= MOST_PARALLEL:
        message = f"A model cannot answer {parallel} requests at once."
        raise KnownError("bad_option", message, f"Choose a number from 1 to {MOST_PARALLEL}.", name="parallel")


def _context_length(wanted: int, header: GgufHeader) -> int:
    """The requested context, at most the one that the model was trained with: beyond it the text becomes nonsense."""
    most = header.n_ctx_train or max(wanted, _DEFAULT_N_CTX)
    return min(wanted if wanted > 0 else _DEFAULT_N_CTX, most)


def _machine_fallbacks(command: Load, devices: list[Gpu]) -> list[Fallback]:
    """Of GPU layers and threads, what this machine does not have."""
    fallbacks = []
    if command.n_gpu_layers > 0 and not devices:
        message = "llama.cpp finds no GPU here that it can use."
        fallbacks.append(Fallback("n_gpu_layers", str(command.n_gpu_layers), "0", "no_gpu", message))
    most = usable_cores()[1]
    if command.threads is not None and command.threads > most:
        message = f"This computer computes with {most} threads at most."
        fallbacks.append(Fallback("threads", str(command.threads), str(most), "few_cores", message))
    return fallbacks


def _thread_counts(fixed: int | None, devices: list[Gpu]) -> list[int]:
    physical, logical = usable_cores()
    if fixed is not None:
        return [max(1, min(fixed, logical))]
    # With a GPU the processor has little to do: a few threads are enough, and there is nothing to tune.
    return [min(physical, _GPU_HOST_THREADS)] if devices else ladder(physical)
