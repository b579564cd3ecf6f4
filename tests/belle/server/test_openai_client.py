"""The official `openai` client works unchanged: chat, streams, completions, embeddings, schemas, errors."""

from __future__ import annotations

import asyncio
import json
import math

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam
from pydantic import BaseModel

from tests.belle.server.conftest import ServerProcess

QUESTION: list[ChatCompletionMessageParam] = [{"role": "user", "content": "What is the capital of France?"}]


def test_the_models_are_listed(served: ServerProcess) -> None:
    client = served.client()
    (model,) = client.models.list().data
    assert model.id == "starter"
    assert client.models.retrieve("starter").id == "starter"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-5")


def test_a_question_is_answered(served: ServerProcess) -> None:
    answer = served.client().chat.completions.create(
        model="starter", messages=QUESTION, temperature=0, max_completion_tokens=30
    )
    choice = answer.choices[0]
    assert "France" in (choice.message.content or "")
    assert choice.finish_reason in ("stop", "length")
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 10


def test_a_stream_is_the_same_text_in_pieces(served: ServerProcess) -> None:
    client = served.client()
    settings = {"model": "starter", "messages": QUESTION, "seed": 3, "temperature": 1.0, "max_tokens": 40}
    whole = client.chat.completions.create(**settings)
    chunks = list(client.chat.completions.create(**settings, stream=True, stream_options={"include_usage": True}))
    pieces = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(pieces) == whole.choices[0].message.content
    assert len([piece for piece in pieces if piece]) > 1
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-2].choices[0].finish_reason == whole.choices[0].finish_reason
    assert chunks[-1].choices == [] and chunks[-1].usage is not None and whole.usage is not None
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens
    assert len({chunk.id for chunk in chunks}) == 1


def test_the_asynchronous_client_streams(served: ServerProcess) -> None:
    async def ask() -> str:
        async with served.async_client() as client:
            stream = await client.chat.completions.create(
                model="starter", messages=QUESTION, temperature=0, max_tokens=12, stream=True
            )
            return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    whole = served.client().chat.completions.create(model="starter", messages=QUESTION, temperature=0, max_tokens=12)
    assert asyncio.run(ask()) == whole.choices[0].message.content


def test_several_answers_have_seeds_of_their_own(served: ServerProcess) -> None:
    client = served.client()

    def ask() -> list[str | None]:
        answer = client.chat.completions.create(
            model="starter",
            messages=[{"role": "user", "content": "Invent a name for a boat."}],
            n=3,
            seed=1,
            temperature=1.5,
            max_tokens=12,
        )
        assert [choice.index for choice in answer.choices] == [0, 1, 2]
        return [choice.message.content for choice in answer.choices]

    texts = ask()
    assert len(set(texts)) > 1
    assert ask() == texts


def test_a_stop_string_ends_an_answer(served: ServerProcess) -> None:
    answer = served.client().chat.completions.create(
        model="starter", messages=QUESTION, temperature=0, stop=["France"], max_tokens=30
    )
    assert answer.choices[0].finish_reason == "stop"
    assert "France" not in (answer.choices[0].message.content or "")


def test_log_probabilities_belong_to_the_tokens_of_the_text(served: ServerProcess) -> None:
    settings = {
        "model": "starter", "messages": QUESTION, "temperature": 0, "max_tokens": 12, "logprobs": True,
        "top_logprobs": 3,
    }  # fmt: skip
    client = served.client()
    choice = client.chat.completions.create(**settings).choices[0]
    assert choice.logprobs is not None and choice.logprobs.content is not None
    rows = choice.logprobs.content
    assert b"".join(bytes(row.bytes or ()) for row in rows).decode() == choice.message.content
    for row in rows:
        assert len(row.top_logprobs) == 3
        # What was chosen at temperature 0 is the likeliest, as long as nothing was said twice.
        assert row.logprob <= row.top_logprobs[0].logprob + 1e-6 <= 1e-6
        assert sum(math.exp(top.logprob) for top in row.top_logprobs) <= 1 + 1e-6
    chunks = [chunk.choices[0] for chunk in client.chat.completions.create(**settings, stream=True)]
    streamed = [row for chunk in chunks if chunk.logprobs for row in chunk.logprobs.content or ()]
    assert [row.token for row in streamed] == [row.token for row in rows]


class Answer(BaseModel):
    city: str
    population: int
    is_capital: bool


def test_an_answer_follows_a_json_schema(served: ServerProcess) -> None:
    parsed = served.client().chat.completions.parse(
        model="starter", messages=QUESTION, temperature=1.0, seed=5, max_tokens=200, response_format=Answer
    )
    answer = parsed.choices[0].message.parsed
    assert isinstance(answer, Answer)


def test_an_answer_is_a_json_object(served: ServerProcess) -> None:
    answer = served.client().chat.completions.create(
        model="starter",
        messages=[{"role": "user", "content": 'Answer in JSON: {"city": …}. What is the capital of France?'}],
        response_format={"type": "json_object"},
        temperature=0,
        max_tokens=200,
    )
    choice = answer.choices[0]
    text = choice.message.content or ""
    assert text.startswith("{")
    if choice.finish_reason == "stop":
        assert isinstance(json.loads(text), dict)


def test_a_text_goes_on(served: ServerProcess) -> None:
    client = served.client()
    answer = client.completions.create(
        model="starter", prompt=["one two three four", "A B C D E"], max_tokens=4, temperature=0, echo=True, n=1
    )
    assert [choice.index for choice in answer.choices] == [0, 1]
    assert answer.choices[0].text.startswith("one two three four")
    assert " F" in answer.choices[1].text
    settings = {"model": "starter", "prompt": "A B C D E", "max_tokens": 4, "temperature": 0}
    chunks = list(client.completions.create(**settings, stream=True))
    assert "".join(chunk.choices[0].text for chunk in chunks) == answer.choices[1].text.removeprefix("A B C D E")


def test_a_prompt_has_log_probabilities(served: ServerProcess) -> None:
    """As benchmarks ask for them: nothing new, only how likely the text is."""
    client = served.client()

    def likelihood(text: str) -> float:
        choice = client.completions.create(model="starter", prompt=text, max_tokens=0, echo=True, logprobs=1).choices[0]
        assert choice.text == text
        assert choice.logprobs is not None
        assert "".join(choice.logprobs.tokens or ()) == text
        assert (choice.logprobs.text_offset or [])[0] == 0
        return sum(value for value in choice.logprobs.token_logprobs or () if value is not None)

    assert likelihood("The capital of France is Paris.") > likelihood("The capital of France is Berlin.")


def test_tokens_are_a_prompt_too(served: ServerProcess) -> None:
    client = served.client()
    answer = client.completions.create(model="starter", prompt=[504, 3575], max_tokens=3, temperature=0, echo=True)
    assert len(answer.choices[0].text) > 3
    with pytest.raises(openai.BadRequestError, match="no token 999999"):
        client.completions.create(model="starter", prompt=[999999])


def test_similar_texts_have_similar_embeddings(served: ServerProcess) -> None:
    client = served.client()
    texts = ["The cat sleeps on the sofa.", "A cat is sleeping on a couch.", "Interest rates were raised in March."]
    answer = client.embeddings.create(model="starter", input=texts)
    cat, couch, bank = (row.embedding for row in answer.data)
    assert math.isclose(sum(x * x for x in cat), 1.0, abs_tol=1e-4)

    def likeness(some: list[float], others: list[float]) -> float:
        return sum(a * b for a, b in zip(some, others, strict=True))

    assert likeness(cat, couch) > likeness(cat, bank)
    floats = client.embeddings.create(model="starter", input=texts[0], encoding_format="float").data[0].embedding
    assert floats == pytest.approx(cat, abs=1e-6)
    assert answer.usage.prompt_tokens > 15


def test_a_prompt_that_is_too_long_is_said(served: ServerProcess) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        served.client().chat.completions.create(
            model="starter", messages=[{"role": "user", "content": "word " * 5000}], stream=True
        )
    assert caught.value.code == "context_length_exceeded"
    assert "2,048" in caught.value.message


def test_a_wrong_token_is_refused(served: ServerProcess) -> None:
    with pytest.raises(openai.AuthenticationError):
        served.client("another-token").models.list()


WRONG: dict[str, dict[str, object]] = {
    "messages": {"messages": []},
    "messages[0].role": {"messages": [{"role": "robot", "content": "hello"}]},
    "messages[0].content": {"messages": [{"role": "user", "content": 7}]},
    "messages[0].content[0].type": {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
    "messages[1].tool_call_id": {"messages": [*QUESTION, {"role": "tool", "content": "x"}]},
    "temperature": {"temperature": -1},
    "top_p": {"top_p": 2},
    "n": {"n": 1000},
    "max_tokens": {"max_tokens": 0},
    "stop": {"stop": [""]},
    "seed": {"seed": "one"},
    "stream": {"stream": "yes"},
    "top_logprobs": {"top_logprobs": 3},
    "logit_bias": {"logit_bias": {"1": 5}},
    "response_format.type": {"response_format": {"type": "xml"}},
    "response_format.json_schema.schema": {
        "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "strange"}}}
    },
    "tools": {"tools": [{"type": "function", "function": {"name": "f"}}]},
    "tools[0].function.name": {"tools": [{"type": "function", "function": {"name": "two words"}}]},
    "tool_choice": {"tool_choice": "required"},
}


@pytest.mark.parametrize("param", WRONG)
def test_what_is_wrong_is_named(served: ServerProcess, param: str) -> None:
    body = {"model": "starter", "messages": QUESTION, **WRONG[param]}
    with pytest.raises(openai.BadRequestError) as caught:
        served.client().post("/chat/completions", body=body, cast_to=object)
    assert caught.value.param == param
    assert caught.value.type == "invalid_request_error"


def test_another_model_is_not_found(served: ServerProcess) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        served.client().chat.completions.create(model="gpt-5", messages=QUESTION)
    assert caught.value.code == "model_not_found"
    assert "starter" in caught.value.message
