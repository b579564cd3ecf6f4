"""The model that answers in the terminal, and how another one takes its place."""

from __future__ import annotations

from dataclasses import asdict, fields, replace

from belle.cli.fallbacks import note_fallbacks
from belle.cli.messages import is_chinese, say
from belle.cli.terminal import Terminal
from belle.engine.answer.file_sampling import recommended_sampling
from belle.engine.process.blocking import BlockingEngine
from belle.engine.process.commands import Load, Sampling
from belle.engine.process.events import ModelInfo
from belle.errors import KnownError
from belle.gguf.reader import read_header
from belle.models.catalog import ResolvedModel, remember_file, resolve
from belle.prompts import TEMPLATES


class ChatModel:
    """A loaded model.

    Args:
        engine: has loaded it.
        resolved: its file.
        load: the command by which it was loaded.
    """

    def __init__(self, engine: BlockingEngine, resolved: ResolvedModel, load: Load, terminal: Terminal) -> None:
        self._engine = engine
        self._resolved = resolved
        self._load = load
        self._terminal = terminal

    @property
    def info(self) -> ModelInfo:
        """What the engine says of it."""
        return self._engine.model

    @property
    def title(self) -> str:
        """Its name for people."""
        return self._resolved.title

    @property
    def name(self) -> str:
        """Its name at the prompt."""
        return self._resolved.entry.name if self._resolved.entry else self._resolved.path.stem

    @property
    def ref(self) -> str:
        """How the store names it."""
        return self._resolved.ref

    @property
    def is_starter(self) -> bool:
        """Whether it is the small one that comes with the program."""
        return self._resolved.entry is not None and self._resolved.entry.kind == "bundled"

    @property
    def sampling(self) -> Sampling:
        """What its card or its file recommends."""
        return sampling_of(self._resolved)

    def introduce(self, *, ask: bool) -> None:
        """Choose its template, where its file has none; show which settings it could not be loaded with, and the
        notice of its licence.

        Args:
            ask: whether a person can be asked.

        Raises KnownError("no_template").
        """
        note_fallbacks(self._terminal, self.info)
        if self.info.template is None:
            self._choose_template(ask=ask)
        entry = self._resolved.entry
        if entry is not None and entry.research_only:
            self._terminal.note(entry.license_note["zh" if is_chinese() else "en"])

    def use(self, name: str) -> None:
        """Load another model. When that fails, the one before is loaded again. Raises KnownError."""
        resolved = resolve(name)
        self._replace(resolved, replace(self._load, path=str(resolved.path), template=resolved.template, mmproj=None))

    def set_context(self, n_ctx: int) -> None:
        """Load the same model with another context length, in tokens; 0 takes the model's own. Raises KnownError."""
        self._replace(self._resolved, replace(self._load, n_ctx=n_ctx, template=self.info.template))

    def _replace(self, resolved: ResolvedModel, load: Load) -> None:
        before = self._resolved, self._load

        def on_loading(fraction: float) -> None:
            self._terminal.progress(say("loading", title=resolved.title, percent=round(fraction * 100)))

        try:
            self._engine.load(load, on_loading)
            self._resolved, self._load = resolved, load
            self.introduce(ask=True)
        except BaseException:
            self._resolved, self._load = before
            self._engine.load(self._load, on_loading)
            raise
        finally:
            self._terminal.clear()

    def _choose_template(self, *, ask: bool) -> None:
        path, problem = self._resolved.path, self.info.template_problem
        if not (ask and self._terminal.interactive):
            raise KnownError(
                "no_template",
                problem or f"{path.name} contains no prompt template, so the form of its prompts is not known.",
                f"Choose one with --template: {', '.join(TEMPLATES)}.",
                path=str(path),
            )
        if problem:
            self._terminal.note(problem)
        self._terminal.note(say("no_template" if not problem else "template_broken"))
        choices = list(TEMPLATES.values())
        for number, template in enumerate(choices, 1):
            self._terminal.note(f"{number:3}  {template.title}  ({template.id})", style="")
        chosen = choices[self._choice(len(choices)) - 1].id
        self._engine.set_template(chosen)
        remember_file(path, chosen, title=self.title)

    def _choice(self, most: int) -> int:
        while True:
            try:
                answer = self._terminal.ask(f"{say('no_template_ask')} (1–{most}) › ").strip()
            except EOFError:
                raise KnownError("no_template", "No prompt template was chosen.", "See --template.") from None
            if answer.isdecimal() and 1 <= int(answer) <= most:
                return int(answer)


def sampling_of(model: ResolvedModel) -> Sampling:
    """What the card of a model recommends, or its file, or the program's defaults. Raises KnownError."""
    return recommended_sampling(read_header(model.path), asdict(model.sampling) if model.sampling else None)


def sampling_for_other_model(sampling: Sampling, before: Sampling, after: Sampling) -> Sampling:
    """What was recommended `before` is as recommended `after`; what a person has chosen stays."""
    names = [field.name for field in fields(Sampling)]
    unchanged = [name for name in names if getattr(sampling, name) == getattr(before, name)]
    return replace(sampling, **{name: getattr(after, name) for name in unchanged})
