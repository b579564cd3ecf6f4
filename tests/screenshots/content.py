"""What is in the window on the pictures: conversations, projects, personas and documents, in both languages."""

# The texts are long, and each is one string.
# ruff: noqa: ISC004
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from desktop.documents.cited import KEY, CitedPassage
from desktop.store import Store
from desktop.store.records import Persona, ProjectSettings
from tests.support.documents import write_pdf

MODEL = "SmolLM2 135M"
STATS = {"ttft_s": 0.3, "tokens_per_s": 41.0, "completion_tokens": 164}
CODE = (
    "```python\ndef binary_search(values: list[int], target: int) -> int | None:\n"
    '    """Index of target in sorted values, None when it is not there."""\n'
    "    low, high = 0, len(values) - 1\n    while low <= high:\n        middle = low + (high - low) // 2\n"
    "        if values[middle] == target:\n            return middle\n        if values[middle] < target:\n"
    "            low = middle + 1\n        else:\n            high = middle - 1\n    return None\n```\n\n"
)


@dataclass(frozen=True)
class Content:
    """The texts of one language.

    Args:
        main: title, question and answer of the conversation that the README shows.
        rich: the same with a formula, code and a thought, which is its last part.
        titles: of further conversations.
        turns: questions and answers of a long conversation.
        summary: of its beginning.
        cited: title, question and answer from documents.
        pages: of the document.
        project: a project with a system prompt, and the titles of its conversations.
        persona: one of the person's own.
        facts: what is remembered.
        asked: a question for the real model, which is an English one.
        folder: the name of the folder of documents.
        word: to be searched.
    """

    main: tuple[str, str, str]
    rich: tuple[str, str, str, str]
    titles: tuple[str, ...]
    turns: tuple[tuple[str, str], ...]
    summary: str
    cited: tuple[str, str, str]
    pages: tuple[str, ...]
    project: tuple[ProjectSettings, tuple[str, ...]]
    persona: Persona
    facts: tuple[str, ...]
    folder: str
    word: str
    asked: str = "What is the capital of France?"


ENGLISH = Content(
    main=(
        "Spring rain, translated",
        "Translate this into Chinese, and tell me which word was hardest:\n\n"
        "> The rain came softly in the night, and by morning the whole street smelled of wet earth.",
        "**夜里，雨轻轻地来了；到了清晨，整条街都是泥土湿润的气息。**\n\n"
        "The hardest word was *softly*. Three candidates, and what each would have said:\n\n"
        "| word | literally | effect |\n|:--|:--|:--|\n| 轻轻地 | lightly | quiet, almost tender |\n"
        "| 悄悄地 | secretly | the rain hides |\n| 细细地 | finely | one sees the drops |\n\n"
        "*轻轻地* keeps the night quiet without giving the rain a secret.",
    ),
    rich=(
        "Binary search, and how long it takes",
        "Write a binary search in Python. How many steps does it need?",
        CODE + "Each step halves the range, so that $n$ values need at most\n\n"
        "$$\\lfloor \\log_2 n \\rfloor + 1 \\le \\frac{\\ln n}{\\ln 2} + 1$$\n\n"
        "steps:\n\n| values | steps |\n|--:|--:|\n| 1,000 | 10 |\n| 1,000,000 | 20 |\n\n"
        "1. Sort once.\n2. Search as often as you like.",
        "The person wants code and a bound. Halving gives a logarithm to the base 2; the last step checks one value, "
        "so one is added.",
    ),
    titles=("A letter to an old friend", "Seven ideas for a rainy weekend", "Bread without a mixer"),
    turns=(
        ("I have flour, salt and yeast. What can I bake?", "A plain loaf: mix, fold three times, rest overnight."),
        ("How much water?", "Seventy grams for every hundred of flour, a little less for white flour."),
        ("How hot is the oven?", "As hot as it gets, 240 °C at least, with a closed pot inside."),
        ("When do I take the lid off?", "After half an hour; then twenty minutes until the crust is brown."),
    ),
    summary="The person bakes a plain loaf from flour, salt and yeast: 70 g of water for 100 g of flour, folded three "
    "times, rested overnight.",
    cited=(
        "When does the museum open?",
        "When does the museum open, and who leads it?",
        "It opens at nine in the morning [1]. Since 2019 it has been led by Ada Brandt [2].",
    ),
    pages=(
        "The museum opens at nine in the morning and closes at six. On Mondays it is closed.",
        "Tickets cost five euros. Children pay nothing.",
        "The director since 2019 is Ada Brandt. She came from the observatory.",
    ),
    project=(
        ProjectSettings("Thesis", "You proofread scientific English. Name each change in one line."),
        ("Abstract, third version", "Is “data” plural?"),
    ),
    persona=Persona(
        "Patient teacher", "You explain one step at a time, and ask whether it was clear.", "What are we learning?"
    ),
    facts=("My name is Lin, and I live in Leipzig.", "I am allergic to nuts.", "I prefer short answers."),
    folder="Museum",
    word="oven",
)

CHINESE = Content(
    main=(
        "二分查找",
        "用 Python 写一个二分查找，并说明为什么要用 `low + (high - low) // 2`。",
        "二分查找每次把范围缩小一半：\n\n" + CODE + "写成 `low + (high - low) // 2`，是因为在整数有上限的语言里，"
        "`low + high` 可能溢出；Python 的整数没有上限，两种写法结果相同，这样写只是一个好习惯。",
    ),
    rich=(
        "查找需要多少步",
        "二分查找需要多少步？请给出公式、表格和代码。",
        "每一步把范围缩小一半，所以 $n$ 个值最多需要\n\n"
        "$$\\lfloor \\log_2 n \\rfloor + 1 \\le \\frac{\\ln n}{\\ln 2} + 1$$\n\n步：\n\n"
        "| 值的个数 | 步数 |\n|--:|--:|\n| 1,000 | 10 |\n| 1,000,000 | 20 |\n\n"
        + CODE
        + "1. 先排序一次。\n2. 然后想查多少次都行。",
        "对方要代码和上界。每次减半，得到以 2 为底的对数；最后一步还要检查一个值，所以加一。",
    ),
    titles=("给老朋友的一封信", "周末下雨可以做什么", "不用揉的面包"),
    turns=(
        ("我有面粉、盐和酵母，可以烤什么？", "最简单的面包：搅匀，折叠三次，放一夜。"),
        ("要放多少水？", "每一百克面粉七十克水；白面粉稍微少一点。"),
        ("烤箱要多热？", "能多热就多热，至少 240 °C，里面放一个带盖的锅。"),
        ("什么时候揭盖？", "半小时以后；再烤二十分钟，直到表皮变成褐色。"),
    ),
    summary="用户用面粉、盐和酵母烤面包：每 100 克面粉 70 克水，折叠三次，放一夜。",
    cited=(
        "博物馆几点开门？",
        "博物馆几点开门？馆长是谁？",
        "博物馆上午九点开门 [1]。2019 年起，馆长是阿达·勃兰特 [2]。",
    ),
    pages=(
        "博物馆上午九点开门，下午六点关门。星期一闭馆。",
        "门票五欧元，儿童免费。",
        "2019 年起，馆长是阿达·勃兰特。她来自天文台。",
    ),
    project=(
        ProjectSettings("毕业论文", "你校对学术中文，每处修改用一行说明。"),
        ("摘要，第三稿", "“数据”要加量词吗？"),
    ),
    persona=Persona("耐心的老师", "你一步一步地讲解，每一步都问一下是否明白。", "我们今天学什么？"),
    facts=("我叫林，住在莱比锡。", "我对坚果过敏。", "我喜欢简短的回答。"),
    folder="博物馆",
    word="烤箱",
)

CONTENTS = {"en": ENGLISH, "zh": CHINESE}


def fill(store: Store, content: Content, home: Path) -> dict[str, int]:
    """Store all of it, and write the documents below `home`. The ids of the conversations, by name."""
    for title in content.titles:
        store.create_conversation(title=title)
    project, titles = content.project
    project_id = store.create_project(project).id
    for title in titles:
        store.create_conversation(title=title, project_id=project_id)
    store.add_persona(content.persona)
    for fact in content.facts:
        store.add_fact(fact)
    return {
        "long": _long(store, content),
        "cited": _cited(store, content, home / content.folder),
        "rich": _answered(store, *content.rich),
        "main": _answered(store, *content.main),
    }


def _answered(store: Store, title: str, question: str, answer: str, thinking: str = "") -> int:
    """A conversation whose answer has an earlier version, or a thought."""
    conversation = store.create_conversation(title=title)
    asked = store.add_message(conversation.id, None, "user", question)
    if not thinking:
        first = store.start_answer(conversation.id, asked.id, MODEL)
        store.finish(first.id, "…", status="stopped", stats={})
    shown = store.start_answer(conversation.id, asked.id, MODEL)
    seconds = 4.2 if thinking else None
    store.finish(shown.id, answer, status="complete", stats=STATS, thinking=thinking, thinking_seconds=seconds)
    return conversation.id


def _long(store: Store, content: Content) -> int:
    """A conversation whose beginning the model has summed up; a message of it is pinned."""
    conversation = store.create_conversation(title=content.turns[0][0], overflow="summarise")
    parent, ids = None, []
    for question, answer in content.turns:
        asked = store.add_message(conversation.id, parent, "user", question)
        # What is left out must be longer than the context, or the window finds that it fits and forgets nothing.
        text = answer if len(ids) >= 4 else f"{answer}\n\n" * 200
        answered = store.add_message(conversation.id, asked.id, "assistant", text, model=MODEL, stats=STATS)
        parent = answered.id
        ids += [asked.id, answered.id]
    store.save_summary(ids[:4], content.summary)
    store.set_left_out(conversation.id, ids[:4])
    store.set_message_pinned(ids[4], True)
    return conversation.id


def _cited(store: Store, content: Content, folder: Path) -> int:
    """A conversation with a folder of documents, and an answer from two pages."""
    folder.mkdir()
    write_pdf(folder / "guide.pdf", content.pages)
    write_pdf(folder / "scan.pdf", [""])
    title, question, answer = content.cited
    conversation = store.create_conversation(title=title)
    pages = [CitedPassage(number, "guide.pdf", content.pages[page - 1], page=page) for number, page in ((1, 1), (2, 3))]
    stats = {**STATS, KEY: {"folder": str(folder), "sources": [page.fields for page in pages]}}
    asked = store.add_message(conversation.id, None, "user", question)
    answered = store.start_answer(conversation.id, asked.id, MODEL, stats=stats)
    store.finish(answered.id, answer, status="complete", stats=stats)
    return conversation.id
