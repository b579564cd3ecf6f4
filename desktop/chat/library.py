"""The models to choose from, and what is needed to load one."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from belle import paths
from belle.engine.answer.file_sampling import recommended_sampling
from belle.engine.process.commands import Load, Sampling
from belle.errors import KnownError
from belle.gguf.reader import read_header
from belle.models import catalog, registry
from belle.prompts import OWN_TEMPLATE, TEMPLATES
from desktop.chat.documents.embedding_models import makes_embeddings
from desktop.chat.model_host import ModelToLoad
from desktop.chat.state import ModelChoice
from desktop.i18n import current_language
from desktop.model_settings import ModelSettingsStore
from desktop.settings import Settings

STARTER = "starter"


class ModelLibrary:
    """The catalogue of published models and the registry of local ones, as the window shows them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._own = ModelSettingsStore(settings)
        self._path: Path | None = None
        self._sampling = Sampling()

    def choices(self) -> list[ModelChoice]:
        """The entries of the model menu: the starter, BELLE models, files opened before. Raises KnownError."""
        language = "zh" if current_language() == "zh_CN" else "en"
        installed = {model.name: model for model in registry.installed()}
        lines = []
        for entry in catalog.load_catalog():
            if not entry.chats:
                continue
            known = installed.pop(entry.name, None)
            is_here = entry.bundled_file() is not None or (known is not None and known.path.exists())
            lines.append(
                ModelChoice(
                    ref=entry.name,
                    title=entry.title,
                    subtitle=entry.description[language],
                    status="installed" if is_here else "missing" if known else "not_installed",
                    group="starter" if entry.kind == "bundled" else "small" if entry.kind == "gguf" else "belle",
                    license_note=entry.license_note[language],
                )
            )
        for model in reversed(installed.values()):
            if model.is_speech or makes_embeddings(model.path):
                continue
            status = "installed" if model.path.exists() else "missing"
            title = model.title or model.path.stem
            lines.append(ModelChoice(str(model.path), title, str(model.path), status, "file"))  # type: ignore[arg-type]
        return lines

    def default_ref(self) -> str:
        """The model to load at the start: the last one used, else the starter, else empty."""
        if self._settings.model:
            return self._settings.model
        starter = catalog.load_catalog().find(STARTER)
        return STARTER if starter and starter.bundled_file() else ""

    def resolve(self, ref: str, *, n_ctx: int | None = None) -> ModelToLoad:
        """Find the file for a catalogue name or path and read its header. Raises KnownError.

        Args:
            n_ctx: the context length, in tokens; None: the one in the settings, of this model or of all.
        """
        resolved = catalog.resolve(ref)
        header = read_header(resolved.path)
        entry = resolved.entry
        if header.makes_embeddings:
            name = Path(resolved.path).name
            message = f"{name} is an embedding model, which does not chat."
            advice = "Add it in the library, and it finds passages in folders of documents. Choose another one to chat."
            raise KnownError("embedding_model", message, advice, path=str(resolved.path))
        self._path = resolved.path
        self._sampling = recommended_sampling(header, asdict(resolved.sampling) if resolved.sampling else None)
        wanted = self._own.of(resolved.path).load_settings(self._settings)
        load = Load(
            path=str(resolved.path),
            n_ctx=n_ctx or wanted.n_ctx,
            n_gpu_layers=wanted.n_gpu_layers,
            kv_type=wanted.kv_type,
            flash_attention=wanted.flash_attention,
            template=resolved.template if resolved.template in (None, OWN_TEMPLATE, *TEMPLATES) else None,
            threads=wanted.threads,
            state_folder=str(paths.saved_states_dir()) if self._settings.state_budget else None,
            state_budget=self._settings.state_budget,
        )
        return ModelToLoad(
            ref=entry.name if entry else str(resolved.path),
            name=resolved.title or header.name or Path(resolved.path).stem,
            load=load,
            is_starter=entry is not None and entry.kind == "bundled",
            research_only=entry is not None and entry.research_only,
        )

    def remember(self, model: ModelToLoad) -> None:
        """Add a file that could be loaded to the registry, with the template chosen for it. Raises KnownError."""
        path, template = Path(model.load.path), model.load.template
        known = {installed.path: installed.template for installed in registry.installed()}
        if model.ref == model.load.path or template != known.get(registry.absolute(path)):
            catalog.remember_file(path, template, title=model.name)

    def recommended_sampling(self) -> Sampling:
        """The sampling values that are recommended for the model resolved last, else our defaults."""
        return self._sampling

    def sampling(self) -> Sampling:
        """The same, overridden by what is set for all models, and that by what is set for this one."""
        everywhere = self._settings.sampling(self._sampling)
        return self._own.of(self._path).sampling(everywhere) if self._path is not None else everywhere

    def remember_context(self, n_ctx: int) -> None:
        """Load the model resolved last with a context of `n_ctx` tokens from now on; all models, unless it has its
        own."""
        if self._path is not None and self._own.of(self._path).n_ctx is not None:
            self._own.set(self._path, "n_ctx", n_ctx)
        else:
            self._settings.set_value("model/n_ctx", n_ctx)
