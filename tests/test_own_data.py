"""The text that this project wrote for itself: evaluation items, prose, training data, and what generates more."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pytest

from belle.data.read import read_rows
from belle.prompts import Message, as_text, get_template

ROOT = Path(__file__).parent.parent
EVALUATION = ROOT / "assets" / "evaluation"
TEXT = ROOT / "assets" / "text"
TINY = ROOT / "train" / "tiny"
CHAT = ROOT / "train" / "chat"
# transformers 5 does not put a space in front of a text that begins with one; SentencePiece does.
PROBES = (
    "Human: \n你好\n\nAssistant: \n",
    "two  spaces ",
    "\n\n",
    "龘🙂 is not in the vocabulary",
    "a\tb",
    "",
    "3.14 = π",
)


def json_lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = loaded  # dataclasses look their module up
    spec.loader.exec_module(loaded)
    return loaded


def plain(text: str) -> str:
    return "".join(letter for letter in text.lower() if letter.isalnum())


@pytest.fixture(scope="module")
def items() -> list[dict]:
    return json_lines(EVALUATION / "items.jsonl")


@pytest.mark.parametrize("folder", [EVALUATION, TEXT, TINY / "data", CHAT])
def test_every_folder_of_text_states_its_licence(folder: Path) -> None:
    assert "CC0-1.0" in (folder / "README.md").read_text(encoding="utf-8")


def test_an_item_is_multiple_choice_or_an_exact_answer(items: list[dict]) -> None:
    for item in items:
        assert list(item)[:4] == ["id", "language", "category", "question"], item
        assert set(item) - {"choices"} == {"id", "language", "category", "question", "answer"}, item
        assert item["language"] in ("zh", "en") and item["question"].strip() == item["question"] != ""
        if "choices" in item:
            assert len(item["choices"]) == len(set(item["choices"])) == 4 and all(item["choices"]), item
            assert item["answer"] in ("A", "B", "C", "D"), item
        else:
            assert item["answer"].strip() == item["answer"] != ""


def test_items_are_balanced_and_none_comes_twice(items: list[dict]) -> None:
    assert len(items) >= 240
    assert len({item["id"] for item in items}) == len(items)
    assert len({plain(item["question"] + "".join(item.get("choices", []))) for item in items}) == len(items)
    for count in Counter((item["category"], item["language"]) for item in items).values():
        assert count >= 10
    by_category = Counter(item["category"] for item in items)
    assert len(by_category) == 10 and min(by_category.values()) >= 20
    for language in ("zh", "en"):
        mine = [item for item in items if item["language"] == language]
        assert len(mine) == len(items) / 2
        letters = Counter(item["answer"] for item in mine if "choices" in item)
        assert max(letters.values()) - min(letters.values()) <= 1


def test_the_readme_counts_the_items(items: list[dict]) -> None:
    table = re.findall(
        r"^\| ([a-z ]+) \| (\d+) \| (\d+) \|", (EVALUATION / "README.md").read_text(encoding="utf-8"), re.M
    )
    counted = Counter((item["category"], item["language"]) for item in items)
    assert {(name, int(zh), int(en)) for name, zh, en in table} == {
        (name, counted[name, "zh"], counted[name, "en"]) for name in {item["category"] for item in items}
    }


def test_sums_among_the_items_are_right(items: list[dict]) -> None:
    checked = 0
    for item in items:
        found = re.search(r"(\d+) ([+−×÷]) (\d+)(?: ([+−×÷]) (\d+))?", item["question"])
        if found and "choices" not in item:
            sum_ = found[0].translate(str.maketrans("−×÷", "-*/"))
            assert eval(sum_) == int(item["answer"]), item
            checked += 1
    assert checked >= 4


@pytest.mark.parametrize(("language", "letters"), [("zh", r"[\u4e00-\u9fff]"), ("en", r"[A-Za-z]")])
def test_prose_is_long_and_never_repeats_itself(language: str, letters: str) -> None:
    text = (TEXT / f"{language}.txt").read_text(encoding="utf-8")
    paragraphs = text.strip().split("\n\n")
    assert len(text.encode()) > 40_000 and len(paragraphs) >= 80
    assert all("\n" not in paragraph and len(paragraph) > 60 for paragraph in paragraphs)
    assert len(re.findall(letters, text)) > 0.75 * len(text)
    sentences = Counter(plain(sentence) for sentence in re.split(r"[。！？.!?]", text) if len(plain(sentence)) > 20)
    assert sentences.most_common(1)[0][1] == 1


def test_prose_for_measuring_is_not_what_models_train_on() -> None:
    trained = plain((TINY / "data" / "pretrain.jsonl").read_text(encoding="utf-8"))
    for file in (CHAT / "sources").iterdir():
        trained += plain(file.read_text(encoding="utf-8"))
    for language in ("zh", "en"):
        text = (TEXT / f"{language}.txt").read_text(encoding="utf-8")
        for sentence in re.split(r"[。！？.!?\n]", text):
            assert len(plain(sentence)) < 20 or plain(sentence) not in trained, sentence


def test_tiny_data_is_read_as_what_it_is() -> None:
    data = TINY / "data"
    conversations = list(read_rows(data / "sft.jsonl", "conversation"))
    assert len(conversations) >= 60 and sum(len(row.messages) > 2 for row in conversations) >= 10
    assert len(list(read_rows(data / "pretrain.jsonl", "text"))) == 60
    preferences = list(read_rows(data / "preference.jsonl", "preference"))
    assert len(preferences) == 64 and all(row.chosen != row.rejected for row in preferences)
    prompts = {row["text"] for row in json_lines(data / "prompts.jsonl")}
    asked = {row["prompt"] for row in json_lines(data / "preference.jsonl")}
    assert len(prompts) == 48 and not prompts & asked


def test_tiny_conversations_begin_differently() -> None:
    first = [row["conversations"][0]["value"] for row in json_lines(TINY / "data" / "sft.jsonl")]
    openings = [text.split()[0] if text.isascii() or text[0].isascii() else text[:2] for text in first]
    assert [opening for opening, count in Counter(openings).items() if count > 1] == []


@pytest.mark.parametrize("name", ["preference.jsonl", "prompts.jsonl"])
def test_tiny_prompts_are_in_the_template_of_belle(name: str) -> None:
    for row in json_lines(TINY / "data" / name):
        text = row.get("prompt", row.get("text"))
        question = text.removeprefix("Human: \n").removesuffix("\n\nAssistant: \n")
        assert as_text(get_template("belle").segments([Message("user", question)])) == text


def test_the_tiny_tokenizer_comes_from_the_tiny_data(tmp_path: Path) -> None:
    pytest.importorskip("sentencepiece")
    script = module(CHAT / "make_tokenizer.py")
    files = sorted((TINY / "data").glob("*.jsonl"))
    assert script.main([str(tmp_path / "made"), "--vocab-size", "1536", *map(str, files)]) == 0
    for name in ("tokenizer.model", "tokenizer_config.json"):
        assert (tmp_path / "made" / name).read_bytes() == (TINY / "tokenizer" / name).read_bytes()


@pytest.mark.slow
def test_the_chat_tokenizer_comes_from_the_chat_text(chat: ModuleType, tmp_path: Path) -> None:
    pytest.importorskip("sentencepiece")
    assert chat.main([str(tmp_path / "text")]) == 0
    files = [str(tmp_path / "text" / f"{name}.jsonl") for name in ("train", "handwritten", "text")]
    assert module(CHAT / "make_tokenizer.py").main([str(tmp_path / "made"), "--vocab-size", "4096", *files]) == 0
    made = (tmp_path / "made" / "tokenizer.model").read_bytes()
    assert made == (CHAT / "tokenizer" / "tokenizer.model").read_bytes()


def test_too_large_a_vocabulary_is_said_in_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("sentencepiece")
    text = tmp_path / "short.txt"
    text.write_text("a short text\n", encoding="utf-8")
    assert module(CHAT / "make_tokenizer.py").main([str(tmp_path / "made"), "--vocab-size", "9999", str(text)]) == 2
    assert re.search(r"--vocab-size 9999: .* at most \d+", capsys.readouterr().err)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(("folder", "size"), [(TINY / "tokenizer", 1536), (CHAT / "tokenizer", 4096)])
def test_transformers_reads_the_same_ids_as_sentencepiece(folder: Path, size: int) -> None:
    sentencepiece = pytest.importorskip("sentencepiece")
    transformers = pytest.importorskip("transformers")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    processor = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    assert len(tokenizer) == processor.get_piece_size() == size
    special = (tokenizer.unk_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id)
    assert special == (0, 1, 2, 3)
    texts = [*PROBES]
    for row in json_lines(TINY / "data" / "sft.jsonl"):
        texts += [turn["value"] for turn in row["conversations"]]
    for language in ("zh", "en"):
        texts += (TEXT / f"{language}.txt").read_text(encoding="utf-8").split("\n\n")
    for text in texts:
        ids = tokenizer.encode(text, add_special_tokens=False)
        assert ids == processor.encode(text)
        assert tokenizer.decode(ids) == text
    assert tokenizer.convert_tokens_to_ids("Assistant") != tokenizer.unk_token_id


@pytest.fixture(scope="module")
def chat() -> ModuleType:
    return module(CHAT / "make_text.py")


@pytest.fixture(scope="module")
def corpus(chat: ModuleType, items: list[dict]) -> object:
    return chat.make(150_000, seed=7, questions=[item["question"] for item in items])


def test_the_same_seed_writes_the_same_text(chat: ModuleType, tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert chat.main([str(tmp_path / name), "--megabytes", "0.02", "--seed", "3"]) == 0
    first, second = (sorted((tmp_path / name).iterdir()) for name in ("one", "two"))
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in second]
    manifest = json.loads((tmp_path / "one" / "manifest.json").read_text(encoding="utf-8"))
    assert {file.name for file in first} == {*manifest["files"], "manifest.json"}
    for name in ("train", "handwritten", "heldout.zh", "heldout.en"):
        assert list(read_rows(tmp_path / "one" / f"{name}.jsonl", "conversation"))
    assert list(read_rows(tmp_path / "one" / "text.jsonl", "text"))


def test_what_is_held_out_is_not_trained_on(corpus: object) -> None:
    train = [sample for _, sample in (*corpus.train, *corpus.handwritten)]
    held_out = [sample for _, sample in corpus.held_out]
    assert len(held_out) > 100 and {sample.language for sample in held_out} == {"zh", "en"}
    assert not {sample.key for sample in train} & {sample.key for sample in held_out}

    def runs(text: str) -> set[str]:
        bare = plain(text)
        return {bare[place : place + 4] for place in range(max(1, len(bare) - 3))}

    trained = [runs(sample.joined()) for sample in train]
    for sample in held_out[::7]:
        mine = runs(sample.joined())
        for other in trained:
            assert len(mine & other) < 0.8 * len(mine | other), sample


def test_evaluation_questions_are_not_trained_on(chat: ModuleType) -> None:
    asked = "天空为什么是蓝的？", "Is the sun a star?"
    corpus = chat.make(2_000, seed=7, questions=asked)
    turns = {plain(turn) for _, sample in (*corpus.train, *corpus.handwritten) for turn in sample.turns}
    assert plain("Is the sun a star?") not in turns and plain("Is the moon a planet?") in turns


def test_samples_are_whole_and_sums_are_right(corpus: object) -> None:
    signs, checked = str.maketrans("×÷", "*/"), 0
    seen = set()
    for _, sample in (*corpus.train, *corpus.handwritten, *corpus.held_out):
        assert bool(sample.text) != bool(sample.turns) and len(sample.turns) % 2 == 0
        assert all(turn.strip() == turn != "" for turn in sample.turns), sample
        assert not re.search(r"\{|\}|\bNone\b|  |。。|\.\.|，，", sample.joined()), sample
        assert sample.joined() not in seen
        seen.add(sample.joined())
        for left, right in re.findall(r"^(\d+ [-+×÷] \d+) = (\d+)$", sample.joined(), re.M):
            assert eval(left.translate(signs)) == int(right)
            checked += 1
    assert checked > 20


def test_numbers_in_words_can_be_read_back(chat: ModuleType) -> None:
    from makers import numerals

    def read_zh(word: str) -> int:
        hundreds, _, rest = word.rpartition("百")
        tens, ten, ones = rest.replace("零", "", 1).rpartition("十") if len(rest) > 1 else ("", "", rest)
        digits = {letter: value for value, letter in enumerate("零一二三四五六七八九")} | {"": 0}
        tens_digit = digits[tens or "一"] if ten else 0
        return 100 * digits[hundreds] + 10 * tens_digit + digits[ones]

    assert [read_zh(numerals.zh(number)) for number in range(1000) if numerals.zh(number) != "十"] == [
        number for number in range(1000) if number != 10
    ]
    assert numerals.zh(10) == "十" and (numerals.en(21), numerals.en(340)) == ("twenty-one", "three hundred and forty")
    assert len({numerals.en(number) for number in range(1000)}) == 1000


def test_opposites_and_tables_have_no_row_twice(chat: ModuleType) -> None:
    from makers.sample import SOURCES, dialogues, table

    for file in SOURCES.iterdir():
        rows = table(file.name) if file.suffix == ".tsv" else dialogues(file.name)
        assert len(rows) > 10 and not any(one == two for one, two in pairwise(sorted(rows))), file
