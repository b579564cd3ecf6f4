from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from belle.engine.llama.processor import (
    Processor,
    built_with,
    from_cpuinfo,
    from_sysctl,
    library_digest,
    missing_features,
    parse_system_info,
    this_processor,
)

XEON = """\
processor\t: 0
model name\t: Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz
flags\t\t: fpu vme sse sse2 ssse3 pni avx avx2 fma f16c bmi2 avx512f amx_tile amx_int8 ibrs md_clear hypervisor

processor\t: 1
model name\t: Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz
flags\t\t: fpu vme sse sse2 ssse3 pni avx avx2 fma f16c bmi2 avx512f amx_tile amx_int8 ibrs md_clear hypervisor
"""
BIG_LITTLE = """\
processor : 0
Features : fp asimd aes crc32 asimddp
processor : 1
Features : fp asimd aes crc32 asimddp sve
Hardware : Qualcomm Snapdragon
"""
RISC_V = "processor : 0\nisa : rv64imafdcv_zicsr_zba\nuarch : sifive,u74\n"
M2 = """\
hw.optional.floatingpoint: 1
hw.optional.arm.FEAT_DotProd: 1
hw.optional.arm.FEAT_I8MM: 1
hw.optional.arm.FEAT_SME: 0
machdep.cpu.brand_string: Apple M2
machdep.cpu.core_count: 8
"""
INTEL_MAC = """\
hw.optional.avx2_0: 1
machdep.cpu.brand_string: Intel(R) Core(TM) i5-7360U CPU @ 2.30GHz
machdep.cpu.features: FPU SSE SSE2 SSSE3 FMA SSE4.1 AVX1.0 F16C
machdep.cpu.leaf7_features: BMI1 AVX2 BMI2
"""


def test_a_processor_is_read_from_what_each_system_says_of_it() -> None:
    xeon = from_cpuinfo(XEON, "x86_64")
    assert xeon.name.startswith("Intel(R) Xeon(R)") and {"amx_tile", "avx512f", "pni"} <= set(xeon.features)
    assert from_cpuinfo(BIG_LITTLE, "aarch64").features == ("aes", "asimd", "asimddp", "crc32", "fp")
    assert from_cpuinfo(BIG_LITTLE, "aarch64").name == "Qualcomm Snapdragon"
    assert from_cpuinfo(RISC_V, "riscv64").features == ("rv64imafdcv", "zba", "zicsr")
    m2 = from_sysctl(M2, "arm64")
    assert m2.name == "Apple M2" and m2.features == ("feat_dotprod", "feat_i8mm", "floatingpoint")
    assert {"avx1.0", "avx2", "bmi2"} <= set(from_sysctl(INTEL_MAC, "x86_64").features)


def test_the_digest_knows_instruction_sets_and_not_what_a_kernel_adds() -> None:
    xeon = from_cpuinfo(XEON, "x86_64")
    assert from_cpuinfo(XEON.replace("md_clear", "md_clear retbleed_fix"), "x86_64").digest == xeon.digest
    assert from_cpuinfo(XEON.replace("amx_int8", ""), "x86_64").digest != xeon.digest
    assert from_cpuinfo("", "ppc64le") == Processor("ppc64le", "ppc64le", ())
    assert Processor("POWER9", "ppc64le", ()).digest != Processor("POWER10", "ppc64le", ()).digest


@pytest.mark.parametrize(
    ("system_info", "processor", "missing"),
    [
        ("CPU : SSE3 = 1 | AVX2 = 1 | AVX512 = 1 | AMX_INT8 = 1 | REPACK = 1 | ", from_cpuinfo(XEON, "x86_64"), ()),
        ("CPU : AVX = 1 | AVX512_BF16 = 1 | OPENMP = 1 | ", from_cpuinfo(XEON, "x86_64"), ("AVX512_BF16",)),
        ("CPU : NEON = 1 | ARM_FMA = 1 | DOTPROD = 1 | SVE = 1 | ", from_cpuinfo(BIG_LITTLE, "aarch64"), ("SVE",)),
        ("Metal : EMBED_LIBRARY = 1 | CPU : NEON = 1 | DOTPROD = 1 | MATMUL_INT8 = 1 | ", from_sysctl(M2, "arm64"), ()),
        ("CPU : AVX = 1 | AVX2 = 1 | FMA = 1 | ", from_sysctl(INTEL_MAC, "x86_64"), ()),
        ("CPU : AVX512 = 1 | ", Processor("?", "x86_64", ()), ()),
    ],
)
def test_what_a_build_needs_and_the_processor_lacks(
    system_info: str, processor: Processor, missing: tuple[str, ...]
) -> None:
    assert missing_features(parse_system_info(system_info), processor) == missing


def test_this_machine_and_its_build_of_llama_cpp_are_known() -> None:
    here = this_processor()
    assert here.name and here.architecture == platform.machine()
    assert here.features == tuple(sorted(here.features))
    assert "OPENMP" in built_with() or "LLAMAFILE" in built_with()
    assert missing_features(built_with(), here) == ()
    assert len(library_digest()) == 12


def test_asking_does_not_load_llama_cpp() -> None:
    program = (
        "import sys; from belle.engine.llama.processor import *; this_processor(); built_with(); library_digest();"
        "print('llama_cpp' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == (
        "False\n"
    )
