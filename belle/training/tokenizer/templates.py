"""The prompt template of a run: the one that the recipe names, or the model's own; and the control tokens it needs.

Control tokens that the vocabulary lacks can be added (`add_tokens`); `model/embedding_rows.py` adds their rows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from belle.errors import KnownError
from belle.prompts import TEMPLATES, Message, PromptTemplate, get_template
from belle.prompts.model_template import MODEL, model_template

AUTO = "auto"
"""The model's own template where it brings one, else BELLE's."""

TEMPLATE_KEY = "belle_template"
"""In tokenizer_config.json: the id in `belle.prompts` of the template that the model was trained with."""

_NO_CHAT = "plain"
_NEW_TOKENS = "new_token_ids"
_EXAMPLE = (Message("system", "be kind"), Message("user", "hello"), Message("assistant", "good day"))
# `<|im_end|>`, `<end_of_turn>`, `<｜User｜>`: what a template can only mean as one token.
_CONTROL = re.compile(r"<[|｜]?[^<>\s|｜]+[|｜]?>")


def check_template_name(name: str) -> None:
    """Raises KnownError("unknown_template") for a name that no template has."""
    if name not in (AUTO, MODEL):
        get_template(name)


def template_of(
    name: str, tokenizer: Any, *, chats: bool, add_tokens: bool = False, say: Callable[[str], None] = lambda _: None
) -> PromptTemplate:
    """The template of a run, after its tokenizer got the control tokens that it lacked, where the recipe wants that.

    Arguments and errors as `choose_template`.
    """
    template = choose_template(name, tokenizer, chats=chats, complete=not add_tokens, say=say)
    if add_tokens and chats:
        add_missing_tokens(template, tokenizer, say=say)
    return template


def add_missing_tokens(template: PromptTemplate, tokenizer: Any, *, say: Callable[[str], None]) -> None:
    """Add the control tokens of `template` to the tokenizer; `new_tokens` returns their ids afterwards."""
    missing = missing_tokens(template, tokenizer)
    if missing:
        add_tokens(tokenizer, missing)
        say(f"vocabulary: {', '.join(missing)} added, which template {template.id} needs")


def add_tokens(tokenizer: Any, tokens: Sequence[str]) -> None:
    """Add control tokens that the vocabulary lacks; `new_tokens` returns their ids afterwards."""
    tokenizer.add_special_tokens({"additional_special_tokens": list(tokens)}, replace_extra_special_tokens=False)
    setattr(tokenizer, _NEW_TOKENS, (*new_tokens(tokenizer), *tokenizer.convert_tokens_to_ids(list(tokens))))


def new_tokens(tokenizer: Any) -> Sequence[int]:
    """The ids that `add_tokens` added to this tokenizer."""
    ids: Sequence[int] = getattr(tokenizer, _NEW_TOKENS, ())
    return ids


def choose_template(
    name: str,
    tokenizer: Any,
    *,
    chats: bool = True,
    complete: bool = True,
    say: Callable[[str], None] = lambda _: None,
) -> PromptTemplate:
    """The template that `name` means for this model.

    Args:
        name: `auto`, `model`, or an id of `belle.prompts`.
        tokenizer: transformers' tokenizer of the model.
        chats: whether the run renders conversations; otherwise `auto` does not look at the model's own.
        complete: the vocabulary must have all control tokens; False when missing ones will be added.
        say: gets a sentence about the template that was chosen, or the one that is replaced.

    Raises KnownError: `unknown_template`; `no_chat_template` when `model` is asked for and there is none;
    `template_error` when the model's own cannot be trained with; `template_tokens_missing`.
    """
    if not chats and name == AUTO:
        return get_template(_NO_CHAT)
    own = chat_template_of(tokenizer)
    if name == MODEL or (name == AUTO and (own or _named(tokenizer))):
        template = own_template(tokenizer)
        if template is None:
            raise KnownError(
                "no_chat_template",
                f"template: model needs a tokenizer with a chat template, and that of {tokenizer.name_or_path} has"
                " none.",
                f"Name one of the built-in templates: {', '.join(TEMPLATES)}.",
            )
        say(f"template: {_in_words(template)}")
        return template
    template = get_template("belle" if name == AUTO else name)
    if chats:
        if complete:
            check_tokens(template, tokenizer)
        if own and own_template_id(tokenizer) != template.id:
            say(f"template: {template.id}; it replaces the chat template that the model brings along")
        elif name == AUTO:
            say(f"template: {template.id}, because the model brings none along")
    return template


def missing_tokens(template: PromptTemplate, tokenizer: Any) -> list[str]:
    """The control tokens of the template that the vocabulary lacks, so that they would be spelled out as plain text."""
    known = {entry.content for entry in tokenizer.added_tokens_decoder.values()}
    written = "".join(segment.text for segment in template.segments(_EXAMPLE) if segment.literal)
    return [token for token in dict.fromkeys(_CONTROL.findall(written)) if token not in known]


def check_tokens(template: PromptTemplate, tokenizer: Any) -> None:
    """Raises KnownError("template_tokens_missing")."""
    missing = missing_tokens(template, tokenizer)
    if missing:
        raise KnownError(
            "template_tokens_missing",
            f"template: {template.id} needs {' and '.join(missing)}, and the vocabulary of {tokenizer.name_or_path}"
            " has no such token: the model could not learn where an answer ends.",
            "Take the model's own template (template: model), one without control tokens, such as belle, or let them be"
            " added and trained: add_tokens: true.",
            template=template.id,
            missing=missing,
        )


def own_template(tokenizer: Any, *, trains: bool = True) -> PromptTemplate | None:
    """The template that the model was trained with, as its tokenizer tells; None when it does not.

    Raises KnownError("template_error") when it cannot be rendered or, with `trains`, not trained with.
    """
    named, source = _named(tokenizer), chat_template_of(tokenizer)
    if named is not None:
        return get_template(named)
    if source is None:
        return None
    tokens = {key: str(value) for key, value in tokenizer.special_tokens_map.items() if isinstance(value, str)}
    return model_template(
        source,
        bos_token=tokens.pop("bos_token", ""),
        eos_token=tokens.pop("eos_token", ""),
        controls=[entry.content for entry in tokenizer.added_tokens_decoder.values() if entry.content.strip()],
        further=tokens,
        trains=trains,
    )


def template_to_answer_in(name: str | None, tokenizer: Any, model: str) -> PromptTemplate:
    """The template for asking a finished model.

    Args:
        name: as the command line says; None: the one that the model was trained with.

    Raises KnownError: `unknown_template`, `template_error`, and `template_needed`.
    """
    if name is not None and name not in (AUTO, MODEL):
        return get_template(name)
    template = own_template(tokenizer, trains=False)
    if template is None:
        raise KnownError(
            "template_needed",
            f"{model} does not say which prompt template it was trained with.",
            "Name it with --template, such as --template belle.",
            model=model,
        )
    return template


def own_template_id(tokenizer: Any) -> str | None:
    """The id of the template that the model brings along; None when it is not one that is known."""
    try:
        template = own_template(tokenizer, trains=False)
    except KnownError:
        return None
    return template.id if template is not None else None


def chat_template_of(tokenizer: Any) -> str | None:
    """The Jinja program of a tokenizer, of several the one for chatting; None where there is none."""
    source = getattr(tokenizer, "chat_template", None)
    if isinstance(source, dict):
        source = source.get("default")
    return source if isinstance(source, str) and source.strip() else None


def _named(tokenizer: Any) -> str | None:
    named = tokenizer.init_kwargs.get(TEMPLATE_KEY)
    return named if named in TEMPLATES else None


def _in_words(template: PromptTemplate) -> str:
    return "the model's own" if template.id == MODEL else f"{template.id}, the model's own"
