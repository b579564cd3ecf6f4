"""The texts of notices about the file of the conversations."""

from __future__ import annotations

from desktop.i18n import translate


def store_texts() -> dict[str, tuple[str, str]]:
    """Title and sentence by kind."""
    return {
        "newer_schema": (
            translate("Notice", "Your conversations were written by a newer ChatBELLE"),
            translate("Notice", "This version leaves them untouched. Start the newer one to see them."),
        ),
        "not_a_store": (
            translate("Notice", "The conversations' file is something else"),
            translate("Notice", "“{file}” is not a file of conversations. It was left untouched."),
        ),
        "store_damaged": (
            translate("Notice", "The conversations' file is damaged"),
            translate(
                "Notice",
                "What can be read of “{file}” is there, nothing was overwritten. Start ChatBELLE once more to put back "
                "a copy of an earlier day, if there is one.",
            ),
        ),
        "damaged_at_start": (
            translate("Notice", "The conversations' file is damaged"),
            translate("Notice", "“{file}” was left as it is; nothing was overwritten."),
        ),
        "store_no_permission": (
            translate("Notice", "The conversations cannot be written"),
            translate("Notice", "Your user has no permission to write “{file}”."),
        ),
        "old_sqlite": (
            translate("Notice", "This Python is too old for the conversations"),
            translate("Notice", "It comes with SQLite {found}; {needed} or newer is needed. Nothing was changed."),
        ),
        "not_found": (
            translate("Notice", "This does not exist any more"),
            translate("Notice", "It was probably deleted in the meantime."),
        ),
        "locked": (
            translate("Notice", "Another program holds the conversations"),
            translate("Notice", "Close the other window of ChatBELLE, or wait a moment and try again."),
        ),
        "in_use": (
            translate("Notice", "ChatBELLE is open already"),
            translate("Notice", "Only one window at a time may write the conversations."),
        ),
        "disk_full": (
            translate("Notice", "The disk is full"),
            translate("Notice", "What you wrote is not saved yet. Free some space, then send again."),
        ),
        "read_only": (
            translate("Notice", "Reading only"),
            translate(
                "Notice", "The conversations can be read, not changed: the place where they are is write-protected."
            ),
        ),
        "full_at_start": (
            translate("Notice", "The disk is full"),
            translate(
                "Notice", "The conversations can be read. To go on, free some space and start ChatBELLE once more."
            ),
        ),
        "io_error": (
            translate("Notice", "The disk could not be read or written"),
            translate("Notice", "Look whether the disk is still connected and healthy, then try again."),
        ),
    }
