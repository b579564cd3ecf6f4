"""The language-model loss without the logits of the whole batch.

With a vocabulary of 250,880 tokens (BLOOM), the logits of 2,048 positions take 2 GB in fp32, and so do their softmax
and its gradient: more than the rest of a small model's training. Here the head is applied to a few positions at a time,
and only where a token is trained. What the backward pass needs is either computed in the forward pass (the sum of a
loss: its gradient is known up to a factor) or computed again (one log-probability per token: DPO, PPO).

The softmax, the sums and the gradient of the head's weight are in fp32, whatever the model computes in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from belle.prompts.encoding import UNTRAINED

_CHUNK_BYTES = {"cpu": 1 << 26, "cuda": 1 << 28}
"""Bytes of the fp32 logits of a chunk. A GPU needs more positions at once to be busy."""


def causal_loss_sum(hidden: Tensor, head: Any, labels: Tensor, *, chunk: int | None = None) -> tuple[Tensor, int]:
    """The sum of the negative log-likelihoods of the trained tokens, and the number of these tokens.

    Args:
        hidden: the model's last hidden states `[batch, length, hidden_size]`, any floating type.
        head: the module that computes logits from them; of a plain `torch.nn.Linear` only the weights are used.
        labels: `[batch, length]`, token ids as in the input (the shift happens here), -100 where nothing is trained.
        chunk: positions at a time; None: as many as `_CHUNK_BYTES` allows.

    Returns the sum, a scalar in fp32, and the count.
    """
    where, targets = trained_positions(labels)
    states = hidden.reshape(-1, hidden.shape[-1]).index_select(0, where)  # [positions, hidden_size]
    if _head_dtype(states, head) == torch.float16 or not _is_plain_linear(head):
        # In fp16 the loss scale must be applied before the gradients are computed, or small ones become 0.
        return -selected_log_probs(states, head, targets, chunk=chunk).sum(), len(targets)
    size = chunk or _chunk_positions(head.out_features, states.device)
    total = _LossSum.apply(states, head.weight, head.bias, targets, size, torch.is_grad_enabled())
    return total, len(targets)


def selected_log_probs(
    states: Tensor, head: Any, targets: Tensor, *, temperature: float = 1.0, chunk: int | None = None
) -> Tensor:
    """The log-probability of each target, in fp32 `[positions]`; differentiable.

    Args:
        states: hidden states `[positions, hidden_size]`.
        head: as in `causal_loss_sum`. Any other module (LoRA on the head, quantized or partitioned weights) is called
            for a chunk at a time, and again in the backward pass.
        targets: the token that follows each position `[positions]`.
        temperature: the logits are divided by it.
        chunk: as in `causal_loss_sum`.
    """
    if _is_plain_linear(head) and (head.bias is None or temperature == 1):
        size = chunk or _chunk_positions(head.out_features, states.device)
        states = states if temperature == 1 else states / temperature  # W(h / T) = (W h) / T, without a bias
        result: Tensor = _LogProbs.apply(states, head.weight, head.bias, targets, size)
        return result

    def log_probs(chunk_states: Tensor, chunk_targets: Tensor) -> Tensor:
        return _gather_log_probs(head(chunk_states), chunk_targets, temperature)

    # A head that does not state the size of its vocabulary gets chunks for a large one.
    size = chunk or _chunk_positions(getattr(head, "out_features", 1 << 18), states.device)
    return _in_chunks(log_probs, states, targets, size)


def trained_positions(labels: Tensor) -> tuple[Tensor, Tensor]:
    """The positions that predict trained tokens (indices into the flattened `labels`), and these tokens `[positions]`.

    The token itself is at the next position.
    """
    following = labels[:, 1:].reshape(-1)  # [rows · (length − 1)]
    where = torch.nonzero(following != UNTRAINED).squeeze(1)
    # Row r begins at r · (length − 1) in `following`, and at r · length in `labels`.
    return where + where // max(labels.shape[1] - 1, 1), following[where]


def log_probs_of(logits: Tensor, targets: Tensor, *, temperature: float = 1.0, chunk: int | None = None) -> Tensor:
    """As `selected_log_probs`, from logits `[positions, vocabulary]`."""
    size = chunk or _chunk_positions(logits.shape[1], logits.device)

    def log_probs(chunk_logits: Tensor, chunk_targets: Tensor) -> Tensor:
        return _gather_log_probs(chunk_logits, chunk_targets, temperature)

    return _in_chunks(log_probs, logits, targets, size)


class _LossSum(torch.autograd.Function):  # type: ignore[misc]
    """Σ −log p(target).

    The gradients for a factor of 1 are computed in the forward pass, where the logits are at hand: three matrix
    products per chunk instead of four.
    """

    @staticmethod
    def forward(  # noqa: PLR0917  # the order is autograd's
        ctx: Any, states: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor, size: int, grads: bool
    ) -> Tensor:
        needs_states, needs_weight, needs_bias = (grads and need for need in ctx.needs_input_grad[:3])
        work = _Work(states, weight, bias, size)
        total = torch.zeros((), dtype=torch.float32, device=states.device)
        grad_states = torch.empty_like(states) if needs_states else None
        sums = _WeightGradients(weight, bias, needs_weight, needs_bias)
        for part in work.parts():
            log_p = work.log_softmax(part)  # [chunk, vocabulary]
            target = targets[part].unsqueeze(1)  # [chunk, 1]
            total -= log_p.gather(1, target).sum()
            if needs_states or needs_weight or needs_bias:
                # d(−log p) / d logits = p − onehot(target)
                slope = log_p.exp_()
                slope.scatter_add_(1, target, slope.new_full((1, 1), -1.0).expand_as(target))
                slope = work.narrow(slope)
                if grad_states is not None:
                    work.into_states(slope, grad_states[part])
                sums.add(slope, work.states[part])
        ctx.save_for_backward(grad_states, sums.weight, sums.bias)
        ctx.weight_dtypes = (weight.dtype, None if bias is None else bias.dtype)
        return total

    @staticmethod
    def backward(ctx: Any, factor: Tensor) -> tuple[Any, ...]:
        # In place: they are as large as the weight, and not used again.
        states, weight, bias = (
            None if grad is None else grad.mul_(factor.to(grad.dtype)) for grad in ctx.saved_tensors
        )
        weight_dtype, bias_dtype = ctx.weight_dtypes
        return (
            states,
            None if weight is None else weight.to(weight_dtype),
            None if bias is None else bias.to(bias_dtype),
            None,
            None,
            None,
        )


class _LogProbs(torch.autograd.Function):  # type: ignore[misc]
    """log p(target) of every position; the backward pass computes the logits again."""

    @staticmethod
    def forward(  # noqa: PLR0917
        ctx: Any, states: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor, size: int
    ) -> Tensor:
        work = _Work(states, weight, bias, size)
        result = torch.empty(len(targets), dtype=torch.float32, device=states.device)
        for part in work.parts():
            result[part] = work.log_softmax(part).gather(1, targets[part].unsqueeze(1)).squeeze(1)
        ctx.save_for_backward(states, weight, bias, targets)
        ctx.size, ctx.dtype = size, work.dtype
        return result

    @staticmethod
    def backward(ctx: Any, factors: Tensor) -> tuple[Any, ...]:
        states, weight, bias, targets = ctx.saved_tensors
        needs_states, needs_weight, needs_bias = ctx.needs_input_grad[:3]
        work = _Work(states, weight, bias, ctx.size, ctx.dtype)
        grad_states = torch.empty_like(states) if needs_states else None
        sums = _WeightGradients(weight, bias, needs_weight, needs_bias)
        for part in work.parts():
            factor = factors[part].float().unsqueeze(1)  # [chunk, 1]
            # d log p / d logits = onehot(target) − p, times the gradient of each log p
            slope = work.log_softmax(part).exp_().mul_(-factor)
            slope = work.narrow(slope.scatter_add_(1, targets[part].unsqueeze(1), factor))
            if grad_states is not None:
                work.into_states(slope, grad_states[part])
            sums.add(slope, work.states[part])
        grad_weight = None if sums.weight is None else sums.weight.to(weight.dtype)
        grad_bias = None if sums.bias is None or bias is None else sums.bias.to(bias.dtype)
        return grad_states, grad_weight, grad_bias, None, None


class _Work:
    """The logits of a chunk of positions, in buffers that are reused for the next chunk."""

    def __init__(
        self, states: Tensor, weight: Tensor, bias: Tensor | None, size: int, dtype: torch.dtype | None = None
    ) -> None:
        self.dtype = dtype or _compute_dtype(states.device.type, weight.dtype)
        self.states = states.to(self.dtype)
        self._weight = weight.to(self.dtype)
        self._bias = None if bias is None else bias.float()
        self._size = min(size, max(len(states), 1))
        shape = (self._size, weight.shape[0])
        self._logits = torch.empty(shape, dtype=self.dtype, device=states.device)  # [chunk, vocabulary]
        self._log_p = torch.empty(shape, dtype=torch.float32, device=states.device)

    def parts(self) -> list[slice]:
        """The slices of positions, one per chunk."""
        return [slice(i, min(i + self._size, len(self.states))) for i in range(0, len(self.states), self._size)]

    def log_softmax(self, part: slice) -> Tensor:
        """`[positions, vocabulary]` in fp32; valid until the next call."""
        count = part.stop - part.start
        with torch.autocast(self.states.device.type, enabled=False):
            logits = torch.mm(self.states[part], self._weight.t(), out=self._logits[:count])
        if self._bias is not None:
            logits = logits.float() + self._bias
        return torch.log_softmax(logits.float(), dim=-1, out=self._log_p[:count])

    def narrow(self, slope: Tensor) -> Tensor:
        """The gradient of the logits in the type of the products."""
        if slope.dtype == self.dtype:
            return slope
        return self._logits[: len(slope)].copy_(slope)

    def into_states(self, slope: Tensor, out: Tensor) -> None:
        """The gradient of the hidden states, written to `out`."""
        with torch.autocast(slope.device.type, enabled=False):
            if out.dtype == self.dtype:
                torch.mm(slope, self._weight, out=out)
            else:
                out.copy_(torch.mm(slope, self._weight))


class _WeightGradients:
    """The gradients of weight and bias, summed over the chunks in fp32; None where none is needed."""

    def __init__(self, weight: Tensor, bias: Tensor | None, needs_weight: bool, needs_bias: bool) -> None:
        self.weight = torch.zeros(weight.shape, dtype=torch.float32, device=weight.device) if needs_weight else None
        self.bias = (
            torch.zeros(bias.shape, dtype=torch.float32, device=bias.device)
            if needs_bias and bias is not None
            else None
        )

    def add(self, slope: Tensor, states: Tensor) -> None:
        """Add the gradients of a chunk: `slope` `[positions, vocabulary]`, `states` `[positions, hidden_size]`."""
        if self.bias is not None:
            self.bias += slope.sum(0, dtype=torch.float32)
        if self.weight is None:
            return
        with torch.autocast(slope.device.type, enabled=False):
            if slope.dtype != torch.float32 and slope.device.type == "cuda":
                # Multiplied in 16 bits, summed in fp32: a product rounded to bf16 first would lose the small parts.
                torch.addmm(self.weight, slope.t(), states, out_dtype=torch.float32, out=self.weight)
            else:
                self.weight.addmm_(slope.t().float(), states.float())


def _gather_log_probs(logits: Tensor, targets: Tensor, temperature: float) -> Tensor:
    return torch.log_softmax(logits.float() / temperature, dim=-1).gather(1, targets.unsqueeze(1)).squeeze(1)


def _in_chunks(function: Callable[[Tensor, Tensor], Tensor], inputs: Tensor, targets: Tensor, size: int) -> Tensor:
    """`function(inputs, targets)` in chunks, which are computed again in the backward pass."""
    from torch.utils.checkpoint import checkpoint

    parts = []
    for start in range(0, max(len(targets), 1), size):
        part = inputs[start : start + size], targets[start : start + size]
        recompute = torch.is_grad_enabled()
        parts.append(checkpoint(function, *part, use_reentrant=False) if recompute else function(*part))
    return torch.cat(parts)


def _is_plain_linear(head: Any) -> bool:
    """Whether `head(x)` is x @ weight.T + bias and nothing else, with the weight in this process."""
    return (
        type(head) is torch.nn.Linear
        and "forward" not in vars(head)
        and not (head._forward_hooks or head._forward_pre_hooks)
        and not hasattr(head.weight, "ds_id")
        and head.weight.is_floating_point()
    )


def _chunk_positions(vocabulary: int, device: torch.device) -> int:
    """The number of positions whose fp32 logits take `_CHUNK_BYTES`, at least 32."""
    return max(_CHUNK_BYTES.get(device.type, _CHUNK_BYTES["cuda"]) // (4 * vocabulary), 32)


def _head_dtype(states: Tensor, head: Any) -> torch.dtype:
    weight = getattr(head, "weight", states)
    return _compute_dtype(states.device.type, weight.dtype if weight.is_floating_point() else states.dtype)


def _compute_dtype(device_type: str, dtype: torch.dtype) -> torch.dtype:
    """The dtype of the matrix products: autocast's, or else the weight's."""
    if torch.is_autocast_enabled(device_type):
        result: torch.dtype = torch.get_autocast_dtype(device_type)
        return result
    return dtype
