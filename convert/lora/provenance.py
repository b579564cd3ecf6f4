"""What a GGUF remembers of the adapters in it: which, how strong, and of which bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from belle.gguf.writer import KeyValue
from convert.checkpoint.problems import unreadable
from convert.lora.adapter import Adapter
from convert.metadata import count, real, text


def digests(adapter: Adapter) -> dict[str, str]:
    """SHA-256 of the adapter's files by file name, in hexadecimal. Raises KnownError("unreadable")."""
    found = {}
    for path in adapter.files:
        try:
            with path.open("rb") as file:
                found[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise unreadable(path, error) from error
    return found


def merged_metadata(adapters: Sequence[Adapter]) -> list[KeyValue]:
    """The `chatbelle.lora.*` entries of a model that `adapters` were merged into; none when there are none."""
    entries = [count("chatbelle.lora.count", len(adapters))] if adapters else []
    for number, adapter in enumerate(adapters):
        key = f"chatbelle.lora.{number}"
        entries += [text(f"{key}.name", adapter.folder.resolve().name), real(f"{key}.scale", adapter.strength)]
        entries += [text(f"{key}.sha256.{name}", digest) for name, digest in sorted(digests(adapter).items())]
    return entries
