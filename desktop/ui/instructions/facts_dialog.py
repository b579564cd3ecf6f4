"""What the person wants remembered: the list of facts, and the switch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from desktop.i18n import translate
from desktop.ui.instructions.list_dialog import ListDialog
from desktop.ui.style.controls import CheckBox

if TYPE_CHECKING:
    from desktop.store.records import StoredFact


class FactsDialog(ListDialog):
    """Shows the facts that `facts` gives; `is_on`: they are given to the model."""

    switched = Signal(bool)

    def __init__(
        self, facts: Callable[[], Sequence[StoredFact]], parent: QWidget | None = None, *, is_on: bool = False
    ) -> None:
        super().__init__(parent, height=200)
        self._facts = facts
        self.switch = CheckBox()
        self.switch.setChecked(is_on)
        self.switch.toggled.connect(self.switched)
        self.body.addWidget(self.switch)
        self.add_list()
        self.add_list_buttons()
        self.add_export_button()
        self.add_close_button()
        self.refresh()
        self.ready()

    def refresh(self) -> None:
        """Show the facts as they are now."""
        facts = self._facts()
        self.show_rows((fact.text, fact) for fact in facts)
        self.export_button.setEnabled(bool(facts))

    def retranslate(self) -> None:
        """The texts in the present language."""
        super().retranslate()
        self.set_heading(translate("Facts", "What to remember"))
        self.explanation.setText(
            translate(
                "Facts",
                "Facts about you, written by you alone: the model never adds any. They stay on this computer, in the"
                " file of your conversations and its copies.",
            )
        )
        self.switch.setText(translate("Facts", "Give these facts to the model, in front of every conversation"))
        self.list.setAccessibleName(translate("Facts", "Facts"))
        self.new_button.setText(translate("Facts", "Add…"))
        self.edit_button.setText(translate("Facts", "Edit…"))
        self.delete_button.setText(translate("Facts", "Delete"))
        self.export_button.setText(translate("Facts", "Export…"))
