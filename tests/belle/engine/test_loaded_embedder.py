"""A model that is loaded for embeddings alone: BERT and its kin, which cannot chat, as well as those that can."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from pathlib import Path

import gguf
import numpy as np
import pytest

from belle.engine.process.client import EngineClient
from belle.engine.process.commands import Embed, Generate, Load
from belle.engine.process.events import Embedded, Event, Failed, Loading, Ready
from belle.gguf.reader import read_header
from belle.prompts import Message
from tests.support.embedding_model import write_embedding_model

MEANINGS = (["car", "automobile"], ["车"], ["red"], ["river"], ["drives"])


class Worker:
    """A worker process and its events."""

    def __init__(self) -> None:
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.client = EngineClient(self.events.put)
        self.client.start()

    def next(self) -> Event:
        while True:
            event = self.events.get(timeout=60)
            if isinstance(event, Ready | Embedded | Failed):
                return event
            assert isinstance(event, Loading) or type(event).__name__ == "Hello"

    def load(self, path: Path) -> Event:
        self.client.load(Load(str(path), embeddings_only=True, threads=1))
        return self.next()

    def embed(self, text: str, *, truncate: bool = False) -> Event:
        self.client.embed(Embed(7, text, truncate))
        return self.next()

    def vector(self, text: str) -> np.ndarray:
        embedded = self.embed(text)
        assert isinstance(embedded, Embedded), embedded
        return np.array(embedded.vector)


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    worker = Worker()
    yield worker
    worker.client.close()


def test_a_model_that_cannot_chat_makes_embeddings(worker: Worker, tmp_path: Path) -> None:
    path = write_embedding_model(tmp_path / "synonyms.gguf", MEANINGS)
    ready = worker.load(path)
    assert isinstance(ready, Ready) and ready.model.template is None and ready.model.n_ctx == 64
    red_car, automobile, river = (worker.vector(text) for text in ("Red car", "red AUTOMOBILE", "river"))
    assert red_car @ automobile > 0.999
    assert abs(red_car @ river) < 0.6
    assert worker.vector("车") @ worker.vector("车，？") > 0.999


def test_a_text_that_is_too_long_is_refused_or_cut(worker: Worker, tmp_path: Path) -> None:
    worker.load(write_embedding_model(tmp_path / "synonyms.gguf", MEANINGS))
    long = "car " * 100 + "river " * 100
    refused, cut = worker.embed(long), worker.embed(long, truncate=True)
    assert isinstance(refused, Failed) and refused.kind == "prompt_too_long"
    assert isinstance(cut, Embedded) and cut.tokens == 64
    assert np.array(cut.vector) @ worker.vector("car") > 0.999


def test_text_that_looks_like_a_control_token_is_text(worker: Worker, tmp_path: Path) -> None:
    worker.load(write_embedding_model(tmp_path / "synonyms.gguf", MEANINGS))
    embedded = worker.embed("[SEP] car")
    assert isinstance(embedded, Embedded) and embedded.tokens > 4  # [CLS] "[" "sep" "]" "car" [SEP]


def test_such_a_model_answers_no_question_and_a_text_without_tokens_is_no_bug(worker: Worker, tmp_path: Path) -> None:
    worker.load(write_embedding_model(tmp_path / "synonyms.gguf", MEANINGS))
    worker.client.generate(Generate(7, (Message("user", "car"),)))
    failed = worker.next()
    assert isinstance(failed, Failed) and failed.kind == "no_model"
    assert isinstance(worker.embed(""), Embedded | Failed)
    assert isinstance(worker.embed("unknown words alone"), Embedded)


@pytest.mark.parametrize("pooling", [gguf.PoolingType.CLS, gguf.PoolingType.LAST])
def test_the_pooling_of_the_file_is_used(worker: Worker, tmp_path: Path, pooling: gguf.PoolingType) -> None:
    worker.load(write_embedding_model(tmp_path / "pooled.gguf", MEANINGS, pooling=pooling))
    # Its first and last token, [CLS] and [SEP], have no vector.
    assert not worker.vector("car").any()


def test_a_model_that_chats_makes_embeddings_too(worker: Worker, starter: Path) -> None:
    ready = worker.load(starter)
    assert isinstance(ready, Ready)
    cat, feline, bread = (worker.vector(text) for text in ("A cat.", "A cat!", "Bread is baked."))
    assert cat @ feline > cat @ bread


def test_a_file_tells_whether_it_is_an_embedding_model(tmp_path: Path, starter: Path) -> None:
    kinds = {
        gguf.PoolingType.MEAN: True,
        gguf.PoolingType.CLS: True,
        gguf.PoolingType.LAST: True,
        gguf.PoolingType.NONE: False,
        gguf.PoolingType.RANK: False,  # a reranker
    }
    for pooling, makes in kinds.items():
        path = write_embedding_model(tmp_path / f"{pooling.name}.gguf", MEANINGS, pooling=pooling)
        assert read_header(path).makes_embeddings is makes
    assert not read_header(starter).makes_embeddings
