"""How differently a candidate predicts the transcripts than the reference: KL divergence of the next token, by clip.

It says more with fewer clips than error rates do, which see a difference only where another token wins.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from belle.errors import KnownError
from belle.evaluation.speech.rates import Rate, mean_of_tokens
from belle.evaluation.speech.transcripts import Clip
from belle.json_lines import ResumableLines
from belle.speech.audio.source import open_recording
from belle.speech.transcript_divergence import LONGEST_S, TranscriptDivergence, transcript_divergence

Progress = Callable[[str, int, int, float], object]
"""Called with a model's name, clips done, clips in all, and the seconds that are left."""

_THREADS = 2


@dataclass(frozen=True, slots=True)
class ClipsToPredict:
    """The clips, what tells them from others, and the language that is spoken in them."""

    clips: Sequence[Clip]
    digest: str
    language: str


@dataclass(frozen=True, slots=True)
class Predictions:
    """How differently the transcripts are predicted, over all clips.

    Attributes:
        divergence: mean KL divergence per token, in nats.
        same_first: share of the tokens at which both models find the same one most likely.
        tokens: of the transcripts, with their ends.
        n_clips: that were compared: those that Whisper hears at once.
    """

    divergence: Rate
    same_first: Rate
    tokens: int
    n_clips: int


def measure_predictions(
    pair: tuple[Path, Path], clips: ClipsToPredict, file: Path, progress: Progress, *, threads: int | None, resume: bool
) -> Predictions | None:
    """Compare reference and candidate on every clip of at most `LONGEST_S`. None where there is none.

    Raises KnownError, and KeyboardInterrupt.

    Args:
        pair: the reference's file and the candidate's.
        file: keeps what was compared, so that an interrupted run goes on.
    """
    known: dict[str, TranscriptDivergence] = {}

    def take(row: dict[str, Any]) -> None:
        known[row["clip"]] = TranscriptDivergence(row["tokens"], row["divergence"], row["same_first"])

    statuses = [(path.name, path.stat()) for path in pair]
    identity = {
        "models": [[name, status.st_size, status.st_mtime_ns] for name, status in statuses],
        "language": clips.language,
        "clips": clips.digest,
        "transcripts": [clip.text for clip in clips.clips],
    }
    short = [clip for clip in clips.clips if _is_short(clip)]
    lines = ResumableLines(file, identity, take, resume=resume)
    try:
        missing = [clip for clip in short if clip.name not in known]
        began = time.monotonic()
        for n, clip in enumerate(missing):
            left = (time.monotonic() - began) / n * (len(missing) - n) if n else 0.0
            progress(f"{pair[1].name}, predictions", len(short) - len(missing) + n, len(short), left)
            compared = known[clip.name] = _compared(pair, clip, clips.language, threads or _THREADS)
            lines.append({"clip": clip.name, **asdict(compared)})
    finally:
        lines.close()
    found = [known[clip.name] for clip in short]
    if not found:
        return None
    tokens = [one.tokens for one in found]
    return Predictions(
        mean_of_tokens([one.divergence for one in found], tokens),
        mean_of_tokens([one.same_first for one in found], tokens),
        sum(tokens),
        len(found),
    )


def _is_short(clip: Clip) -> bool:
    seconds = open_recording(clip.audio).seconds
    return seconds is not None and seconds <= LONGEST_S


def _compared(pair: tuple[Path, Path], clip: Clip, language: str, threads: int) -> TranscriptDivergence:
    try:
        return transcript_divergence(*pair, clip.audio, clip.text, language, threads=threads)
    except KnownError as error:
        raise KnownError(error.kind, f"{clip.name}: {error.message}", error.advice, **error.details) from None
