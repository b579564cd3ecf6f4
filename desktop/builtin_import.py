"""Takes `import` back from PySide6: to be imported right after PySide6, before the rest of the window.

PySide6 puts an `import` of its own in the place of Python's, which reads the source file of every module that is
imported from then on and keeps it in memory, to learn whether the module might say `from __feature__ import …`.
Nobody here does, and the reading is a good part of the time until the window is there.
"""

from __future__ import annotations

import builtins

# There is neither name before PySide6 is imported, nor in a PySide6 that has given this up.
if builtins.__import__ is getattr(builtins, "__feature_import__", None):
    builtins.__import__ = builtins.__orig_import__  # type: ignore[attr-defined]
