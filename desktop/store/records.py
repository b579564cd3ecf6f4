"""The records that the store returns. They are frozen, so that no caller can change the store by changing one.

Times are seconds since the epoch (float). Ids are SQLite row ids with AUTOINCREMENT: they grow and are never reused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict, get_args

Role = Literal["user", "assistant"]
Status = Literal["streaming", "complete", "stopped", "interrupted", "error", "length"]
ROLES: tuple[Role, ...] = get_args(Role)
STATUSES: tuple[Status, ...] = ("interrupted", *(s for s in get_args(Status) if s != "interrupted"))
"""The first is the one that a damaged row gets."""
Overflow = Literal["refuse", "drop_oldest", "cut_middle", "summarise"]
OVERFLOWS: tuple[Overflow, ...] = get_args(Overflow)

ENDINGS = ("complete", "stopped", "interrupted", "error", "length")
"""Every status but `streaming`."""


SamplingChoice = Mapping[str, float]
"""Sampling values by their names, for those that are not left to the model and the settings."""


@dataclass(frozen=True, slots=True)
class ConversationSummary:
    """One row of the conversation list."""

    id: int
    title: str
    pinned: bool
    updated_at: float
    model: str
    project_id: int | None = None


@dataclass(frozen=True, slots=True)
class StoredStrategy:
    """How answers come about in a conversation.

    Attributes:
        name: a strategy of `belle.dialogue`.
        slow: the model that DUMA asks where it is in doubt, a catalogue name or a path; empty: the same one.
        facts: RAISE's scratchpad as a person has edited it; it holds while the message `facts_after` is the last answer
            (0: there is none). None where nobody has edited it.
    """

    name: str = "plain"
    slow: str = ""
    facts: Mapping[str, str] | None = None
    facts_after: int = 0

    @property
    def fields(self) -> dict[str, Any]:
        """The strategy as JSON values."""
        facts = None if self.facts is None else dict(self.facts)
        return {"name": self.name, "slow": self.slow, "facts": facts, "facts_after": self.facts_after}

    @staticmethod
    def from_fields(fields: Mapping[str, Any]) -> StoredStrategy:
        """The strategy whose `fields` these are; what is not of its type is left out."""
        facts, after = fields.get("facts"), fields.get("facts_after")
        return StoredStrategy(
            fields["name"] if isinstance(fields.get("name"), str) else "plain",
            fields["slow"] if isinstance(fields.get("slow"), str) else "",
            {key: value for key, value in facts.items() if isinstance(value, str)} if isinstance(facts, dict) else None,
            after if isinstance(after, int) else 0,
        )


@dataclass(frozen=True, slots=True)
class StoredConversation:
    """A conversation without its messages.

    `title_is_auto` is true until a person names the conversation. `active_leaf` is the last message of the path that
    is shown. `overflow` is the context policy: what happens when the context is full. `left_out` are the ids of the
    messages that the prompt of the last answer did not contain, ascending. `model` is the one that it began with,
    `own_model` the one that was chosen for it alone (empty: none).
    """

    id: int
    title: str
    title_is_auto: bool
    system_prompt: str
    model: str
    pinned: bool
    created_at: float
    updated_at: float
    active_leaf: int | None
    overflow: Overflow
    left_out: tuple[int, ...]
    project_id: int | None = None
    own_model: str = ""
    sampling: SamplingChoice = field(default_factory=dict)
    uses_facts: bool | None = None
    strategy: StoredStrategy = field(default_factory=StoredStrategy)


@dataclass(frozen=True, slots=True)
class ProjectSettings:
    """What the conversations of a project have in common; empty: nothing.

    `model` is a name of the catalogue or the path of a file, `folder` the path of a folder of documents.
    """

    name: str
    system_prompt: str = ""
    model: str = ""
    folder: str = ""
    sampling: SamplingChoice = field(default_factory=dict)
    uses_facts: bool | None = None


@dataclass(frozen=True, slots=True)
class Persona:
    """A named system prompt. `greeting` is the first message of a conversation with it; empty for none."""

    name: str
    system_prompt: str = ""
    greeting: str = ""
    sampling: SamplingChoice = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoredFact:
    """Something about the person that they want remembered. `created_at` is in seconds since the epoch."""

    id: int
    text: str
    created_at: float


@dataclass(frozen=True, slots=True)
class StoredPersona:
    """A persona of the person's own."""

    id: int
    persona: Persona


@dataclass(frozen=True, slots=True)
class StoredProject:
    """A group of conversations. `collapsed`: the list shows it without them."""

    id: int
    settings: ProjectSettings
    collapsed: bool = False


class NewConversation(TypedDict, total=False):
    """What a conversation is created with; see `StoredConversation`."""

    title: str
    system_prompt: str
    model: str
    overflow: str
    project_id: int | None
    own_model: str
    sampling: SamplingChoice
    uses_facts: bool | None
    strategy: StoredStrategy | None


@dataclass(frozen=True, slots=True)
class StoredAttachment:
    """A file that went along with a question: its text, without the last `n_cut` characters; `size` is in bytes."""

    name: str
    size: int
    text: str
    n_cut: int = 0


PictureKind = Literal["png", "jpeg"]
PICTURE_KINDS: tuple[PictureKind, ...] = get_args(PictureKind)


@dataclass(frozen=True, slots=True)
class StoredPicture:
    """A picture that went along with a question. Sizes are in pixels, `size` is in bytes.

    `digest` is the SHA-256 of its file, in hexadecimal. `text` is what was read in it, for models that cannot see;
    `source_width` and `source_height` are what it measured before it was scaled down (0: it was not). `data` is the
    file itself; empty where it is in the store already, see `Store.picture_data`.
    """

    digest: str
    kind: PictureKind
    width: int
    height: int
    size: int
    name: str = ""
    text: str = ""
    source_width: int = 0
    source_height: int = 0
    data: bytes = field(default=b"", repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """One node of a conversation's tree.

    Versions of a message are its siblings: the children of one parent, oldest first. `sibling_index` counts from 0,
    so that `‹ 2/3 ›` is `sibling_index + 1` of `sibling_count`. `stats` holds what the engine measured, `thinking` what
    the model wrote before the answer proper, and `thinking_seconds` how long that took (None: not known). `is_damaged`:
    a part of the row could not be read; unreadable characters are U+FFFD. `pinned`: stays in the prompt whatever the
    context policy leaves out.
    """

    id: int
    conversation_id: int
    parent_id: int | None
    role: Role
    text: str
    status: Status
    created_at: float
    model: str
    stats: Mapping[str, Any]
    sibling_index: int
    sibling_count: int
    thinking: str = ""
    thinking_seconds: float | None = None
    is_damaged: bool = False
    pinned: bool = False
    attachments: tuple[StoredAttachment, ...] = ()
    pictures: tuple[StoredPicture, ...] = ()

    @property
    def is_greeting(self) -> bool:
        """Whether it answers nothing: the first message of a persona, which no model wrote."""
        return self.role == "assistant" and self.parent_id is None


@dataclass(frozen=True, slots=True)
class StoredSummary:
    """A text that replaces messages in the prompt.

    `covers` are the ids of these messages, ascending, and `message_id` is the last of them. The summary is valid for
    every path that contains that message.
    """

    message_id: int
    covers: tuple[int, ...]
    text: str
    created_at: float


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A message, or with `message_id` None a title, that contains every word of the query.

    `snippet` is one line of text around the first hit; `ranges` are the (start, end) of the words in it, in
    characters of a Python string (a text widget that counts UTF-16 units must convert), in order and without overlap.
    `updated_at` is the time of the message, or for a title that of its conversation.
    """

    conversation_id: int
    title: str
    message_id: int | None
    snippet: str
    ranges: list[tuple[int, int]]
    updated_at: float


@dataclass(frozen=True, slots=True)
class TreeMessage:
    """A message of a `ConversationTree`. Other messages are named by their place in `ConversationTree.messages`.

    `parent` stands before it (None: a first message); `active_child` is the child that was last shown.
    """

    parent: int | None
    role: Role
    text: str
    status: Status = "complete"
    created_at: float = 0.0
    model: str = ""
    stats: Mapping[str, Any] = field(default_factory=dict)
    thinking: str = ""
    thinking_seconds: float | None = None
    active_child: int | None = None
    pinned: bool = False
    attachments: tuple[StoredAttachment, ...] = ()
    pictures: tuple[StoredPicture, ...] = ()


@dataclass(frozen=True, slots=True)
class ConversationTree:
    """A conversation with all versions of all its messages, free of the numbers that it has in one store.

    `active_leaf` and `left_out` are places in `messages`; versions of one message are in order, oldest first. In
    `summaries`, places stand for the ids. `project` has no folder, which is of one computer. `strategy` names a message
    by its place plus one, 0 being none.
    """

    messages: tuple[TreeMessage, ...]
    title: str = ""
    title_is_auto: bool = True
    system_prompt: str = ""
    model: str = ""
    pinned: bool = False
    created_at: float = 0.0
    updated_at: float = 0.0
    active_leaf: int | None = None
    overflow: Overflow = "refuse"
    left_out: tuple[int, ...] = ()
    summaries: tuple[StoredSummary, ...] = ()
    own_model: str = ""
    sampling: SamplingChoice = field(default_factory=dict)
    uses_facts: bool | None = None
    project: ProjectSettings | None = None
    strategy: StoredStrategy = field(default_factory=StoredStrategy)

    @property
    def prompt_in_force(self) -> str:
        """The system prompt that holds: its own, else that of its project."""
        of_project = self.project.system_prompt if self.project is not None else ""
        return self.system_prompt if self.system_prompt.strip() else of_project

    def active_path(self) -> list[TreeMessage]:
        """What is shown of it, the first message first."""
        path: list[TreeMessage] = []
        place = self.active_leaf
        while place is not None:
            path.append(self.messages[place])
            place = path[-1].parent
        return path[::-1]
