"""Safer mode: llama.cpp without its extra kernels, for processors on which those do not work.

Besides its plain kernels llama.cpp has some that rearrange the weights or use instructions of few processors (AMX).
Some compilers and systems got them wrong, and then the process dies of SIGILL as soon as a prompt is long enough.
`use_extra_bufts = False` of `llama_model_params` leaves them out: the same answers, more slowly.

Whether that is necessary depends on the build of llama.cpp and on the processor. Code that starts a process with native
code asks `is_on`, passes the mode on by `environment`, and records by `remember` that it helped.
"""

from __future__ import annotations

import json
import os
import re
import signal
from contextlib import suppress

from belle import paths
from belle.documents import read_json
from belle.durable import write_text
from belle.engine.llama.processor import library_digest, this_processor
from belle.engine.process.faults import CRASHES, native_reason
from belle.errors import KnownError

_VARIABLE = "CHATBELLE_SAFER_MODE"
_LONGEST_FILE = 1 << 16
_MOST_PAIRS = 64
# A failed assertion in the sources that read files and build graphs; kernels are in other files (ggml*).
_ABOUT_THE_MODEL = re.compile(r"llama[-\w]*\.cpp:\d+: GGML_ASSERT")


def is_on() -> bool:
    """Whether this process runs llama.cpp in safer mode: by the environment variable, else as remembered."""
    setting = os.environ.get(_VARIABLE)
    return setting == "1" if setting in ("0", "1") else is_remembered()


def environment(*, safer: bool) -> dict[str, str]:
    """The environment variable that sets the mode of a child process."""
    return {_VARIABLE: "1" if safer else "0"}


def could_help(returncode: int | None, log: str, *, working: bool) -> bool:
    """Whether a process that ended like this might survive without the extra kernels.

    Args:
        returncode: as `subprocess` has it.
        log: the end of its stderr. Where llama.cpp found the file inconsistent, kernels are not to blame.
        working: it had generated something already, so the usual kernels work; then only an illegal instruction can
            have to do with kernels, and other crashes have other reasons.
    """
    number = -returncode if returncode is not None and returncode < 0 else 0
    if number == signal.SIGABRT and _ABOUT_THE_MODEL.match(native_reason(log)):
        return False
    return number == signal.SIGILL or (number in CRASHES and not working)


def is_remembered() -> bool:
    """Whether this build of llama.cpp is known to need safer mode on this processor."""
    pairs = _read()
    return bool(pairs) and _pair() in pairs


def remember() -> None:
    """Record that safer mode helped here. Where that cannot be written, the next start finds out again."""
    pairs = [pair for pair in _read() if pair != _pair()]
    content = {"safer_mode": [*pairs[-_MOST_PAIRS:], _pair()]}
    with suppress(OSError, KnownError):
        paths.private_folder(paths.config_dir())
        write_text(paths.safer_mode_file(), json.dumps(content, indent=1) + "\n")


def _pair() -> str:
    return f"{library_digest()} on {this_processor().digest}"


def _read() -> list[str]:
    """The recorded pairs of a build and a processor; none where the file is missing or damaged."""
    try:
        content = read_json(paths.safer_mode_file(), longest=_LONGEST_FILE)
    except (OSError, KnownError):
        return []
    pairs = content.get("safer_mode") if isinstance(content, dict) else None
    return [pair for pair in pairs if isinstance(pair, str)] if isinstance(pairs, list) else []
