"""Mistral: LLaMA in all but the sliding window, which some of its versions attend through."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from convert.architectures.config import optional_whole
from convert.architectures.llama import Llama


class Mistral(Llama):
    """Mistral 7B and its kin; llama.cpp runs them as LLaMA."""

    title = "Mistral"
    classes = ("MistralForCausalLM",)
    model_types = ("mistral",)

    def window(self, config: Mapping[str, Any]) -> int | None:
        return optional_whole(config, "sliding_window")
