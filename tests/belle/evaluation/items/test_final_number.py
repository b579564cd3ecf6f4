"""The number that an answer ends in, however the answer is put."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belle.evaluation.items.final_number import final_number


@pytest.mark.parametrize(
    ("answer", "number"),
    [
        ("42", "42"),
        ("42。", "42"),
        ("１２３４ 元", "1234"),
        ("365÷18=20……5，剩下 5 个", "5"),
        ("9 × 12 = 108 cm2", "108"),
        ("It costs US$12.", "12"),
        ("乘 G7237 次，票价 141 元", "141"),
        ("**42**", "42"),
        ("答案是 42。", "42"),
        ("答案是：42 元（每人 7 元，共 6 人）。", "42"),
        ("答案：6×7=42 元", "42"),
        ("先算 6×7=42。\n再减 2，得 40。\n所以还剩 40 个。", "40"),
        ("每天 5 个，\n8 天就是 5×8=40（个）。", "40"),
        ("第一步……\n\n答案是 12。\n\n验证：12×3=36，正确。", "12"),
        ("最终答案：**3.5 小时**", "3.5"),
        ("答：一共需要 96 元。", "96"),
        ("因此面积为 36 平方厘米（36 cm²）。", "36"),
        ("The area is 36 cm².", "36"),
        ("The area is 36 m^2.", "36"),
        ("The area is $36\\text{ cm}^{2}$.", "36"),
        ("\\[ x = \\frac{3}{4} \\]", "0.75"),
        ("So $\\boxed{1{,}250}$ is the result of 5 × 250.", "1250"),
        ("The answer is 42, since 6 × 7 is that.", "42"),
        ("Step 1: 3 + 4 = 7\nStep 2: 7 × 2 = 14\nI hope this helps!", "14"),
        ("#### 18", "18"),
        ("1. 7 × 6 = 42\n2. 42 − 2 = 40\n\nThere are 40 buns left.", "40"),
        ("x = −5", "-5"),
        ("25-7=18", "18"),
        ("约为 0.83", "0.83"),
        ("5/11 + 3/8 ≈ 0.830", "0.830"),
        ("Solve 58 + x = 5 × (6 + x); x is 7.", "7"),
        ("870÷145=6，6 小时后相遇。", "6"),
        ("3/4", "0.75"),
        ("66%", "66"),
        ("¥1,280.50", "1280.50"),
        ("4.8 万平方米", "48000"),
        ("四十二", "42"),
        ("一共有一百零五人。", "105"),
        ("还剩三千零二十千克", "3020"),
        ("两万五千", "25000"),
        ("答案是三点五小时", "3.5"),
        ("十二个", "12"),
        ("负三", "-3"),
        ("（42）", "42"),
        ("二〇二四", "2024"),
        ("1/0", None),
        ("不知道", None),
        ("", None),
    ],
)
def test_the_number_is_found(answer: str, number: str | None) -> None:
    assert final_number(answer) == (None if number is None else Decimal(number))


@given(
    st.integers(-(10**12), 10**12),
    st.sampled_from(["{}", "答案是{}。", "1+1=2\n所以是 {} 元。", "It is {:,} km (see 7)."]),
)
def test_an_integer_is_read_back_from_any_wording(number: int, wording: str) -> None:
    assert final_number(wording.format(number)) == number


@given(st.text())
def test_any_text_has_a_number_or_none(text: str) -> None:
    found = final_number(text)
    assert found is None or found.is_finite()
