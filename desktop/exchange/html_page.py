"""Conversations as one HTML page that needs nothing else: readable in both themes, unable to run or load anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from belle.report.html import as_it_is, render, render_sealed, theme_colours
from desktop.exchange.message_html import message_html
from desktop.exchange.picture_fields import data_address
from desktop.exchange.words import ExportWords, facts, is_cut_off, moment
from desktop.markup.highlight import COLOR_NAMES
from desktop.store import ConversationTree, TreeMessage
from desktop.store.records import StoredPicture

_TEMPLATE = Path(__file__).with_name("page.html.j2")
_PRINT_TEMPLATE = Path(__file__).with_name("print.html.j2")
_BLUE = "#1F5FA8"  # a colour of code that the theme has no name for


def html_page(trees: Iterable[ConversationTree], words: ExportWords) -> str:
    """The page; with several conversations it begins with a list of them."""
    chats = [_chat(tree, words) for tree in trees]
    title = chats[0]["title"] if len(chats) == 1 else words.chats
    colours = sorted(COLOR_NAMES)
    values = {"language": words.language, "title": title, "chats": chats, "words": words, "colours": colours}
    return render_sealed(_TEMPLATE, own_pictures=any(message["pictures"] for message in _messages(chats)), **values)


def print_page(trees: Iterable[ConversationTree], words: ExportWords) -> str:
    """The same for paper, in the little HTML that QTextDocument understands; thoughts are unfolded."""
    chats = [_chat(tree, words) for tree in trees]
    colour = {**theme_colours("light"), "blue": _BLUE}
    return render(_PRINT_TEMPLATE, chats=chats, words=words, colours=sorted(COLOR_NAMES), colour=colour)


def _messages(chats: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    return (message for chat in chats for message in chat["messages"])


def _chat(tree: ConversationTree, words: ExportWords) -> dict[str, Any]:
    return {
        "title": words.title(tree),
        "facts": facts(tree),
        "system_prompt": _said(tree.prompt_in_force),
        "messages": [_message(message, words) for message in tree.active_path()],
    }


def _message(message: TreeMessage, words: ExportWords) -> dict[str, Any]:
    return {
        "role": message.role,
        "speaker": words.speaker(message),
        "moment": moment(message.created_at),
        "thinking": _said(message.thinking),
        "thoughts_title": words.thoughts_title(message),
        "said": _said(message.text),
        "files": words.attachments(message),
        "pictures": [_picture(picture, words) for picture in message.pictures],
        "sources": words.sources(message),
        "cut_off": is_cut_off(message),
    }


def _picture(picture: StoredPicture, words: ExportWords) -> dict[str, Any]:
    return {
        "name": picture.name,
        "address": data_address(picture),
        "width": picture.width,
        "text": picture.text.strip(),
        "text_title": words.picture_text(picture),
    }


def _said(text: str) -> Any:
    return as_it_is(message_html(text)) if text.strip() else ""
