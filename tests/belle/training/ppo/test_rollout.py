"""Answers are sampled with the model's own probabilities, each independently of the others."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from belle.training.recipe.options import PpoOptions

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
]

OPTIONS = {"reward_function": "length:1", "max_new_tokens": 8}
PAD, END = 0, 5


def engine(architecture: str = "llama", **changes: Any) -> Any:
    """The part of an engine that writing answers needs."""
    import contextlib

    import torch

    from belle.training.model.value_head import PolicyWithValue
    from tests.belle.training.random_causal import causal

    model = PolicyWithValue(causal(architecture, **changes))
    return SimpleNamespace(model=model, device=torch.device("cpu"), world_size=1, autocast=contextlib.nullcontext)


def prompts(count: int) -> list[Any]:
    import numpy as np

    rng = np.random.default_rng(0)
    return [rng.integers(6, 300, 3 + number % 5).astype(np.int32) for number in range(count)]


def written(engine: Any, texts: list[Any], seeds: list[int], **options: Any) -> Any:
    from belle.training.ppo.rollout import write_answers

    return write_answers(engine, texts, seeds, PpoOptions(**{**OPTIONS, **options}), ends=[END], pad_id=PAD)


def test_an_answer_does_not_depend_on_what_is_beside_it() -> None:
    where, texts, seeds = engine(), prompts(6), [11, 12, 13, 14, 15, 16]
    in_one_batch = written(where, texts, seeds, generation_batch=6)
    in_three = written(where, texts, seeds, generation_batch=2)
    reversed_ = written(where, texts[::-1], seeds[::-1])
    assert in_one_batch.tokens.tolist() == in_three.tokens.tolist() == reversed_.tokens.flip(0).tolist()
    other = written(where, texts, [seed + 100 for seed in seeds])
    assert other.tokens.tolist() != in_one_batch.tokens.tolist()


def test_tokens_come_with_their_probabilities() -> None:
    import torch

    where = engine()
    text = prompts(1)[0]
    answers = written(where, [text] * 4000, list(range(4000)), max_new_tokens=1, generation_batch=4000, temperature=0.7)
    with torch.no_grad():
        logits = where.model.policy(input_ids=torch.from_numpy(text).long().unsqueeze(0)).logits[0, -1]
    expected = torch.softmax(logits / 0.7, dim=-1)
    seen = torch.bincount(answers.tokens[:, 0], minlength=len(expected)) / 4000
    likely = expected > 0.01
    assert int(likely.sum()) > 5
    # Four standard errors.
    assert bool(((seen - expected).abs() <= 4 * (expected * (1 - expected) / 4000).sqrt())[likely].all())


@pytest.mark.parametrize(("options", "count"), [({"top_k": 3}, 3), ({"top_p": 0.0}, 1)])
def test_only_the_likeliest(options: dict[str, Any], count: int) -> None:
    where, text = engine(), prompts(1)[0]
    answers = written(where, [text] * 300, list(range(300)), max_new_tokens=1, generation_batch=300, **options)
    assert len(answers.tokens.unique()) == count


def test_an_answer_ends_with_its_end_token() -> None:
    where, texts = engine(), prompts(1) * 400
    answers = written(where, texts, list(range(400)), max_new_tokens=8, generation_batch=100, temperature=3.0)
    assert 0 < int(answers.finished.sum()) < 400
    for tokens, length, finished in zip(
        answers.tokens.tolist(), answers.lengths.tolist(), answers.finished, strict=True
    ):
        answer, rest = tokens[:length], tokens[length:]
        assert (answer[-1] == END) == bool(finished)
        assert END not in answer[:-1]
        assert rest == [PAD] * len(rest)
        assert bool(finished) or length == 8
    assert answers.mask.sum(dim=1).tolist() == answers.lengths.tolist()


def test_what_the_checkpoint_recommends_for_chatting_is_left_out() -> None:
    where, texts = engine(), prompts(4)
    plain = written(where, texts, [1, 2, 3, 4])
    config = where.model.policy.generation_config
    config.repetition_penalty, config.temperature, config.top_k = 5.0, 0.1, 2
    assert written(where, texts, [1, 2, 3, 4]).tokens.tolist() == plain.tokens.tolist()
    assert where.model.policy.generation_config.repetition_penalty == 5.0


@pytest.mark.parametrize("architecture", ["llama", "gemma2"])
def test_log_probs_and_entropy_are_those_of_the_logits(architecture: str) -> None:
    import torch

    from belle.training.samples.collate import UNTRAINED, collate
    from tests.belle.training.random_causal import Samples

    model = engine(architecture, attention="eager").model
    batch = collate(Samples([9, 5, 12]), [[0], [1], [2]], pad_id=0)
    torch.nn.init.normal_(model.value_head.weight)
    with torch.no_grad():
        figures = model.figures(batch, temperature=0.8, with_entropy=True)
        output = model.policy(input_ids=batch.input_ids, output_hidden_states=True)
    log_p = torch.log_softmax(output.logits[:, :-1].float() / 0.8, dim=-1)
    where = batch.labels[:, 1:] != UNTRAINED
    chosen = log_p.gather(2, batch.input_ids[:, 1:].unsqueeze(2)).squeeze(2)
    assert figures.log_probs.tolist() == pytest.approx(chosen[where].tolist(), abs=1e-5)
    assert figures.entropy.tolist() == pytest.approx((-(log_p.exp() * log_p).sum(-1))[where].tolist(), abs=1e-4)
    values = model.value_head(output.hidden_states[-1][:, :-1]).squeeze(-1)
    assert figures.values.tolist() == pytest.approx(values[where].tolist(), abs=1e-5)


def test_prompts_are_dealt_out_in_rounds(tmp_path: Path) -> None:
    from belle.prompts import get_template
    from belle.training.recipe.options import DataFile
    from belle.training.samples.prompts import read_prompts
    from belle.training.tokenizer.tokenizer import HubVocabulary, load_tokenizer
    from tests.belle.training.pairs_data import write_prompts
    from tests.belle.training.runs import TOKENIZER, write_conversations

    vocabulary, template = HubVocabulary(load_tokenizer(TOKENIZER)), get_template("belle")
    messages: list[str] = []
    files = [DataFile(write_prompts(tmp_path / "a.jsonl", 5)), DataFile(write_conversations(tmp_path / "b.jsonl", 4))]
    prompt_set = read_prompts(files, vocabulary, template, max_length=60, seed=7, say=messages.append)
    assert len(prompt_set) == 9
    assert "9 prompts of 9 rows" in messages[0]
    numbers, epoch, index = prompt_set.take(0, 0, 7)
    rest, epoch, index = prompt_set.take(epoch, index, 7)
    assert sorted([*numbers, *rest[:2]]) == list(range(9))
    assert (epoch, index) == (1, 5)
    assert prompt_set.take(0, 7, 7)[0] == rest
    # A conversation is asked for its last answer.
    last = vocabulary.text([int(token) for token in prompt_set[7]])
    assert last.rstrip().endswith("Assistant:")
    assert "草呢" in last
    assert "绿色" not in last
    short = read_prompts(files, vocabulary, template, max_length=len(prompt_set[0]), seed=7, say=messages.append)
    assert len(short) < 9
