"""The features by which texts are compared: their runs of a few characters.

Chinese has no spaces between words, so the features of a text are all its runs of a few characters, after case, width,
spaces and punctuation are normalised away. The similarity of two texts is the Jaccard similarity of their features:
features that both have, divided by those that either has.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Numbers = np.ndarray[Any, np.dtype[Any]]

SHINGLE = 4
"""Characters in a feature."""


def normalised(text: str) -> str:
    """`text` in the form that is compared: NFKC, lower case, letters and digits only."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text).lower()))


def compared(text: str) -> str:
    """The normalised `text`; the text itself when it has no letters or digits."""
    return normalised(text) or text


def digest(text: str, size: int = 16) -> bytes:
    """A hash of a `compared` text, of `size` bytes."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size).digest()


def features(text: str, length: int = SHINGLE) -> Numbers:
    """The hashes of the distinct runs of `length` characters in a `compared` text: uint64 `[features]`, sorted.

    A shorter text is one run.
    """
    import numpy as np

    if not text:
        return np.zeros(0, np.uint64)
    hashes, _ = runs([text], length)
    distinct: Numbers = np.unique(hashes)
    return distinct


def runs(texts: Sequence[str], length: int = SHINGLE) -> tuple[Numbers, Numbers]:
    """The hashes of all runs of several `compared` texts, one text after the other.

    Returns the hashes, uint64 `[runs]`, and where those of each text begin, int64 `[texts]`; every text has at least
    one run.
    """
    import numpy as np

    padded = [text if len(text) >= length else text + "\0" * (length - len(text)) for text in texts]
    codes: Numbers = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint64)
    ends = np.cumsum([len(text) for text in padded])
    hashed: Numbers = np.zeros(len(codes) - length + 1, np.uint64)
    # A polynomial hash of all runs at once, with the FNV prime as its base, modulo 2^64.
    for offset in range(length):
        hashed = hashed * np.uint64(1_099_511_628_211) + codes[offset : offset + len(hashed)]
    inside = np.ones(len(hashed), bool)
    for offset in range(1, length):
        inside[ends[:-1] - offset] = False  # a run that would reach into the next text
    starts = np.concatenate(([0], ends[:-1] - np.arange(1, len(padded)) * (length - 1)))
    return mixed(hashed[inside]), starts


def mixed(values: Numbers) -> Numbers:
    """Hash each value so that every bit of it affects every bit of the result (the finalizer of MurmurHash3)."""
    import numpy as np

    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        values = (values ^ (values >> np.uint64(33))) * np.uint64(factor)
    result: Numbers = values ^ (values >> np.uint64(33))
    return result


def jaccard(one: Numbers, other: Numbers) -> float:
    """The similarity of two texts by their `features`, 0…1; of two texts without any 1."""
    import numpy as np

    both = len(np.intersect1d(one, other, assume_unique=True))
    either = len(one) + len(other) - both
    return both / either if either else 1.0
