"""A Whisper learns to write down what is said in recordings, in full or with LoRA adapters.

Every token of a transcript and its end are trained; the language and “no times” stand before it and are not. `final/`
is transformers' WhisperForConditionalGeneration, or its adapter, which `belle convert` takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from belle.training.loop.session import TrainingSession, started
from belle.training.model.hearing import load_hearing_model, transcript_start
from belle.training.model.model_loss import causal_model
from belle.training.recipe.schema import Recipe
from belle.training.recipe.speech_options import SpeechOptions
from belle.training.samples.recordings import SpeechBatches, recording_paths
from belle.training.stages.next_token import NextToken

if TYPE_CHECKING:
    from belle.training.recipe.options import DataFile
    from belle.training.samples.store import SampleSet


def run(recipe: Recipe) -> None:
    """Train as the recipe says and write `final/`. Raises KnownError and `interrupts.Stopped`."""
    from transformers import WhisperFeatureExtractor

    speech = recipe.speech or SpeechOptions()
    with started(recipe) as session:
        session.data.transcript_start = transcript_start(session.tokenizer, speech.language)
        samples, held_out = session.data.samples(), session.data.held_out_samples()
        engine = session.open_engine(load_hearing_model)
        n_mels = int(causal_model(engine.model).config.num_mel_bins)
        evaluation = _batches(session, held_out, recipe.eval_data, speech, n_mels, shuffle=False) if held_out else None
        session.train(NextToken(), _batches(session, samples, recipe.data, speech, n_mels), evaluation)
        features = WhisperFeatureExtractor(feature_size=n_mels)
        session.write_final({"preprocessor_config.json": features.to_json_string()})


def _batches(
    session: TrainingSession,
    samples: SampleSet,
    files: Sequence[DataFile],
    speech: SpeechOptions,
    n_mels: int,
    *,
    shuffle: bool = True,
) -> SpeechBatches:
    paths = recording_paths(files, speech.recordings)
    plain = session.data.batches(samples, session.engine, shuffle=shuffle)
    return SpeechBatches(plain, samples, paths.__getitem__, n_mels)
