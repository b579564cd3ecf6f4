"""What models write in a turn: as a grammar that they cannot leave, and read again.

A step is a thought and an action (ReAct, Yao et al. 2022; RAISE adds lines for the scratchpad; DUMA's slow mind has
other words for the same):

    Thought: <one line>
    Scratchpad: <key> = <value>        (RAISE, up to three)
    Action: calculator[<argument>]     or     Action: Finish[<text>]

DUMA's fast mind answers and says whether it is in doubt:

    Response[<text>]
    Invoke[True]                       or     Invoke[False]

A text may have brackets and line breaks. A bracket that closes none of the text's own ends it, and then nothing else
can follow: a small model would go on with what the person might say next. Without a grammar, or where an answer was
cut, whatever can be read is read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from belle.dialogue.tools.tool import LONGEST_ARGUMENT

_LONGEST_THOUGHT = 400
_MOST_FACTS = 3
_LONGEST_KEY = 40
LONGEST_VALUE = 160
"""Characters of a fact."""

# An opening bracket need not be closed, as in [0, 1): all ways to read the text are followed at once.
_TEXT = (
    'text ::= ([^ \\n\\[\\]\\x00] | "[" item* "]" | "[") item*',
    'item ::= [^\\[\\]\\x00] | "[" item* "]" | "["',
)

RESPONSE, CLOSING = "Response[", "]\nInvoke["
FINISH = "Finish"


@dataclass(frozen=True, slots=True)
class StepWords:
    """The words with which the lines of a step begin."""

    thought: str
    action: str
    observation: str

    @property
    def all(self) -> tuple[str, str, str]:
        """The words."""
        return self.thought, self.action, self.observation

    @property
    def opening(self) -> str:
        """What comes before an answer."""
        return f"{self.action}: {FINISH}["


REACT = StepWords("Thought", "Action", "Observation")
SLOW_MIND = StepWords("Reason", "Act", "Obs")


@dataclass(frozen=True, slots=True)
class ReasoningStep:
    """A step as it was read.

    Attributes:
        thought: may be "".
        facts: keys and values for the scratchpad.
        tool, argument: what is to be done; the tool is `Finish` for an answer, and "" where there is none.
    """

    thought: str
    facts: tuple[tuple[str, str], ...] = ()
    tool: str = ""
    argument: str = ""


@dataclass(frozen=True, slots=True)
class FastReply:
    """What the fast mind says, and whether it is in doubt."""

    response: str
    invokes: bool


def step_grammar(words: StepWords, tools: Sequence[str], *, with_facts: bool = False) -> str:
    """GBNF of a step. Without `tools` it can only finish."""
    names = " | ".join(f'"{name}["' for name in tools)
    call = f'({names}) argument "]" | ' if tools else ""
    facts = f'("Scratchpad: " key " = " value "\\n"){{0,{_MOST_FACTS}}} ' if with_facts else ""
    rules = [
        f'root ::= "{words.thought}: " thought "\\n" {facts}"{words.action}: " action',
        f'action ::= {call}"{FINISH}[" text "]"',
        f"thought ::= [^ \\n\\x00] [^\\n\\x00]{{0,{_LONGEST_THOUGHT}}}",
        f"argument ::= [^ \\n\\x00\\[\\]] [^\\n\\x00\\[\\]]{{0,{LONGEST_ARGUMENT}}}",
        *_TEXT,
    ]
    if with_facts:
        rules += [
            f"key ::= [^ =\\n\\x00\\[\\]] [^=\\n\\x00\\[\\]]{{0,{_LONGEST_KEY}}}",
            f"value ::= [^ \\n\\x00\\[\\]] [^\\n\\x00\\[\\]]{{0,{LONGEST_VALUE}}}",
        ]
    return "\n".join(rules)


def fast_grammar(*, may_invoke: bool) -> str:
    """GBNF of a reply of the fast mind."""
    doubt = '("True" | "False")' if may_invoke else '"False"'
    root = f'root ::= "Response[" text "]\\nInvoke[" {doubt} "]"'
    return "\n".join([root, *_TEXT])


def read_step(text: str, words: StepWords) -> ReasoningStep:
    """The step that a text begins with, as far as it goes."""
    action = re.search(rf"^[ \t]*{words.action}:[ \t]*(\w+)[ \t]*\[", text, re.MULTILINE | re.IGNORECASE)
    before = text[: action.start()] if action else text
    facts = re.findall(r"^[ \t]*Scratchpad:[ \t]*([^=\n]+?)[ \t]*=[ \t]*(\S.*?)[ \t]*$", before, re.MULTILINE)
    thought = re.search(rf"^[ \t]*{words.thought}:[ \t]*(.*?)[ \t]*$", before, re.MULTILINE | re.IGNORECASE)
    found = thought[1] if thought else "" if action else before.strip()
    if action is None:
        return ReasoningStep(found, tuple(facts))
    rest = text[action.end() :]
    if action[1].casefold() == FINISH.casefold():
        return ReasoningStep(found, tuple(facts), FINISH, _inner(rest))
    return ReasoningStep(found, tuple(facts), action[1], re.split(r"[\]\n]", rest, maxsplit=1)[0].strip())


def read_fast(text: str) -> FastReply:
    """What the fast mind has said; all of the text where it does not follow the form."""
    start = text.find(RESPONSE)
    end = text.rfind(CLOSING)
    if end >= 0:
        doubt = text[end + len(CLOSING) :].casefold()
        response = text[start + len(RESPONSE) if start >= 0 else 0 : end]
        return FastReply(response.strip(), doubt.startswith("true"))
    return FastReply(_inner(text[start + len(RESPONSE) :]) if start >= 0 else text.strip(), invokes=False)


def _inner(text: str) -> str:
    """What is before the last bracket, if the text ends with it."""
    return text.strip().removesuffix("]").strip()
