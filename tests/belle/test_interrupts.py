"""Ctrl-C in the middle of an import: the import ends first."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

# As C code does, it lets nobody know that it was interrupted.
MODULE = """
import os, signal, time
try:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.1)
except KeyboardInterrupt:
    raise ImportError("half made") from None
WHOLE = True
"""

PROGRAM = """
import sys, time
from belle.interrupts import between_imports
sys.path.insert(0, sys.argv[1])
try:
    with between_imports():
        import interrupted
        time.sleep(30)
except KeyboardInterrupt:
    print("stopped", sys.modules["interrupted"].WHOLE)
"""


def test_an_interrupt_in_an_import_comes_when_that_is_over(tmp_path: Path) -> None:
    (tmp_path / "interrupted.py").write_text(MODULE)
    result = run(PROGRAM, str(tmp_path))
    assert (result.stdout, result.stderr) == ("stopped True\n", "")


def test_without_an_import_it_comes_at_once_and_a_second_one_of_the_same_key_is_none() -> None:
    program = """
import os, signal, time
from belle.interrupts import between_imports
count = 0
with between_imports():
    for _ in range(2):
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.05)
        except KeyboardInterrupt:
            count += 1
print(count, signal.getsignal(signal.SIGINT) is signal.default_int_handler)
"""
    result = run(program)
    assert (result.stdout, result.stderr) == ("1 True\n", "")


def test_an_interrupt_in_a_callback_of_native_code_comes_after_it() -> None:
    program = """
import ctypes, os, signal, time
from belle.interrupts import between_imports, native_callback
ended = []

@native_callback
def compare(first, second):
    if not ended:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.05)
    ended.append(True)
    return 0

callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(compare)
try:
    with between_imports():
        ctypes.CDLL(None).qsort((ctypes.c_int * 2)(1, 2), ctypes.c_size_t(2), ctypes.c_size_t(4), callback)
        time.sleep(30)
except KeyboardInterrupt:
    print("stopped", len(ended))
"""
    result = run(program)
    assert (result.stdout, result.stderr) == ("stopped 1\n", "")


def test_an_interrupt_cancels_an_event_loop_and_is_raised_after_it() -> None:
    program = """
import asyncio, os, signal, sys
from belle.interrupts import between_imports, cancelling

async def wait(told):
    try:
        await asyncio.sleep(30)
    except asyncio.CancelledError:
        told.append("cancelled")
        raise

async def work(cancel, told):
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    cancel.append(lambda: loop.call_soon_threadsafe(task.cancel))
    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(wait(told))
        await asyncio.sleep(0)
        for _ in range(2):  # one Ctrl-C may arrive twice
            os.kill(os.getpid(), signal.SIGINT)

cancel, told = [], []
try:
    with between_imports(), cancelling(lambda: cancel[0]()):
        try:
            asyncio.run(work(cancel, told))
        except asyncio.CancelledError:
            told.append("ended")
except KeyboardInterrupt:
    print(*told, "stopped", signal.getsignal(signal.SIGINT) is signal.default_int_handler)
"""
    result = run(program)
    assert (result.stdout, result.stderr) == ("cancelled cancelled cancelled ended stopped True\n", "")


def run(program: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program, *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)
