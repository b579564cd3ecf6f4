"""The loss of a batch, and the log-probabilities of its tokens, from a causal language model.

The model runs without its head; `belle.training.model.loss` applies the head where a token is trained, a chunk at a
time. That is right only where the logits are the head times the last hidden states. Other models (Gemma 2 caps its
logits, Cohere scales them) compute their logits themselves, all at once.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from belle.training.model.loss import causal_loss_sum, log_probs_of, selected_log_probs, trained_positions
from belle.training.samples.collate import Batch

# Configuration keys by which architectures change their logits after the head (or the states before it).
_LOGIT_KEYS = (
    "final_logit_softcapping",
    "logit_scale",
    "logits_scaling",
    "lm_head_multiplier",
    "output_multiplier",
    "dim_model_base",
)
_reasons: WeakKeyDictionary[Any, str] = WeakKeyDictionary()


def loss_sum(model: Any, batch: Batch) -> Tensor:
    """The sum of the negative log-likelihoods of the trained tokens of `batch`: a scalar in fp32.

    Args:
        model: transformers' causal language model, or peft's around it; it may be in training or evaluation mode.
        batch: on the model's device. The weight of the sum is `batch.trained_tokens`.
    """
    causal = causal_model(model)
    if full_logits_reason(model):
        return -_own_log_probs(causal, batch, 1.0)[1].sum()
    states = causal.base_model(**batch.inputs())[0]
    return causal_loss_sum(states, causal.get_output_embeddings(), batch.labels)[0]


def token_log_probs(model: Any, batch: Batch, *, temperature: float = 1.0) -> Tensor:
    """The log-probability of each trained token, in fp32 `[rows, length]`, at the token's own position; 0 elsewhere.

    Args:
        model, batch: as in `loss_sum`.
        temperature: the logits are divided by it.
    """
    causal = causal_model(model)
    if full_logits_reason(model):
        where, values = _own_log_probs(causal, batch, temperature)
    else:
        states = causal.base_model(**batch.inputs())[0]
        where, targets = trained_positions(batch.labels)
        selected = states.reshape(-1, states.shape[-1]).index_select(0, where)  # [positions, hidden_size]
        values = selected_log_probs(selected, causal.get_output_embeddings(), targets, temperature=temperature)
    zeros = torch.zeros(batch.labels.numel(), dtype=torch.float32, device=values.device)  # [rows · length]
    # A token is predicted at the position before its own.
    return zeros.index_copy(0, where + 1, values).view(batch.labels.shape)


def sequence_log_probs(model: Any, batch: Batch) -> Tensor:
    """The sum of the log-probabilities of each row's trained tokens, in fp32 `[rows]`."""
    return token_log_probs(model, batch).sum(dim=1)


def causal_model(model: Any) -> Any:
    """transformers' own model inside peft's, or the model itself."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def full_logits_reason(model: Any) -> str | None:
    """Why this model has to compute all its logits at once; None when it need not. Determined once per model."""
    causal = causal_model(model)
    if causal not in _reasons:
        _reasons[causal] = _find_reason(causal)
    return _reasons[causal] or None


def _find_reason(causal: Any) -> str:
    config = causal.config.get_text_config()
    for key in _LOGIT_KEYS:
        if getattr(config, key, None) not in (None, 1.0):
            return f"{config.model_type} changes its logits ({key}: {getattr(config, key)})"
    if causal.get_output_embeddings() is None:
        return f"{config.model_type} has no output head of its own"
    if config.is_encoder_decoder:
        # It cannot be tried without a recording; Whisper's logits are its head times the decoder's states.
        return ""
    if any(hasattr(p, "ds_id") for p in causal.parameters()):
        # Partitioned by ZeRO-3: without the weights it cannot be tried.
        return ""
    return "" if _head_makes_logits(causal) else f"the logits of {config.model_type} are not its head times its states"


def _head_makes_logits(causal: Any) -> bool:
    """Whether the logits are the head times the hidden states: tried on two tokens."""
    training = causal.training
    causal.eval()
    try:
        device = causal.get_output_embeddings().weight.device
        ids = torch.tensor([[1, 2]], device=device)
        with torch.no_grad(), torch.autocast(device.type, enabled=False):
            own = causal(input_ids=ids, use_cache=False).logits.float()
            states = causal.base_model(input_ids=ids, use_cache=False)[0]
            logits = causal.get_output_embeddings()(states).float()
        return bool((own - logits).abs().max() <= 1e-3 * own.abs().max())
    finally:
        causal.train(training)


def _own_log_probs(causal: Any, batch: Batch, temperature: float) -> tuple[Tensor, Tensor]:
    """The positions of `trained_positions`, and the log-probabilities there, from the model's own logits."""
    logits = causal(**batch.inputs()).logits
    where, targets = trained_positions(batch.labels)
    selected = logits.reshape(-1, logits.shape[-1]).index_select(0, where)  # [positions, vocabulary]
    return where, log_probs_of(selected, targets, temperature=temperature)
