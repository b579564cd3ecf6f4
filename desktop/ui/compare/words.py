"""The words of a comparison: how far a model is, its figures, and where two answers part."""

from __future__ import annotations

from typing import TYPE_CHECKING

from desktop.i18n import translate
from desktop.ui import numbers
from desktop.ui.notices.text import notice_text

if TYPE_CHECKING:
    from desktop.compare.model_run import ModelRunState
    from desktop.compare.parting import Parting, TokenChoice
    from desktop.library.fit import Fit

_LONGEST = 40


def side_name(side: str) -> str:
    """The name of a column."""
    return translate("Compare", "Left model") if side == "left" else translate("Compare", "Right model")


def state(run: ModelRunState) -> str:
    """The line below an answer: how far the model is, what went wrong, or the figures."""
    if run.status == "failed" and run.problem is not None:
        return notice_text(run.problem).in_one_line
    if run.status in ("done", "stopped"):
        return figures(run)
    percent = f"{round(100 * run.fraction)} %"
    return {
        "waiting": translate("Compare", "Waits until the other has ended"),
        "loading": translate("Compare", "The model is being loaded … {percent}").format(percent=percent),
        "reading": translate("Compare", "Reads the question … {percent}").format(percent=percent),
        "answering": translate("Compare", "Answers …") if run.text else translate("Compare", "Thinks …"),
    }[run.status]


def figures(run: ModelRunState) -> str:
    """Tokens, speed, time to the first token, and how the answer ended."""
    parts = [_ending(run)]
    stats = run.stats
    if stats is not None:
        parts.append(_tokens(stats.completion_tokens))
        if stats.tokens_per_s:
            speed = numbers.decimal(stats.tokens_per_s)
            parts.append(translate("Compare", "{speed} tokens/s").format(speed=speed))
        if stats.ttft_s is not None:
            seconds = numbers.decimal(stats.ttft_s)
            parts.append(translate("Compare", "first word after {seconds} s").format(seconds=seconds))
    if run.thinking and run.thinking_seconds is not None:
        seconds = numbers.decimal(run.thinking_seconds)
        parts.append(translate("Compare", "thought for {seconds} s").format(seconds=seconds))
    return " · ".join(part for part in parts if part)


def _tokens(number: int) -> str:
    return numbers.counted(number, translate("Compare", "1 token"), translate("Compare", "{n} tokens"))


def _ending(run: ModelRunState) -> str:
    if run.status == "stopped":
        return translate("Compare", "Stopped")
    if run.reason in ("length", "context_full"):
        return translate("Compare", "Cut off at the limit")
    return ""


def fit(pair: Fit) -> str:
    """Whether both models fit into the memory at once."""
    facts = {"memory": numbers.size(pair.memory), "free": numbers.size(pair.memory_free)}
    text = {
        "fits": translate("Compare", "Both fit at once: they need {memory} of memory, and {free} are free."),
        "tight": translate("Compare", "Both at once are tight: they need {memory} of memory, and {free} are free."),
        "too_big": translate(
            "Compare",
            "They do not fit at once: they need {memory} of memory, and {free} are free. One answers after the other,"
            " with the same result.",
        ),
    }[pair.verdict]
    return text.format(**facts)


def count(n_differences: int) -> str:
    """How many places differ."""
    if not n_differences:
        return translate("Compare", "No word differs.")
    return numbers.counted(
        n_differences,
        translate("Compare", "One place differs; its words are underlined."),
        translate("Compare", "{n} places differ; their words are underlined."),
    )


def parting(where: Parting) -> str:
    """Where two answers part first, and how sure each model was of its word."""
    text = translate("Compare", "They part after {tokens}: {left} on the left, {right} on the right.")
    return text.format(tokens=_tokens(where.n_same), left=_choice(where.left), right=_choice(where.right))


def _choice(choice: TokenChoice | None) -> str:
    if choice is None:
        return translate("Compare", "the end")
    word = translate("Compare", "“{word}”").format(word=_shown(choice.text))
    if choice.probability is None:
        return word
    own = _percent(choice.probability)
    if choice.other_probability is None:
        return translate("Compare", "{word} ({percent} sure)").format(word=word, percent=own)
    other = _percent(choice.other_probability)
    text = translate("Compare", "{word} ({percent} sure, {other} for the other)")
    return text.format(word=word, percent=own, other=other)


def messages_before(number: int) -> str:
    """How many messages of the chat go ahead of the question."""
    one, many = translate("Compare", "after 1 message"), translate("Compare", "after {n} messages")
    return numbers.counted(number, one, many)


def difference(left: str, right: str) -> str:
    """What is announced of a place that differs."""
    nothing = translate("Compare", "nothing")
    text = translate("Compare", "Differs: on the left {left}, on the right {right}.")
    return text.format(left=_shown(left) or nothing, right=_shown(right) or nothing)


def _shown(text: str) -> str:
    text = " ".join(text.split()) or ("⏎" if "\n" in text else "␣" if text else "")
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _percent(share: float) -> str:
    return f"{max(1, round(100 * share))} %"
