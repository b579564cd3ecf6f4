"""The process in which a program of a model runs: it confines itself, then becomes that program.

Started as a file by `sandbox`, with the standard library alone. The task is a JSON object on stdin. Confined are, in
this order: network, mounts, processes, user (namespaces), the root folder, memory, time, files, privileges.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import re
import resource
import signal
import sys
from pathlib import Path
from typing import Any

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
PR_SET_NO_NEW_PRIVS, PR_SET_PDEATHSIG = 38, 1
NOBODY = 65534
TIMED_OUT = 128 + signal.SIGXCPU

RUNNER = """
import json, os, sys

def run():
    task = json.load(sys.stdin)
    null = os.open("/dev/null", os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    scope = {"__name__": "__main__"}
    exec(compile(task["program"], "program.py", "exec"), scope)
    exec(compile(task["tests"], "tests.py", "exec"), scope)
    sys.stdout.flush()
    sys.stderr.flush()
    os.write(1, task["word"].encode())
    os._exit(0)

run()
"""


def main() -> None:
    """Confine this process and run the task."""
    task = json.loads(sys.stdin.buffer.read())
    libc = ctypes.CDLL(None, use_errno=True)
    _die_with_parent(libc)
    _unshare(libc)
    _new_root(libc, Path(sys.argv[1]), task["files"])
    # The new process is the first of its namespace: the kernel kills all the others when it ends.
    child = os.fork()
    if child:
        os._exit(_wait(child, task["seconds"]))
    _limit(task)
    with contextlib.suppress(OSError):  # without privileges there are no groups to give up
        os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    _die_with_parent(libc)  # after the change of the user, which takes it back
    _check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")
    _hand_over({name: task[name] for name in ("program", "tests", "word")})
    # Becoming another program gives up what a user namespace grants to its first process.
    os.execv(sys.executable, [sys.executable, "-I", "-S", "-c", RUNNER])  # noqa: S606


def _hand_over(task: dict[str, str]) -> None:
    """Make the task the stdin of the next program: arguments may have no more than 128 KB, and stay in sight."""
    file = os.memfd_create("task")
    with open(file, "wb", closefd=False) as stream:
        stream.write(json.dumps(task).encode())
    os.lseek(file, 0, os.SEEK_SET)
    os.dup2(file, 0)
    os.close(file)


def _die_with_parent(libc: Any) -> None:
    _check(libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0), "prctl")


def _wait(child: int, seconds: float) -> int:
    """The exit status of the program, as a shell would have it."""
    late = []

    def end(*_: object) -> None:
        late.append(True)
        os.kill(child, signal.SIGKILL)

    signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return TIMED_OUT if late else code if code >= 0 else 128 - code


def _unshare(libc: Any) -> None:
    kinds = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS
    if os.getuid() == 0:
        _check(libc.unshare(kinds), "unshare")
        return
    user, group = os.getuid(), os.getgid()
    _check(libc.unshare(kinds | CLONE_NEWUSER), "unshare")
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{NOBODY} {user} 1"),
        ("gid_map", f"{NOBODY} {group} 1"),
    ):
        Path("/proc/self", name).write_text(text, encoding="ascii")


def _new_root(libc: Any, root: Path, n_bytes: int) -> None:
    _mount(libc, "none", "/", None, MS_REC | MS_PRIVATE)
    _mount(libc, "tmpfs", root, "tmpfs", MS_NOSUID | MS_NODEV, data=f"size={n_bytes},mode=755")
    for folder in sorted({"/usr", "/lib", "/lib64", sys.base_prefix, sys.base_exec_prefix}):
        _show(libc, Path(folder), root)
    (root / "dev").mkdir()
    for device in ("null", "zero", "urandom"):
        (root / "dev" / device).touch()
        _mount(libc, f"/dev/{device}", root / "dev" / device, None, MS_BIND)
    (root / "tmp").mkdir()
    (root / "tmp").chmod(0o777)
    os.chroot(root)
    os.chdir("/tmp")  # noqa: S108 – within the new root


def _show(libc: Any, folder: Path, root: Path) -> None:
    """Show a folder of the system below the new root, read-only."""
    target = root / folder.relative_to("/")
    if folder.is_symlink():
        target.symlink_to(folder.readlink())
    elif folder.is_dir() and not target.is_dir():
        target.mkdir(parents=True)
        _mount(libc, folder, target, None, MS_BIND | MS_REC)
        for mount in _mounts_in(target):
            # Flags that the mount has already must stay: they are locked in a new user namespace.
            kept = os.statvfs(mount).f_flag & (MS_NOSUID | MS_NODEV | os.ST_NOEXEC)
            _mount(libc, "none", mount, None, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | kept)


def _mounts_in(folder: Path) -> list[Path]:
    """The folder itself, and what is mounted below it: a remount is of one mount alone."""
    fields = [line.split()[4] for line in Path("/proc/self/mountinfo").read_bytes().splitlines()]
    points = {os.fsdecode(re.sub(rb"\\([0-7]{3})", lambda octal: bytes([int(octal[1], 8)]), field)) for field in fields}
    return [folder, *(Path(point) for point in sorted(points) if folder in Path(point).parents)]


def _limit(task: dict[str, Any]) -> None:
    for kind, most in (
        (resource.RLIMIT_AS, task["memory"]),
        (resource.RLIMIT_CPU, max(1, round(task["seconds"]))),
        (resource.RLIMIT_FSIZE, task["files"]),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_NPROC, 16),  # each of which may take as much memory
        (resource.RLIMIT_CORE, 0),
    ):
        with contextlib.suppress(ValueError):  # a lower limit holds already
            resource.setrlimit(kind, (most, most))


def _mount(libc: Any, source: str | Path, target: str | Path, kind: str | None, flags: int, *, data: str = "") -> None:
    words = [str(word).encode() if word is not None else None for word in (source, target, kind)]
    _check(libc.mount(*words, ctypes.c_ulong(flags), data.encode() or None), f"mount {target}")


def _check(status: int, what: str) -> None:
    if status != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")


if __name__ == "__main__":
    main()
