"""`make bench`: every measure of the README's table in one run, printed as a table and written to build/bench.json.

    python -m tests.bench [NAME …]     # NAME: engine, store, measure, …; all when none is given

Each module `bench_NAME` here has a function `run() -> list[Measure]`. Figures are ratios of two things measured in
the same run on the same machine; absolute times would say more about the machine than about the program.
"""

from __future__ import annotations

import argparse
import importlib
import json
import platform
import sys
import time
from pathlib import Path

from tests.bench.measure import Measure

HERE = Path(__file__).parent
RESULT = HERE.parent.parent / "build" / "bench.json"


def main() -> int:
    """Exit status 1 when a target is missed."""
    names = sorted(p.stem.removeprefix("bench_") for p in HERE.glob("bench_*.py"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="*", help=f"of {', '.join(names)}; all when none is given")
    chosen = parser.parse_args().name or names
    rows: list[Measure] = []
    try:
        for name in chosen:
            print(f"measuring {name} …", file=sys.stderr, flush=True)
            rows += importlib.import_module(f"tests.bench.bench_{name}").run()
    finally:
        # An hour of measures is not lost when the next one fails.
        _report(rows)
    return 0 if all(row["ok"] for row in rows) else 1


def _report(rows: list[Measure]) -> None:
    width = max((len(row["measure"]) for row in rows), default=0)
    print(f"{'measure':<{width}}  {'value':>8}  {'target':>9}")
    for row in rows:
        mark = "" if row["ok"] else "  missed"
        print(f"{row['measure']:<{width}}  {row['value']:>8.3f}  {row['target']:>9}{mark}")
    RESULT.parent.mkdir(exist_ok=True)
    result = {"time": time.time(), "machine": platform.platform(), "python": platform.python_version(), "rows": rows}
    RESULT.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    raise SystemExit(main())
