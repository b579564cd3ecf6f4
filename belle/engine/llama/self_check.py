"""Whether llama.cpp works on this processor: `python -m belle.engine.llama.self_check` evaluates a prompt in each type.

A build can crash, or compute nonsense, where the compiler used an instruction set wrongly. It shows only in the kernels
for many tokens at once, and only in some types. So a tiny random model is made for each type; it evaluates some hundred
tokens in one batch and then a few one by one, and its logits are compared with those of the same weights in F32. The
native part runs in a child process, which may crash.

Where the child fails, another one runs in the *safer mode* (no repacked weights, no AMX); if that helps, it is
remembered for everything that loads models.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle.documents import parse_json_row
from belle.engine.llama.processor import built_with, missing_features, this_processor
from belle.engine.process import safer_mode
from belle.engine.process.native_process import environment

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TYPES = ("F16", "Q8_0", "Q4_0", "Q4_K")
"""The types that are tried: an unquantized one, and those with special kernels for many tokens."""

_N_PROMPT, _N_DECODED = 384, 4
# With quantized weights activations are rounded to 8 bits: measured cosines are 0.9987 and more on random weights. A
# kernel that is wrong gives a cosine near 0.
_LEAST_COSINE = 0.98
_TIMEOUT_S = 120


@dataclass(frozen=True, slots=True)
class Trial:
    """The result for one type: `cosine` of its logits with those in F32, or `fault`, why there are none."""

    type: str
    cosine: float | None = None
    fault: str = ""

    @property
    def passed(self) -> bool:
        """Whether the logits agree."""
        return self.cosine is not None and self.cosine >= _LEAST_COSINE


@dataclass(frozen=True, slots=True)
class SelfCheck:
    """The outcome: `trials` in the usual mode; `safer` those in the safer mode, empty when it was not needed."""

    trials: tuple[Trial, ...]
    safer: tuple[Trial, ...] = ()

    @property
    def works(self) -> bool:
        """Whether llama.cpp works as it is."""
        return all(trial.passed for trial in self.trials)

    @property
    def works_in_safer_mode(self) -> bool:
        """Whether it works without repacked weights and AMX. Tried only where it does not work as it is."""
        return bool(self.safer) and all(trial.passed for trial in self.safer)

    @property
    def sentence(self) -> str:
        """One sentence for the person at the machine."""
        if self.works:
            return f"llama.cpp reads {', '.join(trial.type for trial in self.trials)} correctly on this processor."
        failed = next(trial for trial in self.trials if not trial.passed)
        what = failed.fault or f"computes wrong values (cosine {failed.cosine:.2f})"
        sentence = f"llama.cpp {what} when it reads a prompt in {failed.type}{_suspect(self.works_in_safer_mode)}."
        return sentence + (" It works in the safer, slower mode." if self.works_in_safer_mode else "")

    def as_json(self) -> dict[str, Any]:
        """For `bootstrap.py`, which runs this module as a program and imports nothing of it."""
        return asdict(self) | {
            "works": self.works,
            "works_in_safer_mode": self.works_in_safer_mode,
            "words": self.sentence,
        }


def self_check() -> SelfCheck:
    """Run the check in one or two child processes (a second or two). Raises OSError when none can be started."""
    with tempfile.TemporaryDirectory() as folder:
        trials = _in_child(Path(folder), safer=False)
        if all(trial.passed for trial in trials):
            return SelfCheck(trials)
        outcome = SelfCheck(trials, _in_child(Path(folder), safer=True))
    if outcome.works_in_safer_mode:
        safer_mode.remember()
    return outcome


def _suspect(works_in_safer_mode: bool) -> str:
    """The instruction set to blame, in brackets; "" where it cannot be determined."""
    lacking = missing_features(built_with(), this_processor())
    if lacking:
        return f" (it was built with {', '.join(lacking)}, which this processor does not have)"
    if works_in_safer_mode:
        return " (to blame: AMX)" if "AMX_INT8" in built_with() else " (to blame: the repacked weights)"
    return ""


def _in_child(folder: Path, *, safer: bool) -> tuple[Trial, ...]:
    """Try all types one after the other; after a crash, the rest in another child."""
    trials: list[Trial] = []
    while len(trials) < len(TYPES):
        left = TYPES[len(trials) :]
        finished, fault = _run(folder, left, safer=safer)
        trials += finished
        if len(finished) < len(left):
            trials.append(Trial(left[len(finished)], fault=fault))
    return tuple(trials)


def _run(folder: Path, types: Sequence[str], *, safer: bool) -> tuple[list[Trial], str]:
    """The trials that the child finished, and how it ended."""
    command = [sys.executable, "-P", "-m", "belle.engine.llama.self_check", "--child", str(folder), *types]
    child = environment(safer=safer)
    try:
        done = subprocess.run(
            command, env=child, capture_output=True, text=True, errors="replace", timeout=_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return [], f"does not come to an end in {_TIMEOUT_S} seconds"
    trials = [Trial(*parse_json_row(line)) for line in done.stdout.splitlines()]
    if done.returncode < 0:
        return trials, f"dies of {signal.Signals(-done.returncode).name}"
    last = done.stderr.strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
    return trials, f"fails ({last[0][:200]})"


def _child(folder: Path, types: Sequence[str]) -> Iterator[Trial]:
    for name in types:
        quantized, plain = folder / f"{name}.gguf", folder / f"{name}-F32.gguf"
        _write_models(name, quantized, plain)
        # F32 has no special kernels, so it is right also where those of `name` are wrong.
        yield Trial(name, _cosine(_predictions(plain), _predictions(quantized)))


def _cosine(expected: NDArray[np.float32], actual: NDArray[np.float32]) -> float:
    """The least cosine between two rows of logits `[tokens, vocabulary]`; 0 where one is not a number."""
    import numpy as np

    lengths = np.linalg.norm(expected, axis=1) * np.linalg.norm(actual, axis=1)
    cosine = float(np.min(np.sum(expected * actual, axis=1) / lengths))
    return cosine if np.isfinite(cosine) else 0.0


def _predictions(path: Path) -> NDArray[np.float32]:
    """Logits `[1 + _N_DECODED, vocabulary]` after a long prompt, and after each token that follows it."""
    import llama_cpp.llama_cpp as llama
    import numpy as np

    from belle.engine.llama.context import BatchPart, Context, StopFlag
    from belle.engine.llama.model import Model
    from belle.engine.llama.native_log import NativeLog

    log = NativeLog()
    model = Model(path, n_gpu_layers=0, log=log, on_progress=lambda _: True)
    context = Context(model, 2 * _N_PROMPT, on_gpu=False, stop=StopFlag(), log=log)
    tokens = np.random.default_rng(7).integers(3, model.vocabulary.size, _N_PROMPT + _N_DECODED).tolist()
    rows = []
    for part in (tokens[:_N_PROMPT], *([token] for token in tokens[_N_PROMPT:])):
        context.evaluate(BatchPart(context.sequences[0], part))
        row = llama.llama_get_logits_ith(context.handle, -1)
        rows.append(np.ctypeslib.as_array(row, (model.vocabulary.size,)).copy())
    context.close()
    model.close()
    return np.stack(rows)


def _write_models(name: str, quantized: Path, plain: Path) -> None:
    """The same random LLaMA of one layer twice: in the type `name`, and dequantized, in F32."""
    import gguf
    import numpy as np

    kind = gguf.GGMLQuantizationType[name]
    rng = np.random.default_rng(1)
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    width, wide = 256, 512  # K-quants have blocks of 256
    shapes = {"token_embd": (len(tokens), width), "output": (len(tokens), width)}
    shapes |= {f"blk.0.attn_{part}": (width, width) for part in ("q", "k", "v", "output")}
    shapes |= {f"blk.0.ffn_{part}": (wide, width) for part in ("gate", "up")} | {"blk.0.ffn_down": (width, wide)}
    writers = [gguf.GGUFWriter(path, "llama") for path in (quantized, plain)]
    for writer in writers:
        writer.add_context_length(2 * _N_PROMPT)
        writer.add_embedding_length(width)
        writer.add_block_count(1)
        writer.add_feed_forward_length(wide)
        writer.add_head_count(4)
        writer.add_layer_norm_rms_eps(1e-5)
        writer.add_tokenizer_model("llama")
        writer.add_token_list(tokens)
        writer.add_token_scores([0.0] * len(tokens))
        writer.add_token_types([2, 3, 3, *[6] * 256])  # unknown, control, byte
        for norm in ("output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"):
            writer.add_tensor(f"{norm}.weight", np.ones(width, np.float32))
    for tensor, (rows, columns) in shapes.items():
        data = _random_rows(kind, rows, columns, rng)
        writers[0].add_tensor(f"{tensor}.weight", data, raw_dtype=kind)
        writers[1].add_tensor(f"{tensor}.weight", gguf.dequantize(data, kind))
    for writer in writers:
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()


def _random_rows(kind: Any, rows: int, columns: int, rng: np.random.Generator) -> NDArray[Any]:
    """Rows of a type, with random codes and scales that make weights of a standard deviation of about 1/16."""
    import gguf
    import numpy as np

    if kind == gguf.GGMLQuantizationType.F16:
        return (rng.standard_normal((rows, columns)) / 16).astype(np.float16)
    block, size = gguf.GGML_QUANT_SIZES[kind]
    data = rng.integers(0, 256, (rows, columns // block, size), np.uint8)  # [rows, blocks, bytes of a block]
    # A block begins with its float16 scales. Q8_0 and Q4_0 have one, for codes of ±127 or ±8. Q4_K has two: `d` for
    # products of 6-bit scales and 4-bit codes, and `dmin` for the minimum that is subtracted.
    scales = {"Q8_0": (0.0009,), "Q4_0": (0.0136,), "Q4_K": (0.00024, 0.0018)}[kind.name]
    data[..., : 2 * len(scales)] = np.array(scales, np.float16).view(np.uint8)
    return data.reshape(rows, -1)


def main(arguments: Sequence[str]) -> int:
    """Print the outcome as JSON; exit status 0 when llama.cpp works, 1 when not. `--child` is for this module alone."""
    if arguments[:1] == ["--child"]:
        folder, *types = arguments[1:]
        for trial in _child(Path(folder), types):
            print(json.dumps([trial.type, trial.cosine]), flush=True)  # noqa: T201
        return 0
    outcome = self_check()
    print(json.dumps(outcome.as_json()))  # noqa: T201
    return 0 if outcome.works else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
