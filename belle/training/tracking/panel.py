"""The panel that shows a run in a terminal: pure functions from the state of the run to text and rich's objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import isfinite
from typing import TYPE_CHECKING

from belle.units import short_duration, short_size

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

_BARS = "▁▂▃▄▅▆▇█"
_WIDEST = 100  # columns
_SAMPLE_LINES = 4


@dataclass
class ShownSample:
    """What the model answered to a prompt, at a step."""

    step: int
    prompt: str
    text: str


@dataclass
class Picture:
    """The state of the run as it is shown. `seconds_left` is None while it cannot be estimated."""

    title: str
    step: int
    total: int
    values: dict[str, float] = field(default_factory=dict)
    losses: list[float] = field(default_factory=list)
    sample: ShownSample | None = None
    seconds_left: float | None = None


def sparkline(values: Sequence[float], width: int) -> str:
    """`values` as at most `width` bars, each the mean of its part; what is not finite is left out."""
    finite = [value for value in values if isfinite(value)]
    if not finite or width < 1:
        return ""
    count = min(width, len(finite))
    edges = [at * len(finite) // count for at in range(count + 1)]
    means = [sum(finite[a:b]) / (b - a) for a, b in pairwise(edges)]
    low, high = min(means), max(means)
    scale = (len(_BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(_BARS[round((mean - low) * scale)] for mean in means)


def facts(picture: Picture) -> list[tuple[str, str]]:
    """The figures as pairs of label and text; those that are not known are left out."""
    values = picture.values
    words = {
        "loss": ("loss", "{:.4f}"),
        "eval_loss": ("eval loss", "{:.4f}"),
        "lr": ("lr", "{:.2e}"),
        "grad_norm": ("grad norm", "{:.3g}"),
        "tokens_per_s": ("tokens/s", "{:,.0f}"),
    }
    shown = [(label, form.format(values[name])) for name, (label, form) in words.items() if name in values]
    if "memory" in values:
        shown.append(("memory", short_size(values["memory"])))
    if picture.seconds_left is not None:
        shown.append(("time left", short_duration(picture.seconds_left)))
    return shown


def position(picture: Picture) -> str:
    """`step 120/1000 (12 %)`."""
    if not picture.total:
        return f"step {picture.step}"
    return f"step {picture.step}/{picture.total} ({100 * picture.step // picture.total} %)"


def line(picture: Picture) -> str:
    """Everything but the sample in one line, for output that is not a terminal."""
    return "  ".join([position(picture), *(f"{label} {words}" for label, words in facts(picture))])


def printable(text: str) -> str:
    """`text` without control characters: a model in training may write any, and a terminal would obey them."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "�" for letter in text)


def draw(picture: Picture, columns: int) -> RenderableType:
    """The panel, at most `columns` wide."""
    from rich import box
    from rich.console import Group
    from rich.panel import Panel
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    width = min(columns, _WIDEST)
    inner = max(10, width - 4)
    known = dict(facts(picture))
    top = Table.grid(padding=(0, 2))
    top.add_column(no_wrap=True)
    top.add_column(no_wrap=True, overflow="crop")
    top.add_row(_pair("loss", known.pop("loss", "–"), "bold"), Text(sparkline(picture.losses, inner - 16), "cyan"))
    rest = Text()
    for number, (label, words) in enumerate(known.items()):
        rest.append_text(Text("  " if number else "").append_text(_pair(label, words)))
    parts: list[RenderableType] = [top, rest]
    if picture.total:
        parts.append(ProgressBar(total=picture.total, completed=picture.step, width=inner))
    if picture.sample is not None:
        parts += _sample_lines(picture.sample, inner)
    return Panel(
        Group(*parts),
        title=Text(printable(picture.title), overflow="ellipsis", no_wrap=True),
        title_align="left",
        subtitle=position(picture),
        subtitle_align="right",
        box=box.ROUNDED,
        width=width,
        border_style="dim",
    )


def _pair(label: str, words: str, style: str = "") -> Text:
    from rich.text import Text

    return Text.assemble((f"{label} ", "dim"), (words, style))


def _sample_lines(sample: ShownSample, width: int) -> list[RenderableType]:
    """The step, the question, and the beginning of the answer."""
    from rich.console import Console
    from rich.text import Text

    def first(text: str, count: int, style: str) -> Text:
        shown = " ".join(printable(text).split("\n"))
        # Four characters for each column are plenty; wrapping all of a long answer at each redraw would take time.
        wrapped = Text(shown[: width * count * 4], style).wrap(Console(width=width), width)
        lines = list(wrapped[:count])
        if len(wrapped) > count:
            lines[-1].truncate(width - 1)
            lines[-1].append("…")
        return Text("\n").join(lines)

    return [
        Text(f"at step {sample.step}", "dim"),
        first(sample.prompt, 1, "bold"),
        first(sample.text, _SAMPLE_LINES, ""),
    ]


def plain(values: Mapping[str, object]) -> dict[str, float]:
    """Numbers, also from tensors with one element."""
    return {name: float(value) for name, value in values.items()}  # type: ignore[arg-type]
