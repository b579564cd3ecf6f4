"""The chat template of a checkpoint: its own, or for BELLE checkpoints, which have none, the one of their training."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from jinja2.exceptions import TemplateSyntaxError

from belle.errors import KnownError
from belle.prompts import TEMPLATES, Message
from belle.prompts.jinja import jinja_source
from belle.prompts.sandbox import Program
from belle.texts import short_repr
from convert.checkpoint.checkpoint import MORE_TEMPLATES
from convert.tokenizers.chat_formats import StatedTemplate
from convert.tokenizers.files import TokenizerFolder, read_object, read_text


class _Templates(dict[str, str]):
    def __missing__(self, template_id: str) -> str:
        raise KnownError(
            "unknown_template",
            f"There is no prompt template called “{template_id}” that can be written into a GGUF.",
            f"The templates are: {', '.join(self)}; “none” writes none.",
            template=template_id,
            known=list(self),
        )


CHAT_TEMPLATES: Mapping[str, str] = _Templates(
    (template.id, source) for template in TEMPLATES.values() if (source := jinja_source(template)) is not None
)
"""Jinja sources of the built-in prompt templates by id, as they are written into GGUF files for other programs.

An unknown id raises KnownError("unknown_template"). The texts are those of `belle.prompts`. Between generations of
BELLE models `Human: ` and `Assistant: ` differ in a space or a newline, and each model knows only its own.
"""


def missing_tokens(template_id: str, tokens: Iterable[str]) -> list[str]:
    """The control tokens that a built-in template writes and that are not among `tokens`."""
    present = set(tokens)
    return [token for token in TEMPLATES[template_id].needs if token not in present]


_BY_MODEL_TYPE: Mapping[str, str] = {"bloom": "belle-bloom", "qwen": "qwen"}
"""The templates of BELLE's models on BLOOM and of BELLE-VL."""


def suggest_template(names: str, model_type: str) -> str | None:
    """The template of a BELLE checkpoint, guessed from its names; None if they do not say that it is one.

    Args:
        names: of its folder and in its config.json.
        model_type: as in config.json; all BELLE models on BLOOM use the same template.
    """
    names = names.lower()
    # BELLE-LLaMA-EXT-7B is a base model.
    if "belle" not in names or "ext-7b" in names:
        return None
    if model_type in _BY_MODEL_TYPE:
        return _BY_MODEL_TYPE[model_type]
    if "llama2" in names or "llama-2" in names:
        return "belle-llama2"
    if "ext-13b" in names or "ext_13b" in names:
        return "belle-ext"
    if "2m" in names or "0.6m" in names:
        return "belle-v0"
    return "belle"


_CHOICE = f"--template ({', '.join(CHAT_TEMPLATES)}, none)"
_QUESTION = Message("user", "a question")


def own_templates(checkpoint: TokenizerFolder, tokenizer_config: Mapping[str, Any], notes: list[str]) -> dict[str, str]:
    """Jinja by name, the usual one under `default`; {} when the checkpoint has none.

    The file `chat_template.jinja` and those in `additional_chat_templates` win over `chat_template.json`, and that over
    tokenizer_config.json, as in transformers. `notes` gets a sentence about templates that are empty, which are left
    out, and about named ones of which none is the default.

    Raises KnownError: `damaged_tokenizer`, `template_error` for a value that is not a template.
    """
    file, value = _stated(checkpoint, tokenizer_config)
    if value is None:
        return {}
    templates = dict(_named(value, file))
    empty = [name for name, source in templates.items() if not source.strip()]
    if empty or not templates:
        which = f" ({', '.join(map(short_repr, empty))})" if empty and empty != ["default"] else ""
        notes.append(f"The chat template in {file}{which} is empty and was left out.")
    own = {name: source for name, source in templates.items() if name not in empty}
    if own and "default" not in own:
        notes.append(
            f"{file} names chat templates ({', '.join(map(short_repr, own))}), but none is called “default”: chat "
            f"programs that are not told which to take will guess one. Give the usual one with {_CHOICE}."
        )
    return own


def _stated(checkpoint: TokenizerFolder, tokenizer_config: Mapping[str, Any]) -> tuple[str, Any]:
    """The name of the file (or files) that counts and its value of the chat template; None if no file has one."""
    files = checkpoint.tokenizer_files
    own = {}
    if "chat_template.jinja" in files:
        own["default"] = files["chat_template.jinja"]
    own |= {path.stem: path for name, path in files.items() if name.startswith(f"{MORE_TEMPLATES}/")}
    if own:
        sources = dict.fromkeys(name.partition("/")[0] for name in files if files[name] in own.values())
        return " and ".join(sources), {name: read_text(path) for name, path in own.items()}
    value = read_object(files.get("chat_template.json")).get("chat_template")
    if value is not None:
        return "chat_template.json", value
    return "tokenizer_config.json", tokenizer_config.get("chat_template")


def _named(value: Any, file: str) -> Iterator[tuple[str, str]]:
    """Names and templates in the forms that transformers writes: one text, a list of `name` and `template`, or a dict.

    Raises KnownError("template_error").
    """
    if isinstance(value, str):
        value = {"default": value}
    if isinstance(value, Mapping):
        value = [{"name": name, "template": source} for name, source in value.items()]
    if not isinstance(value, list):
        raise _not_a_template(file, value)
    for part in value:
        name, source = (part.get("name"), part.get("template")) if isinstance(part, Mapping) else (None, None)
        if not isinstance(name, str) or not isinstance(source, str):
            raise _not_a_template(file, part)
        yield name, source


def _not_a_template(file: str, value: Any) -> KnownError:
    return KnownError(
        "template_error",
        f"{file} says chat_template is {short_repr(value)}, which is neither a text nor a name and its text.",
        f"Correct it, or give a template with {_CHOICE}.",
        file=file,
    )


def choose_templates(
    checkpoint: TokenizerFolder,
    tokenizer_config: Mapping[str, Any],
    template: str | None,
    notes: list[str],
    *,
    stated: StatedTemplate | None = None,
) -> tuple[dict[str, str], str | None]:
    """The templates to write, and the id of the built-in one among them, if one is used.

    Args:
        checkpoint: whose own templates are read.
        tokenizer_config: its tokenizer_config.json.
        template: a built-in template by id, in place of the checkpoint's own; `none` for no template at all.
        notes: gets a sentence if one was guessed or none was found.
        stated: the template that generation_config.json describes.

    Raises KnownError: `unknown_template`, and those of `own_templates`.
    """
    if template == "none":
        return {}, None
    if template is None:
        own = own_templates(checkpoint, tokenizer_config, notes)
        if own:
            return own, None
        if stated is not None:
            name = f"“{stated.builtin}”" if stated.builtin else "of Baichuan 2"
            notes.append(f"The checkpoint has no chat template; generation_config.json describes the template {name}.")
            return {"default": stated.source}, stated.builtin
        template = suggest_template(_names(checkpoint), str(checkpoint.config.get("model_type") or ""))
        if template is None:
            notes.append(
                "The checkpoint has no chat template, so chat programs will guess one; give one with --template "
                f"({', '.join(CHAT_TEMPLATES)})."
            )
            return {}, None
        notes.append(
            f"The checkpoint has no chat template; by its name the template “{template}” was taken. "
            f"Another one is chosen with {_CHOICE}."
        )
    return {"default": CHAT_TEMPLATES[template]}, template


def check_templates(templates: Mapping[str, str], notes: list[str]) -> None:
    """Refuse templates that do not parse: a program that reads the file would silently use another one, or none.

    Args:
        templates: Jinja by name.
        notes: gets a sentence about the default one if it parses, but fails for one question.

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
    """The names of the checkpoint. (A repository in Hugging Face's cache is a folder `models--owner--name`.)"""
    folder = checkpoint.folder.resolve()
    cached = [part for part in folder.parts if part.startswith("models--")]
    return json.dumps([folder.name, *cached, checkpoint.config.get("_name_or_path")])
