"""The progress line of a judge, and what is said when it is interrupted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from belle.cli.terminal import Terminal


@contextmanager
def reply_counter(terminal: Terminal, judge: str, subject: str, total: str, path: Path) -> Iterator[Callable[[], None]]:
    """Gives what to call after each reply.

    Args:
        terminal: where the line is shown.
        judge: the name of the judge.
        subject: what it judges.
        total: how much that is, in words.
        path: where the replies are kept.
    """
    replies = 0

    def count() -> None:
        nonlocal replies
        replies += 1
        terminal.progress(f"{judge} judges {subject}: {replies:,} replies to {total}")

    try:
        yield count
    except KeyboardInterrupt:
        terminal.clear_line()
        terminal.note(
            f"Interrupted: {replies:,} new replies on {subject} in {path}. The same command goes on with the rest."
        )
        raise
    finally:
        terminal.clear_line()
