"""The process that reads the text in one picture: `python -m belle.ocr.worker NAME`, its file on stdin.

Its answer is one line of JSON: `lines`, or `error`. It has a limit of time, decodes within the limits of
`engine.pictures.picture_file`, and opens no connection: what would is refused. The models are those inside the package.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
from typing import TYPE_CHECKING, Any

from belle.engine.llama.cores import usable_cores
from belle.engine.process.pipes import take_stdout
from belle.errors import KnownError
from belle.ocr.layout import TextLine
from belle.texts import json_text, utf8

if TYPE_CHECKING:
    import numpy as np

_LONGEST_SIDE = 2560  # pixels; the recognizer itself goes on with less
_MOST_CPU_S = 600
_CONNECTING = frozenset({"socket.connect", "socket.getaddrinfo", "socket.sendto"})


def main() -> None:
    """Read the picture of stdin and answer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answer = take_stdout()
    for limit, most in ((resource.RLIMIT_CPU, _MOST_CPU_S), (resource.RLIMIT_CORE, 0)):
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(limit, (most, most))
    sys.addaudithook(_refuse_connections)
    try:
        said: dict[str, Any] = {"lines": read_lines(sys.stdin.buffer.read(), sys.argv[1])}
    except KnownError as error:
        said = {"error": error.fields}
    except MemoryError:
        full = KnownError("picture_too_large", "The picture takes more memory than there is.", "Save it smaller.")
        said = {"error": full.fields}
    with os.fdopen(answer, "wb") as file:
        file.write(utf8(json_text(said)) + b"\n")
    # Not `sys.exit`: destructors of native libraries are not waited for.
    os._exit(0)


def _refuse_connections(event: str, _arguments: Any) -> None:
    if event in _CONNECTING:
        raise PermissionError("reading pictures needs no network")


def read_lines(content: bytes, name: str) -> list[TextLine]:
    """The lines of text in a picture, in no order. Raises KnownError `picture_too_large`, `bad_picture`."""
    from rapidocr import RapidOCR

    threads, _ = usable_cores()
    engine = RapidOCR(
        params={
            "Global.log_level": "critical",
            "EngineConfig.onnxruntime.intra_op_num_threads": threads,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )
    found: Any = engine(_pixels(content, name))
    if found.txts is None or found.boxes is None:
        return []
    return [
        TextLine(text, float(score), *(float(side) for side in (*box.min(axis=0), *box.max(axis=0))))
        for text, score, box in zip(found.txts, found.scores, found.boxes, strict=True)  # box: [4 corners, x and y]
    ]


def _pixels(content: bytes, name: str) -> np.ndarray[Any, Any]:
    """The picture as the recognizer takes it. # [height, width, BGR]"""
    import numpy as np

    from belle.engine.pictures.picture_file import check_picture, decode, scaled

    picture = check_picture(content, name)
    image = decode(picture, scaled(picture.width, picture.height, _LONGEST_SIDE))
    return np.ascontiguousarray(np.asarray(image)[:, :, ::-1])


if __name__ == "__main__":
    main()
