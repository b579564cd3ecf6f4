"""Recordings of training data: found beside the rows, read when their batch is computed, and never all in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle.data.rows import Row, TranscribedRecording
from belle.errors import KnownError
from belle.speech.audio.source import RATE, open_recording
from belle.training.samples.collate import Batch
from belle.training.samples.micro_batch import MicroBatch
from belle.training.samples.row_files import named_files

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from belle.training.recipe.options import DataFile
    from belle.training.samples.loader import SampleBatches
    from belle.training.samples.store import SampleSet

LONGEST_S = 30.0
"""Of a recording: what Whisper hears at once."""


@dataclass(frozen=True)
class SpeechBatch(Batch):
    """A batch of transcripts with their recordings.

    Args:
        input_features: one spectrogram for each row, `[rows, n_mels, 3000]`.
    """

    input_features: torch.Tensor | None = None

    def to(self, device: torch.device | str) -> Batch:
        moved = super().to(device)
        assert isinstance(moved, SpeechBatch)
        assert self.input_features is not None
        return replace(moved, input_features=self.input_features.to(device, non_blocking=True))

    def inputs(self) -> dict[str, Any]:
        """The recording for the encoder, the transcript for the decoder."""
        return {"input_features": self.input_features, "decoder_input_ids": self.input_ids, "use_cache": False}


class SpeechBatches:
    """Implements `belle.training.samples.micro_batch.Batches`: those of `batches`, with their recordings.

    Args:
        samples: whose batches they are.
        paths: of the recordings, by the names of samples (`SampleSet.name`).
        n_mels: bands of the spectrograms.
    """

    def __init__(self, batches: SampleBatches, samples: SampleSet, paths: Callable[[str], Path], n_mels: int) -> None:
        from transformers import WhisperFeatureExtractor

        self._batches = batches
        self._samples = samples
        self._paths = paths
        self._features = WhisperFeatureExtractor(feature_size=n_mels)

    def steps(self, epoch: int) -> int:
        return self._batches.steps(epoch)

    def step(self, epoch: int, index: int) -> Sequence[MicroBatch]:
        return [replace(part, batch=self._with_recordings(part.batch)) for part in self._batches.step(epoch, index)]

    def _with_recordings(self, batch: Batch) -> SpeechBatch:
        sounds = [read_sound(self._paths(self._samples.name(sample))) for sample in batch.samples]
        features = self._features(sounds, sampling_rate=RATE, return_tensors="pt").input_features
        return SpeechBatch(**vars(batch), input_features=features)


def recording_paths(files: Sequence[DataFile], folder: Path | None) -> dict[str, Path]:
    """The recording of each row of `files`, by the name of its samples.

    Args:
        folder: that paths are relative to; None for the folder of each file.

    Raises KnownError: `file_missing` with the first recording that does not exist, `recording_too_long`, and those of
    `open_recording`.
    """
    paths = named_files(files, "speech", _audio_of, folder, what="recordings", key="speech.recordings")
    for path in paths.values():
        _check_length(path, open_recording(path).seconds)
    return paths


def read_sound(path: Path) -> NDArray[np.float32]:
    """The samples of a recording at `RATE`. Raises KnownError as `open_recording`, and "recording_too_long"."""
    import numpy as np

    sound: NDArray[np.float32] = np.concatenate(list(open_recording(path).blocks)).astype(np.float32)
    _check_length(path, sound.size / RATE)
    return sound


def _audio_of(row: Row) -> str:
    return row.audio if isinstance(row, TranscribedRecording) else ""


def _check_length(path: Path, seconds: float | None) -> None:
    if seconds is not None and seconds > LONGEST_S:
        raise KnownError(
            "recording_too_long",
            f"The recording {path} has {seconds:.1f} s, and Whisper hears {LONGEST_S:.0f} s at once.",
            "Cut it, and its text, at a pause.",
            path=str(path),
        )
