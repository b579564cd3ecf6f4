"""A checkpoint's statements about its quantization, and the formats that are not read, with advice for each.

A format is recognized by `quant_method`, which its tool writes into the configuration, and by tensors that only it has.
The tensors decide: configurations get lost, and are left behind when weights are dequantized.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from belle.errors import KnownError
from belle.texts import short_repr
from convert.checkpoint.checkpoint import QUANTIZATION_NAMES, Checkpoint
from convert.checkpoint.json_file import read_json_object
from convert.gptq.stated_config import stated_quantization

_LONGEST = 1 << 20

# What `convert.gptq` and `convert.compressed` read, or refuse themselves.
_READ = ("gptq", "awq", "auto-round", "intel/auto-round", "fp8", "fbgemm_fp8", "compressed-tensors")
_ORIGINAL = "Convert the model it was made from."
_DEQUANTIZED = f"{_ORIGINAL} Or load it in transformers, call model.dequantize(), save it, and convert that."


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A format that is recognized but not read.

    Args:
        name: for messages.
        methods: values of `quant_method` (or `quant_algo`), in lower case.
        tensors: ends of tensor names, including the dot, that no other format has.
        advice: what to do instead.
    """

    name: str
    methods: tuple[str, ...]
    tensors: tuple[str, ...] = ()
    advice: str = _ORIGINAL


FORMATS = (
    Unreadable("bitsandbytes", ("bitsandbytes",), (".absmax", ".quant_map", ".SCB", ".weight_format"), _DEQUANTIZED),
    Unreadable("MLX", ("mlx",), (), f"{_ORIGINAL} Or dequantize it with: mlx_lm.convert --hf-path MODEL --dequantize"),
    Unreadable("NVFP4 (ModelOpt)", ("modelopt", "nvfp4", "modelopt_fp4"), (".weight_scale_2", ".weight_global_scale")),
    Unreadable("MXFP4", ("mxfp4", "mxfp8", "gpt-oss"), ("_proj_blocks", ".weight_blocks"), _DEQUANTIZED),
    Unreadable("EXL2", ("exl2",), (".q_weight", ".q_invperm", ".q_scale_max")),
    Unreadable("EXL3", ("exl3",), (".trellis", ".suh", ".svh")),
    Unreadable("HQQ", ("hqq",), (".W_q",), _DEQUANTIZED),
    Unreadable("Marlin", ("marlin", "gptq_marlin", "awq_marlin"), (".B",)),
    Unreadable("QQQ", ("qqq",), (".s_channel", ".s_group")),
    Unreadable("AQLM", ("aqlm",), (".codebooks",)),
    Unreadable("VPTQ", ("vptq",), (".centroids", ".res_centroids")),
    Unreadable("QuIP#", ("quip", "quip#"), (".Qidxs",)),
    Unreadable("QTIP", ("qtip",), (".tlut",)),
    Unreadable("HIGGS", ("higgs",), (".tables2",), _DEQUANTIZED),
    Unreadable("SpQR", ("spqr",), (".dense_weights", ".in_perm")),
    Unreadable("EETQ", ("eetq",), (".weight_scales",)),
    Unreadable("Quanto", ("quanto",), (".weight._data", ".weight._scale")),
    Unreadable("torchao", ("torchao",), (".weight_qdata",)),
    Unreadable("BitNet", ("bitnet",)),
    Unreadable("Quark", ("quark",)),
    Unreadable("FP-Quant", ("fp_quant",), (".dqweight",)),
    Unreadable("BitBLAS", ("bitblas",)),
    Unreadable("ParoQuant", ("paroquant",), (".theta",)),
    Unreadable("SINQ", ("sinq",)),
    Unreadable("a GGUF inside", ("gguf",), (), "Use the GGUF file as it is."),
)

# Errors of names, shapes and types that such a format makes different from what an architecture expects.
_KINDS = ("missing_tensor", "unknown_tensor", "wrong_shape", "not_a_weight", "unsupported_dtype")


def read_stated(checkpoint: Checkpoint) -> dict[str, Any]:
    """Everything that config.json and the files beside it say about the quantization, merged; {} if nothing.

    Raises KnownError: "contradictory_quantization" if they differ, "bad_config" for a damaged file.
    """
    files = [
        read_json_object(checkpoint.tokenizer_files[name], kind="bad_config", longest=_LONGEST)
        for name in QUANTIZATION_NAMES
        if name in checkpoint.tokenizer_files
    ]
    inner = [file["quantization"] for file in files if isinstance(file.get("quantization"), Mapping)]
    return stated_quantization(checkpoint.config, *files, *inner)


def left_behind(config: Mapping[str, Any], stated: Mapping[str, Any]) -> list[str]:
    """A sentence for the report, if a checkpoint of plain floats has a configuration that says it is quantized."""
    method = _method(config, stated)
    if method is None:
        return []
    return [f"The configuration says that the weights are quantized ({method}), but they are not; this was ignored."]


def refuse_by_tensors(tensors: Iterable[str]) -> None:
    """Raise KnownError("unsupported_quantization") if the names are those of a format that is not read."""
    names = list(tensors)
    for one in FORMATS:
        example = next((name for name in names if name.endswith(one.tensors)), None) if one.tensors else None
        if example is not None:
            raise _unsupported(one.name, example, one.advice)
    # MLX has no name that no other format has, but no other format has both of these.
    biased = {name.removesuffix(".biases") for name in names if name.endswith(".biases")}
    scales = next((name for name in names if name.endswith(".scales") and name.removesuffix(".scales") in biased), None)
    if scales is not None:
        mlx = next(one for one in FORMATS if one.name == "MLX")
        raise _unsupported(mlx.name, scales, mlx.advice)


def named_by_config(error: KnownError, config: Mapping[str, Any], stated: Mapping[str, Any]) -> KnownError:
    """`error`, or a refusal of the quantization that the configuration names, if that explains it.

    Args:
        error: of arranging the checkpoint's tensors.
        config: config.json.
        stated: as `read_stated` returns it.
    """
    method = _method(config, stated)
    if error.kind not in _KINDS or method is None or method in _READ:
        return error
    one = next((one for one in FORMATS if method in one.methods), None)
    if one is None:
        return _unsupported(short_repr(method), str(error.details.get("name", "")), _ORIGINAL)
    return _unsupported(one.name, "", one.advice)


def _method(config: Mapping[str, Any], stated: Mapping[str, Any]) -> str | None:
    for key in ("quant_method", "quant_algo", "quant_type"):
        if isinstance(stated.get(key), str):
            return str(stated[key]).lower()
    if stated.get("load_in_4bit") or stated.get("load_in_8bit"):
        return "bitsandbytes"
    # mlx_lm writes a key of its own, "quantization", beside the usual one.
    return "mlx" if isinstance(config.get("quantization"), Mapping) else None


def _unsupported(name: str, tensor: str, advice: str) -> KnownError:
    evidence = f" (it has the tensor {tensor})" if tensor else ""
    return KnownError(
        "unsupported_quantization",
        f"The checkpoint is quantized in the format {name}{evidence}, which is not read.",
        advice,
        format=name,
    )
