"""The welcome page: what this program is, four prompts to try, and how to get a BELLE model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QPixmap, QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from belle import paths
from desktop.i18n import QT_TRANSLATE_NOOP, translate
from desktop.ui.style.controls import View, label
from desktop.ui.style.icons import icon, icon_size
from desktop.ui.style.theme import theme

if TYPE_CHECKING:
    from desktop.chat.state import ModelState

_STARTER_PROMPTS: tuple[tuple[str, str], ...] = (
    (
        QT_TRANSLATE_NOOP("Welcome", "Explain something"),
        "Explain in three short sentences why the sky is blue.",
    ),
    (
        QT_TRANSLATE_NOOP("Welcome", "Write a few lines"),
        "Write a short, friendly note to thank a neighbour for watering my plants.",
    ),
    (
        QT_TRANSLATE_NOOP("Welcome", "Plan a day"),
        "Give me five simple ideas for a quiet weekend at home.",
    ),
    (
        QT_TRANSLATE_NOOP("Welcome", "Write some code"),
        "Write a Python function that reverses a string, and explain how it works.",
    ),
)
_COLUMN = 720
"""The widest page, in pixels at 100 %."""
_BELLE_PROMPTS: tuple[tuple[str, str], ...] = (
    (
        QT_TRANSLATE_NOOP("Welcome", "Translate a poem"),
        QT_TRANSLATE_NOOP(
            "Welcome",
            "Translate into Chinese:\nSpring rain, so light upon the leaves,\nyou teach the quiet roofs to sing.",
        ),
    ),
    (
        QT_TRANSLATE_NOOP("Welcome", "Explain something"),
        QT_TRANSLATE_NOOP("Welcome", "Explain to a ten-year-old, in three sentences, why the sky is blue."),
    ),
    (
        QT_TRANSLATE_NOOP("Welcome", "Write some code"),
        QT_TRANSLATE_NOOP("Welcome", "Write a binary search in Python and explain each step."),
    ),
    (
        QT_TRANSLATE_NOOP("Welcome", "Plan a day"),
        QT_TRANSLATE_NOOP("Welcome", "I want to show my parents around town this weekend. Give me five easy ideas."),
    ),
)


class Welcome(View):
    """The welcome page. `tried` has the chosen prompt; `belle_requested`: the person wants a BELLE model."""

    tried = Signal(str)
    belle_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._starter = False
        self._build()
        self._logo = QLabel(self._middle_column)
        self._logo.setAlignment(Qt.AlignmentFlag.AlignLeft)
        self._title = label("display", self._middle_column, wrap=True)
        self._first = label("muted", self._middle_column, wrap=True)
        self.prompts = [_Prompt(self._middle_column) for _ in range(4)]
        for button in self.prompts:
            button.clicked.connect(lambda _=False, b=button: self.tried.emit(b.prompt))
        self._grid = QGridLayout()
        self._card = QFrame(self._middle_column)
        self._card.setObjectName("card")
        self._starter_words = label("small", self._card, wrap=True)
        self.belle_button = QPushButton(self._card)
        self.belle_button.clicked.connect(self.belle_requested)
        self._card_row = QHBoxLayout(self._card)
        self._card_row.addWidget(self._starter_words, 1)
        self._card_row.addWidget(self.belle_button, 0, Qt.AlignmentFlag.AlignVCenter)
        self._column.addStretch(2)
        for part in (self._logo, self._title, self._first):
            self._column.addWidget(part)
        self._column.addLayout(self._grid)
        self._column.addWidget(self._card)
        self._column.addStretch(3)
        self.ready()

    def _build(self) -> None:
        """Create the column in the middle, in a scroll area for small windows."""
        area = QScrollArea(self)
        area.setWidgetResizable(True)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        middle = QWidget(area)
        area.setWidget(middle)
        middle.setAutoFillBackground(False)
        self._middle_column = QWidget(middle)
        self._column = QVBoxLayout(self._middle_column)
        row = QHBoxLayout(middle)
        row.setContentsMargins(0, 0, theme().px(12), 0)  # the width of the transcript's scroll bar
        row.addStretch(1)
        row.addWidget(self._middle_column, 100)
        row.addStretch(1)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(area)

    def set_model(self, state: ModelState) -> None:
        """Show English prompts for the starter model, which speaks English only, and explain what it is."""
        if state.is_starter != self._starter:
            self._starter = state.is_starter
            self.retranslate()

    def retranslate(self) -> None:
        """The texts in the present language."""
        self._title.setText(translate("Welcome", "Talk to a language model, on your own computer."))
        self._first.setText(
            translate("Welcome", "It runs here, without a network. What you write is kept on this computer only.")
        )
        for button, (title, prompt) in zip(self.prompts, self._questions(), strict=True):
            button.set_prompt(title, prompt)
        if self._starter:
            self._starter_words.setText(
                translate(
                    "Welcome",
                    "You are talking to a small English model, good for trying things out. "
                    "For real answers, in Chinese too, get a BELLE model.",
                )
            )
        else:
            self._starter_words.setText(
                translate("Welcome", "BELLE models speak Chinese and English; BELLE-7B with 4 bits takes about 5 GB.")
            )
        self.belle_button.setText(translate("Welcome", "Get BELLE-7B"))

    def _questions(self) -> list[tuple[str, str]]:
        return [
            # The heading is in the person's language, the prompt in one that the model understands.
            (translate("Welcome", heading), prompt if self._starter else translate("Welcome", prompt))
            for heading, prompt in (_STARTER_PROMPTS if self._starter else _BELLE_PROMPTS)
        ]

    def restyle(self) -> None:
        """Set logo, sizes and distances."""
        look = theme()
        side = look.px(48)
        mark = QPixmap(str(paths.asset("icon/chatbelle-128.png")))
        mark = mark.scaled(
            QSize(side, side) * self.devicePixelRatioF(),
            Qt.AspectRatioMode.KeepAspectRatio,
            Qt.TransformationMode.SmoothTransformation,
        )
        mark.setDevicePixelRatio(self.devicePixelRatioF())
        self._logo.setPixmap(mark)
        self._column.setContentsMargins(look.space(4), look.space(3), look.space(4), look.space(3))
        self._column.setSpacing(look.space(1))
        self._middle_column.setMaximumWidth(look.px(_COLUMN))
        self._grid.setContentsMargins(0, look.space(4), 0, look.space(1))
        self._grid.setSpacing(look.space(2))
        self._card_row.setContentsMargins(look.space(3), look.space(2), look.space(2), look.space(2))
        self._card_row.setSpacing(look.space(3))
        self.belle_button.setIcon(icon("model", "violet"))
        self.belle_button.setIconSize(icon_size(20))
        self._arrange()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Arrange the prompts in two columns where they fit, else in one."""
        super().resizeEvent(event)
        self._arrange()

    def _arrange(self) -> None:
        columns = 2 if self.width() >= theme().px(560) else 1
        for index, button in enumerate(self.prompts):
            self._grid.addWidget(button, index // columns, index % columns)


class _Prompt(QPushButton):
    """A button with a prompt to try: a heading, and the prompt below it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("prompt")
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.prompt = ""
        self._heading = label("strong", self)
        self._question = label("small", self, wrap=True)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(16, 12, 16, 12)
        self._column.setSpacing(2)
        self._column.addWidget(self._heading)
        self._column.addWidget(self._question)
        for part in (self._heading, self._question):
            part.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)

    def set_prompt(self, heading: str, prompt: str) -> None:
        """Set both texts."""
        self.prompt = prompt
        self._heading.setText(heading)
        self._question.setText(prompt.replace("\n", " "))
        self.setAccessibleName(f"{heading}: {prompt}")

    def sizeHint(self) -> QSize:
        """As high as the texts at the present width."""
        width = max(self.width(), theme().px(200))
        return QSize(theme().px(200), self._column.heightForWidth(width))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Adjust the height to the new line breaks, which a button does not do by itself."""
        super().resizeEvent(event)
        self.setMinimumHeight(self._column.heightForWidth(self.width()))
