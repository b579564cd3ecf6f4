"""The process that looks at folders and reads documents: what hangs, dies or grows there costs one document.

Questions are lines of JSON on stdin, one after the other; each is answered by lines of JSON on stdout, of which the
last has `end` or `error`. `{"alive": true}` says that work goes on. `reader_process` is the other side.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from belle.documents import parse_json_row
from belle.errors import KnownError
from belle.search.terms import index_terms
from belle.texts import json_text, utf8
from desktop.documents.blocks import unreadable
from desktop.documents.folders import documents_in
from desktop.documents.passages import split
from desktop.documents.readers import open_document, read_blocks

MOST_MEMORY = 3 << 30
"""Bytes of address space."""

_ALIVE_S = 1.0
_STDOUT, _STDERR = 1, 2

Line = Mapping[str, Any]


def main() -> None:
    """Answer questions until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _limit()
    answers = os.fdopen(os.dup(_STDOUT), "wb")
    os.dup2(_STDERR, _STDOUT)  # what a library prints must not get among the answers
    for question in sys.stdin.buffer:
        for line in answer(parse_json_row(question)):
            answers.write(utf8(json_text(line)) + b"\n")
            if "passage" not in line and "file" not in line:
                answers.flush()
    os._exit(0)


def _limit() -> None:
    """No memory without end, no files written, no core dumps: the documents are of strangers."""
    for limit, most in ((resource.RLIMIT_AS, MOST_MEMORY), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0)):
        with contextlib.suppress(OSError, ValueError):  # macOS refuses RLIMIT_AS
            resource.setrlimit(limit, (most, most))


def answer(question: Line) -> Iterator[Line]:
    """The lines of the answer to a question."""
    work: Callable[[Line], Iterator[Line]] = {"scan": _scan, "blocks": _blocks, "passages": _passages}[question["do"]]
    try:
        yield from work(question)
    except KnownError as error:
        yield {"error": error.fields}
    except (MemoryError, RecursionError):
        what, advice = "takes more memory than a document may", "Save it anew, or split it."
        yield {"error": unreadable("too_complex", Path(question["path"]), what, advice).fields}


def _scan(question: Line) -> Iterator[Line]:
    said = time.monotonic()
    for file in documents_in(Path(question["path"])):
        if file is not None:
            yield {"file": file}
        if time.monotonic() - said > _ALIVE_S:
            said = time.monotonic()
            yield {"alive": True}
    yield {"end": True}


def _blocks(question: Line) -> Iterator[Line]:
    for block in read_blocks(open_document(Path(question["path"]))):
        if block is not None:
            yield {"block": [block.text, block.page, block.line, block.heading]}
        else:
            yield {"alive": True}
    yield {"end": True}


def _passages(question: Line) -> Iterator[Line]:
    path = Path(question["path"])
    document = open_document(path)
    state = document.state
    end = {"end": [state.size, state.mtime_ns, state.digest]}
    if state.digest == question["digest"]:
        yield {**end, "unchanged": True}
        return
    title = index_terms(path.stem)
    # A sign of life comes at the end of a page, and no passage reaches over that.
    for is_sign, run in groupby(read_blocks(document), key=lambda block: block is None):
        if is_sign:
            yield from ({"alive": True} for _ in run)
        for passage in split(block for block in run if block is not None):
            terms = [title, index_terms(passage.heading), index_terms(passage.text)]
            yield {"passage": [passage.text, passage.page, passage.line, passage.heading, *terms]}
    yield end


if __name__ == "__main__":
    main()
