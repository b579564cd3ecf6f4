"""Training ids and chat ids: the same tokens, and only answers are trained, whole and with their end."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belle.errors import KnownError
from belle.prompts import TEMPLATES, Message, PromptTemplate, get_template
from belle.prompts.encoding import (
    Encoded,
    encode_conversation,
    encode_preference,
    encode_prompt,
    encode_text,
)
from belle.prompts.targets import FLAWS, flaws_of, nothing_to_train, with_targets
from belle.training.tokenizer.tokenizer import HubVocabulary, load_tokenizer
from tests.convert.tokenizers.folders import llama_folder

BOS, EOS, START, END = 1, 2, 3, 4


class Letters:
    """A vocabulary of single characters, so that every token can be read."""

    bos: int | None = BOS
    eos: int | None = EOS
    adds_bos = True
    control: ClassVar = {"<|im_start|>": START, "<|im_end|>": END}

    def tokenize(self, text: str) -> list[int]:
        return [ord(c) + 10 for c in text]

    tokenize_after = tokenize

    def split_control(self, text: str) -> Iterator[str | int]:
        for part in re.split(r"(<\|im_(?:start|end)\|>)", text):
            yield self.control.get(part, part)

    @staticmethod
    def text(ids: Sequence[int]) -> str:
        names = {BOS: "<s>", EOS: "</s>", START: "<|im_start|>", END: "<|im_end|>"}
        return "".join(names.get(i) or chr(i - 10) for i in ids)


LETTERS = Letters()
Q, A = (lambda text: Message("user", text)), (lambda text: Message("assistant", text))
TALK = (Message("system", "S"), Q("one"), A("1"), Q("two"), A("2"))


def trained_text(encoded: Encoded) -> list[str]:
    """The runs of trained tokens."""
    pairs = zip(encoded.ids, encoded.trained, strict=True)
    return [LETTERS.text([i for i, _ in run]) for trained, run in groupby(pairs, lambda pair: pair[1]) if trained]


def encode(messages: Sequence[Message], template: str = "belle", max_length: int | None = None) -> Encoded | None:
    return encode_conversation(LETTERS, get_template(template), messages, max_length=max_length)


def sure(encoded: Encoded | None) -> Encoded:
    assert encoded is not None
    return encoded


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> HubVocabulary:
    """A small vocabulary like LLaMA's, piece by piece the same everywhere."""
    folder = tmp_path_factory.mktemp("llama")
    llama_folder(folder)
    return HubVocabulary(load_tokenizer(folder))


# Pieces of that vocabulary, in brackets those that are trained; bytes where it has no piece.
GOLDEN = {
    "belle": "▁ H u m a n <0x3A> ▁ <0x0A> 你好 <0x0A> <0x0A> A s s i s t a n t <0x3A> ▁ <0x0A> [▁a] [</s>]",
    "belle-llama2": "▁ H u m a n <0x3A> ▁ <0x0A> 你好 <0x0A> <0x0A> A s s i s t a n t <0x3A> <0x0A> [▁a] [</s>]",
    "belle-v0": "<s> ▁ H u m a n <0x3A> ▁ 你好 <0x0A> <0x0A> A s s i s t a n t <0x3A> ▁ [a] [</s>]",
    "belle-bloom": "▁ H u m a n <0x3A> ▁ 你好 <0x0A> <0x0A> A s s i s t a n t <0x3A> [▁] [▁a] [</s>]",
    "belle-ext": "<s> ▁ H u m a n <0x3A> ▁ 你好 <0x0A> <0x0A> <0x42> e l l e <0x3A> ▁ [a] [</s>]",
    "chatml": (
        "<s> ▁ <0x3C> <0x7C> i m <0x5F> s t a r t <0x7C> <0x3E> u s er <0x0A> 你好 <0x3C> <0x7C> i m <0x5F> e n d"
        " <0x7C> <0x3E> <0x0A> <0x3C> <0x7C> i m <0x5F> s t a r t <0x7C> <0x3E> a s s i s t a n t <0x0A>"
        " [a] [<0x3C>] [<0x7C>] [i] [m] [<0x5F>] [e] [n] [d] [<0x7C>] [<0x3E>] <0x0A>"
    ),
    "llama-2": (
        "<s> ▁ <0x5B> <0x49> <0x4E> <0x53> <0x54> <0x5D> ▁ 你好 ▁ <0x5B> <0x2F> <0x49> <0x4E> <0x53> <0x54> <0x5D>"
        " [▁a] [▁] [</s>]"
    ),
    "plain": "<s> ▁ 你好 [a] [</s>]",
}


@pytest.mark.parametrize("template", GOLDEN)
def test_golden_ids(llama: HubVocabulary, template: str) -> None:
    encoded = sure(encode_conversation(llama, get_template(template), (Q("你好"), A("a"))))
    pieces = llama._tokenizer.convert_ids_to_tokens(encoded.ids)
    shown = [f"[{piece}]" if trained else piece for piece, trained in zip(pieces, encoded.trained, strict=True)]
    assert shown == GOLDEN[template].split()
    assert encoded.labels == [i if t else -100 for i, t in zip(encoded.ids, encoded.trained, strict=True)]


def test_the_ids_of_belle_are_those_of_its_own_code(llama: HubVocabulary) -> None:
    """Each segment by itself, without anything around it, the end token after every answer."""
    encode_alone = llama._tokenizer.encode
    segments = ["Human: \nthe\n\nAssistant: \n", "你好", "Human: \n 世界\n\nAssistant: \n", "the end"]
    ids = [encode_alone(text, add_special_tokens=False) for text in segments]
    expected = [*ids[0], *ids[1], 2, *ids[2], *ids[3], 2]
    encoded = sure(encode_conversation(llama, get_template("belle"), (Q("the"), A("你好"), Q(" 世界"), A("the end"))))
    assert encoded.ids == expected
    labels = [-100] * len(ids[0]) + [*ids[1], 2] + [-100] * len(ids[2]) + [*ids[3], 2]
    assert encoded.labels == labels


@pytest.mark.parametrize("template", TEMPLATES)
def test_what_stands_before_an_answer_is_what_a_chat_puts_there(llama: HubVocabulary, template: str) -> None:
    messages = (Q("the 你好"), A("in the"), Q(" a "), A("\n文字 "))
    for vocabulary in (llama, LETTERS):
        whole = sure(encode_conversation(vocabulary, get_template(template), messages))
        for count in (1, 3):
            prompt = encode_prompt(vocabulary, get_template(template), messages[:count])
            assert whole.ids[: len(prompt)] == prompt
            assert not whole.trained[len(prompt) - 1]
            assert whole.trained[len(prompt)]


def test_every_answer_and_its_end_is_trained() -> None:
    assert trained_text(sure(encode(TALK))) == ["1</s>", "2</s>"]
    assert trained_text(sure(encode(TALK, "chatml"))) == ["1<|im_end|>", "2<|im_end|>"]
    assert trained_text(sure(encode(TALK, "llama-2"))) == [" 1 </s>", " 2 </s>"]
    # Texts without turns have one end.
    assert trained_text(sure(encode(TALK, "plain"))) == ["1", "2</s>"]


def test_a_conversation_that_is_too_long_loses_its_oldest_exchanges_and_keeps_the_system_message() -> None:
    whole = sure(encode(TALK, "chatml"))
    assert whole.dropped_messages == 0
    shorter = sure(encode(TALK, "chatml", len(whole.ids) - 1))
    assert shorter.dropped_messages == 2
    assert LETTERS.text(shorter.ids).startswith("<s><|im_start|>system\nS<|im_end|>\n<|im_start|>user\ntwo<|im_end|>")
    assert shorter.ids == sure(encode((TALK[0], *TALK[3:]), "chatml")).ids
    # Where the template has no system role, it goes in front of the first question that is left.
    belle = sure(encode(TALK, "belle", len(sure(encode(TALK)).ids) - 1))
    assert LETTERS.text(belle.ids) == "Human: \nS\n\ntwo\n\nAssistant: \n2</s>"


def test_an_exchange_that_is_too_long_is_left_out_whole() -> None:
    long = (Q("one"), A("1"), Q("two"), A("x" * 100))
    kept = sure(encode(long, max_length=60))
    assert LETTERS.text(kept.ids) == "Human: \none\n\nAssistant: \n1</s>"
    assert kept.dropped_messages == 2
    assert encode((Q("x" * 100), A("1")), max_length=60) is None
    assert encode((Q("one"), A("x" * 100)), max_length=60) is None


def test_what_follows_the_last_answer_is_left_out() -> None:
    encoded = sure(encode((*TALK, Q("three"), Message("system", "late"))))
    assert encoded.ids == sure(encode(TALK)).ids
    assert encoded.dropped_messages == 2


@pytest.mark.parametrize("messages", [(), (Q("x"),), (Message("system", "S"),), (Q("x"), A("")), (Q("x"), A(" \n"))])
def test_without_a_target_there_is_no_sample(messages: tuple[Message, ...]) -> None:
    for template in TEMPLATES:
        assert encode(messages, template) is None


def test_a_vocabulary_without_an_end_is_refused() -> None:
    class Endless(Letters):
        eos = None

    with pytest.raises(KnownError) as caught:
        encode_conversation(Endless(), get_template("belle"), TALK)
    assert caught.value.kind == "no_end_token"
    with pytest.raises(KnownError):
        encode_text(Endless(), "x")
    assert encode_conversation(Endless(), get_template("chatml"), TALK) is not None


def test_a_document_is_trained_whole_with_its_end() -> None:
    encoded = encode_text(LETTERS, "a\nb")
    assert LETTERS.text(encoded.ids) == "a\nb</s>"
    assert all(encoded.trained)


def test_a_preference_shares_its_prompt_and_trains_the_last_answer() -> None:
    pair = encode_preference(LETTERS, get_template("belle"), TALK[1:4], "good", "")
    assert pair is not None
    good, bad = pair
    assert trained_text(good) == ["good</s>"]
    assert trained_text(bad) == ["</s>"]
    prompt = encode_prompt(LETTERS, get_template("belle"), TALK[1:4])
    assert good.ids[: len(prompt)] == bad.ids[: len(prompt)] == prompt


def test_both_answers_of_a_preference_lose_the_same_exchanges() -> None:
    room = len(encode_prompt(LETTERS, get_template("belle"), TALK[1:4])) + 10
    pair = encode_preference(LETTERS, get_template("belle"), TALK[1:4], "short", "x" * 20, max_length=room)
    assert pair is not None
    assert [sample.dropped_messages for sample in pair] == [2, 2]
    assert [LETTERS.text(sample.ids).split("Assistant")[0] for sample in pair] == ["Human: \ntwo\n\n"] * 2
    assert encode_preference(LETTERS, get_template("belle"), (Q("x"),), "a", "y" * 90, max_length=60) is None


MESSAGES = st.lists(
    st.builds(Message, st.sampled_from(["system", "user", "assistant"]), st.text("ab \n<|", max_size=12)), max_size=9
)
ANY_TEMPLATE = st.sampled_from(sorted(TEMPLATES.values(), key=lambda template: template.id))


@given(MESSAGES, ANY_TEMPLATE, st.integers(1, 400))
@settings(deadline=None)
def test_truncation(messages: list[Message], template: PromptTemplate, max_length: int) -> None:
    """Never a cut answer, never an answer without its end, never a trained token outside an answer."""
    encoded = encode_conversation(LETTERS, template, messages, max_length=max_length)
    whole = encode_conversation(LETTERS, template, messages)
    if encoded is None:
        return
    assert whole is not None
    assert len(encoded.ids) == len(encoded.trained) <= max_length
    if len(whole.ids) <= max_length:
        assert encoded == whole
    end = getattr(template, "end", "") or "</s>"
    assert LETTERS.text(encoded.ids).removesuffix("\n").endswith(end)
    answers = [m.content for m in with_targets(messages) if m.is_target]
    written = "".join(trained_text(encoded)).replace(end, "</s>")
    kept = written.removesuffix("</s>").split("</s>")
    if template.id == "plain":
        assert kept[0] in "".join(answers)
    else:
        stripped = [a.strip() for a in answers]
        found = [text.strip() for text in kept]
        starts = [i for i in range(len(stripped)) if stripped[i : i + len(found)] == found]
        assert starts, (stripped, found)


@given(st.integers(1, 12), ANY_TEMPLATE, st.integers(20, 400))
@settings(deadline=None)
def test_as_much_is_kept_as_fits(exchanges: int, template: PromptTemplate, max_length: int) -> None:
    """The newest exchanges; one more would not fit."""
    talk = [turn for i in range(exchanges) for turn in (Q("q" * (i * 7 % 30)), A(f"a{i}"))]
    encoded = encode_conversation(LETTERS, template, talk, max_length=max_length)
    sizes = [encode_conversation(LETTERS, template, talk[first:]) for first in range(0, len(talk), 2)]
    fitting = [size for size in sizes if size is not None and len(size.ids) <= max_length]
    if fitting:
        assert encoded is not None
        assert encoded.ids == fitting[0].ids
        assert encoded.dropped_messages == 2 * (len(sizes) - len(fitting))


# BELLE's defects (LianjiaTech/BELLE, train/src/sample_generator.py), one by one.


def test_defect_1_prompt_tokens_are_never_labels_of_a_sample_that_lost_its_answer() -> None:
    """BELLE overwrote labels[18:24] with whatever stood there."""
    assert encode((Q("q" * 200), A("answer")), max_length=64) is None


def test_defect_3_an_answer_is_not_cut_off_and_later_turns_do_not_vanish() -> None:
    """BELLE cut at the right end: the last answers were lost, and the one at the cut had no end."""
    long = [turn for i in range(20) for turn in (Q(f"question {i}"), A(f"answer {i}"))]
    encoded = sure(encode(long, max_length=200))
    assert trained_text(encoded)[-1] == "answer 19</s>"
    assert all(run.startswith("answer ") and run.endswith("</s>") for run in trained_text(encoded))


def test_defect_4_a_sample_never_begins_within_an_answer() -> None:
    """BELLE's packing cut dialogues wherever a block was full."""
    long = [turn for i in range(20) for turn in (Q(f"question {i}"), A(f"answer {i}"))]
    for max_length in range(60, 400, 7):
        encoded = sure(encode(long, max_length=max_length))
        assert LETTERS.text(encoded.ids).startswith("Human: \nquestion")


def test_defect_5_bos_is_the_same_in_training_and_in_a_chat() -> None:
    """BELLE put it in front of packed samples only, and inference did not."""
    for template in TEMPLATES.values():
        sample = sure(encode_conversation(LETTERS, template, TALK))
        prompt = encode_prompt(LETTERS, template, TALK[:2])
        assert (
            (sample.ids[0] == BOS)
            == (prompt[0] == BOS)
            == (template.id not in ("belle", "belle-llama2", "belle-bloom", "baichuan"))
        )
        assert not sample.trained[0]


# Which answers are trained on.

EMPTY_OR_UNASKED = [
    ((A("hello, how can I help?"), Q("q"), A("a")), {0: "unasked-answer"}),
    ((Q("q"), A(" \n"), Q("r"), A("b")), {1: "empty-answer"}),
    ((Q("q"), A("a"), A("and b")), {2: "unasked-answer"}),
    ((Message("system", "s"), A("a"), Q("q"), A("b")), {1: "unasked-answer"}),
    ((Q(" "), A("a"), Q("q"), A("b")), {1: "unasked-answer"}),
    ((Message("system", "Write a poem."), Q(""), A("a")), {}),
    ((Q("q"), Q("r"), A("a")), {}),
]


@pytest.mark.parametrize(("messages", "flaws"), EMPTY_OR_UNASKED)
@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_empty_and_unasked_answers_are_in_the_sample_and_not_trained(
    messages: tuple[Message, ...], flaws: dict[int, str], template: str
) -> None:
    assert flaws_of(messages) == flaws
    encoded = sure(encode_conversation(LETTERS, get_template(template), messages))
    good = [m.content for i, m in enumerate(messages) if m.role == "assistant" and i not in flaws]
    trained = "".join(trained_text(encoded))
    assert [text.strip() for text in re.split(r"</s>|<[^>]*>", trained) if text.strip()] == good
    end = getattr(get_template(template), "end", "") or "</s>"
    assert trained.count(end) == (1 if template == "plain" else len(good))
    whole = [m for m in with_targets(messages) if m.role != "assistant" or m.content.strip()]
    text = LETTERS.text(encoded.ids)
    assert all(m.content.strip() in text for m in whole[: messages.index(messages[-1])])


def test_why_nothing_is_trained_is_told() -> None:
    assert nothing_to_train((Q("q"),)) == "nothing is answered"
    assert FLAWS["empty-answer"] in nothing_to_train((Q("q"), A("")))
    assert FLAWS["unasked-answer"] in nothing_to_train((A("a"),))
    assert nothing_to_train((A("a"), Q("q"), A(" "))) == "no answer to a question"
    assert nothing_to_train((Q("q"), A("a"))) == ""
