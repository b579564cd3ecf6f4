"""The text of one message: a read-only document that can be selected, copied, read aloud and clicked, never scrolled.

The widget is as high as its text; the transcript around it scrolls. Nothing is ever loaded: there are no images, and an
address is opened in the desktop's browser only when a person clicks it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from PySide6.QtCore import QEvent, QMimeData, QPoint, QRectF, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
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
from desktop.ui.links import links
from desktop.ui.style.theme import text_theme
from desktop.ui.transcript import labels
from desktop.ui.transcript.document.background import BlockBackground
from desktop.ui.transcript.document.coloring import Coloring
from desktop.ui.transcript.document.formulas import typesetter
from desktop.ui.transcript.document.render import DocumentRenderer, formulas_of
from desktop.ui.transcript.document.selection import selected_text
from desktop.ui.transcript.document.style import Style
from desktop.ui.transcript.markdown.blocks import Block, Code
from desktop.ui.transcript.markdown.citations import SCHEME
from desktop.ui.transcript.message.code_button import CodeButton, CodeButtons
from desktop.ui.transcript.message.marks import WordMarks
from desktop.ui.transcript.message.sideways import SideBar, SideBars

_TRANSCRIPT_KEYS = {Qt.Key.Key_PageUp, Qt.Key.Key_PageDown, Qt.Key.Key_Escape}
_FIRST_WIDTH = 720
"""Pixels at 100 % for which a text is laid out before its width is known."""
_SLICE_S = 0.004
"""Seconds for which drawings of formulas are inserted in one turn of the event loop."""
_RING_REASONS = {
    Qt.FocusReason.TabFocusReason,
    Qt.FocusReason.BacktabFocusReason,
    Qt.FocusReason.ShortcutFocusReason,
    Qt.FocusReason.OtherFocusReason,
}


class MessageText(QTextBrowser):
    """Shows blocks. `height_for` lays out; the owner sets the size."""

    copy_message = Signal()
    pin_message = Signal()
    compare_message = Signal()
    remember = Signal(str)  # the selected text; empty: the whole message
    source_chosen = Signal(int)  # number of a passage that the answer cites
    save_code = Signal(object)  # a `Code` that is to become a file
    dragged_to = Signal(QPoint)
    """The pointer, in global coordinates, while text is being selected with it."""
    caret_moved = Signal()
    reflowed = Signal()
    """Formulas were drawn: the height may have changed."""
    ring_changed = Signal()
    """`ring` may have changed: whether the owner paints a focus ring around the text."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._renderer = DocumentRenderer(self.document(), Style(text_theme(), chinese=False))
        self._background = BlockBackground(self.document(), self._renderer)
        self._coloring = Coloring(self._renderer, self.document(), self)
        self.marks = WordMarks(self, self._reveal)
        self._buttons = CodeButtons(self, self.save_code.emit)
        self._bars = SideBars(self._renderer, self, self.viewport().update)
        self._moved_from = 0  # buttons and bars of the blocks from here on have to be placed again
        self._streaming = False
        self._follows_typesetter = False
        self._draw_more = QTimer(self)
        self._draw_more.setSingleShot(True)
        self._draw_more.timeout.connect(self._draw_some)
        self.pinned = False
        self.has_question = True  # and other models can answer it
        self.ring = False
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # In the default mode Qt lays the text out for the size of the widget, which is known only after the layout.
        self.setLineWrapMode(QTextEdit.LineWrapMode.FixedPixelWidth)
        # The default width is 0: each letter would be laid out as a line, until the first `height_for`.
        self.setLineWrapColumnOrWidth(text_theme().px(_FIRST_WIDTH))
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
            | Qt.TextInteractionFlag.LinksAccessibleByMouse
            | Qt.TextInteractionFlag.LinksAccessibleByKeyboard
        )
        # In a mirrored window Qt would begin at the right end of a range that this widget does not scroll. The
        # direction of each paragraph is that of its own text, see `is_right_to_left`.
        self.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
        self.setOpenLinks(False)
        self.setAcceptDrops(False)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.viewport().setAutoFillBackground(False)
        # When the widget grows downwards, only its new part is painted.
        self.setAttribute(Qt.WidgetAttribute.WA_StaticContents)
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_StaticContents)
        # Wide tables and code have bars of their own. Qt scrolls the whole message when the cursor moves out of sight,
        # even with the scroll bar hidden: undo that.
        self.horizontalScrollBar().valueChanged.connect(lambda: self.horizontalScrollBar().setValue(0))
        self.anchorClicked.connect(self._open)
        self.cursorPositionChanged.connect(self._caret_changed)
        self._apply_theme()

    # What is shown

    @property
    def blocks(self) -> Sequence[Block]:
        """The blocks that are shown."""
        return self._renderer.blocks

    @property
    def coloring(self) -> Coloring:
        """The syntax highlighting, which follows a little later than the code."""
        return self._coloring

    def show_blocks(self, blocks: Sequence[Block], first: int = 0) -> None:
        """Show `blocks`, of which those before `first` are unchanged."""
        top = self.caret_box().top() - text_theme().px(32)
        inserted = self._renderer.show(blocks, first)
        # Qt paints only the text that changed; backgrounds and bars around it, and the caret, may reach further.
        self.viewport().update(0, int(top), self.viewport().width(), 1 << 20)
        self._moved_from = min(self._moved_from, first)
        self._coloring.forget(inserted)
        self._buttons.forget(inserted)
        self._bars.forget(inserted)
        for index in range(first, len(blocks)):
            block = blocks[index]
            if isinstance(block, Code):
                self._coloring.request(index, block)
                self._buttons.show(index, block)
        self._request_formulas()

    def restyle(self, style: Style) -> None:
        """Show the same blocks in another style."""
        blocks = list(self._renderer.blocks)
        self._renderer.clear(style)
        self._coloring.forget(0)
        self._apply_theme()
        self.show_blocks(blocks)

    def retranslate(self) -> None:
        """Set the names of buttons and bars in the current language."""
        self._buttons.retranslate()
        for bar in self._bars.all():
            bar.retranslate()

    def set_streaming(self, streaming: bool) -> None:
        """Whether the text is being generated: then a caret is shown behind it, and no formula is drawn."""
        if streaming != self._streaming:
            self._streaming = streaming
            self._request_formulas()
            self.viewport().update()

    # Size

    def height_for(self, width: int) -> int:
        """Lay out for a width in pixels and return the height; the buttons and bars of blocks are placed."""
        self._set_width(width)
        self._buttons.place(self._background.box, self._moved_from)
        self._bars.place(self._background.box, self._moved_from)
        self._moved_from = len(self._renderer.blocks)
        return self._background.height()

    def natural_width(self, widest: int) -> int:
        """The width in pixels that the text needs, at most `widest`."""
        self._set_width(widest)
        if any(isinstance(block, Code) for block in self._renderer.blocks):
            return widest
        return min(widest, int(self.document().idealWidth()) + 2)

    # Parts

    def code_buttons(self) -> list[CodeButton]:
        """The buttons of code, in reading order."""
        return self._buttons.all()

    def side_bars(self) -> list[SideBar]:
        """The scroll bars of tables and code that are wider than the page, from top to bottom."""
        return self._bars.all()

    def selection(self) -> str:
        """The selected text, with bullets, numbers and tabs between cells."""
        return selected_text(self.textCursor())

    # Qt

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint backgrounds, then the text, then the caret of an answer that is being generated."""
        painter = QPainter(self.viewport())
        painter.setClipRect(event.rect())
        self._background.paint(painter, QRectF(event.rect()))
        painter.end()  # before `super().paintEvent`: only one painter may be active on a widget
        visible = self.visibleRegion().boundingRect()
        self._renderer.code.shift_lines(visible.top(), visible.bottom())
        # QTextEdit clips its painting to the rectangle of the event: a scrolled block is cut off at its area.
        for band in self._bars.bands(event.rect()):
            super().paintEvent(QPaintEvent(band))
        if self._streaming:
            painter = QPainter(self.viewport())
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(text_theme().color("violet"))
            bar = self._bars.of(len(self._renderer.blocks) - 1)
            if bar is not None:
                painter.setClipRect(bar.area)
            painter.drawRoundedRect(self.caret_box(), 1.5, 1.5)

    def caret_box(self) -> QRectF:
        """The rectangle of the caret, where the next words will appear."""
        cursor = QTextCursor(self.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        at = self.cursorRect(cursor)
        height = text_theme().px(16)
        return QRectF(at.right() + 2, at.center().y() - height / 2, text_theme().px(7), height)

    def loadResource(self, kind: int, name: QUrl | str) -> object:
        """Load nothing."""
        del kind, name
        return None

    def createMimeDataFromSelection(self) -> QMimeData:
        """Plain text only, so that pasted text takes the format of where it is pasted."""
        data = QMimeData()
        data.setText(self.selection())
        return data

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scroll the table or code under the pointer sideways; all else is left to the transcript."""
        event.setAccepted(self._bars.turn(event))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Leave the keys that scroll the transcript, or lead out of the message, to the transcript."""
        alt = bool(event.modifiers() & Qt.KeyboardModifier.AltModifier)
        if event.key() in _TRANSCRIPT_KEYS or alt:
            event.ignore()
        else:
            super().keyPressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Report the pointer, because the transcript scrolls when a selection leaves it."""
        super().mouseMoveEvent(event)
        if event.buttons() & Qt.MouseButton.LeftButton:
            self.dragged_to.emit(event.globalPosition().toPoint())

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show a focus ring when the focus came by keyboard; after a click it is not needed."""
        super().focusInEvent(event)
        self.ring = event.reason() in _RING_REASONS
        if self.ring and self.textCursor().atEnd() and not self.textCursor().hasSelection():
            # Streaming leaves the text cursor at the end; a reader who comes by keyboard begins at the beginning.
            self.moveCursor(QTextCursor.MoveOperation.Start)
        self.ring_changed.emit()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Hide the focus ring."""
        super().focusOutEvent(event)
        self.ring = False
        self.ring_changed.emit()

    def viewportEvent(self, event: QEvent) -> bool:
        """Show the address of a link as its tooltip."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            address = self.anchorAt(event.pos())
            if address and not address.startswith(f"{SCHEME}:"):
                show_tooltip(event.globalPos(), address, self)
            else:
                QToolTip.hideText()
            return True
        return super().viewportEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Open the menu: copy the selection, the address under the pointer, or the whole message."""
        menu = self.context_menu(event.pos())
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(event.globalPos())

    def context_menu(self, at: QPoint) -> QMenu:
        """The menu for a position in the viewport."""
        menu = QMenu(self)
        menu.addAction(labels.copy(), self.copy).setEnabled(self.textCursor().hasSelection())
        address = self.anchorAt(at)
        if address and not address.startswith(f"{SCHEME}:"):
            menu.addAction(labels.copy_address(), lambda: QGuiApplication.clipboard().setText(address))
        menu.addAction(labels.copy_message(), self.copy_message.emit)
        if not self._streaming:
            menu.addAction(labels.pin(self.pinned), self.pin_message.emit)
            if self.has_question:
                menu.addAction(labels.compare(), self.compare_message.emit)
            selected = self.textCursor().selection().toPlainText()
            menu.addAction(labels.remember(), lambda: self.remember.emit(selected))
        menu.addSeparator()
        menu.addAction(labels.select_all(), self.selectAll)
        return menu

    def _open(self, url: QUrl) -> None:
        if url.scheme() == SCHEME:
            self.source_chosen.emit(int(url.path()))
        else:
            links().open(url)

    def _set_width(self, width: int) -> None:
        if self.lineWrapColumnOrWidth() != width:
            self.setLineWrapColumnOrWidth(width)
            self._renderer.tables.fit()
            self._moved_from = 0

    def _request_formulas(self) -> None:
        """Have formulas typeset when the answer is complete. Until then, and where that fails, the source is shown."""
        if self._streaming:
            return
        sources = self._formulas_to_draw()
        if not sources:
            return
        if not self._follows_typesetter:
            self._follows_typesetter = True
            typesetter().drawn.connect(self._draw_formulas)
        if not typesetter().request(sources):
            self._draw_formulas()

    def _formulas_to_draw(self) -> set[str]:
        """The sources of the formulas that are not drawn yet."""
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
        """Scroll the table or code around a cursor sideways until the cursor is visible."""
        index = bisect_right(self._renderer.starts, cursor.position()) - 1
        bar = self._bars.of(index)
        if bar is not None:
            # `cursorRect` must be that of the scrolled line, which is otherwise moved only when it is painted.
            bar.settle()
            self._renderer.code.shift_line(index, cursor.block())
            bar.reveal(self.cursorRect(cursor).center().x())

    def _caret_changed(self) -> None:
        if self.hasFocus():  # the cursor also moves while text is inserted
            self._reveal(self.textCursor())
            self.caret_moved.emit()

    def _apply_theme(self) -> None:
        look = text_theme()
        self.document().setDefaultFont(look.font_body)
        palette = self.palette()
        palette.setColor(QPalette.ColorRole.Base, Qt.GlobalColor.transparent)
        selection = look.color("violet")
        selection.setAlphaF(0.28)
        palette.setColor(QPalette.ColorRole.Highlight, selection)
        palette.setColor(QPalette.ColorRole.HighlightedText, look.color("ink"))
        self.setPalette(palette)
