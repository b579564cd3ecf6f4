"""What every stage sets up, in the order in which mistakes are cheapest: folder, tokenizer, data, then the model.

with started(recipe) as session:
    samples = session.samples()
    session.open_engine()
    session.train(NextToken(), session.batches(samples))
    session.write_final()
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle.errors import KnownError
from belle.prompts import PromptTemplate
from belle.training.cluster.failures import known_failure
from belle.training.cluster.ranks import Ranks, current_ranks, on_all_ranks
from belle.training.engines.engine import EngineBuilder, TrainingEngine, engine_builder
from belle.training.estimate.shape import check_lora
from belle.training.export.final import final_dtype, write_final, write_tokenizer
from belle.training.loop.interrupts import Interrupts, Stopped
from belle.training.loop.loop import LoopOptions, train
from belle.training.loop.run import Run
from belle.training.model.adapters import trained_before
from belle.training.model.load import count_parameters, load_causal_model, parameter_groups
from belle.training.recipe.load import recipe_values
from belle.training.recipe.options import DataFile
from belle.training.recipe.schema import Recipe
from belle.training.recipe.sources import tokenizer_of
from belle.training.tokenizer.templates import template_of
from belle.training.tokenizer.tokenizer import HubVocabulary, load_tokenizer

if TYPE_CHECKING:
    from torch import nn

    from belle.training.loop.objective import Objective
    from belle.training.samples.batching import Mode
    from belle.training.samples.loader import SampleBatches
    from belle.training.samples.micro_batch import Batches
    from belle.training.samples.prepare import Fingerprinted
    from belle.training.samples.store import SampleSet

Load = Callable[[Recipe, EngineBuilder, Any, Callable[[str], None]], "nn.Module"]


@contextlib.contextmanager
def started(recipe: Recipe) -> Iterator[TrainingSession]:
    """The processes, the folder and the tokenizer of a run; notes how it ended.

    Raises KnownError: `output_not_empty`, `recipe_changed`, those of `load_tokenizer`, `Tracker` and `CheckpointStore`,
    `out_of_memory` and `rank_lost`, and `interrupts.Stopped`.
    """
    _silence_libraries()
    with Interrupts() as interrupts:
        builder = engine_builder(recipe)
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
            known = known_failure(error, ranks)
            run.finish("failed", str(known or error))
            if known is not None:
                raise known from error
            raise
        run.finish("finished")


class TrainingSession:
    """A run that is set up.

    Attributes:
        recipe, run: what is done, and where it is written down.
        tokenizer, vocabulary: transformers' tokenizer, and the same as the renderer wants it.
        template: the prompt template.
        engine: there after `open_engine`.
    """

    engine: TrainingEngine

    def __init__(self, recipe: Recipe, builder: EngineBuilder, ranks: Ranks, run: Run) -> None:
        self.recipe = recipe
        self.run = run
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
        if recipe.lora is not None:
            check_lora(recipe)

    @property
    def is_first_here(self) -> bool:
        """Whether this process does, for all of its machine, what is to be done once."""
        return self._builder.local_rank == 0

    def samples(self) -> SampleSet:
        """The recipe's `data`, encoded once per machine and kept under `output_dir/data`.

        Raises KnownError: those of the readers, and `data_changed` when a resumed run has other data.
        """
        return self._samples("data", self.recipe.data)

    def held_out_samples(self) -> SampleSet | None:
        """The recipe's `eval_data`, as `samples`; None when there are none."""
        return self._samples("eval_data", self.recipe.eval_data) if self.recipe.eval_data else None

    def _samples(self, key: str, files: Sequence[DataFile]) -> SampleSet:
        from belle.training.samples.prepare import prepare

        def encode() -> SampleSet:
            return prepare(
                files,
                self.recipe.traits.kind,
                self.vocabulary,
                self.template,
                max_length=self.recipe.max_length,
                processes=self.recipe.processes,
                cache_dir=self.run.folder.data,
                say=self.run.say,
            )

        # The first process of each machine does the work, the others find it done.
        encoded: list[SampleSet] = []
        on_all_ranks(self._ranks, lambda: encoded.append(encode()) if self.is_first_here else None)
        samples = encoded[0] if encoded else encode()
        self.remember(key, samples)
        self.run.record.update(**{key: asdict(samples.counts)})
        return samples

    def remember(self, key: str, data: Fingerprinted) -> None:
        """Note which files a run is made of, under a key of the recipe.

        Raises KnownError("data_changed") when a resumed run has others.
        """
        from belle.training.samples.prepare import check_unchanged

        if self.run.manifest is not None:
            check_unchanged(data, self.run.manifest.extra.get("inputs", {}).get(key, []))
        self.run.inputs[key] = list(data.inputs)

    def open_engine(self, load: Load = load_causal_model) -> TrainingEngine:
        """Load the model and make the engine; on a resumed run with the checkpoint's weights. Raises KnownError."""
        self._check_memory()
        seed_everything(self.recipe.seed)
        model = load(self.recipe, self._builder, self.tokenizer, self.run.say)
        total, trained = count_parameters(model)
        self.run.say(f"parameters: {total:,}, of which {trained:,} are trained")
        self.run.record.update(parameters={"total": total, "trained": trained})
        # Decay would move the rows of an embedding that are frozen, too.
        decay = 0.0 if self.recipe.freeze == "new_rows" else self.recipe.weight_decay
        self.engine = self._builder.build(model, parameter_groups(model, decay))
        self.engine.set_weights(trained_before(model))
        # The same weights in every process, but not the same dropout.
        seed_everything(self.recipe.seed + self._builder.rank)
        self.run.attach(self.engine, self._write_tokenizer)
        return self.engine

    def _check_memory(self) -> None:
        """Raises KnownError("gpu_memory") when the model's states alone are more than the GPU has."""
        if self._builder.device.type == "cuda":
            from belle.training.estimate.fits import check_fits, device_memory

            available, name = device_memory(self._builder.device)
            check_fits(self.recipe, processes=self._builder.world_size, available=available, device=name)

    def frozen_model(self, load: Load) -> nn.Module:
        """A further model that is only evaluated. Its random weights are those that `open_engine` would make.

        Call it before `open_engine`. Raises KnownError, as `load` does.
        """
        seed_everything(self.recipe.seed)
        return self._builder.frozen(load(self.recipe, self._builder, self.tokenizer, lambda _: None))

    def batches(self, samples: SampleSet, *, shuffle: bool = True) -> SampleBatches:
        """The samples as this process's batches. `shuffle=False`: for measuring, each row once, in a fixed order."""
        from belle.training.samples.loader import SampleBatches

        attention = self.attention
        return SampleBatches(
            samples,
            batch_size=self.recipe.batch_size,
            accumulation=self.recipe.accumulation,
            max_length=self.recipe.max_length,
            seed=self.recipe.seed,
            mode=self._mode(attention),
            attention=attention,
            pad_id=self.tokenizer.pad_token_id,
            rank=self._builder.rank,
            world_size=self._builder.world_size,
            shuffle=shuffle,
        )

    @property
    def attention(self) -> str:
        """transformers' name of the model's attention implementation."""
        return str(getattr(self.engine.model.config, "_attn_implementation", None) or "eager")

    def text_bytes(self, samples: SampleSet) -> int:
        """Bytes of UTF-8 that the trained tokens of all samples stand for."""
        total = 0
        for row in range(len(samples)):
            for ids, trained in samples.sequences(row):
                text = self.tokenizer.decode(ids[trained], skip_special_tokens=True, clean_up_tokenization_spaces=False)
                total += len(text.encode())
        return total

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
        """Train until the recipe's last step, from wherever the run stands. Arguments and errors as `loop.train`."""
        train(
            self.run,
            self.engine,
            objective,
            batches,
            LoopOptions.of(self.recipe),
            evaluation=evaluation,
            evaluation_bytes=evaluation_bytes,
            write_samples=self.write_samples,
        )

    def write_final(self) -> None:
        """Write `output_dir/final`: the model, or its adapter, with tokenizer and chat template. Raises KnownError."""
        folder = self.run.folder.final
        write_final(
            folder,
            self.engine.model,
            self.engine.gathered_state_dict(),
            tokenizer=self.tokenizer,
            template=self.template,
            stage=self.recipe.traits,
            dtype=final_dtype(self.recipe),
            step=self.run.state.step,
            recipe=recipe_values(self.recipe),
            ranks=self._ranks,
        )
        self.run.say(f"written: {folder}")

    def _write_tokenizer(self, folder: Path) -> None:
        """The tokenizer, with the chat template if the stage makes models that chat."""
        write_tokenizer(self.tokenizer, folder, template=self.template if self.recipe.traits.chats else None)

    def _mode(self, attention: str) -> Mode:
        from belle.training.model.packing_check import packing_refusal
        from belle.training.samples.collate import layout_of

        wanted = self.recipe.batching
        if wanted == "auto":
            wanted = "pack" if "flash" in attention and self.recipe.traits.packs == "auto" else "group"
        if wanted != "pack":
            return wanted
        with self.engine.autocast():
            refusal = packing_refusal(self.engine.model, layout_of("pack", attention))
        if refusal is None:
            return "pack"
        self.run.say(f"batching: group instead of pack, because {refusal}")
        return "group"


def _silence_libraries() -> None:
    """What transformers says while it loads is either checked here or of no use to the person."""
    import logging

    from transformers.utils import logging as transformers_logging

    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    # It misses a package that `belle.pretrained` would not let it use.
    logging.getLogger("bitsandbytes.backends.cpu").setLevel(logging.ERROR)


def seed_everything(seed: int) -> None:
    """Start every random number generator at `seed`: Python's, NumPy's, torch's on every device."""
    import numpy as np
    import torch

    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
