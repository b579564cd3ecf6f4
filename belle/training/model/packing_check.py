"""Whether a model keeps packed sequences apart, found out by trying.

In most architectures transformers recognises packed sequences by positions that start again at 0. BLOOM has no
positions (ALiBi), and some architectures ignore them: there a packed sequence would attend to the ones before it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from belle.training.model.model_loss import causal_model
from belle.training.samples.collate import Layout, collate

# Packed states may differ from separate ones by this share of the difference of plain concatenation: half precision
# rounds.
_TOLERANCE, _TOLERANCE_HALF = 1e-2, 0.1


def packing_refusal(model: Any, layout: Layout = "blocks") -> str | None:
    """Why sequences must not be packed for this model, as a sentence; None when they may.

    Runs three short sequences through the model, alone and packed in `layout`, without gradients. Call it in the
    autocast context of the training: flash attention computes in half precision only.
    """
    causal = causal_model(model)
    name = causal.config.get_text_config().model_type
    try:
        share = _leak(causal, layout)
    except (TypeError, ValueError) as error:
        return f"{name} does not take packed sequences ({error})."
    exact = causal.dtype == torch.float32 and not torch.is_autocast_enabled(causal.device.type)
    if share > (_TOLERANCE if exact else _TOLERANCE_HALF):
        return f"{name} does not keep packed sequences apart."
    return None


class _Three:
    """Three random sequences of different lengths, as `collate` takes samples."""

    def __init__(self, vocabulary: int) -> None:
        generator = torch.Generator().manual_seed(0)
        self.ids = [torch.randint(vocabulary, (n,), generator=generator) for n in (5, 7, 4)]

    def sequences(self, sample: int) -> list[Any]:
        ids = self.ids[sample].numpy()
        return [(ids, ids >= 0)]


def _leak(causal: Any, layout: Layout) -> float:
    """The difference of packed from separate states: 0 for none, 1 for that of plain concatenation."""
    device = causal.get_input_embeddings().weight.device
    # Not the rows of the embedding: under ZeRO-3 it is empty here.
    three = _Three(causal.config.get_text_config().vocab_size)
    training = causal.training
    causal.eval()

    def states(**inputs: Any) -> Tensor:
        return causal.base_model(**inputs)[0].float().reshape(-1, causal.config.get_text_config().hidden_size)

    try:
        with torch.no_grad():
            alone = [collate(three, [[i]], pad_id=0).to(device) for i in range(3)]
            apart = torch.cat([states(**batch.inputs()) for batch in alone])
            packed = states(**collate(three, [[0, 1, 2]], pad_id=0, layout=layout).to(device).inputs())
            joined = states(input_ids=torch.cat(three.ids)[None].to(device), use_cache=False)
    finally:
        causal.train(training)
    return float((packed - apart).abs().max() / (joined - apart).abs().max())
