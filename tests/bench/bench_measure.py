"""What measuring costs besides running the models: time against the bare decode, and memory for a large vocabulary."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from time import process_time

from belle.evaluation.sources.llama import LlamaSource, text_tokens, window_bos
from belle.evaluation.text.perplexity_run import PerplexityRun
from belle.evaluation.windows import EvaluationText, Protocol, cut
from belle.models import catalog
from tests.bench.measure import Measure, at_most

TEXT = Path(__file__).parents[2] / "assets/text/en.txt"
WINDOWS = 3
LARGE = 250_880
_PEAK = """
import sys
from pathlib import Path
from belle.evaluation.sources.memory_watch import peak_memory
from belle.evaluation.text.perplexity_run import PerplexityRun
from belle.evaluation.windows import Protocol
a, b, folder = map(Path, sys.argv[1:])
text = EvaluationText("t", "hello world " * 2000)
with PerplexityRun(a, [b], text, Protocol(chunks=2), folder / "records", threads=1) as session:
    session.run()
    session.figures()
print(peak_memory())
"""
_BEFORE = """
import sys
from pathlib import Path
import belle.evaluation.text.perplexity_run
from belle.engine.llama.model import Model
from belle.engine.llama.native_log import NativeLog
from belle.evaluation.sources.memory_watch import peak_memory
log = NativeLog()
models = [Model(Path(name), n_gpu_layers=0, log=log, on_progress=lambda _: True) for name in sys.argv[1:3]]
print(peak_memory())
"""


def run() -> list[Measure]:
    """Two rows."""
    with tempfile.TemporaryDirectory() as name:
        return [_time(Path(name)), _memory(Path(name))]


def _time(folder: Path) -> Measure:
    model = catalog.resolve(catalog.STARTER).path
    words, protocol = TEXT.read_text(encoding="utf-8"), Protocol(chunks=WINDOWS)
    bare = measured = 0.0
    with PerplexityRun(model, [model], EvaluationText("en", words), protocol, folder / "records", threads=1) as session:
        sources = [LlamaSource(model, protocol, threads=1) for _ in range(2)]
        vocabulary = sources[0].vocabulary
        windows = cut(text_tokens(vocabulary, words), protocol, window_bos(vocabulary))
        # In seconds of the processor, with one thread: on a quiet machine the same as the clock's, and other load on a
        # busy one is not counted. The first window warms both up.
        for number, window in enumerate(windows):
            began = process_time()
            for source in sources:
                for _ in source.rows(window, protocol.n_ctx):
                    pass
            middle = process_time()
            session._comparison.window(window)
            ended = process_time()
            if number:
                bare, measured = bare + middle - began, measured + ended - middle
        for source in sources:
            source.close()
    return at_most("measuring two models ÷ their bare decode", measured / bare, 1.15)


def _memory(folder: Path) -> Measure:
    model = folder / "large.gguf"
    write_large_vocabulary(model, LARGE)
    before, peak = (
        int(
            subprocess.run(
                [sys.executable, "-c", program, model, model, folder], capture_output=True, check=True
            ).stdout
        )
        for program in (_BEFORE, _PEAK)
    )
    return at_most("memory above two loaded models, 250,880 tokens (MB)", (peak - before) / 1e6, 300)


def write_large_vocabulary(path: Path, n_vocab: int) -> None:
    """A random llama of one layer whose vocabulary is bytes, a few words and many that never occur."""
    import numpy as np
    from gguf import GGUFWriter, TokenType

    words = ["▁", "▁hello", "▁world", "hello", "world"]
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{b:02X}>" for b in range(256)), *words]
    types = [TokenType.UNKNOWN, *[TokenType.CONTROL] * 2, *[TokenType.BYTE] * 256, *[TokenType.NORMAL] * len(words)]
    more = n_vocab - len(tokens)
    tokens += [f"unused{i}" for i in range(more)]
    types += [TokenType.UNUSED] * more
    n_embd, rng = 32, np.random.default_rng(0)
    writer = GGUFWriter(str(path), "llama")
    writer.add_context_length(512)
    writer.add_embedding_length(n_embd)
    writer.add_block_count(1)
    writer.add_feed_forward_length(64)
    writer.add_head_count(2)
    writer.add_head_count_kv(2)
    writer.add_rope_dimension_count(16)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_file_type(0)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([-float(i) for i in range(n_vocab)])
    writer.add_token_types(types)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    square, wide = (n_embd, n_embd), (64, n_embd)
    shapes = {"token_embd": (n_vocab, n_embd), "output_norm": (n_embd,), "output": (n_vocab, n_embd)}
    layer = {f"attn_{part}": square for part in ("q", "k", "v", "output")}
    layer |= {"attn_norm": (n_embd,), "ffn_norm": (n_embd,), "ffn_gate": wide, "ffn_up": wide, "ffn_down": (n_embd, 64)}
    for name, shape in {**shapes, **{f"blk.0.{part}": shape for part, shape in layer.items()}}.items():
        writer.add_tensor(f"{name}.weight", rng.standard_normal(shape, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
