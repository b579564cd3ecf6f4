"""All texts of the transcript. They are functions, called when a text is shown, because the language can change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from desktop.i18n import translate
from desktop.ui import numbers


def speaker(role: str) -> str:
    """Who a message is from, for screen readers."""
    return translate("Transcript", "You") if role == "user" else translate("Transcript", "Answer")


def transcript_name() -> str:
    """The name of the transcript, for screen readers."""
    return translate("Transcript", "Conversation")


def messages() -> str:
    """The name of the list of messages, for screen readers."""
    return translate("Transcript", "Messages")


def note(status: str, stats: Mapping[str, Any]) -> str:
    """The note under an unfinished answer; empty for a finished one."""
    if stats.get("ended_by") == "context_full":
        return translate("Transcript", "The context is full; the answer ends here.")
    match status:
        case "stopped":
            return translate("Transcript", "Stopped here.")
        case "interrupted":
            return translate("Transcript", "Interrupted here; nothing written was lost.")
        case "length":
            return translate("Transcript", "The answer reached its length limit.")
        case "error":
            return translate("Transcript", "The answer broke off.")
    return ""


def no_answer(status: str) -> str:
    """The note under a question that has no answer."""
    match status:
        case "stopped":
            return translate("Transcript", "Stopped before the first word.")
        case "interrupted":
            return translate("Transcript", "Interrupted before the first word.")
        case "error":
            return translate("Transcript", "The answer failed before the first word.")
    return translate("Transcript", "Not answered yet.")


def damaged() -> str:
    return translate("Transcript", "A part of this message is damaged on the disk; � stands for what cannot be read.")


def read_aloud(is_read: bool) -> str:
    """The button that reads a message aloud, or stops."""
    return translate("Transcript", "Stop reading") if is_read else translate("Transcript", "Read aloud")


def answer() -> str:
    return translate("Transcript", "Answer")


def wait_for_the_answer() -> str:
    return translate("Transcript", "Available when the current answer is finished")


def continue_answer() -> str:
    return translate("Transcript", "Continue")


def empty_answer() -> str:
    return translate("Transcript", "The model had nothing to say. Try asking in other words.")


def thinking() -> str:
    return translate("Transcript", "Thinking…")


def answer_now() -> str:
    return translate("Transcript", "Answer now")


def thoughts() -> str:
    return translate("Transcript", "Thoughts")


def thought_for(seconds: float) -> str:
    """How long a model thought before its answer."""
    if seconds < 100:
        return translate("Transcript", "Thought for %1 s").replace("%1", str(max(1, round(seconds))))
    text = translate("Transcript", "Thought for %1 min %2 s")
    minutes, rest = divmod(round(seconds), 60)
    return text.replace("%1", str(minutes)).replace("%2", str(rest))


def copy() -> str:
    return translate("Transcript", "Copy")


def copied() -> str:
    return translate("Transcript", "Copied")


def copy_message() -> str:
    return translate("Transcript", "Copy the whole message")


def compare() -> str:
    return translate("Transcript", "Compare with another model…")


def copy_address() -> str:
    return translate("Transcript", "Copy the address")


def select_all() -> str:
    return translate("Transcript", "Select all")


def copy_code(language: str) -> str:
    if language:
        return translate("Transcript", "Copy the code (%1)").replace("%1", language)
    return translate("Transcript", "Copy the code")


def save() -> str:
    return translate("Transcript", "Save…")


def save_code(language: str) -> str:
    if language:
        return translate("Transcript", "Save the code as a file (%1)").replace("%1", language)
    return translate("Transcript", "Save the code as a file")


def scroll_table() -> str:
    return translate("Transcript", "Scroll the table sideways")


def scroll_code() -> str:
    return translate("Transcript", "Scroll the code sideways")


def answer_again() -> str:
    return translate("Transcript", "Answer again")


def edit(role: str) -> str:
    if role == "user":
        return translate("Transcript", "Edit question")
    return translate("Transcript", "Edit answer")


def previous_version() -> str:
    return translate("Transcript", "Previous version")


def next_version() -> str:
    return translate("Transcript", "Next version")


def version(number: int, count: int) -> str:
    """A version's number for screen readers; on the screen it is 2/3."""
    text = translate("Transcript", "Version %1 of %2")
    return text.replace("%1", str(number)).replace("%2", str(count))


def save_and_answer() -> str:
    return translate("Transcript", "Save and answer")


def save_version() -> str:
    return translate("Transcript", "Save as a new version")


def cancel() -> str:
    return translate("Transcript", "Cancel")


def edit_field(role: str) -> str:
    if role == "user":
        return translate("Transcript", "Edit your question")
    return translate("Transcript", "Edit the answer")


def show_all(lines: int) -> str:
    return translate("Transcript", "Show all (%1 lines)").replace("%1", f"{lines:,}")


def show_less() -> str:
    return translate("Transcript", "Show less")


def context_line(kind: str) -> str:
    """The words of a hairline, by `message.context_line.LineKind`."""
    return {
        "above": translate("Transcript", "The model no longer sees what is above"),
        "follows": translate("Transcript", "The model no longer sees what follows"),
        "again": translate("Transcript", "From here on, the model sees everything again"),
        "summary_above": translate("Transcript", "The model knows what is above from a summary"),
        "summary_follows": translate("Transcript", "The model knows what follows from a summary"),
    }.get(kind, "")


def context_line_action(kind: str) -> str:
    """What a click on a hairline does."""
    if kind.startswith("summary"):
        return translate("Transcript", "Read and correct the summary")
    return translate("Transcript", "Choose what happens when the context is full")


def remember() -> str:
    """The menu entry that notes something about the person."""
    return translate("Transcript", "Remember this…")


def pin(pinned: bool) -> str:
    """The button that pins a message, or unpins it."""
    if pinned:
        return translate("Transcript", "Pinned: the model keeps this in mind. Unpin")
    return translate("Transcript", "Pin: the model keeps this in mind")


def pinned_speaker(name: str) -> str:
    """Who a pinned message is from, for screen readers."""
    return translate("Transcript", "%1, pinned").replace("%1", name)


def to_the_end() -> str:
    return translate("Transcript", "Go to the end")


def waiting(reason: str) -> str:
    """What a question waits for, by `desktop.chat.state.Waiting`; empty for other values."""
    return {
        "loading": translate("Transcript", "The model is still loading; your question waits."),
        "model": translate("Transcript", "No model is open; your question waits for one."),
        "template": translate("Transcript", "The model's prompt template is not chosen yet; your question waits."),
        "answer": translate("Transcript", "Another conversation is being answered; your question waits."),
        "summary": translate("Transcript", "The model is writing a summary of what no longer fits…"),
    }.get(reason, "")


def reading(percent: int, seconds_left: float | None) -> str:
    """Progress of the prefill, in percent and seconds."""
    if seconds_left is None:
        return translate("Transcript", "Reading your message… %1 %").replace("%1", str(percent))
    text = translate("Transcript", "Reading your message… %1 % · %2 s")
    return text.replace("%1", str(percent)).replace("%2", str(max(1, round(seconds_left))))


def speed(stats: Mapping[str, Any]) -> str:
    """Tokens per second and seconds to the first token, as far as they were measured."""
    parts = []
    rate, first = stats.get("tokens_per_s"), stats.get("ttft_s")
    if isinstance(rate, int | float):
        parts.append(translate("Transcript", "%1 tok/s").replace("%1", _rate(rate)))
    if isinstance(first, int | float):
        parts.append(translate("Transcript", "%1 s").replace("%1", f"{first:.1f}"))
    return " · ".join(parts)


def speed_explained(stats: Mapping[str, Any], model: str) -> str:
    """The model, and the same numbers in whole words, for the tooltip."""
    lines = [model] if model else []
    count, rate, first = (stats.get(k) for k in ("completion_tokens", "tokens_per_s", "ttft_s"))
    if isinstance(count, int):
        one, many = translate("Transcript", "1 token"), translate("Transcript", "{n} tokens")
        lines.append(numbers.counted(count, one, many))
    if isinstance(rate, int | float):
        lines.append(translate("Transcript", "%1 tokens per second").replace("%1", _rate(rate)))
    if isinstance(first, int | float):
        lines.append(translate("Transcript", "%1 s to the first word").replace("%1", f"{first:.1f}"))
    return "\n".join(lines)


def _rate(value: float) -> str:
    return f"{value:.1f}" if value < 10 else f"{value:.0f}"
