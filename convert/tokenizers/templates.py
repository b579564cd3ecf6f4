"""The chat template of a checkpoint: its own, or the one that BELLE checkpoints, which carry none, were trained on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from convert.chat_templates import CHAT_TEMPLATES, suggest_template
from convert.tokenizers.files import TokenizerFolder, read_object, read_text


def own_templates(checkpoint: TokenizerFolder, tokenizer_config: Mapping[str, Any]) -> dict[str, str]:
    """Jinja by name, the usual one under `default`; {} when the checkpoint has none.

    The file `chat_template.jinja` wins over `chat_template.json`, and that over tokenizer_config.json, as in
    transformers. Raises KnownError("damaged_tokenizer").
    """
    files = checkpoint.tokenizer_files
    if "chat_template.jinja" in files:
        return {"default": read_text(files["chat_template.jinja"])}
    given = read_object(files.get("chat_template.json")).get("chat_template") or tokenizer_config.get("chat_template")
    if isinstance(given, str) and given:
        return {"default": given}
    if not isinstance(given, list):
        return {}
    pairs = [(part.get("name"), part.get("template")) for part in given if isinstance(part, Mapping)]
    return {name: source for name, source in pairs if isinstance(name, str) and isinstance(source, str)}


def choose_templates(
    checkpoint: TokenizerFolder, tokenizer_config: Mapping[str, Any], template: str | None, notes: list[str]
) -> tuple[dict[str, str], str | None]:
    """The templates to write, and the id of the built-in one among them, if one was taken.

    Args:
        checkpoint: where they are looked for.
        tokenizer_config: its tokenizer_config.json.
        template: a built-in template by id, in place of the checkpoint's own; `none` for no template at all.
        notes: gets a sentence when one had to be guessed or none was found.

    Raises KnownError("unknown_template").
    """
    if template == "none":
        return {}, None
    if template is None:
        own = own_templates(checkpoint, tokenizer_config)
        if own:
            return own, None
        template = suggest_template(_names(checkpoint), str(checkpoint.config.get("model_type") or ""))
        if template is None:
            notes.append(
                "The checkpoint has no chat template, so chat programs will guess one; give one with --template "
                f"({', '.join(CHAT_TEMPLATES)})."
            )
            return {}, None
        notes.append(
            f"The checkpoint has no chat template; by its name the template “{template}” was taken. "
            f"Another one is chosen with --template ({', '.join(CHAT_TEMPLATES)}, none)."
        )
    return {"default": CHAT_TEMPLATES[template]}, template


def _names(checkpoint: TokenizerFolder) -> str:
    """What the checkpoint is called; a repository in Hugging Face's cache is a folder `models--owner--name`."""
    folder = checkpoint.folder.resolve()
    cached = [part for part in folder.parts if part.startswith("models--")]
    return json.dumps([folder.name, *cached, checkpoint.config.get("_name_or_path")])
