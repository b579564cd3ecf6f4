"""From checkpoint names to GGUF names: prefixes, tied heads, what is missing, what is left over."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gguf.constants import GGUFValueType
from hypothesis import given
from hypothesis import strategies as st

from belle.errors import KnownError
from convert.architectures import ARCHITECTURES, architecture_of
from convert.rows.source import RowSource
from tests.convert.architectures.random_models import MemorySource

LLAMA: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 33,
    "max_position_embeddings": 64,
    "rms_norm_eps": 1e-5,
}
BLOOM: dict[str, Any] = {
    "architectures": ["BloomForCausalLM"],
    "hidden_size": 16,
    "n_layer": 2,
    "n_head": 4,
    "vocab_size": 33,
    "layer_norm_epsilon": 1e-5,
}


def checkpoint(config: dict[str, Any], *, head: bool = False) -> dict[str, RowSource]:
    """Every tensor that the architecture's table asks for, filled with numbers that occur once."""
    architecture = architecture_of(config)
    sizes = architecture.dimensions(config)
    result: dict[str, RowSource] = {}
    first = 1
    rules = [*architecture.rules(config), *([architecture.head] if head else [])]
    for rule in rules:
        for i in range(sizes.n_layer if "{i}" in rule.source else 1):
            if rule.optional:
                continue
            prefix = "" if rule is architecture.head else architecture.prefix
            name = prefix + rule.source.format(i=i)
            shape = [getattr(sizes, width) for width in rule.shape]
            n = int(np.prod(shape))
            result[name] = MemorySource(name, np.arange(first, first + n, dtype=np.float32).reshape(shape))
            first += n
    return result


def values(source: RowSource) -> np.ndarray:
    return source.float_rows(0, source.n_rows).reshape(source.shape)


def planned(tensors: dict[str, RowSource], config: dict[str, Any]) -> dict[str, RowSource]:
    return {t.name: t.source for t in architecture_of(config).plan(tensors, config)}


def refused(tensors: dict[str, RowSource], config: dict[str, Any]) -> KnownError:
    with pytest.raises(KnownError) as caught:
        architecture_of(config).plan(tensors, config)
    return caught.value


def test_llama_names_and_rows() -> None:
    tensors = checkpoint(LLAMA, head=True)
    result = planned(tensors, LLAMA)
    assert list(result)[:4] == [
        "token_embd.weight",
        "blk.0.attn_norm.weight",
        "blk.0.attn_q.weight",
        "blk.0.attn_k.weight",
    ]
    assert list(result)[-2:] == ["output_norm.weight", "output.weight"]
    assert len(result) == 3 + 2 * 9
    query = values(tensors["model.layers.1.self_attn.q_proj.weight"])
    # head by head: row 0 of the first half, row 0 of the second, row 1 of the first, …
    np.testing.assert_array_equal(values(result["blk.1.attn_q.weight"])[4:8], query[[4, 6, 5, 7]])
    key = values(tensors["model.layers.1.self_attn.k_proj.weight"])
    np.testing.assert_array_equal(values(result["blk.1.attn_k.weight"]), key[[0, 2, 1, 3, 4, 6, 5, 7]])
    for name in ("attn_v", "attn_output", "ffn_gate"):
        assert f"blk.1.{name}.weight" in result
    assert result["blk.1.ffn_up.weight"] is tensors["model.layers.1.mlp.up_proj.weight"]


def test_bloom_heads_are_separated_weights_and_biases_alike() -> None:
    tensors = checkpoint(BLOOM)
    result = planned(tensors, BLOOM)
    fused = values(tensors["transformer.h.0.self_attention.query_key_value.weight"])
    expected = fused.reshape(4, 3, 4, 16).transpose(1, 0, 2, 3).reshape(48, 16)
    np.testing.assert_array_equal(values(result["blk.0.attn_qkv.weight"]), expected)
    bias = values(tensors["transformer.h.0.self_attention.query_key_value.bias"])
    np.testing.assert_array_equal(
        values(result["blk.0.attn_qkv.bias"]), bias.reshape(4, 3, 4).transpose(1, 0, 2).ravel()
    )
    assert {"token_embd_norm.weight", "token_embd_norm.bias", "output_norm.bias"} <= result.keys()
    assert "output.weight" not in result


@pytest.mark.parametrize("config", [LLAMA, BLOOM], ids=["llama", "bloom"])
@pytest.mark.parametrize("change", [
    lambda name: name.removeprefix("model.").removeprefix("transformer."),
    lambda name: f"module.{name}",
    lambda name: f"base_model.model.{name}",
    lambda name: f"_orig_mod.module.{name}",
])  # fmt: skip
def test_prefixes(config: dict[str, Any], change: Any) -> None:
    tensors = checkpoint(config, head=True)
    renamed = {change(name): source for name, source in tensors.items()}
    assert planned(renamed, config).keys() == planned(tensors, config).keys()


def test_one_tensor_under_two_names() -> None:
    tensors = checkpoint(LLAMA, head=True)
    tensors["norm.weight"] = tensors["model.norm.weight"]
    error = refused(tensors, LLAMA)
    assert error.kind == "duplicate_tensor"
    assert "model.norm.weight and norm.weight" in error.message


def test_missing_tensors_are_named() -> None:
    tensors = checkpoint(LLAMA, head=True)
    del tensors["model.layers.1.mlp.up_proj.weight"], tensors["model.norm.weight"]
    error = refused(tensors, LLAMA)
    assert error.kind == "missing_tensor"
    assert "model.layers.1.mlp.up_proj.weight and 1 more" in error.message
    assert refused(checkpoint(LLAMA), LLAMA).details["missing"] == ["lm_head.weight"]


def test_tensors_without_a_place_are_named() -> None:
    tensors = checkpoint(LLAMA, head=True)
    tensors["model.layers.2.mlp.up_proj.weight"] = tensors["model.layers.1.mlp.up_proj.weight"]
    error = refused(tensors, LLAMA)
    assert error.kind == "unknown_tensor"
    assert "2 layers" in error.message
    assert "model.layers.2.mlp.up_proj.weight" in error.message


def test_helpers_of_other_programs_are_ignored() -> None:
    tensors = checkpoint(LLAMA, head=True)
    for name in ("model.layers.0.self_attn.rotary_emb.inv_freq", "rotary_emb.inv_freq", "v_head.summary.weight"):
        tensors[name] = MemorySource(name, np.ones((1, 3), np.float32))
    notes: list[str] = []
    architecture_of(LLAMA).plan(tensors, LLAMA, notes)
    assert len(notes) == 1
    assert "v_head.summary.weight" in notes[0]
    bloom = checkpoint(BLOOM)
    bloom["h.0.self_attention.masked_bias"] = MemorySource("b", np.ones((1, 1), np.float32))
    planned(bloom, BLOOM)


def test_shapes_are_checked_against_the_config() -> None:
    error = refused(checkpoint(LLAMA, head=True), {**LLAMA, "vocab_size": 32})
    assert error.kind == "wrong_shape"
    assert "model.embed_tokens.weight has the shape [33, 16]" in error.message
    assert "[32, 16]" in error.message


def test_biases_of_zeros_are_left_out_and_others_kept() -> None:
    """GPTQ-for-LLaMa, and so BELLE's own quantized files, give every layer a bias."""
    tensors = checkpoint(LLAMA, head=True)
    rows = {"q_proj": 16, "k_proj": 8, "v_proj": 8, "o_proj": 16}
    for name, n in rows.items():
        full = f"model.layers.0.self_attn.{name}.bias"
        tensors[full] = MemorySource(full, np.zeros(n, np.float32))
    assert not any(name.endswith(".bias") for name in planned(tensors, LLAMA))
    tensors["model.layers.0.self_attn.q_proj.bias"].values[:] = np.arange(16)
    result = planned(tensors, LLAMA)
    assert [name for name in result if name.endswith(".bias")] == ["blk.0.attn_q.bias"]
    np.testing.assert_array_equal(values(result["blk.0.attn_q.bias"])[:4], [0, 2, 1, 3])
    qwen = {**LLAMA, "architectures": ["Qwen2ForCausalLM"]}
    stray = checkpoint(qwen, head=True)
    full = "model.layers.0.mlp.up_proj.bias"
    stray[full] = MemorySource(full, np.zeros(24, np.float32))
    planned(stray, qwen)
    stray[full].values[3] = 1
    assert refused(stray, qwen).details["unknown"] == [full]


class TestTiedHead:
    def test_a_copy_is_written_once(self) -> None:
        tensors = checkpoint(BLOOM, head=True)
        embedding = tensors["transformer.word_embeddings.weight"]
        tensors["lm_head.weight"] = MemorySource(
            "lm_head.weight", values(embedding).astype(np.float16).astype(np.float32)
        )
        assert "output.weight" not in planned(tensors, BLOOM)

    @given(st.integers(1, 600), st.data())
    def test_one_that_differs_in_any_value_is_kept(self, n_vocab: int, data: st.DataObject) -> None:
        config = {**BLOOM, "vocab_size": n_vocab}
        tensors = checkpoint(config)
        head = values(tensors["transformer.word_embeddings.weight"]).copy()
        head[data.draw(st.integers(0, n_vocab - 1)), data.draw(st.integers(0, 15))] += 0.5
        tensors["lm_head.weight"] = MemorySource("lm_head.weight", head)
        assert "output.weight" in planned(tensors, config)

    def test_both_are_read_a_run_of_rows_at_a_time(self) -> None:
        config = {**BLOOM, "vocab_size": 2**20}
        tensors = checkpoint({**BLOOM, "vocab_size": 4})
        rows = np.zeros((2**20, 16), np.float16)
        embedding, head = MemorySource("e", rows), MemorySource("lm_head.weight", rows)
        tensors |= {"transformer.word_embeddings.weight": embedding, "lm_head.weight": head}
        assert "output.weight" not in planned(tensors, config)
        assert head.reads[0][0] == 0
        assert head.reads[-1][1] == 2**20
        assert all(stop - start <= 2**18 for start, stop in head.reads)

    def test_one_that_differs_is_written_and_reported(self) -> None:
        notes: list[str] = []
        plan = architecture_of(BLOOM).plan(checkpoint(BLOOM, head=True), BLOOM, notes)
        assert plan[-1].name == "output.weight"
        assert "differs" in notes[0]

    def test_config_decides(self) -> None:
        tied = {**LLAMA, "tie_word_embeddings": True}
        assert "output.weight" not in planned(checkpoint(tied), tied)
        untied = {**BLOOM, "tie_word_embeddings": False}
        assert refused(checkpoint(BLOOM), untied).details["missing"] == ["lm_head.weight"]
        tensors = checkpoint(BLOOM)
        tensors["lm_head.weight"] = tensors["transformer.word_embeddings.weight"]
        assert "output.weight" in planned(tensors, untied)

    def test_a_head_that_is_missing_is_told_with_the_key_that_ties_it(self) -> None:
        error = refused(checkpoint(LLAMA), LLAMA)
        assert error.kind == "missing_tensor"
        assert "tie_word_embeddings to true" in error.advice

    def test_gemma2_has_no_head_of_its_own(self) -> None:
        config = {**LLAMA, "architectures": ["Gemma2ForCausalLM"], "head_dim": 4, "sliding_window": 8}
        assert refused(checkpoint(config, head=True), config).kind == "unsupported_option"


def metadata(config: dict[str, Any]) -> dict[str, Any]:
    return {entry.key: entry.value for entry in architecture_of(config).metadata(config)}


def test_llama_metadata() -> None:
    assert metadata(LLAMA) == {
        "llama.block_count": 2,
        "llama.context_length": 64,
        "llama.embedding_length": 16,
        "llama.feed_forward_length": 24,
        "llama.attention.head_count": 4,
        "llama.attention.head_count_kv": 2,
        "llama.rope.freq_base": 10000.0,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "llama.vocab_size": 33,
        "llama.rope.dimension_count": 4,
    }
    types = {entry.type for entry in architecture_of(LLAMA).metadata(LLAMA)}
    assert types == {GGUFValueType.UINT32, GGUFValueType.FLOAT32}


def test_bloom_was_trained_on_2048_tokens() -> None:
    assert metadata(BLOOM)["bloom.context_length"] == 2048
    assert metadata({**BLOOM, "seq_length": 4096})["bloom.context_length"] == 4096


def test_bloom_spells_its_sizes_in_two_ways() -> None:
    other = {"model_type": "bloom", "n_embed": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 33}
    assert metadata(other) == metadata(BLOOM)


def test_rope_in_both_spellings() -> None:
    old = {**LLAMA, "rope_theta": 5e5, "rope_scaling": {"type": "linear", "factor": 2.0}}
    new = {**LLAMA, "rope_parameters": {"rope_type": "linear", "rope_theta": 5e5, "factor": 2.0}}
    assert metadata(old) == metadata(new)
    assert metadata(old)["llama.rope.scaling.factor"] == 2.0
    assert metadata(old)["llama.rope.freq_base"] == 5e5


def test_a_window_limits_the_context_and_is_reported() -> None:
    config = {**LLAMA, "architectures": ["MistralForCausalLM"], "sliding_window": 16}
    notes: list[str] = []
    entries = {e.key: e.value for e in architecture_of(config).metadata(config, notes)}
    assert entries["llama.context_length"] == 16
    assert entries["llama.attention.sliding_window"] == 16
    assert "16 tokens" in notes[0]
    assert metadata({**config, "sliding_window": None})["llama.context_length"] == 64


@pytest.mark.parametrize(("change", "kind"), [
    ({"hidden_size": 0}, "bad_config"),
    ({"hidden_size": "16"}, "bad_config"),
    ({"hidden_size": None}, "bad_config"),
    ({"num_hidden_layers": 10**6}, "bad_config"),
    ({"num_key_value_heads": 3}, "bad_config"),
    ({"rms_norm_eps": float("nan")}, "bad_config"),
    ({"rms_norm_eps": 10**400}, "bad_config"),
    ({"tie_word_embeddings": "yes"}, None),
    ({"rope_scaling": {"type": "longrope"}}, "unsupported_option"),
    ({"rope_scaling": [1]}, "bad_config"),
    ({"hidden_act": "gelu"}, "unsupported_option"),
    ({"partial_rotary_factor": 0.5}, "unsupported_option"),
])  # fmt: skip
def test_bad_configs_are_refused_by_name(change: dict[str, Any], kind: str | None) -> None:
    config = {**LLAMA, **change}
    if kind is None:
        assert refused(checkpoint(LLAMA), config).kind == "bad_config"
        return
    with pytest.raises(KnownError) as caught:
        metadata(config)
    assert caught.value.kind == kind
    assert next(iter(change)).removesuffix("_scaling") in str(caught.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
OTHER_KEYS = (
    "head_dim rope_theta rope_parameters rope_scaling sliding_window hidden_act layer_types attention_bias "
    "use_sliding_window query_pre_attn_scalar tie_word_embeddings"
)
KEYS = sorted({*LLAMA, *BLOOM, *OTHER_KEYS.split()})


@given(st.sampled_from([a.classes[0] for a in ARCHITECTURES]), st.dictionaries(st.sampled_from(KEYS), JSON, max_size=4))
def test_no_config_is_a_crash(name: str, change: dict[str, Any]) -> None:
    config = {**LLAMA, **BLOOM, **change, "architectures": [name]}
    try:
        metadata(config)
        planned({}, config)
    except KnownError:
        pass


class TestRegistry:
    def test_by_class_and_by_type(self) -> None:
        assert architecture_of({"architectures": ["LLaMAForCausalLM"]}).name == "llama"
        assert architecture_of({"model_type": "mistral"}).title == "Mistral"

    def test_a_reward_model_is_not_a_language_model(self) -> None:
        with pytest.raises(KnownError) as caught:
            architecture_of({"architectures": ["LlamaForSequenceClassification"], "model_type": "llama"})
        assert caught.value.kind == "unknown_architecture"
        assert "BLOOM" in caught.value.advice

    def test_no_config(self) -> None:
        with pytest.raises(KnownError) as caught:
            architecture_of({})
        assert caught.value.kind == "no_config"
