"""A checkpoint as a source of logits, run by transformers on the CPU; torch is imported when one is opened."""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from belle.engine.llama.memory import available_memory
from belle.errors import KnownError
from belle.evaluation.sources.base import Rows, Speed
from belle.evaluation.sources.memory_watch import AddedMemory
from belle.evaluation.windows import Window
from belle.pretrained import load_pretrained
from belle.units import gigabytes


class TransformersSource:
    """See `belle.evaluation.sources.base.LogitSource`: float32, with a cache, so that a window can be read in chunks.

    Args:
        folder: as transformers loads it.
        threads: 0 for torch's own choice.

    Raises KnownError: "not_installed", "too_big_for_memory", "reference_failed".
    """

    def __init__(self, folder: Path, *, threads: int = 0) -> None:
        check_installed()
        import torch
        import transformers

        self.name = folder.name
        self.speed = Speed()
        self._folder = folder
        self._watch = AddedMemory()
        check_memory(
            folder,
            None,
            "Measure on a larger machine, or convert it to a GGUF of type q8_0 and take that as reference.",
        )
        if threads:
            torch.set_num_threads(threads)
        with self._watch, quiet(transformers), explained_failures(folder):
            self._tokenizer: Any = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
            model = load_pretrained("AutoModelForCausalLM", folder, dtype=torch.float32)
            self._model = model.eval()
        self._torch: Any = torch
        self.architecture: str = model.config.model_type
        self.n_params: int = sum(parameter.numel() for parameter in model.parameters())
        self.n_vocab: int = model.get_output_embeddings().weight.shape[0]
        self._texts: list[str | None] = self._tokenizer.convert_ids_to_tokens(range(len(self._tokenizer)))
        # Without it the logits of all tokens that are not scored would be computed too.
        self._keeps = "logits_to_keep" in inspect.signature(model.forward).parameters

    def text(self, token: int | None) -> str:
        """The entry of `token` in the tokenizer; "" for one that it does not have."""
        return self._texts[token] or "" if token is not None and token < len(self._texts) else ""

    @property
    def n_tokens(self) -> int:
        """Tokens of the tokenizer; the model may have rows for more."""
        return len(self._texts)

    def rows(self, window: Window, step: int) -> Iterator[Rows]:
        """See `LogitSource`."""
        torch = self._torch
        cache: Any = None
        done, end = 0, len(window.ids) - 1
        for start in range(window.first, end, step):
            stop = min(start + step, end)
            options = {"logits_to_keep": stop - start} if self._keeps else {}
            with self._watch, torch.inference_mode(), explained_failures(self._folder):
                began = perf_counter()
                ids = torch.tensor([list(window.ids[done:stop])])
                output = self._model(ids, past_key_values=cache, use_cache=True, **options)
                cache = output.past_key_values
                logits = output.logits[0, start - stop :].float().numpy()
                self.speed.prefill_s += perf_counter() - began
            self.speed.prefill_tokens += stop - done
            self.speed.memory = self._watch.added
            done = stop
            yield logits

    def decode_speed(self) -> float | None:
        """None: this runtime is not used for answering."""
        return None

    def close(self) -> None:
        """Free the memory."""
        del self._model


def check_installed() -> None:
    """Raise KnownError("not_installed") when transformers or torch are missing."""
    for name in ("torch", "transformers"):
        if importlib.util.find_spec(name) is None:
            raise KnownError(
                "not_installed",
                f"Comparing logits runs the checkpoint in transformers, and {name} is not installed.",
                "Install it: pip install 'chatbelle[train]'. Without it, --verify weights compares every weight.",
                package=name,
            )


class Weight(Protocol):
    """A tensor that can be read in rows (the converter's `RowSource`)."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def n_rows(self) -> int: ...

    def float_rows(self, start: int, stop: int) -> NDArray[np.float32]: ...


def check_memory(folder: Path, weights: Mapping[str, Weight] | None, advice: str) -> None:
    """Check that a checkpoint fits into memory in float32: at most twice its size on the disk, as most are 16-bit.

    Raises KnownError("too_big_for_memory") with `advice`.
    """
    if weights is None:
        files = list(folder.glob("*.safetensors")) or list(folder.glob("*.bin"))  # transformers prefers safetensors
        needed = 2 * sum(file.stat().st_size for file in files)
    else:
        needed = sum(4 * math.prod(weight.shape) for weight in weights.values())
    free = available_memory()
    if needed > free:
        raise KnownError(
            "too_big_for_memory",
            f"Running {folder.name} in transformers takes up to {gigabytes(needed)} of memory; "
            f"{gigabytes(free)} are free.",
            advice,
            needed=needed,
            available=free,
        )


@contextlib.contextmanager
def quiet(transformers: Any) -> Iterator[None]:
    """Switch off transformers' progress bars and warnings."""
    verbosity = transformers.logging.get_verbosity()
    bars: Callable[[], bool] = transformers.utils.logging.is_progress_bar_enabled
    had_bars = bars()
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        transformers.logging.set_verbosity(verbosity)
        if had_bars:
            transformers.utils.logging.enable_progress_bar()


@contextlib.contextmanager
def explained_failures(folder: Path, addition: str = "") -> Iterator[None]:
    """Report whatever goes wrong inside transformers as an error of the checkpoint.

    Raises KnownError("reference_failed"), with `addition` at the end of its advice.
    """
    try:
        yield
    except KnownError:
        raise
    except Exception as error:
        first = str(error).strip().split("\n", 1)[0][:300]
        raise KnownError(
            "reference_failed",
            f"transformers cannot run {folder}: {first or type(error).__name__}.",
            "It needs the checkpoint as Hugging Face saves it: config.json, tokenizer, model*.safetensors or "
            f"pytorch_model*.bin, not quantized. {addition}".rstrip(),
            path=str(folder),
        ) from error
