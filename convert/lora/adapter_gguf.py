"""Writes an adapter as its own GGUF, which llama.cpp applies to a base model at run time (`--lora`).

For a tensor `X` of the base the file holds `X.lora_a` `[rank, in]` and `X.lora_b` `[out, rank]`, and llama.cpp computes
`W x + alpha / rank * lora_b (lora_a x)` with one alpha for the file. PEFT has a separate scale for every layer
(rsLoRA, alpha and rank by pattern), so the difference is multiplied into `lora_b`. Rows of `lora_b` are arranged as the
architecture arranges those of the weight. For an embedding llama.cpp expects both matrices transposed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from gguf.constants import GGMLQuantizationType as GGMLType

from belle.errors import KnownError
from belle.gguf.types import FileType, file_type, row_bytes
from belle.gguf.writer import KeyValue, padded, serialize
from belle.path_guard import check_output
from convert.architectures import Architecture, NamedTensor, architecture_of
from convert.architectures.base import TensorPlacement
from convert.checkpoint.json_file import read_json_object
from convert.lora.adapter import Adapter, Delta, read_adapter
from convert.lora.base_permutation import NO_PERMUTATION, BasePermutation, permutation_of_base
from convert.lora.merge import digests
from convert.metadata import real, text
from convert.output.progress import ProgressCallback
from convert.output.verify import verify
from convert.output.writer import write_gguf
from convert.plan.options import ConvertOptions
from convert.plan.plan import TensorPlan, data_size, exactness_of
from convert.report import ConversionReport, describe
from convert.rows.arrange import ArrayRows
from convert.rows.source import RowSource
from convert.whisper.table import is_whisper

_EMBEDDING = "token_embd.weight"
_LONGEST_CONFIG = 4 << 20


@dataclass(frozen=True)
class AdapterFile:
    """The contents of the file: one alpha, and a pair of tensors for every layer."""

    alpha: float
    tensors: list[NamedTensor]


def convert_adapter(
    source: Path,
    out: Path,
    options: ConvertOptions,
    *,
    write: bool = True,
    progress: ProgressCallback | None = None,
) -> ConversionReport:
    """Write the one adapter of `options` to `out`, for the base at `source`.

    Of the base only config.json is needed, unless it is quantized in act-order (`convert.lora.base_permutation`).

    Raises KnownError: `usage`, `no_config`, `unsupported_adapter`, `adapter_mismatch`, `base_needed`, those of
    `read_adapter`, and of `write_gguf`.
    """
    if len(options.adapters) != 1:
        raise KnownError("usage", "An adapter GGUF holds one adapter.", "Give --lora once with --lora-only.")
    kind = _kind(options.types)
    folder = source if source.is_dir() else source.parent
    config_file = folder / "config.json"
    config = read_json_object(config_file, kind="bad_config", longest=_LONGEST_CONFIG) if config_file.is_file() else {}
    if is_whisper(config):
        raise KnownError(
            "usage",
            "whisper.cpp applies no adapters while it runs, so one cannot be a file of its own.",
            "Merge it: leave out --lora-only.",
        )
    architecture = architecture_of(config)
    choice = options.adapters[0]
    with read_adapter(choice.folder, choice.strength) as adapter:
        inputs = [config_file, *adapter.files]
        if options.report is not None:
            check_output(options.report, inputs)
        contents = arrange(adapter, architecture, config, permutation_of_base(source, config, architecture))
        plans = _plans(contents.tensors, kind.base)
        metadata = _metadata(adapter, architecture, contents.alpha, options)
        n_bytes = len(serialize(metadata, [plan.info for plan in plans])) + data_size(plans)
        if write:
            verifier = partial(verify, plans=plans, threads=options.threads, progress=progress)
            written = write_gguf(
                out,
                metadata,
                plans,
                threads=options.threads,
                progress=progress,
                resume=False,
                inputs=inputs,
                verifier=verifier if options.verify else None,
            )
            file = describe(out, kind.name, plans, n_bytes, written.progress.seconds, proof=written.proof)
        else:
            file = describe(out, kind.name, plans, n_bytes, 0.0)
    return ConversionReport(choice.folder, architecture.name, write, (file,), ())


def arrange(
    adapter: Adapter,
    architecture: Architecture,
    config: Mapping[str, Any],
    permutation: BasePermutation = NO_PERMUTATION,
) -> AdapterFile:
    """The tensors of the adapter under GGUF's names. Raises KnownError (`unsupported_adapter`, `adapter_mismatch`)."""
    places = architecture.places(config)
    # PEFT uses a layer's whole name, the table of an architecture the name without the common prefix.
    names = {name: name if name == architecture.head.source else architecture.prefix + name for name in places}
    saved = [name for name, whole in names.items() if adapter.config.targets.trains_whole(whole.rpartition(".")[0])]
    if whole := [*adapter.replaced, *saved]:
        raise _unsupported(adapter, f"trains {whole[0]} as a whole")
    if any(delta.magnitude is not None for delta in adapter.deltas.values()):
        raise _unsupported(adapter, "is DoRA, which scales whole rows of the base")
    # The most frequent alpha, so that the fewest layers have to be scaled.
    alphas = Counter(_alpha(delta) for delta in adapter.deltas.values() if delta.scale)
    alpha = alphas.most_common(1)[0][0]
    tensors = []
    for layer, delta in adapter.deltas.items():
        short = architecture.short_name(layer + ".weight")
        place = places.get(short)
        if short == architecture.head.source and architecture.is_tied(config):
            raise _unsupported(adapter, "changes the output head of a model whose head is the embedding")
        if place is None:
            raise _mismatch(adapter, architecture, f"it has no layer {layer}")
        if place.shape != delta.shape:
            raise _mismatch(
                adapter, architecture, f"{layer} is {list(delta.shape)} in the adapter, {list(place.shape)} in the base"
            )
        if place.name == _EMBEDDING and architecture.is_tied(config):
            raise _unsupported(adapter, "changes the embedding of a model whose output head is the embedding")
        tensors += _pair(place, permutation.applied(delta, short), alpha)
    return AdapterFile(alpha, tensors)


def _alpha(delta: Delta) -> float:
    """The alpha for which llama.cpp's alpha / rank is the delta's scale."""
    return float(np.float32(delta.scale * delta.rank))


def _pair(place: TensorPlacement, delta: Delta, alpha: float) -> list[NamedTensor]:
    factor = np.float32(_alpha(delta) / alpha)
    b = delta.b if factor == 1 else delta.b * factor
    if place.name == _EMBEDDING:
        first = ArrayRows(f"{delta.layer}.lora_embedding_A", np.ascontiguousarray(b))
        second: RowSource = ArrayRows(f"{delta.layer}.lora_embedding_B", np.ascontiguousarray(delta.a.T))
    else:
        first = ArrayRows(f"{delta.layer}.lora_A", delta.a)
        second = place.arranged(ArrayRows(f"{delta.layer}.lora_B", b))
    return [NamedTensor(f"{place.name}.lora_a", first), NamedTensor(f"{place.name}.lora_b", second)]


def _plans(tensors: Sequence[NamedTensor], kind: GGMLType) -> list[TensorPlan]:
    plans, offset = [], 0
    for tensor in tensors:
        source = tensor.source
        n_bytes = source.n_rows * row_bytes(kind, source.row_length)
        plans.append(TensorPlan(tensor.name, source.shape, source, kind, exactness_of(source, kind), n_bytes, offset))
        offset += padded(n_bytes)
    return plans


def _metadata(adapter: Adapter, architecture: Architecture, alpha: float, options: ConvertOptions) -> list[KeyValue]:
    optional = {
        "general.license": options.license_id,
        "general.source.repo_url": f"https://huggingface.co/{options.repository}" if options.repository else None,
        "chatbelle.lora.base": Path(adapter.config.base).name,
    }
    return [
        text("general.architecture", architecture.name),
        text("general.type", "adapter"),
        text("general.name", options.name or adapter.folder.resolve().name),
        *(text(key, value) for key, value in optional.items() if value),
        text("adapter.type", "lora"),
        real("adapter.lora.alpha", alpha),
        *(text(f"chatbelle.source.sha256.{name}", digest) for name, digest in sorted(digests(adapter).items())),
    ]


def _kind(types: Sequence[str]) -> FileType:
    kinds = [file_type(name) for name in types or ("f32",)]
    if len(kinds) != 1 or kinds[0].base not in (GGMLType.F32, GGMLType.F16):
        raise KnownError("usage", "An adapter is written as f32 or f16.", "Give --type f16, or none for f32.")
    return kinds[0]


def _unsupported(adapter: Adapter, what: str) -> KnownError:
    return KnownError(
        "unsupported_adapter",
        f"The adapter {adapter.folder} {what}; llama.cpp cannot do that on top of a base.",
        "Merge it instead: leave out --lora-only.",
        path=str(adapter.folder),
    )


def _mismatch(adapter: Adapter, architecture: Architecture, what: str) -> KnownError:
    trained_on = f" It was trained on {adapter.config.base}." if adapter.config.base else ""
    return KnownError(
        "adapter_mismatch",
        f"The adapter {adapter.folder} does not belong to this {architecture.title}: {what}.{trained_on}",
        "Give the base model that the adapter was trained on.",
        path=str(adapter.folder),
    )
