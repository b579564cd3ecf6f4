"""Transcripts in all forms."""

from __future__ import annotations

import json

from belle.speech.events import Said
from belle.speech.transcript import FORMATS, SpokenTranscript

TEXTS = (
    Said(1, 0.0, 1.2345, "你好。", "zh"),
    Said(1, 3661.9996, 3725.5, "a <b> & c\n\n--> d", "en"),
)
TRANSCRIPT = SpokenTranscript("talk.wav", "base.bin", 3726.0, TEXTS)


def test_plain_text_is_a_line_for_each() -> None:
    assert FORMATS["text"].write(TRANSCRIPT) == "你好。\na <b> & c -> d\n"


def test_subrip_has_numbers_and_commas() -> None:
    assert FORMATS["srt"].write(TRANSCRIPT) == (
        "1\n00:00:00,000 --> 00:00:01,234\n你好。\n\n2\n01:01:02,000 --> 01:02:05,500\na <b> & c -> d\n"
    )


def test_web_vtt_has_a_head_points_and_escapes() -> None:
    assert FORMATS["vtt"].write(TRANSCRIPT) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.234\n你好。\n\n"
        "01:01:02.000 --> 01:02:05.500\na &lt;b&gt; &amp; c -&gt; d\n"
    )


def test_json_has_everything() -> None:
    value = json.loads(FORMATS["json"].write(TRANSCRIPT))
    assert (value["audio"], value["model"], value["seconds"], value["complete"]) == ("talk.wav", "base.bin", 3726, True)
    assert value["texts"][0] == {"start": 0.0, "end": 1.234, "text": "你好。", "language": "zh"}


def test_of_nothing_there_is_an_empty_file_of_each_form() -> None:
    written = {name: form.write(SpokenTranscript("a.wav", "b", 1.0, ())) for name, form in FORMATS.items()}
    assert (written["text"], written["srt"], written["vtt"]) == ("", "", "WEBVTT\n")
    assert json.loads(written["json"])["texts"] == []
