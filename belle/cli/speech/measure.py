"""`belle measure --speech`: how many characters or words a quantization costs a speech model."""

from __future__ import annotations

import argparse
from pathlib import Path

from belle.cli.arguments import input_file, input_path
from belle.cli.terminal import Terminal
from belle.errors import KnownError
from belle.units import duration


def add_speech_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of --speech."""
    speech = parser.add_argument_group("speech models (--speech)")
    speech.add_argument("--speech", action="store_true", help="REF and CAND are Whisper models of whisper.cpp")
    speech.add_argument("--audio", type=input_path, metavar="DIR", help="folder of recordings")
    speech.add_argument(
        "--transcripts",
        type=input_file,
        metavar="FILE",
        help="what is said in them: lines of a name and a text, or JSON Lines with audio and text",
    )
    speech.add_argument("--language", default="auto", metavar="CODE", help="spoken in them, such as zh (default: auto)")
    speech.add_argument("--no-kl", action="store_true", help="do not compare how the models predict the transcripts")
    speech.add_argument(
        "--count",
        choices=("character", "word"),
        help="what is counted (default: characters where the transcripts have Chinese, else words)",
    )


def measure(arguments: argparse.Namespace) -> int:
    """Measure and write speech.html, .md, .csv and .json. Returns the exit status; raises KnownError."""
    if not (arguments.audio and arguments.transcripts and arguments.output) or arguments.text or arguments.tasks:
        message = "--speech needs recordings, their transcripts and a folder for the report."
        raise KnownError("bad_option", message, "Give --audio DIR, --transcripts FILE and -o DIR, and no --text.")
    from belle.evaluation.speech.measure_speech import SpeechRequest, measure_speech
    from belle.evaluation.speech.report import speech_table, write_speech_reports
    from belle.evaluation.speech.transcripts import read_clips

    models = [Path(arguments.reference), *arguments.candidates]
    for model in models:
        if not model.is_file():
            raise KnownError("file_missing", f"{model} is not a file.", "Give Whisper models (.bin).", path=str(model))
    clips = read_clips(arguments.transcripts, arguments.audio)
    request = SpeechRequest(
        models,
        clips,
        arguments.language,
        arguments.count,
        arguments.output,
        arguments.threads or None,
        arguments.resume,
        with_divergence=not arguments.no_kl,
    )
    terminal = Terminal()

    def progress(model: str, done: int, total: int, seconds_left: float) -> None:
        terminal.progress(f"{model}: {done} of {total} clips  {duration(seconds_left)} left")

    try:
        unit, results = measure_speech(request, progress)
    finally:
        terminal.clear()
    write_speech_reports(unit, results, request)
    print(speech_table(unit, results, request), end="")
    return 0
