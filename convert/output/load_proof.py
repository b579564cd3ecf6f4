"""The last check of a file before it gets its name: llama.cpp loads it and reads one token with all layers.

Right weights do not prove that llama.cpp accepts the metadata: of architectures and model names that it knows it
expects certain keys and tokens, and refuses a file without them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from belle.engine.process.native_calls import call
from belle.errors import KnownError
from convert.output.file_format import FileFrame
from convert.output.journal import TensorSlice

if TYPE_CHECKING:
    from convert.output.verify import FileProof
    from convert.output.writer import Verifier


def and_loads(verifier: Verifier, out: Path) -> Verifier:
    """A verifier that runs `verifier`, then `check_loads`."""

    def both(path: Path, frame: FileFrame, checksums: Mapping[TensorSlice, int]) -> FileProof:
        proof = verifier(path, frame, checksums)
        started = monotonic()
        check_loads(path, out)
        return replace(proof, loaded=True, seconds=proof.seconds + monotonic() - started)

    return both


def check_loads(path: Path, out: Path) -> None:
    """Let llama.cpp load `path`, which will be renamed to `out`, in a child process.

    Raises KnownError("not_loadable") with llama.cpp's `reason`.
    """
    try:
        call("belle.engine.llama.file_questions:read_one_token", path=str(path.resolve()))
    except KnownError as error:
        reason = error.message.replace(path.name, out.name)
        raise KnownError(
            "not_loadable",
            f"llama.cpp cannot use {out.name} as it was written, so it did not get its name. {reason}",
            "Please report it, with the checkpoint's config.json. With --no-verify, “belle convert” writes it "
            "all the same.",
            path=str(out),
            reason=reason,
        ) from None
