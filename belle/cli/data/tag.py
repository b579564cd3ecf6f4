"""`belle data tag`: the kind of task of each row, by rules or by a local model."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path

from belle.cli.data.rows import output_format, rows
from belle.cli.messages import say
from belle.cli.terminal import Terminal
from belle.data.rows import category_name, questions_of
from belle.data.tag import categories, category_of
from belle.data.write import open_writer

_LONGEST = 1500
_ASK = "下面是用户的一个问题。它属于哪一类任务？只回答一个类别的名称。\n类别：{names}\n\n问题：\n{question}\n\n类别："


def tag(arguments: argparse.Namespace) -> int:
    """Write the rows with their categories, and print the number of each."""
    counts: Counter[str] = Counter()
    given = agreed = 0
    with open_writer(arguments.output, output_format(arguments)) as writer, _classifier(arguments.model) as classify:
        for row in islice(rows(arguments), arguments.n):
            question = next(iter(questions_of(row)), "")
            known = category_name(row.category)
            category = known if known and not arguments.overwrite else classify(question)
            if known:
                given += 1
                agreed += known == (category if arguments.overwrite else category_of(question))
            counts[category] += 1
            writer.write(replace(row, category=category))
    print(f"{arguments.output}: {writer.written:,} rows")
    for name, count in counts.most_common():
        print(f"  {count:,} {name}")
    if given:
        print(f"{given:,} rows had a category already; {agreed / given:.0%} of them would get the same one")
    return 0


@contextmanager
def _classifier(model: Path | None) -> Iterator[Callable[[str], str]]:
    """The rules; or a model, with the rules for answers that name no category."""
    if model is None:
        yield category_of
        return
    from belle.engine.process.blocking import open_engine
    from belle.engine.process.commands import Generate, Load, Sampling
    from belle.engine.process.events import Text
    from belle.prompts import Message

    names = categories()
    with open_engine(Load(str(model)), on_safer_mode=lambda: Terminal().note(say("safer_mode"))) as engine:

        def ask(question: str) -> str:
            prompt = _ASK.format(names="、".join(names), question=question[:_LONGEST])
            request = Generate(
                1, (Message("user", prompt),), Sampling(temperature=0.0), max_tokens=12, overflow="drop_oldest"
            )
            answer = "".join(event.text for event in engine.generate(request) if isinstance(event, Text))
            named = [name for name in names if name in category_name(answer)]
            return named[0] if named else category_of(question)

        yield ask
