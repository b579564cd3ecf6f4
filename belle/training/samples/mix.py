"""Domain data and general data in an exact ratio, as ChatHome compares 1:0, 1:1, 1:2, 1:5 and 1:10 (arXiv 2307.15290).

What is counted is what a run trains on: rows that gave samples, or their tokens, after everything that cannot be
trained on was left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from belle.errors import KnownError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from belle.training.recipe.options import MixOptions
    from belle.training.samples.store import SampleSet


@dataclass(frozen=True, slots=True)
class MixCounts:
    """What a mixture is made of: rows and tokens, of the domain and of general data."""

    domain_rows: int
    general_rows: int
    domain_tokens: int
    general_tokens: int

    def as_text(self) -> str:
        """One sentence for the person who started the run."""
        rows, tokens = self.general_rows / self.domain_rows, self.general_tokens / self.domain_tokens
        return (
            f"{self.domain_rows:,} rows of the domain and {self.general_rows:,} general ones (1:{rows:.4g}),"
            f" {self.domain_tokens:,} and {self.general_tokens:,} tokens (1:{tokens:.4g})"
        )


def mixed(samples: SampleSet, options: MixOptions, n_domain: int, seed: int) -> tuple[SampleSet, MixCounts]:
    """All samples of the domain, and general ones as the ratio says.

    Which general rows are drawn depends on the seed alone, and a larger ratio takes those of a smaller one and more.

    Args:
        samples: of the files of the domain, and after them those of general data.
        n_domain: how many files are the domain's.

    Raises KnownError("no_samples") where the domain has none, "too_little_general".
    """
    import numpy as np

    rows = samples.row_numbers  # [samples]
    is_general = samples.input_numbers >= n_domain  # [samples]
    tokens_of_rows = np.bincount(rows, weights=samples.lengths).astype(np.int64)  # [rows]
    domain, general = np.unique(rows[~is_general]), np.unique(rows[is_general])
    if not len(domain):
        raise KnownError("no_samples", "None of the rows of “data” is left to train on.", "“mix” needs a domain.")
    drawn = _drawn(general, tokens_of_rows, domain, options, seed)
    counts = MixCounts(len(domain), len(drawn), int(tokens_of_rows[domain].sum()), int(tokens_of_rows[drawn].sum()))
    times = np.bincount(drawn, minlength=len(tokens_of_rows))  # of each row [rows]
    times[domain] = 1
    return samples.subset(np.repeat(np.arange(len(rows)), times[rows])), counts


def _drawn(
    general: NDArray[np.int64],
    tokens_of_rows: NDArray[np.int64],
    domain: NDArray[np.int64],
    options: MixOptions,
    seed: int,
) -> NDArray[np.int64]:
    """The general rows that are taken, those that are repeated several times."""
    import numpy as np

    sizes: NDArray[Any] = np.ones_like(tokens_of_rows) if options.by == "rows" else tokens_of_rows
    wanted = round(int(sizes[domain].sum()) * options.share)
    available = int(sizes[general].sum())
    if (wanted and not available) or (wanted > available and not options.repeat):
        raise KnownError(
            "too_little_general",
            f"mix.ratio: {options.ratio} needs {wanted:,} {options.by} of general data, and there are {available:,}.",
            "Take a smaller ratio, name more files, or set mix.repeat: true.",
            wanted=wanted,
            available=available,
        )
    order = np.random.default_rng(seed).permutation(general)
    rounds = wanted // available if available else 0
    rest = wanted - rounds * available
    reached = np.concatenate(([0], np.cumsum(sizes[order])))  # by no row, by the first, … [general + 1]
    count = int(np.argmin(np.abs(reached - rest)))  # as near as whole rows come to it
    return np.concatenate([np.tile(order, rounds), order[:count]])
