"""A loaded model and its vocabulary, by the low-level API of llama.cpp.

llama_cpp's high-level `Llama` class is not used: it hides why a load failed, chooses templates by itself and cannot
stop in the middle of a prompt.
"""

from __future__ import annotations

import ctypes
import os
import re
import sys
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

import llama_cpp.llama_cpp as llama

from belle.engine.llama.native_log import NativeLog
from belle.engine.process import safer_mode
from belle.engine.process.faults import load_fault, loading_note
from belle.errors import KnownError
from belle.gguf.reader import split_parts
from belle.interrupts import native_callback
from belle.prompts.thinking import CONTROL_TOKENS
from belle.prompts.tool_calls import CONTROL_TOKENS as TOOL_CONTROL_TOKENS

_SENTENCEPIECE = 1  # enum llama_vocab_type
_ATTRIBUTE_CONTROL = 1 << 3  # enum llama_token_attr
_ATTRIBUTE_STRIP_LEFT = 1 << 7
_ATTRIBUTE_STRIP_RIGHT = 1 << 8
_MAPS, _STATM = Path("/proc/self/maps"), Path("/proc/self/statm")
_DONT_NEED = 4  # MADV_DONTNEED: a page that is read after all comes from the page cache again
_WORTH_RELEASING = 16 << 20  # bytes; below that, reading pages again costs more than they take


class LoadCancelled(Exception):  # noqa: N818 - not an error
    """`on_progress` returned False."""


class Vocabulary:
    """Text to tokens and back.

    `size` is the number of tokens; `bos`, `eos` are None where the model has none. `piece(token)` gives the bytes that
    a token stands for, none for a control token; `ends_answer(token)` whether it is one of those with which the model
    ends a turn or a text.
    """

    def __init__(self, handle: llama.llama_vocab_p) -> None:
        self.handle = handle
        self.size: int = llama.llama_vocab_n_tokens(handle)
        self.bos = self._id(llama.llama_vocab_bos(handle))
        self.eos = self._id(llama.llama_vocab_eos(handle))
        self.adds_bos: bool = llama.llama_vocab_get_add_bos(handle)
        self._buffer = ctypes.create_string_buffer(256)
        self._control = self._control_tokens()
        # Called for every token, between two evaluations.
        self.piece = cache(self._piece)
        marks = [(text, ids[0]) for text, ids in self._control[1].items()]
        self._marks = {token: text.encode() for text, token in marks if text in CONTROL_TOKENS}
        self._tool_marks = {token: text.encode() for text, token in marks if text in TOOL_CONTROL_TOKENS}
        self.ends_answer = cache(self._ends_answer)

    def tokenize(self, text: str) -> list[int]:
        """The tokens of `text` alone; text that looks like a control token stays text."""
        return self._tokenize(text, around=False)

    def _tokenize(self, text: str, *, around: bool) -> list[int]:
        data = text.encode("utf-8", "replace")
        room = len(data) + 2
        for _ in range(2):  # where the room is too small, llama.cpp returns the number needed, negated
            tokens = (llama.llama_token * room)()
            count = llama.llama_tokenize(self.handle, data, len(data), tokens, room, around, False)
            if count >= 0:
                return list(tokens[:count])
            room = -count
        raise RuntimeError(f"llama_tokenize cannot tokenize {len(data)} bytes")

    def tokenize_whole(self, text: str) -> list[int]:
        """The tokens of `text` between the control tokens that the vocabulary puts around a whole text.

        So does an embedding model expect it. Text that looks like a control token stays text.
        """
        return self._tokenize(text, around=True)

    def tokenize_after(self, text: str) -> list[int]:
        """The tokens of `text` as the continuation of other text.

        SentencePiece puts a space in front of whatever it tokenizes. So a line feed, which merges with nothing, is put
        in front of `text`, and its tokens, with those of the space, are removed again.
        """
        if llama.llama_vocab_type(self.handle) != _SENTENCEPIECE:
            return self.tokenize(text)
        before, whole = self.tokenize("\n"), self.tokenize("\n" + text)
        return whole[len(before) :] if whole[: len(before)] == before else self.tokenize(text)

    def tokenize_marks_after(self, text: str) -> list[int]:
        """The same, where text that looks like a control token is that token."""
        parts = self.split_control(text)
        return [token for part in parts for token in ([part] if isinstance(part, int) else self.tokenize_after(part))]

    def text(self, token: int | None) -> str:
        """The entry of `token` in the vocabulary, "" for None."""
        return "" if token is None else llama.llama_vocab_get_text(self.handle, token).decode("utf-8", "replace")

    def is_control(self, token: int) -> bool:
        """Whether `token` marks a role, a beginning or an end, and stands for no text."""
        control: bool = llama.llama_vocab_is_control(self.handle, token)
        return control

    def has_token(self, text: str) -> bool:
        """Whether `text` is a single token, as the marks of roles and ends are in vocabularies that have them."""
        if text in self._control[1]:
            return True
        # At most one token may come before it: the space that SentencePiece puts in front.
        *before, last = self.tokenize(text) or (-1,)
        return len(before) <= self.puts_space_in_front and last >= 0 and self.text(last) == text

    @property
    def puts_space_in_front(self) -> bool:
        """Whether a space is put in front of text before it is tokenized, as SentencePiece does."""
        first = self.tokenize("a")[:1]
        return bool(first) and self.text(first[0]).startswith("▁")

    def split_control(self, text: str) -> Iterable[str | int]:
        """Cut the `text` of a template into plain text and the ids of the control tokens written in it.

        Some control tokens also remove the white space beside them (`lstrip`, `rstrip` of a Hugging Face tokenizer).
        """
        pattern, ids = self._control
        position = 0
        for match in pattern.finditer(text):
            token, strip_left, strip_right = ids[match["token"]]
            before = text[position : match.start()]
            yield before.rstrip() if strip_left else before
            yield token
            position = match.end()
            if strip_right:
                position = len(text) - len(text[position:].lstrip())
        yield text[position:]

    def _control_tokens(self) -> tuple[re.Pattern[str], dict[str, tuple[int, bool, bool]]]:
        ids = {}
        for token in range(self.size):
            attributes = llama.llama_vocab_get_attr(self.handle, token)
            if attributes & _ATTRIBUTE_CONTROL and (text := self.text(token)):
                strip = bool(attributes & _ATTRIBUTE_STRIP_LEFT), bool(attributes & _ATTRIBUTE_STRIP_RIGHT)
                ids[text] = (token, *strip)
        longest_first = sorted(ids, key=len, reverse=True)
        # With no control tokens at all, a pattern that never matches.
        choice = "|".join(map(re.escape, longest_first)) or r"(?!)"
        return re.compile(f"(?P<token>{choice})"), ids

    def _piece(self, token: int) -> bytes:
        length = llama.llama_token_to_piece(self.handle, token, self._buffer, len(self._buffer), 0, False)
        if length < 0:
            self._buffer = ctypes.create_string_buffer(-length)
            return self._piece(token)
        return self._buffer.raw[:length]

    def piece_with_marks(self, token: int) -> bytes:
        """As `piece`, but with the text of those control tokens that mark a thought (`<think>`)."""
        return self.piece(token) or self._marks.get(token, b"")

    def piece_with_tool_marks(self, token: int) -> bytes:
        """The same, and the text of control tokens that mark the calls of functions."""
        return self.piece_with_marks(token) or self._tool_marks.get(token, b"")

    def _ends_answer(self, token: int) -> bool:
        ends: bool = llama.llama_vocab_is_eog(self.handle, token)
        return ends

    @staticmethod
    def _id(token: int) -> int | None:
        return token if token >= 0 else None


class Model:
    """The weights of a GGUF in memory. To be closed, after every context that uses them.

    Args:
        path: a GGUF whose header has been checked.
        n_gpu_layers: layers to offload, -1 for all.
        log: where llama.cpp writes its reasons.
        on_progress: called with a fraction of 0…1; returns False to cancel.
        vocabulary_only: do not load the weights.
        as_on_disk: compute with the mapped file as it is, without memory for weights rearranged for faster kernels.

    Attributes:
        path, log: as given.
        can_forget: whether the end of what was read can be taken back; recurrent layers cannot do that.

    Raises KnownError when llama.cpp cannot load it, LoadCancelled when `on_progress` returned False.
    """

    def __init__(
        self,
        path: Path,
        *,
        n_gpu_layers: int,
        log: NativeLog,
        on_progress: Callable[[float], bool],
        vocabulary_only: bool = False,
        as_on_disk: bool = False,
    ) -> None:
        cancelled = False

        @native_callback
        def progress(fraction: float, _: Any) -> bool:
            nonlocal cancelled
            cancelled = not on_progress(fraction)
            return not cancelled

        params = llama.llama_model_default_params()
        params.n_gpu_layers = n_gpu_layers
        params.vocab_only = vocabulary_only
        if as_on_disk:
            params.load_mode = llama.LLAMA_LOAD_MODE_MMAP
        params.use_extra_bufts = not (as_on_disk or safer_mode.is_on())
        params.progress_callback = llama.llama_progress_callback(progress)
        log.errors()
        log.note(loading_note(path))
        private_before = _private_bytes()
        self.handle = llama.llama_model_load_from_file(os.fsencode(path), params)
        if self.handle is None:
            raise LoadCancelled if cancelled else load_fault(path, log.errors())
        if llama.llama_model_has_encoder(self.handle) or not llama.llama_model_has_decoder(self.handle):
            self.close()
            raise not_a_chat_model(path)
        _release_copied(split_parts(path), private_before)
        self.path, self.log = path, log
        self.vocabulary = Vocabulary(llama.llama_model_get_vocab(self.handle))
        self.n_ctx_train: int = llama.llama_model_n_ctx_train(self.handle)
        self.n_params: int = llama.llama_model_n_params(self.handle)
        self.can_forget = not (llama.llama_model_is_recurrent(self.handle) or llama.llama_model_is_hybrid(self.handle))

    def close(self) -> None:
        """Free the memory."""
        if self.handle is not None:
            llama.llama_model_free(self.handle)
            self.handle = None


def not_a_chat_model(path: Path) -> KnownError:
    """The error for models of other kinds, which llama.cpp loads as well."""
    message = f"{path.name} does not hold a model that can chat."
    advice = "Choose a text generation model; embedding and translation models cannot be used for it."
    return KnownError("not_a_chat_model", message, advice, path=str(path))


def _private_bytes() -> int:
    """Memory of this process that is not mapped from files; 0 where that cannot be told."""
    if sys.platform != "linux":
        return 0
    _, resident, shared, *_ = _STATM.read_text().split()
    return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE")


def _release_copied(files: Iterable[Path], private_before: int) -> None:
    """Give back the pages of `files`, a model just loaded, if much of it was copied.

    For faster kernels llama.cpp rearranges the weights of some types into memory of its own, and goes on mapping the
    whole file. The pages that it copied from are never read again, but count as memory of the process: nearly twice
    its need.
    """
    if sys.platform != "linux" or _private_bytes() - private_before < _WORTH_RELEASING:
        return
    libc = ctypes.CDLL(None)
    libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    names = {os.path.realpath(path) for path in files}
    for line in _MAPS.read_text(errors="surrogateescape").splitlines():
        # 7f1200000000-7f1300000000 r--s 00000000 fe:00 1234      /models/a b.gguf
        fields = line.split(maxsplit=5)
        if len(fields) == 6 and fields[5] in names and fields[1].startswith("r--"):
            start, end = (int(number, 16) for number in fields[0].split("-"))
            libc.madvise(start, end - start, _DONT_NEED)
