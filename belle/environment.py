"""Versions of the libraries, the machine, and the pip command of this Python: for checkpoints, reports and advice."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import shlex
import sys
from functools import cache
from typing import Any

import belle
from belle.errors import KnownError

# Distribution names of the libraries that can change the result of a training or a measurement.
_LIBRARIES = (
    "torch",
    "transformers",
    "tokenizers",
    "sentencepiece",
    "safetensors",
    "numpy",
    "datasets",
    "accelerate",
    "peft",
    "deepspeed",
    "bitsandbytes",
    "flash-attn",
    "liger-kernel",
    "triton",
    "llama-cpp-python",
)


@cache
def versions() -> dict[str, str]:
    """The version of Python, of this program and of every library of the list that is installed."""
    installed = {"python": platform.python_version(), "chatbelle": belle.__version__}
    for name in _LIBRARIES:
        try:
            installed[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return installed


def pip_command(*words: str) -> str:
    """The command line that runs pip for this Python, whichever `pip` the shell would find."""
    return shlex.join([sys.executable, "-m", "pip", *words])


def check_packages(command: str, *names: str) -> None:
    """Raise KnownError("missing_package") where `command` needs a package that is not installed."""
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    if missing:
        message = (
            f"{command} needs {' and '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed."
        )
        raise KnownError("missing_package", message, f"Install: {pip_command('install', *missing)}")


def machine() -> dict[str, Any]:
    """Processor, memory (bytes) and GPUs of this machine. GPUs are listed only when torch is loaded already."""
    import psutil

    return {
        "system": platform.platform(),
        "processor": _processor(),
        "cores": psutil.cpu_count(logical=False) or psutil.cpu_count() or 1,
        "memory": int(psutil.virtual_memory().total),
        "gpus": _gpus(),
    }


def _processor() -> str:
    if sys.platform == "linux":
        try:
            with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:  # noqa: PTH123  # not a file of ours
                for line in file:
                    if line.startswith("model name"):
                        return line.partition(":")[2].strip()
        except OSError:
            pass
    return platform.processor() or platform.machine()


def _gpus() -> list[dict[str, Any]]:
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return []
    gpus = []
    for number in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(number)
        gpus.append({"name": properties.name, "memory": int(properties.total_memory)})
    return gpus
