"""The class `code`: functions to write and to mend, programs whose output is to be told or that are to be explained.

What a right program returns is computed by running the reference, and a reference is run again in the sandbox by the
tests of the set.
"""

from __future__ import annotations

from assets.evaluation.makers.code import bugs_en, bugs_zh, explained, functions_en, functions_zh, outputs, records_zh
from assets.evaluation.makers.draft import Draft


def drafts() -> list[Draft]:
    """All items of the class."""
    written = (*functions_zh.TASKS, *records_zh.TASKS, *functions_en.TASKS, *bugs_zh.TASKS, *bugs_en.TASKS)
    return [
        *(task.draft() for task in written),
        *(task.draft() for task in outputs.TASKS),
        *(task.draft() for task in explained.TASKS),
    ]
