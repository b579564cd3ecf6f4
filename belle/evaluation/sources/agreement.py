"""Compares the logits of a checkpoint in transformers with those of its GGUF in llama.cpp, on the same tokens.

The last proof of a conversion. Comparing weights shows that they are complete; only running both models shows that
llama.cpp interprets the metadata, the order of rows and the positions as transformers does. torch is imported only when
this is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle.errors import KnownError
from belle.evaluation.sources.transformers import Weight, check_installed, check_memory, explained_failures, quiet
from belle.pretrained import load_adapter, load_config, load_pretrained, untie_head

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from belle.engine.llama.evaluator import Evaluator

PROMPTS = (
    "Human: 请用三句话解释为什么天空是蓝色的，并举一个生活中的例子。\n\nAssistant: 天空之所以看起来是蓝色的，",
    "The committee met on Tuesday to decide whether the old bridge should be repaired or replaced, and after two hours",
    "def median(values: list[float]) -> float:\n    ordered = sorted(values)\n    middle = len(ordered) // 2\n",
    "问：小明有 12 个苹果，给了小红 5 个，又买了 8 个，现在有几个？\n答：12 - 5 + 8 = 15，所以",
    "Translate into Chinese: “The weather in Beijing is dry in winter.” 翻译：北京的冬天",
    'SELECT name, COUNT(*) FROM 用户 WHERE city = "上海" GROUP BY name ORDER BY',
)
"""Chinese, English and code, mixed, as BELLE's users write."""

LONGEST = 48
"""Tokens taken of each prompt."""

_LARGER = "Compare logits on a larger machine; the weights have been compared."
_COMPARED = "The weights have been compared all the same."


@dataclass(frozen=True, slots=True)
class ReferenceSample:
    """A prompt in the reference: its token ids, and the logits after each of them, `[n_tokens, n_vocab]` float32."""

    ids: list[int]
    logits: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Agreement:
    """How alike two models are on some tokens.

    Attributes:
        n_tokens: positions compared.
        largest_difference: between two logits.
        mean_kl, largest_kl: Kullback-Leibler divergence of the file's next-token distribution from the reference's,
            in nats per token.
        same_top: share of positions at which both expect the same token most.
    """

    n_tokens: int
    largest_difference: float
    mean_kl: float
    largest_kl: float
    same_top: float


def reference_samples(
    folder: Path,
    adapters: Sequence[tuple[Path, float]] = (),
    *,
    weights: Mapping[str, Weight] | None = None,
    prompts: Sequence[str] = PROMPTS,
) -> list[ReferenceSample]:
    """Run the checkpoint in `folder` with transformers, in float32 on the processor.

    Args:
        folder: as transformers loads it.
        adapters: PEFT folders to merge, each with what its own scaling is multiplied by.
        weights: tensors by their names in the checkpoint, in place of those that transformers would read: for GPTQ
            layouts that it cannot. Its own are then the architecture and the tokenizer.
        prompts: the texts.

    Raises KnownError: "not_installed", "too_big_for_memory", "reference_failed" with the reason in transformers' words.
    """
    check_installed()
    import torch
    import transformers

    check_memory(folder, weights, _LARGER)
    with quiet(transformers), explained_failures(folder, _COMPARED):
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
        if weights is None:
            model = load_pretrained("AutoModelForCausalLM", folder, dtype=torch.float32)
        else:
            model = filled(folder, weights)
        model.eval()
        for path, strength in adapters:
            model = merged(model, path, strength)
        samples = []
        for prompt in prompts:
            ids = tokenizer(prompt).input_ids[:LONGEST]
            with torch.inference_mode():
                logits = model(torch.tensor([ids])).logits[0].float().numpy()
            samples.append(ReferenceSample([int(i) for i in ids], logits))
        return samples


def agreement(gguf: Path, samples: Sequence[ReferenceSample], *, threads: int = 2) -> Agreement:
    """Run `gguf` in llama.cpp on the tokens of `samples` and compare.

    Raises KnownError: "other_vocabulary", and when llama.cpp cannot load or run it.
    """
    with _evaluator(gguf, threads) as evaluator:
        return agreement_of(gguf, ((sample, _logits(evaluator, sample.ids)) for sample in samples))


def agreement_of(file: Path, results: Iterable[tuple[ReferenceSample, NDArray[np.float32]]]) -> Agreement:
    """Compare each sample with the logits that `file` gave for its tokens, of the same shape.

    Raises KnownError("other_vocabulary").
    """
    import numpy as np

    largest, kls, same = 0.0, [], 0
    for sample, own in results:
        if own.shape != sample.logits.shape:
            raise KnownError(
                "other_vocabulary",
                f"{file.name} has {own.shape[1]} tokens, the checkpoint {sample.logits.shape[1]}.",
                "It was not made from this checkpoint.",
                path=str(file),
            )
        largest = max(largest, float(np.abs(own - sample.logits).max()))
        expected, given = _log_softmax(sample.logits), _log_softmax(own)
        kls.append((np.exp(expected) * (expected - given)).sum(axis=-1))
        same += int((own.argmax(axis=-1) == sample.logits.argmax(axis=-1)).sum())
    kl = np.maximum(np.concatenate(kls), 0.0)  # D(p ‖ q) ≥ 0: what is below is rounding
    return Agreement(kl.size, largest, float(kl.mean()), float(kl.max()), same / kl.size)


def _evaluator(path: Path, threads: int) -> Evaluator:
    """Load a GGUF, with a KV cache in float32, so that nothing is rounded that transformers does not round."""
    from belle.engine.llama.evaluator import ContextOptions, Evaluator

    evaluator = Evaluator.load(path)
    evaluator.open(ContextOptions(n_ctx=LONGEST, n_batch=LONGEST, threads=threads, float32_cache=True))
    return evaluator


def _logits(evaluator: Evaluator, ids: Sequence[int]) -> NDArray[np.float32]:
    """The logits after each of `ids`, `[n_tokens, n_vocab]`, valid until the next call."""
    evaluator.clear()
    evaluator.decode(ids, 0, outputs=len(ids))
    return evaluator.logits()


def _log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    import numpy as np

    wide = logits.astype(np.float64)
    wide -= wide.max(axis=-1, keepdims=True)
    result: NDArray[np.float64] = wide - np.log(np.exp(wide).sum(axis=-1, keepdims=True))
    return result


def merged(model: Any, path: Path, strength: float) -> Any:
    """`model` with the adapter of `path` merged, its own scaling multiplied by `strength`. Raises KnownError."""
    try:
        from peft.tuners.lora import LoraLayer
    except ImportError as error:
        raise KnownError(
            "not_installed",
            "Running the checkpoint with an adapter needs peft, which is not installed.",
            "Install it: pip install 'chatbelle[train]'.",
            package="peft",
        ) from error
    adapted = load_adapter(model, path)
    for module in adapted.modules():
        if isinstance(module, LoraLayer):
            module.scale_layer(strength)
    untie_head(adapted)
    return adapted.merge_and_unload()


def filled(folder: Path, weights: Mapping[str, Weight], loader: str = "AutoModelForCausalLM") -> Any:
    """A model of transformers' class `loader` with these weights. Raises KnownError("reference_failed") without one."""
    import torch
    import transformers

    config = load_config(folder)
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    if any(name.endswith("lm_head.weight") for name in weights):
        config.tie_word_embeddings = False
    model = getattr(transformers, loader).from_config(config, dtype=torch.float32)
    tied = set(model.all_tied_weights_keys)
    for name, parameter in model.named_parameters():
        matching = [weight for given, weight in weights.items() if given == name or name.endswith("." + given)]
        if len(matching) == 1:
            values = matching[0].float_rows(0, matching[0].n_rows).reshape(matching[0].shape)
            with torch.no_grad():
                parameter.copy_(torch.from_numpy(values))
        elif name not in tied:
            raise KnownError(
                "reference_failed", f"The checkpoint in {folder} has no {name}, which transformers needs.", ""
            )
    model.tie_weights()
    return model
