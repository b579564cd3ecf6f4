"""The held-out conversations of the small chat model as items of an evaluation, which an answer meets word for word.

python -m tests.bench.held_out_items build/chat/text build/results/held-out.jsonl
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

from belle.texts import json_text

_MOST = 200  # items of a class
_CLASSES = {
    "math": "sums problems counting parity days hours weekdays months comparisons",
    "translation": "word-translation sentence-translation",
    "extract": "extraction",
    "classification": "kinds sentiment topics odd-one-out politeness",
    "open qa": "facts animals countries definitions weather opposites",
    "rewrite": "rewriting sentence-pairs",
}


def main() -> None:
    """Write the items of the folder of the text to the file."""
    folder, output = map(Path, sys.argv[1:])
    class_of = {category: name for name, categories in _CLASSES.items() for category in categories.split()}
    items: dict[str, list[str]] = {name: [] for name in sorted(_CLASSES)}
    for language in ("zh", "en"):
        for line in (folder / f"heldout.{language}.jsonl").read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            turns = row["conversations"]
            if len(turns) == 2 and row["category"] in class_of:
                item = _item(f"{language}-{row['id']}", class_of[row["category"]], language, *turns)
                items[class_of[row["category"]]].append(json_text(item))
    chosen = [line for lines in items.values() for line in random.Random(1).sample(lines, len(lines))[:_MOST]]
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text("\n".join(chosen) + "\n", encoding="utf-8")


def _item(
    identity: str, category: str, language: str, question: dict[str, str], answer: dict[str, str]
) -> dict[str, object]:
    return {
        "id": identity,
        "class": category,
        "language": language,
        "question": question["value"],
        "reference": answer["value"],
        "checks": [{"type": "exact", "any": [answer["value"]]}],
    }


if __name__ == "__main__":
    main()
