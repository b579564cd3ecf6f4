"""The two stages of a model that sees, as BELLE-VL was trained, "inspired by LLaVA 1.5".

`vl_align`: tower and language model stay as they are; the projector between them learns to say what is in pictures.
`vl_instruct`: projector and language model learn to answer questions about pictures.

`final/` is transformers' LlavaForConditionalGeneration with its tokenizer and preprocessor_config.json.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from belle.training.loop.session import TrainingSession, started
from belle.training.model.options import ModelOptions
from belle.training.model.vision import PROCESSOR_FILES, PictureFormat, SeeingModel, picture_format
from belle.training.recipe.schema import Recipe
from belle.training.recipe.vision_options import VisionOptions
from belle.training.samples.picture_text import PicturePlaceholder
from belle.training.samples.pictures import PictureBatches, picture_paths
from belle.training.stages.next_token import NextToken
from belle.training.tokenizer.picture_token import picture_token_of

if TYPE_CHECKING:
    from belle.training.recipe.options import DataFile
    from belle.training.samples.store import SampleSet


def run(recipe: Recipe) -> None:
    """Train as the recipe says and write `final/`. Raises KnownError and `interrupts.Stopped`."""
    vision = recipe.vision or VisionOptions()
    with started(recipe) as session:
        wanted = picture_format(recipe.part(ModelOptions), vision)
        token = picture_token_of(session.tokenizer, say=session.run.say)
        session.data.placeholder = PicturePlaceholder(token, wanted.patches)
        samples, held_out = session.data.samples(), session.data.held_out_samples()
        session.open_engine(SeeingModel(vision, projector_alone=recipe.traits.trains_projector_alone))
        evaluation = _batches(session, held_out, recipe.eval_data, vision, wanted, shuffle=False) if held_out else None
        general = recipe.mix.general if recipe.mix is not None and recipe.mix.share else ()
        batches = _batches(session, samples, (*recipe.data, *general), vision, wanted)
        session.train(NextToken(), batches, evaluation)
        session.write_final(_processor_files(wanted))


def _batches(
    session: TrainingSession,
    samples: SampleSet,
    files: Sequence[DataFile],
    vision: VisionOptions,
    wanted: PictureFormat,
    *,
    shuffle: bool = True,
) -> PictureBatches:
    paths = picture_paths(files, vision.pictures)
    plain = session.data.batches(samples, session.engine, shuffle=shuffle)
    return PictureBatches(plain, samples, paths.__getitem__, wanted)


def _processor_files(wanted: PictureFormat) -> dict[str, str]:
    """What transformers, and programs that convert the model, read of how pictures are prepared."""
    contents = (wanted.preprocessor_config(), wanted.processor_config())
    return {name: json.dumps(values, indent=2) + "\n" for name, values in zip(PROCESSOR_FILES, contents, strict=True)}
