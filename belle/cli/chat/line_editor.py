"""Line editing in the terminal: several lines in one input, earlier inputs, completion.

By prompt_toolkit. Python's readline is often the editline library (on macOS, and in many builds of Python), which
cannot tell pasted text from typed text or edit several lines. Importing prompt_toolkit takes 75 ms of processor time,
so only a conversation in a terminal does it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable

from prompt_toolkit import PromptSession
from prompt_toolkit import history as toolkit
from prompt_toolkit.completion import Completer
from prompt_toolkit.filters import has_focus
from prompt_toolkit.formatted_text import ANSI
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import Output, create_output
from prompt_toolkit.output.vt100 import Vt100_Output

from belle.cli.chat.input_history import InputHistory
from belle.streams import commanding

_QUOTES = '"""'
_BEGUN = re.compile(rf"(/\w+\s+)?{_QUOTES}")
_QUOTED = re.compile(rf"((?:/\w+\s+)?){_QUOTES}\n?(.*?)\n?{_QUOTES}\s*", re.DOTALL)


def goes_on(text: str) -> bool:
    """Whether Enter begins another line: after a backslash, and while three quotes at the start are not closed."""
    if text.endswith("\\"):
        return True
    return _BEGUN.match(text.lstrip()) is not None and text.count(_QUOTES) % 2 == 1


def entered(text: str) -> str:
    """The input as it is meant: without the backslashes at the ends of lines, or the three quotes around it."""
    quoted = _QUOTED.fullmatch(text.lstrip())
    if quoted is not None and _QUOTES not in quoted[2]:
        return quoted[1] + quoted[2]
    return text


class LineEditor:
    """Reads what a person enters.

    Args:
        history: the inputs of earlier conversations; None to store nothing and to read nothing.
        completer: proposes what Tab inserts.
    """

    def __init__(self, history: InputHistory | None = None, completer: Completer | None = None) -> None:
        output = _output()
        self._session: PromptSession[str] = PromptSession(
            multiline=True,
            history=_StoredHistory(history) if history is not None else toolkit.InMemoryHistory(),
            completer=completer,
            complete_while_typing=False,
            enable_history_search=False,
            prompt_continuation="… ",
            key_bindings=_bindings(),
            output=output,
        )
        self._questions: PromptSession[str] = PromptSession(history=toolkit.DummyHistory(), output=output)

    def read(self, prompt: str) -> str:
        """One input: a line, or several. Raises EOFError on Ctrl-D and KeyboardInterrupt on Ctrl-C."""
        return entered(self._session.prompt(ANSI(prompt)))

    def ask(self, prompt: str) -> str:
        """The answer to a question of the program, which is not stored. Raises as `read`."""
        return self._questions.prompt(ANSI(prompt))


class _StoredHistory(toolkit.History):
    """The history of prompt_toolkit, stored by ours."""

    def __init__(self, stored: InputHistory) -> None:
        super().__init__()
        self._stored = stored

    def load_history_strings(self) -> Iterable[str]:
        """The newest first."""
        return reversed(self._stored.entries())

    def store_string(self, string: str) -> None:
        self._stored.add(string)


def _output() -> Output:
    stream = commanding(sys.stdout if sys.stdout.isatty() else sys.stderr)
    output = create_output(stream)
    if isinstance(output, Vt100_Output):
        # Otherwise it asks the terminal where the cursor is; the answer of a slow one is read as if it had been typed.
        output.enable_cpr = False
    return output


def _bindings() -> KeyBindings:
    bindings = KeyBindings()
    is_input = has_focus("DEFAULT_BUFFER")  # and not the line of a backward search

    @bindings.add("enter", filter=is_input)
    def enter(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if not goes_on(buffer.text):
            buffer.validate_and_handle()
            return
        if buffer.text.endswith("\\"):
            buffer.cursor_position = len(buffer.text)
            buffer.delete_before_cursor()
        buffer.newline(copy_margin=False)

    @bindings.add("escape", "enter", filter=is_input)
    def alt_enter(event: KeyPressEvent) -> None:
        event.current_buffer.newline(copy_margin=False)

    return bindings
