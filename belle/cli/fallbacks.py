"""Tells, in the terminal, which settings a model could not be loaded with, and what was taken instead."""

from __future__ import annotations

from belle.cli.messages import say
from belle.cli.terminal import Terminal
from belle.engine.process.events import Fallback, ModelInfo


def note_fallbacks(terminal: Terminal, info: ModelInfo) -> None:
    """A line for each of them."""
    for fallback in info.fallbacks:
        option = "--" + fallback.setting.removeprefix("n_").replace("_", "-")
        taken = {"option": option, "asked": fallback.asked, "taken": fallback.taken}
        terminal.note(say("fallback", reason=_reason(fallback), **taken))


def _reason(fallback: Fallback) -> str:
    # What llama.cpp itself said has no translation.
    return fallback.message if fallback.reason == "refused" else say(f"fallback_{fallback.reason}")
