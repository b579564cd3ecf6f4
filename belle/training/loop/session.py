"""What every stage needs, set up in the order in which mistakes cost least: folder, tokenizer, data, model.

with started(recipe) as session:
    samples = session.data.samples()
    engine = session.open_engine()
    session.train(NextToken(), session.data.batches(samples, engine))
    session.write_final()
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle.errors import KnownError
from belle.prompts import PromptTemplate
from belle.training.cluster.failures import known_failure
from belle.training.cluster.ranks import Ranks, current_ranks
from belle.training.engines.engine import EngineBuilder, TrainingEngine, engine_builder
from belle.training.engines.options import EngineOptions
from belle.training.estimate.shape import check_lora
from belle.training.export.final import final_dtype, write_final, write_tokenizer
from belle.training.loop.data import DataOptions, TrainingData
from belle.training.loop.interrupts import Interrupts, Stopped
from belle.training.loop.loop import LoopOptions, train
from belle.training.loop.run import Run
from belle.training.model.adapters import trained_before
from belle.training.model.load import ModelLoader, load_causal_model
from belle.training.model.options import ModelOptions
from belle.training.model.prepare import count_parameters, parameter_groups
from belle.training.recipe.load import recipe_values
from belle.training.recipe.schema import Recipe
from belle.training.recipe.sources import tokenizer_of
from belle.training.tokenizer.templates import template_of
from belle.training.tokenizer.tokenizer import HubVocabulary, load_tokenizer

if TYPE_CHECKING:
    from torch import nn

    from belle.training.loop.objective import Objective
    from belle.training.samples.micro_batch import Batches


@contextlib.contextmanager
def started(recipe: Recipe) -> Iterator[TrainingSession]:
    """Start the processes, the folder and the tokenizer of a run; afterwards record how it ended.

    Raises KnownError: `output_not_empty`, `recipe_changed`, those of `load_tokenizer`, `Tracker` and `CheckpointStore`,
    `out_of_memory` and `rank_lost`, and `interrupts.Stopped`.
    """
    _silence_libraries()
    with Interrupts() as interrupts:
        builder = engine_builder(recipe.part(EngineOptions))
        ranks = current_ranks()
        run = Run(recipe, ranks, interrupts)
        try:
            yield TrainingSession(recipe, builder, ranks, run)
        except Stopped as stopped:
            run.finish("stopped", str(stopped))
            raise
        except KnownError as error:
            run.finish("failed", str(error))
            raise
        except BaseException as error:
            known_error = known_failure(error, ranks)
            run.finish("failed", str(known_error or error))
            if known_error is not None:
                raise known_error from error
            raise
        run.finish("finished")


class TrainingSession:
    """A run that is set up: a stage does its work through it.

    Attributes:
        recipe, run: the options of the run, and its files.
        loop: the recipe's options of steps.
        tokenizer, vocabulary: transformers' tokenizer, and the same as the renderer wants it.
        template: the prompt template.
        data: the recipe's data, encoded, and their batches.
        engine: set by `open_engine`.
    """

    engine: TrainingEngine

    def __init__(self, recipe: Recipe, builder: EngineBuilder, ranks: Ranks, run: Run) -> None:
        self.recipe = recipe
        self.run = run
        self.loop = recipe.part(LoopOptions)
        self._model_options = recipe.part(ModelOptions)
        self._builder = builder
        self._ranks = ranks
        run.say(f"precision: {builder.precision.reason}")
        run.record.update(precision=builder.precision.reason)
        self.tokenizer: Any = load_tokenizer(tokenizer_of(recipe), notice=run.say)
        self.template: PromptTemplate = template_of(
            recipe.template,
            self.tokenizer,
            chats=recipe.traits.renders_chats,
            add_tokens=recipe.add_tokens,
            say=run.say,
        )
        self.vocabulary = HubVocabulary(self.tokenizer)
        self.data = TrainingData(
            recipe.part(DataOptions),
            recipe.traits,
            run,
            builder,
            ranks,
            tokenizer=self.tokenizer,
            vocabulary=self.vocabulary,
            template=self.template,
        )
        if recipe.lora is not None:
            check_lora(self._model_options, scoring=recipe.traits.scores)

    def open_engine(self, load: ModelLoader = load_causal_model) -> TrainingEngine:
        """Load the model and make the engine; on a resumed run with the checkpoint's weights. Raises KnownError."""
        self._check_memory()
        seed_everything(self.recipe.seed)
        model = load(self._model_options, self._builder, self.tokenizer, self.run.say)
        total, trained = count_parameters(model)
        self.run.say(f"parameters: {total:,}, of which {trained:,} are trained")
        self.run.record.update(parameters={"total": total, "trained": trained})
        # AdamW would decay the frozen rows of the embedding too: they share a tensor with the new ones.
        decay = 0.0 if self.recipe.freeze == "new_rows" else self.recipe.weight_decay
        self.engine = self._builder.build(model, parameter_groups(model, decay))
        self.engine.set_weights(trained_before(model))
        # Every process has made the same random weights by now; dropout has to differ between them.
        seed_everything(self.recipe.seed + self._builder.rank)
        self.run.attach(self.engine, self._write_tokenizer)
        return self.engine

    def _check_memory(self) -> None:
        """Raises KnownError("gpu_memory") when the model's states alone are more than the GPU has."""
        if self._builder.device.type == "cuda" and not (self.recipe.traits.sees_pictures or self.recipe.traits.hears):
            from belle.training.estimate.fits import check_fits, device_memory

            available, name = device_memory(self._builder.device)
            check_fits(self.recipe, processes=self._builder.world_size, available=available, device=name)

    def frozen_model(self, load: ModelLoader) -> nn.Module:
        """A further model that is only evaluated, such as a reference or a reward model.

        It is seeded as in `open_engine`, so that a copy of the model has the same random weights (`init`). Call it
        before `open_engine`. Raises KnownError as `load`.
        """
        seed_everything(self.recipe.seed)
        return self._builder.frozen(load(self._model_options, self._builder, self.tokenizer, lambda _: None))

    def write_samples(self) -> None:
        """Let the model answer the recipe's `sample_prompts`. All processes call it."""
        from belle.training.model.answer import answer

        template = self.template if self.recipe.traits.renders_chats else None
        for prompt in self.recipe.sample_prompts:
            text = answer(
                self.engine, self.tokenizer, self.vocabulary, template, prompt, max_tokens=self.recipe.sample_tokens
            )
            self.run.sample(prompt, text)

    def train(
        self,
        objective: Objective,
        batches: Batches,
        evaluation: Batches | None = None,
        *,
        evaluation_bytes: int | None = None,
    ) -> None:
        """Train until the recipe's last step. Arguments and errors as `loop.train`."""
        train(
            self.run,
            self.engine,
            objective,
            batches,
            self.loop,
            evaluation=evaluation,
            evaluation_bytes=evaluation_bytes,
            write_samples=self.write_samples,
        )

    def write_final(self, further: Mapping[str, str] | None = None) -> None:
        """Write `output_dir/final`: the model, or its adapter, with tokenizer and chat template. Raises KnownError.

        Args:
            further: names and texts of more files.
        """
        folder = self.run.folder.final
        write_final(
            folder,
            self.engine.model,
            self.engine.gathered_state_dict(),
            tokenizer=self.tokenizer,
            template=self.template,
            stage=self.recipe.traits,
            dtype=final_dtype(self.recipe.final_precision, self._model_options),
            step=self.run.state.step,
            recipe=recipe_values(self.recipe),
            ranks=self._ranks,
            further=further,
        )
        self.run.say(f"written: {folder}")

    def _write_tokenizer(self, folder: Path) -> None:
        """Write the tokenizer, with the chat template if the stage makes models that chat."""
        write_tokenizer(self.tokenizer, folder, template=self.template if self.recipe.traits.chats else None)


def _silence_libraries() -> None:
    """Switch off messages of libraries: what matters of them is checked here and reported in our words."""
    import logging

    from transformers.utils import logging as transformers_logging

    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    # It warns of a missing package that `belle.pretrained` would not let it use.
    logging.getLogger("bitsandbytes.backends.cpu").setLevel(logging.ERROR)


def seed_everything(seed: int) -> None:
    """Start every random number generator at `seed`: Python's, NumPy's, torch's on every device."""
    import numpy as np
    import torch

    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
