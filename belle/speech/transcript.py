"""What was said in a recording, as plain text, subtitles (SubRip, WebVTT) or JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from belle.speech.events import Said
from belle.texts import json_text


@dataclass(frozen=True, slots=True)
class SpokenTranscript:
    """The texts of a recording, in order.

    Attributes:
        audio: the name of its file.
        model: the name of the model's file.
        seconds: how long the recording is, as far as it was transcribed.
        texts: what was said, with times in seconds.
        is_complete: the recording was transcribed to its end.
    """

    audio: str
    model: str
    seconds: float
    texts: tuple[Said, ...]
    is_complete: bool = True


def plain_text(transcript: SpokenTranscript) -> str:
    """A line for each text."""
    return "".join(f"{_one_line(said.text)}\n" for said in transcript.texts)


def subrip(transcript: SpokenTranscript) -> str:
    """SubRip (`.srt`)."""
    return "\n".join(
        f"{number}\n{_time(said.start, ',')} --> {_time(said.end, ',')}\n{_one_line(said.text)}\n"
        for number, said in enumerate(transcript.texts, 1)
    )


def web_vtt(transcript: SpokenTranscript) -> str:
    """WebVTT (`.vtt`)."""
    cues = (
        f"{_time(said.start, '.')} --> {_time(said.end, '.')}\n{_escaped(_one_line(said.text))}\n"
        for said in transcript.texts
    )
    return "\n".join(["WEBVTT\n", *cues])


def as_json(transcript: SpokenTranscript) -> str:
    """JSON with times in seconds."""
    value: dict[str, Any] = {
        "audio": transcript.audio,
        "model": transcript.model,
        "seconds": round(transcript.seconds, 3),
        "complete": transcript.is_complete,
        "texts": [
            {"start": round(said.start, 3), "end": round(said.end, 3), "text": said.text, "language": said.language}
            for said in transcript.texts
        ],
    }
    return json_text(value, indent=1) + "\n"


@dataclass(frozen=True, slots=True)
class TranscriptFormat:
    """A form of output: the suffix of its files, and how it is written."""

    suffix: str
    write: Callable[[SpokenTranscript], str]
    has_times: bool


FORMATS: Mapping[str, TranscriptFormat] = {
    "text": TranscriptFormat(".txt", plain_text, has_times=False),
    "srt": TranscriptFormat(".srt", subrip, has_times=True),
    "vtt": TranscriptFormat(".vtt", web_vtt, has_times=True),
    "json": TranscriptFormat(".json", as_json, has_times=True),
}
"""By name."""


def _time(seconds: float, point: str) -> str:
    """`01:02:03,456`."""
    milliseconds = round(seconds * 1000)
    rest, milliseconds = divmod(milliseconds, 1000)
    return f"{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}{point}{milliseconds:03}"


def _one_line(text: str) -> str:
    """An empty line would end a subtitle, and an arrow would begin one."""
    return " ".join(text.split()).replace("-->", "->")


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
