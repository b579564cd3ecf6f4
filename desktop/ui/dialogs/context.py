"""What happens when the context of a conversation is full, and how full it is: system prompt, messages, free."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QPushButton, QRadioButton, QVBoxLayout, QWidget

from desktop.i18n import translate
from desktop.ui import numbers
from desktop.ui.dialogs.base import Dialog
from desktop.ui.style.controls import CheckBox, label
from desktop.ui.style.theme import theme

if TYPE_CHECKING:
    from desktop.chat.state import ContextUsage

_POLICIES = ("refuse", "drop_oldest", "cut_middle", "summarise")
_COLORS = ("ink-3", "violet", "line")
"""Of the system prompt, the messages, and what is free."""


class ContextDialog(Dialog):
    """`chosen` carries the policy, and whether it is to be that of new conversations, too."""

    chosen = Signal(str, bool)
    summary_requested = Signal()

    def __init__(
        self, policy: str, usage: ContextUsage, parent: QWidget | None = None, *, has_summary: bool = False
    ) -> None:
        super().__init__(parent, width=520)
        self._usage = usage
        self._has_summary = has_summary
        self.choices = {name: _Choice() for name in _POLICIES}
        self._group = QButtonGroup(self)  # they have no common parent that would make them exclude each other
        for choice in self.choices.values():
            self._group.addButton(choice.button)
            self.body.addWidget(choice)
        self.choices[policy].button.setChecked(True)
        self._always = self.paragraph("quiet")
        self.default_box = CheckBox()
        self.body.addWidget(self.default_box)
        self._full = self.paragraph("section")
        self.bar = ContextBar()
        self.body.addWidget(self.bar)
        self.parts = [label("small") for _ in _COLORS]
        for color, part in zip(_COLORS, self.parts, strict=True):
            row = QHBoxLayout()
            row.addWidget(_Swatch(color))
            row.addWidget(part, 1)
            self.body.addLayout(row)
        self.summary_button = QPushButton()
        self.summary_button.setProperty("kind", "link")
        self.summary_button.clicked.connect(self._show_summary)
        self.summary_button.setVisible(has_summary)
        self.body.addWidget(self.summary_button, 0, Qt.AlignmentFlag.AlignLeft)
        self.add_cancel_button()
        self.save_button = self.add_button(primary=True)
        self.save_button.clicked.connect(self._save)
        self.choices[policy].button.setFocus()
        self.ready()

    @property
    def policy(self) -> str:
        """The one that is selected."""
        return next(name for name, choice in self.choices.items() if choice.button.isChecked())

    def set_usage(self, usage: ContextUsage) -> None:
        """Show how full the context is; not known, it stays as it was."""
        if usage.total:
            self._usage = usage
            self._show_usage()

    def _save(self) -> None:
        self.accept()
        self.chosen.emit(self.policy, self.default_box.isChecked())

    def _show_summary(self) -> None:
        self.reject()
        self.summary_requested.emit()

    def _show_usage(self) -> None:
        usage = self._usage
        known = usage.total > 0
        for part in (self.bar, *self.parts):
            part.setEnabled(known)
        self.bar.set_shares([usage.system, usage.history] if known else [0, 0], max(usage.total, usage.used, 1))
        system = (
            translate("Context", "System prompt and summary: {tokens}")
            if self._has_summary
            else translate("Context", "System prompt: {tokens}")
        )
        texts = (system, translate("Context", "Messages: {tokens}"), translate("Context", "Free: {tokens}"))
        for part, text, tokens in zip(self.parts, texts, (usage.system, usage.history, usage.free), strict=True):
            part.setText(text.format(tokens=numbers.count(tokens) if known else "–"))
        if not known:
            whole = translate("Context", "How full it is can be counted when a model is loaded and not answering")
        elif usage.used > usage.total:
            whole = translate("Context", "Too long: {used} tokens, and the model holds {total}")
        else:
            whole = translate("Context", "Now {used} of {total} tokens")
        self._full.setText(whole.format(used=numbers.count(usage.used), total=numbers.count(usage.total)))
        self.bar.setAccessibleName(self._full.text())
        self.bar.setAccessibleDescription("; ".join(part.text() for part in self.parts))

    def retranslate(self) -> None:
        """The texts in the present language."""
        super().retranslate()
        self.set_heading(translate("Context", "When the context is full"))
        for name, (title, text) in _texts().items():
            self.choices[name].set_texts(title, text)
        self._always.setText(translate("Context", "The system prompt and pinned messages always stay."))
        self.default_box.setText(translate("Context", "As default for new chats"))
        self.summary_button.setText(translate("Context", "Read the summary…"))
        self.save_button.setText(translate("Dialog", "Save"))
        self._show_usage()

    def restyle(self) -> None:
        """The explanations begin where the names of the policies do."""
        super().restyle()
        for choice in self.choices.values():
            choice.indent(theme().px(29))
        self.fit()


class ContextBar(QWidget):
    """A bar of three parts: the system prompt, the messages, and what is free."""

    def __init__(self) -> None:
        super().__init__()
        self._shares: list[float] = [0.0, 0.0]

    def set_shares(self, parts: list[int], total: int) -> None:
        """Set the sizes of the first two parts, of `total`."""
        self._shares = [part / total for part in parts]
        self.update()

    def sizeHint(self) -> QSize:
        """As wide as there is room for, and 10 pixels high at 100 %."""
        return QSize(theme().px(200), theme().px(10))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the parts one after the other, in a track with round ends."""
        look = theme()
        height = look.px(8)
        track = QRectF(0, (self.height() - height) / 2, self.width(), height)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        shape = QPainterPath()
        shape.addRoundedRect(track, height / 2, height / 2)
        painter.setClipPath(shape)
        painter.fillRect(track, look.color(_COLORS[2]))
        left = track.left()
        for share, color in zip(self._shares, _COLORS, strict=False):
            painter.fillRect(QRectF(left, track.top(), share * track.width(), height), look.color(color))
            left += share * track.width()


class _Swatch(QWidget):
    """The colour of a part, beside its figure."""

    def __init__(self, color: str) -> None:
        super().__init__()
        self._color = color

    def sizeHint(self) -> QSize:
        """10 × 10 pixels at 100 %."""
        return QSize(theme().px(10), theme().px(10))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint it."""
        side = theme().px(10)
        box = QRectF(0, (self.height() - side) / 2, side, side)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme().color(self._color))
        painter.drawRoundedRect(box, 2, 2)


class _Choice(QWidget):
    """A policy: its name to select, and below it what it means."""

    def __init__(self) -> None:
        super().__init__()
        self.button = QRadioButton()
        self._text = label("quiet", wrap=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.button)
        column.addWidget(self._text)

    def indent(self, pixels: int) -> None:
        """Move the explanation to the right."""
        self._text.setContentsMargins(pixels, 0, 0, 0)

    def set_texts(self, title: str, text: str) -> None:
        """Show them."""
        self.button.setText(title)
        self.button.setAccessibleDescription(text)
        self._text.setText(text)


def _texts() -> dict[str, tuple[str, str]]:
    return {
        "refuse": (
            translate("Context", "Stop and ask me"),
            translate("Context", "Nothing is left out before you have decided."),
        ),
        "drop_oldest": (
            translate("Context", "Forget the oldest"),
            translate("Context", "The first questions and answers go, many at a time. Quick."),
        ),
        "cut_middle": (
            translate("Context", "Keep the beginning, forget the middle"),
            translate("Context", "The first question and its answer stay: good when they say what it is about."),
        ),
        "summarise": (
            translate("Context", "Summarise and go on"),
            translate("Context", "The model writes down the gist of what it forgets. Takes a while each time."),
        ),
    }
