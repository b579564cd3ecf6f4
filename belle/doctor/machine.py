"""The machine: system, processor, what may be used of it, GPUs."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

from belle.doctor.report import Fact, Problem, Section
from belle.engine.llama.cores import usable_cores
from belle.engine.llama.memory import available_memory
from belle.engine.llama.processor import this_processor
from belle.units import gigabytes

_LITTLE_MEMORY = 1_500_000_000
_PCI = Path("/sys/bus/pci/devices")
_DISPLAY_CLASS = "0x03"
_VENDORS = {"0x10de": "NVIDIA", "0x1002": "AMD", "0x8086": "Intel"}


def machine() -> Section:
    """System, Python, processor with its features, cores, memory."""
    import psutil

    processor = this_processor()
    physical, logical = usable_cores()
    memory = psutil.virtual_memory()
    free = available_memory()
    facts = (
        Fact("system", f"{platform.system()} {platform.release()}, {platform.machine()}"),
        Fact("python", f"{platform.python_implementation()} {platform.python_version()}"),
        Fact("processor", processor.name),
        Fact("features", " ".join(processor.features)),
        Fact("cores", f"{physical} physical, {logical} logical usable of {psutil.cpu_count() or logical}"),
        Fact("memory", f"{gigabytes(free)} free of {gigabytes(memory.total)}"),
        Fact("gpus", ", ".join(gpus_of_the_machine()) or "none"),
    )
    return Section("machine", facts, tuple(_memory_problems(free)))


def _memory_problems(free: int) -> list[Problem]:
    if free >= _LITTLE_MEMORY:
        return []
    message = f"Only {gigabytes(free)} of memory are free; a 4-bit 7B model needs about 5 GB."
    return [Problem("little_memory", message, details={"free": gigabytes(free)}, serious=False)]


def gpus_of_the_machine() -> list[str]:
    """Makers of the GPUs that are built in, whether llama.cpp can use them or not; Apple's on Apple silicon."""
    if sys.platform == "darwin":
        return ["Apple"] if platform.machine() == "arm64" else []
    makers = []
    for device in sorted(_PCI.glob("*")):
        try:
            shows = (device / "class").read_text().startswith(_DISPLAY_CLASS)
            vendor = (device / "vendor").read_text().strip()
        except OSError:
            continue
        if shows and vendor in _VENDORS:
            makers.append(_VENDORS[vendor])
    return makers
