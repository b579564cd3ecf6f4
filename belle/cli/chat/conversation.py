"""A conversation in the terminal: asks, answers again, takes back, and saves after each step where that is wanted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from belle.cli.chat.answer import Answered, Answerer
from belle.cli.chat.attachments import Attachment, with_attachments
from belle.cli.chat.model import ChatModel, sampling_for_other_model
from belle.cli.chat.settings import AnswerSettings, with_setting
from belle.cli.chat.transcript import ChatMessage, Transcript
from belle.cli.messages import say
from belle.cli.terminal import RED, Terminal
from belle.engine.process.events import Done, StopReason
from belle.errors import KnownError

if TYPE_CHECKING:
    from belle.cli.chat.shared import SharedConversation
    from belle.cli.chat.strategy import StrategyAnswerer
    from belle.dialogue.turn_record import TurnRecord

_STATUS: Mapping[StopReason, str] = {"stopped": "stopped", "length": "length", "context_full": "length"}
"""The status of an answer that did not end by itself."""
_NOTES = ("stopped", "length", "context_full")


class ChatConversation:
    """What was said, the model that answers, and the store where a shared conversation is kept.

    Args:
        write: shows the pieces of an answer; None to show nothing.
        asks: whether a person can be asked what to do when the context is full.
        shared: None for a conversation that is held in memory.
        strategy: answers in the place of `answerer`; None for plain answers.
    """

    def __init__(
        self,
        answerer: Answerer,
        model: ChatModel,
        terminal: Terminal,
        transcript: Transcript,
        *,
        write: Callable[[str], None] | None,
        asks: bool = False,
        shared: SharedConversation | None = None,
        strategy: StrategyAnswerer | None = None,
    ) -> None:
        self.transcript = transcript
        self.model = model
        self.attachments: list[Attachment] = []
        self.pictures: list[str] = []
        self.last: Done | None = None
        self.last_record: TurnRecord | None = None
        self.shared = shared
        self.strategy = strategy
        self._answerer = answerer
        self._terminal = terminal
        self._write = write
        self._asks = asks
        self._is_refused = False

    @property
    def settings(self) -> AnswerSettings:
        """What `set` changes."""
        return self._answerer.settings

    def ask(self, question: str) -> Done | None:
        """Ask a question with what is attached; None when the person would not have it shortened.

        Without any text of an answer it does not become a part of the conversation. Raises KnownError.
        """
        text = with_attachments(question, self.attachments)
        done = self._answer(ChatMessage("user", text, pictures=tuple(self.pictures)))
        if done is not None:
            self.attachments, self.pictures = [], []
        return done

    def retry(self) -> bool:
        """Answer the last question again; False when there is none. Raises KnownError."""
        questions = [index for index, message in enumerate(self.transcript.messages) if message.role == "user"]
        if not questions:
            return False
        before = list(self.transcript.messages)
        question = before[questions[-1]]
        self.transcript.cut_at(questions[-1])
        count = len(self.transcript.messages)
        try:
            self._answer(question)
        finally:
            if len(self.transcript.messages) == count:  # there was no other answer
                self.transcript.messages = before
        return True

    def begin_anew(self, transcript: Transcript) -> None:
        """Go on with another conversation, which the store gets as a new one."""
        self.save()
        self._save_elsewhere()
        self.transcript = transcript
        self.attachments, self.pictures = [], []
        if self.strategy is not None:
            self.strategy.begin(transcript)
        if self.shared is not None:
            self.shared.begin_anew(self.settings.overflow)

    def take_back(self) -> str | None:
        """Take the last question and its answer back. Returns the question; None when there is none."""
        return self.transcript.take_back()

    def show_picture(self, path: Path) -> None:
        """Let the next question be about a picture, too.

        Raises KnownError for a model that sees none, and where pictures can be neither used nor kept.
        """
        if self.strategy is not None:
            raise KnownError("usage", "A strategy answers without pictures.", "Leave out --strategy to ask about one.")
        if self.shared is not None:
            message = "The terminal cannot keep pictures in a saved conversation."
            raise KnownError("usage", message, "Ask without --save, --continue and --conversation, or in the window.")
        if not self.model.info.sees:
            message = f"{self.model.title} reads text only: it cannot see pictures."
            advice = "Choose a model that sees, with its mmproj file beside it or named by --mmproj."
            raise KnownError("sees_nothing", message, advice)
        self.pictures.append(str(path.expanduser().absolute()))

    def set_system(self, text: str) -> None:
        """Set the system prompt; empty for none."""
        self.transcript.system = text
        if self.shared is not None:
            self.shared.set_system_prompt(text)
            self.save()

    def set_model(self, name: str) -> None:
        """Let another model answer. Raises KnownError, and the one before stays."""
        before = self.model.sampling
        self.model.use(name)
        sampling = sampling_for_other_model(self.settings.sampling, before, self.model.sampling)
        self._answerer.settings = replace(self.settings, sampling=sampling)
        if self.shared is not None:
            self.shared.set_model(self.model.ref)
            self.save()

    def set(self, name: str, value: str) -> None:
        """Change a setting, see `belle.cli.chat.settings`. Raises KnownError("usage")."""
        self._answerer.settings = with_setting(self.settings, name, value)
        if name == "context" and self.shared is not None:
            self.shared.set_overflow(self.settings.overflow)
            self.save()

    def rendered(self) -> str:
        """What the model really reads. Raises KnownError."""
        steps = self.strategy.read if self.strategy is not None else ()
        return self._answerer.rendered(steps or self.transcript.as_read())

    def save(self) -> None:
        """Write what the store does not have; where it refuses, say so once and try again the next time."""
        if self.shared is None or not self.shared.is_behind(self.transcript):
            return
        try:
            self.shared.save(self.transcript)
        except KnownError as error:
            if not self._is_refused:
                self._terminal.note(error.message, RED)
                self._terminal.note(say("not_shared"))
            self._is_refused = True
        else:
            if self._is_refused:
                self._terminal.note(say("shared_again"))
            self._is_refused = False

    def end(self) -> None:
        """Write what the store does not have, or else into a file of its own. Raises KnownError."""
        self.save()
        self._save_elsewhere()
        if self.shared is not None and self.shared.has_changes:
            self._terminal.note(say("settings_not_saved"), RED)

    def _save_elsewhere(self) -> None:
        if self.shared is None or not self._is_refused:
            return
        path = self.shared.save_elsewhere(self.transcript, self.model.title)
        if path is not None:
            self._terminal.note(say("saved_elsewhere", path=path))

    def _answer(self, question: ChatMessage) -> Done | None:
        messages = self.transcript.messages
        is_new = question.stored_id is None
        messages.append(question)
        self.save()
        pieces: list[str] = []
        answered: Answered | None = None
        problem = "error"
        try:
            answered = self._answered(pieces.append)
            if answered is None:
                problem = "stopped"
        finally:
            if answered is not None:
                self._keep(answered)
            elif text := "".join(pieces).strip():
                self._end_line(text)
                messages.append(ChatMessage("assistant", text, "interrupted", self.model.ref))
                self.save()
            else:
                self._remove(question, problem if is_new else "")
        if answered is None:
            return None
        done = answered.done
        self.last, self.last_record = done, answered.record
        self._end_line(done.text)
        if not done.text:
            self._remove(question, ("stopped" if done.reason == "stopped" else "error") if is_new else "")
        if done.reason in _NOTES:
            self._terminal.note(say(done.reason))
        return done

    def _answered(self, on_text: Callable[[str], None]) -> Answered | None:
        """Answer the last question. None when the person would not have the conversation shortened."""
        try:
            return self._generate(on_text)
        except KnownError as error:
            if error.kind != "prompt_too_long" or not error.details.get("fits_after_drop"):
                raise
            if not self._asks:
                raise
            if not self._terminal.agrees(say("too_long", **error.details)):
                self._terminal.note(say("kept"))
                return None
        # From now on: otherwise each further question would ask again.
        self.set("context", "oldest")
        return self._generate(on_text)

    def _generate(self, on_text: Callable[[str], None]) -> Answered:
        def write(text: str) -> None:
            on_text(text)
            if self._write is not None:
                self._write(text)

        name = self.shared.state_name if self.shared is not None else ""
        shown = write if self._write is not None else None
        if self.strategy is not None:
            return self.strategy.answer(self.transcript, self.settings, write=shown, conversation=name)
        prompt = self.transcript.prompt()
        if self.settings.overflow != "summarise":  # the summary stays, for when this policy is chosen again
            prompt = replace(prompt, summary="", summarised=())
        return self._answerer.answer(prompt, write=shown, conversation=name)

    def _end_line(self, text: str) -> None:
        if self._write is not None and not text.endswith("\n"):
            self._write("\n")

    def _keep(self, answered: Answered) -> None:
        done = answered.done
        left_out = self.transcript.at(answered.left_out)
        if answered.new_summary:
            self.transcript.summary, self.transcript.summarised = answered.new_summary, left_out
        if self.shared is not None and (left_out or self.transcript.left_out):
            self.shared.set_left_out(left_out, answered.new_summary)
        self.transcript.left_out, self.transcript.read_summary = left_out, answered.summary
        if not done.text:
            return
        stats = {name: value for name, value in asdict(done.stats).items() if value is not None}
        if answered.record is not None:
            stats["dialogue"] = answered.record.fields
        self.transcript.messages.append(
            ChatMessage(
                "assistant",
                done.text,
                _STATUS.get(done.reason, "complete"),
                self.model.ref,
                done.thinking,
                done.thinking_seconds,
                stats,
            )
        )
        self.save()

    def _remove(self, question: ChatMessage, outcome: str) -> None:
        """Take a question without an answer out of the conversation. It stays in the store, with its outcome if any."""
        if self.transcript.messages and self.transcript.messages[-1] is question:
            self.transcript.messages.pop()
        if self.shared is not None and outcome:
            self.shared.set_outcome(question, outcome)
            self.save()
