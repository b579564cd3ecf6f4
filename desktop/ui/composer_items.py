"""What goes along with the next question, and is shown above the composer: files and pictures alike.

Each conversation has its own; those of the open one are shown. What is being read when its conversation is left comes
to that conversation all the same.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Generic, TypeVar

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QVBoxLayout, QWidget

if TYPE_CHECKING:
    from desktop.chat.controller import ChatController
    from desktop.ui.window.layout import WindowLayout

ItemT = TypeVar("ItemT", bound=QWidget)


class ComposerItems(QObject, Generic[ItemT]):
    """One kind of them, each with a widget and a number, in the order of the numbers.

    Args:
        window: where they are shown.
        controller: whose conversations they belong to.
        reading_notice: the key of the notice that a question has to wait for them.
    """

    def __init__(self, window: WindowLayout, controller: ChatController, reading_notice: str) -> None:
        super().__init__(window)
        self._window, self._controller, self._reading_notice = window, controller, reading_notice
        self._bar: QWidget | None = None
        self._items: dict[int | None, dict[int, ItemT]] = {}
        self._conversation_of: dict[int, int | None] = {}  # of those that are being read
        controller.conversation_opened.connect(lambda *_: self._opened())

    @abstractmethod
    def _restore(self, conversation_id: int | None) -> None:
        """Add what the draft of a conversation had when the program ended."""

    @abstractmethod
    def _make_bar(self) -> tuple[QWidget, QVBoxLayout]:
        """What stands above the composer, and the column in it for the items."""

    @abstractmethod
    def _forget(self, number: int) -> None:
        """An item is not wanted any more."""

    @abstractmethod
    def _save(self, conversation_id: int | None) -> None:
        """Keep the items of a conversation with its draft."""

    def clear(self, conversation_id: int | None) -> None:
        """They have been sent."""
        for number, item in self._items.pop(conversation_id, {}).items():
            self._forget(number)
            item.deleteLater()
        self._show()

    def _is_reading(self) -> bool:
        """Whether something for the open conversation is still being read."""
        return self._open_id() in self._conversation_of.values()

    def _open_id(self) -> int | None:
        conversation = self._controller.conversation
        return conversation.id if conversation else None

    def _open(self) -> dict[int, ItemT]:
        return self._items.setdefault(self._open_id(), {})

    def _shown(self) -> list[ItemT]:
        """Those of the open conversation, in order."""
        return [item for _, item in sorted(self._open().items())]

    def _item(self, number: int) -> ItemT | None:
        return next((items[number] for items in self._items.values() if number in items), None)

    def _opened(self) -> None:
        """Show those of the open conversation; the first time, those of the last run."""
        conversation_id = self._open_id()
        if conversation_id not in self._items:
            self._items[conversation_id] = {}
            self._restore(conversation_id)
        self._show()

    def _insert(self, conversation_id: int | None, number: int, item: ItemT) -> None:
        """Put an item in its place: in the order in which they were chosen, whichever was read first."""
        if self._bar is None:
            self._bar, self._column = self._make_bar()
            self._window.add_above_composer(self._bar)
        self._items.setdefault(conversation_id, {})[number] = item
        before = sum(other < number for others in self._items.values() for other in others)
        self._column.insertWidget(before, item)

    def _ended(self, number: int) -> None:
        """Something has been read, or could not be."""
        del self._conversation_of[number]
        if not self._conversation_of:
            self._controller.notice_cleared.emit(self._reading_notice)

    def _remove(self, number: int) -> None:
        item = self._open().pop(number, None)
        if item is not None:
            self._forget(number)
            item.hide()
            item.deleteLater()
            self._save(self._open_id())
        self._show()
        self._window.composer.setFocus(Qt.FocusReason.OtherFocusReason)

    def _show(self) -> None:
        if self._bar is None:
            return
        shown = self._open()
        for items in self._items.values():
            for item in items.values():
                item.setVisible(items is shown)
        self._bar.setVisible(bool(shown))
