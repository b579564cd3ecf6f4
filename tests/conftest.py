"""What every test gets: a home directory of its own, no display, no network habit."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from itertools import count
from pathlib import Path

os.environ["QT_QPA_PLATFORM"] = "offscreen"
os.environ["HF_HUB_OFFLINE"] = "1"
# Tests run side by side: a thread that waits for others must leave its core to them.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import pytest
from hypothesis import settings

# The same examples every time, so that a failure is of the code and not of the day; `make test-all` tries new ones.
# No deadlines: how long an example takes says how busy the machine is.
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("new", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


# These take longest, in this order. Begun last, one of them would leave the other processes idle at the end.
LONGEST = (
    "faults/test_kill.py",
    "faults/test_training_kill.py",
    "belle/training/engines/test_deepspeed.py",
    "belle/cli/chat/test_command.py",
    "convert/install/test_install.py",
    "desktop/store/test_search.py",
    "convert/output/test_kill.py",
    "convert/install/test_kill.py",
    "belle/cli/test_native.py",
    "belle/cli/models/test_command.py",
    "belle/cli/test_quantize.py",
    "belle/engine/answer/test_answering.py",
    "belle/engine/test_worker.py",
    "belle/training/loop/test_loop.py",
    "belle/training/stages/test_sft.py",
    "belle/training/ppo/test_stage.py",
    "belle/training/export/test_merge.py",
    "belle/sweep/test_sweep.py",
)
HERE = Path(__file__).parent


def pytest_configure(config: pytest.Config) -> None:
    # A shell has what it starts in the background ignore Ctrl-C, and nohup a hang-up; programs inherit it.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    # xdist would begin with the files that have most tests; those that kill processes thirty times have two.
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first."""
    places = {HERE / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


_numbers = count()


@pytest.fixture
def tmp_path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder, as pytest's own, which looks through thousands of others for its number."""
    name = re.sub(r"\W", "_", request.node.name)[:30]
    return tmp_path_factory.mktemp(f"{name}-{next(_numbers)}", numbered=False)


@pytest.fixture(autouse=True)
def _environment_as_before() -> Iterator[None]:
    """What a command sets for itself and its children, such as offline mode, no other test inherits."""
    before = dict(os.environ)
    yield
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp(f"home-{next(_numbers)}", numbered=False)))
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
