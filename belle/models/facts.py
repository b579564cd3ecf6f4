"""What the catalogue knows of a model: its shape and the memory that follows from it, its sampling, its hearing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

_BITS_PER_WEIGHT = {4: 4.8, 8: 8.5}
_OUTPUT_BITS_PER_WEIGHT = {4: 6.5625, 8: 8.5}
# GPTQ codes moved as they are: 4 bits with zero points take Q5_0, 8 bits Q8_0; embeddings become Q8_0.
_MOVED_BITS_PER_WEIGHT = {4: 5.5, 8: 8.5}
_MOVED_OUTPUT_BITS_PER_WEIGHT = 8.5


@dataclass(frozen=True, slots=True)
class SamplingDefaults:
    """The sampling that the model's card recommends; the field names are those of the engine's `Sampling`."""

    temperature: float
    top_k: int
    top_p: float
    min_p: float
    repeat_penalty: float


@dataclass(frozen=True, slots=True)
class ModelDimensions:
    """The numbers that decide how much memory a model takes.

    Args:
        parameters: number of all weights.
        output: number of weights of the output matrix (of the embedding, where the two are tied).
        kv_width: length of the keys (and of the values) of one token in one layer.
        width, feed_forward, heads, vocabulary: as in the model's configuration.
        tied: whether the output matrix is the embedding.
    """

    architecture: str
    parameters: int
    output: int
    layers: int
    kv_width: int
    width: int
    feed_forward: int
    heads: int
    vocabulary: int
    tied: bool = False

    @property
    def kv_elements_per_token(self) -> int:
        """Values in the KV cache of one token: keys and values, each `kv_width` long, in every layer."""
        return 2 * self.layers * self.kv_width

    def weight_bytes(self, bits: int) -> int:
        """Bytes of the weights in a GGUF of 4 or 8 bits.

        4 bits mean Q4_K_M: about 4.8 bits per weight, 6.5625 (Q6_K) for the output matrix; for LLaMA-7B this gives
        4.07 GB, and the published file has 4.08. 8 bits mean Q8_0: 8.5 bits.
        """
        inner = (self.parameters - self.output) * _BITS_PER_WEIGHT[bits]
        return round((inner + self.output * _OUTPUT_BITS_PER_WEIGHT[bits]) / 8)

    def moved_bytes(self, bits: int) -> int:
        """Bytes of the weights, at most, in a GGUF with the exact codes of a GPTQ checkpoint of 4 or 8 bits."""
        inner = (self.parameters - self.output) * _MOVED_BITS_PER_WEIGHT[bits]
        return round((inner + self.output * _MOVED_OUTPUT_BITS_PER_WEIGHT) / 8)


@dataclass(frozen=True, slots=True)
class SpeechDetails:
    """What is known of a model that writes down speech.

    Args:
        parameters: number of all weights.
        type: file type that it is converted to unless another one is asked for.
        bytes: of the file of that type.
        character_errors: per cent of wrong characters by test set, as published; empty where nothing is.
    """

    parameters: int
    type: str
    bytes: int
    character_errors: Mapping[str, float] = field(default_factory=dict)
