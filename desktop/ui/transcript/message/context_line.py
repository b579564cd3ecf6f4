"""The hairline across the transcript where what the model sees begins or ends, with words in its middle.

It is a button: those about a summary show it, the others open the choice of what happens when the context is full.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import Literal

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QPushButton, QWidget

from desktop.ui.foreign_text import set_tooltip
from desktop.ui.style.theme import theme
from desktop.ui.transcript import labels

LineKind = Literal["", "above", "follows", "again", "summary_above", "summary_follows"]
"""`above`: the model no longer sees what is above. `follows` and `again`: it does not see what is between the two."""

_PAD = 12


def context_lines(ids: Sequence[int], left_out: Collection[int], covered: Collection[int]) -> dict[int, LineKind]:
    """The messages above which there is a line.

    Args:
        ids: of the messages of the path.
        left_out: ids of those that the model does not see.
        covered: ids of those that it knows from a summary.
    """
    lines: dict[int, LineKind] = {}
    is_beginning = True  # the model has seen nothing up to here
    for before, message_id in pairwise(ids):
        was_out, is_out = before in left_out, message_id in left_out
        is_beginning &= was_out
        if is_out and not was_out:
            lines[message_id] = "summary_follows" if message_id in covered else "follows"
        elif was_out and not is_out:
            lines[message_id] = "summary_above" if before in covered else "above" if is_beginning else "again"
    return lines


class ContextLine(QPushButton):
    """One of these lines; `clicked` asks for what its words are about."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.kind: LineKind = ""
        self.setObjectName("context-line")
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)  # Tab leads here by `KeyboardMessageList`
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    @property
    def is_about_summary(self) -> bool:
        """Whether its words are about a summary."""
        return self.kind.startswith("summary")

    def set_kind(self, kind: LineKind) -> None:
        """Show the words of another kind, in the present language."""
        self.kind = kind
        self.setText(labels.context_line(kind))
        self.setAccessibleName(self.text())
        self.setAccessibleDescription(labels.context_line_action(kind))
        set_tooltip(self, self.accessibleDescription())
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the line at both sides of the words."""
        del event
        look = theme()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(look.font_small)
        pad = look.px(_PAD)
        metrics = painter.fontMetrics()
        text = metrics.elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width() - 4 * pad)
        half = metrics.horizontalAdvance(text) / 2 + pad
        y, middle = int(self.height() / 2), self.width() / 2
        painter.fillRect(QRectF(0, y, middle - half, 1), look.color("line"))
        painter.fillRect(QRectF(middle + half, y, self.width() - middle - half, 1), look.color("line"))
        if self.hasFocus():
            painter.setPen(QPen(look.color("violet"), 1.5))
            ring = QRectF(middle - half, 1, 2 * half, self.height() - 2)
            painter.drawRoundedRect(ring, look.radius_card, look.radius_card)
        quiet = "ink" if self.underMouse() else "ink-3"
        painter.setPen(look.color("violet" if self.is_about_summary else quiet))
        painter.drawText(QRectF(self.rect()), int(Qt.AlignmentFlag.AlignCenter), text)
