"""The Slurm examples, run with two shell scripts in the place of Slurm."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.belle.training.runs import ROOT

SCRIPTS = ROOT / "train/slurm"
SCONTROL = """#!/bin/bash
case $1 in
  # Slowly: a reader that stops after the first line ends it by SIGPIPE.
  show) echo worker-7; sleep 0.2; echo worker-8 ;;
  *) echo "scontrol $*" ;;
esac
"""
# As srun: options first, then the command in every task; the highest status of all.
SRUN = """#!/bin/bash
while [[ $1 == --* ]]; do shift; done
status=0
for task in $(seq 0 $((SLURM_NTASKS - 1))); do
  SLURM_PROCID=$task SLURM_LOCALID=$((task % ${TASKS:-2})) SLURM_NODEID=$((task / ${TASKS:-2})) "$@" || status=$?
done
exit $status
"""
SAY = """#!/bin/bash
echo "$RANK/$LOCAL_RANK/$WORLD_SIZE $MASTER_ADDR:$MASTER_PORT $OMP_NUM_THREADS $*"
exit ${STATUS:-0}
"""


def slurm(folder: Path, script: str, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    bin_folder = folder / "bin"
    bin_folder.mkdir(exist_ok=True)
    for name, text in {"scontrol": SCONTROL, "srun": SRUN, "say": SAY, "torchrun": '#!/bin/bash\necho "$@"\n'}.items():
        (bin_folder / name).write_text(text)
        (bin_folder / name).chmod(0o755)
    environment = {
        "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
        "BELLE": "say",
        "SLURM_JOB_ID": "41234",
        "SLURM_JOB_NODELIST": "worker-[7-8]",
        "SLURM_JOB_NUM_NODES": "2",
        "SLURM_NTASKS": "4",
        "SLURM_CPUS_PER_TASK": "6",
        **variables,
    }
    return subprocess.run(
        ["bash", str(SCRIPTS / script), *words],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_every_task_is_a_process_that_knows_its_rank(tmp_path: Path) -> None:
    result = slurm(tmp_path, "train.sh", "a recipe.yaml", "--set", "seed=1")
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == [
        f"{rank}/{rank % 2}/4 worker-7:21234 6 train a recipe.yaml --set seed=1" for rank in range(4)
    ]


def test_a_job_that_ran_out_of_time_is_queued_again_and_goes_on(tmp_path: Path) -> None:
    stopped = slurm(tmp_path, "train.sh", "recipe.yaml", STATUS="143")
    assert stopped.returncode == 143
    assert stopped.stdout.splitlines()[-1] == "scontrol requeue 41234"
    again = slurm(tmp_path, "train.sh", "recipe.yaml", SLURM_RESTART_COUNT="1")
    assert all(line.endswith("train recipe.yaml --resume") for line in again.stdout.splitlines())
    failed = slurm(tmp_path, "train.sh", "recipe.yaml", STATUS="2")
    assert failed.returncode == 2
    assert "requeue" not in failed.stdout


def test_torchrun_gets_one_process_per_machine(tmp_path: Path) -> None:
    result = slurm(
        tmp_path, "torchrun.sh", "recipe.yaml", "--resume", SLURM_NTASKS="2", SLURM_GPUS_ON_NODE="4", TASKS="1"
    )
    assert result.returncode == 0, result.stderr
    common = "--nproc_per_node 4 --master_addr worker-7 --master_port 21234 -m belle train recipe.yaml --resume"
    assert result.stdout.splitlines() == [f"--nnodes 2 --node_rank {node} {common}" for node in (0, 1)]


@pytest.mark.parametrize("name", ["train.sh", "torchrun.sh"])
def test_the_scripts_leave_time_to_save(name: str) -> None:
    text = (SCRIPTS / name).read_text()
    match = re.search(r"^#SBATCH --signal=TERM@(\d+)$", text, re.MULTILINE)
    assert match
    assert int(match[1]) >= 120
