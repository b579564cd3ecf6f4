"""Every prompt template, once: what renders chats is also what makes training ids and loss masks.

Start with `base` for the parts, then `human_assistant` for BELLE's own prompts, `builtin` for the others, and `gguf`
for the template that a model file brings along.
"""

from __future__ import annotations

from belle.prompts.base import Message, PromptTemplate, Role, Segment, as_text
from belle.prompts.builtin import TEMPLATES, get_template
from belle.prompts.gguf import OWN_TEMPLATE, template_from_gguf

__all__ = [
    "OWN_TEMPLATE",
    "TEMPLATES",
    "Message",
    "PromptTemplate",
    "Role",
    "Segment",
    "as_text",
    "get_template",
    "template_from_gguf",
]
