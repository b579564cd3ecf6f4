"""The machines of a run, one to a line of a file, in the form that DeepSpeed and Open MPI share:

worker-1 slots=8      # a name that ssh knows, and how many processes it gets: its GPUs
worker-2 slots=8
"""

from __future__ import annotations

import platform
import re
import socket
from dataclasses import dataclass
from pathlib import Path

from belle import network
from belle.errors import KnownError
from belle.texts import read_text, short_repr

_LONGEST = 1 << 20  # bytes; a line per machine
# It does not begin with “-”, which ssh would take for an option.
_NAME = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9_.-]*@)?[A-Za-z0-9_:][A-Za-z0-9_.:-]*")


@dataclass(frozen=True)
class Host:
    """A machine of a run.

    Args:
        name: as ssh takes it, with or without `user@`.
        slots: number of processes.
    """

    name: str
    slots: int

    @property
    def address(self) -> str:
        """Its name without the user: where the others reach it."""
        return self.name.rpartition("@")[2]

    @property
    def is_loopback(self) -> bool:
        """Whether the name means “this machine” on every machine."""
        return network.is_loopback(self.name)

    @property
    def is_here(self) -> bool:
        """Whether it is this machine, so that no ssh is needed."""
        if self.is_loopback or self.name == platform.node():
            return True
        # `getfqdn` may ask a name server.
        return network.offline_reason() is None and self.name == socket.getfqdn()


def read_hosts(path: Path) -> list[Host]:
    """The hosts of the file, in its order; the first one's first process is rank 0.

    Raises KnownError: `file_missing`, `hosts_wrong` with the line.
    """
    text = read_text(path, longest=_LONGEST)
    hosts: dict[str, Host] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        host = _host(words, path, number)
        if host.name in hosts:
            raise _wrong(path, number, f"{host.name} is listed twice", "Add up its slots in one line.")
        hosts[host.name] = host
    if not hosts:
        raise _wrong(path, 0, "it lists no host", "Write one host per line, such as: worker-1 slots=8")
    return list(hosts.values())


def _host(words: list[str], path: Path, number: int) -> Host:
    name, *options = words
    if not _NAME.fullmatch(name):
        raise _wrong(path, number, f"{short_repr(name)} is not the name of a machine")
    slots: int | None = None
    for option in options:
        key, _, value = option.partition("=")
        if key != "slots":
            raise _wrong(path, number, f"{short_repr(option)} is not an option", "Write: NAME slots=NUMBER")
        if not (value.isascii() and value.isdigit() and int(value) > 0):
            raise _wrong(path, number, f"slots is {short_repr(value)}; it must be a whole number above 0")
        slots = int(value)
    if slots is None:
        raise _wrong(path, number, f"{name} has no slots", f"Write, for 8 GPUs: {name} slots=8")
    return Host(name, slots)


def _wrong(path: Path, line: int, message: str, advice: str = "") -> KnownError:
    where = f"{path}, line {line}" if line else str(path)
    return KnownError("hosts_wrong", f"{where}: {message}.", advice, path=str(path), line=line)
