"""Opens what a person wants to import, finds out which program wrote it, and hands out its conversations one by one.

A file may be anything: what is too large, too deep, packed to explode, or no export at all ends in a `KnownError`. What
stands before a damaged place is handed out; the error comes after it.
"""

from __future__ import annotations

import hashlib
import json
import stat
import zipfile
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from belle.documents import DocumentError, check_value_count, parse_json, parse_json_row
from belle.errors import KnownError
from belle.path_guard import open_input, status, unusable
from belle.texts import read_input, utf8
from belle.zip_entries import open_zip, read_entry
from desktop.exchange import own_format
from desktop.exchange.fields import check_version
from desktop.exchange.incoming import IncomingConversation, LeftOut
from desktop.exchange.json_pieces import json_pieces
from desktop.exchange.programs import chatgpt, jan, lm_studio, open_webui
from desktop.store import ConversationTree

LONGEST = 512 << 20
"""Bytes of a file, also of one that is unpacked. Ten years of daily use make about 100 MB."""
MOST_VALUES = 20_000_000
"""Of the JSON in it; a value takes some hundred bytes of memory."""
MOST_THREADS = 20_000
"""Folders of Jan that are looked into."""
_LONGEST_MESSAGE_FILE = 64 << 20
_CHATGPT_FILES = "conversations"  # `conversations.json`, and `conversations-000.json` and so on where there are many
_NEW = "Export the chats once more, or import another file."

_READERS: tuple[tuple[Callable[[Any], bool], Callable[[Any], tuple[ConversationTree, LeftOut]]], ...] = (
    (chatgpt.is_conversation, chatgpt.read_conversation),
    (open_webui.is_chat, open_webui.read_conversation),
    (lm_studio.is_conversation, lm_studio.read_conversation),
)


def conversations_in(path: Path) -> Iterator[IncomingConversation]:
    """The conversations of a file or folder, in its order.

    Raises KnownError, the iterator too: `not_chats`, `chats_damaged`, `newer_export`, `file_too_large`, and those of
    `belle.path_guard`.
    """
    found = status(path)
    if found is not None and stat.S_ISDIR(found.st_mode):
        yield from _folder(path)
    elif found is not None and found.st_size > LONGEST and stat.S_ISREG(found.st_mode):
        raise _too_large(path)
    elif path.name in ("thread.json", "messages.jsonl") and (path.parent / "thread.json").exists():
        yield from _jan_thread(path.parent)
    elif _is_zip(path):
        yield from _zip(path)
    else:
        yield from _text(_decoded(path, read_input(path, longest=LONGEST)), path)


def looks_importable(path: Path) -> bool:
    """Whether a file that was dropped on the window is worth asking whether it is to be imported: by its name."""
    if path.is_dir():
        try:
            return next(_threads(path), None) is not None
        except KnownError:
            return False
    name = path.name.lower()
    return name == "messages.jsonl" or name.endswith((".json", ".zip"))


def _is_zip(path: Path) -> bool:
    with open_input(path) as file:
        return file.read(4) == b"PK\x03\x04"


def _decoded(path: Path, data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise _not_chats(path) from None


def _text(text: str, path: Path) -> Iterator[IncomingConversation]:
    """The conversations of a JSON text."""
    n_found = 0
    try:
        check_value_count(text, MOST_VALUES)
        header, values = json_pieces(text, list_key=own_format.LIST_KEY)
        if own_format.is_own(header):
            check_version(header.get("version"), own_format.VERSION, path)
            if own_format.LIST_KEY in header:
                raise DocumentError("has no list of conversations")
        for value in values:
            yield _incoming(value, own=own_format.is_own(header), path=path, is_first=n_found == 0)
            n_found += 1
    except DocumentError as error:
        if n_found == 0 and not _begins_like_json(text):
            raise _not_chats(path) from None
        raise _damaged(path, error, n_found) from None
    if n_found == 0 and not own_format.is_own(header):
        raise _not_chats(path)


def _begins_like_json(text: str) -> bool:
    return text.removeprefix("\ufeff").lstrip()[:1] in ("{", "[")


def _incoming(value: Any, *, own: bool, path: Path, is_first: bool) -> IncomingConversation:
    if own:
        tree = own_format.read_record(value)
        left_out = LeftOut(images=own_format.lost_pictures(value, tree))
    else:
        reader = next((read for fits, read in _READERS if fits(value)), None)
        if reader is None:
            if is_first:
                raise _not_chats(path)
            raise DocumentError("has something between its chats that is not one")
        tree, left_out = reader(value)
    return IncomingConversation(tree, _digest(value), left_out)


def _digest(value: Any) -> str:
    """The same for the same content, whatever the order of keys and the white space of its file."""
    return hashlib.sha256(utf8(json.dumps(value, sort_keys=True, ensure_ascii=False))).hexdigest()


def _zip(path: Path) -> Iterator[IncomingConversation]:
    left = LONGEST
    try:
        with open_input(path) as file, open_zip(file) as archive:
            names = sorted(name for name in archive.namelist() if _is_chatgpt_file(name))
            if not names:
                raise _not_chats(path)
            for name in names:
                data = read_entry(archive, name, longest=left)
                if data is None:
                    raise _too_large(path)
                left -= len(data)
                yield from _text(_decoded(path, data), path)
    except zipfile.BadZipFile as error:
        raise _damaged(path, DocumentError(f"is a damaged .zip file: {error}"), 0) from None


def _is_chatgpt_file(name: str) -> bool:
    last = name.rpartition("/")[2]
    return last.startswith(_CHATGPT_FILES) and last.endswith(".json")


def _folder(path: Path) -> Iterator[IncomingConversation]:
    n_found = 0
    for folder in _threads(path):
        yield from _jan_thread(folder)
        n_found += 1
    if not n_found:
        raise _not_chats(path)


def _threads(path: Path) -> Iterator[Path]:
    """The folder itself, or those in it, that are threads of Jan. Raises KnownError if it cannot be listed."""
    inside = [path, path / "threads"]
    try:
        listed = [sorted(folder.iterdir())[:MOST_THREADS] for folder in inside if folder.is_dir()]
    except OSError as error:
        raise unusable(path, error) from None
    return (folder for folder in chain([path], *listed) if _is_file(folder / "thread.json"))


def _is_file(path: Path) -> bool:
    """Whether it is a file that can be reached: folders that belong to others are passed over."""
    try:
        return path.is_file()
    except OSError:
        return False


def _jan_thread(folder: Path) -> Iterator[IncomingConversation]:
    thread_file, rows_file = folder / "thread.json", folder / "messages.jsonl"
    try:
        thread = parse_json(read_input(thread_file, longest=_LONGEST_MESSAGE_FILE))
    except DocumentError as error:
        raise _damaged(thread_file, error, 0) from None
    if not jan.is_thread(thread):
        raise _not_chats(folder)
    rows: list[Any] = []
    n_damaged = 0
    data = read_input(rows_file, longest=_LONGEST_MESSAGE_FILE) if status(rows_file) is not None else b""
    for line in filter(bytes.strip, data.split(b"\n")):
        try:
            rows.append(parse_json_row(line))
        except DocumentError:
            n_damaged += 1  # Jan itself cannot open a thread with such a line; the others are whole
    tree, left_out = jan.read_conversation(thread, rows)
    left_out["damaged"] += n_damaged
    yield IncomingConversation(tree, _digest([thread, rows]), left_out)


def _too_large(path: Path) -> KnownError:
    message = f"{path} has more than {LONGEST:,} bytes of text, which is all that is read of an export."
    return KnownError("file_too_large", message, "Import it in parts.", path=str(path), longest=LONGEST)


def _not_chats(path: Path) -> KnownError:
    return KnownError(
        "not_chats",
        f"{path} is not an export of chats that can be read here.",
        "Import a JSON export of ChatBELLE, ChatGPT (also its .zip), LM Studio, Jan or Open WebUI.",
        path=str(path),
    )


def _damaged(path: Path, error: DocumentError, n_found: int) -> KnownError:
    where = f"{path}, line {error.line}," if error.line else f"{path}"
    return KnownError("chats_damaged", f"{where} {error.message}.", _NEW, path=str(path), n_found=n_found)
