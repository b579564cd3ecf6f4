"""What a recipe may say: every key with its default and its meaning, and which of them exclude each other."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from belle.texts import is_whole
from belle.training.recipe.fields import FieldError
from belle.training.recipe.options import (
    DataFile,
    DpoOptions,
    InitOptions,
    LoraOptions,
    MixOptions,
    PpoOptions,
    RewardOptions,
    VocabOptions,
)
from belle.training.recipe.speech_options import SpeechOptions
from belle.training.recipe.stages import STAGES, StageName, TrainingStage
from belle.training.recipe.vision_options import VisionOptions
from belle.training.run_folder import RunFolder

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Part = TypeVar("Part", bound="DataclassInstance")
Batching = Literal["auto", "pack", "group", "pad"]
Schedule = Literal["cosine", "linear", "constant"]
PrecisionName = Literal["auto", "bf16", "fp16", "fp32"]
AttentionName = Literal["auto", "flash_attention_3", "flash_attention_2", "sdpa", "eager"]


@dataclass(frozen=True)
class Recipe:
    """What a training run does. Times are optimizer steps, lengths are tokens."""

    stage: StageName
    """What is trained, and on what kind of data."""

    output_dir: Path
    """Where the run writes: metrics.jsonl, recipe.yaml, step-N/, final/. Relative to the current directory."""

    seed: int = 1234
    """Of everything random: new weights, the order of the data, dropout (BELLE: 1234)."""

    model: str | None = None
    """A folder, hub:OWNER/NAME[@REVISION] for a model on a hub, its bare name for one in transformers' own cache, or
    another recipe (.yaml), whose final model is taken."""

    init: InitOptions | None = None
    """Instead of `model`: a LLaMA of this shape with random weights (for `stage: speech` a Whisper)."""

    tokenizer: Path | None = None
    """A folder with the tokenizer, where the model comes without one."""

    template: str = "auto"
    """The prompt template: `model` for the model's own chat template, or an id of `belle.prompts`; `auto`: the model's
    own where its tokenizer has one, else belle."""

    add_tokens: bool = False
    """Add the control tokens that the template needs and the vocabulary lacks, with rows of their own that are trained;
    with `lora` embedding and head are then trained in full."""

    data: tuple[DataFile, ...] = ()
    """What is trained on: files, or mappings with path, format and weight."""

    mix: MixOptions | None = None
    """General data that is trained on beside `data`, in an exact ratio."""

    eval_data: tuple[DataFile, ...] = ()
    """What the loss is measured on without training."""

    eval_every: int = 0
    """Steps between two measurements on `eval_data`; 0: at the end only."""

    max_length: int = 1024
    """Longer samples are cut, conversations between turns; with packing also the length of a block (BELLE: 1024)."""

    batching: Batching = "auto"
    """pack: whole samples side by side in blocks that do not see each other; group: samples of like length together;
    pad: any together; auto: pack where attention can skip what is between samples (flash attention), else group."""

    batch_size: int = 8
    """Samples (packed: blocks) that one process takes at once."""

    accumulation: int = 1
    """Micro-batches per process whose gradients are added up for one step."""

    epochs: float = 1.0
    """How often everything is seen; without effect when `max_steps` is set."""

    max_steps: int = 0
    """Stop after so many steps; 0: as `epochs` says."""

    learning_rate: float = 1e-5
    """At its highest."""

    schedule: Schedule = "cosine"
    """How the learning rate falls to `min_learning_rate` after the warm-up."""

    min_learning_rate: float = 0.0
    """What the schedule ends at."""

    warmup: float = 0.03
    """Rising from 0 at the beginning: below 1 the share of all steps, from 1 on a number of steps."""

    weight_decay: float = 0.0
    """Of matrices; biases and norms are never decayed."""

    betas: tuple[float, float] = (0.9, 0.95)
    """Of AdamW."""

    eps: float = 1e-8
    """Of AdamW."""

    max_grad_norm: float = 1.0
    """Gradients are scaled down to this norm; 0: never."""

    precision: PrecisionName = "auto"
    """What is computed in. Trained weights are always kept in fp32."""

    final_precision: PrecisionName = "auto"
    """What the final model is written in; auto: as the model it came from, fp32 for a new one."""

    attention: AttentionName = "auto"
    """The attention kernel."""

    gradient_checkpointing: bool = False
    """Compute activations again in the backward pass: much less memory, about a third more time."""

    liger: bool = False
    """Use the Liger kernels (GPU; package liger-kernel)."""

    neftune_alpha: float = 0.0
    """Noise on the embeddings while training (NEFTune, Jain et al. 2023); 5 to 15 is usual, 0 is none."""

    lora: LoraOptions | None = None
    """Train adapters; null: train the model itself."""

    quantization: Literal["nf4", "int8"] | None = None
    """Keep the frozen weights in 4 or 8 bits (QLoRA, Dettmers et al. 2023); needs `lora`."""

    freeze: Literal["new_rows"] | None = None
    """new_rows: train only the rows of the embeddings that the vocabulary extension added."""

    deepspeed: Path | None = None
    """A DeepSpeed configuration (JSON), relative to the recipe."""

    save_every: int = 0
    """Steps between two checkpoints; 0: only at the end and when interrupted."""

    keep_last: int = 3
    """Checkpoints that are kept; 0: all (BELLE: 3)."""

    log_every: int = 1
    """Steps between two lines of metrics.jsonl."""

    tracking: tuple[str, ...] = ("tensorboard",)
    """Where metrics go besides metrics.jsonl: tensorboard, wandb, mlflow, swanlab."""

    sample_prompts: tuple[str, ...] = ()
    """Questions that the model answers while it is trained, into samples.jsonl."""

    sample_every: int = 0
    """Steps between two rounds of answers; 0: at the end only."""

    sample_tokens: int = 64
    """Length of such an answer at most."""

    processes: int = 2
    """Processes that encode the data before the training."""

    timeout_minutes: float = 30.0
    """How long processes wait for each other before they give up."""

    vocab: VocabOptions | None = None
    """For `stage: vocab`."""

    reward: RewardOptions | None = None
    """For `stage: reward`."""

    dpo: DpoOptions | None = None
    """For `stage: dpo`."""

    ppo: PpoOptions | None = None
    """For `stage: ppo`."""

    vision: VisionOptions | None = None
    """For `stage: vl_align` and `vl_instruct`."""

    speech: SpeechOptions | None = None
    """For `stage: speech`."""

    source: Path = field(default=Path("recipe.yaml"), metadata={"key": False}, compare=False)
    """The file that it was read from."""

    resume: bool = field(default=False, metadata={"key": False}, compare=False)
    """Go on from the newest checkpoint in `output_dir` (`--resume`)."""

    @property
    def run_folder(self) -> RunFolder:
        """What lies in `output_dir`."""
        return RunFolder(self.output_dir)

    @property
    def traits(self) -> TrainingStage:
        """What is peculiar to its stage: the row of `stages.STAGES`."""
        return STAGES[self.stage]

    def part(self, options: type[Part]) -> Part:
        """What one room needs of the recipe: an instance of its dataclass, whose fields are keys of the recipe."""
        return options(**{field.name: getattr(self, field.name) for field in fields(options)})

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            if getattr(self, name) < least:
                raise FieldError(name, f"must be at least {least}")
        for name in ("learning_rate", "eps", "timeout_minutes"):
            if getattr(self, name) <= 0:
                raise FieldError(name, "must be above 0")
        if self.min_learning_rate > self.learning_rate:
            raise FieldError("min_learning_rate", f"must not be above learning_rate, {self.learning_rate:g}")
        if self.epochs > _MOST_EPOCHS:
            raise FieldError("epochs", f"must be at most {_MOST_EPOCHS:,}", "For a run without an end set max_steps.")
        if self.seed >= 1 << 63:
            raise FieldError("seed", "must be below 2 to the power of 63")
        for beta in self.betas:
            if not 0 <= beta < 1:
                raise FieldError("betas", "must be two numbers from 0 to below 1")
        if self.epochs <= 0 and not self.max_steps:
            raise FieldError("epochs", "must be above 0 unless max_steps is set")
        self._check_prompts()
        self._check_combinations()

    def _check_prompts(self) -> None:
        for number, prompt in enumerate(self.sample_prompts):
            if not prompt.strip():
                raise FieldError(f"sample_prompts[{number}]", "is empty", "Write a question, or take it out.")
            if not is_whole(prompt):
                raise FieldError(f"sample_prompts[{number}]", "holds half a character (a lone surrogate)")

    def _check_combinations(self) -> None:
        if self.model == "" or (self.model is None and self.init is None):
            raise FieldError("model", "is missing", "Name a model to start from, or make one with “init”.")
        if self.model is not None and self.init is not None:
            raise FieldError("model", "and “init” exclude each other", "A model is either loaded or made.")
        if self.init is not None and self.lora is not None:
            raise FieldError("lora", "needs a trained model", "A random model has to be trained in full.")
        if self.quantization is not None and self.lora is None:
            raise FieldError("quantization", "needs “lora”: quantized weights cannot be trained themselves")
        if self.quantization is not None and self.deepspeed is not None:
            raise FieldError("quantization", "and “deepspeed” exclude each other", "Leave one of them out.")
        if self.freeze is not None and self.lora is not None:
            raise FieldError("freeze", "and “lora” exclude each other", "Use lora.modules_to_save instead.")
        if self.mix is not None and (self.traits.makes_tokenizer or self.traits.writes_answers):
            raise FieldError("mix", f"has no meaning for stage: {self.stage}", "Leave it out.")
        if self.mix is not None and any(file.weight != 1 for file in self.data):
            raise FieldError("data", "has a file with a weight, which would break the ratio of “mix”", "Leave it out.")
        if self.eval_every and not self.eval_data:
            raise FieldError("eval_every", "needs “eval_data”")
        self._check_preferences()
        self._check_vision()
        self._check_speech()

    def _check_vision(self) -> None:
        if not self.traits.sees_pictures:
            return
        if self.lora is not None and self.traits.trains_projector_alone:
            raise FieldError("lora", f"has no meaning for stage: {self.stage}", "Leave it out.")
        if self.quantization is not None:
            raise FieldError("quantization", f"has no meaning for stage: {self.stage}", "Leave it out.")
        if self.freeze is not None:
            raise FieldError("freeze", f"has no meaning for stage: {self.stage}", "Leave it out.")
        if self.init is not None and self.vision is None:
            raise FieldError("vision", "is missing", "Name the tower that the new model sees with.")
        if self.traits.trains_projector_alone and self.vision is not None and self.vision.train_tower:
            raise FieldError("vision.train_tower", f"has no meaning for stage: {self.stage}", "Leave it out.")

    def _check_speech(self) -> None:
        if not self.traits.hears:
            return
        for name in ("freeze", "mix", "add_tokens"):
            if getattr(self, name):
                raise FieldError(name, f"has no meaning for stage: {self.stage}", "Leave it out.")
        if self.sample_prompts:
            raise FieldError("sample_prompts", "has no meaning for a model that writes down speech", "Leave it out.")
        if self.init is not None and self.init.intermediate_size != 4 * self.init.hidden_size:
            raise FieldError("init.intermediate_size", "of a Whisper is 4 · hidden_size", "whisper.cpp knows no other.")

    def _check_preferences(self) -> None:
        if self.batching == "pack" and self.traits.packs == "never":
            raise FieldError("batching", f"cannot be pack with stage: {self.stage}", "Leave it at auto.")
        if self.traits.scores and self.sample_prompts:
            raise FieldError("sample_prompts", "has no meaning for a reward model, which writes no answers")
        if self.dpo is not None and self.dpo.reference == "adapter" and self.lora is None:
            raise FieldError("dpo.reference", "cannot be adapter without “lora”", "Leave it at cache.")
        rewarded = self.ppo is not None and (self.ppo.reward_model or self.ppo.reward_function)
        if self.traits.writes_answers and not rewarded:
            raise FieldError("ppo.reward_model", "is missing", "Name a reward model, or a reward_function.")
        if self.ppo is not None and self.max_length - self.ppo.max_new_tokens < 1:
            raise FieldError("ppo.max_new_tokens", "leaves no room for a prompt in max_length")
        if self.traits.writes_answers and self.eval_data:
            raise FieldError("eval_data", f"has no meaning for stage: {self.stage}; it measures each batch it writes")


_MOST_EPOCHS = 10_000
"""Each of them is planned before the first step, because the learning rate depends on how many steps there are."""

_LEAST = {
    "eval_every": 0, "max_length": 8, "batch_size": 1, "accumulation": 1, "max_steps": 0, "min_learning_rate": 0,
    "warmup": 0, "weight_decay": 0, "max_grad_norm": 0, "neftune_alpha": 0, "save_every": 0, "keep_last": 0,
    "log_every": 1, "sample_every": 0, "sample_tokens": 1, "processes": 1, "seed": 0,
}  # fmt: skip
