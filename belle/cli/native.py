"""`python -m belle.cli.native …`: a command whose native code may end the process. Started by `belle` alone."""

from __future__ import annotations

import sys

from belle.cli.main import main
from belle.engine.native_process import become_child

if __name__ == "__main__":
    words = become_child(sys.argv[1:])
    # Reports name the command as the person gave it.
    sys.argv = ["belle", *words]
    sys.exit(main(words))
