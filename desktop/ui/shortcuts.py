"""All keyboard shortcuts in one table, from which the actions and the dialog that lists them are made."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

from desktop.i18n import translate

if TYPE_CHECKING:
    from PySide6.QtGui import QAction
    from PySide6.QtWidgets import QWidget

# On a Mac, Qt's "Ctrl" is ⌘, and ⌘Tab belongs to the system.
_CONTROL = "Meta" if sys.platform == "darwin" else "Ctrl"


class Shortcut(NamedTuple):
    """`id` names the action, `keys` are portable key sequences (Ctrl is ⌘ on a Mac)."""

    id: str
    group: str
    keys: tuple[str, ...]
    global_action: bool = True  # False: handled by the widget with the focus, and only listed here


TABLE: tuple[Shortcut, ...] = (
    Shortcut("new_chat", "conversations", ("Ctrl+N",)),
    Shortcut("quick_ask", "conversations", ("Ctrl+Shift+K",)),
    Shortcut("search", "conversations", ("Ctrl+K",)),
    Shortcut("next_chat", "conversations", (f"{_CONTROL}+Tab",)),
    Shortcut("previous_chat", "conversations", (f"{_CONTROL}+Shift+Tab",)),
    Shortcut("find", "conversations", ("Ctrl+F",)),
    Shortcut("rename", "conversations", ("F2",)),
    Shortcut("delete", "conversations", ("Del",), global_action=False),
    Shortcut("export", "conversations", ("Ctrl+E",)),
    Shortcut("print", "conversations", ("Ctrl+P",)),
    Shortcut("send", "writing", ("Return",), global_action=False),
    Shortcut("new_line", "writing", ("Shift+Return",), global_action=False),
    Shortcut("edit_last", "writing", ("Up",), global_action=False),
    Shortcut("focus_composer", "writing", ("Ctrl+L",)),
    Shortcut("dictate", "writing", ("Ctrl+Shift+M",)),
    Shortcut("stop", "answers", ("Esc",)),
    Shortcut("regenerate", "answers", ("Ctrl+R",)),
    Shortcut("copy_last", "answers", ("Ctrl+Shift+C",)),
    Shortcut("read_aloud", "answers", ("Ctrl+Shift+A",)),
    Shortcut("pin_message", "answers", ("Ctrl+D",)),
    Shortcut("message_up", "answers", ("Alt+Up",)),
    Shortcut("message_down", "answers", ("Alt+Down",)),
    Shortcut("models", "window", ("Ctrl+Shift+L",)),
    Shortcut("open_model", "window", ("Ctrl+O",)),
    Shortcut("sidebar", "window", ("Ctrl+B",)),
    Shortcut("reader", "window", ("Ctrl+Shift+R",)),
    Shortcut("settings", "window", ("Ctrl+,",)),
    Shortcut("shortcuts", "window", ("Ctrl+/",)),
    Shortcut("zoom_in", "window", ("Ctrl+=", "Ctrl++")),
    Shortcut("zoom_out", "window", ("Ctrl+-",)),
    Shortcut("zoom_reset", "window", ("Ctrl+0",)),
    Shortcut("quit", "window", ("Ctrl+Q",)),
)

_SIGNS = {"Return": "Enter", "Up": "↑", "Down": "↓", "Del": "Delete"}
_BY_ID = {shortcut.id: shortcut for shortcut in TABLE}


def make_actions(window: QWidget) -> dict[str, QAction]:
    """One action for each global shortcut, added to `window`."""
    from PySide6.QtGui import QAction, QKeySequence

    actions: dict[str, QAction] = {}
    for shortcut in TABLE:
        if shortcut.global_action:
            action = QAction(window)
            action.setShortcuts([QKeySequence(keys) for keys in shortcut.keys])
            window.addAction(action)
            actions[shortcut.id] = action
    name_actions(actions)
    return actions


def name_actions(actions: dict[str, QAction]) -> None:
    """Set the texts of the actions in the present language."""
    for name, action in actions.items():
        action.setText(description(name))


def key_text(name: str) -> str:
    """The first key sequence of a shortcut as this system writes it: ⌘N on a Mac, else Ctrl+N."""
    keys = _BY_ID[name].keys[0]
    if sys.platform == "darwin":
        from PySide6.QtGui import QKeySequence

        return QKeySequence(keys).toString(QKeySequence.SequenceFormat.NativeText)
    # Not NativeText: it translates the names of the keys, and keyboards have the English ones in both languages.
    *modifiers, key = keys.split("+")
    return "+".join([*modifiers, _SIGNS.get(key, key)])


def group_title(group: str) -> str:
    """The heading of a group in the dialog."""
    return {
        "conversations": translate("Shortcuts", "Conversations"),
        "writing": translate("Shortcuts", "Writing"),
        "answers": translate("Shortcuts", "Answers"),
        "window": translate("Shortcuts", "Window"),
    }[group]


def description(name: str) -> str:
    """What a shortcut does."""
    return {
        "new_chat": translate("Shortcuts", "New chat"),
        "quick_ask": translate("Shortcuts", "Quick question, in a small window"),
        "search": translate("Shortcuts", "Search"),
        "next_chat": translate("Shortcuts", "Next conversation"),
        "previous_chat": translate("Shortcuts", "Previous conversation"),
        "find": translate("Shortcuts", "Find in this conversation"),
        "rename": translate("Shortcuts", "Rename the conversation"),
        "delete": translate("Shortcuts", "Delete the conversation (in the list)"),
        "export": translate("Shortcuts", "Export this chat…"),
        "print": translate("Shortcuts", "Print…"),
        "send": translate("Shortcuts", "Send"),
        "new_line": translate("Shortcuts", "New line"),
        "edit_last": translate("Shortcuts", "Edit the last question (while nothing is typed)"),
        "focus_composer": translate("Shortcuts", "Go to the text field"),
        "dictate": translate("Shortcuts", "Dictate: hold, or press before and after"),
        "stop": translate("Shortcuts", "Stop the answer"),
        "regenerate": translate("Shortcuts", "Answer again"),
        "copy_last": translate("Shortcuts", "Copy the last answer"),
        "read_aloud": translate("Shortcuts", "Read the last answer aloud, or stop reading"),
        "pin_message": translate("Shortcuts", "Pin the message, or unpin it: the model keeps it in mind"),
        "message_up": translate("Shortcuts", "Previous message"),
        "message_down": translate("Shortcuts", "Next message"),
        "models": translate("Shortcuts", "Models: get, import, delete"),
        "open_model": translate("Shortcuts", "Open a model file"),
        "sidebar": translate("Shortcuts", "Show or hide the sidebar"),
        "reader": translate("Shortcuts", "Reader mode"),
        "settings": translate("Shortcuts", "Settings"),
        "shortcuts": translate("Shortcuts", "Keyboard shortcuts"),
        "zoom_in": translate("Shortcuts", "Larger text"),
        "zoom_out": translate("Shortcuts", "Smaller text"),
        "zoom_reset": translate("Shortcuts", "Normal text size"),
        "quit": translate("Shortcuts", "Quit"),
    }[name]
