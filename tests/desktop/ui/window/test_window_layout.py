"""The sidebar folds, banners take a bounded height, and the window opens as it was closed."""

from __future__ import annotations

from itertools import pairwise

import pytest
from PySide6.QtWidgets import QApplication

from desktop.chat.state import Notice
from desktop.settings import Settings
from tests.support.dialogs import open_dialog


def test_the_sidebar_folds_in_a_narrow_window(make):
    window = make(width=640, height=600)
    assert window.sidebar.isHidden()
    assert window.header.sidebar_button.isVisible()
    assert window.header.badge.isVisible()
    window.resize(1000, 600)
    assert not window.sidebar.isHidden()
    assert not window.header.badge.isVisible()
    window.toggle_sidebar()
    window.resize(600, 600)
    window.resize(1000, 600)
    assert window.sidebar.isHidden()


def test_the_offline_promise_is_always_in_sight(window):
    assert window.sidebar.badge.isVisible() != window.header.badge.isVisible()
    window.toggle_sidebar()
    assert window.sidebar.badge.isVisible() != window.header.badge.isVisible()
    window.header.badge.click()
    assert "leaves" in open_dialog("OfflineDialog").windowTitle()
    open_dialog("OfflineDialog").reject()


def test_the_window_remembers(make, settings, qtbot):
    first = make(width=760, height=500)
    first.splitter.setSizes([300, 460])
    first.toggle_sidebar()
    with qtbot.waitSignal(first.closed):
        first.close()
    second = make()
    assert (second.width(), second.height()) == (760, 500)
    assert second.sidebar.isHidden()
    second.toggle_sidebar()
    assert second.close()
    reopened = Settings()
    assert reopened.value("window/sidebar_folded") in (False, "false")


MANY = ("warn", "info", "bad", "warn", "bad", "info", "warn", "bad")


@pytest.mark.parametrize("size", [(1366, 720), (600, 480), (400, 360)])
def test_many_banners_take_a_bounded_height_and_none_lies_on_another(make, qtbot, size):
    window = make(width=size[0], height=size[1])
    least = window.centralWidget().minimumSizeHint().height()
    for number, level in enumerate(MANY):
        window._notice(Notice("disk_full", level, {"name": "x", "path": "/x"}, (), f"fault-{number}"))
    stack = window.banners
    qtbot.waitUntil(lambda: stack.verticalScrollBar().maximum() > 0)
    assert (window.width(), window.height()) == size
    assert stack.height() <= size[1] * 0.4
    assert window.centralWidget().minimumSizeHint().height() <= least + 60
    keys = stack.keys()
    shown = sorted(map(stack.banner, keys), key=lambda banner: banner.y())
    assert [banner.notice.key for banner in shown] == [f"fault-{n}" for n in (7, 4, 2, 6, 3, 0, 5, 1)]
    for above, below in pairwise(shown):
        assert above.geometry().bottom() < below.y()
    assert all(banner.height() >= banner.heightForWidth(banner.width()) for banner in shown)
    for key in keys:
        stack.clear(key)
    assert stack.isHidden()


def test_one_banner_is_shown_whole_and_grows_with_its_details(make, qtbot):
    window = make(width=900, height=700)
    window._notice(Notice("disk_full", "bad", {"message": "No room.", "path": "/x"}, (), "disk"))
    banner = window.banners.banner("disk")
    qtbot.waitUntil(lambda: banner.height() <= window.banners.height() and window.banners.height() > 40)
    assert window.banners.verticalScrollBar().maximum() == 0
    before = window.banners.height()
    banner.details_button.click()
    qtbot.waitUntil(lambda: window.banners.height() > before)
    assert window.banners.verticalScrollBar().maximum() == 0


def test_what_can_be_undone_is_not_below_faults(window):
    window._notice(Notice("disk_full", "bad", {"path": "/x"}, (), "disk"))
    window._notice(Notice("deleted", "info", {"title": "Rain"}, ("undo",), "deleted-1"))
    QApplication.processEvents()
    assert window.banners.banner("deleted-1").y() < window.banners.banner("disk").y()
