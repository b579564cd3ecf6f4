"""The page about the network says what touched it and when, switches it off, and names what lies on the disk."""

from __future__ import annotations

import pytest
from PySide6.QtTest import QTest

from belle import network, paths
from belle.errors import KnownError
from desktop.i18n import set_language
from desktop.ui import offline
from desktop.ui.breaks import BREAK
from desktop.ui.dialogs.offline import OfflineDialog
from desktop.ui.offline import OfflineBadge


@pytest.fixture(autouse=True)
def _online(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHATBELLE_OFFLINE", raising=False)


@pytest.fixture
def page(qtbot):
    def make() -> OfflineDialog:
        dialog = OfflineDialog()
        qtbot.addWidget(dialog)
        return dialog

    return make


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_every_use_of_the_network_is_listed(page, language) -> None:
    set_language(language)
    shown = page()
    assert list(shown._uses) == list(network.USES)
    titles = [row.title.text() for row in shown._uses.values()]
    assert len(set(titles)) == len(network.USES)
    assert {row.text.text() for row in shown._uses.values()} == {"Not so far" if language == "en" else "从未"}


def test_the_last_time_says_what_it_was_for_and_how_many_bytes(page, monkeypatch) -> None:
    with network.connection("model", "owner/name/model.bin", "https://hub.example") as traffic:
        traffic.count(4_800_000_000)
    monkeypatch.setenv("CHATBELLE_OFFLINE", "1")
    with pytest.raises(KnownError):
        network.ask("data", "owner/rows")
    shown = page()
    text = shown._uses["model"].text.text().replace("\u200b", "")
    assert "owner/name/model.bin · https://hub.example · 4.8 GB in all" in text
    assert text[0].isdigit()
    assert shown._uses["data"].text.text() == "Not so far · 1 refused"
    assert "owner/name/model.bin" in shown._uses["model"].text.accessibleName()


def test_what_begins_while_the_page_is_open_appears(page, qtbot) -> None:
    shown = page()
    assert shown.windowTitle().startswith("Nothing leaves this computer")
    with network.connection("model", "owner/name"):
        qtbot.waitUntil(lambda: shown._uses["model"].text.text().startswith("Now · "), timeout=8000)
        assert shown.windowTitle().startswith("The network is being used")
    qtbot.waitUntil(lambda: not shown._uses["model"].text.text().startswith("Now"), timeout=8000)


def test_the_switch_refuses_and_allows(page) -> None:
    shown = page()
    assert shown.switch.value() == "allow"
    shown.switch.button("refuse").click()
    assert network.offline_reason() == "switch"
    assert page().switch.value() == "refuse"
    shown.switch.button("allow").click()
    assert network.offline_reason() is None


@pytest.mark.parametrize(("value", "shown_as"), [("1", "refuse"), ("option", "refuse"), ("0", "allow")])
def test_what_was_decided_outside_cannot_be_switched(page, monkeypatch, value: str, shown_as: str) -> None:
    monkeypatch.setenv("CHATBELLE_OFFLINE", value)
    network.set_switch(offline=shown_as == "allow")
    shown = page()
    assert shown.switch.value() == shown_as
    assert not shown.switch.isEnabled()
    assert ("--offline" if value == "option" else "CHATBELLE_OFFLINE") in shown._switch_text.text()


def test_a_switch_that_cannot_be_stored_says_so_and_stays(page) -> None:
    paths.config_dir().parent.mkdir(parents=True, exist_ok=True)
    paths.config_dir().write_text("a file where the folder should be")
    shown = page()
    shown.switch.button("refuse").click()
    assert shown.switch.value() == "allow"
    assert paths.offline_switch_file().name in shown._switch_text.text().replace(BREAK, "")


def test_what_lies_on_the_disk_is_named_with_its_size(page) -> None:
    paths.private_folder(paths.data_dir())
    paths.database_file().write_bytes(b"x" * 3_000_000)
    paths.database_file().with_name(paths.database_file().name + "-wal").write_bytes(b"x" * 2_000_000)
    states = paths.private_folder(paths.saved_states_dir())
    (states / "1-a.state").write_bytes(b"x" * 7_000_000)
    shown = page()
    assert shown._disk["conversations"].title.text() == "Your conversations · 5 MB"
    assert shown._disk["states"].title.text().endswith("· 7 MB")
    assert shown._disk["backups"].title.text().endswith("nothing yet")
    places = {row.text.text().replace("\u200b", "") for row in shown._disk.values()}
    assert {str(paths.saved_states_dir()), str(paths.backups_dir()), str(paths.network_record_file())} <= places


def test_a_record_that_cannot_be_written_is_said(page) -> None:
    assert page()._unwritten.isHidden()
    paths.state_dir().parent.mkdir(parents=True)
    paths.state_dir().write_text("a file where the folder should be")
    assert not page()._unwritten.isHidden()


def test_the_badge_says_when_the_network_is_used(qtbot, monkeypatch) -> None:
    monkeypatch.setattr(offline, "_LOOK_MS", 20)
    badge = OfflineBadge()
    qtbot.addWidget(badge)
    badge.show()
    with network.connection("loopback", "starter"):
        QTest.qWait(100)
        assert badge.text() == "Offline"
    with network.connection("model", "owner/name"):
        qtbot.waitUntil(lambda: badge.text() == "Online")
        assert "being used" in badge.accessibleName()
    qtbot.waitUntil(lambda: badge.text() == "Offline")
