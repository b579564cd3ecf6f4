"""The calculator against Python's own fractions, and against what people and models write."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belle.dialogue.tools.calculator import calculate
from belle.dialogue.tools.tool import ToolError


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1+2*3", "7"),
        ("（１２＋８）×５÷２ =", "50"),
        ("2^3^2", "512"),
        ("-2^2", "-4"),
        ("2^-2", "0.25"),
        ("2**10", "1024"),
        ("15%*80", "12"),
        ("200 + 15%", "200.15"),
        ("3.5万*2", "70000"),
        ("1亿/4", "25000000"),
        ("1,234,567+1", "1234568"),
        ("17 mod 5", "2"),
        ("sqrt(9/4)", "1.5"),
        ("sqrt(2)", "≈ 1.41421356237310"),
        ("10/3", "10/3 ≈ 3.33333333333333"),
        ("0.1+0.2", "0.3"),
        ("5!", "120"),
        ("abs(-3) + floor(2.9) + ceil(0.1) + round(2.5)", "9"),
        ("9^999", "≈ 1.94207916858072e+953"),
        ("−3", "-3"),
    ],
)
def test_arithmetic_is_exact_or_says_that_it_is_rounded(expression: str, value: str) -> None:
    assert calculate(expression) == value


@pytest.mark.parametrize(
    "expression",
    ["", "=", "1/0", "1 mod 0", "0^-1", "(1", "1)", "1 2", "abc", "2^0.5", "9^9^9", "501!", "0.5!", "sqrt(-1)",
     "sqrt 4", "__import__('os')", "1;2", "(" * 100 + "1", "-" * 299 + "1", "9" * 301, "1+" * 90, "9999!^9999"],
)  # fmt: skip
def test_what_cannot_be_calculated_is_said_and_nothing_else_happens(expression: str) -> None:
    with pytest.raises(ToolError):
        calculate(expression)


_NUMBERS = st.one_of(
    st.integers(0, 10**9).map(str), st.decimals(0, 10**6, places=3, allow_nan=False).map(lambda number: f"{number:f}")
)


@st.composite
def _expressions(draw: st.DrawFn, depth: int = 3) -> tuple[str, Fraction]:
    if depth == 0 or draw(st.booleans()):
        number = draw(_NUMBERS)
        return number, Fraction(number)
    left, first = draw(_expressions(depth=depth - 1))
    right, second = draw(_expressions(depth=depth - 1))
    sign = draw(st.sampled_from("+-*/" if second else "+-*"))
    value = {"+": first + second, "-": first - second, "*": first * second, "/": second and first / second}[sign]
    return f"({left} {sign} {right})", Fraction(value)


@given(_expressions())
def test_it_agrees_with_fractions(case: tuple[str, Fraction]) -> None:
    expression, value = case
    written = calculate(expression)
    if "≈" in written:
        rounded = Fraction(Decimal(written.rpartition("≈ ")[2]))
        assert abs(rounded - value) <= abs(value) * Fraction(1, 10**14)
        assert "/" not in written or Fraction(written.partition(" ")[0]) == value
    else:
        assert Fraction(written) == value


@given(st.text(alphabet="0123456789.+-*/^()%!万亿 sqrtabmod", max_size=40))
def test_any_text_is_calculated_or_refused(text: str) -> None:
    try:
        assert len(calculate(text)) < 200
    except ToolError as error:
        assert str(error)
