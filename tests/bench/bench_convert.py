"""Converting a synthetic LLaMA checkpoint of width 4096: against `cp`, llama.cpp's two steps, and the bare kernel.

    python -m tests.bench convert                     # about 0.43 G weights
    BENCH_CONVERT_LAYERS=8 python -m tests.bench convert   # 1.88 G weights, as in the issue

Each conversion runs in a process of its own, so that its peak of memory is its own; times are of the conversion
without starting Python, which has its own row.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from tests.bench.measure import Measure, at_least, at_most
from tests.convert.checkpoints import llama_checkpoint

ROOT = Path(__file__).parents[2]
LAYERS = int(os.environ.get("BENCH_CONVERT_LAYERS", "1"))
THREADS = 2
MEMORY_MB = 400.0

_CONVERT = """
import json, os, resource, sys, time
from pathlib import Path
from convert.plan.options import ConvertOptions
from convert.pipeline import convert
began = time.perf_counter()
written = Path("/proc/self/io")
before = written.read_text() if written.exists() else ""
options = ConvertOptions(types=tuple(sys.argv[3].split()), threads=2, verify=sys.argv[4] == "verified")
report = convert(Path(sys.argv[1]), Path(sys.argv[2]), options)
seconds = time.perf_counter() - began
proof = report.files[0].proof
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
def bytes_written(text):
    return int(text.split("\\nwrite_bytes: ")[1].split("\\n")[0]) if text else 0
io = bytes_written(written.read_text()) - bytes_written(before) if before else os.stat(sys.argv[2]).st_size
print(json.dumps({"seconds": seconds, "peak_mb": peak, "written": io, "proof": proof.seconds if proof else 0.0}))
"""

_TWO_STEPS = """
import sys, time
from pathlib import Path
from tests.convert.tiny_models import quantize_with_llama_cpp
began = time.perf_counter()
assert quantize_with_llama_cpp(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
print(time.perf_counter() - began)
"""


def run() -> list[Measure]:
    """All rows."""
    with tempfile.TemporaryDirectory(prefix="bench-convert-", dir=os.environ.get("BENCH_DIR")) as name:
        return [*_start_up(), *_measure(Path(name)), *_measure_gptq(Path(name))]


def _start_up() -> list[Measure]:
    seconds = min(_seconds([sys.executable, "-m", "belle.cli.main", "convert", "--help"]) for _ in range(3))
    return [at_most("belle convert --help (s)", seconds, 0.5)]


def _measure(folder: Path) -> list[Measure]:
    source = llama_checkpoint(
        folder / "model", width=4096, ffn=11008, layers=LAYERS, vocabulary=32000, heads=32, kv_heads=32
    )
    weights = source / "model.safetensors"
    _settle()
    copy = _copy_with_sync(weights, folder / "copy")
    (folder / "copy").unlink()
    _settle()
    f16 = _convert(source, folder / "f16.gguf", "f16")
    _settle()
    q8_0 = _convert(source, folder / "q8_0.gguf", "q8_0")
    (folder / "q8_0.gguf").unlink()
    _settle()
    proved = {name: _convert(source, folder / "v.gguf", name, verified=True) for name in ("f16", "q8_0")}
    (folder / "v.gguf").unlink()
    _settle()
    q4 = _convert(source, folder / "q4.gguf", "q4_k_m")
    _settle()
    second = float(_python(_TWO_STEPS, str(folder / "f16.gguf"), str(folder / "theirs.gguf"), "q4_k_m"))
    kernel = _kernel_seconds(folder / "q4.gguf")
    size = (folder / "q4.gguf").stat().st_size
    peak = max(row["peak_mb"] for row in (f16, q8_0, q4, *proved.values()))
    print(
        f"{weights.stat().st_size / 2e9:.2f} G weights: cp {copy:.1f} s, f16 {f16['seconds']:.1f} s, "
        f"q8_0 {q8_0['seconds']:.1f} s, q4_k_m {q4['seconds']:.1f} s, llama.cpp's second step {second:.1f} s, "
        f"bare kernel {kernel:.1f} s",
        file=sys.stderr,
    )
    return [
        at_most("f16 ÷ cp with fsync", f16["seconds"] / copy, 1.3),
        at_most("q4_k_m ÷ (f16 + llama_model_quantize)", q4["seconds"] / (f16["seconds"] + second), 0.85),
        at_most("q4_k_m ÷ bare kernel on two threads", q4["seconds"] / kernel, 1.1),
        at_most("q8_0 ÷ f16", q8_0["seconds"] / f16["seconds"], 1.0),
        at_most("verifying f16 ÷ writing it", proved["f16"]["proof"] / f16["seconds"], 1.0),
        at_most("verifying q8_0 ÷ writing it", proved["q8_0"]["proof"] / q8_0["seconds"], 1.0),
        at_most("peak resident memory of a conversion (MB)", peak, MEMORY_MB),
        at_most("bytes written ÷ bytes of the output", q4["written"] / size, 1.02),
        at_least("q4_k_m: million weights per second", weights.stat().st_size / 2e6 / q4["seconds"], 0),
    ]


def _measure_gptq(folder: Path) -> list[Measure]:
    # In a process of its own: a child's peak of memory begins with what its parent holds.
    making = (
        "import sys; from pathlib import Path; from tests.bench.bench_convert import make_gptq_checkpoint as make; "
    )
    _python(f"{making} make(Path(sys.argv[1]), layers={2 * LAYERS})", str(folder / "gptq"))
    source = folder / "gptq"
    weights = source / "model.safetensors"
    _settle()
    copy = _copy_with_sync(weights, folder / "copy")
    (folder / "copy").unlink()
    _settle()
    exact = _convert(source, folder / "exact.gguf", "")  # no type asked for: every code is moved
    proved = _convert(source, folder / "exact.gguf", "", verified=True)
    print(
        f"GPTQ: {weights.stat().st_size / 1e9:.2f} GB, cp {copy:.1f} s, exact {exact['seconds']:.1f} s", file=sys.stderr
    )
    return [
        at_most("GPTQ 4-bit, exact ÷ cp of the source", exact["seconds"] / copy, 2.0),
        at_most("GPTQ 4-bit, exact and verified ÷ cp of the source", proved["seconds"] / copy, 4.0),
        at_most("verifying exact GPTQ ÷ moving its codes", proved["proof"] / exact["seconds"], 1.0),
        at_most("peak resident memory of a GPTQ conversion (MB)", exact["peak_mb"], MEMORY_MB),
    ]


def make_gptq_checkpoint(folder: Path, *, layers: int) -> None:
    """A LLaMA of width 4096 whose linear layers are 4-bit GPTQ, symmetric, group 128, without act-order."""
    from safetensors.numpy import load_file, save_file

    width, ffn = 4096, 11008
    llama_checkpoint(folder, width=width, ffn=ffn, layers=layers, vocabulary=4096, heads=32, kv_heads=32)
    rng = np.random.default_rng(0)
    tensors = dict(load_file(folder / "model.safetensors"))
    for name in [name for name in tensors if name.endswith("_proj.weight")]:
        n_out, n_in = tensors.pop(name).shape
        stem = name.removesuffix(".weight")
        tensors[f"{stem}.qweight"] = rng.integers(-(2**31), 2**31, (n_in // 8, n_out), np.int32)
        tensors[f"{stem}.qzeros"] = np.full((n_in // 128, n_out // 8), 0x77777777, np.int32)
        tensors[f"{stem}.scales"] = rng.uniform(1e-3, 2e-3, (n_in // 128, n_out)).astype(np.float16)
        tensors[f"{stem}.g_idx"] = (np.arange(n_in) // 128).astype(np.int32)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "gptq", "bits": 4, "group_size": 128, "sym": True}
    (folder / "config.json").write_text(json.dumps(config))


def _settle() -> None:
    """Let nothing of the last measure be written during the next."""
    os.sync()


def _copy_with_sync(source: Path, target: Path) -> float:
    began = time.perf_counter()
    subprocess.run(["cp", str(source), str(target)], check=True)
    with target.open("rb+") as file:
        os.fsync(file.fileno())
    return time.perf_counter() - began


def _convert(source: Path, target: Path, type_name: str, *, verified: bool = False) -> dict[str, float]:
    words = (str(source), str(target), type_name, "verified" if verified else "as written")
    result: dict[str, float] = json.loads(_python(_CONVERT, *words))
    return result


def _python(code: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout


def _seconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def _kernel_seconds(file: Path) -> float:
    """What `ggml_quantize_chunk` alone needs for the types of `file`, values at hand in memory, on two threads."""
    from belle.gguf import ggml
    from belle.gguf.mapped_file import GgufFile
    from belle.gguf.types import FLOAT_TYPES, row_bytes

    work: dict[tuple[object, int], int] = {}
    for info in GgufFile(file).tensors.values():
        if info.type not in FLOAT_TYPES.values():
            key = (info.type, info.shape[-1])
            work[key] = work.get(key, 0) + info.shape[0]

    def half(seed: int) -> None:
        rng = np.random.default_rng(seed)
        for (kind, width), n_rows in work.items():
            rows = rng.standard_normal((256, width), dtype=np.float32) * np.float32(0.02)
            out = np.empty(256 * row_bytes(kind, width), np.uint8)
            left = n_rows // THREADS
            while left > 0:
                n = min(256, left)
                ggml.quantize(kind, rows[:n], out, None)
                left -= n

    threads = [threading.Thread(target=half, args=(seed,)) for seed in range(THREADS)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - began
