"""Built-in templates as Jinja programs, for checkpoints and GGUF files that other programs read.

All texts come from the templates themselves; only the form is changed here. The programs use the usual variables:
`messages`, `bos_token`, `eos_token` and `add_generation_prompt`.
"""

from __future__ import annotations

import json

from belle.prompts.base import PromptTemplate
from belle.prompts.builtin import Llama2
from belle.prompts.families import Turns
from belle.prompts.human_assistant import HumanAssistant

# System texts go in front of the question that follows them: no BELLE model was trained with a system role. All tags
# strip white space (`{%-`), so that only the strings count; braces are doubled for `str.format`.
_HUMAN_ASSISTANT = """\
{{%- set state = namespace(system='', started=false) -%}}
{{%- for message in messages -%}}
{{%- if message['role'] == 'system' -%}}
{{%- if message['content'] -%}}{{%- set state.system = state.system + message['content'] + '\\n\\n' -%}}{{%- endif -%}}
{{%- else -%}}
{{%- if message['role'] == 'user' -%}}
{{%- if state.started -%}}{{{{- {between} -}}}}{{%- endif -%}}
{{{{- {before} + state.system + message['content'] + {after} -}}}}
{{%- set state.system = '' -%}}
{{%- else -%}}
{{{{- {answer_prefix} + message['content'] + eos_token -}}}}
{{%- endif -%}}
{{%- set state.started = true -%}}
{{%- endif -%}}
{{%- endfor -%}}
"""

# `words` are those of `belle.prompts.families.Turns`.
_TURNS = """\
{{%- set words = {words} -%}}
{{%- set state = namespace(system='') -%}}
{{%- if words.starts_with_bos -%}}{{{{- bos_token -}}}}{{%- endif -%}}
{{%- if words.preamble and messages and messages[0]['role'] != 'system' -%}}
{{{{- words.system[0] + words.preamble + words.system[1] -}}}}
{{%- endif -%}}
{{%- for message in messages -%}}
{{%- set text = message['content'] -%}}
{{%- if message['role'] == 'system' and not words.supports_system -%}}
{{%- if text -%}}{{%- set state.system = state.system + text + '\\n\\n' -%}}{{%- endif -%}}
{{%- else -%}}
{{%- if message['role'] == 'user' -%}}
{{%- set text = state.system + text -%}}
{{%- set state.system = '' -%}}
{{%- endif -%}}
{{%- if words.trims -%}}{{%- set text = text.strip() -%}}{{%- endif -%}}
{{%- if message['role'] == 'assistant' -%}}
{{{{- words.assistant + words.answer_prefix + text + (words.end or eos_token) + words.after -}}}}
{{%- else -%}}
{{%- set around = words.system if message['role'] == 'system' else words.user -%}}
{{{{- around[0] + text + around[1] -}}}}
{{%- endif -%}}
{{%- endif -%}}
{{%- endfor -%}}
{{%- if add_generation_prompt -%}}{{{{- words.assistant -}}}}{{%- endif -%}}
"""
_WORDS = (
    *("starts_with_bos", "supports_system", "system", "user", "assistant"),
    *("answer_prefix", "end", "after", "preamble", "trims"),
)

_LLAMA_2 = """\
{%- set state = namespace(system='') -%}
{%- for message in messages -%}
{%- set text = message['content'].strip() -%}
{%- if message['role'] == 'system' -%}
{%- if text -%}{%- set state.system = state.system + '<<SYS>>\\n' + text + '\\n<</SYS>>\\n\\n' -%}{%- endif -%}
{%- elif message['role'] == 'user' -%}
{{- bos_token + '[INST] ' + state.system + text + ' [/INST]' -}}
{%- set state.system = '' -%}
{%- else -%}
{{- ' ' + text + ' ' + eos_token -}}
{%- endif -%}
{%- endfor -%}
"""


def jinja_source(template: PromptTemplate) -> str | None:
    """The template as a Jinja program; None for `Plain`, which has no turns."""
    if isinstance(template, HumanAssistant):
        words = ("between", "before", "after", "answer_prefix")
        return _HUMAN_ASSISTANT.format(**{name: json.dumps(getattr(template, name)) for name in words})
    if isinstance(template, Turns):
        said = {name: getattr(template, name) for name in _WORDS}
        return _TURNS.format(words=json.dumps(said, ensure_ascii=False))
    return _LLAMA_2 if isinstance(template, Llama2) else None
