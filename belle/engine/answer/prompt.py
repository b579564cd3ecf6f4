"""From a conversation to the token ids of its prompt, for one loaded model.

`belle.prompts.encoding` makes the tokens. This module adds one thing: an answer of this model keeps the tokens that it
was generated with, so that the KV cache stays valid.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from belle.engine.answer.answer_tokens import AnswerTokens, TokenizedPrefix
from belle.engine.llama.model import Vocabulary
from belle.errors import KnownError
from belle.prompts import Message, PromptTemplate, Segment
from belle.prompts.base import tools_unsupported
from belle.prompts.encoding import encode_prompt


def raw_prompt(vocabulary: Vocabulary, prompt: str | Sequence[int]) -> list[int]:
    """The tokens of a text without any template, or those given, if they are of this vocabulary.

    Raises KnownError: `bad_prompt`, `empty_prompt`.
    """
    if isinstance(prompt, str):
        parts = vocabulary.split_control(prompt)
        tokens = [token for part in parts for token in ([part] if isinstance(part, int) else vocabulary.tokenize(part))]
        # Something has to be read before the first token can be drawn.
        if vocabulary.bos is not None and (vocabulary.adds_bos or not tokens) and tokens[:1] != [vocabulary.bos]:
            tokens.insert(0, vocabulary.bos)
    else:
        tokens = list(prompt)
        wrong = next((token for token in tokens if not 0 <= token < vocabulary.size), None)
        if wrong is not None:
            message = f"There is no token {wrong} in this model's vocabulary of {vocabulary.size:,}."
            raise KnownError("bad_prompt", message, "Use the tokenizer of this model, or send the text.")
    if not tokens:
        raise KnownError("empty_prompt", "The prompt is empty.", "Write something.")
    return tokens


def sees_nothing() -> KnownError:
    """The error for pictures that are shown to a model without a vision encoder."""
    message = "This model reads text only: it cannot see pictures."
    advice = "Send the text in the picture instead, or load a model that sees, with its mmproj file."
    return KnownError("sees_nothing", message, advice)


class Renderer:
    """Renders for one model with one template.

    Args:
        vocabulary: of the model.
        template: makes the segments.
        answers: what the model has said before.
        picture_tokens: what stands for a picture, by its path; None for a model that sees none.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        template: PromptTemplate,
        answers: AnswerTokens,
        picture_tokens: Callable[[str], Sequence[int]] | None = None,
    ) -> None:
        self._vocabulary = vocabulary
        self._template = template
        self._answers = answers
        self._picture_tokens = picture_tokens

    def prompt(self, messages: Sequence[Message], *, continue_last: bool = False) -> list[int]:
        """The tokens that make the model answer, or go on with the last message.

        Raises KnownError: `template_error`, `empty_prompt`, `nothing_to_continue`, `sees_nothing`, and what
        `picture_tokens` raises.
        """
        if self._template.tool_syntax is None and any(message.is_about_tools for message in messages):
            raise tools_unsupported()
        if continue_last and (not messages or messages[-1].role != "assistant"):
            raise KnownError("nothing_to_continue", "There is no answer to continue.", "Ask a question instead.")
        see = self._picture_tokens
        if see is None and any(message.pictures for message in messages):
            raise sees_nothing()
        own = {m.content.strip() for m in messages if m.role == "assistant"}
        own -= {m.content.strip() for m in messages if m.role != "assistant"}

        def known(segment: Segment) -> TokenizedPrefix | None:
            """The remembered tokens of what the model wrote; the same words by a person are tokenized as usual."""
            if segment.literal or not (segment.trained or segment.text.strip() in own):
                return None
            return self._answers.find(segment.text)

        tokens = encode_prompt(
            self._vocabulary,
            self._template,
            messages,
            continue_last=continue_last,
            known=known,
            picture_tokens=None if see is None else lambda picture: see(picture.path),
        )
        if not tokens or tokens[-1] < 0:
            raise KnownError("empty_prompt", "There is nothing to answer: the message is empty.", "Write something.")
        return tokens
