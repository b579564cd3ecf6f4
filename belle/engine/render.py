"""From a conversation to the token ids of its prompt.

Three rules. Text that a person or the model wrote never becomes a control token, so that `<|im_end|>` typed into a
message cannot forge a turn. Pieces that belong to one text are tokenized as one, so that no word boundary appears
where they meet (except for templates that were trained otherwise). And an answer that this model gave itself keeps
the tokens it was generated with, so that the KV cache stays valid.
"""

from __future__ import annotations

from collections.abc import Sequence

from belle.engine.answers import AnswerTokens, KnownTokens
from belle.engine.model import Vocabulary
from belle.errors import KnownError
from belle.prompts import Message, PromptTemplate, Segment


class Renderer:
    """Renders for one model with one template.

    Args:
        vocabulary: of the model.
        template: makes the segments.
        answers: what the model has said before.
    """

    def __init__(self, vocabulary: Vocabulary, template: PromptTemplate, answers: AnswerTokens) -> None:
        self._vocabulary = vocabulary
        self._template = template
        self._answers = answers

    def prompt(self, messages: Sequence[Message], *, continue_last: bool = False) -> list[int]:
        """The tokens that make the model answer, or go on with the last message.

        Raises KnownError: `template_error`, `empty_prompt`, `nothing_to_continue`.
        """
        if continue_last and (not messages or messages[-1].role != "assistant"):
            raise KnownError("nothing_to_continue", "There is no answer to continue.", "Ask a question instead.")
        segments = self._template.segments(messages, continue_last=continue_last)
        own = {m.content.strip() for m in messages if m.role == "assistant"}
        own -= {m.content.strip() for m in messages if m.role != "assistant"}
        line = _TokenLine(self._vocabulary, joined=not self._template.separate_segments)
        for segment in segments:
            if segment.special is not None:
                line.add_token(self._vocabulary.bos if segment.special == "bos" else self._vocabulary.eos)
            elif segment.literal and not self._template.separate_segments:
                line.add_template_text(segment.text)
            elif known := self._known(segment, own):
                line.add_known(known, segment.text)
            else:
                line.add_text(segment.text)
        tokens = line.finish()
        if not tokens:
            raise KnownError("empty_prompt", "There is nothing to answer: the message is empty.", "Write something.")
        return self._with_bos(tokens)

    def _known(self, segment: Segment, own: set[str]) -> KnownTokens | None:
        """What the model said keeps its tokens; the same words said by a person are tokenized like all they say."""
        if segment.literal or not (segment.trained or segment.text.strip() in own):
            return None
        return self._answers.find(segment.text)

    def _with_bos(self, tokens: list[int]) -> list[int]:
        bos = self._vocabulary.bos
        wanted = self._vocabulary.adds_bos if self._template.add_bos is None else self._template.add_bos
        return [bos, *tokens] if wanted and bos is not None and tokens[0] != bos else tokens


class _TokenLine:
    """Tokens, and the text after them that is not tokenized yet because more may join it."""

    def __init__(self, vocabulary: Vocabulary, *, joined: bool) -> None:
        self._vocabulary = vocabulary
        self._joined = joined
        self._tokens: list[int] = []
        self._text = ""
        self._continues = False

    def add_token(self, token: int | None) -> None:
        """A special token; nothing where the model has none."""
        if token is not None:
            self._flush()
            self._tokens.append(token)
            self._continues = False

    def add_text(self, text: str) -> None:
        """Text without control tokens."""
        if not self._joined:
            self._flush()
            self._continues = False
        self._text += text

    def add_template_text(self, text: str) -> None:
        """Text with control tokens in it."""
        for part in self._vocabulary.split_control(text):
            if isinstance(part, int):
                self.add_token(part)
            else:
                self.add_text(part)

    def add_known(self, known: KnownTokens, text: str) -> None:
        """An answer with its own tokens, standing in the prompt as `text`."""
        if known.starts_with_space and self._text.endswith(" ") and not text.startswith(" "):
            # The template writes the space that the model had written itself.
            self._text = self._text[:-1]
        self._flush()
        self._tokens += known.tokens
        self._text = known.rest
        self._continues = True

    def finish(self) -> list[int]:
        """All the tokens."""
        self._flush()
        return self._tokens

    def _flush(self) -> None:
        if self._text:
            tokenize = self._vocabulary.tokenize_after if self._continues else self._vocabulary.tokenize
            self._tokens += tokenize(self._text)
            self._text = ""
            self._continues = True
