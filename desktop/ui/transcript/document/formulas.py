"""Formulas as objects in a text document: typeset beside the event loop, drawn in the colour and size of the text.

A formula is one character of the document (U+FFFC) whose format knows the source, so that a copied selection has it.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QRect, QRectF, QSizeF, Signal
from PySide6.QtGui import (
    QFontMetricsF,
    QPainter,
    QPyTextObject,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
)

from desktop.ui.transcript.document.typeset import INK, SIZE, Drawing, typeset

if TYPE_CHECKING:
    from PySide6.QtSvg import QSvgRenderer

OBJECT = "\ufffc"
_OBJECT_TYPE = QTextFormat.ObjectTypes.UserObject.value + 1
_SOURCE = QTextFormat.Property.UserProperty.value + 1
_KEPT = 1000


class Typesetter(QObject):
    """Draws formulas in a thread of its own, which ends when there is nothing left to do."""

    drawn = Signal()
    """Everything that was wanted is known; comes through the event loop."""

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[str, Drawing | None] = {}
        self._wanted: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._busy = False

    def want(self, sources: Iterable[str]) -> bool:
        """Have these drawn; false when all of them are known."""
        missing = [source for source in dict.fromkeys(sources) if source not in self._known]
        for source in missing:
            self._wanted.put(source)
        with self._lock:
            if missing and not self._busy:
                self._busy = True
                threading.Thread(target=self._work, name="formulas", daemon=True).start()
        return bool(missing)

    def drawings(self, sources: Iterable[str]) -> dict[str, Drawing]:
        """The drawings of those sources that can be drawn."""
        found = ((source, self._known.get(source)) for source in sources)
        return {source: drawing for source, drawing in found if drawing is not None}

    def _work(self) -> None:
        while True:
            with self._lock:
                if self._wanted.empty():
                    self._busy = False
                    break
            source = self._wanted.get()
            if source not in self._known:
                self._known[source] = typeset(source)
                if len(self._known) > _KEPT:
                    del self._known[next(iter(self._known))]
        self.drawn.emit()


@cache
def typesetter() -> Typesetter:
    """The one for the whole window: the same formula is drawn once."""
    return Typesetter()


class FormulaObject(QPyTextObject):
    """Draws the formulas of one document, from `drawings` by their source."""

    def __init__(self, document: QTextDocument) -> None:
        super().__init__(document)
        self.drawings: Mapping[str, Drawing] = {}
        document.documentLayout().registerHandler(_OBJECT_TYPE, self)

    def dress(self, look: QTextCharFormat, source: str) -> QTextCharFormat:
        """The format of a formula in the place of text that looks like `look`."""
        char_format = QTextCharFormat(look)
        char_format.setObjectType(_OBJECT_TYPE)
        char_format.setProperty(_SOURCE, source)
        # In the middle of the line's small letters: the only way to have something below the line.
        char_format.setVerticalAlignment(QTextCharFormat.VerticalAlignment.AlignMiddle)
        return char_format

    def intrinsicSize(self, doc: QTextDocument, posInDocument: int, format: QTextFormat) -> QSizeF:  # noqa: A002, N803
        """The room that a formula takes, never wider than the text."""
        look = format.toCharFormat()
        drawing = self.drawings.get(str(look.property(_SOURCE)))
        if drawing is None:
            return QSizeF(0, 0)
        scale = self._scale(doc, posInDocument, look, drawing)
        above, below = drawing.ascent * scale, drawing.descent * scale
        middle = _middle(look)
        return QSizeF(drawing.width * scale, max(2 * above - middle, 2 * below + middle))

    def drawObject(
        self,
        painter: QPainter,
        rect: QRectF | QRect,
        doc: QTextDocument,
        posInDocument: int,  # noqa: N803
        format: QTextFormat,  # noqa: A002
    ) -> None:
        """Draw a formula with its base line on that of the text."""
        look = format.toCharFormat()
        drawing = self.drawings.get(str(look.property(_SOURCE)))
        if drawing is None:
            return
        scale = self._scale(doc, posInDocument, look, drawing)
        block = doc.findBlock(posInDocument)
        line = block.layout().lineForTextPosition(posInDocument - block.position())
        # Qt has put the middle of the room into the middle of the line.
        base = QRectF(rect).center().y() - line.height() / 2 + line.ascent()
        height = (drawing.ascent + drawing.descent) * scale
        box = QRectF(rect.left(), base - drawing.ascent * scale, drawing.width * scale, height)
        _picture(drawing, look.foreground().color().name()).render(painter, box)

    def _scale(self, doc: QTextDocument, position: int, look: QTextCharFormat, drawing: Drawing) -> float:
        block = doc.findBlock(position).blockFormat()
        room = max(40.0, doc.textWidth() - block.leftMargin() - block.rightMargin())
        return min(look.font().pixelSize() * 1.08 / SIZE, room / drawing.width)


def source_at(document: QTextDocument, position: int) -> str:
    """The source of the formula at a position of a document; empty when none is there."""
    cursor = QTextCursor(document)
    cursor.setPosition(position + 1)
    return str(cursor.charFormat().property(_SOURCE) or "")


def _middle(look: QTextCharFormat) -> float:
    """By how much more of an object that stands in the middle of a line is above the base line than below."""
    return QFontMetricsF(look.font()).xHeight() / 2


@lru_cache(maxsize=256)
def _picture(drawing: Drawing, ink: str) -> QSvgRenderer:
    """The drawing in a colour, ready to be painted."""
    from PySide6.QtSvg import QSvgRenderer

    return QSvgRenderer(drawing.svg.replace(INK.encode(), ink.encode()))
