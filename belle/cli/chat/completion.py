"""What Tab inserts in a conversation: commands, and what may follow them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document

from belle.cli.chat.settings import CHOICES, NAMES
from belle.errors import KnownError
from belle.models.catalog import load_catalog
from belle.models.registry import installed
from belle.texts import visible

_WITH_PATH = ("/file", "/image", "/save", "/load", "/model")


class CommandCompleter(Completer):
    """Completes commands, names of models, settings and paths.

    Args:
        commands: the commands, each with its slash.
    """

    def __init__(self, commands: Sequence[str]) -> None:
        self._commands = commands
        self._paths = PathCompleter(expanduser=True)

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """The completions of the text before the cursor."""
        text = document.text_before_cursor
        if not text.startswith("/") or "\n" in text:
            return
        command, space, rest = text.partition(" ")
        if not space:
            yield from _beginning_with(command, self._commands)
            return
        yield from _beginning_with(rest, _words(command, rest))
        if command in _WITH_PATH:
            for completion in self._paths.get_completions(Document(rest), complete_event):
                shown = visible(completion.display_text)
                yield Completion(completion.text, completion.start_position, display=shown)


def _beginning_with(typed: str, words: Iterable[str]) -> Iterator[Completion]:
    for word in words:
        if word.startswith(typed):
            yield Completion(word, -len(typed))


def _words(command: str, rest: str) -> Iterable[str]:
    if command == "/set":
        name, space, _ = rest.partition(" ")
        return [f"{name} {choice}" for choice in CHOICES.get(name, ())] if space else [*NAMES, "ctx"]
    if command in ("/system", "/file", "/image"):
        return ["off"]
    return _models() if command == "/model" else ()


def _models() -> Iterator[str]:
    """The models that are on this computer."""
    for entry in load_catalog():
        if entry.bundled_file() is not None:
            yield entry.name
    try:
        yield from (model.name for model in installed() if model.path.is_file() and not model.is_speech)
    except KnownError:
        return  # `belle models list` says what is wrong with the list
