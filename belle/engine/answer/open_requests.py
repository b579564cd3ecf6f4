"""Which request is being answered and which is to be stopped: shared by two threads, guarded by one lock."""

from __future__ import annotations

import threading

from belle.engine.llama.context import StopFlag


class OpenRequests:
    """The requests for answers that were accepted and not yet finished, in order.

    Args:
        flag: interrupts the evaluation in progress.
    """

    def __init__(self, flag: StopFlag) -> None:
        self._flag = flag
        self._lock = threading.Lock()
        self._open: list[int] = []
        self._stopped: set[int] = set()
        self._thought_enough: set[int] = set()
        self._reading_ahead = False
        self._quitting = False

    def accept(self, request_id: int) -> bool:
        """Queue `request_id`; False while another answer is in progress that nobody has stopped."""
        with self._lock:
            if any(other not in self._stopped for other in self._open):
                return False
            self._open.append(request_id)
            return True

    def stop(self, request_id: int) -> None:
        """Stop `request_id` now, or as soon as it begins. Does nothing when it is finished."""
        with self._lock:
            if request_id in self._open:
                self._stopped.add(request_id)
                # Only the first is being evaluated: the flag must not stop the answer before it.
                if request_id == self._open[0]:
                    self._flag.set()

    def answer_now(self, request_id: int) -> None:
        """The thought of `request_id` is to end. Does nothing when it is finished."""
        with self._lock:
            if request_id in self._open:
                self._thought_enough.add(request_id)

    def has_thought_enough(self, request_id: int) -> bool:
        """Whether the thought of `request_id` is to end."""
        return request_id in self._thought_enough  # for every token, so without the lock

    def begin(self, request_id: int) -> None:
        """`request_id` is answered from now on."""
        with self._lock:
            # A stop may have come while the request was queued; then the flag must stay set.
            if request_id not in self._stopped and not self._quitting:
                self._flag.clear()

    def finish(self, request_id: int) -> None:
        """`request_id` is answered, or failed."""
        with self._lock:
            self._open.remove(request_id)
            self._stopped.discard(request_id)
            self._thought_enough.discard(request_id)

    def begin_reading_ahead(self) -> bool:
        """Evaluate what nobody has asked for yet; False while there is a request."""
        with self._lock:
            if self._open or self._quitting:
                return False
            self._flag.clear()
            self._reading_ahead = True
            return True

    def interrupt_reading_ahead(self) -> None:
        """Something else is to be done. Does nothing when nothing is being read ahead."""
        with self._lock:
            if self._reading_ahead:
                self._flag.set()

    def finish_reading_ahead(self) -> None:
        """It is read, or was interrupted. The flag stays as it is: whatever begins next clears it."""
        with self._lock:
            self._reading_ahead = False

    def quit(self) -> None:
        """Stop everything for good."""
        with self._lock:
            self._quitting = True
            self._flag.set()

    @property
    def quitting(self) -> bool:
        """Whether the worker is to end."""
        return self._quitting
