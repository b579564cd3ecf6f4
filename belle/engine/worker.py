"""The worker process: `python -m belle.engine.worker`. It loads one model and answers, in JSON lines over its pipes.

Two threads. The reader takes commands from stdin and acts at once on those that cannot wait (`stop`, `answer_now`,
`quit`, the end of stdin); the main thread owns llama.cpp and executes everything else in order. Where several requests
are answered at once (`Load.parallel`), they are taken up between two steps of those in progress. Templates are listed,
and pictures described, in a short-lived third thread. stdout belongs to the protocol alone: native code that prints to
file descriptor 1 writes to stderr.
"""

from __future__ import annotations

import os
import queue
import signal
import threading
from collections import deque
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

from belle.engine.process.commands import (
    AnswerNow,
    Command,
    Count,
    DescribePicture,
    Embed,
    Forget,
    Generate,
    ListTemplates,
    Load,
    Quit,
    ReadAhead,
    SetTemplate,
    Stop,
)
from belle.engine.process.events import Done, Embedded, Failed, HasReadAhead, Hello, Loading, Ready, TemplateList
from belle.engine.process.outbox import Outbox
from belle.engine.process.pipes import read_lines, take_stdout
from belle.engine.process.protocol import PROTOCOL_VERSION, ProtocolError, decode_command
from belle.errors import KnownError

if TYPE_CHECKING:
    from belle.engine.answer.open_requests import OpenRequests
    from belle.engine.loaded import LoadedModel
    from belle.engine.loaded_embedder import LoadedEmbedder
    from belle.engine.pictures.picture_file import PictureFile

_STDIN = 0
_GRACE_S = 4.0  # to stop, and to save a conversation of a gigabyte
_IDLE_S = 20.0
_PROGRESS_STEP = 0.01


class Worker:
    """Executes commands with at most one model loaded."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._commands: queue.SimpleQueue[tuple[Command, float] | None] = queue.SimpleQueue()
        self._postponed: deque[tuple[Command, float] | None] = deque()  # taken from the queue, and not executed yet
        self._model: LoadedModel | None = None
        self._embedder: LoadedEmbedder | None = None  # in place of `_model`
        self._is_embedding = False
        self._finished = threading.Event()
        self._replacing = threading.Lock()  # held while the model is freed, and while another thread reads it

    def run(self) -> None:
        """Serve until the end of stdin or `quit`."""
        self._outbox.send(Hello(PROTOCOL_VERSION, os.getpid()))
        # After `Hello`: importing llama_cpp takes a tenth of a second, in which the client can draw its window.
        from belle.engine.answer.open_requests import OpenRequests
        from belle.engine.llama.context import StopFlag
        from belle.engine.llama.native_log import NativeLog

        self._flag, self._log = StopFlag(), NativeLog()
        self._requests: OpenRequests = OpenRequests(self._flag)
        threading.Thread(target=self._read, name="reader", daemon=True).start()
        while (item := self._next_command()) is not None:
            self._execute(*item)
            self._finish_answers()
        self._close_model()
        self._finished.set()

    def _next_command(self) -> tuple[Command, float] | None:
        """Wait for a command; None is the end. What was read is saved when nothing has come for a while."""
        if self._postponed:
            return self._postponed.popleft()
        try:
            return self._commands.get(timeout=_IDLE_S)
        except queue.Empty:
            if self._model is not None:
                self._model.session.save()
            return self._commands.get()

    def _read(self) -> None:
        """The reader thread."""
        for line in read_lines(_STDIN):
            arrived = perf_counter()
            try:
                command = decode_command(line)
            except ProtocolError as error:
                self._fail(None, KnownError("protocol_error", str(error)))
                continue
            match command:
                case Quit():
                    break
                case Stop(id=request_id):
                    self._requests.stop(request_id)
                case AnswerNow(id=request_id):
                    self._requests.answer_now(request_id)
                case Load(parallel=parallel):
                    self._requests.allow(parallel)
                    self._commands.put((command, arrived))
                case Generate(id=request_id) | Embed(id=request_id) if not self._requests.accept(request_id):
                    message = "Another answer is being generated."
                    self._fail(request_id, KnownError("busy", message, "Stop it first, or wait for its end."))
                case ListTemplates():
                    threading.Thread(target=self._list_templates, args=(command,), daemon=True).start()
                case DescribePicture():
                    threading.Thread(target=self._describe_picture, args=(command,), daemon=True).start()
                case _:
                    self._requests.interrupt_reading_ahead()
                    self._commands.put((command, arrived))
        self._requests.quit()
        self._outbox.close()
        self._commands.put(None)
        # The main thread may be stuck in native code, which no exception reaches: end the process all the same.
        self._finished.wait(_GRACE_S)
        os._exit(0)

    def _execute(self, command: Command, arrived: float) -> None:
        """One command. A `KnownError` is answered; anything else is a bug, and ends the process loudly."""
        if self._requests.quitting and not isinstance(command, Forget):  # of which nothing may be saved now
            return
        match command:
            case Generate():
                self._begin_answer(command, arrived)
            case Embed():
                self._embed(command)
            case Count():
                try:
                    self._loaded().session.count(command)
                except KnownError as error:
                    self._fail(command.id, error)
            case Load():
                self._load(command)
            case ReadAhead():
                self._read_ahead(command)
            case Forget(conversation=conversation):
                if self._model is not None:
                    self._model.session.forget(conversation)
            case SetTemplate():
                try:
                    model = self._loaded()
                    model.set_template(command.template)
                    self._outbox.send(Ready(model.info))
                except KnownError as error:
                    self._fail(None, error)

    def _read_ahead(self, command: ReadAhead) -> None:
        """Only while nothing else is to be done: whatever arrives interrupts it."""
        if self._model is not None and self._commands.empty() and self._requests.begin_reading_ahead():
            tokens = self._model.session.read_ahead(command)
            self._requests.finish_reading_ahead()
            self._outbox.send(HasReadAhead(command.conversation, tokens))

    def _load(self, command: Load) -> None:
        from belle.engine.llama.model import LoadCancelled
        from belle.engine.loaded import LoadedModel
        from belle.engine.loaded_embedder import LoadedEmbedder

        self._close_model()
        shown = -1.0

        def on_progress(fraction: float) -> bool:
            nonlocal shown
            if fraction - shown >= _PROGRESS_STEP or fraction >= 1.0 > shown:
                shown = fraction
                self._outbox.send(Loading(fraction))
            return not self._requests.quitting

        try:
            if command.embeddings_only:
                self._embedder = LoadedEmbedder(command, on_progress=on_progress, stop=self._flag, log=self._log)
                self._outbox.send(Ready(self._embedder.info))
            else:
                self._model = LoadedModel(
                    command,
                    on_progress=on_progress,
                    stop=self._flag,
                    is_stopped=self._requests.is_stopped,
                    has_thought_enough=self._requests.has_thought_enough,
                    emit=self._outbox.send,
                    log=self._log,
                )
                self._outbox.send(Ready(self._model.info))
        except KnownError as error:
            self._fail(None, error)
        except LoadCancelled:
            pass

    def _close_model(self) -> None:
        with self._replacing:
            for model in (self._model, self._embedder):
                if model is not None:
                    model.close()
            self._model = self._embedder = None

    def _list_templates(self, command: ListTemplates) -> None:
        """In a thread of its own: an answer may be under way, and a template may take its time."""
        try:
            with self._replacing:
                options = self._loaded().template_options(command.messages)
            self._outbox.send(TemplateList(command.id, options))
        except KnownError as error:
            self._fail(command.id, error)

    def _describe_picture(self, command: DescribePicture) -> None:
        """In a thread of its own, for the same reasons."""
        from belle.engine.pictures.describe import describe

        def measure(picture: PictureFile) -> tuple[tuple[int, int], int | None]:
            with self._replacing:
                eyes = self._model.eyes if self._model is not None else None
                return eyes.measure(picture) if eyes is not None else (picture.read_size, None)

        try:
            self._outbox.send(describe(command, measure))
        except KnownError as error:
            self._fail(command.id, error)

    def _begin_answer(self, command: Generate, arrived: float) -> None:
        self._requests.begin(command.id)
        on_end = partial(self._end, command.id)
        try:
            self._loaded().session.generate(command, arrived, on_end)
        except KnownError as error:
            on_end(error)

    def _finish_answers(self) -> None:
        """Go on with all answers until they have ended, and with what is asked for meanwhile."""
        while self._model is not None and self._model.session.is_answering:
            self._step(self._model)

    def _step(self, model: LoadedModel) -> None:
        """One step of the answers in progress, and what has arrived and need not wait for their end."""
        if model.session.is_answering:
            model.session.step()
        while self._postponed or not self._commands.empty():
            if not self._postponed:
                self._postponed.append(self._commands.get())
            item = self._postponed[0]
            if item is None or not self._fits_between(item[0], model):
                break
            self._postponed.popleft()
            self._execute(*item)

    def _fits_between(self, command: Command, model: LoadedModel) -> bool:
        """Whether a command can be executed between two steps."""
        match command:
            case Generate():
                return model.is_shared and model.session.has_room
            case Embed():
                return model.is_shared and not self._is_embedding
            case Count():
                return model.is_shared
        return False

    def _embed(self, command: Embed) -> None:
        self._requests.begin(command.id, alone=True)
        self._is_embedding = True
        result: Embedded | KnownError
        try:
            if self._embedder is not None:
                result = self._embedder.embed(command)
            else:
                model = self._loaded()
                result = model.embed(command, partial(self._step, model))
        except KnownError as error:
            result = error
        self._is_embedding = False
        self._end(command.id, result)

    def _end(self, request_id: int, result: Done | Embedded | KnownError) -> None:
        # Finished before the client is told: its next request, sent at once, must not be refused as “busy”.
        self._requests.finish(request_id)
        if isinstance(result, KnownError):
            self._fail(request_id, result)
        else:
            self._outbox.send(result)

    def _loaded(self) -> LoadedModel:
        if self._model is None:
            raise KnownError("no_model", "No model is loaded.", "Load one first.")
        return self._model

    def _fail(self, request_id: int | None, error: KnownError) -> None:
        self._outbox.send(Failed(request_id, error.kind, error.message, error.advice, dict(error.details)))


def main() -> None:
    """Run the worker in this process."""
    # Ctrl-C in a terminal goes to the whole process group; what it means is for the client to decide.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    protocol = take_stdout()  # before llama_cpp is imported
    # OpenMP's threads wait for each other by spinning, for about 20 ms before they sleep. Sleeping threads make a quiet
    # machine four times slower; on a busy one, where spinning is bad, `ThreadTuner` uses fewer threads instead.
    os.environ.pop("OMP_WAIT_POLICY", None)
    os.environ.setdefault("GOMP_SPINCOUNT", "1000000")
    os.environ.setdefault("GGML_NO_BACKTRACE", "1")
    Worker(Outbox(protocol)).run()
    # Not `sys.exit`: it runs the destructors of native libraries, in which some have aborted.
    os._exit(0)


if __name__ == "__main__":
    main()
