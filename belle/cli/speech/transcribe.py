"""`belle transcribe`: writes down what is said in recordings."""

from __future__ import annotations

import argparse
import locale
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from belle.cli.arguments import input_file, input_path, output_path, path_or_name, real, whole
from belle.cli.terminal import Terminal, bar
from belle.errors import KnownError
from belle.path_guard import check_input, check_output, exists
from belle.units import duration

if TYPE_CHECKING:
    from belle.speech.blocking import BlockingSpeech
    from belle.speech.transcript import SpokenTranscript, TranscriptFormat

_EPILOG = """\
examples:
  belle transcribe meeting.wav
  belle transcribe meeting.wav --model belle-whisper-turbo-zh
  belle transcribe *.mp3 --model ggml-base-q8_0.bin --format srt -o subtitles/
  belle transcribe talk.m4a --model ggml-base-q8_0.bin --language en --format json -o talk.json

The model is one that “belle models get” has installed, or a Whisper model in whisper.cpp's format; belle convert makes
one of a checkpoint. WAV files are read by
belle itself, all others by ffmpeg, where it is installed. Nothing leaves this computer. With Silero's model for voice
activity (ggml-silero-v6.2.0.bin, beside the model or with --vad) what is not speech is left out more surely.

Without -o the text goes to the terminal. Files are not replaced unless --replace says so. Ctrl-C ends it and keeps what
was written down so far: of a file in the middle, as NAME.partial.SUFFIX.

exit status: 0 all are transcribed; 2 a mistake, in words, also for one file of several; 130 after Ctrl-C.
"""
_SUBTITLE_S = 8.0
"""The longest subtitle, where the model has no times of its own."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    from belle.speech.transcript import FORMATS

    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("files", nargs="+", type=input_path, metavar="FILE", help="recordings")
    parser.add_argument(
        "--model",
        type=path_or_name,
        default="",
        metavar="MODEL",
        help="a name of “belle models list”, or a file (default: the best one that is installed)",
    )
    parser.add_argument(
        "--language",
        default=None,
        metavar="CODE",
        help="zh, en, … or auto, with which a recording in two languages may lose one (default: that of this system)",
    )
    parser.add_argument("--format", choices=tuple(FORMATS), default="text", help="of the output (default: text)")
    parser.add_argument(
        "-o", "--output", type=output_path, metavar="PATH", help="a file, or for several recordings a folder"
    )
    parser.add_argument("--replace", action="store_true", help="replace files that exist")
    parser.add_argument(
        "--timestamps",
        action="store_true",
        help="the model's own times of sentences; models that were fine-tuned without times repeat themselves then",
    )
    parser.add_argument("--prompt", metavar="TEXT", help="what the model takes for said before: names, the script")
    parser.add_argument("--vad", type=input_file, metavar="FILE", help="a model for voice activity (Silero)")
    parser.add_argument("--threads", type=whole(1, 512), metavar="N", help="threads (default: physical cores)")
    parser.add_argument(
        "--longest", type=real(1, 28), metavar="SECONDS", help="of a text (default: 28, for subtitles 8)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Transcribe. Returns the exit status; raises KnownError."""
    from belle.models.speech import resolve_speech
    from belle.speech.blocking import open_speech
    from belle.speech.commands import LoadSpeech
    from belle.speech.library import check_usable
    from belle.speech.transcript import FORMATS

    form = FORMATS[arguments.format]
    check_usable()
    model = resolve_speech(arguments.model)
    targets = _targets(arguments.files, arguments.output, form)
    inputs = [*arguments.files, model, arguments.vad]
    for target in targets:
        _check_target(target, inputs, replace=arguments.replace)
    for file in arguments.files:
        check_input(file, folder=False)
    load = LoadSpeech(str(model), str(arguments.vad) if arguments.vad else None, arguments.threads)
    with open_speech(load) as speech:
        return _Batch(arguments, form, model.name, speech).run(targets)


def system_language() -> str:
    """The language of this system as Whisper's code: `zh` or `en`; `auto` for any other."""
    setting = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
    code = (setting or locale.getlocale()[0] or "").split("_")[0].split(".")[0].casefold()
    return code if code in ("zh", "en") else "auto"


def _targets(files: Sequence[Path], output: Path | None, form: TranscriptFormat) -> list[Path | None]:
    """The file to write for each recording; None for the terminal. Raises KnownError("usage")."""
    if output is None:
        return [None] * len(files)
    if len(files) == 1 and not output.is_dir() and not str(output).endswith(os.sep):
        return [output]
    if exists(output) and not output.is_dir():
        raise KnownError("usage", f"{output} is a file, and there are several recordings.", "Give a folder as -o.")
    targets = [output / f"{file.stem}{form.suffix}" for file in files]
    if len(set(targets)) < len(targets):
        # Such as talk.wav and talk.mp3, or files of one name in several folders.
        targets = [output / f"{file.name}{form.suffix}" for file in files]
    twice = next((target for target in targets if targets.count(target) > 1), None)
    if twice is not None:
        raise KnownError("usage", f"{twice} would be written twice.", "Transcribe recordings of one name separately.")
    return list(targets)


def _check_target(target: Path | None, inputs: Sequence[Path | None], *, replace: bool) -> None:
    """Raise KnownError before hours of work where `target` cannot be written, or exists."""
    if target is None:
        return
    check_output(target, inputs)
    if not replace and exists(target):
        advice = "Give another -o, or --replace."
        raise KnownError("file_exists", f"{target} exists already.", advice, path=str(target))


@dataclass(frozen=True, slots=True)
class _Batch:
    arguments: argparse.Namespace
    form: TranscriptFormat
    model: str
    speech: BlockingSpeech

    def run(self, targets: Sequence[Path | None]) -> int:
        """Transcribe all files, also after one that cannot be read. Returns the exit status; raises KnownError."""
        from belle.cli.main import INTERRUPTED, KNOWN_ERROR

        terminal, failed = Terminal(), 0
        files: list[Path] = self.arguments.files
        for number, (file, target) in enumerate(zip(files, targets, strict=True)):
            try:
                transcript = self._transcribed(number, file, terminal)
            except KnownError as error:
                if len(files) == 1 or error.kind in ("no_model", "missing_package", "unknown_language", "english_only"):
                    raise
                terminal.note(f"belle: {error}")
                failed += 1
                continue
            finally:
                terminal.clear()
            self._write(file, target, transcript, terminal)
            if not transcript.is_complete:
                return INTERRUPTED
        if failed:
            terminal.note(f"{failed} of {len(files)} recordings could not be transcribed.")
        return KNOWN_ERROR if failed else 0

    def _transcribed(self, number: int, file: Path, terminal: Terminal) -> SpokenTranscript:
        from belle.speech.commands import Transcribe
        from belle.speech.events import HeardUntil, Said, Transcribed
        from belle.speech.transcript import SpokenTranscript

        arguments = self.arguments
        longest = arguments.longest or (_SUBTITLE_S if self.form.has_times else 28.0)
        language = arguments.language or system_language()
        request = Transcribe(number, str(file), language, arguments.prompt, arguments.timestamps, longest)
        name = f"{file.name} ({number + 1} of {len(arguments.files)})" if len(arguments.files) > 1 else file.name
        began, texts = time.monotonic(), []
        terminal.progress(name)
        for event in self.speech.transcribe(request):
            match event:
                case Said():
                    texts.append(event)
                case HeardUntil(seconds=seconds, total=total):
                    terminal.progress(f"{name}  {_progress(seconds, total, time.monotonic() - began)}")
                case Transcribed():
                    if event.missing_s > 0.5:
                        terminal.note(f"{file.name} was cut off: {duration(event.missing_s)} of it are missing.")
                    complete = event.reason == "end"
                    return SpokenTranscript(file.name, self.model, event.seconds, tuple(texts), complete)
        raise AssertionError("a transcription ends with Transcribed")

    def _write(self, file: Path, target: Path | None, transcript: SpokenTranscript, terminal: Terminal) -> None:
        from belle.durable import write_text

        text = self.form.write(transcript)
        if target is None:
            if len(self.arguments.files) > 1 and self.arguments.format == "text":
                print(f"# {file.name}")
            print(text, end="", flush=True)
            if not transcript.texts and transcript.is_complete:
                terminal.note(f"Nothing is said in {file.name}.")
            return
        if not transcript.is_complete:
            target = target.with_name(f"{target.stem}.partial{target.suffix}")
        write_text(target, text)
        n, length = len(transcript.texts), duration(transcript.seconds)
        terminal.note(f"{target}: {n} {'text' if n == 1 else 'texts'} of {length}")


def _progress(seconds: float, total: float | None, elapsed: float) -> str:
    """How far it is, and how long the rest takes."""
    if total is None or seconds <= 0:
        return duration(seconds)
    left = elapsed / seconds * max(0.0, total - seconds)
    return f"{bar(min(1.0, seconds / total))}  {duration(seconds)} of {duration(total)}  {duration(left)} left"
