"""Which of the built-in prompt templates a chat template is: by what it writes, not by how it is written."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from belle.errors import KnownError
from belle.prompts import TEMPLATES, Message, PromptTemplate, as_text, template_from_gguf
from convert.inspection.description import TemplateFacts

_QUESTION, _ANSWER = Message("user", "first question"), Message("assistant", "an answer")
_CONVERSATIONS = ([_QUESTION], [_QUESTION, _ANSWER, Message("user", "second question")])
# Not every template takes a system text, so it only tells apart what is otherwise the same.
_WITH_SYSTEM = ([Message("system", "a system text"), _QUESTION],)


def template_facts(source: str, *, bos: str, eos: str) -> TemplateFacts | None:
    """What can be said of the Jinja program `source`; None when there is none.

    Args:
        source: of the template.
        bos, eos: texts of the tokens that it may write.
    """
    if not source:
        return None

    def written(template: PromptTemplate, conversations: Iterable[list[Message]]) -> list[str]:
        """As text, without the token in front of everything, which tokenizers add too."""
        texts = [as_text(template.segments(messages), bos=bos, eos=eos) for messages in conversations]
        return [text.removeprefix(bos) if bos else text for text in texts]

    try:
        template = template_from_gguf(source, bos_token=bos, eos_token=eos)
        own = written(template, _CONVERSATIONS)
        same = [known for known in TEMPLATES.values() if written(known, _CONVERSATIONS) == own]
    except KnownError as error:
        return TemplateFacts(source, "", error.message)
    with suppress(KnownError):
        found = written(template, _WITH_SYSTEM)
        same.sort(key=lambda known: written(known, _WITH_SYSTEM) != found)
    return TemplateFacts(source, same[0].id if same else "")
