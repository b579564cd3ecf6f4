"""Every format of training data: how its records become rows.

A format is recognised by its keys. The functions here know nothing of files; `read` adds the file and the line to
their errors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, cast

from belle.data.errors import RowError
from belle.data.fields import (
    Fields,
    is_templated,
    keys_of,
    label_of,
    messages_of,
    parse_prompt,
    parse_templated,
    shown,
    text_of,
)
from belle.data.rows import (
    BAD_ANSWER,
    Conversation,
    Kind,
    PictureConversation,
    Preference,
    PretrainText,
    Row,
    TranscribedRecording,
)
from belle.prompts import Message


@dataclass(frozen=True)
class Format:
    """How one kind of record is recognised and parsed.

    Args:
        name: for `--format` and recipes.
        kind: what its rows are.
        title: what it is, in a few words.
        keys: the keys that a record must have; a tuple stands for any one of them.
        parse: the rows in a record that has them; may raise RowError.
        matches: whether a record that has the keys is of this format.
    """

    name: str
    kind: Kind
    title: str
    keys: tuple[str | tuple[str, ...], ...]
    parse: Callable[[Fields], Sequence[Row]]
    matches: Callable[[Fields], bool] = lambda _: True

    def fits(self, record: Any) -> bool:
        """Whether a record looks like this format."""
        return isinstance(record, dict) and not self.missing(record) and self.matches(record)

    def missing(self, record: Fields) -> list[str]:
        """The keys that the record lacks."""
        groups = [(key,) if isinstance(key, str) else key for key in self.keys]
        return [group[0] for group in groups if not any(record.get(key) is not None for key in group)]

    def rows(self, record: Any) -> Sequence[Row]:
        """The rows in a record. Raises RowError."""
        if not isinstance(record, dict):
            raise RowError(f"it is {shown(record)}, not an object with keys")
        missing = self.missing(record)
        if missing:
            close = get_close_matches(missing[0], [k for k in record if record[k] is not None], n=1)
            hint = f"Did you write “{close[0]}” for “{missing[0]}”?" if close else f"Its keys are: {keys_of(record)}."
            raise RowError(f"“{missing[0]}” is missing", hint, key=missing[0])
        return self.parse(record)


_ANSWERS = ("output", "target", "completion", "response", "answer", "std_answer")
_CHOSEN, _REJECTED = "chosen", ("rejected", "reject")
PICTURE_MARK = "<image>"
"""Where in a message the picture is shown, as LLaVA's data say it."""

_TOOLS = "it is about tools, which no prompt here can describe"


def _conversation(record: Fields, messages: Sequence[Message]) -> Conversation:
    unwanted = ""
    if record.get("tools") or record.get("functions"):
        unwanted = _TOOLS
    elif record.get("label") is False or record.get("kto_tag") is False:
        unwanted = BAD_ANSWER
    compared = record.get(_CHOSEN) is not None and any(record.get(key) is not None for key in _REJECTED)
    return Conversation(tuple(messages), *_labels(record), unwanted, compared)


def _labels(record: Fields) -> tuple[str, str]:
    return label_of(record, "id"), label_of(record, "category", "class")


def _system(record: Fields) -> list[Message]:
    text = text_of(record, "system", default="")
    return [Message("system", text)] if text else []


def _from_turns(record: Fields) -> Sequence[Row]:
    key = "conversations" if record.get("conversations") is not None else "messages"
    return [_conversation(record, [*_system(record), *messages_of(record[key], key)])]


def _from_llava(record: Fields) -> Sequence[Row]:
    (row,) = _from_turns(record)
    assert isinstance(row, Conversation)
    picture = _picture(record)
    shown_at = sum(message.content.count(PICTURE_MARK) for message in row.messages if message.role == "user")
    if shown_at > 1:
        raise RowError(f"it has {shown_at} places {PICTURE_MARK} for one picture", key="conversations")
    return [PictureConversation(row.messages, row.id, row.category, row.unwanted, row.compared, picture)]


def _picture(record: Fields) -> str:
    value = record.get("image")
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if value is None:
        return ""
    if not isinstance(value, str) or not value:
        raise RowError(f"“image” is {shown(value)}, not the path of one picture", key="image")
    return value


def _question(record: Fields) -> str:
    """Instruction and input on separate lines; Dolly calls the input `context`.

    BELLE's convert_to_conv_data.py joins them without a separator, which makes one word of the last and the first.
    """
    extra_key = "input" if record.get("input") is not None else "context"
    instruction, extra = text_of(record, "instruction"), text_of(record, extra_key, default="")
    return f"{instruction}\n{extra}" if instruction and extra else instruction or extra


def _history(record: Fields) -> list[Message]:
    history = record.get("history")
    messages = []
    for number, pair in enumerate(history if isinstance(history, list) else [], start=1):
        if not isinstance(pair, list | tuple) or len(pair) != 2 or not all(isinstance(text, str) for text in pair):
            raise RowError(f"pair {number} of “history” is {shown(pair)}, not [question, answer]", key="history")
        question, answer = (text_of({"history": text}, "history") for text in pair)
        messages += [Message("user", question), Message("assistant", answer)]
    if history is not None and not isinstance(history, list):
        raise RowError(f"“history” is {shown(history)}, not a list", key="history")
    return messages


def _answer_key(record: Fields) -> str:
    """The key of the answer; BELLE's first release called it `target`."""
    return next((key for key in _ANSWERS if record.get(key) is not None), _ANSWERS[0])


def _answer(record: Fields) -> str:
    return text_of(record, _answer_key(record))


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
    turns = [*_system(record), *_history(record), Message("user", text_of(record, "question"))]
    if answer := text_of(record, _answer_key(record), default=""):
        turns.append(Message("assistant", answer))
    return [_conversation(record, turns)]


def _prompt(record: Fields) -> list[Message]:
    """The conversation up to and with a question, which is a text or a list of turns."""
    key = next(key for key in _QUESTIONS if record.get(key) is not None)
    value = record[key]
    if not isinstance(value, str):
        return [*_system(record), *messages_of(value, key)]
    return [*_system(record), *_history(record), *parse_prompt(text_of(record, key))]


def _from_completion(record: Fields) -> Sequence[Row]:
    key = _answer_key(record)
    value = record[key]
    answer = [Message("assistant", text_of(record, key))] if isinstance(value, str) else messages_of(value, key)
    return [_conversation(record, [*_prompt(record), *answer])]


def _from_labelled(record: Fields) -> Sequence[Row]:
    rows = cast(Sequence[Conversation], _from_completion(record))
    if record["label"] not in (0, 1):
        raise RowError(f"“label” is {shown(record['label'])}, not true or false", key="label")
    return rows if record["label"] else [replace(row, unwanted=row.unwanted or BAD_ANSWER) for row in rows]


def _is_labelled(record: Fields) -> bool:
    return isinstance(record["label"], bool | int) and record["label"] in (0, 1)


def _from_seed(record: Fields) -> Sequence[Row]:
    if not isinstance(record["instances"], list):
        raise RowError(f"“instances” is {shown(record['instances'])}, not a list", key="instances")
    rows: list[Row] = []
    for instance in record["instances"]:
        if not isinstance(instance, dict):
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


def _from_speech(record: Fields) -> Sequence[Row]:
    audio = record["audio"]
    if not isinstance(audio, str) or not audio:
        raise RowError(f"“audio” is {shown(audio)}, not the path of a recording", key="audio")
    return [TranscribedRecording(text_of(record, "text"), *_labels(record), audio)]


def _rejected_key(record: Fields) -> str:
    # BELLE's README says `reject`, its code `rejected`.
    return "rejected" if record.get("rejected") is not None else "reject"


def _reply(record: Fields, key: str) -> tuple[tuple[Message, ...], str]:
    """The turns that a record lists before an answer, under the same key, and the answer."""
    value = record[key]
    if isinstance(value, str):
        return (), text_of(record, key)
    *before, last = messages_of(value, key)
    if last.role != "assistant":
        raise RowError(f"“{key}” does not end with an answer", key=key)
    return tuple(before), last.content


def _pair(record: Fields, prompt: Sequence[Message]) -> Sequence[Row]:
    """The pair of answers to `prompt`. Where turns come before the answers, those are the conversation.

    Raises RowError when the turns differ between the two answers, or do not begin with the prompt.
    """
    (before, chosen), (other, rejected) = _reply(record, "chosen"), _reply(record, _rejected_key(record))
    if before != other:
        raise RowError("“chosen” and “rejected” answer different questions")
    if before:
        turns = [message for message in prompt if message.role != "system"]
        begins = [message for message in before if message.role != "system"][: len(turns)]
        if begins != turns:
            raise RowError("“chosen” does not begin with the prompt", key="chosen")
        system = [] if before[0].role == "system" else [m for m in prompt if m.role == "system"]
        prompt = [*system, *before]
    return _preference(record, prompt, chosen, rejected)


def _preference(record: Fields, prompt: Sequence[Message], chosen: str, rejected: str) -> Sequence[Row]:
    if record.get("tools") or record.get("functions"):
        raise RowError(_TOOLS, "Leave such rows out.", key="tools")
    if not prompt or prompt[-1].role != "user":
        raise RowError("the prompt does not end with a question")
    return [Preference(tuple(prompt), chosen, rejected, *_labels(record))]


def _from_dpo(record: Fields) -> Sequence[Row]:
    return _pair(record, _prompt(record))


def _from_preference_turns(record: Fields) -> Sequence[Row]:
    messages = cast(Conversation, _from_turns(record)[0]).messages
    return _pair(record, messages)


def _from_preference_instruction(record: Fields) -> Sequence[Row]:
    prompt = [*_system(record), *_history(record), Message("user", _question(record))]
    return _pair(record, prompt)


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


_QUESTIONS = ("prompt", "question", "query", "input")


def _is_multiturn(record: Fields) -> bool:
    """A history as BELLE's multiturn_chat_0.8M writes it: it also ends with the open label of the answer."""
    text = record["instruction"]
    return isinstance(text, str) and is_templated(text) and text.rstrip().endswith(("Assistant:", "Assistant："))


# In the order in which they are tried: a format with more keys comes before those that need fewer of them.
FORMATS: Mapping[str, Format] = {
    entry.name: entry
    for entry in (
        Format("dpo", "preference", "prompt, chosen, rejected", (_QUESTIONS, _CHOSEN, _REJECTED), _from_dpo,
               lambda r: r.get("instruction") is None),
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
        Format("speech", "speech", "recordings: audio (a path), text (what is said)", ("audio", "text"), _from_speech),
        Format(
            "llava", "picture", "LLaVA: conversations of from, value, and image, the path of a picture",
            ("conversations",), _from_llava, lambda r: isinstance(r.get("image"), str | list),
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
            ("instruction", _ANSWERS), _from_multiturn, _is_multiturn,
        ),
        Format(
            "instruction", "conversation", "Alpaca, BELLE: instruction, input, output",
            ("instruction", _ANSWERS), _from_instruction,
        ),
        Format("question", "conversation", "question, std_answer or answer", ("question",), _from_question),
        Format(
            "kto", "conversation", "KTO: prompt, completion, label (false: not to be learned)",
            ("prompt", ("completion", "response"), "label"), _from_labelled, _is_labelled,
        ),
        Format(
            "input-target", "conversation", "BELLE's first release: input, target",
            ("input", "target"), _from_input_target,
        ),
        Format(
            "completion", "conversation", "prompt, completion or response", (_QUESTIONS, _ANSWERS), _from_completion,
        ),
        Format(
            "prompt", "conversation", "questions without answers: prompt or text", (("prompt", "text"),), _from_prompt,
            lambda r: r.get("prompt") is not None or (isinstance(r["text"], str) and is_templated(r["text"])),
        ),
        Format("text", "text", "pre-training: text", ("text",), _from_text),
    )
}  # fmt: skip


def format_named(name: str) -> Format:
    """The format of that name; `sharegpt`, `alpaca` and `openai` are aliases. Raises RowError."""
    name = {"sharegpt": "belle", "alpaca": "instruction", "openai": "messages"}.get(name, name)
    if name not in FORMATS:
        close = get_close_matches(name, FORMATS, n=1)
        hint = f"Did you mean “{close[0]}”? " if close else ""
        raise RowError(f"the format “{name}” is not known", f"{hint}Known formats: {', '.join(FORMATS)}.")
    return FORMATS[name]
