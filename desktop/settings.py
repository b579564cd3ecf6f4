"""The settings of the window: typed properties over one INI file, written at once."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from PySide6.QtCore import QObject, QSettings, Signal

from belle import paths

if TYPE_CHECKING:
    from belle.engine.process.commands import Overflow, Sampling
    from desktop.i18n import Language

DEFAULT_CONTEXT = 4096
"""Tokens. A model that was trained with a shorter context gets that one."""

SMALLEST_CONTEXT = 1024
"""Tokens. With less, a conversation is not useful."""

DEFAULT_STATE_GB = 4
"""Gigabytes on the disk for saved states of conversations."""


class Settings(QObject):
    """The settings. `changed` has the name of the one that changed."""

    changed = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        """Read them. Where the file cannot be written, changes last for this run only."""
        super().__init__(parent)
        with contextlib.suppress(OSError):
            paths.private_folder(paths.config_dir())
        self._store = QSettings(str(paths.settings_file()), QSettings.Format.IniFormat, self)

    def value(self, name: str, default: Any = None) -> Any:
        """The raw value of a setting, such as a QByteArray of Qt (geometry, splitter state)."""
        return self._store.value(name, default)

    def set_value(self, name: str, value: Any) -> None:
        """Write a setting; None removes it."""
        if value is None:
            self._store.remove(name)
        else:
            self._store.setValue(name, value)
        self.changed.emit(name)

    def groups(self, name: str) -> list[str]:
        """The names of the groups inside the group `name`."""
        self._store.beginGroup(name)
        try:
            return self._store.childGroups()
        finally:
            self._store.endGroup()

    @property
    def language(self) -> Language:
        """The language of the window."""
        language = self.value("window/language", "system")
        return language if language in ("zh_CN", "en") else "system"

    @property
    def notifications(self) -> bool:
        """Whether the desktop notifies of a long job that has ended, while the person is in another program."""
        return self._is_on("window/notifications", default=True)

    @property
    def tray(self) -> bool:
        """Whether there is an icon in the tray, where the program stays when its window is closed."""
        return self._is_on("window/tray", default=False)

    @property
    def model(self) -> str:
        """Catalogue name or path of the last model used; empty at the first start."""
        return str(self.value("model/ref", ""))

    @property
    def speech_model(self) -> str:
        """What writes down speech, for `belle.models.speech.resolve_speech`; empty: the best one that is here."""
        return str(self.value("speech/model", ""))

    def set_speech_model(self, ref: str) -> None:
        """Set what writes down speech: a name in the catalogue, or a path."""
        self.set_value("speech/model", ref)

    @property
    def microphone(self) -> str:
        """What is recorded: a microphone as the speech worker lists them, or `file:PATH`; empty for the default."""
        return str(self.value("speech/microphone", ""))

    @property
    def speech_language(self) -> str:
        """The language that is dictated in: `zh`, `en` or `auto`; empty for that of the window."""
        language = str(self.value("speech/language", ""))
        return language if language in ("zh", "en", "auto") else ""

    @property
    def n_ctx(self) -> int:
        """Context length to ask for, in tokens."""
        return self._number("model/n_ctx", DEFAULT_CONTEXT)

    @property
    def threads(self) -> int | None:
        """Fixed number of threads; None lets the engine adapt."""
        return self._number("model/threads", 0) or None

    @property
    def state_budget(self) -> int:
        """Bytes that the saved states of conversations may take; 0 saves none."""
        return max(0, self._number("model/state_gb", DEFAULT_STATE_GB)) * 10**9

    @property
    def overflow(self) -> Overflow:
        """The context policy of new conversations."""
        from typing import get_args

        from belle.engine.process.commands import Overflow

        value: Overflow = self.value("chat/overflow", "refuse")
        return value if value in get_args(Overflow) else "refuse"

    def set_overflow(self, overflow: Overflow) -> None:
        """Set the context policy of new conversations."""
        self.set_value("chat/overflow", overflow)

    @property
    def uses_facts(self) -> bool:
        """Whether what the person wants remembered is given to the model; off until they ask for it."""
        return self._is_on("facts/on", default=False)

    def set_uses_facts(self, on: bool) -> None:
        """Set whether what the person wants remembered is given to the model."""
        self.set_value("facts/on", on)

    @property
    def voice(self) -> str:
        """The voice that reads aloud, such as `kokoro:zf_xiaoxiao`; empty for the one that fits the language."""
        return str(self.value("voice/name", ""))

    @property
    def voice_model(self) -> str:
        """The folder or file of a Kokoro model; empty for those among the models."""
        return str(self.value("voice/model", ""))

    @property
    def voice_speed(self) -> float:
        """How fast it reads; 1 is the voice's own speed."""
        try:
            return min(2.0, max(0.5, float(self.value("voice/speed", 1.0))))
        except (TypeError, ValueError):
            return 1.0

    def thinking(self, ref: str) -> bool | None:
        """Whether a model thinks before it answers, by its catalogue name or path; None: not set."""
        value = self.value(_thinking_name(ref))
        return None if value is None else str(value).lower() == "true"

    def set_thinking(self, ref: str, on: bool) -> None:
        """Set whether a model thinks before it answers."""
        self.set_value(_thinking_name(ref), on)

    def sampling(self, base: Sampling) -> Sampling:
        """`base` (the model's recommended values), overridden by what the person has set."""
        from dataclasses import fields, replace

        changes: dict[str, float | int] = {}
        for field in fields(base):
            text = self.value(f"sampling/{field.name}")
            if text is None:
                continue
            try:
                changes[field.name] = float(text) if isinstance(getattr(base, field.name), float) else int(text)
            except (TypeError, ValueError):
                continue  # a wrong value in a file edited by hand is ignored
        return replace(base, **changes)  # type: ignore[arg-type]

    def _is_on(self, name: str, *, default: bool) -> bool:
        return str(self.value(name, default)).lower() == "true"

    def _number(self, name: str, default: int) -> int:
        try:
            return int(self.value(name, default))
        except (TypeError, ValueError):
            return default


def _thinking_name(ref: str) -> str:
    # QSettings takes a slash for the separator of a group.
    return f"thinking/{quote(ref, safe='')}"
