"""`python -m belle.cli.native …`: a command with native code, in a child process of `belle`."""

from __future__ import annotations

import sys

from belle.cli.main import INTERRUPTED, main
from belle.engine.process.native_process import become_child


def _run() -> int:
    try:
        words = become_child(sys.argv[1:])
        # For reports, which contain the command line as it was typed.
        sys.argv = ["belle", *words]
        return main(words)
    except KeyboardInterrupt:
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(_run())
