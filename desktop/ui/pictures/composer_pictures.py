"""Which pictures go along with the next question of which conversation: cards above the composer of the open one."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from desktop.chat.state import Notice
from desktop.i18n import translate
from desktop.store.records import StoredPicture
from desktop.ui.announce import announce
from desktop.ui.composer_items import ComposerItems
from desktop.ui.foreign_text import shortened
from desktop.ui.pictures.card import PictureCard
from desktop.ui.pictures.thumbnails import picture_source
from desktop.ui.style.theme import theme

if TYPE_CHECKING:
    from belle.errors import KnownError
    from desktop.chat.controller import ChatController
    from desktop.chat.pictures.reading import PictureReading
    from desktop.ui.window.layout import WindowLayout

MAX_PICTURES = 4
"""Of one question."""
_BAR_HEIGHT = 220  # pixels at 100 %; more cards scroll
_COUNT_MS = 400
_READING = "picture-reading"
"""Key of the notice that a question has to wait for its pictures."""


class ComposerPictures(ComposerItems[PictureCard]):
    """Shows the pictures, keeps them with the draft, and has the text in them read for a model that cannot see.

    Args:
        window: where the cards are shown.
        controller: who reads the pictures.
    """

    def __init__(self, window: WindowLayout, controller: ChatController) -> None:
        super().__init__(window, controller, _READING)
        picture_source().data = controller.picture_data
        picture_source().opened.connect(self._show_large)
        window.composer.pictures_pasted.connect(self.add)
        window.composer.picture_pasted.connect(self.paste)
        self._opened()

    @cached_property
    def _reading(self) -> PictureReading:
        """Who reads pictures; made and connected at the first use."""
        reading = self._controller.pictures
        reading.added.connect(self._added)
        reading.ended.connect(self._ended)
        # Methods, not lambdas: they are called in the window's thread, though the signals come from others.
        reading.text_read.connect(self._text_read)
        reading.text_failed.connect(self._text_failed)
        reading.counted.connect(self._counted)
        reading.sight_changed.connect(self._sight_changed)
        return reading

    def pictures(self) -> tuple[StoredPicture, ...]:
        """Those that go along with the next question of the open conversation."""
        return tuple(card.picture for card in self._shown())

    def cards(self) -> list[PictureCard]:
        """The cards that are shown."""
        return self._shown()

    def refuses_to_send(self) -> bool:
        """Whether a picture of the open conversation, or the text in it, is still being read, or no model is there
        that sees or not; that is said."""
        kind = ""
        if self._is_reading() or any(card.is_reading for card in self.cards()):
            kind = "picture_reading"
        elif self.cards() and self._reading.sees is None:
            kind = "picture_waits"
        if kind:
            self._controller.notice.emit(Notice(kind, "info", {}, (), _READING))
        return bool(kind)

    def add(self, paths: list[str]) -> None:
        """Read files, and show a card for each; of too many the first."""
        for path in paths[: self._room(len(paths))]:
            self._conversation_of[self._reading.read(Path(path))] = self._open_id()

    def paste(self, content: bytes) -> None:
        """Read a picture that was copied."""
        if self._room(1):
            name = translate("Pictures", "pasted picture")
            self._conversation_of[self._reading.read_content(content, name)] = self._open_id()

    def _room(self, wanted: int) -> int:
        """How many of `wanted` more pictures there is room for; what is left out is said."""
        under_way = sum(owner == self._open_id() for owner in self._conversation_of.values())
        room = max(0, MAX_PICTURES - len(self._open()) - under_way)
        if wanted > room:
            details = {"number": wanted - room, "most": MAX_PICTURES}
            self._controller.notice.emit(Notice("pictures_too_many", "warn", details, (), "pictures"))
        return min(wanted, room)

    def _show_large(self, picture: StoredPicture) -> None:
        from desktop.ui.pictures.viewer import PictureDialog  # with dialogs, which an idle window leaves out

        PictureDialog(picture, self._window).open()

    def _restore(self, conversation_id: int | None) -> None:
        for picture in self._controller.drafting.pictures(conversation_id):
            self._add_card(conversation_id, self._reading.number(), picture, 1)

    def _added(self, number: int, picture: StoredPicture, n_frames: int) -> None:
        conversation_id = self._conversation_of[number]  # it may have been left while the file was read
        self._add_card(conversation_id, number, picture, n_frames)
        name = shortened(picture.name)
        announce(self._window, translate("Attachments", "Attached: {names}").format(names=name))
        self._save(conversation_id)
        self._show()

    def _add_card(self, conversation_id: int | None, number: int, picture: StoredPicture, n_frames: int) -> None:
        card = PictureCard(picture, n_frames)
        card.removed.connect(lambda: self._remove(number))
        self._insert(conversation_id, number, card)
        counting = QTimer(card, singleShot=True, interval=_COUNT_MS)
        counting.timeout.connect(lambda: self._reading.count(number, card.picture))
        card.text_changed.connect(lambda: self._save(conversation_id))
        card.text_changed.connect(counting.start)
        self._prepare(number, card)
        counting.start()

    def _prepare(self, number: int, card: PictureCard) -> None:
        """Have the text in a picture read where the model, if there is one by now, cannot see."""
        picture = card.picture
        match self._reading.sees:
            case True:
                self._reading.forget(number)
                card.set_seen()
            case False if picture.text:
                card.set_text(picture.text)
            case False if self._reading.can_read_text and not card.is_reading:
                card.set_reading()
                self._reading.read_text(number, picture.data or self._controller.picture_data(picture.digest))
            case False if not self._reading.can_read_text:
                card.set_missing(self._reading.install_command)

    def _sight_changed(self) -> None:
        """Another model was loaded."""
        for cards in self._items.values():
            for number, card in cards.items():
                self._prepare(number, card)
                self._reading.count(number, card.picture)
        self._fit()

    def _make_bar(self) -> tuple[QWidget, QVBoxLayout]:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        bar = QScrollArea()
        bar.setWidgetResizable(True)
        bar.setFrameShape(QFrame.Shape.NoFrame)
        bar.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        bar.setWidget(inside)
        return bar, column

    def _forget(self, number: int) -> None:
        self._reading.forget(number)

    def _text_read(self, number: int, text: str) -> None:
        if card := self._item(number):
            card.set_text(text)
            self._fit()

    def _text_failed(self, number: int, error: KnownError) -> None:
        if card := self._item(number):
            card.set_failed(error.message)
            self._fit()

    def _counted(self, number: int, tokens: int) -> None:
        if card := self._item(number):
            card.set_tokens(tokens)

    def _save(self, conversation_id: int | None) -> None:
        cards = sorted(self._items.get(conversation_id, {}).items())
        self._controller.drafting.set_pictures(conversation_id, tuple(card.picture for _, card in cards))

    def _show(self) -> None:
        super()._show()
        self._fit()

    def _fit(self) -> None:
        """As high as the cards, up to a limit: the conversation needs room, too."""
        if self._bar is not None:
            self._column.activate()
            wanted = sum(card.sizeHint().height() + self._column.spacing() for card in self._shown())
            self._bar.setFixedHeight(min(wanted, theme().px(_BAR_HEIGHT)))
