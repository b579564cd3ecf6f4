"""The roles that screen readers are told, for widgets whose class in Qt does not say what they are.

Qt calls every plain widget and every scroll area a *client*. A widget that is something better known says so by
its attribute `accessible_role`, the name of a `QAccessible.Role`.
"""

from __future__ import annotations

from functools import cache

from PySide6.QtCore import QObject
from PySide6.QtGui import QAccessible, QAccessibleInterface
from PySide6.QtWidgets import QAccessibleWidget, QWidget


@cache
def install_roles() -> None:
    """Have Qt ask for the roles. Widgets that a screen reader has asked for before keep theirs."""
    QAccessible.installFactory(_interface)


def _interface(class_name: str, widget: QObject | None) -> QAccessibleInterface | None:
    """The interface of a widget with a role of its own; None leaves it to Qt. Called for each class of the widget."""
    del class_name
    role = getattr(widget, "accessible_role", "")
    return QAccessibleWidget(widget, QAccessible.Role[role]) if role and isinstance(widget, QWidget) else None
