"""Every format of training data: how its records become rows.

A format is told by its keys. The functions here know nothing of files; what they refuse becomes an error with the
file and the line in `read`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, cast

from belle.data.fields import Fields, keys_of, messages_of, shown, text_of
from belle.data.problems import RowError
from belle.data.rows import Conversation, Kind, Preference, PretrainText, Row
from belle.data.templated import is_templated, parse_prompt, parse_templated
from belle.prompts import Message


@dataclass(frozen=True)
class Format:
    """How one kind of record is told and read.

    Args:
        name: for `--format` and recipes.
        kind: what its rows are.
        title: what it is, in a few words.
        keys: the keys that a record must have; a tuple stands for any one of them.
        parse: the rows in a record that has them; may raise RowError.
        tells: whether a record that has the keys is of this format.
    """

    name: str
    kind: Kind
    title: str
    keys: tuple[str | tuple[str, ...], ...]
    parse: Callable[[Fields], Sequence[Row]]
    tells: Callable[[Fields], bool] = lambda _: True

    def fits(self, record: Any) -> bool:
        """Whether a record looks like this format."""
        return isinstance(record, Mapping) and not self.missing(record) and self.tells(record)

    def missing(self, record: Fields) -> list[str]:
        """The keys that the record lacks."""
        groups = [(key,) if isinstance(key, str) else key for key in self.keys]
        return [group[0] for group in groups if not any(record.get(key) is not None for key in group)]

    def rows(self, record: Any) -> Sequence[Row]:
        """The rows in a record. Raises RowError."""
        if not isinstance(record, Mapping):
            raise RowError(f"it is {shown(record)}, not an object with keys")
        missing = self.missing(record)
        if missing:
            close = get_close_matches(missing[0], [k for k in record if record[k] is not None], n=1)
            hint = f"Did you write “{close[0]}” for “{missing[0]}”?" if close else f"Its keys are: {keys_of(record)}."
            raise RowError(f"“{missing[0]}” is missing", hint, key=missing[0])
        return self.parse(record)


def _conversation(record: Fields, messages: Sequence[Message]) -> Conversation:
    return Conversation(tuple(messages), *_labels(record))


def _labels(record: Fields) -> tuple[str, str]:
    name = record.get("id")
    category = record.get("category") or record.get("class") or ""
    return "" if name is None else str(name), text_of({"category": category}, "category")


def _system(record: Fields) -> list[Message]:
    text = text_of(record, "system", default="")
    return [Message("system", text)] if text else []


def _from_turns(record: Fields) -> Sequence[Row]:
    key = "conversations" if record.get("conversations") is not None else "messages"
    return [_conversation(record, [*_system(record), *messages_of(record[key], key)])]


def _question(record: Fields) -> str:
    """Instruction and input, one below the other.

    BELLE's convert_to_conv_data.py puts nothing between them; its data seldom has an input, and where it has one the
    two would become one word.
    """
    instruction, extra = text_of(record, "instruction"), text_of(record, "input", default="")
    return f"{instruction}\n{extra}" if instruction and extra else instruction or extra


def _history(record: Fields) -> list[Message]:
    history = record.get("history")
    messages = []
    for number, pair in enumerate(history if isinstance(history, list) else [], start=1):
        if not isinstance(pair, list | tuple) or len(pair) != 2 or not all(isinstance(text, str) for text in pair):
            raise RowError(f"pair {number} of “history” is {shown(pair)}, not [question, answer]", key="history")
        messages += [Message("user", pair[0]), Message("assistant", pair[1])]
    if history is not None and not isinstance(history, list):
        raise RowError(f"“history” is {shown(history)}, not a list", key="history")
    return messages


def _answer(record: Fields) -> str:
    # BELLE's first release called it `target`.
    return text_of(record, "output" if record.get("output") is not None else "target")


def _from_instruction(record: Fields) -> Sequence[Row]:
    turns = [Message("user", _question(record)), Message("assistant", _answer(record))]
    return [_conversation(record, [*_system(record), *_history(record), *turns])]


def _from_input_target(record: Fields) -> Sequence[Row]:
    turns = [Message("user", text_of(record, "input")), Message("assistant", _answer(record))]
    return [_conversation(record, turns)]


def _from_multiturn(record: Fields) -> Sequence[Row]:
    question = _question(record)
    try:
        history = parse_prompt(question)
    except RowError as error:
        raise RowError(f"“instruction”: {error.message}", error.advice, key="instruction") from None
    return [_conversation(record, [*history, Message("assistant", _answer(record).strip())])]


def _from_question(record: Fields) -> Sequence[Row]:
    key = "std_answer" if record.get("std_answer") is not None else "answer"
    turns = [Message("user", text_of(record, "question"))]
    if answer := text_of(record, key, default=""):
        turns.append(Message("assistant", answer))
    return [_conversation(record, turns)]


def _from_seed(record: Fields) -> Sequence[Row]:
    if not isinstance(record["instances"], list):
        raise RowError(f"“instances” is {shown(record['instances'])}, not a list", key="instances")
    rows: list[Row] = []
    for instance in record["instances"]:
        if not isinstance(instance, Mapping):
            raise RowError(f"an instance is {shown(instance)}, not an object with keys", key="instances")
        rows += _from_instruction({**record, "input": instance.get("input"), "output": instance.get("output")})
    return rows


def _from_prompt(record: Fields) -> Sequence[Row]:
    key = "prompt" if record.get("prompt") is not None else "text"
    value = record[key]
    messages = parse_prompt(text_of(record, key)) if isinstance(value, str) else messages_of(value, key)
    return [_conversation(record, messages)]


def _from_text(record: Fields) -> Sequence[Row]:
    return [PretrainText(text_of(record, "text"), *_labels(record))]


def _rejected_key(record: Fields) -> str:
    # BELLE's README says `reject`, its code `rejected`.
    return "rejected" if record.get("rejected") is not None else "reject"


def _reply(record: Fields, key: str) -> str:
    value = record[key]
    if isinstance(value, str):
        return text_of(record, key)
    last = messages_of(value, key)[-1]
    if last.role != "assistant":
        raise RowError(f"“{key}” does not end with an answer", key=key)
    return last.content


def _preference(record: Fields, prompt: Sequence[Message], chosen: str, rejected: str) -> Sequence[Row]:
    if not prompt or prompt[-1].role != "user":
        raise RowError("the prompt does not end with a question")
    return [Preference(tuple(prompt), chosen, rejected, *_labels(record))]


def _from_dpo(record: Fields) -> Sequence[Row]:
    prompt = record["prompt"]
    messages = parse_prompt(text_of(record, "prompt")) if isinstance(prompt, str) else messages_of(prompt, "prompt")
    return _preference(
        record, [*_system(record), *messages], _reply(record, "chosen"), _reply(record, _rejected_key(record))
    )


def _from_preference_turns(record: Fields) -> Sequence[Row]:
    messages = cast(Conversation, _from_turns(record)[0]).messages
    return _preference(record, messages, _reply(record, "chosen"), _reply(record, _rejected_key(record)))


def _from_preference_instruction(record: Fields) -> Sequence[Row]:
    prompt = [*_system(record), *_history(record), Message("user", _question(record))]
    return _preference(record, prompt, _reply(record, "chosen"), _reply(record, _rejected_key(record)))


def _from_reward(record: Fields) -> Sequence[Row]:
    both = []
    for key in ("chosen", _rejected_key(record)):
        value = record[key]
        messages = parse_templated(text_of(record, key)) if isinstance(value, str) else messages_of(value, key)
        if messages[-1].role != "assistant":
            raise RowError(f"“{key}” does not end with an answer", key=key)
        both.append(messages)
    good, bad = both
    if list(good[:-1]) != list(bad[:-1]):
        raise RowError("“chosen” and “rejected” answer different questions")
    return _preference(record, good[:-1], good[-1].content, bad[-1].content)


_CHOSEN, _REJECTED = "chosen", ("rejected", "reject")


def _is_multiturn(record: Fields) -> bool:
    """A history as BELLE's multiturn_chat_0.8M writes it: it also ends with the open label of the answer."""
    text = record["instruction"]
    return isinstance(text, str) and is_templated(text) and text.rstrip().endswith(("Assistant:", "Assistant："))


# In the order in which they are tried.
FORMATS: Mapping[str, Format] = {
    entry.name: entry
    for entry in (
        Format("dpo", "preference", "prompt, chosen, rejected", ("prompt", _CHOSEN, _REJECTED), _from_dpo),
        Format(
            "conversation-preference", "preference", "turns, chosen, rejected",
            (("conversations", "messages"), _CHOSEN, _REJECTED), _from_preference_turns,
        ),
        Format(
            "instruction-preference", "preference", "instruction, chosen, rejected",
            ("instruction", _CHOSEN, _REJECTED), _from_preference_instruction,
        ),
        Format(
            "reward", "preference", "chosen, rejected: whole conversations", (_CHOSEN, _REJECTED), _from_reward,
        ),
        Format(
            "belle", "conversation", "BELLE, ShareGPT: conversations of from, value", ("conversations",), _from_turns,
        ),
        Format("messages", "conversation", "OpenAI: messages of role, content", ("messages",), _from_turns),
        Format(
            "seed", "conversation", "self-instruct seeds: instruction, instances",
            ("instruction", "instances"), _from_seed,
        ),
        Format(
            "multiturn", "conversation", "BELLE multi-turn: the history inside instruction",
            ("instruction", ("output", "target")), _from_multiturn, _is_multiturn,
        ),
        Format(
            "instruction", "conversation", "Alpaca, BELLE: instruction, input, output",
            ("instruction", ("output", "target")), _from_instruction,
        ),
        Format("question", "conversation", "question, std_answer or answer", ("question",), _from_question),
        Format(
            "input-target", "conversation", "BELLE's first release: input, target",
            ("input", "target"), _from_input_target,
        ),
        Format(
            "prompt", "conversation", "questions without answers: prompt or text", (("prompt", "text"),), _from_prompt,
            lambda r: r.get("prompt") is not None or (isinstance(r["text"], str) and is_templated(r["text"])),
        ),
        Format("text", "text", "pre-training: text", ("text",), _from_text),
    )
}  # fmt: skip


def format_named(name: str) -> Format:
    """The format of that name; `sharegpt`, `alpaca` and `openai` are other names. Raises RowError."""
    name = {"sharegpt": "belle", "alpaca": "instruction", "openai": "messages"}.get(name, name)
    if name not in FORMATS:
        close = get_close_matches(name, FORMATS, n=1)
        hint = f"Did you mean “{close[0]}”? " if close else ""
        raise RowError(f"the format “{name}” is not known", f"{hint}Known are: {', '.join(FORMATS)}.")
    return FORMATS[name]
