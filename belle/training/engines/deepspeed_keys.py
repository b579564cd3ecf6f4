"""The keys that a DeepSpeed configuration may have. DeepSpeed itself ignores most unknown keys in silence.

The tests compare each block with DeepSpeed's own data class, where it has one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

TOP = (
    "activation_checkpointing", "aio", "amp", "autotuning", "bf16", "bfloat16", "check_overflow", "checkpoint", "comet",
    "comms_logger", "communication_data_type", "compile", "compression_training", "csv_monitor", "curriculum_learning",
    "data_efficiency", "data_types", "dataloader_drop_last", "disable_allgather", "disable_python_gc", "dump_state",
    "eigenvalue", "elasticity", "expert_parallel", "flops_profiler", "fp16", "gradient_accumulation_steps",
    "gradient_allreduce_op", "gradient_clipping", "gradient_predivide_factor", "graph_harvesting", "hybrid_engine",
    "log_level", "memory_breakdown", "nebula", "optimizer", "pipeline", "prescale_gradients", "progressive_layer_drop",
    "quantize_training", "scheduler", "seq_parallel_communication_data_type", "sequence_parallel_size",
    "sparse_attention", "sparse_gradients", "steps_per_print", "tensor_parallel", "tensorboard", "timers",
    "torch_autocast", "train_batch_size", "train_micro_batch_size_per_gpu", "use_data_before_expert_parallelism",
    "vocabulary_size", "wall_clock_breakdown", "wandb", "weight_quantization", "zero_allow_untested_optimizer",
    "zero_force_ds_cpu_optimizer", "zero_optimization",
)  # fmt: skip
BLOCKS: Mapping[str, tuple[str, ...]] = {
    "zero_optimization": (
        "allgather_bucket_size", "allgather_partitions", "compute_grad_norm", "contiguous_gradients", "cpu_offload",
        "cpu_offload_param", "cpu_offload_use_pin_memory", "elastic_checkpoint", "enable_sanity_checks",
        "ignore_unused_parameters", "leaf_module", "legacy_stage1", "load_from_fp32_weights",
        "log_trace_cache_warnings", "memory_efficient_linear", "offload_optimizer", "offload_param", "overlap_comm",
        "override_module_apply", "parameter_alignment", "pipeline_loading_checkpoint", "reduce_bucket_size",
        "reduce_scatter", "round_robin_gradients", "save_muon_momentum_buffer_in_memory", "stage",
        "stage3_allgather_sequential", "stage3_gather_16bit_weights_on_model_save",
        "stage3_gather_fp16_weights_on_model_save", "stage3_max_live_parameters", "stage3_max_reuse_distance",
        "stage3_model_persistence_threshold", "stage3_module_granularity_threshold",
        "stage3_param_persistence_threshold", "stage3_prefetch_bucket_size", "stage3_use_all_reduce_for_fetch_params",
        "sub_group_size", "use_multi_rank_bucket_allreduce", "zenflow", "zero_hpz_partition_size",
        "zero_quantized_gradients", "zero_quantized_nontrainable_weights", "zero_quantized_weights",
    ),
    "zero_optimization.offload_param": (
        "buffer_count", "buffer_size", "device", "max_in_cpu", "nvme_path", "pin_memory",
    ),
    "zero_optimization.offload_optimizer": (
        "buffer_count", "cpuadam_cores_perc", "device", "fast_init", "nvme_path", "pin_memory", "pipeline_read",
        "pipeline_write", "ratio", "super_offload",
    ),
    "bf16": (
        "bf16_master_weights_and_grads", "bf16_optimizer_states", "check_grad_overflow", "enabled",
        "immediate_grad_update",
    ),
    "fp16": (
        "auto_cast", "consecutive_hysteresis", "enabled", "fp16_master_weights_and_grads", "hysteresis",
        "initial_scale_power", "loss_scale", "loss_scale_window", "min_loss_scale",
    ),
}  # fmt: skip
"""Dotted name of a block → its keys."""


def unknown_keys(values: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """The unknown keys of a configuration, with dots, and for each the known keys that may have been meant."""
    for name, known in (("", TOP), *BLOCKS.items()):
        block: Any = values
        for part in name.split(".") if name else ():
            block = block.get(part) if isinstance(block, Mapping) else None
        for key in block if isinstance(block, Mapping) else ():
            if key not in known:
                elsewhere = [f"{other}.{key}" for other, keys in BLOCKS.items() if key in keys]
                yield f"{name}.{key}".lstrip("."), elsewhere or get_close_matches(str(key), known, n=3)
