"""Finds a sentence that is read in the text that is shown: layout, bullets and signs may differ, letters do not."""

from __future__ import annotations


def find_sentence(text: str, sentence: str, begin: int) -> tuple[int, int] | None:
    """Where `sentence` is in `text`, from `begin` on: its first letter and the place behind its last one.

    Only letters and digits are compared, and where it ends closing marks are taken along. None where it is not there.
    """
    places = [place for place in range(begin, len(text)) if text[place].isalnum()]
    wanted = "".join(filter(str.isalnum, sentence))
    start = "".join(text[place] for place in places).find(wanted) if wanted else -1
    if start < 0:
        return None
    end = places[start + len(wanted) - 1] + 1
    while end < len(text) and not text[end].isalnum() and not text[end].isspace() and text[end] in sentence:
        end += 1
    return places[start], end
