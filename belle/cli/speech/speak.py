"""`belle speak`: reads a text aloud, or into a WAV file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from belle.cli.arguments import input_path, output_file, real
from belle.cli.terminal import Terminal
from belle.errors import KnownError
from belle.units import duration

if TYPE_CHECKING:
    from belle.speech.speaking.blocking import BlockingSpeaking
    from belle.speech.speaking.events import ReadingEnded

_EPILOG = """\
examples:
  belle speak "今天是2026年5月1日，气温25℃。"
  belle speak notes.md -o notes.wav --voice zf_xiaoxiao
  cat notes.txt | belle speak - --speed 1.2
  belle speak --get
  belle speak --voices

The voices are those of macOS, or those of Kokoro-82M (Apache-2.0), a small model that --get downloads and that needs
the packages of the extra “speak”. espeak-ng speaks when it is asked for: --voice espeak:en. Numbers, dates and units
are read as words; code, formulas and addresses of a .md file are left out. Nothing leaves this computer.

exit status: 0 all is read; 2 a mistake, in words; 130 after Ctrl-C.
"""
_MARKDOWN = (".md", ".markdown")
_LONGEST_PATH = 1000


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("text", nargs="?", metavar="TEXT|FILE|-", help="a text, a text file, or - for standard input")
    parser.add_argument("-o", "--output", type=output_file, metavar="FILE.wav", help="write a WAV file, play nothing")
    parser.add_argument("--replace", action="store_true", help="replace the file if it exists")
    parser.add_argument("--voice", default="", metavar="NAME", help="such as zf_xiaoxiao (default: by the language)")
    parser.add_argument("--model", type=input_path, metavar="PATH", help="folder or .onnx file of a Kokoro model")
    parser.add_argument("--speed", type=real(0.5, 2), default=1.0, metavar="FACTOR", help="0.5 to 2 (default: 1)")
    parser.add_argument("--get", action="store_true", help="download Kokoro-82M and its voices, and end")
    parser.add_argument("--yes", action="store_true", help="with --get: do not ask")
    parser.add_argument("--endpoint", metavar="URL", help="with --get: a mirror of huggingface.co")
    parser.add_argument("--voices", action="store_true", help="list the voices, and end")


def run(arguments: argparse.Namespace) -> int:
    """Read aloud. Returns the exit status; raises KnownError."""
    if arguments.get:
        from belle.cli.speech.get_voice import get_voice

        get_voice(endpoint=arguments.endpoint, yes=arguments.yes)
        return 0
    from belle.speech.speaking.blocking import open_speaking

    if arguments.voices:
        with open_speaking() as speaking:
            return _list_voices(speaking, _model(arguments))
    if arguments.text is None:
        raise KnownError("usage", "There is nothing to read.", "Give a text, a file, or - for standard input.")
    sentences = _sentences(arguments.text)
    if not sentences:
        raise KnownError("nothing_to_say", "There is nothing in it that can be said.", "Give a text with words.")
    if arguments.output:
        _check_output(arguments)
    with open_speaking() as speaking:
        return _speak(speaking, sentences, arguments)


def _sentences(given: str) -> tuple[str, ...]:
    """The sentences of a text, of a file, or of standard input."""
    from belle.speech.speaking.text.plain import paragraphs
    from belle.speech.speaking.text.spoken import sentences_to_say

    if given == "-":
        text, is_markdown = sys.stdin.read(), False
    elif file := _file(given):
        text, is_markdown = _read(file), file.suffix.casefold() in _MARKDOWN
    else:
        text, is_markdown = given, False
    return tuple(sentences_to_say(paragraphs(text) if is_markdown else text.split("\n\n")))


def _file(given: str) -> Path | None:
    """The file of that name; None for a text. Raises KnownError for what looks like one and does not exist."""
    from belle.path_guard import exists

    if len(given) > _LONGEST_PATH or "\n" in given or "\0" in given:
        return None
    if exists(given):
        return Path(given)
    if given.casefold().endswith((".txt", *_MARKDOWN)) and " " not in given:
        raise KnownError("file_missing", f"{given} does not exist.", "Check the name of the file.", path=given)
    return None


def _read(file: Path) -> str:
    from belle.path_guard import check_input
    from belle.texts import read_text

    check_input(file, folder=False)
    return read_text(file)


def _check_output(arguments: argparse.Namespace) -> None:
    from belle.path_guard import check_output, exists

    output: Path = arguments.output
    check_output(output, [arguments.text] if _file(arguments.text) else [])
    if not arguments.replace and exists(output):
        raise KnownError("file_exists", f"{output} exists already.", "Give another -o, or --replace.", path=str(output))


def _model(arguments: argparse.Namespace) -> str:
    return str(arguments.model.absolute()) if arguments.model else ""


def _list_voices(speaking: BlockingSpeaking, model: str) -> int:
    found = speaking.voices(model)
    if not found.voices:
        raise KnownError("no_voice", found.message, found.advice)
    for voice in found.voices:
        print(f"{voice.id:<32} {voice.language}".rstrip())
    return 0


def _speak(speaking: BlockingSpeaking, sentences: tuple[str, ...], arguments: argparse.Namespace) -> int:
    from belle.cli.main import INTERRUPTED
    from belle.speech.speaking.commands import Speak
    from belle.speech.speaking.events import ReadingEnded, SentenceStarted, VoiceOpened

    terminal, voice = Terminal(), ""
    output = str(arguments.output.absolute()) if arguments.output else ""
    request = Speak(1, sentences, True, arguments.voice, _model(arguments), arguments.speed, output)
    terminal.progress("starting the voice …")
    try:
        for event in speaking.speak(request):
            match event:
                case VoiceOpened():
                    voice = event.voice
                case SentenceStarted(index=index):
                    terminal.progress(f"{index + 1} of {len(sentences)}  {sentences[index]}")
                case ReadingEnded(reason="stopped"):
                    return INTERRUPTED
                case ReadingEnded():
                    _tell(terminal, arguments, voice, event)
    finally:
        terminal.clear()
    return 0


def _tell(terminal: Terminal, arguments: argparse.Namespace, voice: str, ended: ReadingEnded) -> None:
    if arguments.output:
        terminal.note(f"{arguments.output}: {duration(ended.seconds)}, {voice}")
