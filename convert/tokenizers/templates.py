"""The chat template of a checkpoint: its own, or the one that BELLE checkpoints, which carry none, were trained on."""

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
"""Built-in prompts as Jinja by template id, to be written into GGUF files, so that every program that reads one talks
to the model rightly; a wrong id raises KnownError("unknown_template").

The words come from `belle.prompts`; here they only change their form. `Human: ` and `Assistant: ` differ in a space or
a newline between generations of BELLE models, and each model knows only its own.
"""


def missing_tokens(template_id: str, tokens: Iterable[str]) -> list[str]:
    """The control tokens that a built-in template writes and that are not among `tokens`."""
    present = set(tokens)
    return [token for token in TEMPLATES[template_id].needs if token not in present]


def suggest_template(names: str, model_type: str) -> str | None:
    """The template of a BELLE checkpoint by what it is called; None when nothing says that it is one.

    Args:
        names: of its folder and in its config.json.
        model_type: as in config.json; all BELLE models on BLOOM use the same template.
    """
    names = names.lower()
    # BELLE-LLaMA-EXT-7B is a base model.
    if "belle" not in names or "ext-7b" in names:
        return None
    if model_type == "bloom":
        return "belle-bloom"
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
    out, and about named ones without a usual one among them.

    Raises KnownError: `damaged_tokenizer`, `template_error` for what is no template.
    """
    file, given = _given(checkpoint, tokenizer_config)
    if given is None:
        return {}
    found = dict(_named(given, file))
    empty = [name for name, source in found.items() if not source.strip()]
    if empty or not found:
        which = f" ({', '.join(map(short_repr, empty))})" if empty and empty != ["default"] else ""
        notes.append(f"The chat template in {file}{which} is empty and was left out.")
    own = {name: source for name, source in found.items() if name not in empty}
    if own and "default" not in own:
        notes.append(
            f"{file} names chat templates ({', '.join(map(short_repr, own))}), but none is called “default”: chat "
            f"programs that are not told which to take will guess one. Give the usual one with {_CHOICE}."
        )
    return own


def _given(checkpoint: TokenizerFolder, tokenizer_config: Mapping[str, Any]) -> tuple[str, Any]:
    """Name of the file, or of the files, that have the say, and what they say; None for nothing."""
    files = checkpoint.tokenizer_files
    own = {}
    if "chat_template.jinja" in files:
        own["default"] = files["chat_template.jinja"]
    own |= {path.stem: path for name, path in files.items() if name.startswith(f"{MORE_TEMPLATES}/")}
    if own:
        where = dict.fromkeys(name.partition("/")[0] for name in files if files[name] in own.values())
        return " and ".join(where), {name: read_text(path) for name, path in own.items()}
    stated = read_object(files.get("chat_template.json")).get("chat_template")
    if stated is not None:
        return "chat_template.json", stated
    return "tokenizer_config.json", tokenizer_config.get("chat_template")


def _named(given: Any, file: str) -> Iterator[tuple[str, str]]:
    """Names and templates: of one template, of a list of `name` and `template`, or by name, as transformers has them.

    Raises KnownError("template_error").
    """
    if isinstance(given, str):
        given = {"default": given}
    if isinstance(given, Mapping):
        given = [{"name": name, "template": source} for name, source in given.items()]
    if not isinstance(given, list):
        raise _no_template(file, given)
    for part in given:
        name, source = (part.get("name"), part.get("template")) if isinstance(part, Mapping) else (None, None)
        if not isinstance(name, str) or not isinstance(source, str):
            raise _no_template(file, part)
        yield name, source


def _no_template(file: str, given: Any) -> KnownError:
    return KnownError(
        "template_error",
        f"{file} says chat_template is {short_repr(given)}, which is neither a text nor a name and its text.",
        f"Correct it, or give a template with {_CHOICE}.",
        file=file,
    )


def choose_templates(
    checkpoint: TokenizerFolder, tokenizer_config: Mapping[str, Any], template: str | None, notes: list[str]
) -> tuple[dict[str, str], str | None]:
    """The templates to write, and the id of the built-in one among them, if one was taken.

    Args:
        checkpoint: where they are looked for.
        tokenizer_config: its tokenizer_config.json.
        template: a built-in template by id, in place of the checkpoint's own; `none` for no template at all.
        notes: gets a sentence when one had to be guessed or none was found.

    Raises KnownError: `unknown_template`, and those of `own_templates`.
    """
    if template == "none":
        return {}, None
    if template is None:
        own = own_templates(checkpoint, tokenizer_config, notes)
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
            f"Another one is chosen with {_CHOICE}."
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
