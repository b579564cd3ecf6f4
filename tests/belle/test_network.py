"""Offline mode refuses everything that leaves this computer; the record says what touched the network, and when."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belle import network, network_record, paths
from belle.errors import KnownError


@pytest.fixture(autouse=True)
def _online(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHATBELLE_OFFLINE", raising=False)


def rows() -> list[dict[str, object]]:
    return [json.loads(line) for line in paths.network_record_file().read_text(encoding="utf-8").splitlines()]


# Offline mode


@pytest.mark.parametrize("use", network.USES)
def test_offline_refuses_what_leaves_this_computer_and_nothing_else(
    use: network.Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHATBELLE_OFFLINE", "1")
    if use in network.LOCAL_USES:
        network.record_once(use, "starter", "http://127.0.0.1:8080/v1")
        assert network.activity()[use].times == 1
        return
    with pytest.raises(KnownError) as caught, network.connection(use, "owner/name", "https://hub.example"):
        pytest.fail("went on")
    assert caught.value.kind == "offline"
    assert network.USES[use] in caught.value.message
    assert "owner/name at https://hub.example" in caught.value.message
    assert network.activity()[use] == network_record.Activity(refused=1)


@pytest.mark.parametrize(
    ("variable", "switch", "reason"),
    [
        (None, False, None),
        (None, True, "switch"),
        ("1", False, "variable"),
        ("yes", True, "variable"),
        ("option", False, "option"),
        ("0", True, None),
        ("false", True, None),
        ("", True, None),
    ],
)
def test_the_variable_is_stronger_than_the_switch(
    variable: str | None, switch: bool, reason: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    network.set_switch(offline=switch)
    if variable is not None:
        monkeypatch.setenv("CHATBELLE_OFFLINE", variable)
    assert network.offline_reason() == reason
    if reason:
        with pytest.raises(KnownError) as caught:
            network.ask("model", "owner/name")
        assert caught.value.advice
        assert caught.value.details["reason"] == reason


def test_the_switch_goes_on_and_off() -> None:
    network.set_switch(offline=False)
    network.set_switch(offline=True)
    network.set_switch(offline=True)
    assert network.offline_reason() == "switch"
    network.set_switch(offline=False)
    assert network.offline_reason() is None


def test_a_switch_that_cannot_be_set_is_a_known_error() -> None:
    paths.config_dir().parent.mkdir(parents=True)
    paths.config_dir().write_text("a file where the folder should be")
    with pytest.raises(KnownError):
        network.set_switch(offline=True)


def test_libraries_are_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    program = "import os; from belle import network; network.set_up(); print(os.environ['HF_HUB_OFFLINE'], end='')"
    monkeypatch.setenv("CHATBELLE_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout == "1"


@pytest.mark.parametrize("words", [("--offline", "models", "get"), ("models", "get", "--offline")])
def test_belle_offline_refuses_a_download_in_words(words: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "belle", *words, "belle-7b-2m", "--yes"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "is refused in offline mode" in result.stderr
    assert "without --offline" in result.stderr
    assert "Traceback" not in result.stderr
    assert network.activity()["listing"] == network_record.Activity(refused=1)


# The record


def test_a_connection_is_recorded_before_it_begins_and_with_its_bytes() -> None:
    before = time.time()
    with network.connection("model", "owner/name/a.bin", "https://hub.example") as traffic:
        assert network.activity()["model"].is_open
        traffic.count(1000)
        traffic.count(24)
    activity = network.activity()["model"]
    assert activity.last is not None
    assert before - 1 <= activity.last <= time.time() + 1
    assert (activity.what, activity.address) == ("owner/name/a.bin", "https://hub.example")
    assert (activity.times, activity.n_bytes, activity.is_open) == (1, 1024, False)
    assert network.activity()["data"] == network_record.Activity()


def test_a_connection_that_fails_is_recorded() -> None:
    with pytest.raises(OSError, match="cut"), network.connection("data", "a") as traffic:
        traffic.count(5)
        raise OSError("cut")
    assert network.activity()["data"].n_bytes == 5


def test_a_killed_download_has_left_its_time_and_most_of_its_bytes() -> None:
    program = (
        "import os; from belle import network\n"
        "with network.connection('model', 'a') as traffic:\n"
        "    for _ in range(200): traffic.count(1 << 20)\n"
        "    os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", program], check=False)
    activity = network.activity()["model"]
    assert activity.times == 1
    assert 128 << 20 <= activity.n_bytes <= 200 << 20
    assert not activity.is_open


def test_the_record_is_bounded_and_stays_true(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_record, "LARGEST_RECORD", 40_000)
    monkeypatch.setattr(network_record, "_ROWS_KEPT", 20)
    with network.connection("loopback", "starter", "http://127.0.0.1:8080"):
        for number in range(300):
            with network.connection("model", f"file {number}") as traffic:
                traffic.count(10)
        network_record.append("refused", "data", what="x")
        for number in range(300):
            network.record_once("listing", f"repository {number}")
        activity = network.activity()
        assert paths.network_record_file().stat().st_size < 45_000
        assert (activity["model"].times, activity["model"].n_bytes) == (300, 3000)
        assert activity["model"].what == "file 299"
        assert activity["data"].refused == 1
        assert activity["data"].last is None
        assert (activity["listing"].times, activity["listing"].what) == (300, "repository 299")
        assert activity["loopback"].is_open
    assert not network.activity()["loopback"].is_open


def test_several_writers_lose_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_record, "LARGEST_RECORD", 20_000)
    monkeypatch.setattr(network_record, "_ROWS_KEPT", 10)

    def write() -> None:
        for number in range(60):
            network.record_once("listing", f"repository {number}")

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert network.activity()["listing"].times == 240


@given(junk=st.binary(max_size=60))
def test_a_damaged_line_costs_itself_alone(junk: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = paths.network_record_file()
    path.unlink(missing_ok=True)
    network.record_once("model", "before")
    with path.open("ab") as file:
        file.write(junk)
    network.record_once("model", "after")
    activity = network.activity()["model"]
    assert activity.what == "after"
    assert activity.times >= 2


@pytest.mark.parametrize(
    "row", ["{}", '{"time": "x", "event": "begin", "use": "model"}', '{"time": 1, "event": "begin", "use": 3}', "[1]"]
)
def test_a_row_of_another_form_is_left_out(row: str) -> None:
    network.record_once("model", "a")
    with paths.network_record_file().open("a") as file:
        file.write(row + "\n")
    assert network.activity()["model"].times == 1


def test_a_record_that_cannot_be_written_hinders_nothing_and_says_so() -> None:
    assert network_record.is_writable()
    paths.state_dir().parent.mkdir(parents=True)
    paths.state_dir().write_text("a file where the folder should be")
    with network.connection("loopback", "starter"):
        pass
    assert network.activity()["loopback"].times == 0
    assert not network_record.is_writable()


def test_only_this_user_can_read_the_record() -> None:
    network.record_once("model", "a")
    assert paths.state_dir().stat().st_mode & 0o077 == 0


def test_a_long_or_broken_name_is_recorded() -> None:
    network.record_once("model", "n" * 100_000 + "\udcff", "broken \udcff")
    assert paths.network_record_file().stat().st_size < 2000
    assert network.activity()["model"].times == 1
    assert Path(paths.network_record_file()).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.1.2.3", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False),
     ("192.168.1.5", False), ("my-computer", False), ("localhost.example", False), ("[::1]", True),
     ("LocalHost", True), ("127.example.com", False), ("127.0.0.1.example", False), ("", False)],
)  # fmt: skip
def test_a_host_that_means_this_computer_wherever_it_is_said(host: str, loopback: bool) -> None:
    assert network.is_loopback(host) == loopback
