"""Which of the built-in prompt templates a chat template is: by what it writes, not by how it is written."""

from __future__ import annotations

from belle.errors import KnownError
from belle.prompts import TEMPLATES, Message, PromptTemplate, as_text, template_from_gguf
from convert.inspection.description import TemplateFacts

_QUESTION, _ANSWER = Message("user", "first question"), Message("assistant", "an answer")
_CONVERSATIONS = ([_QUESTION], [_QUESTION, _ANSWER, Message("user", "second question")])


def template_facts(source: str, *, bos: str, eos: str) -> TemplateFacts | None:
    """What can be said of the Jinja program `source`; None when there is none.

    Args:
        source: of the template.
        bos, eos: texts of the tokens that it may write.
    """
    if not source:
        return None
    try:
        written = _written(template_from_gguf(source, bos_token=bos, eos_token=eos), bos, eos)
    except KnownError as error:
        return TemplateFacts(source, "", error.message)
    same = [known.id for known in TEMPLATES.values() if _written(known, bos, eos) == written]
    return TemplateFacts(source, same[0] if same else "")


def _written(template: PromptTemplate, bos: str, eos: str) -> list[str]:
    """The conversations as text, without the token in front of everything, which tokenizers add too."""
    texts = [as_text(template.segments(messages), bos=bos, eos=eos) for messages in _CONVERSATIONS]
    return [text.removeprefix(bos) if bos else text for text in texts]
