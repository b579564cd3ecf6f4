"""Checks every key of config.json: it is read by the architecture, has no effect, or is refused.

A key can change a model although its architecture does not usually have it, such as a multiplier of the embedding or a
cap on the logits. The model would be converted without it, run, and compute something else. So keys that are known to
change some model are refused unless their value changes nothing, and unknown keys are reported.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from belle.texts import visible
from convert.architectures.config import key_set, unsupported

_ONE, _OFF, _NEVER = (1,), (False, 0), ()

# By key the values that change nothing (null never does). The keys are those of models that are otherwise like LLaMA.
_CHANGING: Mapping[str, tuple[Any, ...]] = {
    "alibi": _OFF,
    "attention_chunk_size": _NEVER,
    "attention_multiplier": _NEVER,
    "attn_logit_softcapping": _OFF,
    "attn_temperature_tuning": _OFF,
    "clip_qkv": _NEVER,
    "dim_model_base": _NEVER,
    "embedding_multiplier": _ONE,
    "embedding_scale": _ONE,
    "final_logit_softcapping": _OFF,
    "is_causal": (True,),
    "logit_scale": _ONE,
    "logits_scaling": _ONE,
    "mlp_bias": _OFF,
    "moe_num_experts": (0, 1),
    "n_routed_experts": (0, 1),
    "no_rope_layer_interval": _OFF,
    "norm_type": ("rms_norm", "rmsnorm"),
    "num_experts": (0, 1),
    "num_kv_shared_layers": _OFF,
    "num_local_experts": (0, 1),
    "parallel_attn": _OFF,
    "qk_layernorm": _OFF,
    "qk_norm": _OFF,
    "query_pre_attn_scalar": _NEVER,
    "residual_multiplier": _ONE,
    "residual_scale": _ONE,
    "rope_interleave": _OFF,
    "rope_interleaved": _OFF,
    "rope_local_base_freq": _NEVER,
    "rotary_dim": _NEVER,
    "rotary_emb_fraction": _ONE,
    "rotary_pct": _ONE,
    "scale_depth": _ONE,
    "scale_emb": _ONE,
    "scale_embedding": _OFF,
    "sliding_window": _NEVER,
    "use_alibi": _OFF,
    "use_bidirectional_attention": _OFF,
    "use_parallel_residual": _OFF,
    "use_qk_layernorm": _OFF,
    "use_qk_norm": _OFF,
    "use_sliding_window": _OFF,
}

# Keys of training, generation and programs, which change no logit.
_IDLE = key_set(
    """
    add_cross_attention architectures attention_dropout attention_softmax_in_fp32 attn_implementation attn_pdrop
    auto_map bad_words_ids begin_suppress_tokens bias_dropout_fusion bos_token_id cache_implementation
    chunk_size_feed_forward classifier_dropout compression_config cross_attention_hidden_size decoder_start_token_id
    diversity_penalty do_sample dtype early_stopping embd_pdrop encoder_no_repeat_ngram_size eos_token_id
    exponential_decay_length_penalty finetuning_task forced_bos_token_id forced_eos_token_id gradient_checkpointing
    hidden_dropout id2label initializer_range is_decoder is_encoder_decoder label2id length_penalty
    masked_softmax_fusion max_length max_position_embeddings max_window_layers min_length model_max_length model_type
    n_positions no_repeat_ngram_size num_beam_groups num_beams num_labels num_return_sequences offset_alibi
    output_attentions output_hidden_states output_scores pad_token_id prefix pretraining_tp problem_type pruned_heads
    quantization quantization_config remove_invalid_values repetition_penalty resid_pdrop return_dict
    return_dict_in_generate sep_token_id seq_length skip_bias_add skip_bias_add_qkv slow_but_exact suppress_tokens
    task_specific_params temperature tf_legacy_loss tie_encoder_decoder tokenizer_class tokenizer_model_max_length
    top_k top_p torch_dtype torchscript transformers.js_config transformers_version typical_p unk_token_id use_bfloat16
    use_cache
    """
)
_IDLE_STARTS = ("_", "unsloth", "use_flash", "flash_")
_SHOWN = 5


def check_keys(
    config: Mapping[str, Any], heard: frozenset[str], title: str, notes: list[str], program: str = "llama.cpp"
) -> None:
    """Refuse keys that change the model and are not read, and report unknown ones.

    Args:
        config: config.json.
        heard: the keys that the architecture reads.
        title: of the architecture, for messages.
        notes: gets a sentence about unknown keys, and about code that comes with the checkpoint.
        program: that runs the file.

    Raises KnownError("unsupported_option").
    """
    unknown = []
    for key, value in config.items():
        if key in heard or key in _IDLE or key.startswith(_IDLE_STARTS) or value is None or value in ([], {}, ""):
            continue
        if key == "sliding_window" and config.get("use_sliding_window") is False:
            continue
        if key == "layer_types" and isinstance(value, list) and all(kind == "full_attention" for kind in value):
            continue
        if key == "no_rope_layers" and isinstance(value, list) and all(value):
            continue
        if key in ("layer_types", "no_rope_layers") or (key in _CHANGING and value not in _CHANGING[key]):
            raise unsupported(key, value, title, program)
        if key not in _CHANGING:
            unknown.append(key)
    if unknown:
        more = f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
        notes.append(
            f"config.json has keys that are not known for {title}: {visible(', '.join(unknown[:_SHOWN]))}{more}. "
            "If one of them changes what the model computes, the file computes something else; --verify logits tells."
        )
    code = config.get("auto_map")
    if isinstance(code, Mapping) and "AutoModelForCausalLM" in code:
        notes.append(
            "The checkpoint comes with its own code for the model, which is not run; it was converted as the "
            f"{title} that was published."
        )
