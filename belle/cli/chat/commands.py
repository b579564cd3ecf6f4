"""The commands of a conversation in the terminal: lines that begin with a slash."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from belle.cli.chat.attachments import Attachment, read_attachment
from belle.cli.chat.clipboard import copy_text
from belle.cli.chat.conversation import ChatConversation
from belle.cli.chat.settings import current
from belle.cli.chat.transcript import Transcript, loaded
from belle.cli.messages import say
from belle.cli.terminal import Terminal
from belle.durable import write_text
from belle.errors import KnownError
from belle.path_guard import check_output
from belle.units import parameters

QUIT = ("/quit", "/bye", "/exit")


class Commands:
    """Runs commands on a conversation.

    Args:
        show: prints a text on stdout.
    """

    def __init__(self, conversation: ChatConversation, terminal: Terminal, show: Callable[[str], None]) -> None:
        self._conversation = conversation
        self._terminal = terminal
        self._show = show
        self._commands: Mapping[str, Callable[[str], None]] = {
            "/help": self._help,
            "/new": self._new,
            "/clear": self._new,
            "/system": self._system,
            "/model": self._model,
            "/set": self._set,
            "/show": self._show_prompt,
            "/file": self._file,
            "/image": self._image,
            "/retry": self._retry,
            "/undo": self._undo,
            "/copy": self._copy,
            "/stats": self._stats,
            "/save": self._save,
            "/load": self._load,
        }
        if conversation.strategy is not None:
            self._commands = {**self._commands, "/scratchpad": self._scratchpad}

    @property
    def names(self) -> list[str]:
        """Every command, also those that end the conversation."""
        return [*self._commands, *QUIT]

    def run(self, line: str) -> None:
        """Run a command. Raises KnownError."""
        word, _, rest = line.partition(" ")
        command = self._commands.get(word)
        if command is None:
            self._terminal.note(say("unknown_command", command=word))
        else:
            command(rest.strip())

    def attach(self, attachment: Attachment) -> None:
        """Let a text go with the next question."""
        self._conversation.attachments.append(attachment)
        lines = len(attachment.text.splitlines())
        self._terminal.note(say("attached", name=attachment.name, lines=lines))

    def _help(self, rest: str) -> None:
        del rest
        self._terminal.note(say("help"), style="")

    def _new(self, rest: str) -> None:
        del rest
        self._conversation.begin_anew(Transcript(self._conversation.transcript.system))
        self._terminal.note(say("new"))

    def _system(self, text: str) -> None:
        if text == "off":
            self._conversation.set_system("")
            self._terminal.note(say("system_off"))
        elif text:
            self._conversation.set_system(text)
            self._terminal.note(say("system_set"))
        else:
            self._terminal.note(self._conversation.transcript.system or say("system_none"), style="")

    def _model(self, name: str) -> None:
        if name:
            self._conversation.set_model(name)
        info = self._conversation.model.info
        self._terminal.note(
            say(
                "model",
                title=self._conversation.model.title,
                parameters=parameters(info.n_params),
                quantization=info.quantization,
                context=info.n_ctx,
                device=info.device,
                template=info.template,
                path=info.path,
            ),
            style="",
        )

    def _set(self, rest: str) -> None:
        name, _, value = rest.partition(" ")
        if not name:
            self._show_settings()
        elif not value.strip():
            raise KnownError("usage", f"{name} needs a value.", "“/set” alone shows what there is.")
        elif name == "ctx":
            self._set_ctx(value.strip())
        else:
            self._conversation.set(name, value.strip())
            self._terminal.note(f"{name} {current(self._conversation.settings)[name]}")

    def _set_ctx(self, value: str) -> None:
        if not (value.isascii() and value.isdecimal() and len(value) < 10):
            raise KnownError("usage", f"ctx cannot be “{value}”.", "It is a whole number of tokens; 0: the default.")
        self._conversation.model.set_context(int(value))
        self._terminal.note(f"ctx {self._conversation.model.info.n_ctx}")

    def _show_settings(self) -> None:
        settings = {**current(self._conversation.settings), "ctx": str(self._conversation.model.info.n_ctx)}
        for name, value in settings.items():
            self._terminal.note(f"{name:16}{value}", style="")

    def _show_prompt(self, rest: str) -> None:
        del rest
        self._terminal.note(say("sent", template=self._conversation.model.info.template))
        self._show(self._conversation.rendered())

    def _file(self, name: str) -> None:
        if name == "off":
            self._conversation.attachments = []
            self._terminal.note(say("attached_none"))
        elif name:
            self.attach(read_attachment(Path(name).expanduser()))
        else:
            names = [attachment.name for attachment in self._conversation.attachments]
            self._terminal.note("\n".join(names) or say("attached_none"), style="")

    def _image(self, name: str) -> None:
        if name == "off":
            self._conversation.pictures = []
        elif name:
            self._conversation.show_picture(Path(name))
        names = [Path(path).name for path in self._conversation.pictures]
        self._terminal.note("\n".join(names) or say("pictures_none"), style="")

    def _retry(self, rest: str) -> None:
        del rest
        if self._conversation.retry():
            self._show("")
        else:
            self._terminal.note(say("nothing"))

    def _undo(self, rest: str) -> None:
        del rest
        question = self._conversation.take_back()
        self._terminal.note(say("nothing") if question is None else say("undone", question=question))

    def _copy(self, rest: str) -> None:
        del rest
        text = self._conversation.transcript.last_answer
        if not text:
            self._terminal.note(say("nothing"))
            return
        copy_text(text, self._terminal)
        self._terminal.note(say("copied", count=len(text)))

    def _stats(self, rest: str) -> None:
        del rest
        if self._conversation.last is None:
            self._terminal.note(say("nothing"))
            return
        stats = self._conversation.last.stats
        self._terminal.note(
            say(
                "stats",
                prompt_tokens=stats.prompt_tokens,
                reused_tokens=stats.reused_tokens,
                completion_tokens=stats.completion_tokens,
                ttft="–" if stats.ttft_s is None else f"{stats.ttft_s:.2f}",
                speed="–" if stats.tokens_per_s is None else f"{stats.tokens_per_s:.1f}",
                used=stats.context_used,
                n_ctx=self._conversation.model.info.n_ctx,
            ),
            style="",
        )
        if stats.drafted_tokens:
            words = say("guesses", accepted=stats.accepted_tokens, drafted=stats.drafted_tokens)
            self._terminal.note(words, style="")

    def _scratchpad(self, text: str) -> None:
        from belle.cli.chat.strategy import edit_scratchpad

        strategy = self._conversation.strategy
        assert strategy is not None  # otherwise there is no such command
        if text:
            self._terminal.note(edit_scratchpad(strategy.facts, text))
        else:
            facts = [f"{name} = {value}" for name, value in strategy.facts.items()]
            self._terminal.note("\n".join(facts) or say("scratchpad_none"), style="")

    def _save(self, name: str) -> None:
        if not name:
            self._terminal.note(say("save_name"))
            return
        path = Path(name).expanduser()
        check_output(path)
        if path.exists() and not self._terminal.agrees(say("save_exists", path=path)):
            return
        as_json = path.suffix == ".json"
        write_text(path, self._conversation.transcript.as_text(self._conversation.model.title, as_json=as_json))
        self._terminal.note(say("saved", path=path))

    def _load(self, name: str) -> None:
        if not name:
            raise KnownError("usage", "/load needs the name of a file.", "It loads what “/save FILE.json” wrote.")
        transcript = loaded(Path(name).expanduser())
        self._conversation.begin_anew(transcript)
        self._conversation.save()
        self._terminal.note(say("loaded", count=len(transcript.messages)))
