"""The places of pictures in a prompt.

Templates know texts only. So a picture is written into its message as a mark that nobody can type, the template puts
the message where it belongs, and the mark is taken out of the segments again. What comes in its place is for the model
to say: its tokens, between those that it was trained to expect around a picture.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import replace

from belle.prompts.base import Message, PictureRef, Segment


class PictureMarks:
    """Marks for the pictures of one conversation. They are random: no text can contain one."""

    def __init__(self) -> None:
        self._secret = secrets.token_hex(16)
        self._pictures: list[PictureRef] = []
        self._pattern = re.compile(f"<picture-{self._secret}-([0-9]+)>")

    def written_into(self, messages: Sequence[Message]) -> list[Message]:
        """`messages` with a mark in place of each picture, in front of the text."""
        return [self._written(message) if message.pictures else message for message in messages]

    def taken_from(self, segments: Iterable[Segment]) -> list[Segment]:
        """`segments` with each mark as a segment of its own, whose `picture` it is."""
        return [part for segment in segments for part in self._parts(segment)]

    def _written(self, message: Message) -> Message:
        first = len(self._pictures)
        self._pictures += message.pictures
        marks = "".join(f"<picture-{self._secret}-{index}>" for index in range(first, len(self._pictures)))
        return replace(message, content=marks + message.content, pictures=())

    def _parts(self, segment: Segment) -> Iterable[Segment]:
        if not self._pictures or segment.special:
            yield segment
            return
        # Every second part is the number of a picture.
        for index, part in enumerate(self._pattern.split(segment.text)):
            if index % 2:
                yield Segment("", picture=self._pictures[int(part)])
            elif part:
                yield replace(segment, text=part)
