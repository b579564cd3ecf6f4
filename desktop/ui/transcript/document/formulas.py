"""Formulas as objects in a text document: typeset in a thread, painted in the colour and size of the text around them.

A formula is one character of the document (U+FFFC). Its format has the source, which is what a selection copies.
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
_CACHED = 1000
"""Formulas whose drawings are kept."""
_RELATIVE_SIZE = 1.08
"""Size of the letters of a formula, relative to the text around it."""


class Typesetter(QObject):
    """Typesets formulas in a thread, which ends when its queue is empty."""

    drawn = Signal()
    """The queue is empty. Emitted in the thread, so slots of the window are called through the event loop."""

    def __init__(self) -> None:
        super().__init__()
        self._cache: dict[str, Drawing | None] = {}  # None: cannot be drawn
        self._queue: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._busy = False

    def request(self, sources: Iterable[str]) -> bool:
        """Typeset these formulas. Returns false when all of them are typeset already."""
        missing = [source for source in dict.fromkeys(sources) if source not in self._cache]
        for source in missing:
            self._queue.put(source)
        # The thread ends only if the queue is empty, and looks under the same lock: either it still sees what was just
        # queued, or `_busy` is false here and a new thread is started.
        with self._lock:
            if missing and not self._busy:
                self._busy = True
                threading.Thread(target=self._work, name="formulas", daemon=True).start()
        return bool(missing)

    def drawings(self, sources: Iterable[str]) -> dict[str, Drawing]:
        """The drawings of those formulas that are typeset and can be drawn."""
        drawings = ((source, self._cache.get(source)) for source in sources)
        return {source: drawing for source, drawing in drawings if drawing is not None}

    def _work(self) -> None:
        while True:
            with self._lock:
                if self._queue.empty():
                    self._busy = False
                    break
            source = self._queue.get()
            if source not in self._cache:
                self._cache[source] = typeset(source)
                if len(self._cache) > _CACHED:
                    del self._cache[next(iter(self._cache))]  # the oldest: a dict keeps the order of insertion
        self.drawn.emit()


@cache
def typesetter() -> Typesetter:
    """The typesetter of the application: a formula that occurs twice is typeset once."""
    return Typesetter()


class FormulaObject(QPyTextObject):
    """Measures and paints the formulas of one document: Qt's handler of their objects. `drawings` are by source.

    Qt places an object of height h on the base line, or with `AlignMiddle` so that (h + x)/2 of it are above the base
    line and (h - x)/2 below, x being half the height of the letter x (`QTextDocumentLayout::resizeInlineObject`). A
    formula needs `ascent` above and `descent` below, so its object takes the smallest height with room for both,
    h = max(2 ascent - x, 2 descent + x), and the formula is painted at the base line within it.
    """

    def __init__(self, document: QTextDocument) -> None:
        super().__init__(document)
        self.drawings: Mapping[str, Drawing] = {}
        document.documentLayout().registerHandler(_OBJECT_TYPE, self)

    def formula_format(self, text_format: QTextCharFormat, source: str) -> QTextCharFormat:
        """The format of a formula's character within text of the format `text_format`."""
        char_format = QTextCharFormat(text_format)
        char_format.setObjectType(_OBJECT_TYPE)
        char_format.setProperty(_SOURCE, source)
        # An object that is aligned otherwise has nothing below the base line.
        char_format.setVerticalAlignment(QTextCharFormat.VerticalAlignment.AlignMiddle)
        return char_format

    def intrinsicSize(self, doc: QTextDocument, posInDocument: int, format: QTextFormat) -> QSizeF:  # noqa: A002, N803
        """The size of a formula in pixels, never wider than the text."""
        char_format = format.toCharFormat()
        drawing = self.drawings.get(str(char_format.property(_SOURCE)))
        if drawing is None:
            return QSizeF(0, 0)
        scale = self._scale(doc, posInDocument, char_format, drawing)
        above, below = drawing.ascent * scale, drawing.descent * scale
        offset = _middle_offset(char_format)
        return QSizeF(drawing.width * scale, max(2 * above - offset, 2 * below + offset))

    def drawObject(
        self,
        painter: QPainter,
        rect: QRectF | QRect,
        doc: QTextDocument,
        posInDocument: int,  # noqa: N803
        format: QTextFormat,  # noqa: A002
    ) -> None:
        """Paint a formula with its base line on that of the text."""
        char_format = format.toCharFormat()
        drawing = self.drawings.get(str(char_format.property(_SOURCE)))
        if drawing is None:
            return
        scale = self._scale(doc, posInDocument, char_format, drawing)
        block = doc.findBlock(posInDocument)
        line = block.layout().lineForTextPosition(posInDocument - block.position())
        # Layout reserves the room around the middle of the x-height, but `rect` is centred in the height of the line.
        base = QRectF(rect).center().y() - line.height() / 2 + line.ascent()
        height = (drawing.ascent + drawing.descent) * scale
        box = QRectF(rect.left(), base - drawing.ascent * scale, drawing.width * scale, height)
        _svg_renderer(drawing, char_format.foreground().color().name()).render(painter, box)

    def _scale(self, doc: QTextDocument, position: int, char_format: QTextCharFormat, drawing: Drawing) -> float:
        block = doc.findBlock(position).blockFormat()
        room = max(40.0, doc.textWidth() - block.leftMargin() - block.rightMargin())
        return min(char_format.font().pixelSize() * _RELATIVE_SIZE / SIZE, room / drawing.width)


def source_at(document: QTextDocument, position: int) -> str:
    """The source of the formula at a position of a document; empty when there is none."""
    cursor = QTextCursor(document)
    cursor.setPosition(position + 1)  # `charFormat` is that of the character before the cursor
    return str(cursor.charFormat().property(_SOURCE) or "")


def _middle_offset(char_format: QTextCharFormat) -> float:
    """How much more of an object with `AlignMiddle` is above the base line than below, in pixels."""
    return QFontMetricsF(char_format.font()).xHeight() / 2


@lru_cache(maxsize=256)
def _svg_renderer(drawing: Drawing, ink: str) -> QSvgRenderer:
    """A renderer of the drawing in a colour (`#rrggbb`)."""
    from PySide6.QtSvg import QSvgRenderer

    return QSvgRenderer(drawing.svg.replace(INK.encode(), ink.encode()))
