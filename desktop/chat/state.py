"""The values in the controller's signals: frozen, and without texts, which belong to the window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from belle.engine.process.events import Died, Failed, ModelInfo
    from belle.errors import KnownError

Level = Literal["info", "warn", "bad"]
Waiting = Literal["", "loading", "model", "template", "answer", "summary"]
"""What a question waits for: loading to end, a model, a template for it, the answer in another chat, or the summary of
what no longer fits, which the model writes first."""

ANSWER = "answer"
"""Key of the notice about the last question of the open conversation."""

POLICIES = ("drop_oldest", "cut_middle", "summarise")
"""The context policies that go on when the context is full; as actions of a notice, they choose the policy."""

EXCHANGE = "exchange"
"""Key of the notice about the last export or import."""

STORE = "store-"
"""Prefix of the keys of notices about the conversation file. The kind follows, so each kind is shown once."""


@dataclass(frozen=True, slots=True)
class ModelState:
    """The model behind the window. `name` is its display name, `fraction` the loaded part (0…1)."""

    status: Literal["none", "loading", "ready", "failed"] = "none"
    name: str = ""
    fraction: float = 0.0
    info: ModelInfo | None = None
    is_starter: bool = False
    research_only: bool = False


@dataclass(frozen=True, slots=True)
class ContextUsage:
    """How full the context is, in tokens: `used` of `total` (0: not known), `system` of them before the first message.

    `used` can be more than `total`: then the conversation no longer fits.
    """

    used: int = 0
    total: int = 0
    system: int = 0

    @property
    def history(self) -> int:
        """The tokens of the messages."""
        return max(0, self.used - self.system)

    @property
    def free(self) -> int:
        """The tokens that are left."""
        return max(0, self.total - self.used)


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """One entry of the model menu. `ref` is what `ProjectControl.choose_model` takes: a catalogue name or a path."""

    ref: str
    title: str
    subtitle: str
    status: Literal["installed", "not_installed", "missing"]
    group: Literal["starter", "belle", "small", "file"]
    license_note: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """The content of a banner. `kind` selects its text. A notice replaces an earlier one with the same `key`.

    `details` are the values for the text (sizes in bytes) and, under `message`, the English sentence of the error;
    `actions` are the ids of its buttons, which come back through `ChatController.act`.
    """

    kind: str
    level: Level = "bad"
    details: Mapping[str, Any] = field(default_factory=dict)
    actions: tuple[str, ...] = ()
    key: str = ""

    @classmethod
    def of(cls, fault: KnownError | Failed | Died, *, actions: tuple[str, ...] = (), key: str = "") -> Notice:
        """The notice for an error or an event of the engine."""
        details: dict[str, Any] = {"message": fault.message, "advice": fault.advice}
        details |= {"log": fault.log} if hasattr(fault, "log") else dict(fault.details)
        return cls(fault.kind, "bad", details, actions, key or fault.kind)

    @property
    def is_of_store(self) -> bool:
        """Whether it is about the conversation file, not about a model file."""
        return self.key.startswith(STORE)

    @classmethod
    def of_store(cls, fault: KnownError) -> Notice:
        """The notice for an error of the conversation file."""
        return cls.of(fault, key=f"{STORE}{fault.kind}")


@dataclass(frozen=True, slots=True)
class AnswerRequest:
    """A stored question to be answered (`message_id`), or a stored answer to it to be continued (`continued_id`)."""

    conversation_id: int
    message_id: int
    continued_id: int | None = None


@dataclass(frozen=True, slots=True)
class OtherAnswer:
    """An answer of a model other than the present one, to be stored; the fields are those of `StoredMessage`."""

    text: str
    status: str
    model: str
    stats: Mapping[str, Any] = field(default_factory=dict)
    thinking: str = ""
    thinking_seconds: float | None = None
