"""Short programs to be explained; what an explanation has to say is its rubric."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import dedent

from assets.evaluation.makers.draft import Draft, Language


@dataclass(frozen=True, slots=True)
class ExplainTask:
    """A question about a program, a good answer, and what every good answer says."""

    language: Language
    ask: str
    program: str
    reference: str
    rubric: Sequence[str]

    def draft(self) -> Draft:
        """The item."""
        program = dedent(self.program).strip("\n")
        return Draft(self.language, f"{self.ask}\n\n```python\n{program}\n```", self.reference, self.rubric)


TASKS: Sequence[ExplainTask] = (
    ExplainTask(
        "zh",
        "用两三句话向刚学编程的人说明，下面的函数做什么，第二个参数起什么作用。",
        """
        def pick(words, n=3):
            seen = []
            for word in words:
                if len(word) >= n and word not in seen:
                    seen.append(word)
            return seen
        """,
        "这个函数从一串词里挑出长度不少于 n 的词，重复的只留第一次出现的那个，按原来的顺序放进列表返回。参数 n 是最短长度，不写时默认为 3。",
        [
            "说明只保留长度不小于 n 的词",
            "说明重复的词只保留一个",
            "说明 n 是长度下限并且默认值为 3",
            "全文不超过四句话",
        ],
    ),
    ExplainTask(
        "zh",
        "同事说这段代码“有时候会把文件弄丢一半”。请解释原因，并说出一种更稳妥的写法，不必给出完整代码。",
        """
        def save(path, text):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        """,
        '以 "w" 方式打开时，原文件立刻被清空；如果写到一半程序崩溃或断电，旧内容没了，新内容又不完整。更稳妥的做法是先写入同目录下的临时文件，写完并刷到磁盘后，再用 os.replace 一次性替换原文件。',
        [
            "指出以“w”打开会立即清空原文件",
            "指出写入中途中断会留下不完整的内容",
            "提出先写临时文件再替换（或等价的原子写入、备份做法）",
        ],
    ),
    ExplainTask(
        "zh",
        "下面两个函数的结果一样。列表很长时哪一个快得多？为什么？",
        """
        def common_a(xs, ys):
            return [x for x in xs if x in ys]

        def common_b(xs, ys):
            known = set(ys)
            return [x for x in xs if x in known]
        """,
        "common_b 快得多。在列表里查找要逐个比较，common_a 的总耗时与两个列表长度的乘积成正比；集合用哈希表，平均一次就能查到，common_b 的耗时只与长度之和成正比。",
        [
            "结论是 common_b 更快",
            "说明在列表中用 in 要逐个比较（线性时间）",
            "说明集合查找平均为常数时间（或基于哈希）",
        ],
    ),
    ExplainTask(
        "zh",
        "读下面的递归函数：它计算的是什么？如果去掉第一个判断会发生什么？",
        """
        def f(n, k):
            if k == 0 or k == n:
                return 1
            return f(n - 1, k - 1) + f(n - 1, k)
        """,
        "它按杨辉三角的规律计算组合数，也就是从 n 个不同的东西里取 k 个的取法数。去掉第一个判断，递归没有终止条件，会一直调用下去，最后因超出最大递归深度而报错。",
        ["说出它计算组合数（或杨辉三角中的数）", "说出去掉判断后递归不会终止", "提到会出现递归深度错误或栈溢出"],
    ),
    ExplainTask(
        "zh",
        "新来的实习生不明白，为什么这段程序打印的是 False。请解释，并告诉他应该怎样比较。",
        """
        total = 0.1 + 0.2
        print(total == 0.3)
        """,
        "0.1、0.2 和 0.3 都不能用二进制小数精确表示，保存的是近似值，相加后的误差使结果与 0.3 的近似值不完全相等。比较浮点数时应看差是否足够小，例如用 math.isclose(total, 0.3)，或者用 decimal 做精确的十进制运算。",
        [
            "指出二进制浮点数不能精确表示这些小数",
            "说明误差导致两边不完全相等",
            "给出可行的比较方法，如 math.isclose、误差范围或 decimal",
        ],
    ),
    ExplainTask(
        "zh",
        "给下面的函数写一段中文文档说明：作用、参数、返回值、什么情况下抛出异常。",
        """
        def nth_line(path, n):
            with open(path, encoding="utf-8") as file:
                for number, line in enumerate(file, start=1):
                    if number == n:
                        return line.rstrip("\\n")
            raise IndexError(n)
        """,
        "作用：读取文本文件的第 n 行。\n参数：path 是文件路径；n 是行号，从 1 开始。\n返回值：第 n 行的内容，不含行尾的换行符。\n异常：文件不存在时抛出 FileNotFoundError；行数少于 n（或 n 小于 1）时抛出 IndexError。",
        [
            "说明返回第 n 行且行号从 1 数起",
            "说明返回值不含行尾换行符",
            "说明行数不够时抛出 IndexError",
            "四个部分（作用、参数、返回值、异常）齐全",
        ],
    ),
    ExplainTask(
        "en",
        "Review this function in two or three sentences for the person who wrote it: what is the security problem, and how is it solved?",
        """
        def find_user(db, name):
            return db.execute("SELECT id FROM users WHERE name = '" + name + "'").fetchone()
        """,
        "The name is pasted into the SQL text, so a name such as ' OR '1'='1 changes the meaning of the query: this is SQL injection. Pass it as a parameter instead: db.execute(\"SELECT id FROM users WHERE name = ?\", (name,)).",
        [
            "Names SQL injection as the problem",
            "Says that user input becomes part of the query text",
            "Recommends a parameterised query or placeholders",
        ],
    ),
    ExplainTask(
        "en",
        "Explain to a beginner why the second line of the output is not the same as the first.",
        """
        def reset(items):
            items = []

        def clear(items):
            items.clear()

        basket = ["egg"]
        reset(basket)
        print(basket)
        clear(basket)
        print(basket)
        """,
        "The program prints ['egg'] and then []. In reset, the name items is bound to a new list inside the function, and the list outside stays as it is. In clear, the method changes the very list that was passed in, so the caller sees it empty.",
        [
            "States that the output is ['egg'] and then an empty list",
            "Explains that assignment in reset only rebinds the local name",
            "Explains that clear changes the list object that the caller has",
        ],
    ),
)
