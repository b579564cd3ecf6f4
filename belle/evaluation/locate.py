"""Where the loss is: by layer, with types that would lose less, and by token. Adds sections to a measurement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

from belle.evaluation.layers.measure_layers import LayerRequest, check_layers, measure_layers
from belle.evaluation.layers.sensitivity import Progress
from belle.evaluation.measurement import Measurement
from belle.evaluation.tokens.measure_tokens import TokenRequest, check_tokens, measure_tokens


@dataclass(frozen=True, slots=True)
class LocateRequest:
    """Where to look for the loss; None for what is left out."""

    layers: LayerRequest | None = None
    tokens: TokenRequest | None = None


def check_locate(request: LocateRequest) -> None:
    """Raise KnownError for what would fail later, before anything is measured: the checks of both parts."""
    if request.tokens:
        check_tokens(request.tokens)
    if request.layers:
        check_layers(request.layers)


def locate(
    request: LocateRequest, before: Measurement, on_progress: Progress, write: Callable[[Measurement], None]
) -> Measurement:
    """Look for the loss, and call `write` after each section, also when an exception (Ctrl-C) ends it.

    Candidates that were given up are left out. Raises KnownError: what the parts raise.
    """
    result = before
    began = monotonic()

    def add(name: str, value: Any) -> None:
        nonlocal result
        result = replace(result, seconds=before.seconds + monotonic() - began, extra={**result.extra, name: value})
        write(result)

    if request.layers:
        measure_layers(request.layers, before, on_progress, add)
    if request.tokens:
        measure_tokens(request.tokens, before, on_progress, add)
    return result
