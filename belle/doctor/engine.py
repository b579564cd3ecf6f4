"""llama.cpp: its build, whether it works on this processor, and why it does or does not use a GPU."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
import sys
from collections.abc import Mapping

from belle.doctor.machine import gpus_of_the_machine
from belle.doctor.report import Fact, Problem, Section
from belle.documents import parse_json_row
from belle.engine.llama.processor import built_with, library_digest, missing_features, this_processor
from belle.engine.llama.self_check import SelfCheck, self_check
from belle.engine.process import safer_mode
from belle.engine.process.faults import build_anew
from belle.engine.process.native_process import environment
from belle.environment import pip_command

LLAMA = "llama-cpp-python"
_WITHOUT_AMX = '"-mno-amx-tile -mno-amx-int8 -mno-amx-bf16"'
# What llama.cpp has to be built with for the GPU of a maker.
_BACKENDS = {"NVIDIA": "CUDA", "AMD": "HIP", "Intel": "VULKAN", "Apple": "METAL"}
_PATIENCE_S = 30.0


def engine() -> Section:
    """The build of llama.cpp, its self-check, the GPU."""
    try:
        importlib.metadata.version(LLAMA)
    except importlib.metadata.PackageNotFoundError:
        problem = Problem("engine_missing", "llama.cpp is not installed.", pip_command("install", LLAMA))
        return Section("engine", (), (problem,))
    check = self_check()
    built = built_with()
    facts = [
        Fact("built_with", " ".join(f"{name}={value}" for name, value in built.items()) or "unknown: it does not load"),
        Fact("library", library_digest()),
        # What a process said when it failed may name files.
        Fact("self_check", check.sentence, private=not check.works),
        Fact("safer_mode", "in use" if safer_mode.is_remembered() else "not needed"),
        Fact("cosines_with_f32", ", ".join(f"{trial.type} {trial.cosine or 0:.4f}" for trial in check.trials)),
    ]
    gpu, gpu_problems = _gpu()
    problems = [*_check_problems(check), *_build_problems(built), *gpu_problems]
    return Section("engine", (*facts, Fact("gpu", gpu)), tuple(problems))


def _check_problems(check: SelfCheck) -> list[Problem]:
    command = build_anew()
    if platform.machine() == "x86_64":
        command = f"CFLAGS={_WITHOUT_AMX} CXXFLAGS={_WITHOUT_AMX} {build_anew()}"
    if check.works:
        if not safer_mode.is_remembered():
            return []
        message = "llama.cpp crashed here before, and answers in the safer, slower mode since."
        return [Problem("engine_safer_mode", message, command, serious=False)]
    kind = "engine_only_safer" if check.works_in_safer_mode else "engine_broken"
    return [Problem(kind, check.sentence, command)]


def _build_problems(built: Mapping[str, str]) -> list[Problem]:
    processor = this_processor()
    lacking = ", ".join(missing_features(built, processor))
    if lacking:
        message = f"llama.cpp was built with {lacking}, which this processor does not have; it may crash."
        return [Problem("engine_for_another_processor", message, build_anew(), {"lacking": lacking})]
    if built and "avx2" in processor.features and built.get("AVX2", "0") == "0":
        message = "llama.cpp was built without AVX2, which this processor has; answers come several times slower."
        return [Problem("engine_slow", message, build_anew(), serious=False)]
    return []


def _gpu() -> tuple[str, list[Problem]]:
    """What is used, or why nothing is."""
    used = _usable_gpus()
    there = gpus_of_the_machine()
    if used:
        return f"used: {', '.join(used)}", []
    if not there:
        return "none in this machine: the processor answers", []
    maker = next(maker for maker in _BACKENDS if maker in there)
    backend = _BACKENDS[maker]
    reason = f"not used: llama.cpp was built without {backend}"
    # Intel's are in nearly every laptop, and hardly faster than its processor.
    if maker == "Intel":
        return reason, []
    message = f"The {maker} GPU is not used: llama.cpp was built without {backend}."
    command = f"CMAKE_ARGS=-DGGML_{backend}=on {build_anew()}"
    return reason, [Problem("gpu_unused", message, command, {"maker": maker, "backend": backend}, serious=False)]


def _usable_gpus() -> list[str]:
    """Names of the GPUs that llama.cpp can use, asked for in a process of its own: drivers may crash, too."""
    program = (
        "import json; from belle.engine.llama.devices import gpus; print(json.dumps([gpu.name for gpu in gpus()]))"
    )
    command = [sys.executable, "-P", "-c", program]
    try:
        done = subprocess.run(
            command, env=environment(safer=False), capture_output=True, text=True, timeout=_PATIENCE_S, check=True
        )
        names: list[str] = parse_json_row(done.stdout.splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return []
    return names
