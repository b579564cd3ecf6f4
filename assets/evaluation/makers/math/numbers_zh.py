"""Numbers and sequences, counting and chance, in Chinese."""

from __future__ import annotations

from collections.abc import Sequence

from assets.evaluation.makers.math.problem import Problem, span

NUMBERS: Sequence[Problem] = (
    Problem(
        "计算 {a} × ({b} − {c}) + {d} ÷ {e}。",
        "按运算顺序，结果等于 {x}。",
        {"a": span(12, 29), "b": span(41, 73), "c": span(15, 38), "d": span(96, 216, 12), "e": (4, 6, 12)},
        lambda a, b, c, d, e: a * (b - c) + d // e,
    ),
    Problem(
        "等差数列 {a}，{b}，…的第 {n} 项是多少？",
        "公差是 {b}−{a}，第 {n} 项等于 {x}。",
        {"a": span(3, 12), "b": span(15, 21), "n": span(18, 40)},
        lambda a, b, n: a + (n - 1) * (b - a),
    ),
    Problem(
        "按规律填数：{a}，{b}，{c}，{d}，（　）。每个数都是前两个数的和。括号里应填几？",
        "{c}+{d}={x}，应填 {x}。",
        {"a": span(3, 9), "b": span(4, 11), "c": span(7, 20), "d": span(11, 31)},
        lambda a, b, c, d: c + d,
        lambda a, b, c, d: c == a + b and d == b + c,
    ),
    Problem(
        "所有小于 {a} 的正整数中，能被 {b} 整除但不能被 {c} 整除的有多少个？",
        "先数 {b} 的倍数，再减去 {b} 与 {c} 的公倍数，有 {x} 个。",
        {"a": (100, 150, 200), "b": (3, 4, 6), "c": (5, 7, 9)},
        lambda a, b, c: sum(n % b == 0 and n % c != 0 for n in range(1, a)),
    ),
    Problem(
        "一个两位数，十位数字比个位数字大 {a}，两个数字的和是 {b}。这个两位数是多少？",
        "由和与差求出两个数字，这个两位数是 {x}。",
        {"a": span(1, 6), "b": span(7, 14)},
        lambda a, b: (a + b) // 2 * 10 + (b - a) // 2,
        lambda a, b: (a + b) % 2 == 0 and (a + b) // 2 < 10 and b > a,
    ),
    Problem(
        "把 {a} 分解质因数，其中最大的质因数是多少？",
        "逐个试除，最大的质因数是 {x}。",
        {"a": (1428, 2090, 2499, 3094)},
        lambda a: max(p for p in range(2, a) if a % p == 0 and all(p % q for q in range(2, int(p**0.5) + 1))),
    ),
    Problem(
        "解方程：{a}(x − {b}) = {c}x + {d}。x 等于多少？",
        "展开并移项，解得 x = {x}。",
        {"a": span(5, 9), "b": span(2, 9), "c": span(2, 4), "d": span(3, 30)},
        lambda a, b, c, d: (a * b + d) / (a - c),
        lambda a, b, c, d: (a * b + d) % (a - c) == 0,
    ),
    Problem(
        "二进制数 {a} 化成十进制是多少？",
        "按位展开相加，十进制是 {x}。",
        {"a": ("101101", "110011", "1001110", "1110101")},
        lambda a: int(a, 2),
    ),
    Problem(
        "把 1×2×3×…×{a} 的积写出来，末尾一共有几个零？",
        "数一数因数 5 的个数，末尾有 {x} 个零。",
        {"a": (27, 34, 52, 63)},
        lambda a: a // 5 + a // 25,
    ),
    Problem(
        "x 和 y 满足 x + y = {a}，x − y = {b}。x 与 y 的乘积是多少？",
        "解得 x 和 y，乘积是 {x}。",
        {"a": span(20, 40), "b": span(2, 14)},
        lambda a, b: (a + b) // 2 * ((a - b) // 2),
        lambda a, b: (a - b) % 2 == 0,
    ),
    Problem(
        "一张纸对折 {a} 次后展开，折痕把它分成多少个小格？每次都沿同一方向对折。",
        "每对折一次，格数加倍，2 的 {a} 次方等于 {x}，共 {x} 格。",
        {"a": (5, 6, 7)},
        lambda a: 2**a,
    ),
    Problem(
        "规定 a※b = a² − {a}b。那么 ({b}※{c})※{d} 等于多少？",
        "先算括号里的，再算外面的，结果是 {x}。",
        {"a": (2, 3), "b": span(4, 7), "c": span(2, 4), "d": span(2, 6)},
        lambda a, b, c, d: (b * b - a * c) ** 2 - a * d,
    ),
)

CHANCE: Sequence[Problem] = (
    Problem(
        "袋里有 {a} 个红球、{b} 个白球和 {c} 个黑球，至少摸出几个球，才能保证其中有 {d} 个同色？",
        "最坏的情况是每种颜色都只有 {d}−1 个，再摸一个，至少 {x} 个。",
        {"a": span(6, 9), "b": span(7, 11), "c": span(8, 12), "d": (3, 4, 5)},
        lambda a, b, c, d: 3 * (d - 1) + 1,
    ),
    Problem(
        "{a} 支球队进行单循环赛，每两队赛一场，一共要赛多少场？",
        "{a}×({a}−1)÷2={x}，一共 {x} 场。",
        {"a": (9, 11, 13, 14)},
        lambda a: a * (a - 1) // 2,
    ),
    Problem(
        "用数字 0、{a}、{b}、{c} 可以组成多少个没有重复数字的三位数？",
        "百位不能是 0，3×3×2={x}，共 {x} 个。",
        {"a": (1, 2), "b": (4, 5), "c": (7, 8)},
        lambda a, b, c: 18,
    ),
    Problem(
        "同时掷两枚骰子，点数之和等于 {a} 的情况占全部 36 种情况中的几种？",
        "列举可知，共 {x} 种。",
        {"a": (5, 8, 9, 10)},
        lambda a: sum(m + n == a for m in range(1, 7) for n in range(1, 7)),
    ),
    Problem(
        "一组数据：{a}，{b}，{c}，{d}，{e}，{f}。这组数据的中位数是多少？",
        "排序后取中间两个数的平均值，中位数是 {x}。",
        {letter: span(12, 60) for letter in "abcdef"},
        lambda **all_: sum(sorted(all_.values())[2:4]) / 2,
        lambda **all_: len(set(all_.values())) == 6,
    ),
    Problem(
        "全班 {a} 人，会游泳的 {b} 人，会骑车的 {c} 人，两样都不会的 {d} 人。两样都会的有多少人？",
        "{b}+{c}−({a}−{d})={x}，两样都会的有 {x} 人。",
        {"a": (42, 45, 48), "b": span(22, 30), "c": span(25, 34), "d": span(3, 6)},
        lambda a, b, c, d: b + c - (a - d),
        lambda a, b, c, d: 5 < b + c - (a - d) < b,
    ),
    Problem(
        "从家到学校有 {a} 条路，从学校到书店有 {b} 条路。从家经过学校去书店，再经过学校回家，回来时每一段都不走去时的路，有几种走法？",
        "{a}×{b}×({b}−1)×({a}−1)={x}，有 {x} 种走法。",
        {"a": (3, 4), "b": (3, 4, 5)},
        lambda a, b: a * b * (b - 1) * (a - 1),
    ),
    Problem(
        "五次单元测验，前四次的平均分是 {a} 分。要使五次的平均分达到 {b} 分，第五次要考多少分？",
        "{b}×5−{a}×4={x}，第五次要考 {x} 分。",
        {"a": span(82, 90), "b": span(84, 91)},
        lambda a, b: b * 5 - a * 4,
        lambda a, b: a < b and b * 5 - a * 4 <= 100,
    ),
)
