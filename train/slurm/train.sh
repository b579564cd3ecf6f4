#!/bin/bash
# A recipe on the machines of a Slurm cluster: sbatch train/slurm/train.sh train/RECIPE.yaml [--set KEY=VALUE]...
# Program, data and output_dir have to be on a disk that all of them share. Change the lines below to fit the cluster.
#SBATCH --job-name=belle
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=8
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=8
#SBATCH --time=24:00:00
#SBATCH --output=%x-%j.log
# Ten minutes before the time is up every process gets SIGTERM: it finishes its step, saves, and ends with status 143.
#SBATCH --signal=TERM@600
# A job that is queued again, by Slurm or by the lines at the end, goes on from its newest checkpoint.
#SBATCH --requeue
#SBATCH --open-mode=append
set -euo pipefail

# sed reads all of them: head would end scontrol by a signal, and with it this job.
MASTER_ADDR=${MASTER_ADDR:-$(scontrol show hostnames "$SLURM_JOB_NODELIST" | sed -n 1p)}
export MASTER_ADDR
export MASTER_PORT=${MASTER_PORT:-$((20000 + SLURM_JOB_ID % 20000))}
export OMP_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1}

resume=()
if [ "${SLURM_RESTART_COUNT:-0}" -gt 0 ]; then
  resume=(--resume)
fi

# Slurm starts the processes and numbers them; torchrun's names for these numbers are what the program reads.
status=0
srun --kill-on-bad-exit=1 bash -c '
  export RANK=$SLURM_PROCID LOCAL_RANK=$SLURM_LOCALID WORLD_SIZE=$SLURM_NTASKS
  exec "${BELLE:-belle}" train "$@"
' belle "$@" "${resume[@]}" || status=$?

if [ "$status" -eq 143 ]; then
  scontrol requeue "$SLURM_JOB_ID"
fi
exit "$status"
