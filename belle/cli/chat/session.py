"""The interactive conversation of `belle chat`: reads questions and commands until the person quits."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator, Sequence
from types import FrameType

from belle.cli.chat.attachments import Attachment
from belle.cli.chat.commands import QUIT, Commands
from belle.cli.chat.conversation import ChatConversation
from belle.cli.chat.input_history import InputHistory
from belle.cli.messages import say
from belle.cli.terminal import RED, Terminal
from belle.errors import KnownError
from belle.units import parameters

_ENDING = (signal.SIGHUP, signal.SIGTERM)


class ChatSession:
    """A conversation with a person at a terminal.

    Args:
        history: the questions of earlier conversations; None to store none.
        attachments: go with the first question.
    """

    def __init__(
        self,
        conversation: ChatConversation,
        terminal: Terminal,
        *,
        history: InputHistory | None = None,
        attachments: Sequence[Attachment] = (),
    ) -> None:
        self._conversation = conversation
        self._terminal = terminal
        self._history = history
        self._attachments = attachments
        self._commands = Commands(conversation, terminal, print)

    def run(self) -> int:
        """Read and answer until the person quits. Returns the exit status; raises SystemExit at a second Ctrl-C."""
        # Here: prompt_toolkit takes longer to import than the rest of the command.
        from belle.cli.chat.completion import CommandCompleter
        from belle.cli.chat.line_editor import LineEditor

        self._terminal.edit_lines(LineEditor(self._history, CommandCompleter(self._commands.names)))
        self._introduce()
        with _ended_by_signals():
            try:
                while (line := self._read()) is not None:
                    self._handle(line)
            finally:
                self._conversation.end()
        return 0

    def _introduce(self) -> None:
        model = self._conversation.model
        size = parameters(model.info.n_params)
        self._terminal.note(say("intro", title=model.title, parameters=size, context=model.info.n_ctx))
        if model.is_starter:
            self._terminal.note(say("starter"))
        shared = self._conversation.shared
        if shared is not None and shared.title:
            count = len(self._conversation.transcript.messages)
            self._terminal.note(say("continued", title=shared.title, count=count))
        for attachment in self._attachments:
            self._commands.attach(attachment)

    def _read(self) -> str | None:
        """What is entered next, without the blanks around it; None at the end."""
        while True:
            try:
                line = self._terminal.read(f"{self._conversation.model.name} › ").strip()
            except EOFError:
                print()
                return None
            except KeyboardInterrupt:
                self._terminal.note(say("interrupt_hint"))
                continue
            return None if line.split(maxsplit=1)[:1] and line.split(maxsplit=1)[0] in QUIT else line

    def _handle(self, line: str) -> None:
        try:
            if line.startswith("/") and not line.startswith("//"):
                self._commands.run(line)
            elif line:
                self._conversation.ask(line.removeprefix("/") if line.startswith("//") else line)
                print()
        except KnownError as error:
            self._terminal.note(error.message, RED)
            if error.advice:
                self._terminal.note(error.advice)


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let a terminal that is closed end the block by SystemExit, so that what was said is saved."""

    def end(number: int, frame: FrameType | None) -> None:
        del frame
        raise SystemExit(128 + number)

    # One that is ignored stays ignored: the program was started by nohup.
    numbers = [number for number in _ENDING if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, end) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
