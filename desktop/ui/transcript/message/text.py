"""The text of one message: a read-only document that is selected, read aloud, copied and clicked, never scrolled.

It is as high as its text; the transcript around it scrolls. Nothing is ever loaded: there are no images, and an address
is opened by the desktop's browser only when a person clicks it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from PySide6.QtCore import QEvent, QMimeData, QPoint, QRect, QRectF, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QDesktopServices,
    QFocusEvent,
    QGuiApplication,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QTextCursor,
    QTextOption,
    QWheelEvent,
)
from PySide6.QtWidgets import QFrame, QMenu, QTextBrowser, QTextEdit, QToolTip, QWidget

from desktop.ui.foreign_text import show_tooltip
from desktop.ui.style.theme import theme
from desktop.ui.transcript import labels
from desktop.ui.transcript.document.background import BlockBackground
from desktop.ui.transcript.document.coloring import Coloring
from desktop.ui.transcript.document.find import occurrences
from desktop.ui.transcript.document.formulas import typesetter
from desktop.ui.transcript.document.render import DocumentRenderer, formulas_of
from desktop.ui.transcript.document.selection import selected_text
from desktop.ui.transcript.document.style import CODE_HEADER, Style
from desktop.ui.transcript.markdown.blocks import Block, Code
from desktop.ui.transcript.message.code_button import CopyCode
from desktop.ui.transcript.message.sideways import SideBar, SideBars

_PASSED_ON = {Qt.Key.Key_PageUp, Qt.Key.Key_PageDown, Qt.Key.Key_Escape}
_SLICE_S = 0.004
"""Seconds of one turn of the event loop that formulas may take to be put in place."""
_FOCUS_RING = {
    Qt.FocusReason.TabFocusReason,
    Qt.FocusReason.BacktabFocusReason,
    Qt.FocusReason.ShortcutFocusReason,
    Qt.FocusReason.OtherFocusReason,
}


class MessageText(QTextBrowser):
    """Shows blocks. `height_for` lays out; the owner gives the size."""

    copy_message = Signal()
    dragged_to = Signal(QPoint)
    """The pointer, in global coordinates, while text is being selected with it."""
    caret_moved = Signal()
    reflowed = Signal()
    """Formulas were drawn: the height may be another now."""
    ring_changed = Signal()
    """Whether the focus is to be shown has changed; the owner draws it, around the text."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._renderer = DocumentRenderer(self.document(), Style(theme(), chinese=False))
        self._background = BlockBackground(self.document(), self._renderer)
        self._coloring = Coloring(self._renderer, self.document(), self)
        self._buttons: dict[int, CopyCode] = {}
        self._bars = SideBars(self._renderer, self, self.viewport().update)
        self._moved_from = 0  # buttons and bars of blocks from here on are to be put in place
        self._streaming = False
        self._awaits_formulas = False
        self._draw_more = QTimer(self)
        self._draw_more.setSingleShot(True)
        self._draw_more.timeout.connect(self._draw_some)
        self.ring = False
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # The widget would lay out for its own size, which comes later.
        self.setLineWrapMode(QTextEdit.LineWrapMode.FixedPixelWidth)
        # Without a width every letter would be a line, until the first `height_for`.
        self.setLineWrapColumnOrWidth(theme().shape("column"))
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
            | Qt.TextInteractionFlag.LinksAccessibleByMouse
            | Qt.TextInteractionFlag.LinksAccessibleByKeyboard
        )
        self.setOpenLinks(False)
        self.setAcceptDrops(False)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.viewport().setAutoFillBackground(False)
        # A text that grows downwards is not painted again as a whole.
        self.setAttribute(Qt.WidgetAttribute.WA_StaticContents)
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_StaticContents)
        # A table or code that is wider than the page scrolls by itself, never the whole message.
        self.horizontalScrollBar().valueChanged.connect(lambda: self.horizontalScrollBar().setValue(0))
        self.anchorClicked.connect(open_address)
        self.cursorPositionChanged.connect(self._caret_moves)
        self._dress()

    # What is shown

    @property
    def blocks(self) -> Sequence[Block]:
        """What is shown now."""
        return self._renderer.blocks

    @property
    def coloring(self) -> Coloring:
        """The colours of code, which come a little later than the code."""
        return self._coloring

    def show_blocks(self, blocks: Sequence[Block], first: int = 0) -> None:
        """Show `blocks`; those before `first` are as they were."""
        above = self.caret_box().top() - theme().px(32)
        anew = self._renderer.show(blocks, first)
        # Qt draws the changed text again; grounds, bars and caret around it are ours to draw.
        self.viewport().update(0, int(above), self.viewport().width(), 1 << 20)
        self._moved_from = min(self._moved_from, first)
        self._coloring.forget(anew)
        for index in [i for i in self._buttons if i >= anew]:
            self._buttons.pop(index).discard()
        self._bars.forget(anew)
        for index in range(first, len(blocks)):
            block = blocks[index]
            if isinstance(block, Code):
                self._coloring.want(index, block)
                self._button(index, block)
        self._want_formulas()

    def restyle(self, style: Style) -> None:
        """Show the same in another style."""
        blocks = list(self._renderer.blocks)
        self._renderer.clear(style)
        self._coloring.forget(0)
        self._dress()
        self.show_blocks(blocks)

    def retranslate(self) -> None:
        """Say the names of the controls in the present language."""
        for button in self._buttons.values():
            button.retranslate()
        for bar in self._bars.all():
            bar.retranslate()

    def set_streaming(self, streaming: bool) -> None:
        """Show a caret after the last character."""
        if streaming != self._streaming:
            self._streaming = streaming
            self._want_formulas()
            self.viewport().update()

    # Size

    def height_for(self, width: int) -> int:
        """Lay the text out in `width` and return its height; buttons over code follow."""
        self._set_width(width)
        for index, button in self._buttons.items():
            if index < self._moved_from:
                continue
            box = self._background.box(index)
            size = button.sizeHint()
            header = theme().px(CODE_HEADER)
            button.setGeometry(
                QRect(
                    int(box.right()) - size.width() - theme().px(6),
                    int(box.top()) + (header - size.height()) // 2,
                    size.width(),
                    size.height(),
                )
            )
        self._bars.place(self._background.box, self._moved_from)
        self._moved_from = len(self._renderer.blocks)
        return self._background.height()

    def natural_width(self, widest: int) -> int:
        """The width that the text takes when it may take up to `widest`."""
        self._set_width(widest)
        if any(isinstance(block, Code) for block in self._renderer.blocks):
            return widest
        return min(widest, int(self.document().idealWidth()) + 2)

    # Finding

    def mark(self, searched: Sequence[str]) -> int | None:
        """Mark every occurrence of the words; returns the y of the first, None when there is none."""
        found: list[QTextEdit.ExtraSelection] = []
        first: QTextCursor | None = None
        color = theme().color("warn")
        color.setAlphaF(0.3)
        for word in searched:
            for cursor in occurrences(self.document(), word):
                selection = QTextEdit.ExtraSelection()
                selection.cursor = cursor
                selection.format.setBackground(color)
                found.append(selection)
                if first is None or cursor.selectionStart() < first.selectionStart():
                    first = cursor
        self.setExtraSelections(found)
        if first is None:
            return None
        for end in (first.selectionEnd(), first.selectionStart()):
            cursor = QTextCursor(self.document())
            cursor.setPosition(end)
            self._reveal(cursor)
        return self.cursorRect(cursor).top()

    def code_buttons(self) -> list[CopyCode]:
        """The copy buttons of code, from top to bottom."""
        return [self._buttons[index] for index in sorted(self._buttons)]

    def side_bars(self) -> list[SideBar]:
        """The scroll bars of tables and code that are wider than the page, from top to bottom."""
        return self._bars.all()

    def selection(self) -> str:
        """The selected text as it looks: bullets, numbers and tabs between cells included."""
        return selected_text(self.textCursor())

    # Qt

    def paintEvent(self, event: QPaintEvent) -> None:
        """Grounds, then text, then the caret of an answer that is being written."""
        painter = QPainter(self.viewport())
        painter.setClipRect(event.rect())
        self._background.paint(painter, QRectF(event.rect()))
        painter.end()
        sight = self.visibleRegion().boundingRect()
        self._renderer.code.put_lines(sight.top(), sight.bottom())
        for band in self._bars.bands(event.rect()):
            super().paintEvent(QPaintEvent(band))
        if self._streaming:
            painter = QPainter(self.viewport())
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme().color("violet"))
            bar = self._bars.of(len(self._renderer.blocks) - 1)
            if bar is not None:
                painter.setClipRect(bar.area)
            painter.drawRoundedRect(self.caret_box(), 1.5, 1.5)

    def caret_box(self) -> QRectF:
        """Where the next words will appear."""
        cursor = QTextCursor(self.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        at = self.cursorRect(cursor)
        height = theme().px(16)
        return QRectF(at.right() + 2, at.center().y() - height / 2, theme().px(7), height)

    def loadResource(self, kind: int, name: QUrl | str) -> object:
        """Nothing is ever loaded."""
        del kind, name
        return None

    def createMimeDataFromSelection(self) -> QMimeData:
        """Plain text: what is pasted elsewhere takes the look of there."""
        data = QMimeData()
        data.setText(self.selection())
        return data

    def wheelEvent(self, event: QWheelEvent) -> None:
        """The transcript scrolls, not the message; sideways, the table or code under the pointer."""
        event.setAccepted(self._bars.turn(event))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Keys that scroll or leave belong to the transcript."""
        alt = bool(event.modifiers() & Qt.KeyboardModifier.AltModifier)
        if event.key() in _PASSED_ON or alt:
            event.ignore()
        else:
            super().keyPressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Tell the transcript, which scrolls when a selection leaves it."""
        super().mouseMoveEvent(event)
        if event.buttons() & Qt.MouseButton.LeftButton:
            self.dragged_to.emit(event.globalPosition().toPoint())

    def focusInEvent(self, event: QFocusEvent) -> None:
        """A ring where the keyboard brought the focus; a click needs none."""
        super().focusInEvent(event)
        self.ring = event.reason() in _FOCUS_RING
        if self.ring and self.textCursor().atEnd() and not self.textCursor().hasSelection():
            # Who comes by keyboard begins at the beginning, wherever the answer has got to.
            self.moveCursor(QTextCursor.MoveOperation.Start)
        self.ring_changed.emit()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """No ring."""
        super().focusOutEvent(event)
        self.ring = False
        self.ring_changed.emit()

    def viewportEvent(self, event: QEvent) -> bool:
        """The address of a link, before it is opened."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            address = self.anchorAt(event.pos())
            if address:
                show_tooltip(event.globalPos(), address, self)
            else:
                QToolTip.hideText()
            return True
        return super().viewportEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Copy what is selected, the address under the pointer, or the whole message."""
        menu = self.context_menu(event.pos())
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(event.globalPos())

    def context_menu(self, at: QPoint) -> QMenu:
        """The menu for a place in the text."""
        menu = QMenu(self)
        menu.addAction(labels.copy(), self.copy).setEnabled(self.textCursor().hasSelection())
        address = self.anchorAt(at)
        if address:
            menu.addAction(labels.copy_address(), lambda: QGuiApplication.clipboard().setText(address))
        menu.addAction(labels.copy_message(), self.copy_message.emit)
        menu.addSeparator()
        menu.addAction(labels.select_all(), self.selectAll)
        return menu

    def _set_width(self, width: int) -> None:
        if self.lineWrapColumnOrWidth() != width:
            self.setLineWrapColumnOrWidth(width)
            self._renderer.tables.fit()
            self._moved_from = 0

    def _want_formulas(self) -> None:
        """Have formulas drawn once the answer is complete; until then, and where that fails, their source is shown."""
        if self._streaming:
            return
        sources = self._formulas_to_draw()
        if not sources:
            return
        if not self._awaits_formulas:
            self._awaits_formulas = True
            typesetter().drawn.connect(self._draw_formulas)
        if not typesetter().want(sources):
            self._draw_formulas()

    def _formulas_to_draw(self) -> set[str]:
        """The sources of which no drawing is shown yet."""
        return set[str]().union(*map(formulas_of, self._renderer.blocks)) - self._renderer.formulas.drawings.keys()

    def _draw_formulas(self) -> None:
        drawings = typesetter().drawings(self._formulas_to_draw())
        if not drawings or self._streaming:
            return
        self._renderer.show_formulas(drawings)
        self._draw_some()

    def _draw_some(self) -> None:
        if self._renderer.draw_formulas(_SLICE_S):
            self._draw_more.start(0)
        self._moved_from = 0
        self.viewport().update()
        self.reflowed.emit()

    def _reveal(self, cursor: QTextCursor) -> None:
        """Scroll the table or code around a place so far sideways that the place is in sight."""
        index = bisect_right(self._renderer.starts, cursor.position()) - 1
        bar = self._bars.of(index)
        if bar is not None:
            bar.settle()
            self._renderer.code.put(index, cursor.block())
            bar.reveal(self.cursorRect(cursor).center().x())

    def _caret_moves(self) -> None:
        if self.hasFocus():
            self._reveal(self.textCursor())
            self.caret_moved.emit()

    def _button(self, index: int, block: Code) -> None:
        button = self._buttons.get(index)
        if button is None:
            self._buttons[index] = CopyCode(block, self)
            self._buttons[index].setVisible(True)
        else:
            button.set_code(block)

    def _dress(self) -> None:
        look = theme()
        self.document().setDefaultFont(look.font_body)
        palette = self.palette()
        palette.setColor(QPalette.ColorRole.Base, Qt.GlobalColor.transparent)
        chosen = look.color("violet")
        chosen.setAlphaF(0.28)
        palette.setColor(QPalette.ColorRole.Highlight, chosen)
        palette.setColor(QPalette.ColorRole.HighlightedText, look.color("ink"))
        self.setPalette(palette)


def open_address(url: QUrl) -> None:
    """Open a web or mail address with the desktop's own program; nothing else is ever opened."""
    if url.scheme().lower() in ("http", "https", "mailto"):
        QDesktopServices.openUrl(url)
