"""The prompt templates to choose from for a loaded model, and which of them fits it.

A model answers well only to the template it was trained with. The vocabulary tells most families apart: a model trained
on `<start_of_turn>` has a token for it. For the other families the names of file and model decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from belle.engine.llama.model import Vocabulary
from belle.engine.process.events import TemplateOption
from belle.errors import KnownError
from belle.prompts import OWN_TEMPLATE, TEMPLATES, Message, PromptTemplate, as_text, template_from_gguf

_QUESTION = "hello"
_NAMES = {
    "belle-ext": ("belle-llama-ext", "belle_llama_ext"),
    "belle-llama2": ("belle-llama2", "belle_llama2"),
    "belle": ("belle",),
    "vicuna": ("vicuna",),
    "alpaca": ("alpaca",),
    "deepseek-v2": ("deepseek",),
    "mistral": ("mistral", "mixtral"),
    "llama-2": ("llama-2", "llama2", "llama_2"),
}
"""Parts of file and model names, for templates that no control token identifies; the most specific first."""


def template_options(
    vocabulary: Vocabulary, own_source: str, names: str, messages: Sequence[Message]
) -> tuple[TemplateOption, ...]:
    """The file's own template, if it has one, then all that are built in.

    Args:
        vocabulary: of the model.
        own_source: the Jinja source in the file, "" for none.
        names: of file and model.
        messages: an example; each option shows it as the model would read it.
    """
    options = [_own(vocabulary, own_source, messages)] if own_source else []
    fits = OWN_TEMPLATE if options and not options[0].problem else _fitting(vocabulary, names)
    options += [_option(vocabulary, template, messages, missing=True) for template in TEMPLATES.values()]
    return tuple(replace(option, suggested=option.id == fits) for option in options)


def own_template(vocabulary: Vocabulary, source: str) -> PromptTemplate:
    """The template inside the file. Raises KnownError("template_error") when it fails or drops the question."""
    bos, eos = vocabulary.text(vocabulary.bos), vocabulary.text(vocabulary.eos)
    template = template_from_gguf(source, bos_token=bos, eos_token=eos)
    if not any(_QUESTION in segment.text.casefold() for segment in template.segments([Message("user", _QUESTION)])):
        message = "The model's own prompt template leaves out the question."
        raise KnownError("template_error", message, "Choose one of the built-in templates.")
    return template


def _own(vocabulary: Vocabulary, source: str, messages: Sequence[Message]) -> TemplateOption:
    try:
        template = own_template(vocabulary, source)
    except KnownError as error:
        return TemplateOption(OWN_TEMPLATE, "", problem=error.message)
    option = _option(vocabulary, template, messages, missing=False)
    return TemplateOption(OWN_TEMPLATE, "", option.text, option.problem)


def _option(
    vocabulary: Vocabulary, template: PromptTemplate, messages: Sequence[Message], *, missing: bool
) -> TemplateOption:
    lacks = tuple(token for token in template.needs if not vocabulary.has_token(token)) if missing else ()
    try:
        text = _as_read(vocabulary, template, messages)
    except KnownError as error:
        return TemplateOption(template.id, template.title, problem=error.message, missing=lacks)
    return TemplateOption(template.id, template.title, text, missing=lacks)


def _as_read(vocabulary: Vocabulary, template: PromptTemplate, messages: Sequence[Message]) -> str:
    bos = vocabulary.text(vocabulary.bos)
    text = as_text(template.segments(messages), bos=bos, eos=vocabulary.text(vocabulary.eos))
    adds_bos = vocabulary.adds_bos if template.add_bos is None else template.add_bos
    return bos + text if adds_bos and not (bos and text.startswith(bos)) else text


def _fitting(vocabulary: Vocabulary, names: str) -> str | None:
    matching = [t for t in TEMPLATES.values() if t.needs and all(map(vocabulary.has_token, t.needs))]
    # Mistral's SentencePiece vocabulary and its byte-level one both have `[INST]`: the space tells them apart.
    spaced = vocabulary.puts_space_in_front
    matching.sort(key=lambda t: (len(t.needs), t.strip_leading_space == spaced), reverse=True)
    if matching:
        return matching[0].id
    names = names.casefold()
    return next((name for name, words in _NAMES.items() if any(word in names for word in words)), None)
