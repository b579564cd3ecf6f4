"""With an embedding model, passages are found by meaning, too; a vector is only of its model and its passage."""

from __future__ import annotations

import math
import random
import struct
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop.chat.documents.embedding_worker import EmbeddingInterrupted, EmbeddingWorker
from desktop.documents.embeddings import nearest
from desktop.documents.embeddings.baseline import SENTENCES, least_similarity
from desktop.documents.embeddings.model import EmbeddingModel
from desktop.documents.embeddings.nearest import nearest_passages
from desktop.documents.embeddings.run import embed_folder
from desktop.documents.embeddings.vector_index import PendingPassage, VectorIndex
from desktop.documents.embeddings.vectors import packed, signs, unpacked
from tests.desktop.documents.conftest import Desk
from tests.support.embedding_model import write_embedding_model

MEANINGS = (
    ["car", "automobile", "vehicle"],
    ["broken", "defective", "damaged"],
    ["工"],
    ["资", "薪", "酬", "钱"],
    ["发", "领", "付"],
    ["river"],
    ["bread"],
    ["recipe"],
    ["cheese"],
)


@pytest.fixture(scope="module")
def worker() -> Iterator[EmbeddingWorker]:
    worker = EmbeddingWorker()
    yield worker
    worker.close()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> EmbeddingModel:
    path = write_embedding_model(tmp_path_factory.mktemp("model") / "synonyms.gguf", MEANINGS)
    return EmbeddingModel(path, "synonyms", "1")


class MeaningDesk:
    """A desk with the vectors of its folder."""

    def __init__(self, desk: Desk, model: EmbeddingModel, worker: EmbeddingWorker) -> None:
        self.desk, self.model, self.worker = desk, model, worker
        self.index = VectorIndex(desk.database)
        self.embedded: list[str] = []

    def embed(self, text: str) -> Sequence[float]:
        self.embedded.append(text)
        return self.worker.passage(self.model.path, text, lambda: False)

    def update(self) -> list[tuple[int, int]]:
        """Read the folder and embed its passages; returns the reports."""
        reports: list[tuple[int, int]] = []
        self.desk.update()
        embed_folder(self.index, str(self.desk.folder), self.model, self.embed, lambda *counts: reports.append(counts))
        return reports

    def paths(self, question: str) -> list[str]:
        folder = str(self.desk.folder)
        vector = self.worker.question(self.model.path, self.model.question(question), 60)
        ids = nearest_passages(self.desk.database, folder, self.model.identity, question, vector)
        return [found.path for found in self.desk.search.find(folder, question, (), ids)]


@pytest.fixture
def meaning(desk: Desk, model: EmbeddingModel, worker: EmbeddingWorker) -> MeaningDesk:
    desk.write("garage.txt", "The automobile is defective.")
    desk.write("pay.txt", "每月十日发薪酬。")
    desk.write("food.txt", "A recipe for bread with cheese.")
    return MeaningDesk(desk, model, worker)


def test_a_question_in_other_words_finds_what_the_words_do_not(meaning: MeaningDesk) -> None:
    assert meaning.update()[-1] == (3, 3)
    for question, path in (("Which vehicle was damaged?", "garage.txt"), ("什么时候领工资？", "pay.txt")):
        assert meaning.desk.paths(question) == []
        assert meaning.paths(question) == [path]


def test_what_nothing_is_about_finds_nothing_by_meaning_either(meaning: MeaningDesk) -> None:
    meaning.update()
    assert meaning.paths("How long is the river?") == []
    assert meaning.paths("Who won?") == []


def test_words_and_meaning_are_ranked_together(meaning: MeaningDesk) -> None:
    meaning.desk.write("both.txt", "The broken car.")
    meaning.update()
    assert meaning.paths("Which car is broken?") == ["both.txt", "garage.txt"]


def test_only_new_passages_are_embedded_and_those_of_changed_files_leave(meaning: MeaningDesk) -> None:
    meaning.update()
    assert len(meaning.embedded) == len(SENTENCES) + 3
    meaning.embedded.clear()
    assert meaning.update() == [(3, 3)]
    meaning.desk.write("garage.txt", "The river is long.")
    meaning.desk.write("new.md", "# Trip\n\nA vehicle.\n\n" + "Long. " * 190)
    assert meaning.update()[-1] == (5, 5)
    first, second, third = meaning.embedded
    assert first == "The river is long." and second == "# Trip\nA vehicle." and third.startswith("Trip\nLong.")
    assert meaning.paths("Where is the automobile?") == ["new.md"]
    assert meaning.desk.database.rows("SELECT count(*) FROM document_vector") == [(5,)]


def test_a_run_that_is_interrupted_keeps_what_it_has_made(meaning: MeaningDesk) -> None:
    real = meaning.embed

    def interrupted(text: str) -> Sequence[float]:
        if len(meaning.embedded) == len(SENTENCES) + 2:
            raise EmbeddingInterrupted
        return real(text)

    meaning.embed = interrupted  # type: ignore[method-assign]
    with pytest.raises(EmbeddingInterrupted):
        meaning.update()
    meaning.embed = real  # type: ignore[method-assign]
    meaning.embedded.clear()
    assert meaning.update() == [(2, 3), (3, 3)]
    assert len(meaning.embedded) == 1


def test_another_model_makes_its_own_vectors(meaning: MeaningDesk, tmp_path: Path) -> None:
    meaning.update()
    other = write_embedding_model(tmp_path / "other.gguf", [["automobile"], ["ship"]])
    meaning.model = EmbeddingModel(other, "other", "2")
    assert meaning.paths("automobile") == ["garage.txt"]  # by its words
    assert meaning.update() == [(0, 3), (3, 3)]
    assert meaning.desk.paths("What is defective?") == ["garage.txt"]
    vector = meaning.worker.question(other, "automobile", 60)
    folder = str(meaning.desk.folder)
    assert nearest_passages(meaning.desk.database, folder, "1", "automobile", vector) == []
    assert len(nearest_passages(meaning.desk.database, folder, "2", "automobile", vector)) == 1


@pytest.mark.parametrize(
    ("statement", "made_again"),
    [
        ("UPDATE document_vector SET vector = x'00'", 3),
        ("UPDATE document_vector SET signs = x''", 3),
        ("UPDATE document_model SET baseline = x'0102'", len(SENTENCES)),
        ("DELETE FROM document_vector WHERE passage_id = 1", 1),
    ],
)
def test_damaged_vectors_are_ignored_and_made_again(meaning: MeaningDesk, statement: str, made_again: int) -> None:
    meaning.update()
    meaning.desk.database.write(statement)
    meaning.paths("Which vehicle was damaged?")
    meaning.embedded.clear()
    meaning.update()
    assert len(meaning.embedded) == made_again
    assert meaning.paths("Which vehicle was damaged?") == ["garage.txt"]


def test_a_vector_that_is_not_a_number_finds_nothing(meaning: MeaningDesk) -> None:
    meaning.update()
    dimensions = meaning.desk.database.rows("SELECT length(vector) / 2 FROM document_vector")[0][0]
    meaning.desk.database.write("UPDATE document_vector SET vector = ?", struct.pack("<e", math.nan) * dimensions)
    assert meaning.paths("Which vehicle was damaged?") == []


def test_a_vector_of_a_text_that_has_changed_meanwhile_is_not_stored(meaning: MeaningDesk) -> None:
    meaning.update()
    stored = meaning.index.model("1")
    assert stored is not None
    passage = next(iter(meaning.desk.database.rows("SELECT id, heading, text FROM document_passage")))
    meaning.desk.database.write("DELETE FROM document_vector")
    vector = stored.baseline[0]
    meaning.index.put(stored, [(PendingPassage(passage[0], "", "What it said before."), vector)])
    meaning.index.put(stored, [(PendingPassage(9999, "", "Gone."), vector)])
    assert meaning.index.counts(str(meaning.desk.folder), stored) == (0, 3)


def test_a_question_interrupts_the_passage_that_is_being_embedded(
    model: EmbeddingModel, worker: EmbeddingWorker
) -> None:
    vectors: list[Sequence[float]] = []
    asking = threading.Thread(target=lambda: vectors.append(worker.question(model.path, "car", 30)))

    def nobody_stops() -> bool:
        if asking.ident is None:
            asking.start()
            time.sleep(0.5)  # the question has come when this returns
        return False

    with pytest.raises(EmbeddingInterrupted):
        worker.passage(model.path, "car", nobody_stops)
    asking.join(30)
    assert len(vectors) == 1


def test_a_passage_can_be_stopped_and_a_question_does_not_wait_for_ever(
    model: EmbeddingModel, worker: EmbeddingWorker
) -> None:
    worker.passage(model.path, "car", lambda: False)
    begin = time.monotonic()
    with pytest.raises(EmbeddingInterrupted):
        worker.passage(model.path, "car", lambda: True)
    assert worker.question(model.path, "car", 30)
    slow = EmbeddingWorker()
    try:
        with pytest.raises(Exception, match="in time"):
            slow.question(model.path, "car", 0.0)  # its process has not even started
        assert time.monotonic() - begin < 20
        assert slow.question(model.path, "car", 30)
    finally:
        slow.close()


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=40))
def test_a_vector_is_stored_to_three_digits(vector: list[float]) -> None:
    assert unpacked(packed(vector)) == pytest.approx(vector, abs=1e-3)
    code = int.from_bytes(signs(vector), "big")
    assert code.bit_count() == sum(value > 0 for value in vector)


def test_signs_lose_none_of_those_that_are_alike() -> None:
    source = random.Random(1)
    topics = [[source.gauss(0.3, 1) for _ in range(128)] for _ in range(200)]  # off the centre, as real models are
    vectors = [[value + source.gauss(0, 1) for value in topic] for topic in topics for _ in range(12)]
    code = int.from_bytes(signs(topics[0]), "big")
    distance = [(int.from_bytes(signs(vector), "big") ^ code).bit_count() for vector in vectors]
    by_signs = sorted(range(len(vectors)), key=lambda one: distance[one])[: nearest._RANKED_EXACTLY]
    assert set(range(12)) <= set(by_signs)


def test_what_is_unrelated_is_measured_in_the_language_of_the_question() -> None:
    english, chinese = [[1.0, 0.0]] * (len(SENTENCES) // 2), [[0.0, 1.0]] * (len(SENTENCES) // 2)
    vector = [0.6, 0.8]
    assert least_similarity("Which?", vector, english + chinese) == pytest.approx(0.7)
    assert least_similarity("哪个？", vector, english + chinese) == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("name", "question", "passage"),
    [
        ("bge-small-zh-v1.5", "为这个句子生成表示以用于检索相关文章：x", "x"),
        ("Bge Small En v1.5", "Represent this sentence for searching relevant passages: x", "x"),
        ("bge-m3", "x", "x"),
        ("multilingual-e5-small", "query: x", "passage: x"),
        ("nomic-embed-text-v1.5", "search_query: x", "search_document: x"),
        ("Qwen3 Embedding 0.6B", "Instruct: Given a web search query", "x"),
        ("all-MiniLM-L6-v2", "x", "x"),
    ],
)
def test_a_model_gets_the_instructions_that_it_was_trained_with(name: str, question: str, passage: str) -> None:
    model = EmbeddingModel(Path("model.gguf"), name, "")
    assert model.question("x").startswith(question)
    assert model.passage("x") == passage
    assert EmbeddingModel(Path(f"{name}.gguf"), "tmp", "").passage("x") == passage
