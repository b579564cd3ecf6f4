"""“Serve on this computer”: lets other programs use the model, with the address and the token that they need."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget

from desktop.chat.model_server import ServerState
from desktop.i18n import translate
from desktop.ui.dialogs.base import Dialog
from desktop.ui.foreign_text import breakable
from desktop.ui.style.controls import SELECTABLE, label


class ServeDialog(Dialog):
    """Off until it is switched on. `switched` is emitted with whether it is to be on.

    Args:
        state: as it is now; `show_state` tells what becomes of it.
        can_start: there is a model to serve.
    """

    switched = Signal(bool)

    def __init__(self, state: ServerState, parent: QWidget | None = None, *, can_start: bool = True) -> None:
        super().__init__(parent, width=520)
        self._state = state
        self._can_start = can_start
        self._explanation = self.paragraph()
        self._status = self.paragraph("section")
        self._titles: dict[str, QLabel] = {}
        self.values: dict[str, QLabel] = {}
        self.copy_buttons: dict[str, QPushButton] = {}
        for name in ("address", "token"):
            self._add_row(name)
        self.switch = self.add_button()
        self.switch.clicked.connect(self._switch)
        self.add_close_button()
        self.ready()

    def show_state(self, state: ServerState) -> None:
        """Something has become of the server."""
        self._state = state
        self.retranslate()
        self.fit()

    def retranslate(self) -> None:
        """The texts in the present language."""
        super().retranslate()
        self.set_heading(translate("Serve", "Serve on this computer"))
        self._explanation.setText(
            translate(
                "Serve",
                "Other programs on this computer can then use the model, as they would use OpenAI's API. Nobody else "
                "can reach it, and it ends with this window.",
            )
        )
        self._status.setText(breakable(self._status_text()))
        names = {"address": translate("Serve", "Address"), "token": translate("Serve", "Token (API key)")}
        values = {"address": self._state.address, "token": self._state.token}
        for name, title in names.items():
            self._titles[name].setText(title)
            self.values[name].setText(breakable(values[name]))
            self.values[name].setAccessibleName(title)
            self.copy_buttons[name].setText(translate("Serve", "Copy"))
            self.copy_buttons[name].setAccessibleName(translate("Serve", "Copy: {0}").replace("{0}", title))
            for widget in (self._titles[name], self.values[name], self.copy_buttons[name]):
                widget.setVisible(bool(values[name]))
        self.switch.setText(translate("Serve", "Stop serving") if self._is_on else translate("Serve", "Start serving"))
        self.switch.setEnabled(self._is_on or self._can_start)

    @property
    def _is_on(self) -> bool:
        return self._state.status in ("starting", "on")

    def _status_text(self) -> str:
        match self._state.status:
            case "on":
                return translate("Serve", "It is on.")
            case "starting":
                return translate("Serve", "The model is being loaded…")
            case "failed":
                words = translate("Serve", "It could not be served.")
                return f"{words} {self._state.problem}".strip()
        return translate("Serve", "It is off.") if self._can_start else translate("Serve", "Load a model first.")

    def _add_row(self, name: str) -> None:
        self._titles[name] = self.paragraph("muted")
        value = self.values[name] = label("code", wrap=True)
        value.setTextInteractionFlags(SELECTABLE)
        button = self.copy_buttons[name] = QPushButton()
        button.setAutoDefault(False)
        button.clicked.connect(lambda: self._copy(name))
        row = QHBoxLayout()
        row.addWidget(value, 1)
        row.addWidget(button)
        self.body.addLayout(row)

    def _copy(self, name: str) -> None:
        QGuiApplication.clipboard().setText({"address": self._state.address, "token": self._state.token}[name])

    def _switch(self) -> None:
        self.switched.emit(not self._is_on)
