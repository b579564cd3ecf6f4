"""A conversation as Markdown: the path that is shown, for reading and for other programs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from desktop.exchange.picture_fields import file_of
from desktop.exchange.words import ExportWords, facts, is_cut_off, moment
from desktop.store import ConversationTree, TreeMessage

_ESCAPED = re.compile(r"([\\`*_\[\]<>#])")
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})(.*)$")
_END_OF_FOLD = re.compile(r"<(?=/?(?:details|summary)\b)", re.IGNORECASE)


def markdown(tree: ConversationTree, words: ExportWords, folder: str = "") -> str:
    """The text of a `.md` file. What was said stays as it was written; a fence that is left open is closed.

    Args:
        folder: where the files of pictures are, as seen from the text.
    """
    parts = [f"# {_escaped(words.title(tree))}"]
    if line := facts(tree):
        parts.append(f"*{_escaped(line)}*")
    if tree.prompt_in_force.strip():
        parts.append(f"> **{words.system_prompt}**\n>\n{_quoted(tree.prompt_in_force)}")
    for message in tree.active_path():
        parts += _message(message, words, folder)
    return "\n\n".join(parts) + "\n"


def _message(message: TreeMessage, words: ExportWords, folder: str) -> Iterator[str]:
    when = moment(message.created_at)
    yield f"## {_escaped(words.speaker(message))}" + (f" — {when}" if when else "")
    if message.thinking.strip():
        folded = _quoted(_END_OF_FOLD.sub("&lt;", message.thinking))
        yield f"<details>\n<summary>{words.thoughts_title(message)}</summary>\n\n{folded}\n\n</details>"
    if files := words.attachments(message):
        yield f"*{_escaped(files)}*"
    for picture in message.pictures:
        yield f"![{_escaped(' '.join(picture.name.split()))}](<{folder}/{file_of(picture)}>)"
        if picture.text.strip():
            yield f"> **{_escaped(words.picture_text(picture))}**\n>\n{_quoted(picture.text)}"
    if message.text.strip():
        yield _with_closed_fence(message.text.strip("\n"))
    if sources := words.sources(message):
        yield f"*{words.passages}*"
        yield "\n".join(f"- {_escaped(' '.join(source.split()))}" for source in sources)
    if is_cut_off(message):
        yield f"*({words.cut_off})*"


def _escaped(text: str) -> str:
    return _ESCAPED.sub(r"\\\1", text)


def _quoted(text: str) -> str:
    closed = _with_closed_fence(text.strip("\n"))
    return "\n".join(f"> {line}".rstrip() for line in closed.splitlines())


def _with_closed_fence(text: str) -> str:
    """`text` with the end of a code block that was cut off: what follows would be taken for code, too."""
    fence = ""
    for line in text.splitlines():
        found = _FENCE.match(line)
        if not found:
            continue
        if not fence:
            fence = found[1]
        elif found[1].startswith(fence) and not found[2].strip():
            fence = ""
    return f"{text}\n{fence}" if fence else text
