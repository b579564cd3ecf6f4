"""`python -m belle`: the same as the program `belle`."""

from __future__ import annotations

import sys

from belle.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
