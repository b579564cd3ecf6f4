"""From a request to the tokens of its prompt: rendered with the template in use, and made to fit the context."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from belle.documents import parse_json
from belle.engine.answer.answer_tokens import AnswerTokens
from belle.engine.answer.overflow import FittedPrompt, LargePart, Render, check_length, fit, room_for_prompt
from belle.engine.answer.prompt import Renderer, raw_prompt
from belle.engine.llama.kv_sequence import shared_length
from belle.engine.llama.model import Vocabulary
from belle.engine.process.commands import Generate
from belle.errors import KnownError
from belle.prompts import Message, PromptTemplate
from belle.prompts.summary import with_summary
from belle.prompts.thinking import ThinkingStream, opened_by

_ANY_QUESTION = Message("user", "hello")


class PromptBuilder:
    """Makes the prompts of one model. While `template` is None, only a bare text has one.

    Args:
        vocabulary: of the model.
        answers: remembers the tokens of answers.
        n_ctx, n_ctx_train: tokens that the context holds, and that the model was trained for.
        picture_tokens: see `Renderer`.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        answers: AnswerTokens,
        *,
        n_ctx: int,
        n_ctx_train: int,
        picture_tokens: Callable[[str], Sequence[int]] | None = None,
    ) -> None:
        self.template: PromptTemplate | None = None
        self._vocabulary = vocabulary
        self._answers = answers
        self._n_ctx = n_ctx
        self._n_ctx_train = n_ctx_train
        self._picture_tokens = picture_tokens

    def renderer(self, thinking: bool | None = None, tools: str = "") -> Renderer:
        """Writes conversations with the template. Raises KnownError("no_template")."""
        if self.template is None:
            message = "This model does not say which prompt template it was trained with."
            raise KnownError("no_template", message, "Choose one: a wrong template gives poor answers.")
        template = self.template.with_thinking(thinking)
        if tools:
            template = template.with_tools(parse_json(tools))
        return Renderer(self._vocabulary, template, self._answers, self._picture_tokens)

    def fitted(self, request: Generate) -> FittedPrompt:
        """The prompt of a request, without what its policy leaves out. Raises KnownError."""
        n_ctx, n_ctx_train = self._n_ctx, self._n_ctx_train
        if request.prompt is not None:
            tokens = raw_prompt(self._vocabulary, request.prompt)
            check_length(len(tokens), n_ctx=n_ctx, n_ctx_train=n_ctx_train, max_tokens=request.max_tokens)
            return FittedPrompt(tokens)
        renderer = self.renderer(request.thinking, request.tools)
        if request.summarised:
            whole = renderer.prompt(request.messages, continue_last=request.continue_last)
            if len(whole) <= room_for_prompt(n_ctx, request.max_tokens):
                return FittedPrompt(whole)

        def render(messages: Sequence[Message], summary: str = request.summary) -> list[int]:
            return renderer.prompt(with_summary(messages, summary), continue_last=request.continue_last)

        without: dict[LargePart, Render] = {}
        if request.summary.strip():
            without["summary"] = lambda messages: render(messages, "")
        without["system"] = lambda messages: render([one for one in messages if one.role != "system"])
        told = set(request.summarised)
        rest = [index for index in range(len(request.messages)) if index not in told]
        fitted = fit(
            [request.messages[index] for index in rest],
            render,
            n_ctx=n_ctx,
            n_ctx_train=n_ctx_train,
            max_tokens=request.max_tokens,
            overflow=request.overflow,
            pinned=[position for position, index in enumerate(rest) if index in request.pinned],
            without=without,
        )
        left_out = told.union(rest[position] for position in fitted.left_out)
        return FittedPrompt(fitted.tokens, tuple(sorted(left_out)))

    def summarised(self, request: Generate, cut: FittedPrompt, summary: str) -> FittedPrompt:
        """What is left of a prompt that was cut, with a summary of what was left out. Raises KnownError."""
        gone = set(cut.left_out)
        remaining = [message for index, message in enumerate(request.messages) if index not in gone]
        renderer = self.renderer(request.thinking, request.tools)
        tokens = renderer.prompt(with_summary(remaining, summary), continue_last=request.continue_last)
        return FittedPrompt(tokens, cut.left_out)

    def beginning(self, messages: Sequence[Message], thinking: bool | None = None, summary: str = "") -> list[int]:
        """With which tokens every next prompt begins: what the prompts of two different questions have in common.

        Raises KnownError.
        """
        renderer = self.renderer(thinking)
        first, second = (
            renderer.prompt(with_summary([*messages, Message("user", question)], summary)) for question in ("A", "b")
        )
        return first[: shared_length(first, second)]

    def thoughts(self, request: Generate) -> ThinkingStream:
        """Expects a thought where the template's prompt ends by opening one, which the model then does not write."""
        if request.prompt is not None or (request.continue_last and request.messages[-1].content):
            return ThinkingStream(begun=True)
        if self.template is None:
            return ThinkingStream()
        prompt = self.template.with_thinking(request.thinking).segments([_ANY_QUESTION])
        return ThinkingStream(opened_by(prompt[-1].text) if prompt and prompt[-1].literal else None)
