"""Answers of the model while it is trained: the quickest way for a person to see that something goes wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from belle.prompts import Message, PromptTemplate
from belle.prompts.encoding import encode_prompt

if TYPE_CHECKING:
    from belle.training.engines.engine import TrainingEngine
    from belle.training.tokenizer.tokenizer import HubVocabulary


def answer(
    engine: TrainingEngine,
    tokenizer: Any,
    vocabulary: HubVocabulary,
    template: PromptTemplate | None,
    prompt: str,
    *,
    max_tokens: int,
) -> str:
    """The model's answer to `prompt` by greedy decoding, up to an end token or `max_tokens`.

    All processes call it: under ZeRO-3 each has a part of the model.

    Args:
        template: renders the prompt as a question; None: the prompt is a text to be continued.
    """
    import torch

    ids = vocabulary.tokenize(prompt)
    if template is not None:
        ids = encode_prompt(vocabulary, template, [Message("user", prompt)])
    ends = end_tokens(tokenizer, template.stop if template else ())
    inputs = torch.tensor([ids], device=engine.device)
    model = engine.model
    training = model.training
    model.eval()
    try:
        with torch.no_grad(), engine.autocast():
            output = model.generate(
                input_ids=inputs,
                attention_mask=torch.ones_like(inputs),
                max_new_tokens=max_tokens,
                do_sample=False,
                num_beams=1,
                use_cache=True,
                eos_token_id=ends,
                pad_token_id=tokenizer.pad_token_id,
                synced_gpus=engine.world_size > 1,  # nobody stops before the longest answer: ZeRO-3 would hang
            )
    finally:
        model.train(training)
    tokens = output[0, len(ids) :].tolist()
    end = next((k for k, token in enumerate(tokens) if token in ends), len(tokens))
    return answer_text(tokenizer, template, tokens[:end])


def end_tokens(tokenizer: Any, stop: Sequence[str]) -> list[int]:
    """The tokens that end an answer: the vocabulary's own, and the stop strings that are one token."""
    vocabulary = tokenizer.get_vocab()
    return [int(tokenizer.eos_token_id), *(vocabulary[text] for text in stop if text in vocabulary)]


def answer_text(tokenizer: Any, template: PromptTemplate | None, ids: Any) -> str:
    """The text of an answer's tokens, without the stop string at its end."""
    text = tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    for stop in template.stop if template else ():
        text = text.partition(stop)[0]
    return str(text.removeprefix(" ") if template and template.strip_leading_space else text)
