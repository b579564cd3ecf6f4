from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from belle.engine.answer.answer_tokens import AnswerTokens

# A token is a byte, so that characters are split wherever they can be.
piece = lambda token: bytes([token])  # noqa: E731


def spell(text: str) -> list[int]:
    return list(text.encode())


def test_an_answer_keeps_its_tokens() -> None:
    answers = AnswerTokens(piece)
    answers.remember("你好", spell("你好"))
    known = answers.find("你好")
    assert known is not None
    assert (known.tokens, known.rest, known.starts_with_space) == (spell("你好"), "", False)
    assert answers.find("你") is None


def test_a_leading_space_and_a_stop_string_were_generated_but_not_shown() -> None:
    answers = AnswerTokens(piece)
    answers.remember("Yes.", spell(" Yes.\n\nHuman:"))
    known = answers.find("Yes.")
    assert known is not None
    assert (known.tokens, known.rest, known.starts_with_space) == (spell(" Yes."), "", True)


def test_white_space_that_a_template_adds_or_takes_away() -> None:
    answers = AnswerTokens(piece)
    answers.remember("Yes.\n", spell("Yes.\n"))
    known = answers.find("Yes.")
    assert known is not None and (known.tokens, known.rest) == (spell("Yes."), "")
    known = answers.find(" Yes. ")
    assert known is not None and (known.tokens, known.rest) == (spell("Yes."), " ")
    known = answers.find("Yes.\n")
    assert known is not None and (known.tokens, known.rest) == (spell("Yes.\n"), "")


def test_a_text_that_ends_within_a_token() -> None:
    answers = AnswerTokens(lambda token: ["A", b"B Human:".decode(), "你"][token].encode())
    answers.remember("AB", [0, 1])
    known = answers.find("AB")
    assert known is not None and (known.tokens, known.rest) == ([0], "B")


def test_an_unfinished_character_is_generated_again() -> None:
    answers = AnswerTokens(piece)
    answers.remember("a你", spell("a你好")[:-1])
    known = answers.find("a你")
    assert known is not None and known.tokens == spell("a你")


def test_text_that_these_tokens_do_not_spell_is_not_remembered() -> None:
    answers = AnswerTokens(piece)
    answers.remember("other", spell("text"))
    answers.remember("  ", spell("  "))
    assert answers.find("other") is answers.find("") is None


def test_only_so_many_are_kept() -> None:
    answers = AnswerTokens(piece)
    for number in range(1000):
        answers.remember(str(number), spell(str(number)))
    assert answers.find("0") is None
    assert answers.find("999") is not None


@given(st.text(), st.text(max_size=5))
def test_tokens_and_rest_always_spell_the_text(text: str, more: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    answers = AnswerTokens(piece)
    answers.remember(text, spell(text) + list(more.encode("utf-8", "replace")))
    known = answers.find(text)
    assert (known is None) == (not text.strip())
    if known is not None:
        assert bytes(known.tokens).decode() + known.rest == text
