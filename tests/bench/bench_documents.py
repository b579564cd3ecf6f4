"""A folder of 1,000 pages, half of them in PDFs, half in Markdown, Chinese and English: reading it, and a question.

    python -m tests.bench.bench_documents

Seconds and milliseconds of this machine; a question is the best of several runs. A page has about 1,500 characters of
Chinese, or 2,500 of English, as printed ones have. The vectors are random ones, of as many numbers as those of small
embedding models; the time in which the model makes that of the question is its own.
"""

from __future__ import annotations

import math
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

from desktop.documents.choices import DocumentChoices
from desktop.documents.embeddings.baseline import SENTENCES
from desktop.documents.embeddings.nearest import nearest_passages
from desktop.documents.embeddings.vector_index import VectorIndex
from desktop.documents.index import DocumentIndex
from desktop.documents.indexing import FolderUpdate
from desktop.documents.reader_process import ReaderProcess
from desktop.documents.search import DocumentSearch
from desktop.store import Store
from desktop.store.database import Database
from tests.bench.bench_store import Corpus
from tests.bench.measure import Measure, at_most
from tests.support.documents import write_pdf

PAGES = 1000
PAGES_EACH = 50
INDEX_S = 60
QUERY_MS = 50
MODEL = "bench"
DIMENSIONS = 512


def run() -> list[Measure]:
    """Time to read the folder, to look through it again, and to find the passages for questions."""
    with tempfile.TemporaryDirectory() as folder:
        documents = Path(folder) / "documents"
        documents.mkdir()
        corpus = Corpus()
        _write(documents, corpus)
        with Store.open(Path(folder) / "store" / "conversations.sqlite3") as store:
            return _measure(store.file, str(documents), corpus)


def _measure(file: Path, folder: str, corpus: Corpus) -> list[Measure]:
    with closing(Database.beside(file)) as database, ReaderProcess() as reader:
        DocumentChoices(database).choose(None, folder)
        times = []
        for _ in range(2):
            start = time.perf_counter()
            last = FolderUpdate(DocumentIndex(database), folder, reader, lambda _: None).run()
            times.append(time.perf_counter() - start)
            assert last.problem is None and not last.unreadable
        rows = [
            at_most("documents: read 1,000 pages (s)", times[0], INDEX_S),
            at_most("documents: look through them again, unchanged (s)", times[1], INDEX_S / 60),
        ]
        search = DocumentSearch(database)
        for name, question in _questions(corpus).items():
            value = min(_query_ms(search, folder, question) for _ in range(5))
            rows.append(at_most(f"documents: find passages, {name} (ms)", value, QUERY_MS))
        _add_vectors(database, folder)
        question = next(iter(_questions(corpus).values()))
        value = min(_query_ms(search, folder, question, database) for _ in range(5))
        rows.append(at_most("documents: find passages, by meaning, too (ms)", value, QUERY_MS))
    return rows


def _add_vectors(database: Database, folder: str) -> None:
    """Give each passage a vector."""
    source = random.Random(1)
    index = VectorIndex(database)
    model = index.add_model(MODEL, [_vector(source) for _ in SENTENCES])
    for passages in index.pending(folder, model):
        index.put(model, [(passage, _vector(source)) for passage in passages])


def _vector(source: random.Random) -> list[float]:
    values = [source.gauss(0, 1) for _ in range(DIMENSIONS)]
    length = math.hypot(*values)
    return [value / length for value in values]


def _query_ms(search: DocumentSearch, folder: str, question: str, vectors: Database | None = None) -> float:
    vector = _vector(random.Random(2))
    start = time.perf_counter()
    nearest = nearest_passages(vectors, folder, MODEL, question, vector) if vectors is not None else ()
    search.find(folder, question, ["And what was that about?"], nearest)
    return (time.perf_counter() - start) * 1000


def _questions(corpus: Corpus) -> dict[str, str]:
    # The most frequent words: the longest lists of passages.
    return {
        "English": f"What do {' and '.join(corpus.english[60:66])} have in common?",
        "Chinese": f"{'，'.join(corpus.chinese[20:26])}有什么关系？",
        "a page": "What does page 3 say?",
    }


def _write(folder: Path, corpus: Corpus) -> None:
    pages = _pages(corpus)
    for number in range(PAGES // PAGES_EACH):
        texts = list(islice(pages, PAGES_EACH))
        if number % 2:
            write_pdf(folder / f"{number}.pdf", texts)
        else:
            text = "\n\n".join(f"# Chapter {page}\n\n{text}" for page, text in enumerate(texts, 1))
            (folder / f"{number}.md").write_text(text, encoding="utf-8")


def _pages(corpus: Corpus) -> Iterator[str]:
    chinese, english = corpus._endless(corpus.chinese), corpus._endless(corpus.english)
    while True:
        yield _lines(corpus._sentences(chinese, 650, ""), 40)
        yield _lines(corpus._sentences(english, 400, " "), 80)


def _lines(text: str, width: int) -> str:
    return "\n".join(text[at : at + width] for at in range(0, len(text), width))


if __name__ == "__main__":
    for row in run():
        print(f"{row['value']:>8.1f}  {row['target']:>6}  {'' if row['ok'] else 'missed':<6}  {row['measure']}")
