"""The store: every conversation of this user, in one SQLite file. Runs without Qt and without a display."""

from desktop.store.backups import Backup, backups, make_daily, restore
from desktop.store.errors import StoreError
from desktop.store.records import Conversation, ConversationSummary, Message, SearchHit
from desktop.store.store import Store

__all__ = [
    "Backup",
    "Conversation",
    "ConversationSummary",
    "Message",
    "SearchHit",
    "Store",
    "StoreError",
    "backups",
    "make_daily",
    "restore",
]
