"""Restores Python's `__import__`, which PySide6 replaces. Import this right after PySide6.

The `__import__` of PySide6 reads the source file of every module imported from then on and keeps it in memory, to look
for `from __feature__ import …`. Nothing here uses that, and the reading is a good part of the time until the window is
visible.
"""

from __future__ import annotations

import builtins
import linecache

# Neither name exists before PySide6 is imported, or in a PySide6 that no longer does this.
if builtins.__import__ is getattr(builtins, "__feature_import__", None):
    builtins.__import__ = builtins.__orig_import__  # type: ignore[attr-defined]

linecache.clearcache()  # the sources that it has read by now: half a megabyte
