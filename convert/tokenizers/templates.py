"""The chat template of a checkpoint: its own, or the one that BELLE checkpoints, which carry none, were trained on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from jinja2.exceptions import TemplateSyntaxError

from belle.errors import KnownError
from belle.prompts import Message
from belle.prompts.sandbox import Program
from convert.chat_templates import CHAT_TEMPLATES, suggest_template
from convert.tokenizers.files import TokenizerFolder, read_object, read_text

_QUESTION = Message("user", "a question")


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
    if isinstance(given, Mapping):  # by name, as transformers keeps several in memory
        given = [{"name": name, "template": source} for name, source in given.items()]
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


def check_templates(templates: Mapping[str, str], notes: list[str]) -> None:
    """Refuses templates that do not parse: whoever reads the file would take another one, or none, in silence.

    Args:
        templates: Jinja by name.
        notes: gets a sentence about the usual one when it parses, but does not work for one question.

    Raises KnownError("template_error").
    """
    for name, source in templates.items():
        try:
            Program(source, bos_token="", eos_token="").render([_QUESTION], add_generation_prompt=True)
        except KnownError as error:
            if type(error.__cause__) is TemplateSyntaxError:
                which = "" if name == "default" else f" “{name}”"
                raise KnownError(
                    "template_error",
                    f"The checkpoint's chat template{which} does not parse: line {error.__cause__.lineno}: "
                    f"{str(error.__cause__.message).rstrip('.')}.",
                    "Correct it, choose a built-in one with --template ID, or write none with --template none.",
                    name=name,
                ) from error
            if name == "default" and not error.details.get("refused"):
                notes.append(f"The chat template is written as it is, but does not work here: {error.message}")


def _names(checkpoint: TokenizerFolder) -> str:
    """What the checkpoint is called; a repository in Hugging Face's cache is a folder `models--owner--name`."""
    folder = checkpoint.folder.resolve()
    cached = [part for part in folder.parts if part.startswith("models--")]
    return json.dumps([folder.name, *cached, checkpoint.config.get("_name_or_path")])
