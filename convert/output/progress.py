"""How far a conversion is, how fast it goes, and how long it will still take."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Stage = Literal["convert", "verify"]


@dataclass(frozen=True)
class Progress:
    """One reading.

    Attributes:
        done_bytes, total_bytes: of the output.
        done_weights, total_weights: numbers converted.
        resumed_weights: of those, what an earlier run had done.
        seconds: since this stage began.
        stage: writing the file, or reading it back.
    """

    done_bytes: int
    total_bytes: int
    done_weights: int
    total_weights: int
    resumed_weights: int
    seconds: float
    stage: Stage = "convert"

    @property
    def weights_per_second(self) -> float:
        """Speed of this run, without what an earlier one had done."""
        return (self.done_weights - self.resumed_weights) / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """At this speed; None before there is one."""
        speed = self.weights_per_second
        return (self.total_weights - self.done_weights) / speed if speed > 0 else None


ProgressCallback = Callable[[Progress], None]


class Meter:
    """Counts what threads have finished."""

    def __init__(self, total_bytes: int, total_weights: int, stage: Stage = "convert") -> None:
        self._stage: Stage = stage
        self._total_bytes, self._total_weights = total_bytes, total_weights
        self._bytes = self._weights = self._resumed = 0
        self._lock = threading.Lock()
        self._start = time.monotonic()

    def add(self, n_bytes: int, n_weights: int, *, resumed: bool = False) -> None:
        """Count one finished chunk."""
        with self._lock:
            self._bytes += n_bytes
            self._weights += n_weights
            self._resumed += n_weights if resumed else 0

    def read(self) -> Progress:
        """The reading now."""
        with self._lock:
            seconds = time.monotonic() - self._start
            return Progress(
                self._bytes, self._total_bytes, self._weights, self._total_weights, self._resumed, seconds, self._stage
            )
