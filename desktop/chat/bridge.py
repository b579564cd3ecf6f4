"""The engine seen from Qt: events that arrive on the client's reader thread become a signal of the window's thread."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from belle.engine.process.client import Engine, EngineClient
from belle.engine.process.protocol import Event

EngineFactory = Callable[[Callable[[Event], None]], Engine]
"""Makes an engine that calls back with every event, on whatever thread it likes."""


class EngineBridge(QObject):
    """Owns one engine. `told` is emitted in the thread the bridge lives in; nothing after `close`."""

    told = Signal(object)
    _arrived = Signal(object)

    def __init__(self, factory: EngineFactory = EngineClient, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._open = True
        self._arrived.connect(self._deliver)
        self.engine = factory(self._arrived.emit)
        self.engine.start()

    def _deliver(self, event: Event) -> None:
        if self._open:
            self.told.emit(event)

    def close(self) -> None:
        """End the engine. Events still under way are dropped."""
        self._open = False
        self.engine.close()
