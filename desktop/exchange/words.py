"""The words of exported pages, in one language: whoever exports hands over those of the window."""

from __future__ import annotations

import time
from dataclasses import dataclass

from desktop.documents.cited import CitedPassage, stored_sources
from desktop.store import ConversationTree, TreeMessage
from desktop.store.records import StoredPicture


@dataclass(frozen=True, slots=True)
class ExportWords:
    """What stands in a page besides what was said. `thoughts_for` holds `{seconds}`."""

    language: str = "en"
    untitled: str = "Untitled chat"
    you: str = "You"
    model: str = "Model"
    system_prompt: str = "System prompt"
    thoughts: str = "Thoughts"
    thoughts_for: str = "Thoughts ({seconds} s)"
    cut_off: str = "cut off"
    attached: str = "Attached: {names}"
    text_of: str = "Text in {name}"
    passages: str = "From these passages"
    page: str = "page {number}"
    line: str = "line {number}"
    exported_by: str = "Exported by ChatBELLE"
    chats: str = "Chats"

    def title(self, tree: ConversationTree) -> str:
        """The title of a conversation in one line."""
        return " ".join(tree.title.split()) or self.untitled

    def speaker(self, message: TreeMessage) -> str:
        """Who says a message: the person, or the model by its name."""
        if message.role == "user":
            return self.you
        return model_name(message.model) or self.model

    def attachments(self, message: TreeMessage) -> str:
        """The names of the files that went along with a message; empty for none."""
        names = ", ".join(file.name for file in message.attachments)
        return self.attached.format(names=names) if names else ""

    def picture_text(self, picture: StoredPicture) -> str:
        """What stands above the text that was read in a picture."""
        return self.text_of.format(name=picture.name)

    def sources(self, message: TreeMessage) -> list[str]:
        """The places of the passages of documents that an answer was made from, each after its number."""
        _, sources = stored_sources(message.stats) or ("", [])
        return [f"[{source.number}] {self._place(source)}" for source in sources]

    def _place(self, source: CitedPassage) -> str:
        place = ""
        if source.page is not None:
            place = self.page.format(number=source.page)
        elif source.line is not None:
            place = self.line.format(number=source.line)
        return " · ".join(filter(None, (source.path, place, source.heading)))

    def thoughts_title(self, message: TreeMessage) -> str:
        """What the fold over a thought says."""
        if message.thinking_seconds is None:
            return self.thoughts
        return self.thoughts_for.format(seconds=f"{message.thinking_seconds:.0f}")


def model_name(model: str) -> str:
    """A model as one reads it: of a path the file's name without its ending."""
    return model.replace("\\", "/").rpartition("/")[2].removesuffix(".gguf")


def moment(seconds: float) -> str:
    """A time of the local clock, `2026-11-30 16:20`; empty where none is known."""
    if seconds <= 0:
        return ""
    try:
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
    except (OverflowError, ValueError, OSError):
        return ""


def facts(tree: ConversationTree) -> str:
    """Model and dates of a conversation in one line."""
    began, ended = moment(tree.created_at), moment(tree.updated_at)
    dates = began if ended in ("", began) else f"{began} – {ended}"
    return " · ".join(filter(None, (model_name(tree.model), dates)))


def is_cut_off(message: TreeMessage) -> bool:
    """Whether an answer ended before its end."""
    return message.role == "assistant" and message.status in ("stopped", "interrupted", "error", "length")
