"""Regular expressions of JSON schemas as rules of a grammar, over texts as JSON writes them.

Known are characters, `.`, classes, groups, `|`, the quantifiers, and `^` and `$` at the ends. What looks around
(`(?=`, `\\b`) or back (`\\1`) is not.
"""

from __future__ import annotations

from collections.abc import Sequence

_MOST_REPEATED = 1000
_DIGIT = ((48, 57),)
_WORD = ((48, 57), (65, 90), (95, 95), (97, 122))
_SPACE = ((9, 13), (32, 32), (160, 160))
_CLASSES = {"d": _DIGIT, "w": _WORD, "s": _SPACE}
_CONTROLS = {"n": 10, "r": 13, "t": 9, "f": 12, "v": 11, "0": 0}
_SHORT = {10: "n", 13: "r", 9: "t", 12: "f", 8: "b"}
_QUOTE, _BACKSLASH, _FIRST_PRINTABLE, _LAST = 34, 92, 32, 0x10FFFF
_SURROGATES = (0xD800, 0xDFFF)
_LINE_ENDS = ((10, 10), (13, 13), (0x2028, 0x2029))
Ranges = Sequence[tuple[int, int]]


def pattern_rule(pattern: str) -> str:
    """GBNF of the JSON texts whose value has `pattern` in it. Raises ValueError with the end of a sentence."""
    parser = _Parser(pattern)
    try:
        body = parser.alternatives(top=True)
    except RecursionError:
        raise ValueError("has a pattern with too many groups within each other") from None
    if parser.rest:
        raise ValueError(f"has a pattern with an unexpected {parser.rest[0]!r}")
    return f'"\\"" ({body}) "\\""'


class _Parser:
    """Reads a pattern from its beginning.

    Attributes:
        rest: what is left.
        may_be_empty: whether what was read last may be no text at all. To repeat that is refused: llama.cpp follows
            every way in which a text can be read, and of these there would be exponentially many.
    """

    def __init__(self, pattern: str) -> None:
        self.rest = pattern
        self.may_be_empty = False

    def alternatives(self, *, top: bool = False) -> str:
        """As far as the end of the group."""
        parts = [self._sequence(top=top)]
        some_empty = self.may_be_empty
        while self._takes("|"):
            parts.append(self._sequence(top=top))
            some_empty = some_empty or self.may_be_empty
        self.may_be_empty = some_empty
        return " | ".join(parts)

    def _sequence(self, *, top: bool) -> str:
        parts = [] if not top or self._takes("^") else ["char*"]
        ends, all_empty = False, True
        while self.rest and self.rest[0] not in "|)":
            if top and self._takes("$"):
                ends = True
                break
            parts.append(self._repeated(self._atom()))
            all_empty = all_empty and self.may_be_empty
        self.may_be_empty = all_empty
        if top and not ends:
            parts.append("char*")
        return " ".join(parts) or '""'

    def _atom(self) -> str:
        sign, self.rest = self.rest[0], self.rest[1:]
        self.may_be_empty = False
        match sign:
            case "(":
                if self.rest.startswith("?") and not self._takes("?:"):
                    raise ValueError("has a pattern that looks around, which an answer cannot be held to here")
                inner = self.alternatives()
                if not self._takes(")"):
                    raise ValueError("has a pattern with a group that is not closed")
                return f"({inner})"
            case "[":
                return _characters(self._class())
            case ".":
                return _characters(_others(_LINE_ENDS))
            case "\\":
                return _characters(self._escaped())
            case "*" | "+" | "?" | "^" | "$" | "{":
                raise ValueError(f"has a pattern with an unexpected {sign!r}")
        return _characters([(ord(sign), ord(sign))])

    def _repeated(self, atom: str) -> str:
        for sign in "*+?":
            if self._takes(sign):
                self._takes("?")  # as few as possible is as many as possible, where the whole text has to fit
                self._check_repeated(least=int(sign == "+"), most=1 if sign == "?" else _MOST_REPEATED)
                return atom + sign
        if not self._takes("{"):
            return atom
        inside, closed, self.rest = self.rest.partition("}")
        low, comma, high = inside.partition(",")
        if not closed or not low.isdecimal() or (high and not high.isdecimal()):
            raise ValueError("has a pattern with a repetition that is none")
        least = int(low)
        most = int(high) if high else _MOST_REPEATED if comma else least
        if max(least, most) > _MOST_REPEATED:
            raise ValueError(f"has a pattern with more than {_MOST_REPEATED:,} repetitions")
        self._takes("?")
        self._check_repeated(least=least, most=most)
        return f"{atom}{{{low}{comma}{high}}}"

    def _check_repeated(self, *, least: int, most: int) -> None:
        if self.may_be_empty and most > 1:
            raise ValueError("has a pattern that repeats what may be empty")
        self.may_be_empty = self.may_be_empty or least == 0

    def _class(self) -> Ranges:
        negated = self._takes("^")
        ranges: list[tuple[int, int]] = []
        first = True
        while first or not self.rest.startswith("]"):
            if not self.rest:
                raise ValueError("has a pattern with a class that is not closed")
            first = False
            start = self._class_item()
            is_range = len(start) == 1 and self.rest[:1] == "-" and self.rest[1:2] not in ("]", "")
            if is_range:
                self.rest = self.rest[1:]
                end = self._class_item()
                if len(end) != 1 or end[0][1] < start[0][0]:
                    raise ValueError("has a pattern with a range that is none")
                start = [(start[0][0], end[0][1])]
            ranges += start
        self.rest = self.rest[1:]
        return _others(ranges) if negated else ranges

    def _class_item(self) -> Ranges:
        sign, self.rest = self.rest[0], self.rest[1:]
        return self._escaped() if sign == "\\" else [(ord(sign), ord(sign))]

    def _escaped(self) -> Ranges:
        if not self.rest:
            raise ValueError("has a pattern that ends with a backslash")
        sign, self.rest = self.rest[0], self.rest[1:]
        if sign.lower() in _CLASSES:
            return _CLASSES[sign] if sign.islower() else _others(_CLASSES[sign.lower()])
        for letter, n_digits in (("u", 4), ("x", 2)):
            if sign == letter:
                digits, self.rest = self.rest[:n_digits], self.rest[n_digits:]
                if len(digits) < n_digits or any(digit not in "0123456789abcdefABCDEF" for digit in digits):
                    raise ValueError("has a pattern with a character that is none")
                return [(int(digits, 16), int(digits, 16))]
        if sign in _CONTROLS:
            return [(_CONTROLS[sign], _CONTROLS[sign])]
        if sign.isalnum():
            raise ValueError(f"has a pattern with \\{sign}, which an answer cannot be held to here")
        return [(ord(sign), ord(sign))]

    def _takes(self, text: str) -> bool:
        if not self.rest.startswith(text):
            return False
        self.rest = self.rest[len(text) :]
        return True


def _others(ranges: Ranges) -> Ranges:
    """Every character that is in none of `ranges`."""
    gaps, start = [], 0
    for first, last in sorted(ranges):
        if first > start:
            gaps.append((start, first - 1))
        start = max(start, last + 1)
    return [*gaps, (start, _LAST)] if start <= _LAST else gaps


def _characters(ranges: Ranges) -> str:
    """One of these characters, as it stands in a JSON text: some only behind a backslash."""
    plain: list[tuple[int, int]] = []
    escaped: list[str] = []
    for first, last in ranges:
        codes = (*range(first, min(last + 1, _FIRST_PRINTABLE)), _QUOTE, _BACKSLASH)
        escaped += [_escape_of(code) for code in codes if first <= code <= last]
        plain += _without(first, last)
    parts = [f"[{''.join(f'{_code(a)}-{_code(b)}' if a < b else _code(a) for a, b in plain)}]"] if plain else []
    parts += dict.fromkeys(escaped)
    if not parts:
        raise ValueError("has a pattern with a class of no characters")
    return parts[0] if len(parts) == 1 else f"({' | '.join(parts)})"


def _without(first: int, last: int) -> Ranges:
    """The characters from `first` to `last` that stand for themselves in JSON."""
    excluded = ((0, _FIRST_PRINTABLE - 1), (_QUOTE, _QUOTE), (_BACKSLASH, _BACKSLASH), (127, 127), _SURROGATES)
    pairs = ((max(first, a), min(last, b)) for a, b in _others(excluded))
    return [(a, b) for a, b in pairs if a <= b]


def _escape_of(code: int) -> str:
    if code in (_QUOTE, _BACKSLASH):
        return f'"\\\\" [\\x{code:02X}]'
    return f'"\\\\{_SHORT[code]}"' if code in _SHORT else f'"\\\\u{code:04x}"'


def _code(code: int) -> str:
    if code < 0x100:
        return f"\\x{code:02X}"
    return f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"
