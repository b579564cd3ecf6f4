"""Numbers as people read them in the terminal."""

from __future__ import annotations


def size(n_bytes: float) -> str:
    """Bytes: `3.86 GB`."""
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if n_bytes >= unit:
            return f"{n_bytes / unit:.2f} {name}"
    return f"{n_bytes:.0f} bytes"


def weights(n: int) -> str:
    """A number of weights: `134.5 M`, and few of them to the last: `8,192`."""
    return f"{n / 1e6:,.1f} M" if n >= 1e5 else f"{n:,}"


def duration(seconds: float) -> str:
    """Seconds: `2:05`, or `1:02:05`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
