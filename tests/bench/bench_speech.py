"""What speech costs: the worker and its pipe, the chat beside it, memory of a conversion, and what quantizing loses.

    python -m tests.bench speech

Models have random weights of a real shape (Whisper base), which take as long as real ones. The peer of our quantized
files is whisper.cpp's way: an F16 file, whose matrices its `quantize` gives to ggml; here that is done by a writer that
shares no code with ours, and by ggml itself.
"""

from __future__ import annotations

import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from gguf.constants import GGMLQuantizationType as GGMLType
from transformers import WhisperFeatureExtractor

from belle.engine.llama.cores import usable_cores
from belle.engine.process.blocking import BlockingEngine, open_engine
from belle.engine.process.commands import Generate, Load, Sampling
from belle.engine.process.events import Done
from belle.evaluation.sources.speech_agreement import speech_reference
from belle.gguf import ggml
from belle.gguf.types import row_bytes
from belle.models.catalog import STARTER, resolve
from belle.prompts import Message
from belle.speech.blocking import open_speech
from belle.speech.commands import LoadSpeech, Transcribe
from belle.speech.events import Transcribed
from belle.speech.next_tokens import next_token_logits
from belle.speech.transcript_divergence import divergence_of
from convert.pipeline import convert
from convert.plan.options import ConvertOptions
from tests.belle.speech.conftest import write_recording
from tests.bench.measure import Measure, at_least, at_most
from tests.convert.whisper import independent_writer, tiny

ROUNDS = 5
TOKENS = 96
TYPES = {"q8_0": (2007, GGMLType.Q8_0), "q5_0": (2008, GGMLType.Q5_0), "q4_0": (2002, GGMLType.Q4_0)}
"""ggml's number of the file type + 2000, and the type."""

_CONVERT = """
import sys
from pathlib import Path
from belle.evaluation.sources.memory_watch import peak_memory
from convert.pipeline import convert
from convert.plan.options import ConvertOptions
convert(Path(sys.argv[1]), Path(sys.argv[2]), ConvertOptions(types=("q5_0",), threads=2))
print(peak_memory() / 1e6)
"""
_BARE = """
import ctypes, json, sys, time
from pathlib import Path
import numpy as np
from belle.engine.process.stop_flag import NativeStopFlag
from belle.speech.audio.source import open_recording
from belle.speech.library import WhisperLibrary
from belle.speech.recognizer import Recognizer
recognizer = Recognizer(
    WhisperLibrary(), Path(sys.argv[1]), threads=int(sys.argv[3]), use_gpu=False, stop=NativeStopFlag()
)
sound = np.concatenate(list(open_recording(Path(sys.argv[2])).blocks))
for line in sys.stdin:
    began = time.perf_counter()
    recognizer.transcribe(sound, language="en", prompt="", timestamps=False)
    print(time.perf_counter() - began, flush=True)
"""


def run() -> list[Measure]:
    """All rows."""
    with tempfile.TemporaryDirectory(prefix="bench-speech-") as name:
        folder = Path(name)
        base = _base_shape(folder / "base")
        file = folder / "base.bin"
        convert(base, file, ConvertOptions(types=("q8_0",)))
        return [
            *_quantized(folder),
            at_most("converting a Whisper: peak resident memory (MB)", _peak_mb(base, folder / "q5_0.bin"), 400),
            at_most("dictation of 5 s: worker ÷ bare library call", _dictation(file, folder), 1.1),
            at_least("chat decode beside an idle speech worker ÷ without", _beside_speech(file), 0.99),
        ]


def _base_shape(folder: Path) -> Path:
    """A checkpoint of Whisper base's shape."""
    sizes = {f"{stack}_{key}": value for stack in ("encoder", "decoder") for key, value in _STACK.items()}
    return tiny.save(folder, tiny.random_model(d_model=512, **sizes))


_STACK = {"layers": 6, "attention_heads": 8, "ffn_dim": 2048}


def _peak_mb(checkpoint: Path, out: Path) -> float:
    command = [sys.executable, "-c", _CONVERT, str(checkpoint), str(out)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1])


# What quantizing loses


def _quantized(folder: Path) -> list[Measure]:
    """KL from transformers of our files ÷ that of whisper.cpp's, and their sizes."""
    model = tiny.random_model()
    checkpoint = tiny.save(folder / "tiny", model)
    report = convert(checkpoint, folder / "tiny-{type}.bin", ConvertOptions(types=tuple(TYPES)))
    samples = speech_reference(checkpoint)
    rows = []
    for (name, (number, kind)), written in zip(TYPES.items(), report.files, strict=True):
        theirs = folder / f"theirs-{name}.bin"
        theirs.write_bytes(_their_file(model, number, kind))
        ours_kl, theirs_kl = (_kl(path, samples) for path in (written.path, theirs))
        sizes = written.path.stat().st_size / theirs.stat().st_size
        print(f"{name}: KL {ours_kl:.3g}, of whisper.cpp's {theirs_kl:.3g}", file=sys.stderr)
        rows += [
            at_most(f"Whisper {name}: KL of our file ÷ of whisper.cpp's", ours_kl / theirs_kl, 1.0),
            at_most(f"Whisper {name}: bytes of our file ÷ of whisper.cpp's", sizes, 1.0),
        ]
    return rows


def _kl(path: Path, samples: list) -> float:  # type: ignore[type-arg]
    total, tokens = 0.0, 0
    for sample in samples:
        logits = next_token_logits(path, sample.sound, sample.reference.ids)
        found = divergence_of(sample.reference.logits, logits)
        total, tokens = total + found.divergence, tokens + found.tokens
    return total / tokens


def _their_file(model: object, number: int, kind: GGMLType) -> bytes:
    """An F16 file whose matrices are given to ggml, as whisper.cpp's `quantize` does."""
    config = model.config.to_dict()  # type: ignore[attr-defined]
    filters = WhisperFeatureExtractor().mel_filters.T.astype(np.float32)
    parts = [independent_writer.head(config, filters, tiny.words(), number)]
    for name, values in tiny.arrays(model).items():
        new = independent_writer.renamed(name)
        if values.ndim != 2 or new.endswith("positional_embedding"):
            parts.append(independent_writer.tensor(name, values))
            continue
        rows = np.ascontiguousarray(values.astype(np.float16).astype(np.float32))
        out = np.empty(rows.shape[0] * row_bytes(kind, rows.shape[1]), np.uint8)
        ggml.quantize(kind, rows, out, None)
        parts.append(struct.pack("<5i", 2, len(new), int(kind), *reversed(rows.shape)) + new.encode() + out.tobytes())
    return b"".join(parts)


# Speed


def _dictation(file: Path, folder: Path) -> float:
    """Time to text of 5 seconds through the worker ÷ the library's own call with the same settings."""
    recording = write_recording(folder / "five.wav", 0.0, 5.0)
    threads, _ = usable_cores()
    command = [sys.executable, "-c", _BARE, str(file), str(recording), str(threads)]
    ratios = []
    bare = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert bare.stdin is not None
    assert bare.stdout is not None
    with open_speech(LoadSpeech(str(file), threads=threads)) as speech:
        for number in range(ROUNDS + 1):
            bare.stdin.write("\n")
            bare.stdin.flush()
            alone = float(bare.stdout.readline())
            began = time.perf_counter()
            *_, last = speech.transcribe(Transcribe(number, str(recording), "en"))
            assert isinstance(last, Transcribed)
            ratios.append((time.perf_counter() - began) / alone)
    bare.stdin.close()
    bare.wait()
    return statistics.median(ratios[1:])


def _beside_speech(file: Path) -> float:
    """Tokens per second of the chat while a speech model is loaded and idle ÷ without."""
    path = str(resolve(STARTER).path)
    threads, _ = usable_cores()
    ratios = []
    with open_engine(Load(path, template="plain", threads=threads)) as engine:
        _speed(engine)
        for _ in range(ROUNDS):
            before = _speed(engine)
            with open_speech(LoadSpeech(str(file), threads=threads)):
                beside = _speed(engine)
            ratios.append(beside / statistics.mean((before, _speed(engine))))
    return statistics.median(ratios)


def _speed(engine: BlockingEngine) -> float:
    """Tokens per second of one answer."""
    greedy = Sampling(temperature=0.0, repeat_penalty=1.0)
    text = "one two three four five six seven eight nine ten " * 6
    request = Generate(1, (Message("user", text),), greedy, max_tokens=TOKENS)
    *_, done = engine.generate(request)
    assert isinstance(done, Done)
    assert done.stats.tokens_per_s is not None
    return done.stats.tokens_per_s
