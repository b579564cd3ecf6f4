"""Write the text that the small Chinese and English chat model is trained and measured on.

    python train/chat/make_text.py OUTPUT_DIR [--megabytes 4] [--seed 1]

Everything comes from this folder: tables of words, facts, sentences and dialogues (`sources/`), and the grammar that
bends them (`makers/`). The same seed writes the same bytes. What is held out is chosen by what a sample says, not by
its wording: a sum, a sentence or a story is asked for in training in every form, or in none. What is left of repetition
between the two sides (a held-out sum inside a longer story) is looked for and taken out of the held-out side.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

# Run as a file or imported by its path, it finds its makers beside it.
sys.path.insert(0, str(Path(__file__).resolve().parent))

from makers import arithmetic, dates, handwritten, judging, sentences, stories, words
from makers.overlap import TrainingText, plain
from makers.sample import Maker, Sample

EVALUATION = Path(__file__).resolve().parent.parent.parent / "assets" / "evaluation"
HELD_OUT_PERCENT = 8
# A maker that says nothing new so many times in a row has said everything.
_EXHAUSTED = 300


@dataclass(frozen=True, slots=True)
class Share:
    """How much of the text one maker writes, in parts of the sum of all."""

    name: str
    maker: Maker
    weight: float


_GENERATED = (
    Share("sums", arithmetic.sum_zh, 4),
    Share("sums", arithmetic.sum_en, 4),
    Share("chains", arithmetic.chain_zh, 2),
    Share("chains", arithmetic.chain_en, 2),
    Share("problems", arithmetic.problem_zh, 4),
    Share("problems", arithmetic.problem_en, 4),
    Share("comparisons", arithmetic.compare, 2),
    Share("counting", arithmetic.counting, 2),
    Share("parity", arithmetic.parity, 0.5),
    Share("weekdays", dates.weekday_zh, 1),
    Share("weekdays", dates.weekday_en, 1),
    Share("months", dates.month, 1),
    Share("hours", dates.clock, 2),
    Share("weather", dates.weather, 4),
    Share("kinds", words.kind, 5),
    Share("odd-one-out", words.odd_one_out, 3),
    Share("lists", words.list_of_kind, 3),
    Share("word-translation", words.translate_word, 7),
    Share("opposites", words.opposite, 2),
    Share("countries", words.country, 3),
    Share("animals", words.animal, 4),
    Share("sentence-translation", sentences.translate_sentence, 12),
    Share("statements", sentences.statement, 6),
    Share("rewriting", sentences.rewrite_zh, 3),
    Share("rewriting", sentences.rewrite_en, 3),
    Share("extraction", sentences.parts_zh, 4),
    Share("extraction", sentences.parts_en, 4),
    Share("sentiment", judging.sentiment, 3),
    Share("topics", judging.topic, 2),
    Share("politeness", judging.polite, 1),
    Share("notices", judging.notice, 5),
    Share("stories", stories.story, 12),
    Share("days", stories.day, 7),
)
_HANDWRITTEN = (
    Share("facts", handwritten.fact_zh, 1),
    Share("facts", handwritten.fact_en, 1),
    Share("definitions", handwritten.definition_zh, 1),
    Share("definitions", handwritten.definition_en, 1),
    Share("dialogues", handwritten.dialogue_zh, 1),
    Share("dialogues", handwritten.dialogue_en, 1),
    Share("sentence-pairs", handwritten.translate_handwritten, 1),
    Share("passages", handwritten.passage, 1),
)
# Who the model is and how it greets must be learned.
_ALWAYS_TRAINED = "dialogue:"


def is_held_out(key: str) -> bool:
    """Whether samples that say `key` are kept for measuring; the same for every seed."""
    if key.startswith(_ALWAYS_TRAINED):
        return False
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big") % 100 < HELD_OUT_PERCENT


@dataclass
class Corpus:
    """The samples of both sides, no text twice."""

    train: list[tuple[str, Sample]] = field(default_factory=list)
    handwritten: list[tuple[str, Sample]] = field(default_factory=list)
    held_out: list[tuple[str, Sample]] = field(default_factory=list)
    dropped: int = 0
    _seen: set[str] = field(default_factory=set)

    def fill(self, shares: Sequence[Share], size: float, seed: int, into: list[tuple[str, Sample]]) -> None:
        """Let every maker write its share of `size` bytes, or all it can say."""
        total = sum(share.weight for share in shares)
        for place, share in enumerate(shares):
            rng = Random(f"{seed}:{place}:{share.name}")  # noqa: S311 - not a secret
            left, repeated = size * share.weight / total, 0
            while left > 0 and repeated < _EXHAUSTED:
                sample = share.maker(rng)
                text = sample.joined()
                if text in self._seen:
                    repeated += 1
                    continue
                repeated = 0
                self._seen.add(text)
                left -= len(text.encode())
                (self.held_out if is_held_out(sample.key) else into).append((share.name, sample))

    def separate(self, questions: Iterable[str]) -> None:
        """Take out of training what asks an evaluation question, and out of the held-out side what training says."""
        asked = {plain(question) for question in questions}
        for side in (self.train, self.handwritten):
            kept = [(name, sample) for name, sample in side if not asked & {plain(turn) for turn in sample.turns}]
            self.dropped += len(side) - len(kept)
            side[:] = kept
        training = TrainingText(sample for _, sample in (*self.train, *self.handwritten))
        kept = [(name, sample) for name, sample in self.held_out if not training.says(sample)]
        self.dropped += len(self.held_out) - len(kept)
        self.held_out = kept


def make(size: float, seed: int, questions: Iterable[str] = ()) -> Corpus:
    """About `size` bytes of text, in an order without pattern."""
    corpus = Corpus()
    corpus.fill(_HANDWRITTEN, float("inf"), seed, corpus.handwritten)
    corpus.fill(_GENERATED, size, seed, corpus.train)
    corpus.separate(questions)
    for side in (corpus.train, corpus.handwritten, corpus.held_out):
        Random(f"{seed}:order").shuffle(side)  # noqa: S311 - not a secret
    return corpus


def evaluation_questions() -> list[str]:
    """What the project's own evaluation sets ask: every turn of every item."""
    files = [*EVALUATION.glob("items.jsonl"), *sorted((EVALUATION / "own").glob("*.jsonl"))]
    rows = [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    return [turn for row in rows for turn in row.get("turns") or [row["question"]]]


def conversation(name: str, number: int, sample: Sample) -> str:
    """A conversation as a row of BELLE's format."""
    roles = ("human", "assistant")
    turns = [{"from": roles[place % 2], "value": turn} for place, turn in enumerate(sample.turns)]
    return json.dumps({"id": f"{name}-{number}", "category": name, "conversations": turns}, ensure_ascii=False)


def files_of(corpus: Corpus) -> dict[str, str]:
    """Name of the file -> its content."""

    def rows(side: list[tuple[str, Sample]], wanted: Callable[[Sample], bool]) -> str:
        numbered = enumerate(((name, sample) for name, sample in side if wanted(sample)), start=1)
        lines = [
            conversation(name, number, sample)
            if sample.turns
            else json.dumps({"text": sample.text}, ensure_ascii=False)
            for number, (name, sample) in numbered
        ]
        return "".join(f"{line}\n" for line in lines)

    files = {
        "train.jsonl": rows(corpus.train, lambda sample: bool(sample.turns)),
        "handwritten.jsonl": rows(corpus.handwritten, lambda sample: bool(sample.turns)),
        "text.jsonl": rows(corpus.train + corpus.handwritten, lambda sample: not sample.turns),
    }
    for language in ("zh", "en"):
        mine = [(name, sample) for name, sample in corpus.held_out if sample.language == language]
        files[f"heldout.{language}.jsonl"] = rows(mine, lambda sample: bool(sample.turns))
        files[f"heldout.{language}.txt"] = "".join(f"{sample.text}\n" for _, sample in mine if sample.text)
    return files


def write(folder: Path, files: dict[str, str], **facts: object) -> None:
    """Write the files and manifest.json (bytes, rows, sha256), each under a temporary name first."""
    folder.mkdir(parents=True, exist_ok=True)
    described = {
        name: {
            "bytes": len(content.encode()),
            "rows": content.count("\n"),
            "sha256": hashlib.sha256(content.encode()).hexdigest(),
        }
        for name, content in files.items()
    }
    manifest = json.dumps({**facts, "licence": "CC0-1.0", "files": described}, indent=2) + "\n"
    for name, content in {**files, "manifest.json": manifest}.items():
        temporary = folder / f"{name}.tmp"
        with temporary.open("w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(folder / name)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. Returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("--megabytes", type=float, default=4.0, help="of generated text (default 4)")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(arguments)
    corpus = make(args.megabytes * 1e6, args.seed, evaluation_questions())
    files = files_of(corpus)
    write(args.output, files, seed=args.seed, dropped_as_overlap=corpus.dropped)
    for name, content in files.items():
        sys.stdout.write(f"{name:20} {len(content.encode()):9,} bytes {content.count(chr(10)):7,} rows\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
