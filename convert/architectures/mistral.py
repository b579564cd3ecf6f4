"""Mistral: LLaMA, with a sliding window in some versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from convert.architectures.config import optional_whole
from convert.architectures.llama import Llama
from convert.architectures.rope import check_layer_kinds


class Mistral(Llama):
    """Mistral 7B and its relatives; llama.cpp runs them as LLaMA."""

    title = "Mistral"
    classes = ("MistralForCausalLM",)
    model_types = ("mistral",)
    heard = Llama.heard | {"sliding_window", "layer_types"}

    def window(self, config: Mapping[str, Any]) -> int | None:
        check_layer_kinds(config, self.title)
        # Where the key is missing, the window of Mistral 7B is meant, as in transformers; null means no window.
        return optional_whole({"sliding_window": 4096, **config}, "sliding_window")
