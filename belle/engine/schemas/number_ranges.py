"""Numbers between two bounds as rules of a grammar, digit by digit."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping

_MOST_DIGITS = 15
_FRACTION = '("." [0-9]{1,15})?'
_ZEROS = '("." "0"{1,15})?'
_NOT_ZERO = '"." [0-9]{0,14} [1-9]'


def integer_rule(limits: Mapping[str, float]) -> str:
    """GBNF of the whole numbers within `limits` (of JSON schema). Raises ValueError with the end of a sentence."""
    low = _inner(limits, "minimum", "exclusiveMinimum", math.ceil, 1)
    high = _inner(limits, "maximum", "exclusiveMaximum", math.floor, -1)
    return " | ".join(_signed(low, high))


def number_rule(limits: Mapping[str, float]) -> str:
    """GBNF of the numbers within `limits`, which have to be whole. Raises ValueError as above."""
    for key, value in limits.items():
        if value != int(value):
            raise ValueError(f"has a {key} of {value:g}; an answer can be held to whole bounds only")
    low, opens_low = _bound(limits, "minimum", "exclusiveMinimum", max)
    high, opens_high = _bound(limits, "maximum", "exclusiveMaximum", min)
    if low is not None and high is not None and (low > high or (low == high and (opens_low or opens_high))):
        raise ValueError("leaves no number between its bounds")
    parts = []
    if high is None or high > 0 or (high == 0 and not opens_high):
        opens_zero = opens_low and low is not None and low >= 0
        parts += _magnitudes(max(low or 0, 0), high, opens_zero, opens_high)
    if low is None or low < 0:
        least = 0 if high is None else max(-high, 0)
        opens_least = opens_high and high is not None and high <= 0
        negative = _magnitudes(least, None if low is None else -low, opens_least, opens_low)
        parts += [f'"-" ({part})' for part in negative]
    return " | ".join(parts)


def _bound(
    limits: Mapping[str, float], closed: str, opened: str, inner: Callable[..., float]
) -> tuple[int | None, bool]:
    """The bound at one end, and whether it is left out itself."""
    bounds = [limits[key] for key in (closed, opened) if key in limits]
    if not bounds:
        return None, False
    return int(inner(bounds)), opened in limits and limits[opened] == inner(bounds)


def _magnitudes(least: int, most: int | None, opens_low: bool, opens_high: bool) -> list[str]:
    """Numbers without a sign between two bounds, each of which is left out itself where it is open."""
    parts = []
    if opens_low and (most is None or least < most):
        parts.append(f'"{least}" {_NOT_ZERO}')
        least += 1
    if most is None or least < most:
        whole = list(_unsigned(least, None if most is None else most - 1))
        parts.append(f"({' | '.join(whole)}) {_FRACTION}")
    if most is not None and not opens_high and not (opens_low and least > most):
        parts.append(f'"{most}" {_ZEROS}')
    return parts


def _inner(
    limits: Mapping[str, float], closed: str, opened: str, rounded: Callable[[float], int], step: int
) -> int | None:
    """The outermost whole number within a bound that may include it or not."""
    bounds = []
    if closed in limits:
        bounds.append(rounded(limits[closed]))
    if opened in limits:
        value = limits[opened]
        bounds.append(int(value) + step if value == int(value) else rounded(value))
    if not bounds:
        return None
    return max(bounds) if step > 0 else min(bounds)


def _signed(low: int | None, high: int | None) -> Iterator[str]:
    if low is not None and high is not None and low > high:
        raise ValueError("leaves no whole number between its bounds")
    if high is None or high >= 0:
        yield from _unsigned(max(low, 0) if low is not None else 0, high)
    if low is None or low < 0:
        negative = _unsigned(max(-high, 1) if high is not None else 1, None if low is None else -low)
        yield f'"-" ({" | ".join(negative)})'


def _unsigned(low: int, high: int | None) -> Iterator[str]:
    """Whole numbers from `low` ≥ 0 to `high`, as alternatives of equally many digits each."""
    longest = len(str(high)) if high is not None else max(len(str(low)) + 1, 2)
    if longest > _MOST_DIGITS + 1:
        raise ValueError(f"has a bound of more than {_MOST_DIGITS} digits")
    for n_digits in range(len(str(low)), longest + 1):
        least = max(low, 10 ** (n_digits - 1) if n_digits > 1 else 0)
        most = 10**n_digits - 1
        if high is None and n_digits == longest:
            yield f"[1-9] [0-9]{{{n_digits - 1},{_MOST_DIGITS}}}"
        else:
            yield from _same_length(str(least), str(most if high is None else min(most, high)))


def _same_length(low: str, high: str) -> Iterator[str]:
    """The numbers between two of equally many digits."""
    if low == high:
        yield f'"{low}"'
        return
    shared = next(i for i in range(len(low)) if low[i] != high[i])
    prefix = f'"{low[:shared]}" ' if shared else ""
    rest = len(low) - shared - 1
    first, last = int(low[shared]), int(high[shared])
    if rest and int(low[shared + 1 :]) > 0:
        inner = " | ".join(_same_length(low[shared + 1 :], "9" * rest))
        yield f'{prefix}"{first}" ({inner})'
        first += 1
    if rest and int(high[shared + 1 :]) < 10**rest - 1:
        inner = " | ".join(_same_length("0" * rest, high[shared + 1 :]))
        yield f'{prefix}"{last}" ({inner})'
        last -= 1
    if first <= last:
        digits = f" [0-9]{{{rest}}}" if rest else ""
        yield f"{prefix}[{first}-{last}]{digits}"
