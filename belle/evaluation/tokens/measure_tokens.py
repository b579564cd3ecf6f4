"""`--by-token` without its command line: reads some windows of the text with all models, and writes the page."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from belle.durable import write_text
from belle.evaluation.measurement import Measurement
from belle.evaluation.sources.llama import LlamaSource, text_tokens, window_bos
from belle.evaluation.sources.transformers import TransformersSource
from belle.evaluation.tokens.page import token_page
from belle.evaluation.tokens.view import PAGE_WINDOWS, page_protocol, token_views
from belle.evaluation.windows import EvaluationText, Protocol, cut

PAGE = "tokens.html"


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """What to show.

    Attributes:
        reference: a GGUF, or the folder of a checkpoint.
        candidates: GGUF files with the same vocabulary.
        text: the text.
        protocol: how it was cut for the measurement; the page's windows overlap, see `page_protocol`.
        folder: for the page.
        threads: for evaluation; 0 for one per physical core.
        n_windows: windows to show.
    """

    reference: Path
    candidates: Sequence[Path]
    text: EvaluationText
    protocol: Protocol
    folder: Path
    threads: int = 0
    n_windows: int = PAGE_WINDOWS


def check_tokens(request: TokenRequest) -> None:
    """Raise KnownError("bad_option") for a page that cannot be made."""
    page_protocol(request.protocol, request.n_windows)


def measure_tokens(
    request: TokenRequest,
    before: Measurement,
    on_progress: Callable[[str, int, int, float], None],
    add: Callable[[str, Any], None],
) -> None:
    """Write the page.

    Args:
        request: candidates that failed on the text are left out.
        before: the measurement on the text.
        on_progress: called with the name of the step, windows done, windows in all, and seconds left.
        add: called with the name and the JSON of the report's section about it: "tokens".

    Raises KnownError: what the sources raise, and when the page cannot be written.
    """
    pairs = zip(request.candidates, before.candidates, strict=True)
    candidates = [path for path, one in pairs if not one.model.failure]
    if not candidates:
        return
    protocol = page_protocol(request.protocol, request.n_windows)
    with contextlib.ExitStack() as stack:
        others = [LlamaSource(path, protocol, threads=request.threads) for path in candidates]
        for source in others:
            stack.callback(source.close)
        reference: LlamaSource | TransformersSource
        if request.reference.is_dir():
            reference = TransformersSource(request.reference, threads=request.threads)
        else:
            reference = LlamaSource(request.reference, protocol, threads=request.threads)
        stack.callback(reference.close)
        vocabulary = others[0].vocabulary
        tokens = text_tokens(vocabulary, request.text.content)
        windows = cut(tokens, protocol, window_bos(vocabulary))
        began = monotonic()

        def report(done: int) -> None:
            left = (monotonic() - began) / done * (len(windows) - done)
            on_progress("tokens: windows", done, len(windows), left)

        views = list(token_views([reference, *others], windows, report))
        context = windows[0].ids[: windows[0].first + 1]
        shown = len(context) + len(views)
        how = f"the first {shown:,} of {len(tokens):,} tokens" if shown < len(tokens) else f"{shown:,} tokens"
        about = (
            f"{request.text.name}: {how}, in {len(windows)} windows of {protocol.n_ctx}. The first {len(context):,} "
            "tokens, in grey, are read only."
        )
        page = token_page(
            views,
            reference=reference.name,
            candidates=[source.name for source in others],
            context=context,
            piece=vocabulary.piece,
            name=vocabulary.text,
            about=about,
        )
    write_text(request.folder / PAGE, page)
    add("tokens", {"file": PAGE, "n_tokens": len(views), "n_windows": len(windows), "about": about})
