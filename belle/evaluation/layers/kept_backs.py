"""What restoring gave back, on the disk as it is found: in a large model every answer takes minutes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from belle.evaluation.layers.restored import Back, RestoredModel, in_turn
from belle.json_lines import JsonLines


class KeptBacks:
    """The answers for one candidate.

    Args:
        path: a file of JSON Lines.
        identity: what they depend on.
        resume: go on with what is there.

    Raises KnownError: what `JsonLines` raises.
    """

    def __init__(self, path: Path, identity: Mapping[str, Any], *, resume: bool) -> None:
        self._known: dict[tuple[str, str], Back | None] = {}
        self._file = JsonLines(path, identity, self._take, resume=resume)

    def n_unknown(self, table: str, n: int) -> int:
        """How many of the `n` questions of a table are still to be asked."""
        return max(0, n - sum(known == table for known, _ in self._known))

    def in_turn(
        self, table: str, model: RestoredModel, groups: Mapping[str, Sequence[str]], on_done: Callable[[], None]
    ) -> Iterator[tuple[str, Back | None]]:
        """`restored.in_turn`, asking only what is not known; `on_done` is called for what was asked."""
        for name, tensors in groups.items():
            if (table, name) not in self._known:
                [(_, back)] = in_turn(model, {name: tensors}, on_done)
                self._file.add({"table": table, "name": name, "back": asdict(back) if back else None})
                self._known[table, name] = back
            yield name, self._known[table, name]

    def close(self) -> None:
        """Close the file; it stays for `resume`. Raises KnownError."""
        self._file.close()

    def _take(self, row: dict[str, Any]) -> None:
        numbers = row["back"]
        back = None if numbers is None else Back(float(numbers["value"]), float(numbers["error"]))
        self._known[str(row["table"]), str(row["name"])] = back
