"""Checks a GPTQ or AWQ checkpoint's configuration against its data.

Bits, groups and zeros are inferred from the data (`convert.gptq.layout`), since configurations are often missing or
wrong. But shapes alone cannot tell all packings apart, so the configuration must not contradict them: a value that is
not known here is refused by name, and so is one that the data contradict.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from belle.errors import KnownError
from belle.texts import short_repr
from convert.gptq.layout import Module, ZeroEvidence

# The values under which `convert.gptq` reads the codes rightly. Keys that are not listed do not change their meaning.
_KNOWN: Mapping[str, tuple[Any, ...]] = {
    "quant_method": ("gptq", "awq", "auto-round", "intel/auto-round"),
    "method": ("gptq", "awq"),
    "checkpoint_format": ("gptq", "gptq_v2", "gemm"),
    "format": ("gptq", "gptq_v2", "gemm"),
    "version": ("gemm",),
    "packing_format": ("auto_round:auto_gptq", "auto_round:gptqmodel", "auto_round:auto_awq"),
    "pack_dtype": ("int32", "torch.int32"),
    "data_type": ("int",),
    "bits": (2, 3, 4, 8),
    "w_bit": (2, 3, 4, 8),
    "sym": (True, False),
    "desc_act": (True, False),
    "is_marlin_format": (False,),
    "adapter": (),
    "rotation": (),
}
# Keys with exceptions for single layers.
_BY_LAYER = ("dynamic", "extra_config", "pack_config")
_VERSIONS: Mapping[str, Literal[1, 2]] = {"gptq": 1, "gptq_v2": 2}
_BITS, _GROUP_SIZE = ("bits", "w_bit"), ("group_size", "q_group_size")


def stated_quantization(config: Mapping[str, Any], *files: Mapping[str, Any]) -> dict[str, Any]:
    """What config.json and the files beside it say about the quantization, merged.

    Raises KnownError("contradictory_quantization") if two of them differ in a key of `_KNOWN`.
    """
    stated: dict[str, Any] = {}
    # Until 2024 compressed-tensors had a key of its own.
    for source in (config.get("compression_config"), config.get("quantization_config"), *files):
        for key, value in source.items() if isinstance(source, Mapping) else ():
            if key in _KNOWN and stated.get(key) is not None and value is not None and stated[key] != value:
                raise _contradiction(key, f"{short_repr(stated[key])} in one file and {short_repr(value)} in another")
            if value is not None:
                stated[key] = value
    return stated


def check_known(stated: Mapping[str, Any]) -> None:
    """Raise KnownError("unsupported_gptq") for the first value that is not known here."""
    for key, known in _KNOWN.items():
        value = stated.get(key)
        plain = value.lower() if isinstance(value, str) else value
        # By type as well: in Python True equals 1, and 4.0 equals 4.
        if value is not None and not any(plain == one and type(plain) is type(one) for one in known):
            raise KnownError(
                "unsupported_gptq",
                f"The checkpoint's configuration says {key} is {short_repr(value)}, which is not known here.",
                "Its codes may mean something else than they seem to. Convert the model it was made from, or save it "
                "with GPTQModel in the format “gptq”.",
                key=key,
                value=short_repr(value),
            )


def check_modules(stated: Mapping[str, Any], modules: Iterable[Module]) -> None:
    """Raise KnownError("contradictory_quantization") if a layer is not what the configuration says."""
    bits, size = (next((stated[key] for key in keys if key in stated), None) for keys in (_BITS, _GROUP_SIZE))
    method = str(stated.get("quant_method", stated.get("method", ""))).lower()
    exceptions = any(stated.get(key) for key in _BY_LAYER)
    for module in modules:
        if method in ("gptq", "awq") and module.method != method:
            raise _contradiction("quant_method", f"{method}, and {module.name} is stored as {module.method.upper()}")
        if bits is not None and module.bits != bits and not exceptions:
            raise _contradiction("bits", f"{bits}, and {module.name} has {module.bits}")
        if module.has_g_idx or module.n_groups == 1:
            continue
        if stated.get("desc_act") and module.method == "gptq":
            raise _contradiction("desc_act", f"true, and {module.name} does not say the order of its columns (g_idx)")
        if isinstance(size, int) and size != module.group_size and not exceptions:
            raise _contradiction("group_size", f"{size}, and {module.name} has groups of {module.group_size}")


def version_of(stated: Mapping[str, Any], evidence: ZeroEvidence) -> Literal[1, 2]:
    """How the zeros are stored (see `ZeroEvidence`): as stated, or without a statement as the data say.

    Raises KnownError("contradictory_quantization") if the data certainly contradict the statement.
    """
    if stated.get("sym") and evidence.asymmetric and not any(stated.get(key) for key in _BY_LAYER):
        raise _contradiction("sym", f"true, and {evidence.asymmetric} layers have zeros that are not in the middle")
    for key in ("checkpoint_format", "format"):
        claimed = _VERSIONS.get(str(stated.get(key)).lower())
        if claimed is None:
            continue
        if evidence.is_certain and claimed != evidence.version:
            raise _contradiction(
                key, f"{stated[key]}, and by the data the zeros are stored as in version {evidence.version}"
            )
        return claimed
    return evidence.version


def _contradiction(key: str, what: str) -> KnownError:
    return KnownError(
        "contradictory_quantization",
        f"The checkpoint contradicts itself: {key} is {what}.",
        f"If the weights are right, remove {key} from quantization_config in config.json (or quantize_config.json); "
        "if it is right, get the weights again.",
        key=key,
    )
