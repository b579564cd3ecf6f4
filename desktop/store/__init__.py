"""The store: every conversation of one user, in one SQLite file. It needs neither Qt nor a display."""

from desktop.store.backups import Backup, backups, make_daily, restore
from desktop.store.errors import StoreError
from desktop.store.records import ConversationSummary, SearchHit, StoredConversation, StoredMessage
from desktop.store.store import Store

__all__ = [
    "Backup",
    "ConversationSummary",
    "SearchHit",
    "Store",
    "StoreError",
    "StoredConversation",
    "StoredMessage",
    "backups",
    "make_daily",
    "restore",
]
