"""Programs whose output is to be told; the output is computed by running them."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import dedent

from assets.evaluation.makers.draft import Draft, Language, number, pattern

_ASK: dict[Language, tuple[str, ...]] = {
    "zh": (
        "不运行程序，说出下面这段 Python 代码打印的内容。把打印的内容写在最后一行的“答案：”后面。\n\n```python\n{program}```",
        "阅读代码，写出它的输出。可以先分析，最后一行写“答案：”加输出。\n\n```python\n{program}```",
        "这段代码运行后会在屏幕上显示什么？末尾用“答案：……”给出。\n\n```python\n{program}```",
    ),
    "en": (
        'What does this Python program print? End with "Answer:" and the output.\n\n```python\n{program}```',
        'Trace the code by hand and give its output after "Answer:" on the last line.\n\n```python\n{program}```',
    ),
}
_REFERENCE: dict[Language, str] = {"zh": "{why}\n答案：{output}", "en": "{why}\nAnswer: {output}"}


@dataclass(frozen=True, slots=True)
class OutputTask:
    """A program that prints one line, and why it prints that."""

    language: Language
    program: str
    why: str

    def draft(self) -> Draft:
        """The item."""
        program = dedent(self.program).strip("\n") + "\n"
        written = io.StringIO()
        with contextlib.redirect_stdout(written):
            exec(program, {})  # noqa: S102 - written in this folder
        output = written.getvalue().strip()
        forms = _ASK[self.language]
        question = forms[len(program) % len(forms)].format(program=program)
        reference = _REFERENCE[self.language].format(why=self.why, output=output)
        return Draft(self.language, question, reference, checks=[_check(output)])


def _check(output: str) -> dict[str, object]:
    if output.lstrip("-").isdigit():
        return number(int(output))
    loose = r"\s*".join("['\"]" if c in "'\"" else "\\" + c if c in "[](){}.*+?|" else c for c in output if c != " ")
    return pattern(rf"(?:^|\W|[是为出]){loose}\W*$")


def _zh(program: str, why: str) -> OutputTask:
    return OutputTask("zh", program, why)


def _en(program: str, why: str) -> OutputTask:
    return OutputTask("en", program, why)


TASKS: Sequence[OutputTask] = (
    _zh(
        """
        a = [3, 1, 2]
        b = a
        b.append(4)
        a = a + [5]
        print(len(a) * 10 + len(b))
        """,
        "b 与原来的 a 是同一个列表，长度为 4；a + [5] 是新列表，长度为 5。",
    ),
    _zh(
        """
        total = 0
        for i in range(1, 20):
            if i % 6 == 0:
                break
            if i % 2 == 0:
                continue
            total += i
        print(total)
        """,
        "i 到 6 时退出，此前的奇数 1、3、5 相加。",
    ),
    _zh(
        """
        def mystery(n):
            return 1 if n < 3 else mystery(n - 1) + 2 * mystery(n - 2)

        print(mystery(8))
        """,
        "从第三项起每项等于前一项加上前前一项的两倍：1，1，3，5，11，21，43，85。",
    ),
    _zh(
        """
        text = "青山绿水长流"
        print(text[::-2])
        """,
        "从最后一个字开始，隔一个取一个：流、水、山。",
    ),
    _zh(
        """
        scores = {"甲": 71, "乙": 88, "丙": 64}
        scores["丁"] = scores.pop("乙") - 30
        print(min(scores, key=scores.get))
        """,
        "丁得 58，是四项中剩下的三项里最小的。",
    ),
    _zh(
        """
        x = 7
        while x != 1:
            x = x // 2 if x % 2 == 0 else 3 * x + 1
            if x > 50:
                print(x)
                break
        """,
        "7→22→11→34→17→52，第一个超过 50 的数是 52。",
    ),
    _zh(
        """
        rows = [[i * j for j in range(1, 4)] for i in range(1, 4)]
        print(sum(row[-1] for row in rows) - sum(rows[0]))
        """,
        "每行最后一个数是 3、6、9，和为 18；第一行 1、2、3，和为 6。",
    ),
    _zh(
        """
        def outer():
            count = 0
            def inner(step):
                nonlocal count
                count += step
                return count
            return inner

        f, g = outer(), outer()
        f(5)
        f(2)
        print(f(1) * g(3))
        """,
        "f 和 g 各有自己的 count：f 累计到 8，g 是 3。",
    ),
    _zh(
        """
        words = ["梨", "石榴", "火龙果", "枣"]
        words.sort(key=len, reverse=True)
        print("-".join(words[:2]))
        """,
        "按长度从大到小排列，前两个是火龙果和石榴。",
    ),
    _zh(
        """
        a, b = 84, 60
        while b:
            a, b = b, a % b
        print(a)
        """,
        "这是辗转相除法，84 和 60 的最大公约数是 12。",
    ),
    _zh(
        """
        s = set()
        for n in (4, 9, 4, 16, 9, 25):
            s ^= {n}
        print(sorted(s))
        """,
        "出现两次的 4 和 9 互相抵消，剩下 16 和 25。",
    ),
    _zh(
        """
        try:
            result = int("12a")
        except ValueError:
            result = -1
        else:
            result *= 2
        finally:
            result += 100
        print(result)
        """,
        "转换失败，result 为 -1，finally 总会执行，加上 100。",
    ),
    _zh(
        """
        class Box:
            size = 3

            def grow(self):
                self.size += 4
                return self

        one, two = Box(), Box()
        one.grow().grow()
        print(one.size + two.size + Box.size)
        """,
        "one 的实例属性是 11，two 和类属性仍是 3。",
    ),
    _zh(
        """
        print(bool([]) + bool([0]) + bool("False") + bool(0.0) + bool({}))
        """,
        '只有 [0] 和 "False" 为真。',
    ),
    _zh(
        """
        n, bits = 45, 0
        while n:
            bits += n & 1
            n >>= 1
        print(bits)
        """,
        "45 的二进制是 101101，有四个 1。",
    ),
    _zh(
        """
        names = ["何", "吕", "施", "张"]
        pairs = list(zip(names, range(10, 0, -3)))
        print(pairs[-1][1] + len(pairs))
        """,
        "range 给出 10、7、4、1，共四对，最后一对的数是 1。",
    ),
    _en(
        """
        values = [8, 3, 5]
        values[1:1] = [9, 9]
        print(values.index(5))
        """,
        "The two nines go in before the 3: 8, 9, 9, 3, 5, so 5 has the index 4.",
    ),
    _en(
        """
        def f(x, seen=[]):
            seen.append(x)
            return len(seen)

        f("a")
        f("b", [])
        print(f("c") + f("d", ["e"]))
        """,
        "The default list is shared: it holds a and c. The call with ['e'] gives 2 as well.",
    ),
    _en(
        """
        word = "mississippi"
        print("".join(dict.fromkeys(word)))
        """,
        "Each letter is kept once, at its first place.",
    ),
    _en(
        """
        total = 0
        for a in range(1, 5):
            for b in range(a, 5):
                if (a + b) % 3 == 0:
                    total += a * b
        print(total)
        """,
        "The pairs are (1, 2), (2, 4) and (3, 3); their products are 2, 8 and 9.",
    ),
    _en(
        """
        queue = list("ABCDE")
        while len(queue) > 1:
            queue.append(queue.pop(0))
            queue.pop(0)
        print(queue[0])
        """,
        "Every second letter leaves: B, D, A, E; the last one is C.",
    ),
    _en(
        """
        print(f"{7 // 2}{-7 // 2}{7 % -4}")
        """,
        "Floor division gives 3 and -4, and the remainder has the sign of the divisor: -1.",
    ),
)
