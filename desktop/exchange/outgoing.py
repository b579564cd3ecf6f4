"""Writes conversations to a file in one of the formats. The file gets its name when it is whole."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from belle.durable import replace_file, write_bytes, writing
from belle.texts import utf8
from desktop.exchange.html_page import html_page
from desktop.exchange.markdown_text import markdown
from desktop.exchange.own_format import own_json
from desktop.exchange.picture_fields import files_of
from desktop.exchange.words import ExportWords
from desktop.store import ConversationTree

ENDINGS = (".md", ".html", ".json", ".zip")
"""A `.zip` holds one `.md` for each conversation; pictures are files of their own beside a `.md`."""
_PICTURES = "pictures"
_LONGEST_NAME = 60
_UNSAFE = re.compile(r"[^\w\s.()\-]|[\x00-\x1f]")


def export(trees: Iterable[ConversationTree], path: Path, words: ExportWords) -> None:
    """Write conversations to `path`, in the format of its ending (`ENDINGS`; a `.md` has them one after the other).

    Raises KnownError where it cannot be written; then there is no such file, or it is as it was.
    """
    match path.suffix.lower():
        case ".zip":
            _export_zip(trees, path, words)
        case ".html":
            _export_pieces(iter([utf8(html_page(trees, words))]), path)
        case ".json":
            _export_pieces(own_json(trees), path)
        case _:
            texts = (_markdown(tree, words, path) for tree in trees)
            _export_pieces((utf8(("\n---\n\n" if place else "") + text) for place, text in enumerate(texts)), path)


def _markdown(tree: ConversationTree, words: ExportWords, path: Path) -> str:
    """The text of a conversation for the file `path`; its pictures become files in a folder beside that."""
    folder = path.with_name(f"{path.stem}-{_PICTURES}")
    for name, data in _picture_files(tree).items():
        with writing(folder):
            folder.mkdir(exist_ok=True)
        write_bytes(folder / name, data)
    return markdown(tree, words, folder.name)


def _picture_files(tree: ConversationTree) -> dict[str, bytes]:
    return files_of([picture for message in tree.active_path() for picture in message.pictures])


def _export_pieces(pieces: Iterator[bytes], path: Path) -> None:
    with replace_file(path) as file:
        for piece in pieces:
            file.write(piece)


def _export_zip(trees: Iterable[ConversationTree], path: Path, words: ExportWords) -> None:
    taken: set[str] = set()
    pictures: set[str] = set()
    with replace_file(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for tree in trees:
            text = utf8(markdown(tree, words, _PICTURES))
            archive.writestr(_free_name(file_name(words.title(tree)), taken), text)
            for name, data in _picture_files(tree).items():
                if name not in pictures:
                    pictures.add(name)
                    archive.writestr(f"{_PICTURES}/{name}", data)


def _free_name(name: str, taken: set[str]) -> str:
    free, number = f"{name}.md", 2
    while free.casefold() in taken:
        free, number = f"{name} ({number}).md", number + 1
    taken.add(free.casefold())
    return free


def file_name(title: str) -> str:
    """A name for a file, without its ending, that every system takes."""
    name = " ".join(_UNSAFE.sub(" ", title).split())[:_LONGEST_NAME].strip(" .")
    return name or "chat"
