"""Decrypts BELLE's LLaMA-1 models, which are published encrypted with Meta's own weights (`NAME.SHA256.enc`).

LLaMA-1 could not be redistributed, so each file was combined (XOR) with Meta's original LLaMA-1 7B
`consolidated.00.pth`, which is the key for the 13B models, too. An encrypted file begins with 32 bytes, the SHA-256 of
the plain file; then follows the plain file XOR the key, both cut into chunks of 10 MiB. The key is not simply periodic:
its last chunk is shorter, and is repeated *within that chunk of data* before the key starts again. Files longer than
the key come out wrong without that.

The plain bytes are hashed while they are written, and get their name only if the hash is right.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from belle.durable import check_space, replace_file, writing
from belle.errors import KnownError
from convert.checkpoint.formats import OTHER_FORMAT_KINDS, reader_for
from convert.checkpoint.problems import damaged
from convert.checkpoint.torch_files import is_torch_legacy
from convert.checkpoint.weights_file import WeightsFile
from convert.checkpoint.zip_directory import END_MAGIC, LOCAL_MAGIC

CHUNK_BYTES = 10 * 1024 * 1024
DIGEST_BYTES = hashlib.sha256().digest_size
ENCRYPTED_SUFFIX = ".enc"
# Meta's consolidated.00.pth of LLaMA-1 7B.
ORIGINAL_KEY_BYTES = 13_476_939_516

_ZIP_END_BYTES = 22
_DIGEST_IN_NAME = re.compile(r"\.[0-9a-f]{64}$")
_KEY_ADVICE = (
    "The key is Meta's original LLaMA-1 7B file consolidated.00.pth (also for the 13B models): not the Hugging Face "
    "format, not a re-sharded file, not Llama 2."
)

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class KeyFile:
    """The key file, open. Raises KnownError (`wrong_key`, `missing_file`, `unreadable`)."""

    file: WeightsFile

    def __post_init__(self) -> None:
        try:
            reader_for(self.file)
        except KnownError as error:
            if error.kind not in {*OTHER_FORMAT_KINDS, "empty_file", "lfs_pointer"}:
                raise
            message = f"{self.file.path.name} cannot be the key: {error.message}"
            raise KnownError("wrong_key", message, _KEY_ADVICE, key=str(self.file.path)) from error

    def apply(self, index: int, data: NDArray[np.uint8]) -> None:
        """Decrypt chunk number `index` of the data in place (at most `CHUNK_BYTES`)."""
        n_chunks = -(-self.file.size // CHUNK_BYTES)  # rounded up
        start = index % n_chunks * CHUNK_BYTES
        # Shorter in the key's last chunk.
        part = np.empty(min(CHUNK_BYTES, self.file.size - start, len(data)), np.uint8)
        self.file.read_into(start, part)
        repeated = np.tile(part, -(-len(data) // len(part)))[: len(data)] if len(part) < len(data) else part
        np.bitwise_xor(data, repeated, out=data)


@dataclass(frozen=True)
class _Encrypted:
    """An encrypted file: the digest of its plain bytes, and those bytes chunk by chunk."""

    file: WeightsFile
    digest: bytes

    @property
    def size(self) -> int:
        return self.file.size - DIGEST_BYTES

    @property
    def n_chunks(self) -> int:
        return -(-self.size // CHUNK_BYTES)

    def chunk(self, index: int, key: KeyFile) -> NDArray[np.uint8]:
        start = index * CHUNK_BYTES
        data = np.empty(min(CHUNK_BYTES, self.size - start), np.uint8)
        self.file.read_into(DIGEST_BYTES + start, data)
        key.apply(index, data)
        return data


def plain_name(encrypted: Path) -> str:
    """The name of the plain file: without `.enc`, and without the SHA-256 before it."""
    return _DIGEST_IN_NAME.sub("", encrypted.name.removesuffix(ENCRYPTED_SUFFIX))


def decrypt_file(source: Path, key: Path, folder: Path, progress: Progress | None = None) -> Path:
    """Decrypt `source` into `folder` (created if need be), under its plain name, and return the path.

    A file that exists already with the right contents is kept. Memory: a few chunks.

    Args:
        source: the encrypted file.
        key: Meta's `consolidated.00.pth`.
        folder: for the plain file.
        progress: called with the bytes done and the size.

    Raises KnownError: `wrong_key`, `does_not_decrypt` (damaged, incomplete, or the wrong key after all), `truncated`,
        `file_exists`, `disk_full`, `missing_file`, `unreadable`, `folder_not_writable`. Then no file is left.
    """
    key_file = WeightsFile(key)
    try:
        file = WeightsFile(source)
        try:
            return _decrypt(file, KeyFile(key_file), folder / plain_name(source), progress)
        finally:
            file.close()
    finally:
        key_file.close()


def decrypt_folder(source: Path, key: Path, folder: Path, progress: Progress | None = None) -> list[Path]:
    """Decrypt every `*.enc` file of the folder `source`, small ones first, into `folder`; return the plain files.

    After an interruption, files that are complete are kept. `progress` counts over all files. Raises KnownError as
    `decrypt_file` does, and `no_weights` if there is no encrypted file.
    """
    sources = sorted(source.glob(f"*{ENCRYPTED_SUFFIX}"), key=lambda path: (path.stat().st_size, path.name))
    if not sources:
        message = f"{source} holds no encrypted files (*{ENCRYPTED_SUFFIX})."
        raise KnownError("no_weights", message, "Give the folder of the downloaded model.", folder=str(source))
    names = [plain_name(path) for path in sources]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        message = f"{source} holds {twice} in two versions."
        raise KnownError("ambiguous_checkpoint", message, "Keep the one you mean.", folder=str(source))
    total = sum(max(0, path.stat().st_size - DIGEST_BYTES) for path in sources)
    results: list[Path] = []
    before = 0
    for path in sources:

        def count(done: int, size: int, before: int = before) -> None:
            del size
            if progress is not None:
                progress(before + done, total)

        results.append(decrypt_file(path, key, folder, count))
        before += path.stat().st_size - DIGEST_BYTES
    return results


def _decrypt(file: WeightsFile, key: KeyFile, target: Path, progress: Progress | None) -> Path:
    if file.size <= DIGEST_BYTES:
        raise damaged(file.path, "it is too short to hold anything", kind="truncated")
    encrypted = _Encrypted(file, file.read(0, DIGEST_BYTES))
    if target.exists():
        return _existing(encrypted, target)
    _check_ends(encrypted, key, target.name)
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    check_space(
        target.parent, {"the decrypted file": encrypted.size}, advice="Free some space, or choose another disk."
    )
    with replace_file(target, advice="Make room and start again.") as out:
        if _write(encrypted, key, out, progress) != encrypted.digest:
            raise _does_not_decrypt(encrypted, key)
    return target


def _write(encrypted: _Encrypted, key: KeyFile, out: BinaryIO, progress: Progress | None) -> bytes:
    """Write the plain bytes; return their SHA-256.

    While a chunk is written it is hashed, and the next one is read and decrypted. (All of this releases the
    interpreter's lock.)
    """
    digest = hashlib.sha256()
    with ThreadPoolExecutor(2) as pool:
        following = pool.submit(encrypted.chunk, 0, key)
        for index in range(encrypted.n_chunks):
            data = following.result()
            if index + 1 < encrypted.n_chunks:
                following = pool.submit(encrypted.chunk, index + 1, key)
            hashed = pool.submit(digest.update, data.data)
            out.write(data.data)
            hashed.result()
            if progress is not None:
                progress(min((index + 1) * CHUNK_BYTES, encrypted.size), encrypted.size)
    return digest.digest()


def _check_ends(encrypted: _Encrypted, key: KeyFile, name: str) -> None:
    """Check both ends of a PyTorch file, so that a wrong key shows before gigabytes are decrypted."""
    if not name.endswith((".bin", ".pt", ".pth")):
        return
    head = encrypted.chunk(0, key)[:512].tobytes()
    is_zip = head.startswith(LOCAL_MAGIC) and _names_a_pickle(head)
    if not is_zip and not is_torch_legacy(head):
        message = (
            f"{key.file.path.name} is not the key to {encrypted.file.path.name}: the result is not a PyTorch file."
        )
        raise _failed("wrong_key", message, encrypted, key)
    # The end record may lie across the last two chunks.
    last = encrypted.n_chunks - 1
    tail = encrypted.chunk(last, key)
    if last > 0:
        tail = np.concatenate([encrypted.chunk(last - 1, key)[-_ZIP_END_BYTES:], tail])
    if is_zip and not tail[-_ZIP_END_BYTES:].tobytes().startswith(END_MAGIC):
        raise _does_not_decrypt(encrypted, key)


def _names_a_pickle(head: bytes) -> bool:
    """Whether the first entry of a zip file is PyTorch's `data.pkl`.

    The magic number alone proves nothing: it also comes out right with a wrong key that is a zip file.
    """
    # Of a local header, bytes 26 … 27 are the length of the name, which begins at byte 30.
    name_length = int.from_bytes(head[26:28], "little")
    return head[30 : 30 + name_length].endswith(b"/data.pkl")


def _existing(encrypted: _Encrypted, target: Path) -> Path:
    """`target`, if it has the right contents; raises KnownError("file_exists") if not."""
    with target.open("rb") as stream:
        if hashlib.file_digest(stream, "sha256").digest() == encrypted.digest:
            return target
    message = f"{target} exists and differs from what {encrypted.file.path.name} decrypts to."
    raise KnownError("file_exists", message, "Move it away, or choose another folder.", file=str(target))


def _does_not_decrypt(encrypted: _Encrypted, key: KeyFile) -> KnownError:
    name = encrypted.file.path.name
    message = f"{name} does not decrypt: it is damaged or was not downloaded completely, or the key is wrong."
    return _failed("does_not_decrypt", message, encrypted, key)


def _failed(kind: str, message: str, encrypted: _Encrypted, key: KeyFile) -> KnownError:
    path, size = encrypted.file.path, key.file.size
    advice = "" if kind == "wrong_key" else "Compare the size and SHA-256 of the download. "
    advice += _KEY_ADVICE
    if size != ORIGINAL_KEY_BYTES:
        advice += f" That file has {ORIGINAL_KEY_BYTES:,} bytes; this key has {size:,}."
    return KnownError(kind, message, advice, file=str(path), key=str(key.file.path))
