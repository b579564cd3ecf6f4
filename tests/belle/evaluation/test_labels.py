"""Names beside points."""

from __future__ import annotations

from itertools import combinations

import pytest

from belle.evaluation.report.labels import name_points


@pytest.mark.parametrize("spread", [0, 0.01, 0.3])
def test_no_name_covers_another(spread: float) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.text import Text

    figure = Figure(figsize=(8, 4))
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    named = [(f"q{i}_k_m-imatrix", 5 + spread * i, 1e-3 * (1 + spread * i)) for i in range(12)]
    axes.plot([x for _, x, _ in named], [y for _, _, y in named], ".")
    axes.set_yscale("log")
    name_points(axes, named, "black")
    figure.draw_without_rendering()
    # Without the lines to the points.
    boxes = [Text.get_window_extent(text) for text in axes.texts]
    assert len(boxes) == len(named)
    assert not [pair for pair in combinations(boxes, 2) if pair[0].overlaps(pair[1])]


def test_more_names_than_places_are_written_all_the_same() -> None:
    from matplotlib.figure import Figure

    axes = Figure(figsize=(2, 1)).subplots()
    name_points(axes, [(f"model {i}", 1.0, 1.0) for i in range(60)], "black")
    assert len(axes.texts) == 60
