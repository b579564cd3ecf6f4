"""Writes `assets/evaluation/own/<class>.generated.jsonl`: python -m assets.evaluation.makers [FOLDER]."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from assets.evaluation.makers import closed_qa, code, extract, math, rewrite
from assets.evaluation.makers.draft import Draft, identity

OWN = Path(__file__).resolve().parent.parent / "own"

MAKERS: Mapping[str, Callable[[], Sequence[Draft]]] = {
    "closed qa": closed_qa.drafts,
    "code": code.drafts,
    "extract": extract.drafts,
    "math": math.drafts,
    "rewrite": rewrite.drafts,
}
"""The maker of each class."""


def files() -> dict[str, str]:
    """Name of the file -> its content."""
    return {f"{category.replace(' ', '-')}.generated.jsonl": _lines(category) for category in MAKERS}


def _lines(category: str) -> str:
    counts: Counter[str] = Counter()
    lines = []
    for draft in MAKERS[category]():
        counts[draft.language] += 1
        row = draft.row(identity(category, draft.language, counts[draft.language]), category)
        lines.append(f"{json.dumps(row, ensure_ascii=False)}\n")
    return "".join(lines)


def main() -> int:
    """Write the files. Returns the exit status."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else OWN
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files().items():
        (folder / name).write_text(content, encoding="utf-8")
        sys.stdout.write(f"{name:32} {content.count(chr(10)):4} items\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
