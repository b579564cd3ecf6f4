"""Programs that a model wrote run, and reach nothing: no network, no files, no other process, no end of memory."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from belle.evaluation.judge import sandbox, sandbox_child
from belle.evaluation.judge.sandbox import SandboxError, SandboxLimits, program_problem, unconfined_reason

pytestmark = pytest.mark.skipif(unconfined_reason() is not None, reason=f"cannot confine: {unconfined_reason()}")

ADD = "def add(a, b):\n    return a + b\n"


def test_a_right_program_passes_its_tests() -> None:
    assert program_problem(ADD, "assert add(1, 2) == 3\nassert add(-1, 1) == 0") == ""


def test_the_standard_library_is_there() -> None:
    program = "import json, re, math, collections, itertools, datetime\n" + ADD
    assert program_problem(program, "assert add(1, 2) == 3") == ""


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("def add(a, b):\n    return a - b", "AssertionError"),
        ("def sub(a, b):\n    return a - b", "NameError"),
        ("def add(a b):", "SyntaxError"),
        ("raise ValueError('no')", "no"),
        ("import sys\nsys.exit(0)", "ends before its tests"),
        ("import os\nos._exit(0)", "ends before its tests"),
        ("import os\nos._exit(3)", "ends before its tests"),
    ],
)
def test_a_wrong_program_says_how(program: str, said: str) -> None:
    assert said in program_problem(program, "assert add(1, 2) == 3")


@pytest.mark.parametrize(
    "program",
    [
        "while True: pass",
        "import time\ntime.sleep(60)",
        "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
    ],
    ids=["loop", "sleep", "fork bomb"],
)
def test_what_does_not_end_is_ended(program: str) -> None:
    started = time.monotonic()
    assert program_problem(program, "assert True", SandboxLimits(seconds=1)) == "did not end within 1 s"
    assert time.monotonic() - started < 8


def test_memory_ends() -> None:
    assert "MemoryError" in program_problem("x = bytearray(2 << 30)", "assert True", SandboxLimits(memory_mb=256))


def test_a_flood_of_output_ends() -> None:
    assert program_problem("while True: print('x' * 10000)", "assert True", SandboxLimits(seconds=2))


def reaches(expression: str) -> bool:
    """Whether a program can do something."""
    program = f"try:\n    {expression}\n    reached = True\nexcept Exception:\n    reached = False\n"
    problem = program_problem(program, "assert reached")
    assert problem == "" or "AssertionError" in problem
    return problem == ""


def test_no_file_of_anybody_can_be_read_or_written(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x", encoding="utf-8")
    assert not reaches(f"open({str(secret)!r}).read()")
    assert not reaches(f"open({str(secret)!r}, 'w').write('y')")
    assert not reaches("open('/etc/passwd').read()")
    assert not reaches("open('/usr/x', 'w')")
    assert not reaches("import os; os.remove(os.__file__)")
    assert not reaches("open('/proc/1/environ').read()")
    assert reaches("open('/tmp/own', 'w').write('y'); open('own').read()")
    assert secret.read_text(encoding="utf-8") == "x"


def test_a_long_program_is_run_as_well() -> None:
    program = f"{ADD}\nTEXT = {'字' * 150_000!r}\n"
    assert program_problem(program, "assert add(1, 2) == 3 and len(TEXT) == 150_000") == ""


@pytest.mark.parametrize("place", ["__import__('__main__').task['word']", "__import__('sys').orig_argv[-1]"])
def test_what_shows_that_the_tests_were_reached_is_not_in_sight(place: str) -> None:
    assert program_problem(f"import os\nos.write(1, {place}.encode()[-32:])\nos._exit(0)", "assert False")


@pytest.mark.skipif(os.getuid() != 0, reason="only root mounts")
def test_what_is_mounted_below_a_folder_that_is_shown_is_read_only_as_well(tmp_path: Path) -> None:
    (tmp_path / "shown/a b/inner").mkdir(parents=True)
    script = f"""
import ctypes, os, sys
from pathlib import Path
sys.path.insert(0, {str(Path(sandbox_child.__file__).parent)!r})
import sandbox_child as child
libc = ctypes.CDLL(None, use_errno=True)
shown, root = Path({str(tmp_path / "shown")!r}), Path({str(tmp_path / "root")!r})
child._unshare(libc)
child._mount(libc, "none", "/", None, child.MS_REC | child.MS_PRIVATE)
child._mount(libc, "tmpfs", shown / "a b", "tmpfs", 0)
(shown / "a b/inner").mkdir()
child._mount(libc, "tmpfs", shown / "a b/inner", "tmpfs", child.MS_NODEV)
child._show(libc, shown, root)
for folder in (".", "a b", "a b/inner"):
    try:
        (root / shown.relative_to("/") / folder / "x").touch()
    except OSError:
        continue
    sys.exit(f"{{folder}} can be written")
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=30)


def test_files_are_small() -> None:
    assert not reaches("open('/tmp/a', 'wb').write(bytes(64 << 20))")


def test_there_is_no_network() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not reaches(f"import socket; socket.create_connection(('127.0.0.1', {port}), 2)")


def test_there_is_no_other_process_and_no_privilege() -> None:
    assert not reaches("import os; os.kill(os.getppid(), 0) if os.getppid() else 1 / 0")
    assert not reaches("import os; os.setuid(0)")
    assert not reaches("import ctypes; 1 / (ctypes.CDLL(None).mount(b'none', b'/tmp', b'tmpfs', 0, None) == 0)")
    assert not reaches("import ctypes; 1 / (ctypes.CDLL(None).unshare(0x10000000) == 0)")


def test_where_nothing_can_be_confined_nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "unconfined_reason", lambda: "no namespaces")
    with pytest.raises(SandboxError, match="no namespaces"):
        program_problem(ADD, "assert True")
