"""GPTQModel at work: `python -m tests.convert.gptq.gptqmodel_driver FOLDER` makes `FOLDER/base` and quantizes it.

A process of its own, because what GPTQModel and its libraries warn of, patch and leave open is theirs; nothing of it
reaches the tests. `FOLDER/<name>` is a checkpoint for each of `QUANTIZED`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

WIDTH = 256
TEXT = [
    "The keeper of the lighthouse wrote down the weather every morning, and the names of the ships.",
    "春雨细细地落在老街上，清晨的空气里有泥土的气味。",
    "def add(left, right):\n    return left + right\n",
] * 24

QUANTIZED = {
    "symmetric": {"bits": 4, "sym": True, "desc_act": False},
    "asymmetric": {"bits": 4, "sym": False, "desc_act": False},
    "8-bit": {"bits": 8, "sym": True, "desc_act": False},
    "act-order": {"bits": 4, "sym": True, "desc_act": True},
    "asymmetric-act-order": {"bits": 4, "sym": False, "desc_act": True},
}
GROUP = 128


def make_base(folder: Path) -> None:
    """A tiny random LLaMA with a trained byte-level tokenizer."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=384, special_tokens=["<s>", "</s>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator(TEXT, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="</s>")
    fast.save_pretrained(folder)
    torch.manual_seed(7)
    config = LlamaConfig(
        vocab_size=len(fast),
        hidden_size=WIDTH,
        intermediate_size=2 * WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        bos_token_id=0,
        eos_token_id=1,
    )
    LlamaForCausalLM(config).to(torch.float16).save_pretrained(folder)


def main() -> None:
    os.environ.setdefault("GPTQMODEL_CPU_WORKERS", "2")
    from gptqmodel import GPTQModel, QuantizeConfig

    folder = Path(sys.argv[1])
    make_base(folder / "base")
    for name, settings in QUANTIZED.items():
        model = GPTQModel.load(str(folder / "base"), QuantizeConfig(group_size=GROUP, **settings), device="cpu")
        model.quantize(TEXT, batch_size=4)
        model.save(str(folder / name))


if __name__ == "__main__":
    main()
