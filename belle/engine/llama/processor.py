"""Which processor this is and which one llama.cpp was built for, without loading llama.cpp into this process.

Kernels are chosen by instruction set, some when llama.cpp is compiled and some at run time. Whether they work depends
on both processor and build: `this_processor().digest` identifies the one, `library_digest()` the other.
"""

from __future__ import annotations

import hashlib
import importlib.util
import platform
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
_SYSCTL = "/usr/sbin/sysctl"
_TIMEOUT_S = 20.0
# Of the flags that Linux lists for x86, those that are instruction sets. The others describe power management, virtual
# machines and workarounds, and change with the kernel, so they must not change the digest.
_X86_SETS = re.compile(
    r"mmx\w*|s?sse\d?\w*|pni|avx\w*|amx_\w+|fma4?|f16c|bmi\d|abm|lzcnt|popcnt|v?aes|v?pclmulqdq|gfni|sha\w*|sm[34]"
    r"|movbe|movdir\w+|adx|xop|tbm|3dnow\w*|apx\w*"
)
# By ggml's name of an instruction set, the spellings of Linux and macOS, one of which a processor must list.
# Names that are missing here are build options (OPENMP, REPACK), or what every processor of the architecture has.
_NEEDED_FEATURES: Mapping[str, tuple[str, ...]] = {
    "SSE3": ("pni", "sse3"),
    "SSSE3": ("ssse3",),
    "AVX": ("avx", "avx1.0"),
    "AVX_VNNI": ("avx_vnni",),
    "AVX2": ("avx2",),
    "F16C": ("f16c",),
    "FMA": ("fma",),
    "BMI2": ("bmi2",),
    "AVX512": ("avx512f",),
    "AVX512_VBMI": ("avx512vbmi", "avx512_vbmi"),
    "AVX512_VNNI": ("avx512_vnni", "avx512vnni"),
    "AVX512_BF16": ("avx512_bf16", "avx512bf16"),
    "AMX_INT8": ("amx_int8",),
    "FP16_VA": ("asimdhp", "feat_fp16"),
    "DOTPROD": ("asimddp", "feat_dotprod"),
    "MATMUL_INT8": ("i8mm", "feat_i8mm"),
    "SVE": ("sve", "feat_sve"),
    "SME": ("sme", "feat_sme"),
}


@dataclass(frozen=True, slots=True)
class Processor:
    """A kind of processor.

    Attributes:
        name: as the system reports it.
        architecture: such as `x86_64` or `arm64`.
        features: the instruction sets that every core has, sorted, in the system's own spelling (Linux writes
            `avx512f`, macOS `feat_dotprod`); empty where the system does not say.
    """

    name: str
    architecture: str
    features: tuple[str, ...]

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits, equal for processors with the same architecture and features.

        Where the system lists no features, the name is used instead.
        """
        facts = [self.architecture, *(self.features or [self.name])]
        return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:12]


@cache
def this_processor() -> Processor:
    """The processor of this machine, as far as the system describes it."""
    architecture = platform.machine()
    if sys.platform == "darwin":
        return from_sysctl(_sysctl(), architecture)
    try:
        listing = _CPUINFO.read_text(encoding="utf-8", errors="replace")
    except OSError:
        listing = ""
    return from_cpuinfo(listing, architecture)


def from_cpuinfo(listing: str, architecture: str) -> Processor:
    """The processor that Linux describes in `/proc/cpuinfo`.

    Cores may differ (big and little ones); an instruction set counts when all of them have it.
    """
    fields: dict[str, list[str]] = {}
    for line in listing.splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip().casefold(), []).append(value.strip())
    # The key depends on the architecture: flags (x86), features (ARM, s390x), isa (RISC-V).
    lines = next((fields[key] for key in ("flags", "features", "isa") if key in fields), [])
    sets = [set(re.split(r"[\s_]+" if "isa" in fields else r"\s+", line.casefold())) for line in set(lines)]
    common = set.intersection(*sets) if sets else set()
    if "flags" in fields:
        common = {feature for feature in common if _X86_SETS.fullmatch(feature)}
    names = next((fields[key] for key in ("model name", "hardware", "uarch", "cpu") if fields.get(key)), [""])
    return Processor(names[0] or architecture, architecture, tuple(sorted(common - {""})))


def from_sysctl(listing: str, architecture: str) -> Processor:
    """The processor that macOS describes in the lines of `sysctl hw.optional machdep.cpu`."""
    values = dict(line.split(": ", 1) for line in listing.splitlines() if ": " in line)
    present = {key.rpartition("hw.optional.")[2] for key, value in values.items() if value.strip() == "1"}
    features = {name.removeprefix("arm.").casefold() for name in present if not name.startswith("machdep.")}
    for key in ("machdep.cpu.features", "machdep.cpu.leaf7_features"):
        features |= set(values.get(key, "").casefold().split())
    name = values.get("machdep.cpu.brand_string", "").strip()
    return Processor(name or architecture, architecture, tuple(sorted(features)))


def _sysctl() -> str:
    command = [_SYSCTL, "hw.optional", "machdep.cpu"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout


def library_folder() -> Path | None:
    """The folder of llama.cpp's shared libraries, found without loading them; None when it is not installed."""
    spec = importlib.util.find_spec("llama_cpp")
    if spec is None:
        return None
    for folder in spec.submodule_search_locations or []:
        for candidate in (Path(folder, "lib"), Path(folder)):
            if any(candidate.glob("libllama.*")):
                return candidate
    return None


@cache
def library_digest() -> str:
    """Twelve hexadecimal digits for the installed build of llama.cpp: of the bytes of its libraries, some 10 ms.

    Empty when it is not installed or cannot be read.
    """
    folder = library_folder()
    digest = hashlib.sha256()
    try:
        # A library may be there under several names, as libggml-cpu.so and libggml-cpu.so.0.
        for file in sorted(folder.glob("lib*ggml-cpu*")) + sorted(folder.glob("libllama.*")) if folder else []:
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    except OSError:
        return ""
    return digest.hexdigest()[:12] if folder else ""


@cache
def built_with() -> Mapping[str, str]:
    """What llama.cpp says of its own build, such as `{"AVX2": "1", "OPENMP": "1"}`: instruction sets and options.

    Runs in a child process (a third of a second), because a build for another processor may crash it. Empty then, and
    when llama.cpp is not installed.
    """
    program = "import llama_cpp.llama_cpp as llama; print(llama.llama_print_system_info().decode())"
    command = [sys.executable, "-P", "-c", program]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except (OSError, subprocess.SubprocessError):
        return {}
    return parse_system_info(done.stdout) if done.returncode == 0 else {}


def parse_system_info(line: str) -> dict[str, str]:
    """The pairs in llama.cpp's line `CPU : SSE3 = 1 | AVX2 = 1 | REPACK = 1 | `."""
    return dict(re.findall(r"(\w+) = (\w+)", line))


def missing_features(built: Mapping[str, str], processor: Processor) -> tuple[str, ...]:
    """The instruction sets that llama.cpp was built for and `processor` lacks, in llama.cpp's spelling.

    Args:
        built: as `built_with` gives it.
        processor: the one it is to run on. When its features are not known, the result is empty.
    """
    if not processor.features:
        return ()
    needed = (name for name, value in built.items() if value != "0" and name in _NEEDED_FEATURES)
    return tuple(name for name in needed if not set(_NEEDED_FEATURES[name]) & set(processor.features))
