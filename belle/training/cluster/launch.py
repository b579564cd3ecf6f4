"""`belle train RECIPE --launch hosts.txt`: the same run on several machines, started, watched and ended from one.

Every machine gets a `belle.training.cluster.node`, over ssh or, on this machine, directly; it starts the processes with
the environment variables that torchrun sets. Where one process fails, the others lose it within seconds and say so;
what is left after that is ended, and the exit status is that of the process that failed first.
"""

from __future__ import annotations

import contextlib
import os
import queue
import shlex
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import belle
from belle.errors import KnownError
from belle.training.cluster.hosts import Host, read_hosts
from belle.training.cluster.node import digest
from belle.training.cluster.node_client import NodeClient

# Settings of libraries that every process of a run must have alike.
_FORWARDED = ("NCCL_", "GLOO_", "TORCH_", "HF_", "DS_", "OMP_", "MKL_", "UCX_", "PYTHONPATH", "TOKENIZERS_")
_HELLO_SECONDS = 60.0
_TO_NOTICE_SECONDS = 30.0
_TO_END_SECONDS = 30.0


def launch(hosts: Path, recipe: Path, changes: Sequence[str], *, resume: bool) -> int:
    """Train the recipe on the machines of the file `hosts`. Returns the exit status.

    Raises KnownError: `file_missing`, `hosts_wrong`, `host_unreachable`, `hosts_differ`, and as `load_recipe`.
    """
    arguments = ["train", str(recipe), *(word for change in changes for word in ("--set", change))]
    if resume:
        arguments.append("--resume")
    return launch_command(
        read_hosts(hosts), [sys.executable, "-m", "belle", *arguments], files=_files_of(recipe, changes)
    )


def launch_command(hosts: Sequence[Host], command: Sequence[str], *, files: Sequence[Path] = ()) -> int:
    """Run `command` in every slot of every host, each process knowing its rank. Returns the exit status.

    Args:
        files: must be the same on all of them. Paths are relative to the current folder, which must be there too.

    Raises KnownError: `host_unreachable`, `hosts_differ`, `hosts_wrong`.
    """
    events: queue.SimpleQueue[tuple[int, dict[str, Any]]] = queue.SimpleQueue()
    with contextlib.ExitStack() as stack:
        nodes = [
            stack.enter_context(NodeClient(number, host, _agent(host), events)) for number, host in enumerate(hosts)
        ]
        hellos = _greet(nodes, events, files)
        for node, ranks in zip(nodes, _ranks(hosts, hellos), strict=True):
            node.send({"start": {"command": list(command), "ranks": ranks}})
        stack.enter_context(_signals(events))
        return _Watch(nodes).follow(events)


def _agent(host: Host) -> list[str]:
    """The command that starts a machine's `node`."""
    if host.is_here:
        return [sys.executable, "-m", "belle.training.cluster.node"]
    inside = f"cd {shlex.quote(str(Path.cwd()))}; exec {shlex.quote(sys.executable)} -m belle.training.cluster.node"
    if path := os.environ.get("PYTHONPATH"):
        inside = f"export PYTHONPATH={shlex.quote(path)}; {inside}"
    return [
        "ssh",
        "-T",
        "-o",
        "BatchMode=yes",
        "-o",
        "ConnectTimeout=20",
        "-o",
        "ServerAliveInterval=15",
        host.name,
        inside,
    ]


def _greet(
    nodes: Sequence[NodeClient], events: queue.SimpleQueue[tuple[int, dict[str, Any]]], files: Sequence[Path]
) -> list[Mapping[str, Any]]:
    """What every machine says of itself. Raises KnownError when one does not answer, or is not like this one."""
    request = {
        "folder": str(Path.cwd()),
        "version": belle.__version__,
        "files": {str(path): digest(path) for path in files},
        "environment": {name: value for name, value in os.environ.items() if name.startswith(_FORWARDED)},
    }
    for node in nodes:
        node.send(request)
    hellos: dict[int, Mapping[str, Any]] = {}
    until = monotonic() + _HELLO_SECONDS
    while len(hellos) < len(nodes):
        try:
            number, event = events.get(timeout=max(until - monotonic(), 0.001))
        except queue.Empty:
            silent = next(node for node in nodes if node.number not in hellos)
            raise _unreachable(silent, f"no answer within {_HELLO_SECONDS:.0f} seconds") from None
        if event["event"] == "gone":
            node = nodes[number]
            raise _unreachable(node, node.last_words() or f"ended with status {node.status()}")
        hellos[number] = event
    for node in nodes:
        if problems := hellos[node.number]["problems"]:
            raise KnownError(
                "hosts_differ",
                f"{node.host.name}: {'; '.join(problems)}.",
                "Every machine needs the same program and files under the same paths, best on a shared disk.",
                host=node.host.name,
                problems=problems,
            )
    return [hellos[number] for number in range(len(nodes))]


def _ranks(hosts: Sequence[Host], hellos: Sequence[Mapping[str, Any]]) -> list[list[dict[str, str]]]:
    """The environment variables of every process, host by host. Raises KnownError("hosts_wrong")."""
    first, one_machine = hosts[0], len({hello["machine"] for hello in hellos}) == 1
    if first.is_loopback and not one_machine:
        raise KnownError(
            "hosts_wrong",
            f"The first host is {first.name}, which means another machine to every other host.",
            "Write the name under which the others reach it.",
        )
    common = {
        "WORLD_SIZE": str(sum(host.slots for host in hosts)),
        "MASTER_ADDR": "127.0.0.1" if one_machine else first.address,
        "MASTER_PORT": str(hellos[0]["port"]),
    }
    rank, used, result = 0, dict.fromkeys((hello["machine"] for hello in hellos), 0), []
    for host, hello in zip(hosts, hellos, strict=True):
        ranks = []
        for _ in range(host.slots):
            # Two names of one machine share its GPUs.
            local = used[hello["machine"]]
            ranks.append({**common, "RANK": str(rank), "LOCAL_RANK": str(local)})
            rank, used[hello["machine"]] = rank + 1, local + 1
        result.append(ranks)
    return result


@dataclass
class _Failure:
    """The process that failed first."""

    node: NodeClient
    words: str
    status: int


class _Watch:
    """Prints what the processes say until all have ended, and ends them when one has failed."""

    def __init__(self, nodes: Sequence[NodeClient]) -> None:
        self._nodes = nodes
        self._running = {node.number: node.host.slots for node in nodes}
        self._failure: _Failure | None = None
        self._signalled = 0
        # Signals that follow when it takes too long: (at what time, which).
        self._due: list[tuple[float, int]] = []

    def follow(self, events: queue.SimpleQueue[tuple[int, dict[str, Any]]]) -> int:
        while any(self._running.values()):
            timeout = max(self._due[0][0] - monotonic(), 0.0) if self._due else None
            try:
                number, event = events.get(timeout=timeout)
            except queue.Empty:
                self._send(self._due.pop(0)[1])
                continue
            self._handle(number, event)
        if self._failure is None:
            return 0
        if not self._signalled:
            self._report(self._failure)
        return self._failure.status

    def _handle(self, number: int, event: Mapping[str, Any]) -> None:
        kind = event["event"]
        if kind == "signal":
            self._interrupt(event["number"])
            return
        node = self._nodes[number]
        if kind == "line":
            node.remember(event["text"])
            stream = sys.stdout if event["stream"] == "out" else sys.stderr
            stream.write(f"[{node.host.name} {event['rank']}] {event['text']}\n")
            stream.flush()
        elif kind == "exit":
            self._running[number] -= 1
            if event["status"]:
                self._fail(_Failure(node, f"process {event['rank']} of {node.host.name} ended", event["status"]))
        elif kind == "gone" and self._running[number]:
            self._running[number] = 0
            words = f"the connection to {node.host.name} ended"
            self._fail(_Failure(node, words, node.status() or 255))

    def _fail(self, failure: _Failure) -> None:
        if self._failure is not None:
            return
        self._failure = failure
        if not self._signalled:
            # The others get some time to find out, and to say in their own words what they lost.
            now = monotonic()
            self._due = [
                (now + _TO_NOTICE_SECONDS, signal.SIGTERM),
                (now + _TO_NOTICE_SECONDS + _TO_END_SECONDS, signal.SIGKILL),
            ]

    def _interrupt(self, number: int) -> None:
        self._signalled += 1
        # The first signal lets every process finish its step and save; the second one ends them.
        self._send(number if self._signalled < 3 else signal.SIGKILL)

    def _send(self, number: int) -> None:
        for node in self._nodes:
            node.send({"signal": int(number)})

    @staticmethod
    def _report(failure: _Failure) -> None:
        sys.stderr.write(f"belle: {failure.words} with status {failure.status}.\n")
        for line in failure.node.lines:
            sys.stderr.write(f"    {line}\n")


@contextlib.contextmanager
def _signals(events: queue.SimpleQueue[tuple[int, dict[str, Any]]]) -> Iterator[None]:
    """SIGINT and SIGTERM become events."""

    def note(number: int, _frame: Any) -> None:
        events.put((-1, {"event": "signal", "number": number}))

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _files_of(path: Path, changes: Sequence[str]) -> list[Path]:
    """The recipe and every file it names, and those of the recipes it starts from."""
    from belle.training.recipe.chain import chain
    from belle.training.recipe.load import load_recipe

    found: dict[Path, None] = {}
    for recipe in chain(load_recipe(path, changes)):
        named = [recipe.source, recipe.deepspeed, *(file.path for file in (*recipe.data, *recipe.eval_data))]
        found |= dict.fromkeys(name for name in named if name is not None)
    return list(found)


def _unreachable(node: NodeClient, reason: str) -> KnownError:
    return KnownError(
        "host_unreachable",
        f"{node.host.name} cannot be used: {reason}.",
        f"“ssh {node.host.name}” has to work without a password, and {sys.executable} has to be there.",
        host=node.host.name,
    )
