"""Formats sizes, durations and counts for terminals, reports and error messages.

Sizes are decimal (1 GB is 10⁹ bytes), as for disks and files, unless the name says GiB. The window has its own
functions in `desktop.ui.numbers`, which follow the language.
"""

from __future__ import annotations

GIB = 1 << 30

# Sizes: one function for each number of digits that is wanted.


def size(n_bytes: float) -> str:
    """For the output of commands: `3.86 GB`, `98.40 MB`, `1.50 kB`, `12 bytes`."""
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if n_bytes >= unit:
            return f"{n_bytes / unit:.2f} {name}"
    return f"{n_bytes:.0f} bytes"


def short_size(n_bytes: float) -> str:
    """Short: `1.2 GB`, `98 MB`, `12 kB`."""
    if n_bytes >= 1e9:
        return f"{n_bytes / 1e9:.1f} GB"
    return f"{n_bytes / 1e6:.0f} MB" if n_bytes >= 1e6 else f"{n_bytes / 1e3:.0f} kB"


def file_size(n_bytes: float) -> str:
    """For model files: `3.86 GB`, and below 1 GB always MB: `98.4 MB`."""
    return f"{n_bytes / 1e9:.2f} GB" if n_bytes >= 1e9 else megabytes(n_bytes, 1)


def disk_space(n_bytes: float) -> str:
    """For amounts that are compared in one sentence, mostly in one unit: `0.35 GB`; below 10 MB `2.00 MB`."""
    return f"{n_bytes / 1e9:.2f} GB" if n_bytes >= 10_000_000 else megabytes(n_bytes, 2)


def gigabytes(n_bytes: float, digits: int = 1) -> str:
    """For memory and free space: `12.4 GB`, `0.0 GB`."""
    return f"{n_bytes / 1e9:.{digits}f} GB"


def precise_gigabytes(n_bytes: float) -> str:
    """With four significant digits, for files that should have a given size: `4.203 GB`."""
    return f"{n_bytes / 1e9:.4g} GB"


def megabytes(n_bytes: float, digits: int = 0, *, grouped: bool = False) -> str:
    """`98 MB`, `1234 MB`, or grouped `1,234 MB`."""
    return f"{n_bytes / 1e6:{',' if grouped else ''}.{digits}f} MB"


def gibibytes(n_bytes: float) -> str:
    """`1.5 GiB`, of 2³⁰ bytes, as the memory of GPUs is counted."""
    return f"{n_bytes / GIB:.1f} GiB"


def gib(n_bytes: float) -> str:
    """The number of GiB without the unit, for columns: `1,024`, `79.2`, `0.012`; as many digits as matter."""
    value = n_bytes / GIB
    return f"{value:,.0f}" if value >= 99.95 else f"{value:,.1f}" if value >= 0.05 or value == 0 else f"{value:.3f}"


# Durations: as a clock shows them, in words, and rounded for estimates.


def duration(seconds: float) -> str:
    """Like a clock: `2:05`, or `1:02:05`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def short_duration(seconds: float) -> str:
    """Short, with units: `75 s`, `12 min`, `2 h 05 min`, `3 d 4 h`."""
    whole = max(0, round(seconds))
    if whole < 90:
        return f"{whole} s"
    minutes = round(whole / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes:02} min"
    days, hours = divmod(round(whole / 3600), 24)
    return f"{days} d {hours} h"


def rough_duration(seconds: float) -> str:
    """For estimates, with two significant digits: `3 minutes`, `11 hours`, `2.5 days`."""
    for unit, length in (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 1.5 * length:
            return f"{seconds / length:.2g} {unit}" if seconds < 100 * length else f"{seconds / length:,.0f} {unit}"
    return f"{seconds:.2g} seconds" if seconds < 99.5 else f"{seconds:.0f} seconds"


# Counts


def weights(n: int) -> str:
    """A number of weights: `134.5 M`; below 100,000 exactly: `8,192`."""
    return f"{n / 1e6:,.1f} M" if n >= 1e5 else f"{n:,}"


def parameters(n: int) -> str:
    """The number of parameters of a model: `7.1 B`, `135 M`."""
    return f"{n / 1e9:.1f} B" if n >= 1e9 else f"{n / 1e6:.0f} M"
