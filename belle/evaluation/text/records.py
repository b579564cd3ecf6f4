"""The records of every scored token, written to the disk while measuring, so that an interrupted run can be resumed.

One file: a line of JSON that identifies the measurement, then one block of float64 per window. A block that a crash cut
short is measured again.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belle.durable import writing
from belle.evaluation.metric_formulas import TokenLosses
from belle.texts import utf8

PER_CANDIDATE = TokenLosses._fields

Block = NDArray[np.float64]


class TokenRecords:
    """The records of one measurement.

    Args:
        path: the file.
        identity: everything that the numbers depend on; records with another identity are overwritten.
        n_candidates, n_scored: shape of a block, `[1 + 5 n_candidates, n_scored]`: the reference's negative
            log-likelihoods, then for every candidate the rows of `PER_CANDIDATE`.
        resume: continue the records in the file.

    Raises KnownError ("disk_full", "folder_not_writable").
    """

    def __init__(self, path: Path, identity: dict[str, Any], *, n_candidates: int, n_scored: int, resume: bool) -> None:
        self._path = path
        self._shape = (1 + len(PER_CANDIDATE) * n_candidates, n_scored)
        header = utf8(json.dumps(identity, sort_keys=True, ensure_ascii=False)) + b"\n"
        self._blocks: list[Block] = self._read(header) if resume else []
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("r+b" if self._blocks else "wb")
            if not self._blocks:
                self._file.write(header)
                self._file.flush()
            # Cuts off a block that was not written completely.
            self._file.seek(len(header) + len(self._blocks) * self._block_bytes)
            self._file.truncate()

    @property
    def n_windows(self) -> int:
        """Windows recorded so far."""
        return len(self._blocks)

    def add(self, block: Block) -> None:
        """Record a window; it is on the disk when this returns. Raises KnownError."""
        self._blocks.append(block)
        with writing(self._path):
            self._file.write(block.tobytes())
            self._file.flush()
            os.fsync(self._file.fileno())

    def all(self) -> Block:
        """All records, `[1 + 5 n_candidates, windows · n_scored]`."""
        return np.concatenate(self._blocks, axis=1) if self._blocks else np.empty((self._shape[0], 0))

    def close(self) -> None:
        """Close the file; it stays for `resume`."""
        self._file.close()

    @property
    def _block_bytes(self) -> int:
        return 8 * self._shape[0] * self._shape[1]  # float64

    def _read(self, header: bytes) -> list[Block]:
        try:
            data = self._path.read_bytes()
        except OSError:
            return []
        if not data.startswith(header):
            return []
        count = (len(data) - len(header)) // self._block_bytes
        flat = np.frombuffer(data, np.float64, count * self._shape[0] * self._shape[1], len(header))
        return list(flat.reshape(count, *self._shape))
