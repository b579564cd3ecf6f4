"""The parts of a recipe that are mappings of their own: a file of data, adapters, a new model, and each stage's key."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

from belle.training.recipe.fields import FieldError

DpoLoss = Literal["sigmoid", "ipo", "hinge"]
ReferenceSource = Literal["cache", "adapter", "none"]
_RATIO = re.compile(r"\s*(\d{1,6}(?:\.\d{1,6})?)\s*:\s*(\d{1,6}(?:\.\d{1,6})?)\s*")


@dataclass(frozen=True)
class DataFile:
    """One file of training data."""

    path: Path
    """Relative to the recipe; or hub:OWNER/NAME[/FILE][@REVISION]."""

    format: str = "auto"
    """A format of `belle.data`; `auto` recognises it by its keys."""

    weight: float = 1.0
    """How often its rows come up in an epoch: 2 is twice, 0.5 every other row."""

    def __post_init__(self) -> None:
        if self.weight <= 0:
            raise FieldError("weight", "must be above 0", "Leave the file out instead.")


@dataclass(frozen=True)
class MixOptions:
    """General data beside the domain's, which is `data`, in an exact ratio."""

    general: tuple[DataFile, ...]
    """Files of general data."""

    ratio: str = "1:1"
    """domain:general, such as 1:5 or 1:0. All rows of the domain are taken, and as many of the general data as that
    makes, drawn by the seed; those of 1:1 are among those of 1:5."""

    by: Literal["rows", "tokens"] = "rows"
    """What the ratio counts."""

    repeat: bool = False
    """Take rows of the general data again where it has too few."""

    def __post_init__(self) -> None:
        if self.parts is None:
            raise FieldError("ratio", f"cannot be {self.ratio}", "Write domain:general, such as 1:5 or 1:0.")
        if not self.general and self.share:
            raise FieldError("general", "is empty", "Name files, or set mix.ratio to 1:0.")
        if any(file.weight != 1 for file in self.general):
            raise FieldError("general", "has a file with a weight, which would break the ratio", "Leave it out.")

    @property
    def parts(self) -> tuple[Fraction, Fraction] | None:
        """Of the domain and of the general data; None where `ratio` is not one."""
        match = _RATIO.fullmatch(self.ratio)
        if match is None or not Fraction(match[1]):
            return None
        return Fraction(match[1]), Fraction(match[2])

    @property
    def share(self) -> Fraction:
        """General data for each part of the domain's."""
        domain, general = self.parts or (Fraction(1), Fraction(0))
        return general / domain


@dataclass(frozen=True)
class LoraOptions:
    """Low-rank adapters (LoRA, Hu et al. 2021) instead of training every weight."""

    r: int = 16
    """Rank (BELLE: 16)."""

    alpha: float = 32.0
    """The adapter is scaled by alpha ÷ r (BELLE: 32)."""

    dropout: float = 0.05
    """Of the adapter's input."""

    targets: Literal["all-linear"] | tuple[str, ...] = "all-linear"
    """Names of the adapted layers, such as [q_proj, v_proj]; `all-linear` is every linear layer but the head."""

    modules_to_save: tuple[str, ...] = ()
    """Layers trained in full and saved with the adapter: [embed_tokens, lm_head] after the vocabulary was extended."""

    rslora: bool = False
    """Scale by alpha ÷ √r (Kalajdzievski 2023)."""

    dora: bool = False
    """Train magnitude and direction apart (DoRA, Liu et al. 2024)."""

    def __post_init__(self) -> None:
        if self.r < 1:
            raise FieldError("r", "must be at least 1")
        if not 0 <= self.dropout < 1:
            raise FieldError("dropout", "must be from 0 to below 1")
        if self.targets == ():
            raise FieldError("targets", "is empty, so nothing would be trained", "Write all-linear.")


@dataclass(frozen=True)
class InitOptions:
    """The shape of a LLaMA with random weights; names as in its config.json."""

    tokenizer: Path
    """The folder of its tokenizer, relative to the recipe."""

    hidden_size: int = 256
    """Width; quantization likes multiples of 256."""

    intermediate_size: int = 768
    """Width inside the feed-forward layers."""

    num_hidden_layers: int = 4
    """Layers, each of attention and feed-forward."""

    num_attention_heads: int = 4
    """Heads; they share `hidden_size`."""

    num_key_value_heads: int | None = None
    """Heads of keys and values; null: as many as there are heads."""

    max_position_embeddings: int = 2048
    """The longest text it is made for."""

    rope_theta: float = 10000.0
    """Base of the rotary position embedding."""

    rms_norm_eps: float = 1e-6
    """Of its norms."""

    initializer_range: float = 0.02
    """Standard deviation of the random weights."""

    tie_word_embeddings: bool = False
    """Whether the head is the embedding."""

    def __post_init__(self) -> None:
        sizes = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
        for name in (*sizes, "max_position_embeddings"):
            if getattr(self, name) < 1:
                raise FieldError(name, "must be at least 1")
        for name in ("rope_theta", "rms_norm_eps"):
            if getattr(self, name) <= 0:
                raise FieldError(name, "must be above 0")
        if not 0 < self.initializer_range <= 1:
            raise FieldError("initializer_range", "must be above 0, and at most 1")
        if self.hidden_size % (2 * self.num_attention_heads):
            raise FieldError("num_attention_heads", f"has to divide half of hidden_size, {self.hidden_size} / 2")
        shared = self.num_key_value_heads
        if shared is not None and (shared < 1 or self.num_attention_heads % shared):
            raise FieldError("num_key_value_heads", f"has to divide num_attention_heads, {self.num_attention_heads}")


@dataclass(frozen=True)
class VocabOptions:
    """The key `vocab` of a recipe."""

    size: int = 25_000
    """Pieces of the new SentencePiece model that is merged into the old one (BELLE: 25,000; its paper: 50,000)."""

    character_coverage: float = 0.9995
    """Share of the characters of the text that the new model covers; the rest stays bytes (BELLE: 0.9995)."""

    pieces: Literal["cjk", "all"] = "cjk"
    """Which of the new pieces are added: those of Chinese characters and punctuation alone, which change no id of text
    in other languages, or all."""

    sentences: int = 2_000_000
    """At most so many lines of text are given to SentencePiece."""

    checked_texts: int = 1000
    """On so many lines of text the ids of transformers, SentencePiece and llama.cpp are compared."""

    def __post_init__(self) -> None:
        if self.size < 300:
            raise FieldError("size", "must be at least 300: 256 pieces are the bytes")
        if not 0.9 <= self.character_coverage <= 1:
            raise FieldError("character_coverage", "must lie between 0.9 and 1")
        if self.sentences <= 100:
            raise FieldError("sentences", "must be above 100")
        if self.checked_texts < 1:
            raise FieldError("checked_texts", "must be above 0")


@dataclass(frozen=True)
class RewardOptions:
    """The key `reward` of a recipe: a model that scores answers."""

    margin: float = 0.0
    """By how much a chosen answer must beat the rejected one before its loss gets small (Llama 2, Touvron et al.)."""

    center: float = 0.0
    """Weight of (sum of both scores)², which keeps scores around 0 (Eisenstein et al. 2023); 0.01 is usual."""

    def __post_init__(self) -> None:
        _at_least(self, 0, "margin", "center")


@dataclass(frozen=True)
class DpoOptions:
    """The key `dpo` of a recipe: direct preference optimization (DPO, Rafailov et al. 2023)."""

    beta: float = 0.1
    """Strength of the pull towards the reference model (BELLE: 0.1)."""

    loss: DpoLoss = "sigmoid"
    """sigmoid: DPO itself; ipo: a target for the margin instead of an endless pull (Azar et al. 2023); hinge: no more
    pull behind a margin of 1 / beta (SLiC, Zhao et al. 2023)."""

    label_smoothing: float = 0.0
    """The share of pairs that are taken to be the wrong way round (cDPO, Mitchell 2023); only with sigmoid."""

    reference: ReferenceSource = "cache"
    """cache: log-probabilities of the model before training, computed once and kept on disk, so that no second model
    is in memory; adapter: computed at each step with the adapter switched off (`lora`); none: without a reference."""

    sft_weight: float = 0.0
    """Weight of the negative log-likelihood of the chosen answer, per token (RPO, Pang et al. 2024); 1 is usual."""

    def __post_init__(self) -> None:
        _above(self, 0, "beta")
        _at_least(self, 0, "sft_weight")
        if not 0 <= self.label_smoothing < 0.5:
            raise FieldError("label_smoothing", "must be from 0 to below 0.5")
        if self.label_smoothing and self.loss != "sigmoid":
            raise FieldError("label_smoothing", f"has no meaning with loss: {self.loss}", "Leave it out.")


@dataclass(frozen=True)
class PpoOptions:
    """The key `ppo` of a recipe: reinforcement learning on a reward (PPO, Schulman et al. 2017; Ouyang et al. 2022).

    One step of the run is one batch: `rollouts` answers are written and scored, then trained on in minibatches of
    `batch_size` × `accumulation` × processes, `epochs` times over.
    """

    reward_model: Path | None = None
    """What scores answers: the final folder of a reward model, or the recipe (.yaml) that makes it."""

    reward_function: str | None = None
    """Or a rule: `length:N` (answers of N characters), `contains:TEXT`, `matches:REGEX`."""

    value_model: Path | None = None
    """A separate model to estimate values, started from this folder or recipe (often the reward model); null: a head
    on the policy's own last layer."""

    rollouts: int = 32
    """Answers in a batch, of all processes together (BELLE: 32 for each)."""

    generation_batch: int = 16
    """Answers that one process writes at once."""

    epochs: int = 2
    """How often each batch is trained on (BELLE: 2)."""

    max_new_tokens: int = 128
    """Length of an answer at most (BELLE: 32 to 128); prompts that leave no room for it in `max_length` are dropped."""

    temperature: float = 1.0
    """Of the answers, and of the probabilities that are trained."""

    top_k: int = 0
    """Answers are made of the so many likeliest tokens; 0: of all (BELLE: 0)."""

    top_p: float = 1.0
    """Answers are made of the likeliest tokens that together have this probability (BELLE: 1)."""

    kl_coefficient: float = 0.2
    """Penalty for each token's distance from the reference model, at the beginning (BELLE: 0.2)."""

    kl_target: float | None = 6.0
    """The distance per answer, in nats, that the coefficient is steered to (Ziegler et al. 2019); null: fixed."""

    kl_horizon: float = 10000.0
    """Over how many answers the coefficient is steered."""

    stop_kl: float | None = 0.1
    """A batch is trained on no further when the policy moved 1.5 times so far from its beginning, per token (BELLE:
    0.1); null: always to the end."""

    gamma: float = 1.0
    """Discount of later rewards."""

    lam: float = 0.95
    """Generalized advantage estimation: 0 trusts the values, 1 the rewards (Schulman et al. 2015)."""

    clip: float = 0.2
    """How far a token's probability ratio may move the loss."""

    value_clip: float = 0.2
    """How far a value may move the loss; 0: any distance."""

    value_weight: float = 0.1
    """Of the values' loss."""

    whiten_advantages: bool = True
    """Shift and scale the advantages of a batch to mean 0 and variance 1."""

    normalize_scores: bool = False
    """Shift and scale scores by the mean and deviation of all so far."""

    score_clip: float = 0.0
    """Scores (after that) are cut off at this distance from 0; 0: never."""

    missing_eos_penalty: float = 0.0
    """Taken off the score of an answer that does not come to an end."""

    def __post_init__(self) -> None:
        if self.reward_model is not None and self.reward_function is not None:
            raise FieldError("reward_function", "and “reward_model” exclude each other", "Leave one of them out.")
        _at_least(self, 1, "rollouts", "generation_batch", "epochs", "max_new_tokens")
        _above(self, 0, "temperature", "kl_horizon", "clip")
        _at_least(self, 0, "top_k", "kl_coefficient", "value_clip", "value_weight", "score_clip", "missing_eos_penalty")
        for name in ("top_p", "gamma", "lam"):
            if not 0 <= getattr(self, name) <= 1:
                raise FieldError(name, "must be from 0 to 1")
        for name in ("kl_target", "stop_kl"):
            if getattr(self, name) is not None:
                _above(self, 0, name)


def _at_least(options: object, least: float, *names: str) -> None:
    for name in names:
        if getattr(options, name) < least:
            raise FieldError(name, f"must be at least {least}")


def _above(options: object, bound: float, *names: str) -> None:
    for name in names:
        if getattr(options, name) <= bound:
            raise FieldError(name, f"must be above {bound}")
