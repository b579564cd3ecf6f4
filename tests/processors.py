"""Run what computes as on other processors: `python -m tests.processors` (`make test-cpus`).

A processor with fewer instruction sets, one thread or one core can be had on any machine by settings of the libraries.
What computes must give the same under each of them: the engine, training's numbers, 4-bit training, exact conversion.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

SETTINGS: dict[str, dict[str, str]] = {
    "ATEN_CPU_CAPABILITY=default": {"ATEN_CPU_CAPABILITY": "default"},
    "ATEN_CPU_CAPABILITY=avx2": {"ATEN_CPU_CAPABILITY": "avx2"},
    "ONEDNN_MAX_CPU_ISA=AVX2": {"ONEDNN_MAX_CPU_ISA": "AVX2"},
    "OMP_NUM_THREADS=1": {"OMP_NUM_THREADS": "1"},
    "one core": {},
}
TESTS = (
    "tests/belle/engine",
    "tests/belle/evaluation/test_quantloss.py",
    "tests/belle/evaluation/test_transformers_source.py",
    "tests/belle/test_pretrained.py",
    *(
        f"tests/belle/training/test_{name}.py"
        for name in (
            *("dpo", "engine", "loop", "loss", "master_weights", "merge", "model_loss", "ppo", "resume_changes"),
            *("reward", "sft", "tiny_recipes"),
        )
    ),
    "tests/convert/architectures/test_logits.py",
    "tests/convert/compressed",
    "tests/convert/lora/test_against_peft.py",
    "tests/convert/rounding",
    "tests/convert/test_quantize_identity.py",
    "tests/convert/test_reference_logits.py",
)


def main() -> int:
    """Exit status 0 when the tests pass under every setting."""
    failed = []
    for name, environment in SETTINGS.items():
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS]
        if name == "one core":
            if not shutil.which("taskset"):
                print("one core: not tried, there is no taskset here", flush=True)
                continue
            command = ["taskset", "-c", "0", *command]
        print(f"== {name}", flush=True)
        if subprocess.run(command, env=os.environ | environment, check=False).returncode:
            failed.append(name)
    print(f"failed under: {', '.join(failed)}" if failed else f"passed under all {len(SETTINGS)} settings")
    return int(bool(failed))


if __name__ == "__main__":
    raise SystemExit(main())
