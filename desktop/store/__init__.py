"""The store: every conversation of one user, in one SQLite file. It needs neither Qt nor a display."""

from desktop.store.backups import Backup, backups, make_daily, restore
from desktop.store.errors import StoreError
from desktop.store.records import (
    ConversationSummary,
    ConversationTree,
    Persona,
    ProjectSettings,
    SearchHit,
    StoredConversation,
    StoredFact,
    StoredMessage,
    StoredPersona,
    StoredProject,
    StoredSummary,
    TreeMessage,
)
from desktop.store.store import Store

__all__ = [
    "Backup",
    "ConversationSummary",
    "ConversationTree",
    "Persona",
    "ProjectSettings",
    "SearchHit",
    "Store",
    "StoreError",
    "StoredConversation",
    "StoredFact",
    "StoredMessage",
    "StoredPersona",
    "StoredProject",
    "StoredSummary",
    "TreeMessage",
    "backups",
    "make_daily",
    "restore",
]
