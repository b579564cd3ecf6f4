"""Pictures in prompts: where templates put them."""

from __future__ import annotations

import pytest

from belle.prompts import TEMPLATES, Message, PictureRef, get_template
from belle.prompts.base import Segment
from belle.prompts.pictures import PictureMarks

CAT, DOG = PictureRef("cat.png"), PictureRef("dog.png")
TALK = [
    Message("system", "Be brief."),
    Message("user", "Which is larger?", pictures=(CAT, DOG)),
    Message("assistant", "The dog."),
    Message("user", "Why?", pictures=(CAT,)),
]


def rendered(template: str, messages: list[Message]) -> list[Segment]:
    marks = PictureMarks()
    return marks.taken_from(get_template(template).segments(marks.written_into(messages)))


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_template_puts_pictures_in_front_of_the_text_of_their_message(template: str) -> None:
    segments = rendered(template, TALK)
    assert [segment.picture for segment in segments if segment.picture] == [CAT, DOG, CAT]
    text = "".join(f"[{segment.picture.path}]" if segment.picture else segment.text for segment in segments)
    assert "[cat.png][dog.png]Which is larger?" in text
    assert "[cat.png]Why?" in text


@pytest.mark.parametrize("template", TEMPLATES)
def test_without_pictures_the_segments_stay_as_they_are(template: str) -> None:
    plain = [Message(message.role, message.content) for message in TALK]
    assert rendered(template, plain) == get_template(template).segments(plain)


def test_a_text_cannot_forge_a_picture() -> None:
    marks = PictureMarks()
    (known,) = marks.written_into([Message("user", "", pictures=(CAT,))])
    forged = Message("user", known.content)  # of another conversation: the mark is random
    assert not any(segment.picture for segment in rendered("chatml", [forged]))
