"""Files of questions: the project's own JSON Lines, BELLE's evaluation set, and C-Eval, CMMLU and MMLU as published.

| set | form |
|---|---|
| own | JSON Lines: `question`, `answer`, and maybe `choices`, `category`, `id`, `language`, `split` ("dev": example) |
| BELLE | JSON Lines (in spite of its name `.json`): `question`, `class`, `std_answer` |
| C-Eval | folders `dev`, `val`, `test` with `SUBJECT_val.csv`: `id,question,A,B,C,D,answer`; `test` has no answers |
| CMMLU | folders `dev`, `test` with `SUBJECT.csv`: (number)`,Question,A,B,C,D,Answer` |
| MMLU | folders `dev`, `val`, `test` with `SUBJECT_test.csv`: six columns without a heading |

Of a folder, `test` is read, or `val` where `test` has no answers; `dev` holds the examples. Each CSV file is one
subject.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

from belle.documents import DocumentError, parse_json_row
from belle.errors import KnownError
from belle.evaluation.tasks.items import LETTERS, Item, ItemSet, language_of
from belle.texts import LONGEST_TEXT, read_input, short_repr

_SPLITS = ("test", "val", "dev")
_LONGEST_EXACT = 12  # characters: longer answers of BELLE's set can be worded in many ways
_MOST_CHOICES = len(LETTERS)
_Raise = Callable[[str], NoReturn]


def read_items(path: Path) -> ItemSet:
    """The items of a file or folder.

    Raises KnownError: "file_missing", "wrong_encoding"; "bad_items", which names file and line; "no_items".
    """
    digest = hashlib.sha256()
    examples: dict[str, list[Item]] = {}
    left_out = 0
    if path.is_dir():
        files = _folder(path)
        items = [item for file in files for item in _csv(file, digest)]
        dev = [_csv_named(path / "dev", _subject(file)) for file in files]
    elif path.suffix.lower() == ".csv":
        items = list(_csv(path, digest))
        dev = [_csv_named(path.parent.parent / "dev", _subject(path))] if path.parent.name in _SPLITS else []
    else:
        items, examples, left_out = _json_lines(path, digest)
        dev = []
    for file in filter(None, dev):
        examples[_subject(file)] = list(_csv(file, digest))
    if not items:
        raise KnownError("no_items", f"{path} holds no item with an answer.", path=str(path))
    return ItemSet(path.name, digest.hexdigest(), items, examples, left_out)


def _json_lines(path: Path, digest: Any) -> tuple[list[Item], dict[str, list[Item]], int]:
    items: list[Item] = []
    examples: dict[str, list[Item]] = {}
    seen: dict[str, int] = {}
    left_out = 0
    # Not splitlines: JSON may hold other line separators in its strings.
    for number, line in enumerate(_text(path, digest).split("\n"), 1):
        if not line.strip():
            continue
        wrong = _fault(path, number)
        try:
            row = parse_json_row(line)
        except DocumentError as error:
            wrong(error.message)
        if not isinstance(row, dict):
            wrong("is not a JSON object")
        item = _belle_item(row, number, wrong) if "std_answer" in row else _own_item(row, number, wrong)
        if item is None:
            left_out += 1
            continue
        if item.id in seen:
            wrong(f"has the id {short_repr(item.id)} of line {seen[item.id]}")
        seen[item.id] = number
        if row.get("split") == "dev":
            examples.setdefault(item.category, []).append(item)
        else:
            items.append(item)
    return items, examples, left_out


def _own_item(row: dict[str, Any], number: int, wrong: _Raise) -> Item:
    question, answer = _string(row, "question", wrong), _string(row, "answer", wrong)
    choices = row.get("choices", [])
    if not isinstance(choices, list) or not all(isinstance(choice, str) for choice in choices):
        wrong("has choices that are not a list of texts")
    language = row.get("language") or language_of(question)
    if language not in ("zh", "en"):
        wrong(f"has the language {short_repr(language)}; it must be zh or en")
    return _checked(
        Item(
            id=str(row.get("id", f"line-{number}")),
            question=question,
            answer=answer,
            category=_string(row, "category", wrong) if "category" in row else "all",
            language=language,
            choices=tuple(choices),
        ),
        wrong,
    )


def _belle_item(row: dict[str, Any], number: int, wrong: _Raise) -> Item | None:
    """None without a standard answer: only a judge can score those."""
    question = _string(row, "question", wrong)
    answer = row["std_answer"]
    if not isinstance(answer, str):
        wrong("has a std_answer that is not a text")
    # "closed\u00a0qa": the file has no-break spaces in it.
    category = " ".join(_string(row, "class", wrong).split())
    answer = answer.strip()
    if not answer:
        return None
    free = len(answer) > _LONGEST_EXACT or "\n" in answer
    return Item(f"line-{number}", question, answer, category, language_of(question), free=free)


def _checked(item: Item, wrong: _Raise) -> Item:
    """The item with its answer as a letter, if it has choices."""
    if not item.choices:
        return item
    if not 2 <= len(item.choices) <= _MOST_CHOICES:
        wrong(f"has {len(item.choices)} choices; 2 to {_MOST_CHOICES} can be told apart")
    if not all(choice.strip() for choice in item.choices):
        wrong("has an empty choice")
    letter = item.answer.strip()
    if letter not in item.letters or len(letter) != 1:
        same = [LETTERS[i] for i, choice in enumerate(item.choices) if choice == item.answer]
        if len(same) != 1:
            letters = f"{item.letters[0]}–{item.letters[-1]}"
            wrong(f"has the answer {short_repr(item.answer)}, which is none of its choices {letters}")
        letter = same[0]
    return Item(item.id, item.question, letter, item.category, item.language, item.choices)


def _csv(path: Path, digest: Any) -> Iterator[Item]:
    """The items of one subject."""
    reader = csv.reader(io.StringIO(_text(path, digest), newline=""), strict=True)
    columns: dict[str, int] | None = None
    seen: dict[str, int] = {}
    start = 1
    try:
        for count, row in enumerate(reader):
            wrong, start = _fault(path, start), reader.line_num + 1
            if columns is None:
                columns, is_heading = _columns(row, wrong)
                if is_heading:
                    continue
            if not any(cell.strip() for cell in row):
                continue
            item = _csv_item(row, columns, (_subject(path), count), wrong)
            if item.id in seen:
                wrong(f"has the id of line {seen[item.id]}")
            seen[item.id] = start - 1
            yield item
    except csv.Error as error:
        _fault(path, reader.line_num)(f"is not CSV ({error})")


def _columns(row: Sequence[str], wrong: _Raise) -> tuple[dict[str, int], bool]:
    """The index of each column, and whether this row is a heading."""
    names = [cell.strip().casefold() for cell in row]
    if "question" in names:
        missing = [name for name in ("question", "a", "b", "answer") if name not in names]
        if missing:
            advice = "; the test files of C-Eval have none, take val" if missing == ["answer"] else ""
            wrong(f"is a heading without the column {', '.join(missing)}{advice}")
        return {name: names.index(name) for name in names}, True
    if len(row) != 6 or row[-1].strip() not in ("A", "B", "C", "D"):
        wrong("is neither a heading with question, A, B, C, D, answer nor six columns that end in the answer's letter")
    return {name: i for i, name in enumerate(("question", "a", "b", "c", "d", "answer"))}, False


def _csv_item(row: Sequence[str], columns: dict[str, int], position: tuple[str, int], wrong: _Raise) -> Item:
    subject, count = position
    if len(row) <= max(columns.values()):
        wrong(f"has {len(row)} columns, {max(columns.values()) + 1} are needed")
    letters = [letter for letter in LETTERS.lower() if letter in columns]
    choices = [row[columns[letter]].strip() for letter in letters]
    while choices and not choices[-1]:
        choices.pop()
    question = row[columns["question"]].strip()
    if not question:
        wrong("has no question")
    number = row[columns["id"]] if "id" in columns else str(count)
    answer = row[columns["answer"]].strip()
    language = language_of(question + "".join(choices))
    return _checked(Item(f"{subject}-{number}", question, answer, subject, language, tuple(choices)), wrong)


def _folder(path: Path) -> list[Path]:
    """The files with the questions."""
    for split in _SPLITS[:2]:
        files = sorted((path / split).glob("*.csv"))
        if files and _has_answers(files[0]):
            return files
    files = sorted(path.glob("*.csv"))
    if not files:
        raise KnownError(
            "no_items",
            f"{path} holds no questions with answers: neither *.csv nor a folder test or val with them.",
            "Name the folder of C-Eval, CMMLU or MMLU that holds dev and test or val.",
            path=str(path),
        )
    return files


def _has_answers(file: Path) -> bool:
    first = next(csv.reader(io.StringIO(_text(file, hashlib.sha256()))), [])
    names = [cell.strip().casefold() for cell in first]
    return "question" not in names or "answer" in names


def _csv_named(folder: Path, subject: str) -> Path | None:
    """The file of a subject in a split's folder."""
    candidates = (folder / f"{subject}_{folder.name}.csv", folder / f"{subject}.csv")
    return next((file for file in candidates if file.is_file()), None)


def _subject(path: Path) -> str:
    name, _, split = path.stem.rpartition("_")
    return name if name and split in _SPLITS else path.stem


def _text(path: Path, digest: Any) -> str:
    data = read_input(path, longest=LONGEST_TEXT)
    digest.update(data)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise KnownError(
            "wrong_encoding",
            f"{path} is not UTF-8 (line {line}).",
            "Save it as UTF-8, for instance with: iconv -f gb18030 -t utf-8",
            path=str(path),
            line=line,
        ) from None


def _string(row: dict[str, Any], key: str, wrong: _Raise) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value.strip():
        wrong(f"has no text “{key}”")
    return value


def _fault(path: Path, line: int) -> _Raise:
    def wrong(what: str) -> NoReturn:
        raise KnownError("bad_items", f"{path}, line {line} {what}.", path=str(path), line=line)

    return wrong
