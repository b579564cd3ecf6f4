"""Describes a checkpoint and whether it can be converted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from belle.errors import KnownError
from convert.architectures import Dimensions, architecture_of
from convert.architectures.config_keys import check_keys
from convert.checkpoint import Checkpoint, open_checkpoint
from convert.checkpoint.tensor import CheckpointTensor
from convert.compressed import is_companion, is_compressed, stored_layers
from convert.gptq.blocks import RUN
from convert.gptq.checkpoint_view import is_quantized
from convert.gptq.layout import Module, find_modules
from convert.gptq.stated_config import check_known, check_modules
from convert.inspection.description import Description, TensorRow, TokenizerFacts, shares, template_facts
from convert.inspection.whisper import describe_whisper_checkpoint
from convert.metadata import read_model_card
from convert.quantized_formats import read_stated, refuse_by_tensors
from convert.tokenizers import Tokenizer, read_tokenizer
from convert.vision.halves import language_model
from convert.whisper.table import is_whisper

_EMBEDDINGS = ("embed_tokens.weight", "word_embeddings.weight", "wte.weight", "tok_embeddings.weight")
_MOST_TOKENS = 5_000_000


def describe_checkpoint(path: Path) -> Description:
    """Describe the checkpoint at `path`. Errors that prevent its conversion become notes.

    Raises KnownError if it cannot be opened.
    """
    with open_checkpoint(path) as checkpoint:
        if is_whisper(checkpoint.config):
            return describe_whisper_checkpoint(path, checkpoint)
        notes: list[str] = []
        tensors = tuple(
            TensorRow(t.name, tuple(t.shape), t.raw_dtype.upper(), t.n_bytes) for t in checkpoint.tensors.values()
        )
        name, sizes = _architecture(checkpoint, notes)
        modules = _modules(checkpoint, notes)
        compressed = _compressed(checkpoint, notes)
        tokenizer = _tokenizer(checkpoint, notes)
        facts = _tokenizer_facts(tokenizer) if tokenizer else None
        special = facts.special if facts else {}
        bos, eos = (special.get(kind, (0, ""))[1] for kind in ("bos", "eos"))
        source = tokenizer.chat_templates.get("default", "") if tokenizer else ""
        card = read_model_card(checkpoint.folder)
        return Description(
            path=str(path),
            kind="checkpoint",
            architecture=name,
            title=next(iter(card.get("model_name", [])), checkpoint.folder.resolve().name),
            quantization=_quantization(modules, checkpoint, notes) or _stored(compressed),
            n_weights=_n_weights(tensors, modules) if not compressed else _n_compressed(tensors, compressed),
            n_bytes=sum(file.stat().st_size for file in checkpoint.files),
            n_files=len(checkpoint.files),
            tensors=tensors,
            types=shares(tensors),
            sizes=_sizes(sizes),
            context_length=sizes.n_ctx if sizes else 0,
            tokenizer=facts,
            template=template_facts(source, bos=bos, eos=eos),
            license=", ".join(card.get("license", [])),
            base=", ".join(card.get("base_model", [])),
            facts={"files": [file.name for file in checkpoint.files]},
            notes=tuple(dict.fromkeys(notes)),
        )


def _architecture(checkpoint: Checkpoint, notes: list[str]) -> tuple[str, Dimensions | None]:
    try:
        checkpoint = language_model(checkpoint)
        architecture = architecture_of(checkpoint.config)
        sizes = architecture.dimensions(checkpoint.config)
    except KnownError as error:
        notes.append(error.message)
        return str(checkpoint.config.get("model_type") or ""), None
    try:
        architecture.metadata(checkpoint.config, notes)
        check_keys(checkpoint.config, architecture.heard, architecture.title, notes)
    except KnownError as error:
        notes.append(error.message)
    return architecture.name, sizes


def _modules(checkpoint: Checkpoint, notes: list[str]) -> list[Module]:
    try:
        refuse_by_tensors(checkpoint.tensors)
    except KnownError as error:
        notes.append(error.message)
    if not is_quantized(checkpoint.tensors):
        return []
    try:
        stated = read_stated(checkpoint)
        modules = find_modules(checkpoint.tensors, stated)
        check_known(stated)
        check_modules(stated, modules)
        return modules
    except KnownError as error:
        notes.append(error.message)
        return []


def _quantization(modules: list[Module], checkpoint: Checkpoint, notes: list[str]) -> str:
    """Such as `GPTQ 4-bit, group 128, in act-order (224 layers)`, the most frequent first."""
    try:
        kinds = Counter(
            f"{m.method.upper()} {m.bits}-bit, group {m.group_size if m.n_groups > 1 else 'of the whole row'}"
            f"{', in act-order' if m.has_g_idx and _act_order(checkpoint.tensors[m.name + '.g_idx']) else ''}"
            for m in modules
        )
    except KnownError as error:
        notes.append(error.message)
        return modules[0].method.upper()
    return "; ".join(f"{words} ({count} layers)" for words, count in kinds.most_common(4))


def _compressed(checkpoint: Checkpoint, notes: list[str]) -> dict[str, tuple[str, int]]:
    if not is_compressed(checkpoint.tensors):
        return {}
    try:
        return stored_layers(checkpoint.tensors)
    except KnownError as error:
        notes.append(error.message)
        return {}


def _stored(layers: Mapping[str, tuple[str, int]]) -> str:
    """Such as `FP8 (224 layers)`."""
    kinds = Counter(words for words, _ in layers.values())
    return "; ".join(f"{words} ({count} layers)" for words, count in kinds.most_common(4))


def _n_compressed(tensors: tuple[TensorRow, ...], layers: Mapping[str, tuple[str, int]]) -> int:
    own = {f"{layer}.{part}" for layer in layers for part in ("weight", "weight_packed")}
    rest = (tensor for tensor in tensors if tensor.name not in own and not is_companion(tensor.name, layers))
    return sum(tensor.n_weights for tensor in rest) + sum(count for _, count in layers.values())


def _act_order(g_idx: CheckpointTensor) -> bool:
    """Whether columns of a block of 32 belong to different groups, so that codes cannot be moved as they are."""
    groups = np.asarray(g_idx.array())
    whole = groups[: len(groups) // RUN * RUN].reshape(-1, RUN)
    return bool((whole != whole[:, :1]).any())


def _n_weights(tensors: tuple[TensorRow, ...], modules: list[Module]) -> int:
    """The number of weights: of packed layers that of the codes, not of the words that hold them."""
    layers = {module.name for module in modules}
    plain = sum(
        tensor.n_weights
        for tensor in tensors
        if tensor.name.rpartition(".")[0] not in layers or tensor.name.endswith(".bias")
    )
    return plain + sum(module.shape[0] * module.shape[1] for module in modules)


def _tokenizer(checkpoint: Checkpoint, notes: list[str]) -> Tokenizer | None:
    """The tokenizer, with as many tokens as the embedding has rows (config.json may be wrong)."""
    n_embeddings = next((t.shape[0] for n, t in checkpoint.tensors.items() if n.endswith(_EMBEDDINGS) and t.shape), 0)
    if not 0 < n_embeddings <= _MOST_TOKENS:
        return None
    try:
        return read_tokenizer(checkpoint, n_embeddings)
    except KnownError as error:
        notes.append(error.message)
        return None


def _tokenizer_facts(tokenizer: Tokenizer) -> TokenizerFacts:
    special = {kind: (index, tokenizer.tokens[index]) for kind, index in tokenizer.special_ids.items()}
    adds_bos = tokenizer.flags.get("add_bos_token")
    return TokenizerFacts(tokenizer.model, tokenizer.pre, len(tokenizer.tokens), special, adds_bos)


def _sizes(sizes: Dimensions | None) -> dict[str, int]:
    if sizes is None:
        return {}
    return {
        "layers": sizes.n_layer,
        "width": sizes.n_embd,
        "feed-forward width": sizes.n_ff,
        "heads": sizes.n_head,
        "key/value heads": sizes.n_head_kv,
        "head width": sizes.head_dim,
        "vocabulary": sizes.n_vocab,
    }
