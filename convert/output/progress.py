"""The progress of a conversion, its speed, and the time left."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Stage = Literal["convert", "verify"]


@dataclass(frozen=True)
class Progress:
    """The progress at one moment.

    Attributes:
        done_bytes, total_bytes: of the output.
        done_weights, total_weights: numbers converted.
        resumed_weights: those of `done_weights` that an earlier run had converted.
        seconds: since this stage began.
        stage: writing the file, or verifying it.
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
        """The speed of this run, without the weights of an earlier one."""
        return (self.done_weights - self.resumed_weights) / self.seconds if self.seconds > 0 else 0.0

    @property
    def bytes_per_second(self) -> float | None:
        """The same speed in bytes of the output; None before it is known."""
        speed = self.weights_per_second
        return speed * self.total_bytes / self.total_weights if speed > 0 and self.total_weights else None

    @property
    def seconds_left(self) -> float | None:
        """The time left at this speed; None before the speed is known."""
        speed = self.weights_per_second
        return (self.total_weights - self.done_weights) / speed if speed > 0 else None


ProgressCallback = Callable[[Progress], None]


class Meter:
    """Counts the finished work of several threads."""

    def __init__(self, total_bytes: int, total_weights: int, stage: Stage = "convert") -> None:
        self._stage: Stage = stage
        self._total_bytes, self._total_weights = total_bytes, total_weights
        self._bytes = self._weights = self._resumed = 0
        self._lock = threading.Lock()
        self._start = time.monotonic()

    def add(self, n_bytes: int, n_weights: int, *, resumed: bool = False) -> None:
        """Count one finished slice."""
        with self._lock:
            self._bytes += n_bytes
            self._weights += n_weights
            self._resumed += n_weights if resumed else 0

    def read(self) -> Progress:
        """The progress now."""
        with self._lock:
            seconds = time.monotonic() - self._start
            return Progress(
                self._bytes, self._total_bytes, self._weights, self._total_weights, self._resumed, seconds, self._stage
            )
