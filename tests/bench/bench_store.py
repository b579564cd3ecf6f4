"""The list and search with 10,000 conversations and 200,000 messages, half Chinese, a quarter English, the rest mixed.

    python -m tests.bench.bench_store [FILE]    # FILE: keep the made database there, and use it again next time

Times are in milliseconds, the best of several runs: the machine may be busy with other things. The texts are random
words with the frequencies that words have (Zipf), about 330 characters each. Making the database takes about a minute.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

import numpy as np

from desktop.store import Store, search_index
from desktop.store.transactions import transaction
from tests.bench.measure import Measure, at_most

CONVERSATIONS = 10_000
MESSAGES_EACH = 20
TARGET_MS = 100


class Corpus:
    """Random Chinese and English words with natural frequencies, the most frequent first."""

    def __init__(self, seed: int = 1) -> None:
        self._random = np.random.default_rng(seed)
        characters = [chr(0x4E00 + int(at)) for at in self._random.permutation(20_000)[:4_000]]
        letters = list("etaoinshrdlucmfwypvbgkjqxz")
        self.chinese = self._words(characters, lengths=[1, 2, 2, 2, 3, 4], count=30_000, separator="")
        self.english = self._words(letters, lengths=[2, 3, 4, 5, 6, 7, 8, 9], count=20_000, separator="")

    def texts(self, count: int) -> Iterator[str]:
        """`count` messages."""
        chinese, english = self._endless(self.chinese), self._endless(self.english)
        kinds, lengths = self._random.random(count), self._random.integers(200, 460, size=count)
        for kind, length in zip(kinds, lengths, strict=True):
            if kind < 0.5:
                yield self._sentences(chinese, int(length) // 2, "")
            elif kind < 0.75:
                yield self._sentences(english, int(length) // 6, " ")
            else:
                yield (
                    self._sentences(chinese, int(length) // 4, "")
                    + "\n"
                    + self._sentences(english, int(length) // 12, " ")
                )

    def _words(self, symbols: list[str], lengths: list[int], count: int, separator: str) -> list[str]:
        sizes = self._random.choice(lengths, size=count)
        picked = iter(self._random.choice(len(symbols), size=int(sizes.sum()), p=_zipf(len(symbols), 0.8)).tolist())
        return [separator.join(symbols[at] for at in islice(picked, int(size))) for size in sizes]

    def _endless(self, words: list[str]) -> Iterator[str]:
        frequencies = _zipf(len(words), 1.0)
        while True:
            yield from (words[at] for at in self._random.choice(len(words), size=100_000, p=frequencies).tolist())

    @staticmethod
    def _sentences(words: Iterator[str], count: int, separator: str) -> str:
        picked = list(islice(words, count))
        return "。".join(separator.join(picked[at : at + 15]) for at in range(0, count, 15))


def _zipf(count: int, exponent: float) -> np.ndarray:
    weights = 1 / np.arange(1, count + 1) ** exponent
    return weights / weights.sum()


def build(path: Path, corpus: Corpus) -> None:
    """Write the conversations at `path`: all rows in one transaction, then the index at once."""
    total = CONVERSATIONS * MESSAGES_EACH
    now = time.time()
    conversations = [
        (id_, "".join(corpus.chinese[(id_ * 7 + at) % 30_000] for at in range(4)), now + 60 * id_, now + 60 * id_)
        for id_ in range(1, CONVERSATIONS + 1)
    ]
    messages = (
        (
            id_,
            (id_ - 1) // MESSAGES_EACH + 1,
            id_ - 1 if (id_ - 1) % MESSAGES_EACH else None,
            "assistant" if (id_ - 1) % 2 else "user",
            now + 3 * id_,
            text,
        )
        for id_, text in enumerate(corpus.texts(total), start=1)
    )
    with closing(Store.open(path)) as store:
        connection = store._db._connection
        search_index.detach(connection)
        with transaction(connection):
            connection.executemany(
                "INSERT INTO conversation (id, title, created_at, updated_at) VALUES (?, ?, ?, ?)", conversations
            )
            connection.executemany(
                "INSERT INTO message (id, conversation_id, parent_id, role, status, created_at, text)"
                " VALUES (?, ?, ?, ?, 'complete', ?, ?)",
                messages,
            )
            connection.execute("INSERT INTO active_child SELECT parent_id, id FROM message WHERE parent_id IS NOT NULL")
            connection.execute(f"UPDATE conversation SET active_leaf = id * {MESSAGES_EACH}")
    Store.open(path).close()


def queries(corpus: Corpus) -> dict[str, str]:
    """What is searched for, by the name in the table."""
    two = [word for word in corpus.chinese if len(word) == 2]
    four = [word for word in corpus.chinese if len(word) == 4]
    long = [word for word in corpus.english if len(word) == 7]
    return {
        "frequent Chinese word of 2": two[0],
        "less frequent Chinese word of 2": two[300],
        "rare Chinese word of 2": two[-1],
        "2 characters that are nowhere": "㗂㗂",
        "1 character that is nowhere": "㗂",
        "frequent Chinese word of 4": four[0],
        "rare Chinese word of 4": four[-1],
        "4 characters that are nowhere": "㗂㗃㗄㗅",
        "frequent English word": corpus.english[0],
        "English word": long[50],
        "rare English word": long[-1],
        "English word that is nowhere": "quetzalcoatl",
        "Chinese and English word": f"{two[20]} {long[20]}",
        "two rare Chinese words": f"{two[-1]} {two[-2]}",
        "frequent word with one that is nowhere": f"{two[0]} 㗂㗂",
    }


def run(path: Path | None = None) -> list[Measure]:
    """The rows of the table."""
    corpus = Corpus()
    with tempfile.TemporaryDirectory() as folder:
        file = path or Path(folder, "bench.sqlite3")
        if not file.exists():
            build(file, corpus)
        rows = [
            at_most(
                "store: open and list the first 100 of 10,000 conversations, cold (ms)", _cold_list_ms(file), TARGET_MS
            )
        ]
        with closing(Store.open(file)) as store:
            for name, query in queries(corpus).items():
                value = _best_ms(lambda query=query: store.search(query))
                rows.append(at_most(f"store: search 200,000 messages: {name} (ms)", value, TARGET_MS))
    return rows


def _cold_list_ms(path: Path) -> float:
    def open_and_list() -> None:
        with closing(Store.open(path)) as store:
            assert len(store.conversations(limit=100)) == 100

    return _best_ms(open_and_list, before=lambda: _forget_cached(path))


def _forget_cached(path: Path) -> None:
    """Take the file out of the system's cache, where that can be asked for."""
    if hasattr(os, "posix_fadvise"):
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _best_ms(action: Callable[[], object], before: Callable[[], None] = lambda: None, runs: int = 5) -> float:
    best = float("inf")
    for _ in range(runs):
        before()
        start = time.perf_counter()
        action()
        best = min(best, time.perf_counter() - start)
    return best * 1000


if __name__ == "__main__":
    for row in run(Path(sys.argv[1]) if len(sys.argv) > 1 else None):
        print(f"{row['value']:>8.1f}  {row['target']:>6}  {'' if row['ok'] else 'missed':<6}  {row['measure']}")
