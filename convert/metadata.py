"""The general metadata of a GGUF: name, origin, licence, and digests of the files it is made from."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from gguf.constants import GGUFValueType

from belle.gguf.writer import KeyValue

__all__ = ["KeyValue", "array", "count", "flag", "general_metadata", "read_model_card", "real", "text"]

MODEL_CARD = "README.md"
_MODEL_CARD_LIMIT = 1 << 20
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def text(key: str, value: str) -> KeyValue:
    """A string entry."""
    return KeyValue(key, value, GGUFValueType.STRING)


def count(key: str, value: int) -> KeyValue:
    """A uint32 entry."""
    return KeyValue(key, value, GGUFValueType.UINT32)


def real(key: str, value: float) -> KeyValue:
    """A float32 entry."""
    return KeyValue(key, float(value), GGUFValueType.FLOAT32)


def flag(key: str, value: bool) -> KeyValue:
    """A boolean entry."""
    return KeyValue(key, value, GGUFValueType.BOOL)


def array(key: str, values: Sequence[Any], item_type: GGUFValueType) -> KeyValue:
    """An array entry."""
    return KeyValue(key, list(values), item_type)


def general_metadata(
    folder: Path,
    config: Mapping[str, Any] = MappingProxyType({}),
    *,
    architecture: str,
    n_parameters: int,
    sha256: Mapping[str, str],
    name: str | None = None,
    license_id: str | None = None,
    repository: str | None = None,
) -> list[KeyValue]:
    """The `general.*` entries, and the digests of the input files as `chatbelle.source.sha256.<file>`.

    What is not given is taken from the checkpoint's model card (the header of `README.md`) and its path; what is not
    known is left out, except the name, for which the folder's is used. `_name_or_path` in config.json says what the
    training began with, so it is used for the base model and not for the name.

    Args:
        folder: the checkpoint's.
        config: its config.json.
        architecture: its name in GGUF, such as `bloom`.
        n_parameters: number of weights, for the size label.
        sha256: hexadecimal digest by file name.
        name: overrides the name of the model.
        license_id: overrides the licence, such as `apache-2.0`.
        repository: `owner/name` of the checkpoint on its hub.
    """
    from gguf.utility import size_label

    card = read_model_card(folder)
    repository = repository or _cached_repository(folder)
    model_name = name or _one(card, "model_name") or _title(repository) or folder.resolve().name
    entries = [
        text("general.architecture", architecture),
        text("general.type", "model"),
        text("general.name", model_name),
        text("general.size_label", size_label(n_parameters, n_parameters, 0, 0)),
    ]
    optional = {
        "general.license": license_id or _one(card, "license"),
        "general.license.name": _one(card, "license_name"),
        "general.license.link": _one(card, "license_link"),
        "general.source.repo_url": f"https://huggingface.co/{repository}" if repository else None,
    }
    entries += [text(key, value) for key, value in optional.items() if value]
    bases = [base for base in card.get("base_model", []) if _REPOSITORY.fullmatch(base)]
    began_with = str(config.get("_name_or_path") or "")
    if not bases and _REPOSITORY.fullmatch(began_with) and _title(began_with) != model_name:
        # It may be a path on someone's disk and not a repository, so no address is made from it.
        entries += [count("general.base_model.count", 1), text("general.base_model.0.name", _title(began_with))]
    elif bases:
        entries.append(count("general.base_model.count", len(bases)))
    for number, base in enumerate(bases):
        entries.append(text(f"general.base_model.{number}.name", _title(base)))
        entries.append(text(f"general.base_model.{number}.repo_url", f"https://huggingface.co/{base}"))
    for key, field in (("general.tags", "tags"), ("general.languages", "language")):
        if card.get(field):
            entries.append(array(key, card[field], GGUFValueType.STRING))
    entries += [text(f"chatbelle.source.sha256.{file}", digest) for file, digest in sorted(sha256.items())]
    return entries


def read_model_card(folder: Path) -> dict[str, list[str]]:
    """The plain fields of the YAML header of a model card, as lists of text; {} without one.

    Only `key: value`, `key: [a, b]` and lists of `- value` are parsed: licence, languages, tags and base models are
    written so.
    """
    path = folder / MODEL_CARD
    if not path.is_file():
        return {}
    with path.open("rb") as file:
        lines = file.read(_MODEL_CARD_LIMIT).decode("utf-8", "replace").splitlines()
    if not lines or lines[0].rstrip() != "---":
        return {}
    fields: dict[str, list[str]] = {}
    key = ""
    for line in lines[1:]:
        if line.rstrip() in ("---", "..."):
            return fields
        item = re.match(r"\s*-\s+(.*)", line)
        pair = re.match(r"([\w-]+):\s*(.*)", line)
        if pair:
            key = pair[1]
            value = pair[2].strip()
            inner = value[1:-1].split(",") if value[:1] == "[" and value[-1:] == "]" else [value]
            fields[key] = [plain for part in inner if (plain := _unquoted(part))]
        elif item and key and (plain := _unquoted(item[1])) and ": " not in plain:
            fields[key].append(plain)
        elif line[:1] not in (" ", "\t", ""):
            key = ""
    return {}


def _cached_repository(folder: Path) -> str | None:
    """`owner/name` if the folder is in Hugging Face's cache, as `models--owner--name/snapshots/…`."""
    for part in reversed(folder.resolve().parts):
        if part.startswith("models--"):
            name = part.removeprefix("models--").replace("--", "/", 1)
            return name if _REPOSITORY.fullmatch(name) else None
    return None


def _unquoted(value: str) -> str:
    value = value.strip()
    return value[1:-1] if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"" else value


def _one(card: Mapping[str, Sequence[str]], field: str) -> str | None:
    values = card.get(field)
    return values[0] if values else None


def _title(repository: str | None) -> str:
    return repository.rsplit("/", 1)[-1] if repository else ""
