"""The KV cache of each conversation on the disk, so that what was read once is not read again.

Reading 3,000 tokens takes a small model seconds and a large one half a minute; loading their keys and values takes
a fraction of a second. So the cache is written when another conversation takes its place, when nothing has been asked
for a while, and when the model is unloaded.

It is a cache: whatever does not fit together, is damaged or cannot be written is ignored, and the prompt is read as if
there were none. Neither the template nor the system prompt is part of what has to agree, for the tokens are compared.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from belle import paths
from belle.documents import read_json_object
from belle.durable import write_text
from belle.engine.answer.answer_tokens import AnswerTokens
from belle.engine.answer.state_files import StateFiles
from belle.engine.llama.context import Context
from belle.engine.llama.kv_sequence import shared_length
from belle.engine.llama.processor import library_digest
from belle.errors import KnownError
from belle.gguf.fingerprint import fingerprint
from belle.gguf.reader import split_parts
from belle.texts import json_text

FEWEST_TOKENS = 64
"""A conversation, or what a file knows more of it than the cache, that is shorter than this is read instead."""

_FORMAT = 1
_LONGEST_SIDECAR = 32 << 20
_LEFT_ON_DISK = 1 << 30  # a cache must not be what fills the disk up
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class _Sidecar:
    """What stands beside a saved cache: its size and CRC-32, its tokens, the tokens of the answers among them."""

    size: int
    crc32: int
    tokens: list[int]
    answers: dict[str, list[int]]


class ConversationStates:
    """Brings the cache of a conversation back when it is asked about, and puts it away when another one is.

    Args:
        files: where they are.
        budget: bytes that all of them together may take; 0 keeps none.
        model: the GGUF that the context belongs to.
        context: the one cache in memory, with one sequence.
        vocabulary_size: tokens of the model.
        answers: the exact tokens of answers, which a saved conversation brings along.
    """

    def __init__(
        self,
        files: StateFiles,
        budget: int,
        *,
        model: Path,
        context: Context,
        vocabulary_size: int,
        answers: AnswerTokens,
    ) -> None:
        self._files = files
        self._budget = budget
        self._n_ctx = context.n_ctx
        self._sequence = context.sequences[0]
        self._vocabulary_size = vocabulary_size
        self._answers = answers
        self._engine = _engine_identity(model, context)
        self._name = ""
        self._found: _Sidecar | None = None  # of this conversation, until its cache is restored or is of no use
        self._begun = False  # Until its prompt is read, what the context has is of another conversation.
        self._wanted = True  # False: its state was deleted, and nothing has been asked since.
        self._saved: list[int] = []  # the tokens that the file of this conversation has
        self._spoken: set[str] = set()

    def enter(self, name: str) -> None:
        """The conversation `name` comes next; an empty name is of one that is not to be saved.

        To be called before its prompt is made: from now on its answers have the tokens that they were generated with.
        """
        if name == self._name:
            return
        self.save()
        self._name = name if StateFiles.is_name(name) else ""
        self._found = self._read() if self._name and self._budget else None
        self._begun, self._wanted, self._saved, self._spoken = False, True, [], set()
        for text, tokens in self._found.answers.items() if self._found else ():
            self._answers.remember(text, tokens)
            self._spoken.add(text)

    def restore(self, prompt: Sequence[int]) -> None:
        """The `prompt` of the conversation entered last is read next: bring back its cache, where that spares it."""
        self._begun = True
        saved, self._found = self._found, None
        if saved is None or len(saved.tokens) > self._n_ctx:
            return
        gain = shared_length(saved.tokens, prompt) - shared_length(self._sequence.tokens, prompt)
        if gain < FEWEST_TOKENS:
            return
        cache = self._files.cache(self._name)
        if not _is_intact(cache, saved.crc32) or not self._sequence.restore(cache):
            self._files.delete(self._name)
            return
        self._saved = list(self._sequence.tokens)
        with suppress(OSError):  # a disk that cannot be written, or the file is gone meanwhile
            os.utime(self._files.sidecar(self._name))

    def asked(self) -> None:
        """Something new is asked in the conversation entered last: it is to be saved, also if its state was deleted."""
        self._wanted = True

    def spoken(self, text: str) -> None:
        """`text` is an answer of the conversation entered last."""
        self._spoken.add(text)

    def leave(self, name: str) -> None:
        """The conversation `name` was deleted: neither its file nor what is in memory is to be kept."""
        if name == self._name:
            self._name, self._found = "", None
        self._files.delete(name)

    def leave_all(self) -> None:
        """Every saved state was deleted. That of the conversation in memory is saved again when it goes on."""
        self._found, self._wanted, self._saved = None, False, []
        self._files.clear()

    def save(self) -> None:
        """Write the conversation entered last, unless its file has all of it already."""
        tokens = self._sequence.tokens
        is_to_be_saved = self._name and self._begun and self._wanted
        if not is_to_be_saved or len(tokens) < FEWEST_TOKENS or tokens == self._saved:
            return
        with suppress(OSError, KnownError):
            self._write()

    def _write(self) -> None:
        sequence, files, name = self._sequence, self._files, self._name
        size = sequence.state_bytes
        paths.private_folder(files.folder)
        if size > self._budget or shutil.disk_usage(files.folder).free < size + _LEFT_ON_DISK:
            files.delete(name)
            return
        files.shrink(self._budget - size, but=name)
        unfinished = files.unfinished(name)
        try:
            if not sequence.save(unfinished):
                return
            sidecar = {
                "format": _FORMAT,
                "engine": self._engine,
                "size": unfinished.stat().st_size,
                "crc32": _crc32(unfinished),
                "tokens": sequence.tokens,
                "answers": self._answers.exact(self._spoken),
            }
            # Between the two renames the sidecar is of another file, which its CRC tells.
            unfinished.replace(files.cache(name))
            write_text(files.sidecar(name), json_text(sidecar))
            self._saved = list(sequence.tokens)
        finally:
            unfinished.unlink(missing_ok=True)

    def _read(self) -> _Sidecar | None:
        """What is said of the saved cache; None when there is none, or it is not of this engine or not whole."""
        try:
            said = read_json_object(self._files.sidecar(self._name), longest=_LONGEST_SIDECAR)
            if said["format"] != _FORMAT or said["engine"] != self._engine:
                return None
            sidecar = _Sidecar(
                int(said["size"]),
                int(said["crc32"]),
                self._token_ids(said["tokens"], may_have_pictures=True),
                {str(text): self._token_ids(tokens) for text, tokens in said["answers"].items()},
            )
            return sidecar if self._files.cache(self._name).stat().st_size == sidecar.size else None
        except (OSError, KnownError, KeyError, TypeError, ValueError, AttributeError):
            return None

    def _token_ids(self, values: Sequence[int], *, may_have_pictures: bool = False) -> list[int]:
        """Raises ValueError for what is not in the vocabulary: llama.cpp does not survive being asked about it.

        What stands for pictures is negative (`PictureRuns`), and only compared.
        """
        tokens = [int(value) for value in values]
        least = -(1 << 31) if may_have_pictures else 0
        if tokens and not least <= min(tokens) <= max(tokens) < self._vocabulary_size:
            raise ValueError("a token that the model does not have")
        return tokens


def _engine_identity(model: Path, context: Context) -> str:
    """A digest of all that the bytes of a cache depend on: the model's files, the library, the layout in memory."""
    digest = hashlib.sha256(f"{library_digest()} {context.layout} {sys.byteorder}".encode())
    try:
        # The times, too: of what lies between its ends the fingerprint knows nothing.
        times = [part.stat().st_mtime_ns for part in split_parts(model)]
        digest.update(f"{fingerprint(model)} {times}".encode())
    except OSError:
        digest.update(os.urandom(16))  # a file that went away under us: nothing will agree with it
    return digest.hexdigest()


def _is_intact(path: Path, crc32: int) -> bool:
    """Whether a file can be read and has this CRC-32."""
    try:
        return _crc32(path) == crc32
    except OSError:
        return False


def _crc32(path: Path) -> int:
    value = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            value = zlib.crc32(chunk, value)
    return value
