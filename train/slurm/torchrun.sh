#!/bin/bash
# The same with torchrun: Slurm starts one process per machine, and torchrun one per GPU.
#   sbatch train/slurm/torchrun.sh train/RECIPE.yaml [--set KEY=VALUE]...
#SBATCH --job-name=belle
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=64
#SBATCH --time=24:00:00
#SBATCH --output=%x-%j.log
#SBATCH --signal=TERM@600
set -euo pipefail

# sed reads all of them: head would end scontrol by a signal, and with it this job.
address=${MASTER_ADDR:-$(scontrol show hostnames "$SLURM_JOB_NODELIST" | sed -n 1p)}
port=${MASTER_PORT:-$((20000 + SLURM_JOB_ID % 20000))}
gpus=${SLURM_GPUS_ON_NODE:-8}

exec srun --kill-on-bad-exit=1 bash -c '
  address=$1 port=$2 gpus=$3
  shift 3
  exec torchrun --nnodes "$SLURM_JOB_NUM_NODES" --node_rank "$SLURM_NODEID" --nproc_per_node "$gpus" \
    --master_addr "$address" --master_port "$port" -m belle train "$@"
' belle "$address" "$port" "$gpus" "$@"
