"""What a model is asked when it is to write tasks, rewrite one, or answer one: in Chinese and in English."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from belle.synthesis.seeds import Task, TaskLanguage
from belle.texts import json_text

Messages = tuple[Mapping[str, str], ...]
Schema = Mapping[str, Any]

TASKS = "tasks"
"""The list in a reply with tasks."""

_TASK = {
    "type": "object",
    "properties": {"instruction": {"type": "string"}, "input": {"type": "string"}},
    "required": ["instruction", "input"],
    "additionalProperties": False,
}
TASK_SCHEMA: Mapping[str, Any] = _TASK
INSTANCE_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {"input": {"type": "string"}, "output": {"type": "string"}},
    "required": ["input", "output"],
    "additionalProperties": False,
}

_PROPOSE = {
    "zh": (
        "你在为一个语言助手编写练习题。下面是几道已有的题，每道有“instruction”（让助手做什么）和“input”（要处理的材料，"
        "不需要材料时为空）。\n\n{examples}\n\n请再写 {count} 道新题，要求：\n"
        "一、每道题的内容、问法和开头的动词都彼此不同，也与上面的题不同；\n"
        "二、只用文字就能完成：不要求看图、听录音、打开文件或网址，也不要求助手去做现实中的动作；\n"
        "三、需要材料的题，把具体的材料完整写在“input”里，不要写“某文章”之类的空话；\n"
        "四、题目用中文，一两句话说清楚，难易都要有，不要给出答案。\n{labels}"
        '只输出 JSON：{{"tasks": [{{"instruction": "……", "input": "……"}}, ……]}}'
    ),
    "en": (
        "You write exercises for a language assistant. Here are some that exist; each has an “instruction”, which says "
        "what to do, and an “input”, the material to work on, which is empty where none is needed.\n\n{examples}\n\n"
        "Write {count} new exercises. The rules:\n"
        "1. They differ from each other and from those above, in subject, in wording and in the verb they begin with.\n"
        "2. Text alone is enough for them: no pictures, recordings, files or links, and nothing to be done in the "
        "physical world.\n"
        "3. Where material is needed, the whole material stands in “input”, and is real, not a placeholder.\n"
        "4. One or two clear sentences in English, some easy and some hard, without the answer.\n{labels}"
        'Write nothing but JSON: {{"tasks": [{{"instruction": "…", "input": "…"}}, …]}}'
    ),
}
_LABELS = {"zh": "符合这些要求：{labels}。\n", "en": "Keep to this: {labels}.\n"}
_EVOLVE = {
    "zh": (
        "下面是一道给语言助手的练习题：\n\n{example}\n\n请把它改写成一道新题：{operation}。新题仍然只用文字就能完成，"
        "读得懂，一般不比原题长出四十个字；不要解释改了什么，也不要给出答案。需要材料时，把材料完整写在“input”里。\n{labels}"
        '只输出 JSON：{{"instruction": "……", "input": "……"}}'
    ),
    "en": (
        "This is an exercise for a language assistant:\n\n{example}\n\nTurn it into a new one: {operation}. Text alone "
        "must still be enough for it, it must be easy to understand, and as a rule at most 25 words longer; do not say "
        "what you changed, and do not give the answer. Material that is needed stands in “input” as a whole.\n{labels}"
        'Write nothing but JSON: {{"instruction": "…", "input": "…"}}'
    ),
}
OPERATIONS: Mapping[str, Mapping[str, str]] = {
    "deepen": {
        "zh": "问得更深一层，例如追问原因、条件、后果或反例",
        "en": "ask one level deeper, for reasons, conditions, consequences or counterexamples",
    },
    "constrain": {
        "zh": "加上一个可以检查的限制，例如字数、格式、读者或不许使用的词",
        "en": "add one constraint that can be checked, such as a length, a format, a reader or a forbidden word",
    },
    "concretise": {
        "zh": "把笼统的说法换成具体的人、地点、数字或情境",
        "en": "replace what is general by a certain person, place, number or situation",
    },
    "broaden": {
        "zh": "保留做法，换到一个不常见的领域，写成同样难的另一道题",
        "en": "keep the kind of work, and move it to an uncommon field, as another exercise of the same difficulty",
    },
}
"""How an accepted task is rewritten, by name."""

_INSTANCE = {
    "zh": (
        "下面的练习题缺少要处理的材料：\n\n{instruction}\n\n请先为它编写一份具体、完整的材料，再按题目要求写出答案。\n"
        '只输出 JSON：{{"input": "材料", "output": "答案"}}'
    ),
    "en": (
        "This exercise lacks the material to work on:\n\n{instruction}\n\nFirst write material for it, real and "
        "complete, then do what it asks.\n"
        'Write nothing but JSON: {{"input": "the material", "output": "the answer"}}'
    ),
}


def tasks_schema(count: int) -> Mapping[str, Any]:
    """Of a reply with up to `count` tasks."""
    return list_schema(TASKS, _TASK, 1, count)


def list_schema(name: str, entry: Mapping[str, Any], least: int, most: int) -> Mapping[str, Any]:
    """Of an object whose only field is a list."""
    entries = {"type": "array", "items": dict(entry), "minItems": least, "maxItems": most}
    return {"type": "object", "properties": {name: entries}, "required": [name], "additionalProperties": False}


def propose(tasks: Sequence[Task], count: int, labels: Sequence[tuple[str, str]], language: TaskLanguage) -> Messages:
    """Asks for `count` tasks like some that exist."""
    examples = "\n".join(map(_shown, tasks))
    text = _PROPOSE[language].format(examples=examples, count=count, labels=_labels(labels, language))
    return user_message(text)


def evolve(task: Task, operation: str, labels: Sequence[tuple[str, str]], language: TaskLanguage) -> Messages:
    """Asks for a task that is made of another by one of `OPERATIONS`."""
    text = _EVOLVE[language].format(
        example=_shown(task), operation=OPERATIONS[operation][language], labels=_labels(labels, language)
    )
    return user_message(text)


def instance(instruction: str, language: TaskLanguage) -> Messages:
    """Asks for the material that an instruction speaks of, and for the answer."""
    return user_message(_INSTANCE[language].format(instruction=instruction))


def user_message(text: str) -> Messages:
    """A conversation of one question."""
    return ({"role": "user", "content": text},)


def describe_labels(labels: Sequence[tuple[str, str]], language: TaskLanguage) -> str:
    """Labels as a list in a sentence."""
    between, after = ("；", "：") if language == "zh" else ("; ", ": ")
    return between.join(f"{name}{after}{value}" for name, value in labels)


def _labels(labels: Sequence[tuple[str, str]], language: TaskLanguage) -> str:
    return _LABELS[language].format(labels=describe_labels(labels, language)) if labels else ""


def _shown(task: Task) -> str:
    return json_text({"instruction": task.instruction, "input": task.input})
