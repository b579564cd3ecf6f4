"""What the controller tells the window: small frozen values without words; the words are the window's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from belle.engine.process.protocol import Died, Failed, ModelInfo
    from belle.errors import KnownError

Level = Literal["info", "warn", "bad"]
Waiting = Literal["", "loading", "model", "template", "answer"]
"""What a question waits for: the model that is being loaded, a model at all, its template, another chat's answer."""

ANSWER = "answer"
"""The key of the notice about the open conversation's last question."""

STORE = "store-"
"""How the keys of notices about the conversations' file begin; then comes the kind: each is said once."""


@dataclass(frozen=True, slots=True)
class ModelState:
    """The model behind the window. `name` is its display name, `fraction` how much of it is loaded (0…1)."""

    status: Literal["none", "loading", "ready", "failed"] = "none"
    name: str = ""
    fraction: float = 0.0
    info: ModelInfo | None = None
    is_starter: bool = False
    research_only: bool = False


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """One line of the model menu. `ref` is what `ChatController.load_model` takes: a catalogue name or a path."""

    ref: str
    title: str
    subtitle: str
    status: Literal["installed", "not_installed", "missing"]
    group: Literal["starter", "belle", "file"]
    license_note: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to be said in a banner. `kind` selects the words; `key` replaces an earlier notice of the same key.

    `details` are the facts for the words (sizes in bytes) and, under `message`, the English sentence of the room
    that found the fault; `actions` are ids that come back through `ChatController.act`.
    """

    kind: str
    level: Level = "bad"
    details: Mapping[str, Any] = field(default_factory=dict)
    actions: tuple[str, ...] = ()
    key: str = ""

    @classmethod
    def of(cls, fault: KnownError | Failed | Died, *, actions: tuple[str, ...] = (), key: str = "") -> Notice:
        """The notice of a known fault."""
        details: dict[str, Any] = {"message": fault.message, "advice": fault.advice}
        details |= {"log": fault.log} if hasattr(fault, "log") else dict(fault.details)
        return cls(fault.kind, "bad", details, actions, key or fault.kind)

    @property
    def is_of_store(self) -> bool:
        """It is about the conversations' file, not about a model's."""
        return self.key.startswith(STORE)

    @classmethod
    def of_store(cls, fault: KnownError) -> Notice:
        """The notice of a fault of the conversations' file."""
        return cls.of(fault, key=f"{STORE}{fault.kind}")


@dataclass(frozen=True, slots=True)
class AnswerRequest:
    """What is to be answered: a stored question, or the rest of a stored answer to it."""

    conversation_id: int
    message_id: int
    continued_id: int | None = None
