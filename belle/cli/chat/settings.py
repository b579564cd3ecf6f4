"""What `/set` changes: how answers are sampled and ended, what happens when the context is full, thinking."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar, get_args

from belle.engine.process.commands import Overflow, Sampling
from belle.errors import KnownError

POLICIES: Mapping[str, Overflow] = {
    "refuse": "refuse",
    "oldest": "drop_oldest",
    "middle": "cut_middle",
    "summary": "summarise",
}
"""The context policies by the names that people type."""
assert set(POLICIES.values()) == set(get_args(Overflow))

_T = TypeVar("_T")
_THINKING: Mapping[str, bool | None] = {"on": True, "off": False, "auto": None}
_RANGES: Mapping[str, tuple[float, float]] = {
    "temperature": (0, 100),
    "top_k": (0, 1 << 31),
    "top_p": (0, 1),
    "min_p": (0, 1),
    "repeat_penalty": (0.01, 100),
}
CHOICES: Mapping[str, tuple[str, ...]] = {
    "context": tuple(POLICIES),
    "thinking": tuple(_THINKING),
    "seed": ("random",),
    "max_tokens": ("unlimited",),
}
"""The words that a setting may have instead of a number."""
NAMES = (*_RANGES, "seed", "max_tokens", "context", "thinking")


@dataclass(frozen=True, slots=True)
class AnswerSettings:
    """The settings that all answers have in common, as in `belle.engine.process.commands.Generate`."""

    sampling: Sampling = field(default_factory=Sampling)
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    thinking: bool | None = None
    overflow: Overflow = "refuse"


def with_setting(settings: AnswerSettings, name: str, value: str) -> AnswerSettings:
    """`settings` with one of `NAMES` set to `value`. Raises KnownError("usage")."""
    if name in _RANGES:
        return replace(settings, sampling=replace(settings.sampling, **{name: _number(name, value)}))  # type: ignore[arg-type]
    match name:
        case "seed":
            seed = None if value == "random" else _whole(name, value, least=0)
            return replace(settings, sampling=replace(settings.sampling, seed=seed))
        case "max_tokens":
            return replace(settings, max_tokens=None if value == "unlimited" else _whole(name, value, least=1))
        case "context":
            return replace(settings, overflow=_choice(name, value, POLICIES))
        case "thinking":
            return replace(settings, thinking=_choice(name, value, _THINKING))
    raise KnownError("usage", f"There is no setting “{name}”.", f"Choose one of: {', '.join(NAMES)}.")


def current(settings: AnswerSettings) -> dict[str, str]:
    """Every setting as it would be typed."""
    sampling = settings.sampling
    return {
        **{name: f"{getattr(sampling, name):g}" for name in _RANGES},
        "seed": "random" if sampling.seed is None else str(sampling.seed),
        "max_tokens": "unlimited" if settings.max_tokens is None else str(settings.max_tokens),
        "context": next(name for name, policy in POLICIES.items() if policy == settings.overflow),
        "thinking": next(name for name, on in _THINKING.items() if on is settings.thinking),
    }


def _number(name: str, value: str) -> float | int:
    least, most = _RANGES[name]
    if name == "top_k":
        return _whole(name, value, least=0)
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not least <= number <= most:  # also for nan
        raise _wrong(name, value, f"a number from {least:g} to {most:g}")
    return number


def _whole(name: str, value: str, *, least: int) -> int:
    if not (value.isascii() and value.isdecimal() and len(value) < 10 and int(value) >= least):
        words = "".join(f" or “{word}”" for word in CHOICES.get(name, ()))
        raise _wrong(name, value, f"a whole number from {least}{words}")
    return int(value)


def _choice(name: str, value: str, choices: Mapping[str, _T]) -> _T:
    if value not in choices:
        raise _wrong(name, value, f"one of: {', '.join(choices)}")
    return choices[value]


def _wrong(name: str, value: str, allowed: str) -> KnownError:
    return KnownError("usage", f"{name} cannot be “{value}”.", f"It is {allowed}.")
