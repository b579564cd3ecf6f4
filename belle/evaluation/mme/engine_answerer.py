"""A GGUF that sees, in the engine, as MME asks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from belle.engine.process.blocking import BlockingEngine, open_engine
from belle.engine.process.commands import Generate, Load, Sampling
from belle.engine.process.events import Done
from belle.errors import KnownError
from belle.evaluation.mme.ask import MOST_TOKENS
from belle.evaluation.sources.model_files import files_digest, model_files
from belle.prompts import Message, PictureRef

_LIKELIEST = Sampling(temperature=0.0, top_k=0, top_p=1.0, min_p=0.0, repeat_penalty=1.0, seed=1)


class SeeingEngine:
    """Answers with the likeliest tokens. A `PictureAnswerer`; use `seeing_engine`."""

    def __init__(self, engine: BlockingEngine, name: str, identity: Mapping[str, Any]) -> None:
        self.name = name
        self.identity = identity
        self._engine = engine
        self._asked = 0

    def answer(self, picture: Path, question: str) -> str:
        """The likeliest answer to a question about the picture in that file. Raises KnownError."""
        self._asked += 1
        message = Message("user", question, pictures=(PictureRef(str(picture)),))
        request = Generate(self._asked, (message,), _LIKELIEST, max_tokens=MOST_TOKENS, thinking=False)
        for event in self._engine.generate(request):
            if isinstance(event, Done):
                if event.reason == "stopped":
                    raise KeyboardInterrupt
                return event.text
        raise AssertionError("an answer ends with Done")


@contextmanager
def seeing_engine(
    path: Path,
    name: str,
    *,
    mmproj: Path | None,
    template: str | None,
    threads: int | None,
    on_loading: Callable[[float], object] | None = None,
) -> Iterator[SeeingEngine]:
    """The model of a GGUF file with its vision encoder.

    Args:
        mmproj: the file of the vision encoder; None for one beside the model.

    Raises KnownError: `model_blind` where there is none, and those of loading.
    """
    load = Load(str(path), template=template, threads=threads, mmproj=str(mmproj) if mmproj else None)
    with open_engine(load, on_loading) as engine:
        if not engine.model.sees:
            message = f"{path.name} does not take pictures."
            raise KnownError("model_blind", message, "Name the file of its vision encoder with --mmproj.")
        digests = [files_digest(model_files(file).hashes()) for file in (path, Path(engine.model.mmproj))]
        identity = {"model": digests, "template": engine.model.template, "max_tokens": MOST_TOKENS}
        yield SeeingEngine(engine, name, identity)
