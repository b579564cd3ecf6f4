"""The proof of a model folder: its files are opened again, as every user of the model will open them.

A model can be right in memory and wrong in its files: a configuration that ties weights that differ, a class without
the head that was trained, a missing tensor.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle.documents import read_json
from belle.engine.llama.memory import available_memory
from belle.errors import KnownError
from belle.pretrained import load_with_report

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def loader_of(model: Any) -> str:
    """The name of transformers' class that loads a model of this kind."""
    name = type(model).__name__
    if name.startswith("Whisper"):
        return "AutoModelForSpeechSeq2Seq"
    if name.endswith("ForConditionalGeneration"):
        return "AutoModelForImageTextToText"
    if name.endswith("ForSequenceClassification"):
        return "AutoModelForSequenceClassification"
    return "AutoModelForCausalLM"


def tie_as_written(model: Any, weights: Mapping[str, Tensor]) -> None:
    """Set `tie_word_embeddings` to false where head and embedding differ.

    A base that ties them may have got a head of its own; transformers 4 would throw it away.

    Args:
        weights: all weights that will be written, by name.
    """
    import torch

    embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
    if embedding is None or head is None or not getattr(model.config, "tie_word_embeddings", False):
        return
    names = {id(parameter): name for name, parameter in model.named_parameters(remove_duplicate=False)}
    first, second = (weights.get(names.get(id(layer.weight), "")) for layer in (embedding, head))
    if first is not None and second is not None and first is not second and not torch.equal(first, second):
        for config in (model.config, model.config.get_text_config()):
            config.tie_word_embeddings = False


def reopen(folder: Path, loader: str, **options: Any) -> Any:
    """The model in `folder`, loaded from its files alone.

    Raises KnownError("export_wrong") when it cannot be opened, or when its class has other weights than its files.
    """
    try:
        model, report = load_with_report(loader, folder.absolute(), ignore_mismatched_sizes=True, **options)
    except (OSError, ValueError, RuntimeError) as error:
        raise _wrong(folder, f"it cannot be opened: {str(error).splitlines()[0]}") from error
    for kind, words in (
        ("missing_keys", "lacks the weights"),
        ("unexpected_keys", "has weights that its class does not know:"),
        ("mismatched_keys", "has weights of another shape:"),
    ):
        if names := sorted(map(str, report.get(kind) or ())):
            raise _wrong(folder, f"it {words} {', '.join(names[:3])}")
    return model


def check_written(folder: Path, model: Any, weights: Mapping[str, Tensor], *, dtype: torch.dtype) -> None:
    """Open the written model and compare it with the one in memory, tensor by tensor.

    Args:
        model: the one in memory; its class and its tied weights are compared.
        weights: by name, as they should be in the file.
        dtype: of the file.

    Raises KnownError("export_wrong").
    """
    import torch

    values = read_json(folder / "config.json")
    named = values.get("architectures")
    if named != [type(model).__name__]:
        raise _wrong(folder, f"its config.json names {named}, and the model is a {type(model).__name__}")
    unique = {tensor.data_ptr(): tensor.nbytes for tensor in weights.values()}
    if sum(unique.values()) > 0.8 * available_memory():
        _check_size(folder, sum(unique.values()))
        return
    fresh = reopen(folder, loader_of(model), dtype="auto")
    state = fresh.state_dict()
    for name in sorted(weights.keys() ^ state.keys()):
        raise _wrong(folder, f"{name} is {'missing' if name in weights else 'unexpected'}")
    for name, tensor in weights.items():
        if state[name].dtype != tensor.dtype or not torch.equal(state[name], tensor.to(state[name].device)):
            raise _wrong(folder, f"{name} is not what was trained")
    _check_config(folder, values, fresh, dtype)


def check_companions(folder: Path, tokenizer: Any, generation: Any) -> None:
    """Compare tokenizer, chat template and generation settings on the disk with those in memory.

    Args:
        tokenizer: the one that belongs to the model.
        generation: transformers' GenerationConfig that was written; None when there is none.

    Raises KnownError("export_wrong").
    """
    from transformers import GenerationConfig

    from belle.training.tokenizer.tokenizer import load_tokenizer

    fresh = load_tokenizer(folder, notice=lambda _: None)
    if fresh.get_vocab() != tokenizer.get_vocab():
        raise _wrong(folder, "its tokenizer has another vocabulary")
    if fresh.chat_template != tokenizer.chat_template:
        raise _wrong(folder, "its chat template is a different one")
    if generation is not None:
        written = GenerationConfig.from_pretrained(str(folder), local_files_only=True)
        for key in ("bos_token_id", "eos_token_id", "pad_token_id"):
            if getattr(written, key) != getattr(generation, key):
                raise _wrong(folder, f"its generation_config.json has another {key}")


def _check_size(folder: Path, expected: int) -> None:
    """The weaker check where the model does not fit into memory twice: every tensor can be read, no byte is missing."""
    from safetensors import safe_open

    n_bytes = 0
    for path in folder.glob("*.safetensors"):
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 - not a mapping
                n_bytes += file.get_tensor(name).nbytes
    if n_bytes < expected:
        raise _wrong(folder, f"its weights have {n_bytes} bytes of {expected}")


def _check_config(folder: Path, values: Mapping[str, Any], fresh: Any, dtype: torch.dtype) -> None:
    """Check the keys of config.json that other programs rely on."""
    text = fresh.config.get_text_config()
    rows = fresh.get_input_embeddings().weight.shape[0]
    if text.vocab_size != rows:
        raise _wrong(folder, f"its config.json says vocab_size {text.vocab_size}, and the embedding has {rows} rows")
    if values.get("dtype") != str(dtype).removeprefix("torch."):
        raise _wrong(folder, f"its config.json says dtype {values.get('dtype')}, and the weights are {dtype}")
    head, embedding = fresh.get_output_embeddings(), fresh.get_input_embeddings()
    if head is not None and text.tie_word_embeddings and not (head.weight == embedding.weight).all():
        raise _wrong(folder, "its config.json says tie_word_embeddings, and head and embedding differ")


def _wrong(folder: Path, what: str) -> KnownError:
    return KnownError(
        "export_wrong",
        f"The model written to {folder.name} is not the one in memory: {what}.",
        "Nothing was kept. Take the versions of transformers and safetensors in constraints.txt.",
        path=str(folder),
    )
