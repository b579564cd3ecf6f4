"""Encrypted files as BELLE's publishers made them, written byte by byte after the description of their format."""

from __future__ import annotations

import hashlib
from pathlib import Path

CHUNK_BYTES = 10 * 1024 * 1024


def key_stream(key: bytes, length: int) -> bytes:
    """What the data is combined with: 10 MiB chunks of the key, a short last one repeated to fill its chunk."""
    chunks = [key[start : start + CHUNK_BYTES] for start in range(0, len(key), CHUNK_BYTES)]
    stream = bytearray()
    while len(stream) < length:
        for chunk in chunks:
            repeated = chunk * (CHUNK_BYTES // len(chunk) + 1)
            stream += repeated[:CHUNK_BYTES]
    return bytes(stream[:length])


def encrypt(plain: bytes, key: bytes) -> bytes:
    """The contents of an `.enc` file."""
    stream = key_stream(key, len(plain))
    combined = int.from_bytes(plain, "big") ^ int.from_bytes(stream, "big")
    return hashlib.sha256(plain).digest() + combined.to_bytes(len(plain), "big")


def encrypted_file(folder: Path, name: str, plain: bytes, key: bytes) -> Path:
    """Write `NAME.SHA256.enc` into `folder`."""
    path = folder / f"{name}.{hashlib.sha256(plain).hexdigest()}.enc"
    path.write_bytes(encrypt(plain, key))
    return path
