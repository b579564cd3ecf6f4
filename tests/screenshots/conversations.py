"""Pictures of the window itself: conversations, sidebar, composer, banners, menus."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from PySide6.QtWidgets import QMenu, QWidget

from desktop.chat.state import Notice
from tests.screenshots.studio import Studio


def _welcome(studio: Studio) -> QWidget:
    studio.controller.conversations.new_chat()
    return studio.window


def _conversation(studio: Studio) -> QWidget:
    studio.open("main")
    return studio.window


def _formula(studio: Studio) -> QWidget:
    studio.open("rich")
    thought = studio.message(1)._thought
    assert thought is not None
    if not thought.is_open:
        thought.toggle()
    return studio.window


def _answering(studio: Studio) -> QWidget:
    """A question that the real model answers."""
    studio.controller.conversations.new_chat()
    studio.window.composer.set_text("Tell me a very long story about a lighthouse.")
    studio.actions.send(studio.window.composer.editor.toPlainText())
    studio.wait(lambda: len(studio.window.transcript.messages()) == 2 and len(studio.stored(1).text) > 80)
    return studio.window


def _editing(studio: Studio) -> QWidget:
    studio.open("main")
    studio.message(0).edit()
    return studio.window


def _forgotten(studio: Studio) -> QWidget:
    """The line where the model no longer remembers, and a pinned message."""
    studio.open("long")
    studio.settle(1)  # the model counts
    studio.window.transcript.scroll_to_message(studio.stored(4).id)
    return studio.window


def _cited(studio: Studio) -> QWidget:
    studio.open("cited")
    studio.read_documents()
    return studio.window


def _attachments(studio: Studio) -> QWidget:
    studio.controller.conversations.new_chat()
    if not studio.actions.attachments.files():
        note = studio.home / "notes.md"
        note.write_text("\n\n".join(answer for _, answer in studio.content.turns), encoding="utf-8")
        studio.actions.attachments.attach([str(studio.home / studio.content.folder / "guide.pdf"), str(note)])
        studio.wait(lambda: len(studio.actions.attachments.files()) == 2)
        studio.settle(1)  # the model counts their tokens
    return studio.window


def _projects(studio: Studio) -> QWidget:
    project = studio.controller.projects.all()[0]
    first = studio.controller.projects.conversations(project.id, limit=1)[0]
    studio.controller.conversations.open(first.id)
    return studio.window


def _search(studio: Studio) -> QWidget:
    studio.open("long")
    studio.window.sidebar.search_field.setText(studio.content.word)
    studio.settle(0.6)
    return studio.window


def _find(studio: Studio) -> QWidget:
    studio.open("long")
    studio.actions.finding.open()
    studio.actions.finding._bar.field.setText(studio.content.word)
    return studio.window


def _reader(studio: Studio) -> QWidget:
    studio.open("rich")
    studio.actions.reader.toggle()
    return studio.window


@contextmanager
def _banners(studio: Studio) -> Iterator[QWidget]:
    studio.open("main")
    controller = studio.controller
    controller.notice.emit(Notice("crashed", "info", {}, ("show_crashes", "delete_crashes"), "crashes"))
    deleted = next(row.id for row in controller.conversations.summaries() if row.title == studio.content.titles[0])
    controller.conversations.delete(deleted)
    yield studio.window
    controller.conversations.undo_delete(f"deleted-{deleted}")
    for key in list(studio.window.banners.keys()):  # no mapping
        studio.window.banners.clear(key)


def _small(studio: Studio) -> QWidget:
    studio.open("rich")
    studio.window.resize(720, 400)
    return studio.window


def _models_menu(studio: Studio) -> QWidget:
    studio.open("main")
    return _popped_up(studio.window.header.model_menu)


def _more_menu(studio: Studio) -> QWidget:
    studio.open("main")
    return _popped_up(studio.window.header.more_menu)


def _popped_up(menu: QMenu) -> QMenu:
    menu.popup(menu.parentWidget().mapToGlobal(menu.parentWidget().rect().bottomLeft()))
    return menu


SCREENS = {
    "welcome": _welcome,
    "conversation": _conversation,
    "formula": _formula,
    "answering": _answering,
    "editing": _editing,
    "forgotten": _forgotten,
    "cited": _cited,
    "attachments": _attachments,
    "projects": _projects,
    "search": _search,
    "find": _find,
    "reader": _reader,
    "banners": _banners,
    "small": _small,
    "models-menu": _models_menu,
    "more-menu": _more_menu,
}
