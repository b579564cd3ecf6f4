"""How older checkpoints say what their prompts look like: in generation_config.json, for the code that came with them.

Qwen 1 writes `chat_format`. Baichuan writes the ids of the two tokens that begin a question and an answer, which the
vocabulary does not mark: without a mark llama.cpp would read their names letter by letter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from belle.prompts import TEMPLATES
from belle.prompts.jinja import jinja_source
from convert.tokenizers.special import is_id
from convert.tokenizers.vocabulary import AddedToken, TokenTable

_ROLES = ("user_token_id", "assistant_token_id")
_BY_CHAT_FORMAT: Mapping[str, str] = {"chatml": "qwen"}
_BY_ROLES: Mapping[tuple[str, ...], str] = {TEMPLATES["baichuan"].needs: "baichuan"}

_BAICHUAN_2_ROLES = ("<reserved_106>", "<reserved_107>")
# Its training asked for the end of an answer where the next question begins, so the history has no end tokens: no
# template of `belle.prompts`, which all close an answer, can say that.
_BAICHUAN_2 = """\
{%- for message in messages -%}
{%- if message['role'] == 'user' -%}{{- '<reserved_106>' -}}
{%- elif message['role'] == 'assistant' -%}{{- '<reserved_107>' -}}{%- endif -%}
{{- message['content'] -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<reserved_107>' -}}{%- endif -%}
"""


@dataclass(frozen=True, slots=True)
class StatedTemplate:
    """A chat template that a checkpoint describes: its Jinja source, and its id if it is a built-in one."""

    source: str
    builtin: str | None


def role_tokens(generation_config: Mapping[str, Any], table: TokenTable) -> list[AddedToken]:
    """The tokens that begin a question and an answer, as control tokens; [] for most models."""
    named = [generation_config.get(role) for role in _ROLES]
    texts = {index: table.text_of(index) for index in named if is_id(index)}
    return [AddedToken(index, text, special=True) for index, text in texts.items() if text]


def stated_template(generation_config: Mapping[str, Any], tokens: Sequence[str]) -> StatedTemplate | None:
    """The template that generation_config.json describes; None if it describes none that is known.

    Args:
        generation_config: generation_config.json.
        tokens: the finished vocabulary.
    """
    ids = [index for role in _ROLES if is_id(index := generation_config.get(role)) and index < len(tokens)]
    roles = tuple(tokens[index] for index in ids)
    if roles == _BAICHUAN_2_ROLES:
        return StatedTemplate(_BAICHUAN_2, None)
    template = _BY_ROLES.get(roles) or _BY_CHAT_FORMAT.get(str(generation_config.get("chat_format")))
    source = jinja_source(TEMPLATES[template]) if template else None
    return StatedTemplate(source, template) if source else None
