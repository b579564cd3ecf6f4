"""The calculator: arithmetic on fractions, so that every result is exact, or is said to be rounded.

An expression is parsed by recursive descent, never evaluated as Python:

    sum     = product (("+" | "-") product)*
    product = sign (("*" | "/" | "mod") sign)*
    sign    = ("+" | "-") sign | power
    power   = postfix ("^" sign)?
    postfix = primary ("%" | "!" | "万" | "亿")*
    primary = NUMBER | "(" sum ")" | ("sqrt" | "abs" | "floor" | "ceil" | "round") "(" sum ")"

`%` is a hundredth. Full-width digits and signs, ×, ÷ and commas between thousands are read, too.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable
from decimal import Context, Decimal
from fractions import Fraction

from belle.dialogue.tools.tool import Tool, ToolError

_LONGEST = 300
"""Characters of an expression."""
_DEEPEST = 40
_MOST_BITS = 8_000
"""Of a numerator or denominator: about 2,400 digits, fewer than Python refuses to write."""
_MOST_DIGITS = 60
"""That are written out; longer numbers are rounded."""
_LARGEST_FACTORIAL = 500
_ROUNDED = Context(prec=15)
_ROOTS = Context(prec=50)

_SIGNS = str.maketrans({"×": "*", "·": "*", "÷": "/", "−": "-", "–": "-"})
_THOUSANDS = re.compile(r"(?<![\d.])\d{1,3}(?:,\d{3})+(?![\d,])")
_TOKEN = re.compile(r"\s*(?:(\d+(?:\.\d*)?|\.\d+)|(\*\*|[-+*/^()%!万亿])|([a-z]+))")
_ROOT = "sqrt"
_UNITS = {"%": Fraction(1, 100), "万": Fraction(10**4), "亿": Fraction(10**8)}
_FUNCTIONS: dict[str, Callable[[Fraction], Fraction | int]] = {
    "abs": abs,
    "floor": math.floor,
    "ceil": math.ceil,
    "round": lambda value: math.floor(value + Fraction(1, 2)),  # halves up, as at school
}


def calculate(expression: str) -> str:
    """The value of an expression: a whole number, a decimal, or a fraction with its decimal; “≈” marks a rounded one.

    Raises ToolError.
    """
    text = unicodedata.normalize("NFKC", expression).translate(_SIGNS).casefold().strip("=? ")
    if len(text) > _LONGEST:
        raise ToolError(f"The expression is longer than {_LONGEST} characters.")
    parser = _Parser(_THOUSANDS.sub(lambda match: match[0].replace(",", ""), text))
    value = parser.value()
    return _written(value, is_rounded=parser.is_rounded)


class _Parser:
    """Reads one expression. `is_rounded` where a root was not exact."""

    def __init__(self, text: str) -> None:
        self.is_rounded = False
        self._tokens = _tokens(text)
        self._at = 0
        self._depth = 0

    def value(self) -> Fraction:
        """The value of the whole text."""
        if not self._tokens:
            raise ToolError("There is nothing to calculate. Write an expression such as 12*(3+4).")
        value = self._sum()
        if self._at < len(self._tokens):
            raise ToolError(f"“{self._tokens[self._at]}” is not expected here. Write an expression such as 12*(3+4).")
        return value

    def _sum(self) -> Fraction:
        value = self._product()
        while (sign := self._take("+", "-")) is not None:
            other = self._product()
            value = _bounded(value + other if sign == "+" else value - other)
        return value

    def _product(self) -> Fraction:
        value = self._sign()
        while (sign := self._take("*", "/", "mod")) is not None:
            other = self._sign()
            if sign != "*" and other == 0:
                raise ToolError("Division by zero.")
            value = _bounded(value * other if sign == "*" else value / other if sign == "/" else value % other)
        return value

    def _sign(self) -> Fraction:
        sign = self._take("+", "-")
        if sign is None:
            return self._power()
        self._enter()
        value = self._sign()
        self._depth -= 1
        return value if sign == "+" else -value

    def _power(self) -> Fraction:
        base = self._postfix()
        if self._take("^", "**") is None:
            return base
        self._enter()
        exponent = self._sign()  # from the right: 2^3^2 is 2^9
        self._depth -= 1
        return _power(base, exponent)

    def _postfix(self) -> Fraction:
        value = self._primary()
        while (sign := self._take("%", "!", "万", "亿")) is not None:
            value = _factorial(value) if sign == "!" else _bounded(value * _UNITS[sign])
        return value

    def _primary(self) -> Fraction:
        if self._take("(") is not None:
            return self._bracketed()
        token = self._next()
        if token[0].isdigit() or token[0] == ".":
            return _bounded(Fraction(token))
        if token in _FUNCTIONS or token == _ROOT:
            if self._take("(") is None:
                raise ToolError(f"{token} needs brackets, such as {token}(16).")
            value = self._bracketed()
            return self._root(value) if token == _ROOT else Fraction(_FUNCTIONS[token](value))
        raise ToolError(f"“{token}” is not a number. The calculator knows + - * / ^ % ! mod, brackets, sqrt and abs.")

    def _bracketed(self) -> Fraction:
        self._enter()
        value = self._sum()
        self._depth -= 1
        if self._take(")") is None:
            raise ToolError("A bracket is not closed.")
        return value

    def _root(self, value: Fraction) -> Fraction:
        if value < 0:
            raise ToolError("A negative number has no real square root.")
        root = Fraction(math.isqrt(value.numerator), math.isqrt(value.denominator))
        if root * root == value:
            return root
        self.is_rounded = True
        quotient = _ROOTS.divide(Decimal(value.numerator), Decimal(value.denominator))
        return Fraction(_ROOTS.sqrt(quotient))

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ToolError(f"The expression is nested more than {_DEEPEST} deep.")

    def _take(self, *signs: str) -> str | None:
        if self._at < len(self._tokens) and self._tokens[self._at] in signs:
            self._at += 1
            return self._tokens[self._at - 1]
        return None

    def _next(self) -> str:
        if self._at == len(self._tokens):
            raise ToolError("The expression ends too early.")
        self._at += 1
        return self._tokens[self._at - 1]


def _tokens(text: str) -> list[str]:
    tokens, at = [], 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ToolError(f"“{text[at:].strip()[:20]}” cannot be read. Write numbers and signs, such as 12*(3+4).")
        tokens.append(match[0].strip())
        at = match.end()
    return tokens


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    if exponent.denominator != 1:
        raise ToolError("An exponent has to be a whole number; for a square root write sqrt(2).")
    if base == 0 and exponent < 0:
        raise ToolError("Division by zero.")
    # Before it is computed: 9^9^9 would fill the memory.
    bits = max(base.numerator.bit_length(), base.denominator.bit_length())
    if abs(base) not in (0, 1) and (bits - 1) * abs(exponent) > _MOST_BITS:
        raise ToolError("The result is too large.")
    return _bounded(Fraction(base ** int(exponent) if abs(base) != 1 else base ** int(exponent % 2)))


def _factorial(value: Fraction) -> Fraction:
    if value.denominator != 1 or not 0 <= value <= _LARGEST_FACTORIAL:
        raise ToolError(f"n! is calculated for whole numbers from 0 to {_LARGEST_FACTORIAL}.")
    return Fraction(math.factorial(int(value)))


def _bounded(value: Fraction) -> Fraction:
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > _MOST_BITS:
        raise ToolError("The result is too large.")
    return value


def _written(value: Fraction, *, is_rounded: bool) -> str:
    decimal = _ROUNDED.divide(Decimal(value.numerator), Decimal(value.denominator))
    if is_rounded:
        return f"≈ {_plain(decimal)}"
    exact = _exact_decimal(value)
    if exact is not None and len(exact) <= _MOST_DIGITS:
        return exact
    fraction = f"{value.numerator}/{value.denominator}"
    return f"{fraction} ≈ {_plain(decimal)}" if exact is None and len(fraction) <= _MOST_DIGITS else f"≈ {decimal:e}"


def _exact_decimal(value: Fraction) -> str | None:
    """`value` in digits; None where they do not end: only 2ⁿ and 5ⁿ divide a power of ten."""
    rest, places = value.denominator, 0
    while rest % 10 == 0:
        rest, places = rest // 10, places + 1
    for prime in (2, 5):
        while rest % prime == 0:
            rest, places = rest // prime, places + 1
    if rest != 1:
        return None
    digits = f"{abs(value.numerator) * 10**places // value.denominator:0{places + 1}d}"
    sign = "-" if value < 0 else ""
    return sign + (f"{digits[:-places]}.{digits[-places:]}".rstrip("0").rstrip(".") if places else digits)


def _plain(decimal: Decimal) -> str:
    return f"{decimal:f}" if -20 < decimal.adjusted() < 30 else f"{decimal:e}"


CALCULATOR = Tool(
    "calculator",
    {"en": "exact arithmetic, such as 12*(3+4)/5 or 15%*80", "zh": "精确计算，例如 12*(3+4)/5 或 15%*80"},
    calculate,
)
