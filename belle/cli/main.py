"""`belle`: finds the sub-command, runs it, and prints known errors.

A sub-command is a module with `configure(parser)` and `run(arguments) -> exit status`. It is imported only when it is
called, so that `belle --help` is quick. A sub-command that loads llama.cpp into its own process says so by
`runs_native_code(arguments)`; then it runs in a child process, whose crash becomes an error message.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from types import ModuleType

import belle
from belle import network
from belle.errors import KnownError
from belle.interrupts import between_imports
from belle.path_guard import system_failure
from belle.streams import guarded_streams

COMMANDS = {
    "chat": ("belle.cli.chat.command", "talk to a model in the terminal"),
    "eval": ("belle.cli.eval.command", "ask models the items of a set, and score their answers"),
    "serve": ("belle.cli.serve", "serve a model to other programs, by OpenAI's HTTP API"),
    "transcribe": ("belle.cli.speech.transcribe", "write down what is said in recordings"),
    "speak": ("belle.cli.speech.speak", "read a text aloud, or into a WAV file"),
    "ocr": ("belle.cli.ocr", "write down the text in pictures and scans"),
    "convert": ("belle.cli.convert.command", "make a GGUF file from a checkpoint"),
    "inspect": ("belle.cli.inspect", "say what is in a model file"),
    "models": ("belle.cli.models.command", "get, list, take over and remove models"),
    "imatrix": ("belle.cli.imatrix", "measure which weights of a model matter, for better quantization"),
    "quantize": ("belle.cli.quantize", "make a GGUF smaller with the least loss"),
    "measure": ("belle.cli.measure", "measure what a quantization cost"),
    "data": ("belle.cli.data.command", "check, clean and convert training data"),
    "train": ("belle.cli.train.command", "train a model by a recipe"),
    "gptq": ("belle.cli.gptq", "quantize a checkpoint with GPTQ"),
    "generate": ("belle.cli.generate", "answer a file of questions, also with models larger than a GPU"),
    "merge": ("belle.cli.merge", "make one model of a LoRA adapter and its base"),
    "doctor": ("belle.cli.doctor", "look whether everything works on this machine"),
}

KNOWN_ERROR = 2
INTERRUPTED = 130
BROKEN_PIPE = 141
OFFLINE = "--offline"

_NATIVE_CHILD = "belle.cli.native"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line. Returns the exit status: 2 for a known error, 130 after Ctrl-C.

    Args:
        argv: the words after `belle`, run in this process; None for `sys.argv`, of which commands with native code are
            run in a child process.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    # No progress bars of libraries: they write escape sequences, which `guarded_streams` would make visible.
    os.environ.setdefault("TQDM_DISABLE", "1")
    if OFFLINE in words:  # anywhere, for nobody remembers whether it belongs before or after the command
        network.go_offline()
        words = [word for word in words if word != OFFLINE]
    with guarded_streams(), between_imports():
        try:
            return _flushed(words, protected=argv is None)
        except KnownError as error:
            return _tell(error)
        except KeyboardInterrupt:
            return INTERRUPTED
        except BrokenPipeError:
            return BROKEN_PIPE  # the reader, such as `| head`, has ended
        except OSError as error:
            # A system error that no code has handled is no bug of the program; it names the file.
            return _tell(system_failure(error))


def _flushed(words: list[str], *, protected: bool) -> int:
    """Run, and flush stdout, so that a failed write is noticed; also after `--help`, which raises SystemExit."""
    try:
        status = _run(words, protected=protected)
    except SystemExit:
        sys.stdout.flush()
        raise
    sys.stdout.flush()
    return status


def _tell(error: KnownError) -> int:
    print(f"belle: {error.message}", file=sys.stderr)
    if error.advice:
        print(f"       {error.advice}", file=sys.stderr)
    return KNOWN_ERROR


def _run(words: list[str], *, protected: bool) -> int:
    parser = argparse.ArgumentParser(
        prog="belle",
        description="Your own language model on your own computer, offline.",
        epilog="“belle COMMAND --help” explains a command. The window is started with “chatbelle”.",
    )
    parser.add_argument("--version", action="version", version=f"belle {belle.__version__}")
    parser.add_argument(OFFLINE, action="store_true", help="refuse everything that would touch the network")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command", required=True)
    called = next((word for word in words if not word.startswith("-")), None)
    module: ModuleType | None = None
    if called is not None:
        network.set_up()  # before the command imports anything that connects
    for name, (path, summary) in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
        if name == called:
            module = importlib.import_module(path)
            module.configure(command)
    if not words:
        parser.print_help()
        return 0
    arguments = parser.parse_args(words)
    assert module is not None  # argparse has refused everything else
    if protected and hasattr(module, "runs_native_code") and module.runs_native_code(arguments):
        return _run_in_child(words)
    status: int = module.run(arguments)
    return status


def _run_in_child(words: list[str]) -> int:
    from belle.cli.messages import say
    from belle.engine.process.native_process import run_program

    def tell() -> None:
        print(f"belle: {say('safer_mode')}", file=sys.stderr)

    return run_program(_NATIVE_CHILD, words, on_safer_mode=tell)


if __name__ == "__main__":
    sys.exit(main())
