"""The way of a row: proposed, looked at, answered, answered again, judged, written; or left out, with the reason.

Everything here follows from the replies and their order alone: a run that goes on hands the pipeline the replies of its
journal, and has the state that it had.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from belle.clients.chat.requests import Decoding
from belle.data.contamination import EvaluationSet
from belle.data.tag import category_of
from belle.prompts import Message
from belle.synthesis import prompts
from belle.synthesis.asks import Ask, Step, StepReply
from belle.synthesis.draft import RowDraft
from belle.synthesis.filters import QuestionLimits, answer_reason, is_in, question_reason
from belle.synthesis.maker import MakerOptions, RowMaker
from belle.synthesis.novelty import SeenQuestions
from belle.synthesis.quality import agreement, judge_prompt, judgement
from belle.synthesis.reply_json import objects_in, text_field

_TEMPERATURE_AGAIN = 0.7
_KNOWN_AFTER = 5
"""Proposals after which the rows that one gives are known well enough."""

_LEAST_EXPECTED = 0.25
"""Rows of a proposal: or else a few poor replies would have hundreds of requests made at once."""

_OTHER_LANGUAGE = frozenset({"translation", "code", "extract", "classification"})
"""Kinds of tasks whose answers may be in another language than their instruction."""


@dataclass(frozen=True, slots=True)
class PipelineOptions:
    """What becomes a row.

    Attributes:
        n: rows to write; None for all that there are.
        agree: further answers to compare each answer with.
        judges: whether a judge scores each row.
        limits: of the length of a question.
        least_support: see `quality.support`; rows about passages below it are left out.
    """

    n: int | None = None
    agree: int = 0
    judges: bool = False
    limits: QuestionLimits = field(default_factory=QuestionLimits)
    least_support: float = 0.3


@dataclass(slots=True)
class RunCounts:
    """What happened so far, in this run and in those that it goes on with.

    Attributes:
        requests: replies by step.
        failed: requests without a reply.
        unproposed: proposals among them, which a later run asks for again.
        unread: proposals in which there was nothing to read.
        whole: proposals that were read to their end.
        candidates: rows that were proposed.
        accepted: rows that were written.
        surplus: further rows, which a run with a larger n takes.
        left_out: reasons, keys of `filters.REASONS`.
        unjudged: rows of which the judge's score could not be read.
        cost: in the currency of the endpoints' prices.
    """

    requests: Counter[Step] = field(default_factory=Counter)
    failed: int = 0
    unproposed: int = 0
    unread: int = 0
    whole: int = 0
    candidates: int = 0
    accepted: int = 0
    surplus: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    unjudged: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0

    @property
    def tokens(self) -> int:
        """Read and written."""
        return self.prompt_tokens + self.completion_tokens

    def as_dict(self) -> dict[str, Any]:
        """JSON values."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return fields | {"requests": dict(self.requests), "left_out": dict(self.left_out), "tokens": self.tokens}


class RowPipeline:
    """Takes replies and makes rows of them.

    Args:
        maker: of the rows.
        options: what becomes a row.
        asking: how answers are asked for.
        seen: the seeds, to which all that is proposed is added.
        evaluation: questions that no row may hold; None where any may.
        write: called with each row that is accepted, a JSON object with a unique `id`.

    Attributes:
        counts: see there.
        barren: replies in a row, up to now, that brought no question with its answer.
    """

    def __init__(
        self,
        maker: RowMaker,
        options: PipelineOptions,
        asking: MakerOptions,
        *,
        seen: SeenQuestions,
        evaluation: EvaluationSet | None,
        write: Callable[[dict[str, Any]], None],
    ) -> None:
        self.counts = RunCounts()
        self.barren = 0
        self._maker = maker
        self._options = options
        self._asking = asking
        self._seen = seen
        self._evaluation = evaluation
        self._write = write
        self._waiting: dict[str, RowDraft] = {}
        self._open: dict[str, Ask] = {}
        self._to_judge: dict[str, Ask] = {}
        self._proposed: set[str] = set()
        self._under_way: set[str] = set()
        self._next = 0

    @property
    def wanted(self) -> int | None:
        """Rows in all, also roughly; None where nobody knows."""
        return self._options.n if self._options.n is not None else self._maker.total

    @property
    def has_enough(self) -> bool:
        """Whether all rows that were asked for are written."""
        return self._options.n is not None and self.counts.accepted >= self._options.n

    def next_ask(self) -> Ask | None:
        """What to ask the model next; None where nothing is open before more replies are in."""
        if self.has_enough:
            return None
        if self._open:
            return self._open.pop(next(iter(self._open)))
        while self._wants_more():
            ask = self._maker.ask(self._next)
            if ask is None:
                return None
            self._next += 1
            if ask.id not in self._proposed:
                self._under_way.add(ask.id)
                return ask
        return None

    def next_judgement(self) -> Ask | None:
        """What to ask the judge next; None where nothing is open."""
        return self._to_judge.pop(next(iter(self._to_judge))) if self._to_judge and not self.has_enough else None

    def _wants_more(self) -> bool:
        if self._options.n is None:
            return True
        counts = self.counts
        proposals = counts.requests["propose"]
        known = (counts.accepted + counts.surplus + len(self._waiting)) / max(proposals, 1)
        each = max(known, _LEAST_EXPECTED) if proposals >= _KNOWN_AFTER else self._maker.expected
        return counts.accepted + len(self._waiting) + len(self._under_way) * each < self._options.n

    def take(self, reply: StepReply) -> None:
        """Take a reply, or the news that there is none."""
        self._count(reply)
        if reply.step == "propose":
            self._take_proposal(reply)
            return
        self._open.pop(reply.id, None)
        self._to_judge.pop(reply.id, None)
        draft = self._waiting.get(str(reply.context.get("draft")))
        if draft is None:
            return
        match reply.step:
            case "answer":
                self._take_answer(draft, reply)
            case "again":
                draft.answers.append(None if reply.failed else reply.text)
                if len(draft.answers) == self._options.agree:
                    mean = agreement(draft)
                    draft.columns["agreement"] = None if mean is None else round(mean, 3)
                    self._advance(draft)
            case "judge":
                score = None if reply.failed else judgement(draft, reply.text).score
                draft.columns["judge"] = None if score is None else round(score, 3)
                self._advance(draft)

    def _count(self, reply: StepReply) -> None:
        counts = self.counts
        if reply.failed:
            counts.failed += 1
        else:
            counts.requests[reply.step] += 1
        counts.prompt_tokens += reply.prompt_tokens
        counts.completion_tokens += reply.completion_tokens
        counts.cost += reply.cost

    def _take_proposal(self, reply: StepReply) -> None:
        self._under_way.discard(reply.id)
        before = len(self._waiting) + self.counts.accepted + self.counts.surplus
        if reply.failed:
            self.counts.unproposed += 1
        else:
            self._proposed.add(reply.id)
            reading = self._maker.read(reply)
            self.counts.left_out.update(reading.left_out)
            self.counts.candidates += len(reading.drafts) + len(reading.left_out)
            self.counts.unread += not reading.drafts
            self.counts.whole += bool(reading.drafts) and reading.drafts[0].whole
            for draft in reading.drafts:
                if reason := self._proposal_reason(draft):
                    self.counts.left_out[reason] += 1
                else:
                    self._waiting[draft.id] = draft
                    self._advance(draft)
        if len(self._waiting) + self.counts.accepted + self.counts.surplus == before:
            self.barren += 1

    def _proposal_reason(self, draft: RowDraft) -> str:
        """Why a draft is left out before anything more is asked for it, "" where it is not."""
        language, limits = self._asking.language, self._options.limits
        first = draft.instruction or draft.messages[0].content
        texts = [first, *(message.content for message in draft.messages[2:] if message.role == "user")]
        for number, text in enumerate(texts):
            # A later turn may be as short as “And why?”.
            allowed = limits if number == 0 else replace(limits, shortest=1)
            if reason := question_reason(text, allowed, language):
                return reason
        if draft.is_answered and (reason := self._answer_reason(draft, cut=False)):
            return reason
        supported = draft.columns.get("supported")
        if supported is not None and supported < self._options.least_support:
            return "unsupported"
        if self._is_contaminated(draft):
            return "contaminated"
        return "" if self._seen.add(draft.question) else "duplicate"

    def _take_answer(self, draft: RowDraft, reply: StepReply) -> None:
        reason = "no-reply" if reply.failed else self._set_answer(draft, reply)
        if not reason and self._is_contaminated(draft):
            reason = "contaminated"
        if reason:
            del self._waiting[draft.id]
            self.counts.left_out[reason] += 1
            self.barren += 1
        else:
            self._advance(draft)

    def _set_answer(self, draft: RowDraft, reply: StepReply) -> str:
        """Give a draft its answer. Returns why it is left out, "" where it is not."""
        text = reply.text.strip()
        if draft.lacks_input:
            entry = next(iter(objects_in(text, "").objects), {})
            draft.input, text = text_field(entry, "input"), text_field(entry, "output")
            if not draft.input or not text:
                return "incomplete"
            draft.messages = (Message("user", f"{draft.instruction}\n{draft.input}"),)
            draft.whole &= not reply.is_cut
        draft.set_answer(text)
        return self._answer_reason(draft, cut=reply.is_cut)

    def _answer_reason(self, draft: RowDraft, *, cut: bool) -> str:
        if reason := answer_reason(draft.row, (draft.instruction, draft.input), cut=cut):
            return reason
        free = draft.input or category_of(draft.question) in _OTHER_LANGUAGE
        return "" if free or is_in(draft.answer, self._asking.language) else "language"

    def _is_contaminated(self, draft: RowDraft) -> bool:
        return self._evaluation is not None and self._evaluation.find(draft.row) is not None

    def _advance(self, draft: RowDraft) -> None:
        """Ask what is still missing, or accept the row."""
        if not draft.is_answered:
            self._open_ask(self._ask_answer(draft))
            return
        self.barren = 0  # it becomes a row, whatever is said about it
        if self._options.agree and "agreement" not in draft.columns:
            for number in range(self._options.agree):
                self._open_ask(self._ask_again(draft, number))
        elif self._options.judges and "judge" not in draft.columns:
            prompt = judge_prompt(draft)
            decoding = replace(self._asking.answers, temperature=0.0, top_p=None)
            ask = self._ask(draft, "judge", prompt.messages, decoding, prompt.schema)
            self._to_judge[ask.id] = ask
        else:
            self._accept(draft)

    def _accept(self, draft: RowDraft) -> None:
        del self._waiting[draft.id]
        if self.has_enough:
            self.counts.surplus += 1
            return
        self.counts.accepted += 1
        self.counts.unjudged += self._options.judges and draft.columns["judge"] is None
        self._maker.accepted(draft)
        draft.columns["category"] = category_of(draft.instruction or draft.question)
        self._write(draft.record())

    def _open_ask(self, ask: Ask) -> None:
        self._open[ask.id] = ask

    def _ask_answer(self, draft: RowDraft) -> Ask:
        if draft.lacks_input:
            messages = prompts.instance(draft.instruction, self._asking.language)
            return self._ask(draft, "answer", messages, self._asking.answers, prompts.INSTANCE_SCHEMA)
        return self._ask(draft, "answer", prompts.user_message(draft.question), self._asking.answers)

    def _ask_again(self, draft: RowDraft, number: int) -> Ask:
        decoding = replace(self._asking.answers, temperature=_TEMPERATURE_AGAIN)
        return self._ask(draft, "again", draft.asked or prompts.user_message(draft.question), decoding, number=number)

    def _ask(
        self,
        draft: RowDraft,
        step: Step,
        messages: prompts.Messages,
        decoding: Decoding,
        schema: prompts.Schema | None = None,
        *,
        number: int = 0,
    ) -> Ask:
        identity = f"{draft.id}/{step}" + (f"-{number + 1}" if step == "again" else "")
        return Ask(identity, step, messages, decoding, schema, {"draft": draft.id})
