"""The part of the controller that is about models: listing them, loading one, and the notices when that fails.

It does not know conversations. `answer_ends` says that the answer under way cannot go on; it is emitted first, before
the model changes.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from belle.errors import KnownError
from desktop.chat.state import ModelChoice, ModelState, Notice
from desktop.settings import SMALLEST_CONTEXT, Settings

# What belongs to the engine is imported when it is first needed: the list of conversations is shown before that.
if TYPE_CHECKING:
    from belle.engine.process.commands import Sampling
    from belle.engine.process.events import Died, Fallback, SaferMode, Stats
    from belle.prompts import Message
    from desktop.chat.library import ModelLibrary
    from desktop.chat.model_host import EngineFactory, ModelHost, ModelToLoad
    from desktop.model_settings import LoadSettings

_TELLING_TOKENS = 32
"""Of a shorter answer the speed says little."""


class ModelControl(QObject):
    """Everything the controller does with models. One model is loaded at a time."""

    state_changed = Signal(object)  # ModelState
    template_needed = Signal(str)  # file name
    templates_listed = Signal(object)  # tuple[TemplateOption, ...]
    answer_ends = Signal(str)  # status that the answer under way is stored with
    died = Signal(str, object, str)  # kind, exit status | None, last lines of its stderr
    notice = Signal(object)  # Notice
    notice_cleared = Signal(str)  # key

    def __init__(self, settings: Settings, engine_factory: EngineFactory | None, parent: QObject) -> None:
        super().__init__(parent)
        self._settings = settings
        self._engine_factory = engine_factory
        self._tried_n_ctx: int | None = None  # goes into the settings if the model can be loaded with it
        self._worked_n_ctx: int | None = None  # of the last model that could be loaded
        self._fallbacks: tuple[Fallback, ...] = ()  # those that notices are about
        self._general = ""  # the one chosen for all conversations but those that have another of their own
        self._loaded_as: dict[str, str] = {}  # ref that a project has -> ref of the model that is loaded for it
        self._refused: set[str] = set()  # refs that a project has and that cannot be loaded

    @cached_property
    def _library(self) -> ModelLibrary:
        from desktop.chat.library import ModelLibrary

        return ModelLibrary(self._settings)

    @cached_property
    def host(self) -> ModelHost:
        """Runs the model's process; created at the first use."""
        from desktop.chat.model_host import ModelHost

        host = ModelHost(self._engine_factory, self)
        host.state_changed.connect(self._on_state)
        host.template_needed.connect(self._on_template_needed)
        host.templates_listed.connect(self.templates_listed)
        host.failed.connect(self._on_load_failed)
        host.died.connect(self._on_death)
        host.safer_mode.connect(self._on_safer_mode)
        return host

    @property
    def state(self) -> ModelState:
        """The model as it is now."""
        return self.host.state if "host" in self.__dict__ else ModelState()

    @property
    def ref(self) -> str:
        """Catalogue name or path of the present model; empty when there is none."""
        return self.host.current.ref if self.host.current else ""

    def choices(self) -> list[ModelChoice]:
        """The entries of the model menu."""
        try:
            return self._library.choices()
        except KnownError as error:
            self.notice.emit(Notice.of(error, key="registry"))
            return []

    def own_sampling(self) -> Sampling:
        """The recommended sampling values of the present model, else our defaults."""
        return self._library.recommended_sampling()

    def sampling(self) -> Sampling:
        """The recommended sampling values, overridden by the person's settings for all models and for this one."""
        return self._library.sampling()

    @property
    def thinks(self) -> bool | None:
        """Whether the present model thinks before it answers; None where that cannot be switched."""
        info = self.state.info
        return self.wants_thinking() is not False if info is not None and info.can_switch_thinking else None

    def wants_thinking(self) -> bool | None:
        """The person's setting for the present model; None: not set."""
        return self._settings.thinking(self.ref)

    def set_thinking(self, on: bool) -> None:
        """Set for the present model whether it thinks before it answers."""
        if self.ref:
            self._settings.set_thinking(self.ref, on)

    def start(self, requested: str = "") -> None:
        """Load `requested`; where it is empty or cannot be loaded, the last model used, else the starter."""
        if requested and self.load(requested, key="asked"):
            return
        ref = self._library.default_ref()
        if ref:
            self.load(ref)
        else:
            self.notice.emit(Notice("no_model", "info", {}, ("choose_model",), "model"))

    def load(self, ref: str, *, n_ctx: int | None = None, key: str = "model") -> bool:
        """Load a model by catalogue name or path. A file that cannot be used is refused, and the present model stays.

        A model that was loaded is the default at the next start.

        Args:
            n_ctx: context length to try, in tokens; None: the one in the settings.
            key: of the notice when the model is refused.

        Returns False when it was refused.
        """
        try:
            model = self._library.resolve(ref, n_ctx=n_ctx)
        except KnownError as error:
            self.notice.emit(Notice.of(error, actions=("choose_model",), key=key))
            return False
        self._general = model.ref
        self._refused.clear()
        self._load(model, n_ctx)
        return True

    def has(self, ref: str) -> bool:
        """Whether the model that answers for `ref` (empty: the one chosen in general) is loaded, or being loaded."""
        return self._usable(ref) == (self.ref or self._general)

    def use(self, ref: str) -> None:
        """Load a model for some conversations; empty: the one chosen in general, which stays the default.

        One that cannot be loaded is reported once, and the one chosen in general answers in its place.
        """
        wanted = self._usable(ref)
        if wanted == self.ref:
            return
        try:
            model = self._library.resolve(wanted)
        except KnownError as error:
            self._refuse(wanted, Notice.of(error))
            return
        self._loaded_as[ref] = model.ref
        if model.ref != self.ref:
            self._load(model, None)

    def retry_refused(self) -> None:
        """Try again to load models that were refused before: the person has changed something."""
        self._refused.clear()

    def _usable(self, ref: str) -> str:
        ref = self._loaded_as.get(ref, ref) if ref else self._general
        return self._general if ref in self._refused else ref

    def _refuse(self, ref: str, cause: Notice) -> None:
        """Have the model chosen in general answer in the place of one that cannot be loaded, and report that."""
        if ref in ("", self._general):
            self.notice.emit(replace(cause, actions=("choose_model",), key="model"))
            return
        self._refused.add(ref)
        details = {**cause.details, "name": PurePath(ref).name}
        self.notice.emit(Notice("project_model_refused", "warn", details, ("choose_model",), "project-model"))
        self.use("")

    def _load(self, model: ModelToLoad, n_ctx: int | None) -> None:
        self._tried_n_ctx = n_ctx
        self.answer_ends.emit("stopped")
        self.notice_cleared.emit("model")
        self.notice_cleared.emit("template")
        for fallback in self._fallbacks:
            self.notice_cleared.emit(_key_of(fallback))
        self._fallbacks = ()
        self.host.load(model)

    def _load_again(self, n_ctx: int | None = None) -> None:
        """Load the present model again, for the same conversations as before."""
        try:
            model = self._library.resolve(self.ref, n_ctx=n_ctx)
        except KnownError as error:
            self.notice.emit(Notice.of(error, actions=("choose_model",), key="model"))
        else:
            self._load(model, n_ctx)

    def loaded_with(self) -> LoadSettings | None:
        """What the present model was loaded with, or is being loaded with; None without one."""
        model = self.host.current if "host" in self.__dict__ else None
        if model is None:
            return None
        from desktop.model_settings import LoadSettings

        load = model.load
        return LoadSettings(load.n_ctx, load.threads, load.n_gpu_layers, load.kv_type, load.flash_attention)

    def reload(self) -> None:
        """Start the present model again after it has died."""
        self.host.reload()

    def apply_settings(self) -> None:
        """Load the model again, with changed settings (context length, threads, saved states)."""
        from desktop.chat.saved_states import saved_states

        saved_states().shrink(self._settings.state_budget)
        if self.ref:
            self._load_again()

    def change_context(self, factor: float) -> None:
        """Load the model again with a context `factor` times as long, within the limits of the model."""
        info = self.host.state.info
        longest = info.n_ctx_train if info else self._settings.n_ctx
        present = info.n_ctx if info else self.host.current.load.n_ctx if self.host.current else self._settings.n_ctx
        n_ctx = min(int(present * factor), longest) if factor > 1 else max(int(present * factor), SMALLEST_CONTEXT)
        if self.ref:
            self._load_again(n_ctx)

    def note_speed(self, stats: Stats) -> None:
        """Note the speed of an answer, by which those of other models are predicted."""
        model = self.host.current
        if model is not None and stats.tokens_per_s and stats.completion_tokens >= _TELLING_TOKENS:
            from belle.engine.llama.speed import note_seen

            note_seen(Path(model.load.path), stats.tokens_per_s)

    def saved_state_bytes(self) -> int:
        """The size of all saved states on the disk, in bytes."""
        from desktop.chat.saved_states import saved_states

        return saved_states().used_bytes()

    def delete_saved_state(self, name: str) -> None:
        """Delete the saved state of a conversation, and keep the engine from writing it again."""
        from desktop.chat.saved_states import saved_states

        saved_states().delete(name)
        self._forget(name)

    def delete_saved_states(self) -> None:
        """Delete all saved states; the model reads a conversation again when it continues."""
        from desktop.chat.saved_states import saved_states

        self._forget("")  # the engine has one in memory, and would save it when it ends
        saved_states().clear()

    def request_templates(self, messages: tuple[Message, ...]) -> None:
        """Request the prompt templates to choose from, each rendering `messages`; `templates_listed` answers."""
        from belle.engine.process.commands import ListTemplates

        self.host.list_templates(ListTemplates(0, messages))

    def set_template(self, template: str) -> None:
        """Use another prompt template; it is remembered for the file when it works."""
        self.notice_cleared.emit("template")
        self.host.set_template(template)

    def close(self) -> None:
        """End the engine."""
        if "host" in self.__dict__:
            self.answer_ends.emit("interrupted")
            self.host.close()

    def _forget(self, state_name: str) -> None:
        """Keep the engine, if there is one, from saving the state of a conversation; of all for an empty name."""
        if "host" in self.__dict__:
            self.host.forget(state_name)

    def _on_state(self, state: ModelState) -> None:
        model = self.host.current
        if model is not None and state.info is not None and state.info.template is not None:
            self._remember(model)
        self.state_changed.emit(state)
        if state.info is not None and state.info.fallbacks != self._fallbacks:
            self._fallbacks = state.info.fallbacks
            for fallback in self._fallbacks:
                self.notice.emit(Notice("fallback", "info", asdict(fallback), (), _key_of(fallback)))

    def _remember(self, model: ModelToLoad) -> None:
        """Make a model that could be loaded the default of the next start, and add its file to the registry."""
        if model.ref == self._general != self._settings.model:
            self._settings.set_value("model/ref", model.ref)
        if self._tried_n_ctx is not None:
            self._library.remember_context(self._tried_n_ctx)
            self._tried_n_ctx = None
        self._worked_n_ctx = model.load.n_ctx
        try:
            self._library.remember(model)
        except KnownError as error:
            self.notice.emit(Notice.of(error))

    def _on_template_needed(self, file_name: str) -> None:
        info = self.host.state.info
        problem = info.template_problem if info is not None else ""
        kind, message = ("template_error", problem) if problem else ("no_template", "")
        details = {"file": file_name, "message": message}
        self.notice.emit(Notice(kind, "warn", details, ("choose_template", "choose_model"), "template"))
        self.template_needed.emit(file_name)

    def _on_load_failed(self, notice: Notice) -> None:
        failed = self.host.current
        if failed is not None and failed.ref not in ("", self._general):
            # Later: the host is about to report the state of the model that failed.
            QTimer.singleShot(0, self, lambda: self._refuse(failed.ref, notice))
            return
        is_about_size = notice.kind in ("too_big_for_memory", "context_too_large", "out_of_memory")
        tried = self.host.current.load.n_ctx if self.host.current else self._settings.n_ctx
        smaller = ("smaller_context",) if is_about_size and tried > SMALLEST_CONTEXT else ()
        if is_about_size and self._worked_n_ctx is not None and self._settings.n_ctx == tried:
            self._settings.set_value("model/n_ctx", self._worked_n_ctx)  # else the next start fails too
        again = ("restart_engine",) if notice.kind == "no_process" else ()  # the model is not the cause
        self.notice.emit(replace(notice, actions=(*smaller, *again, "choose_model")))

    def _on_safer_mode(self, event: SaferMode) -> None:
        self.died.emit("safer_mode", event.returncode, event.log)
        self.notice.emit(Notice("safer_mode", "info", {"log": event.log}, (), "engine"))

    def _on_death(self, death: Died, restarting: bool) -> None:
        self.died.emit(death.kind, death.returncode, death.log)
        self.answer_ends.emit("interrupted")
        cause = Notice.of(death)
        details = {**cause.details, "cause": death.kind}
        if restarting:
            self.notice.emit(Notice("engine_restarted", "warn", details, (), "engine"))
        else:
            actions = ("restart_engine", "choose_model")
            self.notice.emit(Notice("engine_gave_up", "bad", details, actions, "engine"))


def _key_of(fallback: Fallback) -> str:
    return f"fallback-{fallback.setting}"
