"""Rows to files, in every format that can hold them; a file gets its name when it is complete."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import IO, Any, Protocol, cast

from belle.data.rows import (
    BAD_ANSWER,
    Conversation,
    PictureConversation,
    Preference,
    PretrainText,
    Row,
    TranscribedRecording,
    kind_of,
)
from belle.durable import replace_file
from belle.errors import KnownError
from belle.prompts import Message, as_text, get_template
from belle.texts import utf8

Fields = dict[str, Any]
_PARQUET_ROWS = 10_000


class RowWriter(Protocol):
    """Writes rows, one after the other."""

    written: int

    def write(self, row: Row) -> None:
        """Raises KnownError("cannot_express") when the format cannot hold the row."""


@contextmanager
def open_writer(path: Path, format_name: str | None = None) -> Iterator[RowWriter]:
    """A writer to `path`: JSON Lines, also for `.json` as BELLE has it, compressed for `.gz`; or `.parquet`.

    The file is written under a temporary name and renamed when the block ends without an exception.

    Args:
        format_name: a key of `WRITABLE`; None for the usual one of each kind of row.

    Raises KnownError: `unknown_format`, `folder_not_writable`.
    """
    if format_name is not None and format_name not in WRITABLE:
        close = get_close_matches(format_name, WRITABLE, n=1)
        hint = f"Did you mean “{close[0]}”? " if close else ""
        raise KnownError(
            "unknown_format",
            f"There is no format “{format_name}” to write.",
            f"{hint}Known formats: {', '.join(WRITABLE)}.",
            format=format_name,
        )
    with replace_file(path) as stream:
        writer = _Writer(stream, path, format_name)
        yield writer
        writer.finish()


class _Writer:
    def __init__(self, stream: IO[bytes], path: Path, format_name: str | None) -> None:
        self.written = 0
        self._format = format_name
        self._sink: _Lines | _Parquet = _Parquet(stream) if path.suffix == ".parquet" else _Lines(stream, path)

    def write(self, row: Row) -> None:
        self._sink.write(to_record(row, self._format))
        self.written += 1

    def finish(self) -> None:
        self._sink.finish()


class _Lines:
    def __init__(self, stream: IO[bytes], path: Path) -> None:
        # Without a time and a name in the header, equal rows give equal files.
        zipped = gzip.GzipFile(filename="", mode="wb", fileobj=stream, mtime=0) if path.suffix == ".gz" else None
        self._stream = cast(IO[bytes], zipped) if zipped is not None else stream
        self._zipped = zipped

    def write(self, record: Fields) -> None:
        self._stream.write(utf8(json.dumps(record, ensure_ascii=False)) + b"\n")

    def finish(self) -> None:
        if self._zipped is not None:
            self._zipped.close()


class _Parquet:
    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._waiting: list[Fields] = []
        self._writer: Any = None

    def write(self, record: Fields) -> None:
        self._waiting.append(record)
        if len(self._waiting) == _PARQUET_ROWS:
            self._write_waiting()

    def finish(self) -> None:
        self._write_waiting()
        self._writer.close()

    def _write_waiting(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pa.Table.from_pylist(self._waiting, schema=self._writer.schema if self._writer else None)
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._stream, table.schema)
        self._writer.write_table(table)
        self._waiting = []


def to_record(row: Row, format_name: str | None = None) -> Fields:
    """The record of a row. Raises KnownError("cannot_express") when the format cannot hold it."""
    name = format_name or _USUAL[kind_of(row)]
    unwanted = row.unwanted if isinstance(row, Conversation) and name not in _LABELLED else ""
    loses_weights = name != "messages" and _has_untrained(row)
    record = None if unwanted or loses_weights else WRITABLE[name](row)
    if record is None:
        raise KnownError(
            "cannot_express",
            f"The format “{name}” cannot hold {_described(row)}.",
            "Choose another format with --to.",
            format=name,
        )
    return record


def _described(row: Row) -> str:
    if isinstance(row, Conversation) and row.unwanted:
        return f"a conversation that is not to be learned, because {row.unwanted}"
    if _has_untrained(row):
        return "a conversation with answers of weight 0"
    if isinstance(row, Conversation):
        return f"a conversation of the roles {', '.join(m.role for m in row.messages)}"
    return "a text for pre-training" if isinstance(row, PretrainText) else "a pair of answers"


def _has_untrained(row: Row) -> bool:
    return isinstance(row, Conversation) and not all(message.trained for message in row.messages)


def _labels(row: Row) -> Fields:
    return {key: value for key, value in (("id", row.id), ("category", row.category)) if value}


def _turns(messages: tuple[Message, ...], names: Mapping[str, str]) -> list[Fields]:
    return [{"from": names[m.role], "value": m.content} for m in messages]


_BELLE_NAMES = {"user": "human", "assistant": "assistant", "system": "system"}
_SHAREGPT_NAMES = {"user": "human", "assistant": "gpt", "system": "system"}


def _belle(row: Row) -> Fields | None:
    if not isinstance(row, Conversation):
        return None
    return {"id": row.id, "conversations": _turns(row.messages, _BELLE_NAMES)} | _labels(row)


def _sharegpt(row: Row) -> Fields | None:
    if not isinstance(row, Conversation):
        return None
    return {"conversations": _turns(row.messages, _SHAREGPT_NAMES)} | _labels(row)


def _llava(row: Row) -> Fields | None:
    if not isinstance(row, PictureConversation):
        return None
    image = {"image": row.picture} if row.picture else {}
    return image | {"conversations": _turns(row.messages, _SHAREGPT_NAMES)} | _labels(row)


def _messages(row: Row) -> Fields | None:
    if not isinstance(row, Conversation):
        return None
    return {"messages": [_openai_turn(message) for message in row.messages]} | _labels(row)


def _openai_turn(message: Message) -> Fields:
    turn: dict[str, Any] = {"role": message.role, "content": message.content}
    return turn if message.trained else turn | {"weight": 0}


def _instruction(row: Row) -> Fields | None:
    if not isinstance(row, Conversation):
        return None
    system = row.messages[0].content if row.messages and row.messages[0].role == "system" else ""
    pairs = _pairs(row.messages[1:] if system else row.messages)
    if not pairs:
        return None
    *history, (question, answer) = pairs
    record: Fields = {"instruction": question, "input": "", "output": answer}
    return record | ({"history": history} if history else {}) | ({"system": system} if system else {}) | _labels(row)


def _pairs(messages: tuple[Message, ...]) -> list[list[str]] | None:
    """Questions with their answers; None when the roles do not alternate."""
    roles = [m.role for m in messages]
    if not roles or roles != ["user", "assistant"] * (len(roles) // 2):
        return None
    return [[q.content, a.content] for q, a in zip(messages[::2], messages[1::2], strict=True)]


def _multiturn(row: Row) -> Fields | None:
    pairs = _pairs(row.messages) if isinstance(row, Conversation) else None
    if not pairs:
        return None
    *history, (question, answer) = pairs
    before = "".join(f"Human:{q}\nAssistant:{a}\n" for q, a in history)
    return {"instruction": f"{before}Human:{question}\nAssistant:", "input": "", "output": answer} | _labels(row)


def _kto(row: Row) -> Fields | None:
    if not isinstance(row, Conversation) or row.unwanted not in ("", BAD_ANSWER):
        return None
    *prompt, answer = row.messages or (Message("user", ""),)
    if answer.role != "assistant" or not prompt:
        return None
    turns = [[{"role": m.role, "content": m.content} for m in part] for part in (prompt, [answer])]
    return {"prompt": turns[0], "completion": turns[1], "label": not row.unwanted} | _labels(row)


def _templated(messages: tuple[Message, ...]) -> str:
    """As BELLE's preference and PPO data is written."""
    return as_text(get_template("belle").segments(messages), eos="</s>")


def _prompt(row: Row) -> Fields | None:
    if not isinstance(row, Conversation):
        return None
    last = max((i for i, m in enumerate(row.messages) if m.role == "user"), default=-1)
    return {"text": _templated(row.messages[: last + 1])} | _labels(row) if last >= 0 else None


def _speech(row: Row) -> Fields | None:
    if not isinstance(row, TranscribedRecording):
        return None
    return {"audio": row.audio, "text": row.text} | _labels(row)


def _text(row: Row) -> Fields | None:
    if not isinstance(row, PretrainText) or isinstance(row, TranscribedRecording):
        return None
    return {"text": row.text} | _labels(row)


def _dpo(row: Row) -> Fields | None:
    if not isinstance(row, Preference):
        return None
    return {"prompt": _templated(row.prompt), "chosen": row.chosen, "rejected": row.rejected} | _labels(row)


def _reward(row: Row) -> Fields | None:
    if not isinstance(row, Preference):
        return None
    before = _templated(row.prompt)
    return {"chosen": before + row.chosen, "rejected": before + row.rejected} | _labels(row)


WRITABLE: Mapping[str, Callable[[Row], Fields | None]] = {
    "belle": _belle,
    "sharegpt": _sharegpt,
    "llava": _llava,
    "messages": _messages,
    "instruction": _instruction,
    "multiturn": _multiturn,
    "kto": _kto,
    "prompt": _prompt,
    "text": _text,
    "speech": _speech,
    "dpo": _dpo,
    "reward": _reward,
}
"""The formats that can be written, by name: each makes a record of a row, or None when it cannot hold the row."""

_LABELLED = ("kto",)
"""The formats with a label for answers that must not be learned."""

_USUAL = {"conversation": "belle", "text": "text", "preference": "dpo", "picture": "llava", "speech": "speech"}
