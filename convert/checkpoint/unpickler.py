"""A pickle machine that can build tensors and nothing else.

A pickle is a program. This module runs only the few instructions that `torch.save` writes, on plain Python values,
and never imports, calls or creates what a pickle names: names are looked up in a table of the caller, and one that is
not in it is refused by its full name. (The standard library's `pickletools` documents each instruction.) The limits
below bound work and memory, and nothing recurses, however deeply a pickle nests.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from convert.checkpoint.pickle_code import OtherInstructionError, instructions
from convert.checkpoint.problems import damaged, shown, unsupported

LONGEST_PICKLE = 32 << 20
# torch.save writes about 30 instructions per tensor, so this is about 100,000 tensors.
_MOST_INSTRUCTIONS = 3_000_000
_MOST_ARGUMENTS = 16

_ML_LIBRARIES = {"torch", "numpy", "collections", "transformers", "argparse", "omegaconf", "pytorch_lightning", "peft"}
_RESAVE = (
    "Re-save only the weights, where the file comes from and is trusted: "
    "torch.save(model.state_dict(), file), or better safetensors."
)


@dataclass(frozen=True, slots=True)
class Constructor:
    """A name that a pickle may call.

    `build` gets the unpickled arguments and raises ValueError or TypeError if they are wrong. It must do no more than a
    fixed amount of work, however large they are: a pickle can call it millions of times with the same ones.
    """

    name: str
    build: Callable[..., Any]


class _Mark:
    """The marker that MARK pushes."""


_MARK = _Mark()


def unpickle(
    stream: IO[bytes], path: Path, *, names: Mapping[str, Any], persistent: Callable[[Any], Any] | None = None
) -> Any:
    """Run the pickle at the current position of `stream`, and leave the stream after it.

    Args:
        stream: seekable, at most `LONGEST_PICKLE` bytes.
        path: for error messages.
        names: the value of each global name: a `Constructor`, or a value that can only be passed to one.
        persistent: builds an object from a persistent id; raises ValueError if it is wrong.

    Returns:
        None, bool, int, float, str, bytes, tuple, list, dict (with string keys only: other keys are dropped with their
        values, since no tensor is named by them), or what a Constructor or `persistent` returned.

    Raises:
        KnownError: `hostile_pickle`, `unsupported_pickle` (a name or instruction that no tensor needs), `damaged_file`.
    """
    machine = _Machine(path, names, persistent)
    try:
        for count, (code, argument) in enumerate(instructions(stream)):
            if count >= _MOST_INSTRUCTIONS:
                raise ValueError(f"it has more than {_MOST_INSTRUCTIONS:,} instructions")
            _ACTIONS[code](machine, argument)
        return machine.result()
    except OtherInstructionError as error:
        what = f"its pickle uses the instruction {error}, which no tensor needs; it was not run"
        raise unsupported(path, what, _RESAVE, kind="unsupported_pickle") from error
    except (ValueError, TypeError, IndexError, OverflowError, MemoryError) as error:
        raise damaged(path, f"its pickle is broken ({shown(str(error))})") from error


class _Machine:
    """Stack and memo of a running pickle. Methods raise ValueError or IndexError for broken pickles."""

    def __init__(self, path: Path, names: Mapping[str, Any], persistent: Callable[[Any], Any] | None) -> None:
        self._path = path
        self._names = names
        self._persistent = persistent
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def result(self) -> Any:
        if len(self._stack) != 1:
            raise ValueError(f"it leaves {len(self._stack)} values")
        return self.pop()

    def push(self, value: Any) -> None:
        self._stack.append(value)

    def pop(self) -> Any:
        value = self._stack.pop()
        # Python's own machine hides marks in a second stack; here they must never come out as values.
        if value is _MARK:
            raise ValueError("it takes a mark for a value")
        return value

    def pop_two(self) -> list[Any]:
        upper, lower = self.pop(), self.pop()
        return [lower, upper]

    def pop_mark(self) -> list[Any]:
        """Pop the values above the last mark, and the mark."""
        stack = self._stack
        at = next((i for i in range(len(stack) - 1, -1, -1) if stack[i] is _MARK), None)
        if at is None:
            raise ValueError("it lacks a mark")
        values = stack[at + 1 :]
        del stack[at:]
        return values

    def remember(self, key: int | None) -> None:
        value = self.pop()
        self._memo[len(self._memo) if key is None else key] = value
        self.push(value)

    def recall(self, key: int) -> None:
        if key not in self._memo:
            raise ValueError(f"it recalls value {key} before it exists")
        self.push(self._memo[key])

    def push_tuple(self, n_values: int) -> None:
        values = [self.pop() for _ in range(n_values)]
        self.push(tuple(reversed(values)))

    def extend_list(self, values: list[Any]) -> None:
        target = self.pop()
        if type(target) is not list:
            raise ValueError("it appends to something that is not a list")
        target.extend(values)
        self.push(target)

    def fill_dict(self, values: list[Any]) -> None:
        target = self.pop()
        if type(target) is not dict:
            raise ValueError("it sets items of something that is not a dict")
        if len(values) % 2:
            raise ValueError("a key lacks its value")
        pairs = zip(values[::2], values[1::2], strict=True)
        target.update((key, value) for key, value in pairs if type(key) is str)
        self.push(target)

    def push_global(self, module: Any, attribute: Any) -> None:
        if type(module) is not str or type(attribute) is not str:
            raise ValueError("a global name is not text")
        name = f"{module}.{attribute}"
        if name not in self._names:
            kind = "unsupported_pickle" if module.split(".")[0] in _ML_LIBRARIES else "hostile_pickle"
            what = f"its pickle asks for {shown(name)}, which is not part of a tensor; it was not run"
            advice = _RESAVE if kind == "unsupported_pickle" else "Do not load this file with any program. " + _RESAVE
            raise unsupported(self._path, what, advice, kind=kind)
        self.push(self._names[name])

    def call(self, constructor: Any, arguments: Any) -> None:
        if not isinstance(constructor, Constructor) or type(arguments) is not tuple:
            raise ValueError("it calls something that cannot be called")
        # A pickle could pass the same huge tuple a million times; unpacking it costs its size each time.
        if len(arguments) > _MOST_ARGUMENTS:
            raise ValueError(f"it calls {constructor.name} with {len(arguments):,} arguments")
        self.push(constructor.build(*arguments))

    def load_persistent(self, identifier: Any) -> None:
        if self._persistent is None:
            raise ValueError("it refers to a storage where none can be")
        self.push(self._persistent(identifier))


# Instructions whose argument is itself the value.
_LITERALS = (
    *(pickle.BININT, pickle.BININT1, pickle.BININT2, pickle.LONG1, pickle.LONG4, pickle.BINFLOAT),
    *(pickle.BINUNICODE, pickle.SHORT_BINUNICODE, pickle.BINUNICODE8, pickle.BINSTRING, pickle.SHORT_BINSTRING),
    *(pickle.BINBYTES, pickle.SHORT_BINBYTES, pickle.BINBYTES8),
)

_ACTIONS: dict[bytes, Callable[[_Machine, Any], Any]] = {
    **dict.fromkeys((pickle.PROTO, pickle.FRAME, pickle.STOP), lambda _, __: None),
    **dict.fromkeys(_LITERALS, _Machine.push),
    pickle.NONE: lambda machine, _: machine.push(None),
    pickle.NEWTRUE: lambda machine, _: machine.push(True),
    pickle.NEWFALSE: lambda machine, _: machine.push(False),
    pickle.EMPTY_TUPLE: lambda machine, _: machine.push(()),
    pickle.EMPTY_LIST: lambda machine, _: machine.push([]),
    pickle.EMPTY_DICT: lambda machine, _: machine.push({}),
    pickle.MARK: lambda machine, _: machine.push(_MARK),
    pickle.POP: lambda machine, _: machine.pop(),
    pickle.POP_MARK: lambda machine, _: machine.pop_mark(),
    pickle.TUPLE: lambda machine, _: machine.push(tuple(machine.pop_mark())),
    pickle.TUPLE1: lambda machine, _: machine.push_tuple(1),
    pickle.TUPLE2: lambda machine, _: machine.push_tuple(2),
    pickle.TUPLE3: lambda machine, _: machine.push_tuple(3),
    pickle.APPEND: lambda machine, _: machine.extend_list([machine.pop()]),
    pickle.APPENDS: lambda machine, _: machine.extend_list(machine.pop_mark()),
    pickle.SETITEM: lambda machine, _: machine.fill_dict(machine.pop_two()),
    pickle.SETITEMS: lambda machine, _: machine.fill_dict(machine.pop_mark()),
    pickle.BINPUT: _Machine.remember,
    pickle.LONG_BINPUT: _Machine.remember,
    pickle.MEMOIZE: _Machine.remember,
    pickle.BINGET: _Machine.recall,
    pickle.LONG_BINGET: _Machine.recall,
    pickle.GLOBAL: lambda machine, names: machine.push_global(*names),
    pickle.STACK_GLOBAL: lambda machine, _: machine.push_global(*machine.pop_two()),
    pickle.REDUCE: lambda machine, _: machine.call(*machine.pop_two()),
    # BUILD sets attributes of an object, such as an OrderedDict's `_metadata`, which hold no weights: it is dropped.
    pickle.BUILD: lambda machine, _: machine.pop(),
    pickle.BINPERSID: lambda machine, _: machine.load_persistent(machine.pop()),
}
