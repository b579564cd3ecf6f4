"""Where a model lost what it lost: by layer, with types that would lose less, and by token. Joins the measurement."""

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
    """Where the loss is to be looked for; None for where it is not."""

    layers: LayerRequest | None = None
    tokens: TokenRequest | None = None


def check_locate(request: LocateRequest) -> None:
    """Whatever can be known to go wrong, before anything is measured. Raises KnownError: what the parts' checks do."""
    if request.tokens:
        check_tokens(request.tokens)
    if request.layers:
        check_layers(request.layers)


def locate(
    request: LocateRequest, before: Measurement, on_progress: Progress, write: Callable[[Measurement], None]
) -> Measurement:
    """Look for the loss, and call `write` with every section that is measured, also when an exception (Ctrl-C) ends it.

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
