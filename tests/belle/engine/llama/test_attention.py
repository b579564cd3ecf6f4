"""Every combination of KV type and flash attention is taken or replaced in words, and none ends the process."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from gguf import GGUFWriter

from belle.engine.llama import memory
from belle.engine.llama.attention import PLAIN, Attention, choose_attention
from belle.engine.llama.context import BatchPart, Context, StopFlag
from belle.engine.llama.model import Model
from belle.engine.llama.native_log import NativeLog
from belle.engine.process.blocking import open_engine
from belle.engine.process.commands import FlashAttention, KvType, Load
from belle.errors import KnownError
from belle.gguf.reader import GgufHeader, read_header
from tests.belle.engine.answer.test_answering import ask
from tests.belle.engine.tiny_gguf import SPM_WORDS, write_random_model

ASKED = list(itertools.product(get_args(KvType), get_args(FlashAttention)))


def with_heads_of(size: int, folder: Path) -> Path:
    path = folder / f"heads-of-{size}.gguf"
    write_random_model(path, n_embd=2 * size, n_layers=2)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("heads")


@pytest.mark.parametrize("head_size", [8, 16, 24, 32, 40, 64, 80, 96, 112, 128, 192, 256])
def test_what_is_chosen_works_for_every_head_size(head_size: int, folder: Path, native_log: NativeLog) -> None:
    path = with_heads_of(head_size, folder)
    header = read_header(path)
    model = Model(path, n_gpu_layers=0, log=native_log, on_progress=lambda _: True)
    for kv_type, flash in ASKED:
        attention, fallbacks = choose_attention(header, kv_type, flash, on_gpu=False)
        assert bool(fallbacks) == (attention.kv_type != kv_type)
        if head_size % 32 == 0 and flash != "off":
            assert attention.kv_type == kv_type
        context = Context(model, 256, on_gpu=False, stop=StopFlag(), log=native_log, attention=attention)
        (sequence,) = context.sequences
        context.evaluate(BatchPart(sequence, list(range(3, 40))))
        context.evaluate(BatchPart(sequence, [5]))
        assert np.isfinite(context.logits(sequence.rows[-1])).all()
        context.close()
    model.close()


@pytest.mark.parametrize(
    ("kv_type", "flash", "taken"),
    [
        ("f16", "auto", Attention("f16", "off")),
        ("f16", "on", Attention("f16", "on")),
        ("f16", "off", Attention("f16", "off")),
        ("q8_0", "auto", Attention("q8_0", "on")),
        ("q4_0", "on", Attention("q4_0", "on")),
        ("q8_0", "off", Attention("f16", "off")),
    ],
)
def test_on_a_processor_flash_attention_is_for_a_quantized_cache(
    starter: Path, kv_type: KvType, flash: FlashAttention, taken: Attention
) -> None:
    attention, fallbacks = choose_attention(read_header(starter), kv_type, flash, on_gpu=False)
    assert attention == taken
    assert [one.reason for one in fallbacks] == (["flash_attention_off"] if (kv_type, flash) == ("q8_0", "off") else [])


def test_on_a_gpu_llama_cpp_decides(starter: Path) -> None:
    assert choose_attention(read_header(starter), "f16", "auto", on_gpu=True)[0] == Attention("f16", "auto")


@pytest.mark.parametrize(("kv_type", "flash"), [("q5_0", "auto"), ("f16", "yes"), ("", "auto")])
def test_a_value_that_does_not_exist_is_refused_in_words(starter: Path, kv_type: str, flash: str) -> None:
    with pytest.raises(KnownError) as caught:
        choose_attention(read_header(starter), kv_type, flash, on_gpu=False)  # type: ignore[arg-type]
    assert caught.value.kind == "bad_option"


def sizes_of(model: Model, attention: Attention, log: NativeLog) -> int:
    """Bytes of a saved state of some tokens."""
    context = Context(model, 512, on_gpu=False, stop=StopFlag(), log=log, attention=attention)
    context.evaluate(BatchPart(context.sequences[0], list(range(100, 356))))
    size = context.sequences[0].state_bytes
    context.close()
    return size


def test_a_quantized_cache_takes_the_bytes_that_are_estimated(starter: Path, native_log: NativeLog) -> None:
    header = read_header(starter)
    model = Model(starter, n_gpu_layers=0, log=native_log, on_progress=lambda _: True)
    for kv_type in get_args(KvType):
        attention = choose_attention(header, kv_type, "auto", on_gpu=False)[0]
        expected = 256 * memory.kv_bytes_per_token(header, attention)
        assert sizes_of(model, attention, native_log) == pytest.approx(expected, rel=0.02)
    model.close()
    f16, q8, q4 = (memory.estimate(header, 4096, Attention(kv_type, "on")).kv for kv_type in ("f16", "q8_0", "q4_0"))
    assert (q8 / f16, q4 / f16) == (17 / 32, 9 / 32)
    assert memory.estimate(header, 4096, Attention("f16", "on")).compute < memory.estimate(header, 4096).compute


def test_a_quantized_cache_predicts_nearly_the_same(starter: Path, native_log: NativeLog) -> None:
    model = Model(starter, n_gpu_layers=0, log=native_log, on_progress=lambda _: True)
    tokens = model.vocabulary.tokenize("The fox went over the hill and came back with a small stone. " * 8)
    logits = {}
    for kv_type in get_args(KvType):
        attention = choose_attention(read_header(starter), kv_type, "auto", on_gpu=False)[0]
        context = Context(model, 512, on_gpu=False, stop=StopFlag(), log=native_log, attention=attention)
        (sequence,) = context.sequences
        context.evaluate(BatchPart(sequence, tokens[:100]))
        logits[kv_type] = context.logits(sequence.rows[-1]).astype(np.float64)
        context.close()
    model.close()

    def cosine(kv_type: str) -> float:
        one, other = logits["f16"], logits[kv_type]
        return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))

    assert cosine("q8_0") > 0.998
    assert cosine("q4_0") > 0.95


def test_more_context_fits_with_a_smaller_cache(starter: Path) -> None:
    header = read_header(starter)
    available = memory.estimate(header, 4096).total
    assert memory.largest_context(header, available, Attention("q4_0", "on")) == 8192
    memory.check_fits(header, 8192, available=available, attention=Attention("q4_0", "on"))


def test_the_engine_answers_with_a_quantized_cache_and_says_so(starter: Path) -> None:
    for kv_type in get_args(KvType):
        with open_engine(Load(str(starter), n_ctx=512, threads=1, kv_type=kv_type)) as engine:
            assert (engine.model.kv_type, engine.model.fallbacks) == (kv_type, ())
            assert engine.model.flash_attention == ("off" if kv_type == "f16" else "on")
            assert ask(engine, "What is the capital of France?", max_tokens=12)[0].text


def test_the_engine_says_what_it_took_instead(folder: Path) -> None:
    load = Load(
        str(with_heads_of(40, folder)), kv_type="q8_0", threads=5000, n_gpu_layers=7, template="belle", n_ctx=256
    )
    with open_engine(load) as engine:
        info = engine.model
        taken = {one.setting: (one.asked, one.taken, one.reason) for one in info.fallbacks}
        assert taken["kv_type"] == ("q8_0", "f16", "head_size")
        assert taken["threads"][0::2] == ("5000", "few_cores")
        if info.device == "CPU":
            assert taken["n_gpu_layers"] == ("7", "0", "no_gpu")
        assert all(one.message for one in info.fallbacks)
        assert ask(engine, "hello", max_tokens=3)[0].stats.completion_tokens <= 3


def test_a_model_without_a_kv_cache_keeps_its_state_as_it_is(folder: Path) -> None:
    path = folder / "mamba.gguf"
    write_random_mamba(path)
    with open_engine(Load(str(path), kv_type="q4_0", template="belle", n_ctx=256)) as engine:
        assert [(one.setting, one.reason) for one in engine.model.fallbacks] == [("kv_type", "no_cache")]
        assert ask(engine, "hello", max_tokens=3)[0].stats.completion_tokens <= 3


def test_a_kind_of_model_without_flash_attention(starter: Path) -> None:
    header: GgufHeader = replace(read_header(starter), architecture="grok")
    assert choose_attention(header, "f16", "auto", on_gpu=True) == (PLAIN, ())
    attention, fallbacks = choose_attention(header, "q8_0", "on", on_gpu=True)
    assert attention == PLAIN
    assert [(one.setting, one.reason) for one in fallbacks] == [
        ("flash_attention", "no_flash_attention"),
        ("kv_type", "no_flash_attention"),
    ]


def write_random_mamba(path: Path) -> None:
    """A recurrent model of one layer."""
    rng = np.random.default_rng(0)
    n_embd, inner, state, rank, conv = 32, 64, 16, 2, 4
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{b:02X}>" for b in range(256)), *SPM_WORDS]
    writer = GGUFWriter(str(path), "mamba")
    writer.add_name("Recurrent")
    writer.add_context_length(512)
    writer.add_embedding_length(n_embd)
    writer.add_feed_forward_length(0)
    writer.add_head_count(0)
    writer.add_block_count(1)
    writer.add_ssm_conv_kernel(conv)
    writer.add_ssm_inner_size(inner)
    writer.add_ssm_state_size(state)
    writer.add_ssm_time_step_rank(rank)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([-float(i) for i in range(len(tokens))])
    writer.add_token_types([2, 3, 3, *[6] * 256, *[1] * len(SPM_WORDS)])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    shapes = {
        "token_embd.weight": (len(tokens), n_embd),
        "output_norm.weight": (n_embd,),
        "blk.0.attn_norm.weight": (n_embd,),
        "blk.0.ssm_in.weight": (2 * inner, n_embd),
        "blk.0.ssm_conv1d.weight": (inner, conv),
        "blk.0.ssm_conv1d.bias": (inner,),
        "blk.0.ssm_x.weight": (rank + 2 * state, inner),
        "blk.0.ssm_dt.weight": (inner, rank),
        "blk.0.ssm_dt.bias": (inner,),
        "blk.0.ssm_a": (inner, state),
        "blk.0.ssm_d": (inner,),
        "blk.0.ssm_out.weight": (n_embd, inner),
    }
    for name, shape in shapes.items():
        values = 0.1 * rng.standard_normal(shape, dtype=np.float32)
        writer.add_tensor(name, -np.abs(values) if name == "blk.0.ssm_a" else values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
