"""Data files become the same samples as rendering row by row, once, and changed data is noticed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from belle.errors import KnownError
from belle.prompts import Message, get_template
from belle.prompts.encoding import Encoded, encode_conversation, encode_preference, encode_text
from belle.training.recipe.options import DataFile
from belle.training.samples.batch_tokenizer import BatchVocabulary
from belle.training.samples.prepare import check_unchanged, prepare
from belle.training.samples.store import SampleSet
from belle.training.tokenizer.tokenizer import HubVocabulary

BELLE = get_template("belle")
TURNS = ["你好！", "很高兴见到你。", "What is 1 + 1?", "二。", "再见", "再见！欢迎下次再来。"]


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    """A byte-level tokenizer with control tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<unk>", "<s>", "</s>", "<pad>", "<|im_start|>", "<|im_end|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        TURNS, trainers.BpeTrainer(vocab_size=400, special_tokens=special, initial_alphabet=alphabet)
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )


@pytest.fixture(scope="module")
def vocabulary(tokenizer: Any) -> HubVocabulary:
    return HubVocabulary(tokenizer)


@pytest.fixture(scope="module")
def metaspace() -> HubVocabulary:
    """A tokenizer that puts a space in front, as LLaMA's does, which `tokenize_after` takes off."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(split=False)
    tokenizer.decoder = decoders.Metaspace()
    special = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    tokenizer.train_from_iterator(TURNS, trainers.BpeTrainer(vocab_size=350, special_tokens=special))
    return HubVocabulary(PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>"))


def conversation(*turns: str) -> dict[str, Any]:
    roles = ["human", "assistant"]
    return {"conversations": [{"from": roles[i % 2], "value": turn} for i, turn in enumerate(turns)]}


def write(path: Path, rows: list[dict[str, Any]]) -> DataFile:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return DataFile(path)


def many(count: int) -> list[dict[str, Any]]:
    return [
        conversation(*TURNS[: 2 + 2 * (i % 3)], f"问题 {i}", f"answer <|im_end|> {i}" * (1 + i % 4))
        for i in range(count)
    ]


def messages(row: dict[str, Any]) -> list[Message]:
    roles = {"human": "user", "assistant": "assistant"}
    return [Message(roles[turn["from"]], turn["value"]) for turn in row["conversations"]]


def assert_is(sample: tuple[Any, Any], expected: Encoded) -> None:
    ids, trained = sample
    assert ids.tolist() == expected.ids
    assert trained.tolist() == [False, *expected.trained[1:]]


class Prepare:
    """`prepare` with the arguments that most tests share."""

    def __init__(self, folder: Path, vocabulary: HubVocabulary) -> None:
        self.folder = folder
        self.vocabulary = vocabulary
        self.said: list[str] = []

    def __call__(
        self, *files: DataFile, kind: Any = "conversation", max_length: int = 200, **changes: Any
    ) -> SampleSet:
        options = {"processes": 1, "cache_dir": self.folder, "say": self.said.append, **changes}
        template = options.pop("template", BELLE)
        return prepare(files, kind, self.vocabulary, template, max_length=max_length, **options)


@pytest.fixture
def run(tmp_path: Path, vocabulary: HubVocabulary) -> Prepare:
    return Prepare(tmp_path / "data", vocabulary)


@pytest.mark.parametrize("template", ["belle", "chatml", "llama-2"])
def test_samples_are_what_the_renderer_gives(run: Prepare, tmp_path: Path, template: str) -> None:
    rows = [*many(20), conversation("问", "长" * 300)]
    samples = run(write(tmp_path / "a.jsonl", rows), template=get_template(template), max_length=60)
    expected = [
        encode_conversation(run.vocabulary, get_template(template), messages(row), max_length=60) for row in rows
    ]
    complete = [sample for sample in expected if sample]
    assert len(samples) == len(complete) == 20
    for number, sample in enumerate(complete):
        assert_is(samples.sequences(number)[0], sample)
    counts = samples.counts
    assert (counts.rows, counts.samples, counts.dropped) == (21, 20, {"longer than 60 tokens": 1})
    assert counts.cut == sum(bool(sample.dropped_messages) for sample in complete) > 0
    assert counts.tokens == sum(len(sample.ids) for sample in complete) == samples.lengths.sum()
    assert counts.trained == sum(int(samples.sequences(i)[0][1].sum()) for i in range(len(samples)))


def test_processes_change_nothing(run: Prepare, tmp_path: Path) -> None:
    file = write(tmp_path / "a.jsonl", many(1300))
    alone, together = run(file), run(file, processes=2, cache_dir=tmp_path / "other")
    for name in ("tokens", "ends", "rows", "files"):
        assert (alone.folder / f"{name}.bin").read_bytes() == (together.folder / f"{name}.bin").read_bytes()
    assert alone.counts == together.counts


@pytest.mark.parametrize("template", ["belle", "belle-v0", "llama-2"])
def test_asking_for_many_texts_gives_the_same_ids(metaspace: HubVocabulary, template: str) -> None:
    rows = [messages(row) for row in many(30)]
    batched = BatchVocabulary(metaspace)

    def encode(vocabulary: HubVocabulary, row: list[Message]) -> Encoded | None:
        return encode_conversation(vocabulary, get_template(template), row, max_length=120)

    def request(vocabulary: HubVocabulary, row: list[Message]) -> Encoded | None:
        return encode_conversation(vocabulary, get_template(template), row)

    assert list(batched.encode_all(rows, request, encode)) == [encode(metaspace, row) for row in rows]


def test_a_text_that_the_first_pass_missed_is_tokenized_all_the_same(vocabulary: HubVocabulary) -> None:
    batched = BatchVocabulary(vocabulary)
    ids = list(batched.encode_all(["你好", "再见"], lambda v, t: None, lambda v, t: v.tokenize(t)))
    assert ids == [vocabulary.tokenize("你好"), vocabulary.tokenize("再见")]


def test_documents_are_cut_so_that_every_token_is_predicted_once(run: Prepare, tmp_path: Path) -> None:
    texts = ["".join(TURNS) * 3, "短", "".join(TURNS)]
    file = write(tmp_path / "a.jsonl", [{"text": text} for text in texts])
    samples = run(file, kind="text", max_length=16)
    assert samples.lengths.max() == 16
    predicted = [samples.sequences(i)[0][0][1:] for i in range(len(samples))]
    whole = [encode_text(run.vocabulary, text).ids for text in texts]
    assert np.concatenate(predicted).tolist() == [token for ids in whole for token in ids[1:]]
    assert samples.counts.trained == sum(len(ids) - 1 for ids in whole)
    assert samples.name(len(samples) - 1) == f"{file.path} row 3"


def test_pairs_have_one_prompt_and_two_answers(run: Prepare, tmp_path: Path) -> None:
    row = {"prompt": "你好！", "chosen": "很高兴见到你。", "rejected": "走开"}
    samples = run(write(tmp_path / "a.jsonl", [row, row]), kind="preference")
    assert len(samples) == 2
    assert samples.per_sample == 2
    expected = encode_preference(
        run.vocabulary, BELLE, [Message("user", row["prompt"])], row["chosen"], row["rejected"]
    )
    assert expected is not None
    for ids, wanted in zip(samples.sequences(1), expected, strict=True):
        assert_is(ids, wanted)
    assert samples.lengths.tolist() == [max(len(side.ids) for side in expected)] * 2


def test_encoded_data_is_used_again(run: Prepare, tmp_path: Path) -> None:
    file = write(tmp_path / "a.jsonl", many(5))
    first = run(file)
    before = (first.folder / "tokens.bin").stat().st_mtime_ns
    again = run(DataFile(file.path, weight=2.0))
    assert (again.folder / "tokens.bin").stat().st_mtime_ns == before
    assert run.said[-1].endswith("(encoded before)")
    assert again.weights is not None
    assert set(again.weights) == {2.0}
    assert first.weights is None


@pytest.mark.parametrize("change", ["bytes", "length", "template", "tokenizer"])
def test_anything_that_changes_the_samples_encodes_them_anew(
    run: Prepare, tmp_path: Path, metaspace: HubVocabulary, change: str
) -> None:
    file = write(tmp_path / "a.jsonl", many(5))
    first = run(file).folder
    if change == "bytes":
        write(file.path, [*many(4), conversation("改", "了")])
    if change == "tokenizer":
        run.vocabulary = metaspace
    options = {"length": {"max_length": 199}, "template": {"template": get_template("belle-v0")}}
    assert run(file, **options.get(change, {})).folder != first


def test_weights_belong_to_files(run: Prepare, tmp_path: Path) -> None:
    first, second = write(tmp_path / "a.jsonl", many(2)), write(tmp_path / "b.jsonl", many(3))
    samples = run(first, DataFile(second.path, weight=0.5))
    assert samples.weights is not None
    assert samples.weights.tolist() == [1.0, 1.0, 0.5, 0.5, 0.5]
    assert samples.name(4) == f"{second.path} row 3"


def test_a_folder_of_files_is_read_file_by_file(run: Prepare, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for name in ("b", "a"):
        write(folder / f"{name}.jsonl", many(2))
    samples = run(DataFile(folder))
    assert [samples.name(i) for i in range(4)] == [f"{folder / n}.jsonl row {i}" for n in "ab" for i in (1, 2)]
    recorded = samples.inputs
    write(folder / "a.jsonl", many(3))
    with pytest.raises(KnownError, match="has changed since"):
        check_unchanged(run(DataFile(folder)), recorded)


def test_changed_data_stops_a_resumed_run(run: Prepare, tmp_path: Path) -> None:
    file = write(tmp_path / "a.jsonl", many(5))
    recorded = json.loads(json.dumps(run(file).inputs))
    check_unchanged(run(file), recorded)
    write(file.path, many(6))
    with pytest.raises(KnownError, match="has changed since the run that is to be resumed was started") as error:
        check_unchanged(run(file), recorded)
    assert error.value.kind == "data_changed"
    assert error.value.details["path"] == str(file.path)


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (lambda a, b: [a], "b.jsonl is no longer among the data"),
        (lambda a, b: [a, b, DataFile(a.path.with_name("c.jsonl"))], "c.jsonl was not among the data"),
        (lambda a, b: [a, DataFile(b.path, weight=3.0)], "b.jsonl has another weight"),
    ],
)
def test_other_files_stop_it_too(run: Prepare, tmp_path: Path, now: Any, words: str) -> None:
    a, b, _ = (write(tmp_path / f"{name}.jsonl", many(2)) for name in "abc")
    recorded = run(a, b).inputs
    with pytest.raises(KnownError, match=words):
        check_unchanged(run(*now(a, b)), recorded)


@pytest.mark.parametrize("processes", [1, 2])
def test_a_wrong_row_is_named_and_leaves_nothing_behind(run: Prepare, tmp_path: Path, processes: int) -> None:
    rows = many(1200)
    rows[1100]["conversations"][0]["from"] = "humn"
    with pytest.raises(KnownError) as error:
        run(write(tmp_path / "a.jsonl", rows), processes=processes)
    assert error.value.kind == "data_wrong"
    assert error.value.details["number"] == 1101
    assert list(run.folder.iterdir()) == []


@pytest.mark.parametrize("processes", [1, 2])
def test_a_row_that_cannot_be_encoded_is_named(run: Prepare, tokenizer: Any, tmp_path: Path, processes: int) -> None:
    run.vocabulary.eos = None
    try:
        with pytest.raises(KnownError, match=r"a\.jsonl, line 1: The tokenizer has no end-of-sequence token") as error:
            run(write(tmp_path / "a.jsonl", many(1200)), processes=processes)
    finally:
        run.vocabulary.eos = tokenizer.eos_token_id
    assert error.value.kind == "no_end_token"
    assert error.value.details["number"] == 1


def test_nothing_left_is_an_error_and_not_a_cache(run: Prepare, tmp_path: Path) -> None:
    with pytest.raises(KnownError, match="dropped: longer than 8 tokens") as error:
        run(write(tmp_path / "a.jsonl", many(3)), max_length=8)
    assert error.value.kind == "no_samples"
    assert list(run.folder.iterdir()) == []


def test_a_missing_file_is_named(run: Prepare, tmp_path: Path) -> None:
    with pytest.raises(KnownError, match=r"gone\.jsonl does not exist") as error:
        run(DataFile(tmp_path / "gone.jsonl"))
    assert error.value.kind == "file_missing"


def test_a_folder_that_cannot_be_written_is_named(run: Prepare, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("not a folder")
    with pytest.raises(KnownError) as error:
        run(write(tmp_path / "a.jsonl", many(3)))
    assert error.value.kind == "folder_not_writable"


def test_files_of_an_interrupted_run_are_removed(run: Prepare, tmp_path: Path, monkeypatch: Any) -> None:
    file = write(tmp_path / "a.jsonl", many(1200))

    class Killed(BaseException):
        pass

    def killed(self: Any, part: Any, *source: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("belle.training.samples.prepare.SampleWriter.add", killed)
        patch.setattr("belle.training.samples.prepare.shutil.rmtree", lambda *_, **__: None)
        with pytest.raises(Killed):
            run(file)
    assert [path.suffix for path in run.folder.iterdir()] == [".tmp"]
    samples = run(file)
    assert len(samples) == 1200
    assert list(run.folder.iterdir()) == [samples.folder]


def die(_: object) -> None:
    """End the process as the kernel does when memory runs out."""
    os._exit(9)


def test_a_dead_encoder_is_a_known_error(run: Prepare, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("belle.training.samples.encode._encode", die)
    with pytest.raises(KnownError, match="A process that encodes the data died") as error:
        run(write(tmp_path / "a.jsonl", many(1200)), processes=2)
    assert error.value.kind == "encoder_died"
    assert list(run.folder.iterdir()) == []


def test_the_counts_are_a_sentence(run: Prepare, tmp_path: Path) -> None:
    run(write(tmp_path / "a.jsonl", [*many(19), conversation("问", "长" * 300)]), max_length=60)
    [said] = run.said
    assert said.startswith("data: 19 samples of 20 rows, 884 tokens, 20% of them trained; ")
    assert said.endswith("1 dropped: longer than 60 tokens; 19 without their oldest turns")


def test_every_dropped_row_is_counted_with_its_reason(run: Prepare, tmp_path: Path) -> None:
    good = {"prompt": "问", "completion": "答"}
    labelled = [{**good, "label": True}, {**good, "label": False}]
    unanswered = conversation("q")
    empty = [conversation("q", " "), conversation("q", "a", "r", "")]
    files = [
        write(tmp_path / "kto.jsonl", labelled),
        write(tmp_path / "belle.jsonl", [unanswered, *empty, conversation("问", "长" * 300)]),
    ]
    counts = run(*files, max_length=60).counts
    assert (counts.rows, counts.samples) == (6, 2)
    assert counts.dropped == {
        "its label says that the answer is a bad one": 1,
        "nothing is answered": 1,
        "no answer but such where an answer is empty": 1,
        "longer than 60 tokens": 1,
    }
    assert counts.untrained == {"an answer is empty": 1}
    (said,) = run.said
    assert all(reason in said for reason in (*counts.dropped, *counts.untrained))


def test_what_training_leaves_out_is_what_the_check_says(run: Prepare, tmp_path: Path) -> None:
    from belle.data.check import check

    rows = [
        conversation("q", "a"),
        conversation("q", ""),
        conversation("q"),
        {"conversations": [{"from": "assistant", "value": "hello"}, {"from": "human", "value": "q"}]},
    ]
    file = write(tmp_path / "a.jsonl", rows)
    assert dict(check(file.path).left_out) == run(file).counts.dropped
    pairs = [{"prompt": "q", "chosen": c, "rejected": r} for c, r in (("a", "b"), ("", "b"), ("a", "a "))]
    file = write(tmp_path / "b.jsonl", pairs)
    assert dict(check(file.path).left_out) == run(file, kind="preference").counts.dropped
    assert len(run(file, kind="preference")) == 1


def test_a_row_that_the_template_refuses_is_dropped_and_counted(run: Prepare, tmp_path: Path) -> None:
    from belle.prompts.model_template import model_template
    from tests.belle.chat_programs import GEMMA

    template = model_template(GEMMA, bos_token="<s>", eos_token="</s>", controls=["<s>", "</s>", "<end_of_turn>"])
    twice = {"conversations": [{"from": w, "value": "x"} for w in ("human", "human", "assistant")]}
    samples = run(write(tmp_path / "a.jsonl", [conversation("q", "a"), twice]), template=template)
    assert len(samples) == 1
    ((reason, count),) = samples.counts.dropped.items()
    assert count == 1 and "roles must alternate" in reason
