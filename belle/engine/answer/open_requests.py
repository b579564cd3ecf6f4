"""Which request is being answered and which is to be stopped: shared by two threads, guarded by one lock."""

from __future__ import annotations

import threading

from belle.engine.llama.context import StopFlag


class OpenRequests:
    """The requests for answers that were accepted and not yet finished.

    The flag is set as soon as nobody needs what is being evaluated, and not before: a batch may be for several answers.

    Args:
        flag: interrupts the evaluation in progress.
    """

    def __init__(self, flag: StopFlag) -> None:
        self._flag = flag
        self._lock = threading.Lock()
        self._most = 1
        self._open: list[int] = []
        self._stopped: set[int] = set()
        self._thought_enough: set[int] = set()
        self._begun: set[int] = set()
        self._alone: int | None = None  # of those begun, the one for which alone something is evaluated now
        self._reading_ahead = False
        self._quitting = False

    def allow(self, most: int) -> None:
        """So many requests can be answered at once from now on."""
        with self._lock:
            self._most = most

    def accept(self, request_id: int) -> bool:
        """Queue `request_id`; False while as many answers as can be are in progress that nobody has stopped."""
        with self._lock:
            if sum(other not in self._stopped for other in self._open) >= self._most:
                return False
            self._open.append(request_id)
            return True

    def stop(self, request_id: int) -> None:
        """Stop `request_id` now, or as soon as it begins. Does nothing when it is finished."""
        with self._lock:
            if request_id in self._open:
                self._stopped.add(request_id)
                self._update_flag()

    def answer_now(self, request_id: int) -> None:
        """The thought of `request_id` is to end. Does nothing when it is finished."""
        with self._lock:
            if request_id in self._open:
                self._thought_enough.add(request_id)

    def has_thought_enough(self, request_id: int) -> bool:
        """Whether the thought of `request_id` is to end."""
        return request_id in self._thought_enough  # for every token, so without the lock

    def begin(self, request_id: int, *, alone: bool = False) -> None:
        """`request_id` is answered from now on; with `alone`, the flag is its own until its end."""
        with self._lock:
            self._begun.add(request_id)
            if alone:
                self._alone = request_id
            self._update_flag()

    def is_stopped(self, request_id: int) -> bool:
        """Whether `request_id` is to end now."""
        return self._quitting or request_id in self._stopped

    def finish(self, request_id: int) -> None:
        """`request_id` is answered, or failed."""
        with self._lock:
            self._open.remove(request_id)
            self._begun.discard(request_id)
            self._stopped.discard(request_id)
            self._thought_enough.discard(request_id)
            if self._alone == request_id:
                self._alone = None
            self._update_flag()

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

    def _update_flag(self) -> None:
        """While nothing is evaluated, the flag stays as it is: whatever begins next decides."""
        needed = self._begun if self._alone is None else {self._alone}
        if self._quitting or (needed and needed <= self._stopped):
            self._flag.set()
        elif needed:
            self._flag.clear()
