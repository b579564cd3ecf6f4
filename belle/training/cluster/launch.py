"""`belle train RECIPE --launch hosts.txt`: the same run on several machines, started and ended from one.

On every machine torchrun's agent (`belle.training.cluster.agent`) starts the processes. It is started over ssh or, on
this machine, directly. When one process fails, the others notice within seconds and report it; what still runs after
that is ended, and the exit status is that of the machine that failed first.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import belle
from belle import network
from belle.errors import KnownError
from belle.training.cluster.agent import digest
from belle.training.cluster.hosts import Host, read_hosts

# Variables that configure libraries: they must be the same in every process of a run.
_FORWARDED = ("NCCL_", "GLOO_", "TORCH_", "HF_", "DS_", "OMP_", "MKL_", "UCX_", "PYTHONPATH", "TOKENIZERS_")
_SSH = ("ssh", "-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=20", "-o", "ServerAliveInterval=15")
_SSH_FAILED = 255
_NOTICE_SECONDS = 30.0
_END_SECONDS = 45.0
_POLL_SECONDS = 0.05


def launch(hosts: Path, recipe: Path, changes: Sequence[str], *, resume: bool) -> int:
    """Train the recipe on the machines of the file `hosts`. Returns the exit status.

    Raises KnownError: `file_missing`, `hosts_wrong`, `host_unreachable`, and as `load_recipe`.
    """
    arguments = ["train", str(recipe), *(word for change in changes for word in ("--set", change))]
    if resume:
        arguments.append("--resume")
    return launch_command(
        read_hosts(hosts), [sys.executable, "-m", "belle", *arguments], files=_files_of(recipe, changes)
    )


def launch_command(hosts: Sequence[Host], command: Sequence[str], *, files: Sequence[Path] = ()) -> int:
    """Run `command` in every slot of every host, each process knowing its rank as torchrun says it.

    Args:
        files: must be the same on all hosts; a host with another version reports it, and the status is 2. Paths are
            relative to the current folder, which must exist on every host.

    Returns the exit status: of the machine that failed first; 128 + n after a signal n.

    Raises KnownError: `host_unreachable`, `hosts_wrong`, `offline`.
    """
    others = [host.name for host in hosts if not host.is_here]
    agents: list[_Agent] = []
    with contextlib.ExitStack() as stack:
        if others:
            stack.enter_context(network.connection("machines", ", ".join(others)))
        for request, host in zip(_requests(hosts, command, files), hosts, strict=True):
            agents.append(stack.enter_context(_Agent(host, request)))
        stack.enter_context(_signals_to(agents))
        return _follow(agents)


class _Agent:
    """The agent of a machine as a child process: ssh, or Python itself. A context manager, which ends it."""

    def __init__(self, host: Host, request: Mapping[str, Any]) -> None:
        self.host = host
        # In a session of its own, so that Ctrl-C in the terminal reaches the launcher alone, which passes it on.
        self._process = subprocess.Popen(_agent_command(host), stdin=subprocess.PIPE, text=True, start_new_session=True)
        self.write(json.dumps(request))

    def __enter__(self) -> _Agent:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._kill()

    def _kill(self) -> None:
        """End it at once, and on this machine also what it started."""
        import psutil

        with contextlib.suppress(psutil.NoSuchProcess):
            for process in psutil.Process(self._process.pid).children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
        self._process.kill()
        self._process.wait()

    def write(self, line: str) -> None:
        """Send the agent a line; nothing happens when it has ended."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()

    def end(self) -> None:
        """Close the connection: the agent ends what still runs."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def status(self) -> int | None:
        """Its exit status, 128 + n after a signal n; None while it runs."""
        status = self._process.poll()
        return 128 - status if status is not None and status < 0 else status


def _follow(agents: Sequence[_Agent]) -> int:
    """Wait for all agents, or for some time after the first failure. Returns the exit status of the first failure.

    Raises KnownError("host_unreachable").
    """
    failed: int | None = None
    deadline = float("inf")
    while True:
        statuses = [agent.status() for agent in agents]
        for agent, status in zip(agents, statuses, strict=True):
            if status == _SSH_FAILED and not agent.host.is_here:
                raise _unreachable(agent.host)
        if failed is None and any(statuses):
            failed = next(filter(None, statuses))
            # Give the others time to notice the loss and to report it.
            deadline = monotonic() + _NOTICE_SECONDS
        if None not in statuses or monotonic() > deadline:
            return failed or 0
        sleep(_POLL_SECONDS)


@contextlib.contextmanager
def _signals_to(agents: Sequence[_Agent]) -> Iterator[None]:
    """Pass on SIGINT and SIGTERM: after the first, every process finishes its step and saves; the third one kills."""
    count = 0

    def pass_on(number: int, _frame: Any) -> None:
        nonlocal count
        count += 1
        for agent in agents:
            agent.write(str(int(number if count < 3 else signal.SIGKILL)))

    previous = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _requests(hosts: Sequence[Host], command: Sequence[str], files: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """The request to each machine's agent, see `belle.training.cluster.agent`. Raises KnownError("hosts_wrong")."""
    first, all_here = hosts[0], all(host.is_here for host in hosts)
    if first.is_loopback and not all_here:
        raise KnownError(
            "hosts_wrong",
            f"The first host is {first.name}, which is a different machine on every other host.",
            "Write the name under which the others reach it.",
        )
    with socket.socket() as listener:
        # A port that is free here is most likely free on the first machine.
        listener.bind(("", 0))
        port = listener.getsockname()[1]
    for number, host in enumerate(hosts):
        yield {
            "host": host.name,
            "number": number,
            "hosts": len(hosts),
            "slots": host.slots,
            "endpoint": f"{'127.0.0.1' if all_here else first.address}:{port}",
            "folder": str(Path.cwd()),
            "version": belle.__version__,
            "files": {str(path): digest(path) for path in files},
            "environment": {name: value for name, value in os.environ.items() if name.startswith(_FORWARDED)},
            "command": list(command),
        }


def _agent_command(host: Host) -> list[str]:
    if host.is_here:
        return [sys.executable, "-m", "belle.training.cluster.agent"]
    inside = f"cd {shlex.quote(str(Path.cwd()))}; exec {shlex.quote(sys.executable)} -m belle.training.cluster.agent"
    if path := os.environ.get("PYTHONPATH"):
        inside = f"export PYTHONPATH={shlex.quote(path)}; {inside}"
    return [*_SSH, host.name, inside]


def _files_of(path: Path, changes: Sequence[str]) -> list[Path]:
    """The recipe and every file it names, and those of the recipes it starts from."""
    from belle.training.recipe.load import load_recipe
    from belle.training.recipe.sources import chain

    files: dict[Path, None] = {}
    for recipe in chain(load_recipe(path, changes)):
        general = recipe.mix.general if recipe.mix is not None else ()
        named = [recipe.source, recipe.deepspeed, *(file.path for file in (*recipe.data, *general, *recipe.eval_data))]
        files |= dict.fromkeys(name for name in named if name is not None)
    return list(files)


def _unreachable(host: Host) -> KnownError:
    return KnownError(
        "host_unreachable",
        f"{host.name} cannot be reached; the message of ssh is above.",
        f"“ssh {host.name}” must work without a password, and {sys.executable} must exist there.",
        host=host.name,
    )
