"""Which pictures go along with the next question of which conversation: cards above the composer of the open one."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from desktop.chat.state import Notice
from desktop.i18n import translate
from desktop.store.records import StoredPicture
from desktop.ui.announce import announce
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


class ComposerPictures(QObject):
    """Shows the pictures, keeps them with the draft, and has the text in them read for a model that cannot see.

    Args:
        window: where the cards are shown.
        controller: who reads the pictures.
    """

    def __init__(self, window: WindowLayout, controller: ChatController) -> None:
        super().__init__(window)
        self._window, self._controller = window, controller
        self._bar: QScrollArea | None = None
        self._cards: dict[int | None, dict[int, PictureCard]] = {}
        self._conversation_of: dict[int, int | None] = {}  # of the pictures that are being read
        picture_source().data = controller.picture_data
        picture_source().opened.connect(self._show_large)
        window.composer.pictures_pasted.connect(self.add)
        window.composer.picture_pasted.connect(self.paste)
        controller.conversation_opened.connect(lambda *_: self._opened())
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
        return tuple(card.picture for _, card in sorted(self._open().items()))

    def cards(self) -> list[PictureCard]:
        """The cards that are shown."""
        return [card for _, card in sorted(self._open().items())]

    def refuses_to_send(self) -> bool:
        """Whether a picture of the open conversation, or the text in it, is still being read, or no model is there
        that sees or not; that is said."""
        kind = ""
        if self._open_id() in self._conversation_of.values() or any(card.is_reading for card in self.cards()):
            kind = "picture_reading"
        elif self.cards() and self._reading.sees is None:
            kind = "picture_waits"
        if kind:
            self._controller.notice.emit(Notice(kind, "info", {}, (), _READING))
        return bool(kind)

    def clear(self, conversation_id: int | None) -> None:
        """They have been sent."""
        for number, card in self._cards.pop(conversation_id, {}).items():
            self._reading.forget(number)
            card.deleteLater()
        self._show()

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

    def _opened(self) -> None:
        """Show the cards of the open conversation; the first time, those of the last run."""
        conversation_id = self._open_id()
        if conversation_id not in self._cards:
            self._cards[conversation_id] = {}
            for picture in self._controller.drafting.pictures(conversation_id):
                self._add_card(conversation_id, self._reading.number(), picture, 1)
        self._show()

    def _open_id(self) -> int | None:
        conversation = self._controller.conversation
        return conversation.id if conversation else None

    def _open(self) -> dict[int, PictureCard]:
        return self._cards.setdefault(self._open_id(), {})

    def _added(self, number: int, picture: StoredPicture, n_frames: int) -> None:
        conversation_id = self._conversation_of[number]  # it may have been left while the file was read
        self._cards.setdefault(conversation_id, {})
        self._add_card(conversation_id, number, picture, n_frames)
        name = shortened(picture.name)
        announce(self._window, translate("Attachments", "Attached: {names}").format(names=name))
        self._save(conversation_id)
        self._show()

    def _ended(self, number: int) -> None:
        del self._conversation_of[number]
        if not self._conversation_of:
            self._controller.notice_cleared.emit(_READING)

    def _add_card(self, conversation_id: int | None, number: int, picture: StoredPicture, n_frames: int) -> None:
        if self._bar is None:
            self._make_bar()
        card = self._cards[conversation_id][number] = PictureCard(picture, n_frames)
        card.removed.connect(lambda: self._remove(number))
        before = sum(other < number for others in self._cards.values() for other in others)
        self._column.insertWidget(before, card)
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
        for cards in self._cards.values():
            for number, card in cards.items():
                self._prepare(number, card)
                self._reading.count(number, card.picture)
        self._fit()

    def _make_bar(self) -> None:
        inside = QWidget()
        self._column = QVBoxLayout(inside)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self._bar = QScrollArea()
        self._bar.setWidgetResizable(True)
        self._bar.setFrameShape(QFrame.Shape.NoFrame)
        self._bar.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._bar.setWidget(inside)
        self._window.add_above_composer(self._bar)

    def _text_read(self, number: int, text: str) -> None:
        if card := self._card(number):
            card.set_text(text)
            self._fit()

    def _text_failed(self, number: int, error: KnownError) -> None:
        if card := self._card(number):
            card.set_failed(error.message)
            self._fit()

    def _counted(self, number: int, tokens: int) -> None:
        if card := self._card(number):
            card.set_tokens(tokens)

    def _card(self, number: int) -> PictureCard | None:
        return next((cards[number] for cards in self._cards.values() if number in cards), None)

    def _save(self, conversation_id: int | None) -> None:
        cards = sorted(self._cards.get(conversation_id, {}).items())
        self._controller.drafting.set_pictures(conversation_id, tuple(card.picture for _, card in cards))

    def _remove(self, number: int) -> None:
        card = self._open().pop(number, None)
        if card is not None:
            self._reading.forget(number)
            card.hide()
            card.deleteLater()
            self._save(self._open_id())
        self._show()
        self._window.composer.setFocus(Qt.FocusReason.OtherFocusReason)

    def _show(self) -> None:
        if self._bar is None:
            return
        shown = self._open()
        for cards in self._cards.values():
            for card in cards.values():
                card.setVisible(cards is shown)
        self._bar.setVisible(bool(shown))
        self._fit()

    def _fit(self) -> None:
        """As high as the cards, up to a limit: the conversation needs room, too."""
        if self._bar is not None:
            self._column.activate()
            wanted = sum(card.sizeHint().height() + self._column.spacing() for card in self._open().values())
            self._bar.setFixedHeight(min(wanted, theme().px(_BAR_HEIGHT)))
