"""A function to write or to mend, and the calls that its tests make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import dedent
from typing import Any

from assets.evaluation.makers.draft import Draft, Language, code

_EXAMPLE: dict[Language, str] = {
    "zh": "例如 `{call}` 应返回 `{value}`。",
    "en": "For example, `{call}` returns `{value}`.",
}
_BROKEN: dict[Language, str] = {
    "zh": "下面的 Python 函数有错误。{ask}\n\n```python\n{broken}```\n\n请改正它，并给出完整的函数。",
    "en": "The Python function below has a mistake. {ask}\n\n```python\n{broken}```\n\nCorrect it and give the whole function.",
}


@dataclass(frozen=True, slots=True)
class CodeTask:
    """A task whose answer is a program.

    Attributes:
        ask: what the function is to do, with its name and parameters.
        solution: a function that does it.
        calls: expressions with the function, of which the first serves as an example in the question.
        broken: the function with a mistake, to be mended; "" where a function is to be written.
    """

    language: Language
    ask: str
    solution: str
    calls: Sequence[str]
    broken: str = ""

    def draft(self) -> Draft:
        """The item. Raises ValueError if a broken function passes its tests."""
        values = _values(self.solution, self.calls)
        example = _EXAMPLE[self.language].format(call=self.calls[0], value=repr(values[0]))
        question = f"{self.ask}{'' if self.language == 'zh' else ' '}{example}"
        if self.broken:
            question = _BROKEN[self.language].format(ask=question, broken=_dedented(self.broken))
            if _values(self.broken, self.calls) == values:
                raise ValueError(f"nothing is wrong with {self.broken}")
        tests = "\n".join(_assertion(call, value) for call, value in zip(self.calls, values, strict=True))
        return Draft(self.language, question, f"```python\n{_dedented(self.solution)}```", checks=[code(tests)])


def zh(ask: str, solution: str, *calls: str, broken: str = "") -> CodeTask:
    """A task in Chinese."""
    return CodeTask("zh", ask, solution, calls, broken)


def en(ask: str, solution: str, *calls: str, broken: str = "") -> CodeTask:
    """A task in English."""
    return CodeTask("en", ask, solution, calls, broken)


def _dedented(program: str) -> str:
    return dedent(program).strip("\n") + "\n"


def _values(program: str, calls: Sequence[str]) -> list[Any]:
    """What the calls return; an exception counts as its value."""
    scope: dict[str, Any] = {}
    exec(_dedented(program), scope)  # noqa: S102 - written in this folder
    return [_value(call, scope) for call in calls]


def _value(call: str, scope: dict[str, Any]) -> Any:
    try:
        return eval(call, scope)  # noqa: S307 - written in this folder
    except Exception as error:
        return repr(error)


def _assertion(call: str, value: Any) -> str:
    if isinstance(value, float):
        return f"assert abs({call} - {value!r}) < 1e-6"
    return f"assert {call} == {value!r}"
