"""The interactive conversation of `belle chat`: questions, answers, and commands that begin with a slash."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from belle.cli.chat.answer import Answerer
from belle.cli.line_editor import History
from belle.cli.messages import say
from belle.cli.terminal import RED, Terminal
from belle.durable import write_text
from belle.engine.process.protocol import Done, Overflow
from belle.errors import KnownError
from belle.models.catalog import ResolvedModel
from belle.path_guard import check_output
from belle.prompts import Message
from belle.units import parameters

_NOTES = {"stopped": "stopped", "length": "length", "context_full": "context_full"}


class ChatSession:
    """A conversation held in memory; `/save` writes it to a file."""

    def __init__(
        self,
        answerer: Answerer,
        model: ResolvedModel,
        terminal: Terminal,
        *,
        system: str = "",
        history: History | None = None,
    ) -> None:
        self._answerer = answerer
        self._model = model
        self._terminal = terminal
        self._system = system
        self._history = history
        self._turns: list[Message] = []
        self._last: Done | None = None
        # "drop_oldest" once the person has agreed to that: otherwise each further question would ask again.
        self._overflow: Overflow = "refuse"
        self._commands: dict[str, Callable[[str], None]] = {
            "/help": self._help,
            "/new": self._new,
            "/system": self._set_system,
            "/retry": self._retry,
            "/undo": self._undo,
            "/stats": self._stats,
            "/save": self._save,
        }

    def run(self) -> int:
        """Read and answer until the person quits. Returns the exit status."""
        self._terminal.edit_lines(self._history)
        self._introduce()
        name = self._model.entry.name if self._model.entry else self._model.path.stem
        while True:
            try:
                line = self._terminal.read(f"{name} › ").strip()
            except EOFError:
                print()
                return 0
            except KeyboardInterrupt:
                print()
                self._terminal.note(say("interrupt_hint"))
                continue
            if line:
                self._terminal.remember(line)
            if line.split(maxsplit=1)[:1] == ["/quit"]:
                return 0
            try:
                self._handle(line)
            except KnownError as error:
                self._terminal.note(error.message, RED)
                if error.advice:
                    self._terminal.note(error.advice)

    def _introduce(self) -> None:
        info = self._answerer.engine.model
        size = parameters(info.n_params)
        self._terminal.note(say("intro", title=self._model.title, parameters=size, context=info.n_ctx))
        if self._model.entry is not None and self._model.entry.kind == "bundled":
            self._terminal.note(say("starter"))

    def _handle(self, line: str) -> None:
        if line.startswith("/") and not line.startswith("//"):
            word, _, rest = line.partition(" ")
            command = self._commands.get(word)
            if command is None:
                self._terminal.note(say("unknown_command", command=word))
            else:
                command(rest.strip())
        elif line:
            self._ask(line.removeprefix("/") if line.startswith("//") else line)

    def _ask(self, question: str) -> None:
        """Ask a question. Without an answer it does not become a part of the conversation."""
        system = [Message("system", self._system)] if self._system else []
        turns = [*self._turns, Message("user", question)]
        try:
            done = self._answerer.answer([*system, *turns], write=self._write, overflow=self._overflow)
        except KnownError as error:
            if error.kind != "prompt_too_long" or not error.details.get("fits_after_drop"):
                raise
            if not self._terminal.agrees(say("too_long", **error.details)):
                self._terminal.note(say("kept"))
                return
            self._overflow = "drop_oldest"
            done = self._answerer.answer([*system, *turns], write=self._write, overflow=self._overflow)
        if done.text and not done.text.endswith("\n"):
            print()
        if done.reason in _NOTES:
            self._terminal.note(say(_NOTES[done.reason]))
        self._last = done
        if done.text:
            self._turns = [*turns, Message("assistant", done.text)]
        print()

    def _write(self, text: str) -> None:
        print(text, end="", flush=True)

    def _help(self, rest: str) -> None:
        del rest
        self._terminal.note(say("help"), style="")

    def _new(self, rest: str) -> None:
        del rest
        self._turns = []
        self._overflow = "refuse"
        self._terminal.note(say("new"))

    def _set_system(self, text: str) -> None:
        if text == "off":
            self._system = ""
            self._terminal.note(say("system_off"))
        elif text:
            self._system = text
            self._terminal.note(say("system_set"))
        else:
            self._terminal.note(self._system or say("system_none"), style="")

    def _retry(self, rest: str) -> None:
        del rest
        if not self._turns:
            self._terminal.note(say("nothing"))
            return
        before = self._turns
        self._turns, question = before[:-2], before[-2].content
        try:
            self._ask(question)
        finally:
            if len(self._turns) < len(before):
                self._turns = before

    def _undo(self, rest: str) -> None:
        del rest
        if not self._turns:
            self._terminal.note(say("nothing"))
            return
        *self._turns, question, _answer = self._turns
        self._terminal.note(say("undone", question=question.content))

    def _stats(self, rest: str) -> None:
        del rest
        if self._last is None:
            self._terminal.note(say("nothing"))
            return
        stats = self._last.stats
        self._terminal.note(
            say(
                "stats",
                prompt_tokens=stats.prompt_tokens,
                reused_tokens=stats.reused_tokens,
                completion_tokens=stats.completion_tokens,
                ttft="–" if stats.ttft_s is None else f"{stats.ttft_s:.2f}",
                speed="–" if stats.tokens_per_s is None else f"{stats.tokens_per_s:.1f}",
                used=stats.context_used,
                n_ctx=self._answerer.engine.model.n_ctx,
            ),
            style="",
        )

    def _save(self, name: str) -> None:
        if not name:
            self._terminal.note(say("save_name"))
            return
        path = Path(name).expanduser()
        check_output(path)
        if path.exists() and not self._terminal.agrees(say("save_exists", path=path)):
            return
        write_text(path, self._as_text(as_json=path.suffix == ".json"))
        self._terminal.note(say("saved", path=path))

    def _as_text(self, *, as_json: bool) -> str:
        messages = [*([Message("system", self._system)] if self._system else []), *self._turns]
        if as_json:
            rows = [{"role": m.role, "content": m.content} for m in messages]
            return json.dumps({"model": self._model.title, "messages": rows}, ensure_ascii=False, indent=2) + "\n"
        return "\n\n".join(f"## {m.role}\n\n{m.content}" for m in messages) + "\n"
