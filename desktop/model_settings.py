"""What a person has set for one model alone, over the settings for all models. Kept in the file of the settings.

A model is known by its content (`belle.gguf.fingerprint`), so its settings stay when the file is moved or renamed.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from belle.engine.process.commands import FlashAttention, KvType, Sampling
from belle.gguf.fingerprint import fingerprint
from desktop.settings import SMALLEST_CONTEXT, Settings

if TYPE_CHECKING:
    from collections.abc import Iterable

SAMPLING_RANGES: dict[str, tuple[float, float]] = {
    "temperature": (0.0, 2.0),
    "top_p": (0.05, 1.0),
    "top_k": (0, 200),
    "min_p": (0.0, 0.5),
    "repeat_penalty": (1.0, 1.5),
    "seed": (0, (1 << 31) - 1),
}
"""Lowest and highest value of what can be set of `Sampling`."""

ALL_LAYERS = -1
"""`LoadSettings.n_gpu_layers`: as many as the model has."""

_GROUP = "models"
_PATH = "path"  # not a setting: where the file was last, for one that has gone
_RANGES: dict[str, tuple[float, float]] = {
    "n_ctx": (SMALLEST_CONTEXT, 1 << 24),
    "threads": (0, 1024),
    "n_gpu_layers": (ALL_LAYERS, 4096),
    **SAMPLING_RANGES,
}
_CHOICES = {"kv_type": get_args(KvType), "flash_attention": get_args(FlashAttention)}


@dataclass(frozen=True, slots=True)
class LoadSettings:
    """How a model is loaded: the fields of the engine's `Load`."""

    n_ctx: int
    threads: int | None = None
    n_gpu_layers: int = ALL_LAYERS
    kv_type: KvType = "f16"
    flash_attention: FlashAttention = "auto"


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """What was set for one model; None where nothing was. `threads` 0 is automatic, whatever is set for all."""

    n_ctx: int | None = None
    threads: int | None = None
    n_gpu_layers: int | None = None
    kv_type: KvType | None = None
    flash_attention: FlashAttention | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    repeat_penalty: float | None = None
    seed: int | None = None

    def load_settings(self, everywhere: Settings) -> LoadSettings:
        """How the model is loaded: what was set for it, else what is set for all models."""
        return LoadSettings(
            n_ctx=self.n_ctx or everywhere.n_ctx,
            threads=everywhere.threads if self.threads is None else self.threads or None,
            n_gpu_layers=ALL_LAYERS if self.n_gpu_layers is None else self.n_gpu_layers,
            kv_type=self.kv_type or "f16",
            flash_attention=self.flash_attention or "auto",
        )

    def sampling(self, base: Sampling) -> Sampling:
        """`base`, overridden by what was set for the model."""
        values = {name: getattr(self, name) for name in SAMPLING_RANGES}
        return replace(base, **{name: value for name, value in values.items() if value is not None})


class ModelSettingsStore:
    """The settings of every model, in the groups `models/IDENTITY` of the settings' file.

    A value that cannot be used, such as one that was edited by hand, counts as not set.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def of(self, path: Path) -> ModelSettings:
        """What was set for the model in `path`; nothing where the file cannot be read."""
        if not self._settings.groups(_GROUP):
            return ModelSettings()  # without reading the file
        identity = model_identity(path)
        values = {field.name: self._read(identity, field.name) for field in fields(ModelSettings)} if identity else {}
        return ModelSettings(**values)  # type: ignore[arg-type]  # `_read` gives each field its type

    def has_own(self, path: Path) -> bool:
        """Whether anything was set for the model in `path`."""
        return self.of(path) != ModelSettings()

    def set(self, path: Path, name: str, value: float | str | None) -> None:
        """Set a field of `ModelSettings`; None takes it back. A file that cannot be read gets no settings."""
        identity = model_identity(path)
        if not identity:
            return
        self._settings.set_value(_name(identity, name), value)
        if not self.has_own(path):
            self._settings.set_value(f"{_GROUP}/{identity}", None)
        else:
            self._settings.set_value(_name(identity, _PATH), str(path))

    def reset(self, path: Path) -> None:
        """Take everything back that was set for the model in `path`."""
        identity = model_identity(path)
        if identity and identity in self._settings.groups(_GROUP):
            self._settings.set_value(f"{_GROUP}/{identity}", None)

    def identities(self, paths: Iterable[Path]) -> frozenset[str]:
        """Of which models `paths` are, as far as they have settings; of a file that is gone, which it was."""
        groups = set(self._settings.groups(_GROUP))
        if not groups:
            return frozenset()
        names = {str(path) for path in paths}
        gone = {name for name in groups if self._settings.value(_name(name, _PATH)) in names}
        here = {model_identity(Path(name)) for name in names}
        return frozenset(groups & here | {name for name in gone if not here - {""}})

    def drop(self, identities: Iterable[str]) -> None:
        """Forget the settings of models that were removed."""
        for name in identities:
            self._settings.set_value(f"{_GROUP}/{name}", None)

    def _read(self, identity: str, name: str) -> float | str | None:
        text = self._settings.value(_name(identity, name))
        if text is None:
            return None
        if name in _CHOICES:
            return str(text) if text in _CHOICES[name] else None
        low, high = _RANGES[name]
        with suppress(TypeError, ValueError, OverflowError):
            value = int(text) if isinstance(low, int) else float(text)
            return value if low <= value <= high else None
        return None


def model_identity(path: Path) -> str:
    """What the model in `path` is known by; empty where the file cannot be read."""
    try:
        status = path.stat()
        return _identity(path, status.st_size, status.st_mtime_ns)
    except OSError:
        return ""


@lru_cache(maxsize=256)
def _identity(path: Path, size: int, changed_ns: int) -> str:
    """Raises OSError. `size` and `changed_ns` only tell a file from the one that was in its place before."""
    del size, changed_ns
    n_bytes, digest = fingerprint(path)
    return f"{n_bytes}-{digest[:32]}"


def _name(identity: str, name: str) -> str:
    return f"{_GROUP}/{identity}/{name}"
