"""A Whisper checkpoint in transformers as the reference for its file in whisper.cpp: the same sound, the same tokens.

Real speech is not needed: the sounds are made here, and the words that the checkpoint takes them for, one token after
the other, are what both are asked about. torch is imported only when this is used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belle.evaluation.sources.agreement import ReferenceSample, filled, merged
from belle.evaluation.sources.transformers import Weight, check_installed, check_memory, explained_failures, quiet
from belle.pretrained import load_pretrained

SAMPLE_RATE = 16_000
SECONDS = 5
TOKENS = 16
"""Asked about for each sound."""

_CLASS = "WhisperForConditionalGeneration"
_LARGER = "Compare logits on a larger machine; the weights have been compared."
_COMPARED = "The weights have been compared all the same."


@dataclass(frozen=True, slots=True)
class SpeechSample:
    """A sound `[samples]`, mono at `SAMPLE_RATE`, and the tokens and logits of the reference for it."""

    sound: NDArray[np.float32]
    reference: ReferenceSample


def sounds() -> list[NDArray[np.float32]]:
    """Two sounds with much of what speech has: a gliding voice with overtones, syllables, noise. One is quiet."""
    time = np.arange(SECONDS * SAMPLE_RATE) / SAMPLE_RATE
    made = []
    for seed, loudness in ((0, 0.3), (1, 0.02)):
        rng = np.random.default_rng(seed)
        pitch = 130 + 40 * np.sin(2 * np.pi * 0.7 * time + seed)
        phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
        voice = sum(np.sin(number * phase) / number for number in range(1, 12))
        syllables = np.clip(np.sin(2 * np.pi * 3.5 * time), 0, 1)
        sound = voice * syllables + 0.05 * rng.standard_normal(time.size)
        made.append((loudness * sound / np.abs(sound).max()).astype(np.float32))
    return made


def speech_reference(
    folder: Path,
    adapters: Sequence[tuple[Path, float]] = (),
    *,
    weights: Mapping[str, Weight] | None = None,
) -> list[SpeechSample]:
    """Run the Whisper in `folder` with transformers, in float32 on the processor, on each of `sounds`.

    Args:
        folder: as transformers loads it.
        adapters: PEFT folders to merge, each with what its own scaling is multiplied by.
        weights: tensors by their names in the checkpoint, in place of those that transformers would read.

    Raises KnownError: "not_installed", "too_big_for_memory", "reference_failed" with the reason in transformers' words.
    """
    check_installed()
    import torch
    import transformers

    check_memory(folder, weights, _LARGER)
    with quiet(transformers), explained_failures(folder, _COMPARED), torch.inference_mode():
        if weights is None:
            model = load_pretrained(_CLASS, folder, dtype=torch.float32)
        else:
            model = filled(folder, weights, _CLASS)
        for path, strength in adapters:
            model = merged(model, path, strength)
        model.eval()
        extractor = transformers.WhisperFeatureExtractor(feature_size=model.config.num_mel_bins)
        return [SpeechSample(sound, _sample(model, extractor, sound)) for sound in sounds()]


def _sample(model: Any, extractor: Any, sound: NDArray[np.float32]) -> ReferenceSample:
    """What the model writes down, always the likeliest ordinary token, and the logits after each token.

    Of sounds without words most models write at once that the text has ended, and what follows that was never trained.
    """
    import torch

    features = extractor(sound, sampling_rate=SAMPLE_RATE, return_tensors="pt").input_features
    heard = model.get_encoder()(features)
    start = int(model.config.decoder_start_token_id)
    ids = [start, start + 1]  # the first of the languages
    while True:
        logits = model(encoder_outputs=heard, decoder_input_ids=torch.tensor([ids])).logits[0]
        if len(ids) == TOKENS:
            return ReferenceSample(ids, logits.numpy())
        ids.append(int(logits[-1, : start - 1].argmax()))  # the special tokens begin at `start - 1`, the end of text
