"""What an import of conversations brought, in a few sentences."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from desktop.i18n import current_language, translate
from desktop.ui import numbers
from desktop.ui.foreign_text import shortened


def import_summary(details: Mapping[str, Any]) -> str:
    """The sentences of a notice `imported`: what came in, what was here, what was left out, what could not be read."""
    added, known = int(details.get("n_added", 0)), int(details.get("n_known", 0))
    sentences: list[str] = []
    if added or not (known or details.get("faults")):
        sentences.append(_came_in(added))
    if known:
        sentences.append(_known(known))
    if details.get("stopped"):
        sentences.append(translate("Import", "You stopped it; import the file again for the rest."))
    left_out = [_left_out(kind, number) for kind, number in dict(details.get("left_out", {})).items()]
    if left_out:
        what = ("、" if current_language() == "zh_CN" else ", ").join(left_out)
        sentences.append(translate("Import", "Left out: {what}.").format(what=what))
    sentences += [_fault(fault) for fault in details.get("faults", ())]
    return ("" if current_language() == "zh_CN" else " ").join(sentences)


def _came_in(number: int) -> str:
    if number == 0:
        return translate("Import", "No chat came in.")
    one, many = translate("Import", "One chat came in."), translate("Import", "{n} chats came in.")
    return numbers.counted(number, one, many)


def _known(number: int) -> str:
    one, many = translate("Import", "One was here already."), translate("Import", "{n} were here already.")
    return numbers.counted(number, one, many)


def _left_out(kind: str, number: int) -> str:
    words = {
        "images": translate("Import", "images ({number})"),
        "files": translate("Import", "attached files ({number})"),
        "tools": translate("Import", "calls of tools ({number})"),
        "damaged": translate("Import", "damaged lines ({number})"),
    }.get(kind, translate("Import", "other things ({number})"))
    return words.format(number=numbers.count(number))


def _fault(fault: Mapping[str, Any]) -> str:
    file = shortened(PurePath(str(fault.get("path", ""))).name)
    words = {
        "not_chats": translate(
            "Import",
            "“{file}” holds no chats that can be read here: JSON of ChatBELLE, ChatGPT (also its .zip), LM Studio, Jan "
            "or Open WebUI can.",
        ),
        "chats_damaged": translate(
            "Import", "“{file}” is damaged or not complete; what stands before that place came in. Export it once more."
        ),
        "newer_export": translate("Import", "“{file}” was exported by a newer ChatBELLE; import it with that one."),
        "file_too_large": translate("Import", "“{file}” is too large to be an export of chats."),
        "file_missing": translate("Import", "“{file}” is no longer there."),
        "no_permission": translate("Import", "Your user has no permission to read “{file}”."),
    }.get(str(fault.get("kind")), translate("Import", "“{file}” cannot be read."))
    return words.format(file=file)
