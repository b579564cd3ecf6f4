"""What has no room in a line goes on in the next one."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtWidgets import QPushButton, QWidget

from desktop.ui.style.flow import FlowLayout


def row_of(qtbot, *widths: int, spacing: int = 8) -> tuple[QWidget, FlowLayout, list[QPushButton]]:
    widget, row = QWidget(), FlowLayout()
    qtbot.addWidget(widget)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(spacing)
    buttons = [QPushButton() for _ in widths]
    for button, width in zip(buttons, widths, strict=True):
        button.setFixedSize(width, 20)
        row.addWidget(button)
    widget.setLayout(row)
    return widget, row, buttons


@pytest.mark.parametrize(
    ("width", "places"),
    [
        (400, [(0, 0), (108, 0), (216, 0)]),
        (316, [(0, 0), (108, 0), (216, 0)]),
        (315, [(0, 0), (108, 0), (0, 28)]),
        (100, [(0, 0), (0, 28), (0, 56)]),
        (50, [(0, 0), (0, 28), (0, 56)]),
    ],
)
def test_items_go_on_in_the_next_line(qtbot, width, places):
    widget, row, buttons = row_of(qtbot, 100, 100, 100)
    widget.resize(width, 200)
    widget.show()
    row.activate()
    assert [(button.x(), button.y()) for button in buttons] == places
    assert row.heightForWidth(width) == places[-1][1] + 20
    assert row.sizeHint().width() == 316
    assert row.minimumSize().width() == 100


def test_a_hidden_item_takes_no_room(qtbot):
    widget, row, buttons = row_of(qtbot, 100, 100, 100)
    buttons[1].hide()
    widget.resize(208, 200)
    widget.show()
    row.activate()
    assert (buttons[2].x(), buttons[2].y()) == (108, 0)
    assert row.heightForWidth(208) == 20
    assert row.takeAt(0).widget() is buttons[0]
    assert (row.count(), row.itemAt(5), row.takeAt(-1)) == (2, None, None)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(widths=st.lists(st.integers(5, 200), min_size=1, max_size=8), width=st.integers(1, 500))
def test_no_item_is_on_another_or_outside(qtbot, widths, width):
    _widget, row, buttons = row_of(qtbot, *widths)
    row.setGeometry(row.contentsRect().adjusted(0, 0, width, row.heightForWidth(width)))
    boxes = [button.geometry() for button in buttons]
    assert not any(a.intersects(b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert max(box.bottom() + 1 for box in boxes) == row.heightForWidth(width)
    assert all(box.right() < max(width, box.width()) for box in boxes)
