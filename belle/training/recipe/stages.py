"""The stages of training: one row for each, with everything that other modules ask about a stage.

A new stage is a row here, its name in `StageName`, and one readable file with `run(recipe)`, which `module` names. Its
rows of data are of a kind that `belle.data.rows` knows, which also says in words which stages a kind is for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from belle.data.rows import Kind

StageName = Literal["sft", "pretrain", "mip", "vocab", "reward", "dpo", "ppo", "vl_align", "vl_instruct", "speech"]


@dataclass(frozen=True)
class TrainingStage:
    """What is peculiar to a stage.

    Args:
        module: whose `run(recipe)` trains and writes `final/`.
        kinds: of its rows of data.
        sequences: in a row: 2 for a pair of answers.
        next_token: it learns to predict the next token, so its loss is −log p of a token and has a perplexity.
        trains_all: of a conversation, too, every token is trained, and not the answers alone.
        packs: whether samples may lie side by side in a block: `auto` where the attention can skip what is between
            them, `asked` only where the recipe says so, `never`.
        chats: its final model answers in the recipe's prompt template.
        scores: its final model gives a text one number and writes nothing.
        has_reference: the model before training reads every answer once more.
        makes_tokenizer: it makes a tokenizer, so the shape of its model is not known before it ran, and its `run` is
            handed a way to ask llama.cpp how it reads that.
        writes_answers: it trains on answers that the model itself writes, with the options of `ppo`.
        sees_pictures: its model is a LLaVA, made of a language model and a vision tower as `vision` says.
        trains_projector_alone: of such a model, what joins its two halves.
        hears: its model is a Whisper, and its rows name recordings.
    """

    module: str
    kinds: tuple[Kind, ...]
    sequences: int = 1
    next_token: bool = False
    trains_all: bool = False
    packs: Literal["auto", "asked", "never"] = "never"
    chats: bool = False
    scores: bool = False
    has_reference: bool = False
    makes_tokenizer: bool = False
    writes_answers: bool = False
    sees_pictures: bool = False
    trains_projector_alone: bool = False
    hears: bool = False

    @property
    def renders_chats(self) -> bool:
        """Whether its rows hold messages, which a prompt template renders."""
        return self.kinds not in (("text",), ("speech",))


_PREDICTION = "belle.training.stages.next_token"
_PICTURES = "belle.training.stages.pictures"

STAGES: Mapping[StageName, TrainingStage] = {
    "sft": TrainingStage(_PREDICTION, ("conversation",), next_token=True, packs="auto", chats=True),
    "pretrain": TrainingStage(_PREDICTION, ("text",), next_token=True, packs="auto"),
    "mip": TrainingStage(
        _PREDICTION, ("text", "conversation"), next_token=True, trains_all=True, packs="auto", chats=True
    ),
    "vocab": TrainingStage(
        "belle.training.stages.vocab", ("text",), next_token=True, packs="asked", makes_tokenizer=True
    ),
    "reward": TrainingStage("belle.training.stages.reward", ("preference",), sequences=2, scores=True),
    "dpo": TrainingStage("belle.training.stages.dpo", ("preference",), sequences=2, chats=True, has_reference=True),
    "ppo": TrainingStage("belle.training.ppo.stage", ("conversation",), chats=True, writes_answers=True),
    "vl_align": TrainingStage(
        _PICTURES, ("picture",), next_token=True, chats=True, sees_pictures=True, trains_projector_alone=True
    ),
    "vl_instruct": TrainingStage(_PICTURES, ("picture",), next_token=True, chats=True, sees_pictures=True),
    "speech": TrainingStage("belle.training.stages.speech", ("speech",), next_token=True, hears=True),
}
"""In the order in which a model goes through them."""
