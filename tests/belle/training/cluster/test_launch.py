"""Several machines from one: the host file, what the launcher starts, and what happens when one of them dies."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belle.cli.main import main
from belle.errors import KnownError
from belle.training.cluster import launch as launching
from belle.training.cluster.agent import digest
from belle.training.cluster.hosts import Host, read_hosts
from belle.training.cluster.launch import launch_command
from tests.belle.training.runs import ROOT, finish, metrics, recipe_file, start_ranks
from tests.support.processes import is_running, wait_until_ended

TWO = [Host("localhost", 1), Host("127.0.0.1", 1)]


def hosts_file(folder: Path, text: str) -> Path:
    path = folder / "hosts.txt"
    path.write_text(text)
    return path


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_hosts_are_read_with_comments(tmp_path: Path) -> None:
    path = hosts_file(tmp_path, "# cluster\n\nworker-1 slots=8  # the first\nme@10.0.0.2   slots=4\n::1 slots=1\n")
    hosts = read_hosts(path)
    assert hosts == [Host("worker-1", 8), Host("me@10.0.0.2", 4), Host("::1", 1)]
    assert [host.address for host in hosts] == ["worker-1", "10.0.0.2", "::1"]
    assert [host.is_here for host in hosts] == [False, False, True]
    assert [host.slots for host in read_hosts(ROOT / "train/hosts.example.txt")] == [8, 8]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a slots=1\na slots=2\n", 2, "listed twice"),
        ("a\n", 1, "slots=8"),
        ("a slots=x\n", 1, "number"),
        ("a slots=0\n", 1, "number"),
        ("a slots=²\n", 1, "number"),
        ("a gpus=4\n", 1, "gpus=4"),
        ("-oProxyCommand=evil slots=1\n", 1, "not the name"),
        ("a;reboot slots=1\n", 1, "not the name"),
        ("# nobody\n", 0, "no host"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, text: str, line: int, words: str) -> None:
    with pytest.raises(KnownError, match=re.escape(words)) as caught:
        read_hosts(hosts_file(tmp_path, text))
    assert caught.value.kind == "hosts_wrong"
    assert caught.value.details["line"] == line


@given(st.text(max_size=40))
def test_any_text_is_hosts_or_a_known_error(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any-hosts.txt"
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    try:
        assert all(host.slots > 0 and not host.name.startswith("-") for host in read_hosts(path))
    except KnownError as error:
        assert error.kind in ("hosts_wrong", "file_missing")


def test_every_process_knows_its_rank(capfd: pytest.CaptureFixture[str]) -> None:
    names = ["RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR"]
    code = f"import os; print(*[os.environ[name] for name in {names}])"
    assert launch_command([Host("localhost", 2), Host("127.0.0.1", 1)], python(code)) == 0
    assert sorted(capfd.readouterr().out.splitlines()) == [
        "[127.0.0.1 2] 2 0 3 127.0.0.1",
        "[localhost 0] 0 0 3 127.0.0.1",
        "[localhost 1] 1 1 3 127.0.0.1",
    ]


def test_every_process_can_be_ended(capfd: pytest.CaptureFixture[str]) -> None:
    """A signal that the parent ignores would be ignored by them, too."""
    code = """
import signal
handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)]
print(handlers == [signal.SIG_DFL, signal.SIG_DFL, signal.default_int_handler])
"""
    assert launch_command([Host("localhost", 1)], python(code)) == 0
    assert capfd.readouterr().out == "[localhost 0] True\n"


def test_one_that_fails_ends_all_and_its_last_lines_are_shown(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launching, "_NOTICE_SECONDS", 0.2)
    code = """
import os, sys, time
if os.environ["RANK"] == "1":
    print("the disk is on fire", file=sys.stderr)
    sys.exit(7)
print(os.getpid(), flush=True)
time.sleep(600)
"""
    assert launch_command(TWO, python(code)) == 7
    out, err = capfd.readouterr()
    assert "[127.0.0.1 1] the disk is on fire" in err
    assert "belle: process 1 of 127.0.0.1 ended with status 7.\n    the disk is on fire\n" in err
    with pytest.raises(ProcessLookupError):
        os.kill(int(out.split()[-1]), 0)


def test_a_signal_that_kills_is_in_the_status(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    assert launch_command([Host("localhost", 1)], python(code)) == 128 + signal.SIGKILL


def test_one_that_ignores_signals_is_killed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(launching, "_NOTICE_SECONDS", 0.2)
    monkeypatch.setattr(launching, "_END_SECONDS", 0.2)
    code = f"""
import os, pathlib, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
ignoring = pathlib.Path({str(tmp_path / "ignoring")!r})
if os.environ["RANK"] == "1":
    while not ignoring.exists():
        time.sleep(0.01)
    sys.exit(3)
ignoring.with_suffix(".new").write_text(str(os.getpid()))
ignoring.with_suffix(".new").rename(ignoring)
time.sleep(600)
"""
    assert launch_command(TWO, python(code)) == 3
    assert not is_running(int((tmp_path / "ignoring").read_text()))


def test_ctrl_c_reaches_every_process(tmp_path: Path) -> None:
    code = f"""
import os, pathlib, signal, sys, time
def stop(number, frame):
    print("stopping", flush=True)
    sys.exit(130)
signal.signal(signal.SIGINT, stop)
pathlib.Path({str(tmp_path)!r}, os.environ["RANK"]).touch()
time.sleep(600)
"""
    launcher = (
        "import sys; from belle.training.cluster.hosts import Host\n"
        "from belle.training.cluster.launch import launch_command\n"
        f"sys.exit(launch_command([Host('localhost', 1), Host('127.0.0.1', 1)], [sys.executable, '-c', {code!r}]))"
    )
    process = subprocess.Popen(python(launcher), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    wait_for(tmp_path / "0", tmp_path / "1")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert sorted(out.splitlines()) == ["[127.0.0.1 1] stopping", "[localhost 0] stopping"]
    assert err == ""


def test_a_launcher_that_is_killed_leaves_nobody_behind(tmp_path: Path) -> None:
    code = f"""
import os, pathlib, time
pathlib.Path({str(tmp_path)!r}, "started").write_text(str(os.getpid()))
time.sleep(600)
"""
    launcher = (
        "import sys; from belle.training.cluster.hosts import Host\n"
        "from belle.training.cluster.launch import launch_command\n"
        f"sys.exit(launch_command([Host('localhost', 1)], [sys.executable, '-c', {code!r}]))"
    )
    process = subprocess.Popen(python(launcher), cwd=ROOT)
    wait_for(tmp_path / "started")
    sleep(0.2)
    child = int((tmp_path / "started").read_text())
    process.kill()
    process.wait()
    wait_until_ended(child, 60)


def fake_ssh(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """An `ssh` that runs the command on this machine, as a login shell would on the other one."""
    path = folder / "bin/ssh"
    path.parent.mkdir()
    path.write_text(script)
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(path.parent), prepend=os.pathsep)


HERE = '#!/bin/sh\nwhile [ "$1" = -T ] || [ "$1" = -o ]; do [ "$1" = -o ] && shift; shift; done\nhost=$1; shift\n'


def test_other_machines_are_reached_by_ssh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "a folder's name"
    folder.mkdir()
    (folder / "recipe.yaml").write_text("stage: sft\n")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("NCCL_DEBUG", "it's set")
    # Another machine has another environment: only the forwarded variables arrive there.
    fake_ssh(tmp_path, monkeypatch, HERE + 'echo "Welcome to $host"\nexec env -i PATH=/usr/bin:/bin sh -c "$*"\n')
    code = "import os; print(os.getcwd(), os.environ['NCCL_DEBUG'], os.environ['RANK'], 'HOME' in os.environ)"
    hosts = [Host("me@localhost", 1), Host("you@localhost", 1)]
    status = launch_command(hosts, python(code), files=[Path("recipe.yaml")])
    out, err = capfd.readouterr()
    assert status == 0, err
    assert sorted(line for line in out.splitlines() if not line.startswith("Welcome")) == [
        f"[me@localhost 0] {folder} it's set 0 False",
        f"[you@localhost 1] {folder} it's set 1 False",
    ]


def test_a_machine_that_cannot_be_reached_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    no_such_name = "echo 'ssh: Could not resolve hostname worker-9' >&2; exit 255"
    fake_ssh(tmp_path, monkeypatch, HERE + f'[ "$host" = worker-9 ] && {{ {no_such_name}; }}\nexec cat > /dev/null\n')
    with pytest.raises(KnownError, match="worker-9 cannot be reached") as caught:
        launch_command([Host("me", 1), Host("worker-9", 1)], python("print(1)"))
    assert caught.value.kind == "host_unreachable"
    assert "ssh: Could not resolve hostname worker-9" in capfd.readouterr().err


def test_a_loopback_name_of_the_first_of_several_hosts_is_refused() -> None:
    with pytest.raises(KnownError, match="a different machine on every other host") as caught:
        launch_command([Host("localhost", 1), Host("worker-9", 1)], python("print(1)"))
    assert caught.value.kind == "hosts_wrong"


def test_machines_with_other_files_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("stage: sft\n")
    monkeypatch.setattr(launching, "digest", lambda path: digest(path) if path == recipe else "another digest")
    (tmp_path / "data.jsonl").write_text("{}\n")
    files = [recipe, tmp_path / "data.jsonl", tmp_path / "more.jsonl"]
    assert launch_command([Host("localhost", 1)], python("print(1)"), files=files) == 2
    out, err = capfd.readouterr()
    assert f"belle: localhost: {tmp_path}/data.jsonl differs; {tmp_path}/more.jsonl does not exist." in err
    assert out == ""


def wait_for(*paths: Path) -> None:
    deadline = monotonic() + 60
    while not all(path.exists() for path in paths):
        assert monotonic() < deadline
        sleep(0.02)


@pytest.mark.slow
def test_two_nodes_train_what_one_trains(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    one, two = recipe_file(tmp_path / "one", max_steps=3), recipe_file(tmp_path / "two", max_steps=3)
    hosts = hosts_file(tmp_path, "localhost slots=1\n127.0.0.1 slots=1\n")
    assert main(["train", str(two), "--launch", str(hosts)]) == 0
    assert "[localhost 0] written:" in capfd.readouterr().out
    finish(start_ranks([str(one)]))
    assert metrics(tmp_path / "two/run", "loss") == metrics(tmp_path / "one/run", "loss")
    assert main(["train", str(two), "--launch", str(hosts)]) == 2
    assert "--resume" in capfd.readouterr().err
