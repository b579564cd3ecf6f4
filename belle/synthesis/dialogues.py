"""Conversations of several turns that a model writes as a whole (as BELLE's generated_chat): one request, one row.

What they are about comes from labels (a scene, who speaks), from a seed task with which the user begins, or from a
passage that all answers have to keep to, one conversation for each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from belle.prompts import Message
from belle.synthesis import passage_prompts as words
from belle.synthesis.asks import Ask, StepReply
from belle.synthesis.draft import KindName, RowDraft
from belle.synthesis.labels import LabelCounts
from belle.synthesis.maker import MakerOptions, ProposalReading, labels_of, provenance
from belle.synthesis.passages import PassageQueue, TextPassage
from belle.synthesis.quality import support
from belle.synthesis.reply_json import objects_in, text_field
from belle.synthesis.seeds import Task

_FEWEST_TURNS = 2


class DialogueMaker:
    """Makes conversations. Attributes: see `RowMaker`.

    Args:
        seeds: one is drawn for each conversation without a passage.
        passages: one conversation is about each; none for conversations without end.
        labels, options: as of `InstructionMaker`.
        most_turns: questions in a conversation; how many is drawn, from two on.
    """

    kind: KindName = "dialogues"
    expected = 1

    def __init__(
        self,
        seeds: Sequence[Task],
        passages: Sequence[TextPassage],
        labels: LabelCounts,
        options: MakerOptions,
        *,
        most_turns: int = 4,
    ) -> None:
        self.total: int | None = len(passages) or None
        self._seeds = seeds
        self._passages = PassageQueue(passages)
        self._labels = labels
        self._options = options
        self._most_turns = max(most_turns, _FEWEST_TURNS)

    def ask(self, number: int) -> Ask | None:
        """As `RowMaker.ask`."""
        turn = self._passages.turn(number)
        if turn is None and len(self._passages):
            return None
        passage, part = turn or (None, f"{self._options.shard.number(number):07d}")
        name = f"dialogue-{part}"
        chance = self._options.chance(name)
        labels = self._labels.draw(chance)
        turns = chance.randint(_FEWEST_TURNS, self._most_turns)
        seed = None if passage or not self._seeds else chance.choice(self._seeds)
        messages = words.ask_dialogue(
            turns,
            self._labels.describe(labels),
            self._options.language,
            passage=passage.text if passage else "",
            example=seed.instruction if seed else "",
        )
        context: dict[str, Any] = {"labels": labels, "turns": turns, "seed": self._options.seed}
        context |= {"passage": passage.id} if passage else {"examples": [seed.id]} if seed else {}
        return Ask(name, "propose", messages, self._options.proposals, words.turns_schema(turns), context)

    def read(self, reply: StepReply) -> ProposalReading:
        """As `RowMaker.read`; the whole turns of a reply that is cut are taken."""
        context = reply.context
        parsed = objects_in(reply.text, words.TURNS)
        turns = dialogue_turns(parsed.objects)
        passage = self._passages.find(context.get("passage"))
        if len(turns) < 2 * _FEWEST_TURNS:
            if passage is not None:
                self._passages.unread(passage, reply.id)
            return ProposalReading(left_out=("incomplete" if parsed.objects else "not-json",))
        background: dict[str, Any] = {"passage": passage.id, "source": passage.source} if passage else {}
        answers = "\n".join(message.content for message in turns if message.role == "assistant")
        draft = RowDraft(
            f"{reply.id}-1",
            self.kind,
            tuple(turns),
            whole=parsed.whole,
            labels=labels_of(context),
            provenance=provenance(reply, examples=context.get("examples", []), **background),
            asked=tuple({"role": message.role, "content": message.content} for message in turns[:-1]),
            passage=passage.text if passage else "",
            columns={"supported": round(support(answers, passage.text), 3)} if passage else {},
        )
        return ProposalReading((draft,))

    def accepted(self, draft: RowDraft) -> None:
        """As `RowMaker.accepted`."""
        self._labels.count(draft.labels)


def dialogue_turns(objects: Sequence[Mapping[str, Any]]) -> list[Message]:
    """Questions and answers in turn, up to the first turn of which a half is missing."""
    turns: list[Message] = []
    for entry in objects:
        question, answer = text_field(entry, "user"), text_field(entry, "assistant")
        if not question or not answer:
            break
        turns += [Message("user", question), Message("assistant", answer)]
    return turns
