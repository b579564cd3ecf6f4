"""Every prompt template: the same code renders chats and makes the token ids and loss masks for training.

Start with `base` for the parts, then `human_assistant` for BELLE's own prompts, `families` and `builtin` for the
others, and `gguf` for the template in a model file.
"""

from __future__ import annotations

from belle.prompts.base import Message, PictureRef, PromptTemplate, Role, Segment, ToolCall, as_text
from belle.prompts.builtin import TEMPLATES, get_template
from belle.prompts.gguf import OWN_TEMPLATE, template_from_gguf

__all__ = [
    "OWN_TEMPLATE",
    "TEMPLATES",
    "Message",
    "PictureRef",
    "PromptTemplate",
    "Role",
    "Segment",
    "ToolCall",
    "as_text",
    "get_template",
    "template_from_gguf",
]
