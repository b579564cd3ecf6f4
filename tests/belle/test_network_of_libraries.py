"""Libraries that read local files tell nobody about it, traced with strace while the network is allowed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.offline import assert_offline, needs_strace, traced

pytestmark = [*needs_strace, pytest.mark.timeout(600)]


@pytest.fixture(autouse=True)
def _online(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("form", ["parquet", "arrow"])
def test_data_on_the_disk_is_read_without_the_network(form: str, tmp_path: Path) -> None:
    make = (
        "import sys; from datasets import Dataset\n"
        "rows = Dataset.from_dict({'instruction': ['a', 'b'], 'output': ['c', 'd']})\n"
        f"rows.{'to_parquet' if form == 'parquet' else 'save_to_disk'}(sys.argv[1])"
    )
    path = tmp_path / ("rows.parquet" if form == "parquet" else "rows")
    offline = {**os.environ, "HF_HUB_OFFLINE": "1"}
    subprocess.run([sys.executable, "-c", make, str(path)], check=True, env=offline, capture_output=True)
    # Not by `belle`, which forbids it to every library: here the reader alone.
    # Without the end of Python, in which pyarrow's threads have been seen to abort under strace.
    read = (
        "import os, sys; from belle.data.files import records; print(len(list(records(sys.argv[1]))), flush=True)\n"
        "os._exit(0)"
    )
    command = [*traced(tmp_path / "trace"), sys.executable, "-c", read, str(path)]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    assert result.stdout.split() == ["2"]
    assert_offline(tmp_path / "trace")
