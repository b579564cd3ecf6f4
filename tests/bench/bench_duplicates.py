"""A million rows without their duplicates: minutes, memory, and what is missed, with duplicates planted in the rows.

`BELLE_BENCH_ROWS` sets the number of rows; from fewer than a million, time and memory are scaled up.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from tests.bench.measure import Measure, at_least, at_most

MILLION = 1_000_000
ROWS = int(os.environ.get("BELLE_BENCH_ROWS", MILLION))
THRESHOLD = 0.8
_ENGLISH = [f"{a}{b}" for a in ("ba", "co", "den", "fir", "gra", "lo", "mi", "sta") for b in ("ble", "t", "ring", "s")]
_COMMAND = """
import resource, sys
from belle.cli.main import main
status = main(sys.argv[1:])
used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(used * (1 if sys.platform == "darwin" else 1024), file=sys.stderr)
sys.exit(status)
"""


def run() -> list[Measure]:
    """All measures."""
    with tempfile.TemporaryDirectory() as folder:
        source, result = Path(folder, "rows.jsonl"), Path(folder, "unique.jsonl")
        planted = _write(source)
        small, small_memory = _dedup(source, result, 1000)
        seconds, memory = _dedup(source, result, ROWS)
        kept = {json.loads(line)["id"] for line in result.open(encoding="utf-8")}
    minutes = (seconds - small) / (ROWS - 1000) * MILLION / 60
    grown = (memory - small_memory) / ROWS * MILLION + small_memory
    originals = {str(number) for number in range(ROWS)} - planted
    found = sum(number not in kept for number in planted) / len(planted)
    return [
        at_most("1,000,000 rows without duplicates, minutes", minutes, 10),
        at_most("memory of it, GB", grown / 1e9, 2),
        at_least(f"of the {len(planted):,} duplicates that were planted, found", found, 0.99),
        at_most(f"of {len(originals):,} rows that are none, lost", len(originals - kept), 0),
    ]


def _dedup(source: Path, result: Path, rows: int) -> tuple[float, int]:
    """Seconds and bytes of `belle data dedup` for the first rows."""
    if rows < ROWS:
        source, all_rows = source.with_name("first.jsonl"), source
        with all_rows.open(encoding="utf-8") as lines:
            source.write_text("".join(next(lines) for _ in range(rows)), encoding="utf-8")
    words = ["data", "dedup", str(source), "-o", str(result), "--near", str(THRESHOLD)]
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", _COMMAND, *words], check=True, capture_output=True, text=True)
    return time.perf_counter() - start, int(done.stderr.split()[-1])


def _write(path: Path) -> set[str]:
    """Write the rows. Returns the ids of the planted duplicates."""
    rng = random.Random(1)
    planted: set[str] = set()
    with path.open("w", encoding="utf-8") as file:
        for number, (question, answer, is_copy) in enumerate(_rows(rng)):
            if is_copy:
                planted.add(str(number))
            turns = [{"from": "human", "value": question}, {"from": "assistant", "value": answer}]
            file.write(json.dumps({"id": str(number), "conversations": turns}, ensure_ascii=False) + "\n")
    return planted


def _rows(rng: random.Random) -> Iterator[tuple[str, str, bool]]:
    """Questions, answers, and whether they are a duplicate: 200 to 400 characters, every
    tenth a changed copy of one of the last thousand."""
    han = [chr(0x4E00 + code) for code in range(2500)]
    last: deque[tuple[str, str]] = deque(maxlen=1000)
    for number in range(ROWS):
        if last and number % 10 == 9:
            question, answer = rng.choice(last)
            at = rng.randrange(len(answer) - 20)
            # Five new characters change at most eight runs of four in two hundred: a similarity above 0.9.
            yield question, f"{answer[:at]}改过的几字{answer[at + 5 :]}", True
            continue
        if number % 3 == 2:
            text = " ".join(rng.choices(_ENGLISH, k=55))
        else:
            text = "，".join("".join(rng.choices(han, k=9)) for _ in range(rng.randrange(20, 40)))
        question, answer = text[:40], text[40:]
        last.append((question, answer))
        yield question, answer, False
