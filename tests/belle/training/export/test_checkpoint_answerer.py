"""A checkpoint answers an evaluation as `belle generate` does, and as transformers does one question at a time."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from belle.cli.main import main
from belle.clients.chat.client import RequestError
from belle.clients.chat.replies import ChatReply
from belle.clients.chat.requests import Decoding, RowRequest
from belle.errors import KnownError
from belle.prompts import Message
from belle.prompts.encoding import encode_prompt
from belle.training.export.checkpoint_answerer import CheckpointAnswerer
from belle.training.tokenizer.templates import template_to_answer_in
from belle.training.tokenizer.tokenizer import HubVocabulary, load_tokenizer
from tests.belle.training.runs import run

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
]

QUESTIONS = ["你好", "1+1=?", "Name a colour.", "天空是什么颜色的？", "What is the sea?", "something nobody taught it"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that has learned its answers."""
    return run(tmp_path_factory.mktemp("learnt"), epochs=60, batch_size=4) / "final"


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Path:
    folder = tmp_path_factory.mktemp("adapted")
    return run(folder, model=str(model), lora={"r": 4}, epochs=1) / "final"


def request(text: str, id: str = "", **decoding: Any) -> RowRequest:  # noqa: A002
    options = {"max_tokens": 24, "seed": 1, **decoding}
    return RowRequest(id or text, ({"role": "user", "content": text},), decoding=Decoding(**options))


def ask(answerer: CheckpointAnswerer, requests: Sequence[RowRequest]) -> Mapping[str, ChatReply | RequestError]:
    outcomes: dict[str, ChatReply | RequestError] = {}

    def take(request: RowRequest, outcome: ChatReply | RequestError) -> None:
        assert request.id not in outcomes
        outcomes[request.id] = outcome

    answerer.answer(requests, take)
    assert outcomes.keys() == {request.id for request in requests}
    return outcomes


def texts(outcomes: Mapping[str, ChatReply | RequestError]) -> dict[str, str]:
    return {key: outcome.text for key, outcome in outcomes.items() if isinstance(outcome, ChatReply)}


def one_at_a_time(folder: Path, question: str) -> str:
    """transformers' own greedy search, without padding."""
    import torch
    from transformers import AutoModelForCausalLM

    tokenizer = load_tokenizer(folder)
    ids = encode_prompt(
        HubVocabulary(tokenizer), template_to_answer_in(None, tokenizer, str(folder)), [Message("user", question)]
    )
    loaded = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    written = loaded.generate(torch.tensor([ids]), max_new_tokens=24, do_sample=False)
    return str(tokenizer.decode(written[0, len(ids) :], skip_special_tokens=True)).removeprefix(" ")


def test_greedy_answers_are_those_of_generate_and_of_one_question_at_a_time(model: Path, tmp_path: Path) -> None:
    answerer = CheckpointAnswerer(str(model), name="m", batch_size=4)
    found = ask(answerer, [request(text) for text in QUESTIONS])
    assert texts(found)["1+1=?"] == "2"
    assert texts(found) == {text: one_at_a_time(model, text) for text in QUESTIONS}
    reply = found["1+1=?"]
    assert isinstance(reply, ChatReply)
    assert reply.choices[0].finish == "stop"
    assert reply.prompt_tokens > reply.completion_tokens > 0
    data, out = tmp_path / "q.jsonl", tmp_path / "a.jsonl"
    rows = [{"conversations": [{"from": "human", "value": text}]} for text in QUESTIONS]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert main(["generate", str(model), "--data", str(data), "-o", str(out), "--max-tokens", "24"]) == 0
    generated = [json.loads(line)["conversations"][1]["value"] for line in out.read_text().splitlines()]
    assert [texts(found)[text] for text in QUESTIONS] == generated


def test_drawn_answers_depend_on_the_seed_and_not_on_the_batch(model: Path) -> None:
    alone, together = (CheckpointAnswerer(str(model), name="m", batch_size=size) for size in (1, 5))
    requests = [request(text, temperature=1.5) for text in QUESTIONS]
    drawn = texts(ask(alone, requests))
    assert drawn == texts(ask(together, requests[::-1]))
    assert drawn != texts(ask(alone, [request(text, temperature=1.5, seed=2) for text in QUESTIONS]))
    several = ask(together, [request("你好", temperature=1.5, n=3), request("1+1=?")])["你好"]
    assert isinstance(several, ChatReply)
    assert len({choice.text for choice in several.choices}) > 1
    assert several.choices[0].text == drawn["你好"]


def test_an_answer_ends_at_its_limit_or_at_a_stop_string(model: Path) -> None:
    answerer = CheckpointAnswerer(str(model), name="m")
    (whole,) = texts(ask(answerer, [request("Name a colour.")])).values()
    requests = [
        request("Name a colour.", "short", max_tokens=2),
        request("Name a colour.", "stopped", stop=("that", "nowhere")),
        request("Name a colour.", "whole"),
    ]
    found = ask(answerer, requests)
    assert all(isinstance(reply, ChatReply) for reply in found.values())
    ends = {key: reply.choices[0] for key, reply in found.items() if isinstance(reply, ChatReply)}
    assert ends["short"].finish == "length" and whole.startswith(ends["short"].text)
    assert ends["stopped"].finish == "stop" and ends["stopped"].text == whole.partition("that")[0] != whole
    assert ends["whole"].text == whole


def test_what_cannot_be_answered_is_said_and_the_others_are(model: Path) -> None:
    answerer = CheckpointAnswerer(str(model), name="m")
    schema = RowRequest("schema", ({"role": "user", "content": "1+1=?"},), schema={"type": "object"})
    found = ask(answerer, [schema, request("好" * 9000, "long"), request("x", "told", logprobs=2), request("1+1=?")])
    assert {key: outcome.kind for key, outcome in found.items() if isinstance(outcome, RequestError)} == {
        "schema": "unsupported",
        "long": "context_full",
        "told": "unsupported",
    }
    assert texts(found) == {"1+1=?": "2"}


def test_a_model_is_known_by_its_content_wherever_it_lies(model: Path, adapter: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(model, tmp_path / "elsewhere")
    (copy / "README.md").write_text("mine")
    first, again = (CheckpointAnswerer(str(folder), name="m").identity for folder in (model, copy))
    assert first == again
    adapted = CheckpointAnswerer(str(adapter), name="m")
    assert adapted.identity != first
    assert set(texts(ask(adapted, [request("你好")]))) == {"你好"}
    weights = copy / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    assert CheckpointAnswerer(str(copy), name="m").identity != first


def test_eval_run_asks_a_checkpoint_under_the_name_of_its_run(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    items = tmp_path / "items.jsonl"
    rows = [
        {"id": "a", "class": "math", "question": "1+1=?", "reference": "2"},
        {"id": "b", "class": "math", "question": "你好", "reference": "你好！"},
    ]
    items.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    words = ["eval", "run", str(model), "--set", str(items), "-o", str(tmp_path / "out"), "--max-tokens", "8"]
    assert main(words) == 0
    assert "run: 2 of 2 answers" in capsys.readouterr().out
    answers = tmp_path / "out/answers/run.jsonl"
    before = answers.read_bytes()
    assert json.loads(answers.read_text().splitlines()[1])["choices"][0]["text"]
    assert main(words) == 0
    assert answers.read_bytes() == before
    assert main(["eval", "judge", str(tmp_path / "out"), "--set", str(items), "--judge", str(model)]) == 2
    assert "belle convert" in capsys.readouterr().err
    empty = tmp_path / "nothing"
    empty.mkdir()
    assert main(["eval", "run", str(empty), "--set", str(items), "-o", str(tmp_path / "o2")]) == 2
    told = capsys.readouterr().err
    assert "nothing" in told and "Traceback" not in told


def test_a_template_is_asked_for_where_none_is_known(model: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(model, tmp_path / "bare")
    config = copy / "tokenizer_config.json"
    values = {k: v for k, v in json.loads(config.read_text()).items() if k not in ("belle_template", "chat_template")}
    config.write_text(json.dumps(values))
    (copy / "chat_template.jinja").unlink(missing_ok=True)
    with pytest.raises(KnownError, match="prompt template"):
        CheckpointAnswerer(str(copy), name="m")
    named = CheckpointAnswerer(str(copy), name="m", template="belle")
    assert texts(ask(named, [request("1+1=?")])) == {"1+1=?": "2"}
