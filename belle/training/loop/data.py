"""The data of a run: encoded once per machine, the same files after an interruption, and cut into batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from belle.training.cluster.ranks import Ranks, on_all_ranks

if TYPE_CHECKING:
    from belle.prompts import PromptTemplate
    from belle.training.engines.engine import EngineBuilder, TrainingEngine
    from belle.training.loop.run import Run
    from belle.training.recipe.options import DataFile, MixOptions
    from belle.training.recipe.schema import Batching
    from belle.training.recipe.stages import TrainingStage
    from belle.training.samples.batching import Mode
    from belle.training.samples.loader import SampleBatches
    from belle.training.samples.picture_text import PicturePlaceholder
    from belle.training.samples.store import SampleSet
    from belle.training.tokenizer.tokenizer import HubVocabulary


@dataclass(frozen=True)
class DataOptions:
    """The keys of a recipe about its data. See `belle.training.recipe.schema.Recipe` for their meaning."""

    data: tuple[DataFile, ...]
    mix: MixOptions | None
    eval_data: tuple[DataFile, ...]
    max_length: int
    processes: int
    batching: Batching
    batch_size: int
    accumulation: int
    seed: int


class TrainingData:
    """The recipe's `data` and `eval_data`.

    Args:
        stage: what the rows are, and whether they may be packed.
        run: remembers the files' fingerprints, and keeps the encoded samples in its folder.
        builder: which process this is.
        tokenizer, vocabulary: transformers' tokenizer, and the same as the renderer wants it.
        template: the prompt template of conversations.

    Attributes:
        placeholder: what stands for a picture; set by the stages whose models see.
        transcript_start: tokens before what is said in a recording; set by the stage whose models hear.
    """

    def __init__(
        self,
        options: DataOptions,
        stage: TrainingStage,
        run: Run,
        builder: EngineBuilder,
        ranks: Ranks,
        *,
        tokenizer: Any,
        vocabulary: HubVocabulary,
        template: PromptTemplate,
    ) -> None:
        self._options = options
        self._stage = stage
        self._run = run
        self._builder = builder
        self._ranks = ranks
        self._tokenizer = tokenizer
        self._vocabulary = vocabulary
        self._template = template
        self.placeholder: PicturePlaceholder | None = None
        self.transcript_start: tuple[int, ...] = ()

    @property
    def is_first_here(self) -> bool:
        """Whether this process writes what is written once per machine."""
        return self._builder.local_rank == 0

    def samples(self) -> SampleSet:
        """The recipe's `data`, with general data as `mix` says, encoded once per machine, in `output_dir/data`.

        Raises KnownError: those of the readers, `data_changed` when a resumed run has other data, `too_little_general`.
        """
        mix = self._options.mix
        if mix is None:
            return self._samples("data", self._options.data)
        from belle.training.samples.mix import mixed

        general = mix.general if mix.share else ()
        both = self._samples("data", (*self._options.data, *general))
        samples, counts = mixed(both, mix, len(self._options.data), self._options.seed)
        self._run.say(f"mix: {counts.as_text()}")
        self._run.record.update(mix={"ratio": mix.ratio, "by": mix.by, **asdict(counts)})
        return samples

    def held_out_samples(self) -> SampleSet | None:
        """The recipe's `eval_data`, as `samples`; None when there are none."""
        return self._samples("eval_data", self._options.eval_data) if self._options.eval_data else None

    def batches(self, samples: SampleSet, engine: TrainingEngine, *, shuffle: bool = True) -> SampleBatches:
        """The samples as this process's batches.

        Args:
            engine: its model decides whether rows can be packed.
            shuffle: False: for measuring, each row once, in a fixed order.
        """
        from belle.training.samples.loader import SampleBatches

        # transformers' name of the model's attention implementation.
        attention = str(getattr(engine.model.config, "_attn_implementation", None) or "eager")
        return SampleBatches(
            samples,
            batch_size=self._options.batch_size,
            accumulation=self._options.accumulation,
            max_length=self._options.max_length,
            seed=self._options.seed,
            mode=self._mode(engine, attention),
            attention=attention,
            pad_id=self._tokenizer.pad_token_id,
            rank=self._builder.rank,
            world_size=self._builder.world_size,
            shuffle=shuffle,
        )

    def text_bytes(self, samples: SampleSet) -> int:
        """Bytes of UTF-8 that the trained tokens of all samples stand for."""
        total = 0
        for row in range(len(samples)):
            for ids, trained in samples.sequences(row):
                text = self._tokenizer.decode(
                    ids[trained], skip_special_tokens=True, clean_up_tokenization_spaces=False
                )
                total += len(text.encode())
        return total

    def _samples(self, key: str, files: Sequence[DataFile]) -> SampleSet:
        from belle.training.samples.prepare import prepare

        def encode() -> SampleSet:
            return prepare(
                files,
                self._stage.kinds,
                self._vocabulary,
                self._template,
                max_length=self._options.max_length,
                trains_all=self._stage.trains_all,
                placeholder=self.placeholder,
                transcript_start=self.transcript_start,
                processes=self._options.processes,
                cache_dir=self._run.folder.data,
                say=self._run.say,
            )

        # The first process of each machine writes the files, the others read them.
        encoded: list[SampleSet] = []
        on_all_ranks(self._ranks, lambda: encoded.append(encode()) if self.is_first_here else None)
        samples = encoded[0] if encoded else encode()
        self._run.remember(key, samples)
        self._run.record.update(**{key: asdict(samples.counts)})
        return samples

    def _mode(self, engine: TrainingEngine, attention: str) -> Mode:
        """How rows become batches. Packing is refused where the model would let packed rows see each other."""
        from belle.training.model.packing_check import packing_refusal
        from belle.training.samples.collate import layout_of

        wanted = self._options.batching
        if wanted == "auto":
            wanted = "pack" if "flash" in attention and self._stage.packs == "auto" else "group"
        if wanted != "pack":
            return wanted
        with engine.autocast():
            refusal = packing_refusal(engine.model, layout_of("pack", attention))
        if refusal is None:
            return "pack"
        self._run.say(f"batching: group instead of pack, because {refusal}")
        return "group"
