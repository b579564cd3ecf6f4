"""The status line: the model, how full its context is, its speed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QRectF, QSize, Qt
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QHBoxLayout, QSizePolicy, QWidget

from desktop.i18n import translate
from desktop.ui import numbers
from desktop.ui.foreign_text import set_tooltip
from desktop.ui.style.controls import View, label, set_style_property
from desktop.ui.style.theme import theme

if TYPE_CHECKING:
    from desktop.chat.state import ContextUsage

NEARLY_FULL = 0.85
"""The gauge warns when this part of the context is full."""


class Gauge(QAbstractButton):
    """A thin bar, filled to `fraction`, that can be pressed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._fraction = 0.0
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)

    def set_fraction(self, fraction: float) -> None:
        """Set the filled part (0…1)."""
        self._fraction = min(1.0, max(0.0, fraction))
        self.update()

    def sizeHint(self) -> QSize:
        """64 × 14 pixels at 100 %."""
        return QSize(theme().px(64), theme().px(14))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter presses it, as Space does."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the track and the filled part."""
        look = theme()
        height = look.px(4)
        side = height  # room for the focus ring
        track = QRectF(side, (self.height() - height) / 2, self.width() - 2 * side, height)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(look.color("line"))
        painter.drawRoundedRect(track, height / 2, height / 2)
        if self._fraction > 0:
            track.setWidth(max(height, track.width() * self._fraction))
            painter.setBrush(look.color("warn" if self._fraction >= NEARLY_FULL else "violet"))
            painter.drawRoundedRect(track, height / 2, height / 2)
        if self.hasFocus():
            painter.setPen(look.color("violet"))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            ring = QRectF(0.5, (self.height() - 3 * height) / 2, self.width() - 1, 3 * height)
            painter.drawRoundedRect(ring, height, height)


class StatusLine(View):
    """Model on the left; speed and context on the right. `gauge.clicked` asks for more about the context."""

    accessible_role = "StatusBar"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("statusline")
        self._used, self._total = 0, 0
        self._tokens_per_s: float | None = None
        self._model = ""
        self.model_label = label("quiet", self)
        self.speed_label = label("quiet", self)
        self.gauge = Gauge(self)
        self.context_label = label("quiet", self)
        self.context_label.setCursor(Qt.CursorShape.PointingHandCursor)
        self.context_label.installEventFilter(self)
        self._row = QHBoxLayout(self)
        self._row.addWidget(self.model_label)
        self._row.addStretch(1)
        self._row.addWidget(self.speed_label)
        self._row.addWidget(self.gauge)
        self._row.addWidget(self.context_label)
        self.ready()

    def set_model(self, text: str) -> None:
        """Set the text about the model and its state."""
        self._model = text
        self.model_label.setText(text)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """A click on the figures is one on the gauge."""
        if event.type() == QEvent.Type.MouseButtonRelease and isinstance(event, QMouseEvent):
            if event.button() == Qt.MouseButton.LeftButton:
                self.gauge.click()
            return True
        return super().eventFilter(watched, event)

    def set_context(self, usage: ContextUsage) -> None:
        """Set the tokens in the context and its length in tokens; `total` 0 hides the gauge."""
        self._used, self._total = usage.used, usage.total
        self.retranslate()

    def set_speed(self, tokens_per_s: float | None) -> None:
        """Set the speed of the last answer; None hides it."""
        self._tokens_per_s = tokens_per_s
        self.retranslate()

    def retranslate(self) -> None:
        """Set numbers and texts in the present language."""
        self.setAccessibleName(translate("Status", "Status"))
        speed = self._tokens_per_s
        if speed is None:
            self.speed_label.setText("")
        else:
            shown = numbers.decimal(speed, 1 if speed < 10 else 0)
            self.speed_label.setText(translate("Status", "{speed} tok/s").format(speed=shown))
            set_tooltip(self.speed_label, translate("Status", "{speed} tokens per second").format(speed=shown))
        known = self._total > 0
        fraction = self._used / self._total if known else 0.0
        self.gauge.setVisible(known)
        self.context_label.setVisible(known)
        self.gauge.set_fraction(fraction)
        action = translate("Status", "Choose what happens when the context is full")
        self.gauge.setAccessibleDescription(action)
        if not known:
            self.gauge.setAccessibleName(translate("Status", "How full the model's memory is"))
            return
        figures_text = f"{numbers.count(self._used)} / {numbers.count(self._total)}"
        self.context_label.setText(translate("Status", "context {figures}").format(figures=figures_text))
        tip = translate(
            "Status", "The model now holds {used} of {total} tokens; a token is about three quarters of a word."
        ).format(used=numbers.count(self._used), total=numbers.count(self._total))
        if fraction >= NEARLY_FULL:
            tip = translate("Status", "The model's memory is nearly full.") + " " + tip
        for part in (self.gauge, self.context_label):
            set_tooltip(part, tip)
        self.gauge.setAccessibleName(tip)
        set_style_property(self.context_label, "level", "warn" if fraction >= NEARLY_FULL else "")

    def restyle(self) -> None:
        """Set distances."""
        look = theme()
        self._row.setContentsMargins(look.px(17), 0, look.px(17), 0)
        self._row.setSpacing(look.space(2))
        self.setFixedHeight(look.px(28))
        self.gauge.updateGeometry()
