"""The memory that a training run needs on each GPU, by formula.

Model states are those of ZeRO (Rajbhandari et al. 2020, “ZeRO: Memory Optimizations Toward Training Trillion Parameter
Models”, § 3.1 and figure 1): with Adam in mixed precision 2 bytes per parameter for weights, 2 for gradients and 12 for
the optimizer's fp32 weights and two moments; stage 1 spreads the optimizer over N processes, stage 2 the gradients too,
stage 3 the weights too.

Activations are what transformers' LLaMA keeps for the backward pass with sdpa or flash attention, which do not keep
attention scores. They were counted in torch's graph, per token and layer; a test compares the formula with the graph.
(Korthikanti et al. 2022, “Reducing Activation Recomputation in Large Transformer Models”, § 4, count the same for GPT.)
"""

from __future__ import annotations

from dataclasses import dataclass

from belle.training.estimate.shape import ModelShape

# QLoRA (Dettmers et al. 2023), § 3: four bits, and 0.127 for the constants, which are quantized too. int8: eight bits
# and one fp32 scale per row.
_QUANTIZED_BYTES = {"nf4": (4 + 0.127) / 8, "int8": 1.0}
# fp32 logits of a chunk, their softmax and its gradient (belle.training.model.loss).
_LOSS_BYTES = 3 << 28
# DeepSpeed's defaults: a bucket of 5e8 numbers to reduce gradients, twice when communication overlaps.
_BUCKET_NUMBERS = 500_000_000


@dataclass(frozen=True)
class Layout:
    """How the model states are spread over processes.

    Args:
        stage: of ZeRO; 0: every process has all of them (no DeepSpeed).
        processes: number of processes that share them.
        offload_optimizer, offload_weights: whether they are kept in the machine's memory.
    """

    stage: int
    processes: int
    offload_optimizer: bool = False
    offload_weights: bool = False

    @property
    def name(self) -> str:
        """In words."""
        if self.stage == 0:
            return "no DeepSpeed"
        moved = [word for word, on in (("optimizer", self.offload_optimizer), ("weights", self.offload_weights)) if on]
        return f"ZeRO-{self.stage}" + (f", {' and '.join(moved)} offloaded" if moved else "")


@dataclass(frozen=True)
class Memory:
    """Bytes per process on its device; `offloaded` is in the machine's memory.

    Args:
        buffers: of gradients that are exchanged (ZeRO-2 and 3) and of layers that are gathered (ZeRO-3).
    """

    weights: float
    gradients: float
    optimizer: float
    buffers: float
    activations: float
    offloaded: float = 0.0

    @property
    def states(self) -> float:
        """The part that does not depend on the batch: the least that is needed."""
        return self.weights + self.gradients + self.optimizer

    @property
    def total(self) -> float:
        """On the device."""
        return self.states + self.buffers + self.activations


def memory(
    shape: ModelShape, layout: Layout, *, precision: str, quantization: str | None, tokens: int, checkpointing: bool
) -> Memory:
    """The memory that one process needs.

    Args:
        precision: `bf16`, `fp16` or `fp32`.
        quantization: `nf4`, `int8` or None, of the frozen weights.
        tokens: of a micro-batch, with its padding.
        checkpointing: activations are computed again in the backward pass.
    """
    half = precision != "fp32"
    small = 2.0 if half else 4.0
    whole, n = layout.stage == 0, layout.processes
    loose = shape.frozen - shape.quantized
    frozen = loose * small + shape.quantized * _QUANTIZED_BYTES.get(quantization or "", small)
    if whole:
        # Trained weights stay fp32; autocast keeps a copy in 16 bits during a forward pass: 4 + 2 bytes. Adam's two
        # moments are fp32: 8 bytes.
        weights = shape.trained * (6.0 if half else 4.0) + frozen
        gradients, optimizer = shape.trained * 4.0, shape.trained * 8.0
    else:
        # The optimizer has fp32 weights of its own beside its moments: 4 + 8 bytes.
        weights = shape.trained * small + frozen
        gradients, optimizer = shape.trained * small, shape.trained * 12.0
    buffers = offloaded = 0.0
    if layout.stage >= 1:
        optimizer /= n
    if layout.stage >= 2:
        gradients /= n
        buffers += min(_BUCKET_NUMBERS, shape.trained) * small
    if layout.stage >= 3:
        # A layer is gathered for its computation, and the next one is gathered ahead.
        weights /= n
        buffers += 2 * shape.largest_layer * small
    if layout.offload_optimizer:
        # The gradients follow the optimizer where they are spread.
        offloaded += optimizer + (gradients if layout.stage >= 2 else 0.0)
        optimizer, gradients = 0.0, 0.0 if layout.stage >= 2 else gradients
    if layout.offload_weights:
        offloaded += weights
        weights = 0.0
    activation_bytes = activations(
        shape, tokens, half=half, weights_half=half and not whole, checkpointing=checkpointing
    )
    return Memory(weights, gradients, optimizer, buffers, activation_bytes, offloaded)


def activations(shape: ModelShape, tokens: int, *, half: bool, weights_half: bool, checkpointing: bool) -> float:
    """Bytes that are kept between the forward and the backward pass of a micro-batch, and bytes for its loss.

    Args:
        half: matrices are multiplied in 16 bits.
        weights_half: the model itself has 16 bits (DeepSpeed, LoRA), and so have the hidden states between layers.
    """
    layer = tokens * layer_bytes(shape, half=half, weights_half=weights_half or shape.trained < shape.total / 2)
    loss = min(_LOSS_BYTES, 12.0 * tokens * shape.vocabulary)
    if shape.trained > shape.total / 2:
        loss += 4.0 * shape.vocabulary * shape.hidden  # the gradient of the head is summed up in fp32
    if not checkpointing:
        return shape.layers * layer + loss
    # Only the hidden states between layers are kept; inside one layer at a time everything is computed again.
    boundary = tokens * shape.hidden * (2 if half and weights_half else 4)
    return shape.layers * boundary + layer + loss


def layer_bytes(shape: ModelShape, *, half: bool, weights_half: bool) -> int:
    """Bytes that a layer of LLaMA keeps for each token, counted in torch's graph (transformers 5, sdpa)."""
    h, kv, i = shape.hidden, shape.key_value, shape.intermediate
    if not half:
        return 32 * h + 8 * kv + 16 * i + 24
    return (20 if weights_half else 30) * h + 4 * kv + 8 * i + 24
