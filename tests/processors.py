"""Run what computes as on other processors: `python -m tests.processors` (`make test-cpus`).

A processor with fewer instruction sets, one thread or one core can be had on any machine by settings of the libraries.
What computes must give the same under each of them: the engine, training's numbers, 4-bit training, exact conversion.
What torch reads changes nothing where there is no torch, so the engine's tests run under the other settings.
"""

from __future__ import annotations

import shutil
import subprocess
import sys

TORCH = ("ATEN_CPU_CAPABILITY=default", "ATEN_CPU_CAPABILITY=avx2", "ONEDNN_MAX_CPU_ISA=AVX2")
ONE_THREAD = "OMP_NUM_THREADS=1"
ONE_CORE = ("taskset", "-c", "0")
TRAINING = (
    "checkpoints/test_resume_changes", "engines/test_engine", "engines/test_master_weights", "export/test_merge",
    "loop/test_loop", "model/test_loss", "model/test_model_loss", "ppo/test_stage", "stages/test_dpo",
    "stages/test_reward", "stages/test_sft", "test_tiny_recipes",
)  # fmt: skip
WITH_TORCH = (
    "tests/belle/evaluation/sources/test_transformers.py",
    "tests/belle/test_pretrained.py",
    *(f"tests/belle/training/{name}.py" for name in TRAINING),
    "tests/convert/architectures/test_logits.py",
    "tests/convert/compressed",
    "tests/convert/lora/test_against_peft.py",
    "tests/convert/test_reference_logits.py",
)
WITHOUT_TORCH = (
    "tests/belle/engine",
    "tests/belle/evaluation/text/test_perplexity_run.py",
    "tests/convert/quantize",
    "tests/convert/output/test_quantize_identity.py",
)


def main() -> int:
    """Exit status 0 when the tests pass under every setting."""
    # `env` and `taskset` change one thing and become the command that follows.
    runs = [(("env", variable), WITH_TORCH) for variable in TORCH]
    runs.append((("env", ONE_THREAD), WITH_TORCH + WITHOUT_TORCH))
    if shutil.which(ONE_CORE[0]):
        runs.append((ONE_CORE, WITH_TORCH + WITHOUT_TORCH))
    else:
        print("one core: not tried, there is no taskset here", flush=True)
    failed = []
    for setting, tests in runs:
        print(f"== {' '.join(setting)}", flush=True)
        command = [*setting, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
        if subprocess.run(command, check=False).returncode:
            failed.append(" ".join(setting))
    print(f"failed under: {', '.join(failed)}" if failed else f"passed under all {len(runs)} settings")
    return int(bool(failed))


if __name__ == "__main__":
    raise SystemExit(main())
