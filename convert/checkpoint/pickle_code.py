"""Decodes the instructions of a pickle: one byte each, and an argument in one of a few encodings.

Only the instructions that `torch.save` can write are decoded. The standard library's `pickletools.genops` is not used
because it interprets backslashes inside names, which Python's own unpickler does not: a name could be checked as one
thing and be another.
"""

from __future__ import annotations

import pickle
import pickletools
import struct
from collections.abc import Callable, Iterator
from typing import IO, Any

Decoder = Callable[[IO[bytes]], Any]

_NAMES = {instruction.code: instruction.name for instruction in pickletools.opcodes}


class OtherInstructionError(Exception):
    """An instruction that no tensor needs. The text is its name in `pickletools`."""


def instructions(stream: IO[bytes]) -> Iterator[tuple[bytes, Any]]:
    """The instructions up to and including STOP as `(code, argument)`; the stream is left after STOP.

    Raises OtherInstructionError, and ValueError for bytes that are not an instruction or end early.
    """
    code = b""
    while code != pickle.STOP:
        code = _exactly(stream, 1)
        decode = _DECODERS.get(code)
        if decode is None:
            name = _NAMES.get(code.decode("latin-1"))
            if name is None:
                raise ValueError(f"unknown instruction {code.hex()}")
            raise OtherInstructionError(name)
        yield code, decode(stream)


def _exactly(stream: IO[bytes], n_bytes: int) -> bytes:
    raw = stream.read(n_bytes)
    if len(raw) < n_bytes:
        raise ValueError("it ends too early")
    return raw


def _nothing(stream: IO[bytes]) -> None:
    del stream


def _fixed(layout: str) -> Decoder:
    """A number of a fixed size, in `struct`'s notation."""
    form = struct.Struct(layout)
    return lambda stream: form.unpack(_exactly(stream, form.size))[0]


def _counted(count: Decoder, convert: Callable[[bytes], Any]) -> Decoder:
    """A count of bytes, then the bytes."""

    def decode(stream: IO[bytes]) -> Any:
        n_bytes = count(stream)
        if n_bytes < 0:
            raise ValueError("a length is negative")
        return convert(_exactly(stream, n_bytes))

    return decode


def _number(raw: bytes) -> int:
    return int.from_bytes(raw, "little", signed=True)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8")


def _old_text(raw: bytes) -> str:
    return raw.decode("latin-1")


def _line(stream: IO[bytes]) -> str:
    line = stream.readline()
    if not line.endswith(b"\n"):
        raise ValueError("it ends too early")
    return line[:-1].decode("utf-8")


def _two_lines(stream: IO[bytes]) -> tuple[str, str]:
    return _line(stream), _line(stream)


_U1, _U2, _U4, _U8, _I4 = map(_fixed, ("<B", "<H", "<I", "<Q", "<i"))

_DECODERS: dict[bytes, Decoder] = {
    pickle.PROTO: _U1,
    pickle.FRAME: _U8,
    pickle.BININT: _I4,
    pickle.BININT1: _U1,
    pickle.BININT2: _U2,
    pickle.LONG1: _counted(_U1, _number),
    pickle.LONG4: _counted(_I4, _number),
    pickle.BINFLOAT: _fixed(">d"),
    pickle.BINUNICODE: _counted(_U4, _text),
    pickle.SHORT_BINUNICODE: _counted(_U1, _text),
    pickle.BINUNICODE8: _counted(_U8, _text),
    pickle.BINSTRING: _counted(_I4, _old_text),
    pickle.SHORT_BINSTRING: _counted(_U1, _old_text),
    pickle.BINBYTES: _counted(_U4, bytes),
    pickle.SHORT_BINBYTES: _counted(_U1, bytes),
    pickle.BINBYTES8: _counted(_U8, bytes),
    pickle.GLOBAL: _two_lines,
    pickle.BINPUT: _U1,
    pickle.LONG_BINPUT: _U4,
    pickle.BINGET: _U1,
    pickle.LONG_BINGET: _U4,
    **dict.fromkeys(
        (
            *(pickle.STOP, pickle.NONE, pickle.NEWTRUE, pickle.NEWFALSE, pickle.MARK, pickle.POP, pickle.POP_MARK),
            *(pickle.EMPTY_TUPLE, pickle.TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3),
            *(pickle.EMPTY_LIST, pickle.APPEND, pickle.APPENDS, pickle.EMPTY_DICT, pickle.SETITEM, pickle.SETITEMS),
            *(pickle.MEMOIZE, pickle.STACK_GLOBAL, pickle.REDUCE, pickle.BUILD, pickle.BINPERSID),
        ),
        _nothing,
    ),
}
