"""Measures speech models against transcripts: one model after the other writes down the same clips.

What a model heard is kept row by row, so that an interrupted run goes on where it was.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

from belle.errors import KnownError
from belle.evaluation.speech.alignment import Edits, edits
from belle.evaluation.speech.normalise import Unit, units, usual_unit
from belle.evaluation.speech.predictions import ClipsToPredict, Predictions, Progress, measure_predictions
from belle.evaluation.speech.rates import Rate, error_rate, rate_difference
from belle.evaluation.speech.transcripts import Clip, clips_digest
from belle.json_lines import ResumableLines
from belle.speech.blocking import BlockingSpeech, open_speech
from belle.speech.commands import LoadSpeech, Transcribe
from belle.speech.events import Said, Transcribed


@dataclass(frozen=True, slots=True)
class SpeechRequest:
    """What is measured.

    Attributes:
        models: the reference, then the candidates.
        clips: recordings and what is said in them.
        language: as of `Transcribe`.
        unit: what is counted; None for characters where the transcripts have Chinese, else words.
        folder: of the report, and of what each model heard.
        threads: None for one on each physical core.
        resume: go on with what is in the folder.
        with_divergence: also how differently candidates predict the transcripts.
    """

    models: Sequence[Path]
    clips: Sequence[Clip]
    language: str
    unit: Unit | None
    folder: Path
    threads: int | None
    resume: bool
    with_divergence: bool = True

    @property
    def spoken_language(self) -> str:
        """The language of the transcripts, where `language` leaves it open: Chinese or English."""
        if self.language != "auto":
            return self.language
        return "zh" if usual_unit("".join(clip.text for clip in self.clips)) == "character" else "en"


@dataclass(frozen=True, slots=True)
class SpeechResult:
    """What one model heard.

    Attributes:
        name, size_bytes: of its file.
        edits: of all clips together.
        rate: of errors.
        difference: from the reference's rate; None for the reference itself.
        real_time: seconds of computing for a second of recording.
        heard: what it wrote down, by clip.
        clip_edits: of each of them.
        predictions: how differently it predicts the transcripts; None for the reference, and where it was not asked.
    """

    name: str
    size_bytes: int
    edits: Edits
    rate: Rate
    difference: Rate | None
    real_time: float
    heard: tuple[str, ...]
    clip_edits: tuple[Edits, ...]
    predictions: Predictions | None = None

    @property
    def n_clips(self) -> int:
        """How many clips it was given."""
        return len(self.heard)


@dataclass(frozen=True, slots=True)
class _HeardClip:
    text: str
    seconds: float
    compute_s: float


def measure_speech(request: SpeechRequest, progress: Progress) -> tuple[Unit, list[SpeechResult]]:
    """Measure all models; the reference comes first. Raises KnownError, and KeyboardInterrupt.

    What is counted is decided by all transcripts together.
    """
    unit = request.unit or usual_unit("".join(clip.text for clip in request.clips))
    references = [units(clip.text, unit) for clip in request.clips]  # a missing package is told before hours of work
    results: list[SpeechResult] = []
    first: list[Edits] = []
    for model in request.models:
        heard = _hear_all(request, model, progress)
        found = [edits(said, units(h.text, unit)) for said, h in zip(references, heard, strict=True)]
        difference = rate_difference(first, found) if results else None
        first = first or found
        seconds = sum(h.seconds for h in heard)
        real_time = sum(h.compute_s for h in heard) / seconds if seconds else 0.0
        total = reduce(Edits.__add__, found)
        size = model.stat().st_size
        texts = tuple(h.text for h in heard)
        apart = _predictions(request, model, progress) if results and request.with_divergence else None
        rate = error_rate(found)
        results.append(SpeechResult(model.name, size, total, rate, difference, real_time, texts, tuple(found), apart))
    return unit, results


def _predictions(request: SpeechRequest, model: Path, progress: Progress) -> Predictions | None:
    clips = ClipsToPredict(request.clips, clips_digest(request.clips), request.spoken_language)
    number = list(request.models).index(model)
    file = request.folder / f"predicted-{number}.jsonl"
    pair = (request.models[0], model)
    return measure_predictions(pair, clips, file, progress, threads=request.threads, resume=request.resume)


def _hear_all(request: SpeechRequest, model: Path, progress: Progress) -> list[_HeardClip]:
    """What a model hears in all clips, from the file of an earlier run where `resume` says so."""
    known: dict[str, _HeardClip] = {}

    def take(row: dict[str, Any]) -> None:
        known[row["clip"]] = _HeardClip(row["text"], row["seconds"], row["compute_s"])

    status = model.stat()
    identity = {
        "model": [model.name, status.st_size, status.st_mtime_ns],
        "language": request.language,
        "clips": clips_digest(request.clips),
    }
    number = list(request.models).index(model)
    lines = ResumableLines(request.folder / f"heard-{number}.jsonl", identity, take, resume=request.resume)
    try:
        missing = [clip for clip in request.clips if clip.name not in known]
        if missing:
            with open_speech(LoadSpeech(str(model), threads=request.threads)) as speech:
                began = time.monotonic()
                for n, clip in enumerate(missing):
                    left = (time.monotonic() - began) / n * (len(missing) - n) if n else 0.0
                    progress(model.name, len(request.clips) - len(missing) + n, len(request.clips), left)
                    heard = known[clip.name] = _hear(speech, n, clip, request.language)
                    row = {"clip": clip.name, "text": heard.text, "seconds": heard.seconds}
                    lines.append(row | {"compute_s": heard.compute_s})
    finally:
        lines.close()
    return [known[clip.name] for clip in request.clips]


def _hear(speech: BlockingSpeech, number: int, clip: Clip, language: str) -> _HeardClip:
    texts: list[str] = []
    try:
        for event in speech.transcribe(Transcribe(number, str(clip.audio), language)):
            match event:
                case Said(text=text):
                    texts.append(text)
                case Transcribed(reason="stopped"):
                    raise KeyboardInterrupt
                case Transcribed(seconds=seconds, compute_s=compute_s):
                    return _HeardClip(" ".join(texts), seconds, compute_s)
    except KnownError as error:
        raise KnownError(error.kind, f"{clip.name}: {error.message}", error.advice, **error.details) from None
    raise AssertionError("a transcription ends with Transcribed")
