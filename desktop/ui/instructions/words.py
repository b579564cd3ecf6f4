"""The words for where a setting of a conversation comes from, and for sampling values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from desktop.i18n import translate
from desktop.ui.foreign_text import shortened
from desktop.ui.sidebar.rows import shown_name

if TYPE_CHECKING:
    from desktop.store.records import SamplingChoice, StoredProject

_MOST = 400
"""Characters of a system prompt that a dialog quotes."""


def from_project(project: StoredProject | None) -> str:
    """`from the project “Thesis”`; empty without a project."""
    if project is None:
        return ""
    return translate("Projects", "from the project “{name}”").format(name=shortened(shown_name(project)))


def _quoted_prompt(project: StoredProject | None) -> str:
    """A line that quotes the system prompt of a project, for a conversation without its own; empty without one."""
    prompt = "" if project is None else " ".join(project.settings.system_prompt.split())
    if project is None or not prompt:
        return ""
    shown = prompt if len(prompt) <= _MOST else f"{prompt[:_MOST]}…"
    return translate("Projects", "If this is empty, that of the project “{name}” is used: {prompt}").format(
        name=shortened(shown_name(project)), prompt=shown
    )


def project_note(project: StoredProject | None) -> str:
    """What a conversation has from its project where it has no system prompt and no sampling values of its own."""
    sampling = sampling_line(project.settings.sampling) if project is not None else ""
    from_there = translate("Projects", "{sampling}, {source}").format(sampling=sampling, source=from_project(project))
    return "\n".join(filter(None, (_quoted_prompt(project), from_there if sampling else "")))


def sampling_name(name: str) -> str:
    """What a sampling value is called."""
    return {
        "temperature": translate("Personas", "Temperature"),
        "top_p": "Top-p",
        "top_k": "Top-k",
        "min_p": "Min-p",
        "repeat_penalty": translate("Personas", "Repeat penalty"),
    }[name]


def sampling_line(sampling: SamplingChoice) -> str:
    """`Answers with: Temperature 0.3, Top-p 0.9`; empty where the persona has no values of its own."""
    if not sampling:
        return ""
    values = ", ".join(f"{sampling_name(name)} {value:g}" for name, value in sampling.items())
    return translate("Personas", "Answers with: {values}").format(values=values)
