"""Built-in prompts as Jinja, to be written into GGUF files: so every program that reads one talks to the model rightly.

The words come from `belle.prompts`; here they only change their form. `Human: ` and `Assistant: ` differ in a space or
a newline between generations of BELLE models, and each model knows only its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from belle.errors import KnownError
from belle.prompts import TEMPLATES
from belle.prompts.jinja import jinja_source


class _Templates(Mapping[str, str]):
    def __init__(self) -> None:
        sources = {template.id: jinja_source(template) for template in TEMPLATES.values()}
        self._sources = MappingProxyType({name: source for name, source in sources.items() if source is not None})

    def __getitem__(self, template_id: str) -> str:
        if template_id not in self._sources:
            raise KnownError(
                "unknown_template",
                f"There is no prompt template called “{template_id}” that can be written into a GGUF.",
                f"The templates are: {', '.join(self._sources)}; “none” writes none.",
                template=template_id,
                known=list(self._sources),
            )
        return self._sources[template_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._sources)

    def __len__(self) -> int:
        return len(self._sources)


CHAT_TEMPLATES: Mapping[str, str] = _Templates()
"""Jinja by template id; a wrong id raises KnownError("unknown_template")."""


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
