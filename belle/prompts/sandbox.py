"""Renders the Jinja template of a model file as `transformers` does, in a sandbox with limited time and memory.

In addition to Jinja's own sandbox (no private attributes, no changing of lists) a template can reach only plain data
and the methods of texts and lists, and every step costs units of a budget (`limits`). For this the parsed template is
rewritten before it is compiled: loops, comparisons, `~` and new lists go through metered functions.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from datetime import datetime
from functools import partial
from typing import Any, NoReturn, TypeVar, cast

from jinja2 import Template, nodes, pass_context
from jinja2.exceptions import TemplateSyntaxError
from jinja2.ext import Extension
from jinja2.meta import find_undeclared_variables
from jinja2.parser import Parser
from jinja2.runtime import BlockReference, Context, LoopContext, TemplateReference, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Cycler, Joiner, Namespace
from jinja2.visitor import NodeTransformer

from belle.documents import parse_json
from belle.errors import KnownError
from belle.prompts import limits
from belle.prompts.base import Message
from belle.prompts.limits import Budget, TooMuchError, current
from belle.prompts.thinking import SWITCHES

MAX_SOURCE = 256 * 1024
_GENERATION = re.compile(r"\{%[-+]?\s*generation\b")
_GUARD_OPEN, _GUARD_CLOSE = "\ue004", "\ue005"
_GUARDED = re.compile(f"{_GUARD_OPEN}(.*?){_GUARD_CLOSE}", re.DOTALL)
# What looks like a control token: `<|end|>`, `<end_of_turn>`, `<｜User｜>`, `[/INST]`, `</s>`.
_LIKE_A_TOKEN = re.compile(r"<[^<>\s]{1,40}>|\[/?[A-Z_]{2,40}\]")
# Variables with the text that is written where `{% generation %}` begins and ends.
_MARK_NAMES = ("_answer_begins", "_answer_ends")
T = TypeVar("T")

_TEXT_METHODS = (
    "capitalize casefold count endswith find index isalnum isalpha isdecimal isdigit islower isnumeric isspace istitle"
    " isupper join lower lstrip partition removeprefix removesuffix replace rfind rindex rpartition rsplit rstrip split"
    " splitlines startswith strip swapcase title upper"
)
_METHODS: dict[type, frozenset[str]] = {
    str: frozenset(_TEXT_METHODS.split()),
    dict: frozenset({"copy", "get", "items", "keys", "values"}),
    list: frozenset({"copy", "count", "index"}),
    tuple: frozenset({"count", "index"}),
}
_ENGINE_OBJECTS = (BlockReference, LoopContext, TemplateReference, Undefined, Cycler, Joiner, Namespace)


class _RefusedError(Exception):
    """The template called `raise_exception`."""


class Program:
    """A compiled template.

    Args:
        source: Jinja.
        bos_token: the value of that name in the template.
        eos_token: likewise.
        further: other variables, such as further special tokens.
        now: the time of its clock; None: the time at which the program is made.

    Attributes:
        source: as given.
        marks_answers: whether it marks answers with `{% generation %}`.
        thinking_switch: the variable that switches thinking; None where there is none.
        takes_tools: whether it uses the variable `tools`.

    Raises KnownError("template_error") when it does not compile.
    """

    def __init__(
        self,
        source: str,
        *,
        bos_token: str,
        eos_token: str,
        further: Mapping[str, str] | None = None,
        now: datetime | None = None,
    ) -> None:
        if len(source) > MAX_SOURCE:
            raise _error(TooMuchError(f"it is longer than {MAX_SOURCE} characters"))
        # A fixed time: a running clock would change the prompt at each turn, and the KV cache could not be reused.
        self._now = now or datetime.now().astimezone()
        self.source = source
        tokens = {"bos_token": bos_token, "eos_token": eos_token}
        self._tokens = {**(further or {}), **tokens}
        self._variables: dict[str, Any] = {**self._tokens, "tools": None, "documents": None}
        self._tool_chars = 0
        self._template, names = _guarded(Budget(), lambda: _compile(source, self._now))
        self.thinking_switch = next((name for name in SWITCHES if name in names), None)
        self.takes_tools = "tools" in names
        self.marks_answers = _GENERATION.search(source) is not None

    def with_thinking(self, on: bool) -> Program:
        """The same program, with its thinking switch on or off."""
        program = copy(self)
        if self.thinking_switch is not None:
            program._variables = {**self._variables, self.thinking_switch: on}
        return program

    def with_tools(self, tools: Sequence[Mapping[str, Any]]) -> Program:
        """The same program with functions that the model may call; see `PromptTemplate.with_tools`."""
        made = copy(self)
        made._variables = {**self._variables, "tools": [_guarded_texts(tool) for tool in tools] or None}
        made._tool_chars = len(str(tools))
        return made

    def render(self, messages: Sequence[Message], *, add_generation_prompt: bool, answer_marks: str = "") -> str:
        """The prompt. Raises KnownError("template_error").

        Args:
            answer_marks: two characters to write before and after the content of `{% generation %}`.
        """
        try:
            rows = [_row(message, as_objects=True) for message in messages]
            return self._render(rows, messages, add_generation_prompt, answer_marks)
        except KnownError:
            if not any(message.tool_calls for message in messages):
                raise
        # Most templates take the arguments of a call as an object, some (DeepSeek's) as its JSON text.
        rows = [_row(message, as_objects=False) for message in messages]
        return self._render(rows, messages, add_generation_prompt, answer_marks)

    def _render(
        self, rows: list[dict[str, Any]], messages: Sequence[Message], add_generation_prompt: bool, answer_marks: str
    ) -> str:
        called = sum(len(call.arguments) for m in messages for call in m.tool_calls)
        budget = Budget(self._tool_chars + called + sum(len(m.content) for m in messages))
        marks = dict(zip(_MARK_NAMES, answer_marks or ("", ""), strict=True))

        def run() -> str:
            return self._template.render(
                self._variables, **marks, messages=rows, add_generation_prompt=add_generation_prompt
            )

        return _guarded(budget, run)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the source: a compiled program cannot be pickled, so the other process compiles it again."""
        tokens = dict(self._tokens)
        return _again, (self.source, tokens.pop("bos_token"), tokens.pop("eos_token"), tokens, self._now)

    def __repr__(self) -> str:
        """Equal for programs that render the same, whatever their time; used in fingerprints of prepared data."""
        digest = hashlib.sha256(self.source.encode("utf-8", "surrogatepass")).hexdigest()
        return f"Program({digest}, {self._tokens})"


def _row(message: Message, *, as_objects: bool) -> dict[str, Any]:
    """A message as a template sees it, in the form of OpenAI's API.

    Args:
        as_objects: the arguments of a call are an object, not its JSON text.
    """
    row: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        row["content"] = message.content or None
        row["tool_calls"] = [
            {
                "type": "function",
                "id": call.id,
                "function": {
                    "name": _guarded_texts(call.name),
                    "arguments": _guarded_texts(parse_json(call.arguments) if as_objects else call.arguments),
                },
            }
            for call in message.tool_calls
        ]
    if message.role == "tool":
        row |= {"tool_call_id": message.tool_call_id, "name": message.name}
    return row


def _guarded_texts(value: Any) -> Any:
    """`value` with marks around all in its texts that may look like a control token; see `unguarded`."""
    if isinstance(value, str):
        return _LIKE_A_TOKEN.sub(rf"{_GUARD_OPEN}\g<0>{_GUARD_CLOSE}", value)
    if isinstance(value, Mapping):
        return {_guarded_texts(key): _guarded_texts(item) for key, item in value.items()}
    return [_guarded_texts(item) for item in value] if isinstance(value, list | tuple) else value


def unguarded(text: str) -> Iterator[tuple[str, bool]]:
    """What a program made, in pieces, each with whether it stood in the texts of a tool or of a call.

    A template writes these among its own words, so that nothing else tells `<|im_end|>` in the description of a
    function from the one with which it ends a turn.
    """
    for number, piece in enumerate(_GUARDED.split(text)):
        if piece:
            yield piece, number % 2 == 1


def _again(source: str, bos_token: str, eos_token: str, further: dict[str, str], now: datetime) -> Program:
    return Program(source, bos_token=bos_token, eos_token=eos_token, further=further, now=now)


def _guarded(budget: Budget, run: Callable[[], T]) -> T:
    token = current.set(budget)
    try:
        return run()
    # Any exception of an untrusted program, from a division by zero to a recursion that is too deep, is its own error.
    except Exception as error:
        raise _error(error) from error
    finally:
        current.reset(token)


def _error(error: Exception) -> KnownError:
    if isinstance(error, _RefusedError):
        message = f"The model's own prompt template refuses this conversation: {error}."
    elif isinstance(error, TooMuchError):
        message = f"The prompt template in the model file is not run: {error}."
    elif isinstance(error, TemplateSyntaxError):
        message = f"The prompt template in the model file is damaged: line {error.lineno}: {error.message}."
    else:
        reason = f"{type(error).__name__}: {error}"[:300]
        message = f"The prompt template in the model file does not work: {reason}."
    return KnownError(
        "template_error",
        message.replace("..", "."),
        "Choose one of the built-in templates for this model.",
        reason=str(error)[:1000],
        refused=isinstance(error, _RefusedError),
    )


def _compile(source: str, now: datetime) -> tuple[Template, set[str]]:
    """The program, and the names of the variables that it reads."""
    environment = _Environment(now)
    tree = environment.parse(source)
    names = find_undeclared_variables(tree)
    tree = _Metering().visit(tree)
    return Template.from_code(environment, environment.compile(tree), environment.make_globals(None)), names


class _Namespace(Namespace):
    """Jinja's own prints its content, and namespaces that hold each other twice would print exponentially much."""

    def __repr__(self) -> str:
        return "<Namespace>"


class _GenerationTag(Extension):
    """`{% generation %}` marks the text that is trained on: renders its content, between the two mark variables."""

    tags = {"generation"}  # noqa: RUF012  # as Jinja declares it

    def parse(self, parser: Parser) -> list[nodes.Node]:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        begin, end = (nodes.Output([nodes.Name(name, "load")], lineno=line) for name in _MARK_NAMES)
        return [begin, *body, end]


class _Metering(NodeTransformer):
    """Rewrites operations that the generated Python code would do directly into calls of `limits`."""

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802  # Jinja's naming
        if node.recursive:
            raise TooMuchError("it uses a recursive loop")
        self.generic_visit(node)
        node.iter = _through("each", node.iter)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _through("concat", nodes.List(node.nodes, lineno=node.lineno))

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        node.expr = _through("weigh", node.expr)
        for operand in node.ops:
            operand.expr = _through("weigh", operand.expr)
        return node

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _through("weigh", node) if isinstance(node.arg, nodes.Slice) else node

    def visit_List(self, node: nodes.List) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _through("weigh", node)

    def visit_Dict(self, node: nodes.Dict) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _through("weigh", node)

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _through("weigh", node) if node.ctx == "load" else node


def _through(name: str, node: nodes.Node) -> nodes.Filter:
    # A template cannot call filters with a space in their names.
    return nodes.Filter(cast(nodes.Expr, node), f"metered {name}", [], [], None, None, lineno=node.lineno)


def _weighed(value: Any) -> Any:
    current.get().weigh(value)
    return value


def _joined(values: list[Any]) -> str:
    return limits.concat([limits.text_of(value) for value in values])


@pass_context
def _finalize(context: Context, value: Any) -> str:
    del context  # with `pass_context` Jinja does not evaluate constants while compiling, without a budget
    return limits.text_of(value)


def _refuse(message: object = "") -> NoReturn:
    raise _RefusedError(str(message)[:1000].rstrip("."))


class _Environment(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset(ImmutableSandboxedEnvironment.default_binop_table)

    def __init__(self, now: datetime) -> None:
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.loopcontrols", _GenerationTag],
            finalize=_finalize,
            optimized=False,
        )
        self.filters = {
            **limits.SAFE_FILTERS,
            "metered each": limits.each,
            "metered concat": _joined,
            "metered weigh": _weighed,
        }
        self.tests = dict(limits.SAFE_TESTS)
        self.globals = {name: self.globals[name] for name in ("cycler", "dict", "joiner", "range")} | {
            "namespace": _Namespace,
            "raise_exception": _refuse,
            "strftime_now": lambda form: now.strftime(str(form)[:256]),
        }

    def concat(self, parts: Any) -> str:
        return limits.concat(parts)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if not super().is_safe_attribute(obj, attr, value):
            return False
        methods = _METHODS.get(type(obj))
        return attr in methods if methods is not None else isinstance(obj, _ENGINE_OBJECTS)

    def wrap_str_format(self, value: Any) -> None:
        """None: `str.format` is not among the allowed methods."""
        del value

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        del context
        budget = current.get()
        weights = budget.weigh(left), budget.weigh(right)
        if operator == "**" and not (_small(left, 10**6) and _small(right, 64)):
            raise TooMuchError("it computes too large a power")
        if operator == "*":
            for times, other, weight in ((left, right, weights[1]), (right, left, weights[0])):
                if isinstance(times, int) and not isinstance(other, int | float):
                    budget.check(weight * times)
        if operator == "%" and isinstance(left, str):
            return _weighed(limits.percent_format(left, right))
        return _weighed(self.binop_table[operator](left, right))

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805
        budget = current.get()
        for value in (*args, *kwargs.values()):
            budget.weigh(value)
        return _weighed(super().call(__context, _bounded(__obj), *args, **kwargs))


def _small(value: Any, limit: int) -> bool:
    return isinstance(value, int | float) and abs(value) <= limit


def _bounded(function: Any) -> Any:
    """A method of a text, replaced by one that computes the size of its result in advance."""
    text = getattr(function, "__self__", None)
    if not isinstance(text, str):
        return function
    bounded: Callable[..., Any] = function
    match function.__name__:
        case "replace":
            bounded = partial(limits.replace, text)
        case "join":
            bounded = partial(limits.join, text)
        case "split" | "rsplit" | "splitlines":
            bounded = partial(limits.split, function, text)
        case "strip" | "lstrip" | "rstrip":
            bounded = partial(limits.strip, function)
        case "rfind" | "rindex" | "rpartition":
            bounded = partial(limits.search_backwards, function, text)
    return bounded
