"""The texts of banners: for every kind of notice a title, a sentence or two, and the labels of its buttons.

`details["message"]` has the English sentence of the error; the texts here say the same in the language of the window. A
kind without a text here, or without a value that its text needs, shows the English sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from desktop.i18n import translate
from desktop.ui import numbers
from desktop.ui.foreign_text import shortened
from desktop.ui.import_summary import import_summary
from desktop.ui.notices.answers import answer_texts
from desktop.ui.notices.dictation import dictation_texts
from desktop.ui.notices.fallbacks import fallback_texts
from desktop.ui.notices.files import file_texts
from desktop.ui.notices.models import model_texts
from desktop.ui.notices.program import program_texts
from desktop.ui.notices.store import store_texts
from desktop.ui.notices.voice import voice_texts

if TYPE_CHECKING:
    from desktop.chat.state import Notice

_SAME_FOR_ATTACHMENTS = {  # and pictures
    "attach_empty_document": "attach_no_text",
    "attach_too_much_text": "attach_too_large",
    "attach_too_many_pages": "attach_too_large",
    "attach_no_permission": "no_permission",
    "attach_document_hangs": "attach_damaged_document",
    "attach_reader_died": "attach_damaged_document",
    "picture_reader_died": "picture_damaged",
}
_BYTES = ("needed", "available", "size", "size_bytes", "free", "expected", "actual", "required", "total")
_NAMES = ("file", "title", "name")
_TOKENS = ("prompt_tokens", "n_ctx", "n_ctx_train", "n_tokens")


@dataclass(frozen=True, slots=True)
class NoticeText:
    """What a banner shows. `actions` are (id, label); `details` has the exact messages, shown on request."""

    title: str
    text: str
    actions: tuple[tuple[str, str], ...] = ()
    details: str = ""

    @property
    def in_one_line(self) -> str:
        """Title and text as sentences."""
        if not self.text:
            return self.title
        return translate("Notice", "{title}. {text}").format(title=self.title, text=self.text)


def notice_text(notice: Notice) -> NoticeText:
    """The text of a notice in the present language."""
    facts = _facts(notice.details)
    kind = notice.kind
    if notice.is_of_store and f"store_{kind}" in sentences():
        kind = f"store_{kind}"
    if kind == "prompt_too_long" and "too_large" in facts:
        kind = f"too_large_{facts['too_large']}"
    if kind == "not_installed" and "package" in facts:
        kind = "starter_not_installed"  # a Python package, not a download
    if kind == "project_deleted" and notice.details.get("n_conversations"):
        kind = "project_deleted_with_chats"
    if kind == "imported":
        facts["summary"] = import_summary(notice.details)
    if kind == "fallback":
        kind = f"fallback_{facts['reason']}"
    kind = _SAME_FOR_ATTACHMENTS.get(kind, kind)
    message = str(notice.details.get("message", ""))
    title, text = sentences().get(kind, ("", ""))
    try:
        title, text = title.format_map(facts), text.format_map(facts)
    except KeyError:
        text = message  # a value is missing
        title = "" if "{" in title else title
    if kind in ("engine_restarted", "engine_gave_up"):
        cause = _cause(str(notice.details.get("cause", "")))
        text = translate("Notice", "{cause} {text}").format(cause=cause, text=text) if cause else text
    if not title:
        title = translate("Notice", "Something went wrong")
    text = text or message
    parts = [str(notice.details.get(name, "")).strip() for name in ("message", "advice", "reason", "log")]
    details = "\n".join(part for part in parts if part and part != text)
    return NoticeText(title, text, tuple((a, action_label(a)) for a in notice.actions), details)


def action_label(action: str) -> str:
    """The label of a banner's button."""
    return {
        "undo": translate("Notice", "Bring it back"),
        "drop_oldest": translate("Notice", "Forget the oldest"),
        "cut_middle": translate("Notice", "Forget the middle"),
        "summarise": translate("Notice", "Summarise and go on"),
        "unpin_all": translate("Notice", "Unpin the messages"),
        "edit_summary": translate("Notice", "Shorten the summary"),
        "edit_system_prompt": translate("Notice", "Shorten the system prompt"),
        "larger_context": translate("Notice", "Give it more room"),
        "smaller_context": translate("Notice", "Try with less context"),
        "edit_question": translate("Notice", "Edit question"),
        "new_chat": translate("Notice", "New chat"),
        "restart_engine": translate("Notice", "Start again"),
        "choose_model": translate("Notice", "Choose a model"),
        "choose_template": translate("Notice", "Choose a template"),
        "get_belle": translate("Notice", "Get BELLE-7B"),
        "get_speech_model": translate("Notice", "Choose a model"),
        "retry": translate("Notice", "Try again"),
        "open_imported": translate("Notice", "Show the newest"),
        "show_crashes": translate("Notice", "Show"),
        "delete_crashes": translate("Notice", "Delete"),
    }.get(action, action.replace("_", " ").capitalize())


def _cause(kind: str) -> str:
    return {
        "out_of_memory": translate("Notice", "The memory ran out."),
        "killed": translate("Notice", "The system or another program ended the model."),
        "killed_low_memory": translate(
            "Notice", "The system or another program ended the model when little memory was free."
        ),
        "terminated": translate("Notice", "The system or another program asked the model to end."),
        "unresponsive": translate("Notice", "The model did not stop when asked to, and was ended."),
        "backend_crash": translate("Notice", "The part that computes the answer crashed."),
        "worker_bug": translate("Notice", "The part that computes the answer stopped by a fault of ours."),
    }.get(kind, "")


def _facts(details: Mapping[str, Any]) -> dict[str, str]:
    facts: dict[str, str] = {}
    for name, value in details.items():
        if name in _BYTES and isinstance(value, (int, float)):
            facts[name] = numbers.size(value)
        elif name in _TOKENS and isinstance(value, int):
            facts[name] = numbers.count(value)
        else:
            facts[name] = str(value)
    path = details.get("path") or details.get("file")
    if path:
        facts["file"] = PurePath(str(path)).name
    for name in facts.keys() & set(_NAMES):
        facts[name] = shortened(facts[name])
    return facts


def sentences() -> dict[str, tuple[str, str]]:
    """Title and sentence by kind, with the names of facts in braces."""
    fallbacks = {f"fallback_{reason}": texts for reason, texts in fallback_texts().items()}
    return {
        **model_texts(),
        **answer_texts(),
        **store_texts(),
        **file_texts(),
        **program_texts(),
        **voice_texts(),
        **dictation_texts(),
        **fallbacks,
    }
