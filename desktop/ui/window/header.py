"""The header of the chat: the title of the conversation, the model and its menu, and the ⋯ menu."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QMenu, QProgressBar, QPushButton, QStackedWidget, QWidget

from desktop.i18n import translate
from desktop.ui import numbers
from desktop.ui.foreign_text import caption, set_tooltip
from desktop.ui.offline import OfflineBadge
from desktop.ui.shortcuts import key_text
from desktop.ui.style.controls import ElidedLabel, IconButton, View, set_style_property
from desktop.ui.style.icons import icon, icon_size
from desktop.ui.style.theme import theme

if TYPE_CHECKING:
    from desktop.chat.state import ModelState

TITLE_LIMIT = 200
"""Characters."""
_MAX_PROJECT = 24
"""Characters of a project's name before the title."""


class TitleLabel(ElidedLabel):
    """A title that can be pressed by a click, and by Enter or Space when it has the focus."""

    pressed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "title")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.IBeamCursor)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """A click presses it."""
        if event.button() == Qt.MouseButton.LeftButton:
            self.pressed.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter and Space press it."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.pressed.emit()
        else:
            super().keyPressEvent(event)


class Header(View):
    """The header. `fill_menus` sets who fills its menus; `typed_title` returns the unsaved title of a conversation."""

    accessible_role = "ToolBar"
    renamed = Signal(int, str)  # conversation, its new title
    title_typed = Signal(int, object)  # conversation, the text in the field; None: discarded
    sidebar_requested = Signal()
    reader_left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("header")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.typed_title: Callable[[int], str | None] = lambda _: None
        self._title = self._title_before = self._project = ""
        self._conversation_id: int | None = None
        self._is_sidebar_shown, self._is_reader = True, False
        self._renaming = 0  # the conversation whose title is edited; another one may be opened meanwhile
        self._model: ModelState | None = None
        self.sidebar_button = IconButton("sidebar", parent=self)
        self.badge = OfflineBadge(compact=True, parent=self)
        self._title_stack = QStackedWidget(self)
        self.title_label = TitleLabel(self._title_stack)
        self.title_field = QLineEdit(self._title_stack)
        self.title_field.setMaxLength(TITLE_LIMIT)
        self.title_field.installEventFilter(self)
        self._title_stack.addWidget(self.title_label)
        self._title_stack.addWidget(self.title_field)
        self.model_button = QPushButton(self)
        self.model_button.setObjectName("model")
        self.model_button.setProperty("kind", "quiet")
        self.model_button.setLayoutDirection(Qt.LayoutDirection.RightToLeft)  # puts the chevron behind the text
        self.model_menu = QMenu(self.model_button)
        self.model_menu.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
        self.model_button.setMenu(self.model_menu)
        self.more_button = IconButton("more", parent=self)
        self.more_button.setPopupMode(IconButton.ToolButtonPopupMode.InstantPopup)
        self.more_menu = QMenu(self.more_button)
        self.more_button.setMenu(self.more_menu)
        self.reader_button = IconButton("x", parent=self)
        self.progress = QProgressBar(self)
        self.progress.setTextVisible(False)
        self.progress.setRange(0, 1000)
        self.progress.hide()
        self._row = QHBoxLayout(self)
        for part in (self.sidebar_button, self.badge):
            self._row.addWidget(part)
        self._row.addWidget(self._title_stack, 1)
        self._row.addWidget(self.model_button)
        self._row.addWidget(self.more_button)
        self._row.addWidget(self.reader_button)
        self.reader_button.clicked.connect(self.reader_left)
        self.sidebar_button.clicked.connect(self.sidebar_requested)
        self.title_label.pressed.connect(self.edit_title)
        self.title_field.textEdited.connect(lambda title: self.title_typed.emit(self._renaming, title))
        self.title_field.editingFinished.connect(self._finish_title)
        self.set_sidebar_shown(shown=True)
        self.ready()

    def fill_menus(self, models: Callable[[QMenu], None], more: Callable[[QMenu], None]) -> None:
        """Set the functions that fill the two menus each time they open."""
        for menu, fill in ((self.model_menu, models), (self.more_menu, more)):
            menu.aboutToShow.connect(lambda m=menu, f=fill: (m.clear(), f(m)))

    def show_model_menu(self) -> None:
        """Open the menu of models."""
        self.model_button.showMenu()

    def set_sidebar_shown(self, *, shown: bool) -> None:
        """Show the sidebar button and the offline badge here while the sidebar is hidden."""
        self._is_sidebar_shown = shown
        self._arrange()

    def set_reader(self, on: bool) -> None:
        """Show the title and the offline badge alone, and the button that leads back."""
        self._is_reader = on
        set_style_property(self, "reader", "true" if on else "")
        self._arrange()

    def _arrange(self) -> None:
        self.badge.setVisible(not self._is_sidebar_shown)
        self.sidebar_button.setVisible(not self._is_sidebar_shown and not self._is_reader)
        for tool in (self.model_button, self.more_button):
            tool.setVisible(not self._is_reader)
        self.reader_button.setVisible(self._is_reader)

    # Title

    def set_title(self, title: str, conversation_id: int | None, *, project: str = "") -> None:
        """Set title, id and project of the open conversation; the new one (None) cannot be renamed."""
        self._title, self._conversation_id, self._project = title, conversation_id, project
        if self._title_stack.currentWidget() is not self.title_field:
            self._show_title()

    def edit_title(self) -> None:
        """Replace the title by a field with it."""
        if self._conversation_id is None:
            return
        self._renaming, self._title_before = self._conversation_id, self._title
        typed = self.typed_title(self._conversation_id)
        self.title_field.setText(self._title if typed is None else typed)
        self.title_field.selectAll()
        self._title_stack.setCurrentWidget(self.title_field)
        self.title_field.setFocus(Qt.FocusReason.OtherFocusReason)

    def _finish_title(self) -> None:
        if self._title_stack.currentWidget() is not self.title_field:
            return
        title = " ".join(self.title_field.text().split())
        self._show_title()
        if title and title != self._title_before:
            self.renamed.emit(self._renaming, title)
        else:
            self.title_typed.emit(self._renaming, None)

    def _show_title(self) -> None:
        self._title_stack.setCurrentWidget(self.title_label)
        title = self._title or translate("Header", "New chat")
        if self._project:
            # The marks keep two names of different writing direction apart.
            title = f"\u2068{_short(self._project)}\u2069 › \u2068{title}\u2069"
        self.title_label.set_text(title)
        can_rename = self._conversation_id is not None
        self.title_label.setFocusPolicy(Qt.FocusPolicy.TabFocus if can_rename else Qt.FocusPolicy.NoFocus)
        self.title_label.setCursor(Qt.CursorShape.IBeamCursor if can_rename else Qt.CursorShape.ArrowCursor)
        if can_rename:
            self.title_label.setAccessibleDescription(translate("Header", "Press Enter to rename"))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Esc in the field discards the typed title."""
        if watched is self.title_field and isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape:
            # Esc is also a shortcut of the window; accepting this event makes Qt send the key press here instead.
            if event.type() == QEvent.Type.ShortcutOverride:
                event.accept()
                return True
            if event.type() == QEvent.Type.KeyPress:
                self.title_field.setText(self._title_before)  # hiding the field emits `editingFinished`
                self._show_title()
                self.title_typed.emit(self._renaming, None)
                return True
        return super().eventFilter(watched, event)

    # Model

    def set_model(self, state: ModelState) -> None:
        """Set name and state of the model, and the progress of loading it."""
        self._model = state
        loading = state.status == "loading"
        self.progress.setVisible(loading)
        self.progress.setValue(round(state.fraction * 1000))
        self.model_button.setText(caption(model_label(state)))
        exact = exact_model(state)
        set_tooltip(self.model_button, exact)
        self.model_button.setAccessibleName(translate("Header", "Model: {name}").format(name=model_label(state)))
        self.model_button.setAccessibleDescription(exact)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Place the progress bar on the lower edge."""
        super().resizeEvent(event)
        self.progress.setGeometry(0, self.height() - 2, self.width(), 2)

    # Texts and style

    def retranslate(self) -> None:
        """The texts in the present language."""
        self.sidebar_button.name(translate("Header", "Show the sidebar"), key_text("sidebar"))
        self.badge.retranslate()
        self.setAccessibleName(translate("Header", "This conversation"))
        self.more_button.name(translate("Header", "More"))
        self.reader_button.name(translate("Header", "Leave reader mode"), key_text("stop"))
        self.title_field.setAccessibleName(translate("Header", "Title of the conversation"))
        self.progress.setAccessibleName(translate("Header", "Loading the model"))
        self._show_title()
        if self._model is not None:
            self.set_model(self._model)

    def restyle(self) -> None:
        """Set icons and distances."""
        look = theme()
        self.setFixedHeight(look.shape("header"))
        self._row.setContentsMargins(look.space(3), 0, look.space(1), 1)
        self._row.setSpacing(look.space(0))
        self.model_button.setIcon(icon("chevron-down", "ink-3", 16))
        self.model_button.setIconSize(icon_size(16))
        self._title_stack.setFixedHeight(look.px(34))


def _short(project: str) -> str:
    return project if len(project) <= _MAX_PROJECT else f"{project[: _MAX_PROJECT - 1].rstrip()}…"


def model_label(state: ModelState) -> str:
    """The text of the model button: `SmolLM2 135M · 4-bit`, `Loading SmolLM2 135M… 42 %`, `Choose a model`."""
    if state.status == "none":
        return translate("Header", "Choose a model")
    if state.status == "loading":
        percent = numbers.count(round(state.fraction * 100))
        return translate("Header", "Loading {name}… {percent} %").format(name=state.name, percent=percent)
    if state.status == "failed":
        return translate("Header", "{name} could not be loaded").format(name=state.name)
    bits = numbers.bits(state.info.quantization) if state.info else ""
    return f"{state.name} · {bits}" if bits else state.name


def exact_model(state: ModelState) -> str:
    """The details for the tooltip: architecture, quantization type, parameters, size, device."""
    info = state.info
    if info is None:
        return ""
    return " · ".join(
        part
        for part in (
            info.name,
            info.architecture,
            info.quantization,
            numbers.parameters(info.n_params) if info.n_params else "",
            numbers.size(info.size_bytes),
            info.device,
        )
        if part
    )
