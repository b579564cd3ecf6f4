"""A conversation that was read once is not read again: not after another one, not after a restart."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belle.engine.answer import kv_states
from belle.engine.answer.state_files import StateFiles
from belle.engine.llama.kv_sequence import shared_length
from belle.engine.process.blocking import BlockingEngine, open_engine
from belle.engine.process.commands import Count, Load, ReadAhead, Sampling
from belle.engine.process.events import Done
from belle.errors import KnownError
from belle.prompts import Message
from tests.belle.engine.answer.test_answering import ask

LONG = "The fox went over the hill and came back with a small stone. " * 10
NEW = 24
"""Tokens at the end of a prompt that have to be read whatever is saved: the last question and what is around it."""


def load(model: Path, folder: Path | None, budget: int = 1 << 30) -> Load:
    return Load(str(model), n_ctx=1024, state_folder=str(folder) if folder else None, state_budget=budget)


def talk(engine: BlockingEngine, *texts: str, name: str = "one", **options: object) -> Done:
    return ask(engine, *texts, conversation=name, **{"max_tokens": 12, **options})[0]


def all_read(done: Done) -> bool:
    return done.stats.reused_tokens < 40


def nothing_read_but_the_end(done: Done) -> bool:
    return done.stats.prompt_tokens - done.stats.reused_tokens <= NEW


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "states"


def test_after_a_restart_only_the_new_question_is_read(starter: Path, folder: Path) -> None:
    lively = Sampling(temperature=1.3, seed=5)
    with open_engine(load(starter, folder)) as engine:
        first = talk(engine, LONG, max_tokens=40, sampling=lively)
    with open_engine(load(starter, folder)) as engine:
        second = talk(engine, LONG, first.text, "And then?")
    with open_engine(load(starter, None)) as engine:
        cold = talk(engine, LONG, first.text, "And then?")
    assert nothing_read_but_the_end(second)
    assert all_read(cold)


def test_after_a_restart_answers_have_the_tokens_they_were_made_of(starter: Path, folder: Path) -> None:
    """Their texts alone, tokenized again, give others, from which on nothing of the cache could be used."""
    talk_so_far = [LONG]
    with open_engine(load(starter, folder)) as engine:
        for seed, question in enumerate(("And then?", "Why?", "Who says so?")):
            sampling = Sampling(temperature=3.0, top_k=0, top_p=1.0, min_p=0.0, seed=seed)
            done = talk(engine, *talk_so_far, max_tokens=30, sampling=sampling)
            talk_so_far += [done.text, question]
    with open_engine(load(starter, folder)) as engine:
        resumed = talk(engine, *talk_so_far)
    assert nothing_read_but_the_end(resumed)


def test_what_is_said_afterwards_is_what_would_have_been_said(starter: Path, folder: Path) -> None:
    with open_engine(load(starter, folder)) as engine:
        first = talk(engine, LONG)
        without_a_break = talk(engine, LONG, first.text, "And then?", max_tokens=30)
    with open_engine(load(starter, folder)) as engine:
        assert talk(engine, LONG, first.text, "And then?", max_tokens=30).text == without_a_break.text


def test_another_conversation_in_between_costs_nothing(starter: Path, folder: Path) -> None:
    with open_engine(load(starter, folder)) as engine:
        one = talk(engine, LONG, name="one")
        two = talk(engine, "Tell me about ships. " * 25, name="two")
        again = talk(engine, LONG, one.text, "And then?", name="one")
        assert nothing_read_but_the_end(again)
        assert nothing_read_but_the_end(talk(engine, "Tell me about ships. " * 25, two.text, "More.", name="two"))


def test_a_refused_question_does_not_save_another_conversation_under_its_name(starter: Path, folder: Path) -> None:
    with open_engine(load(starter, folder)) as engine:
        talk(engine, LONG, name="one")
        with pytest.raises(KnownError):
            talk(engine, LONG * 20, name="two")
        talk(engine, "Tell me about ships. " * 25, name="three")
    assert sorted({file.stem for file in folder.iterdir()}) == ["one", "three"]


def test_the_files_are_for_their_owner_only(starter: Path, folder: Path) -> None:
    with open_engine(load(starter, folder)) as engine:
        talk(engine, LONG)
    assert {path.name for path in folder.iterdir()} == {"one.kv", "one.json"}
    assert folder.stat().st_mode & 0o077 == 0


def test_what_has_no_name_or_a_path_for_one_is_not_saved(starter: Path, folder: Path) -> None:
    with open_engine(load(starter, folder)) as engine:
        for name in ("", "../one", "a/b", ".hidden", "x" * 200):
            talk(engine, LONG, name=name)
    assert not folder.exists() or not list(folder.iterdir())
    assert list(folder.parent.iterdir()) in ([], [folder])


def flipped(path: Path, at: float) -> None:
    data = bytearray(path.read_bytes())
    data[int(at * (len(data) - 1))] ^= 0x40
    path.write_bytes(data)


def of_another_model(folder: Path) -> None:
    sidecar = folder / "one.json"
    sidecar.write_text(json.dumps(json.loads(sidecar.read_text()) | {"engine": "0" * 64}))


def impossible_tokens(folder: Path) -> None:
    sidecar = folder / "one.json"
    said = json.loads(sidecar.read_text())
    said["answers"] = {"text": [1 << 40, -5]}
    sidecar.write_text(json.dumps(said))


def unreadable(folder: Path) -> None:
    """A cache of the right size of which no byte can be read."""
    (folder / "one.kv").unlink()
    (folder / "one.kv").mkdir()
    sidecar = folder / "one.json"
    sidecar.write_text(json.dumps(json.loads(sidecar.read_text()) | {"size": (folder / "one.kv").stat().st_size}))


DAMAGES: dict[str, Callable[[Path], object]] = {
    "first byte": lambda folder: flipped(folder / "one.kv", 0),
    "a byte in the middle": lambda folder: flipped(folder / "one.kv", 0.5),
    "last byte": lambda folder: flipped(folder / "one.kv", 1),
    "cut short": lambda folder: os.truncate(folder / "one.kv", 1000),
    "empty": lambda folder: (folder / "one.kv").write_bytes(b""),
    "gone": lambda folder: (folder / "one.kv").unlink(),
    "no sidecar": lambda folder: (folder / "one.json").unlink(),
    "sidecar is no JSON": lambda folder: (folder / "one.json").write_text("{"),
    "sidecar is a list": lambda folder: (folder / "one.json").write_text("[]"),
    "sidecar of an older program": lambda folder: (folder / "one.json").write_text('{"format": 0}'),
    "another model's": of_another_model,
    "tokens that there are not": impossible_tokens,
    "unreadable": unreadable,
    "a folder": lambda folder: ((folder / "one.kv").unlink(), (folder / "one.kv").mkdir()),
}


@pytest.fixture(scope="module")
def saved(starter: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with one conversation, and the answer in it."""
    folder = tmp_path_factory.mktemp("saved") / "states"
    with open_engine(load(starter, folder)) as engine:
        return folder, talk(engine, LONG).text


@pytest.fixture(scope="module")
def ready(starter: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[BlockingEngine, Path]:
    """An engine whose folder the tests fill: each asks under a name that it has not seen yet."""
    folder = tmp_path_factory.mktemp("ready") / "states"
    folder.mkdir()
    with open_engine(load(starter, folder)) as engine:
        yield engine, folder


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_state_is_as_good_as_none(
    ready: tuple[BlockingEngine, Path], saved: tuple[Path, str], damage: str, tmp_path: Path
) -> None:
    engine, folder = ready
    talk(engine, "Hello.", name="")  # nothing of the conversation is in memory
    shutil.copytree(saved[0], tmp_path / "copy")
    DAMAGES[damage](tmp_path / "copy")
    shutil.rmtree(folder)
    (tmp_path / "copy").rename(folder)
    done = talk(engine, LONG, saved[1], "And then?", name="one")
    assert all_read(done)
    assert done.text


def test_the_same_state_undamaged_is_used(ready: tuple[BlockingEngine, Path], saved: tuple[Path, str]) -> None:
    engine, folder = ready
    talk(engine, "Hello.", name="")
    shutil.rmtree(folder)
    shutil.copytree(saved[0], folder)
    assert nothing_read_but_the_end(talk(engine, LONG, saved[1], "And then?", name="one"))


def test_a_changed_beginning_is_read_anew(ready: tuple[BlockingEngine, Path], saved: tuple[Path, str]) -> None:
    engine, folder = ready
    talk(engine, "Hello.", name="")
    shutil.rmtree(folder)
    shutil.copytree(saved[0], folder)
    assert all_read(talk(engine, Message("system", "Be brief."), Message("user", LONG), name="one"))  # type: ignore[arg-type]


def test_a_deleted_conversation_leaves_nothing(starter: Path, folder: Path) -> None:
    with open_engine(load(starter, folder)) as engine:
        talk(engine, LONG, name="one")
        talk(engine, "Tell me about ships. " * 25, name="two")
        engine.client.forget("one")
        engine.client.forget("two")
        talk(engine, "Hello.", name="three")
        assert {path.stem for path in folder.iterdir()} == set()
    assert not any(path.stem in ("one", "two") for path in folder.iterdir())


def test_those_not_used_for_longest_make_room(starter: Path, folder: Path) -> None:
    with open_engine(load(starter, folder)) as engine:
        talk(engine, LONG, name="one")
    size = StateFiles(folder).used_bytes()
    with open_engine(load(starter, folder, budget=int(2.5 * size))) as engine:
        for name in ("two", "three"):
            talk(engine, LONG, name=name)
        talk(engine, LONG, name="four")
        assert {path.stem for path in folder.iterdir()} == {"two", "three"}
    assert {path.stem for path in folder.iterdir()} == {"three", "four"}


def test_a_budget_too_small_for_one_keeps_none(starter: Path, folder: Path) -> None:
    with open_engine(load(starter, folder, budget=1000)) as engine:
        talk(engine, LONG)
    assert not folder.exists() or not list(folder.iterdir())


def test_a_folder_that_cannot_be_written_is_no_error(starter: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with open_engine(load(starter, tmp_path / "file" / "states")) as engine:
        one = talk(engine, LONG, name="one")
        talk(engine, "Hello.", name="two")
        assert talk(engine, LONG, one.text, "And then?", name="one").text


@given(st.lists(st.integers(0, 2)), st.lists(st.integers(0, 2)))
def test_shared_length(ours: list[int], theirs: list[int]) -> None:
    length = shared_length(ours, theirs)
    assert ours[:length] == theirs[:length]
    assert ours[length : length + 1] != theirs[length : length + 1] or length == min(len(ours), len(theirs))


def make(folder: Path, name: str, size: int, used_at: float) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.kv").write_bytes(bytes(size))
    (folder / f"{name}.json").write_text("{}")
    os.utime(folder / f"{name}.json", (used_at, used_at))


@given(sizes=st.lists(st.integers(1, 50), max_size=8), budget=st.integers(0, 200))
def test_shrink_keeps_the_newest_that_fit(
    sizes: list[int], budget: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("states")
    for i, size in enumerate(sizes):
        make(folder, f"c{i}", size, 1000 + i)
    files = StateFiles(folder)
    files.shrink(budget)
    left = {path.stem for path in folder.iterdir()}
    assert left == {f"c{i}" for i in range(len(sizes) - len(left), len(sizes))}
    assert files.used_bytes() <= budget or not left
    if len(left) < len(sizes):
        assert files.used_bytes() + sizes[len(sizes) - len(left) - 1] + 2 > budget


def test_what_a_killed_process_left_unfinished_is_removed(tmp_path: Path) -> None:
    make(tmp_path, "a", 10, 1000)
    # "d" was written by a clock that was ahead.
    for name, age_s in (("a", 7200.0), ("b", 7200.0), ("c", 5.0), ("d", -7200.0)):
        part = StateFiles(tmp_path).unfinished(name)
        part.write_bytes(b"half")
        os.utime(part, (time.time() - age_s,) * 2)
    StateFiles(tmp_path).shrink(1000)
    assert {path.name for path in tmp_path.iterdir()} == {"a.kv", "a.json", "c.kv.part"}


def test_what_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    for name in ("a", "b"):
        make(tmp_path, name, 10, 1000)
    (tmp_path / "a.kv.part").write_bytes(b"half")
    (tmp_path / "notes.txt").write_text("not ours")
    files = StateFiles(tmp_path)
    assert files.names() == {"a", "b"}
    files.delete("a")
    assert {path.name for path in tmp_path.iterdir()} == {"b.kv", "b.json", "notes.txt"}
    files.clear()
    assert {path.name for path in tmp_path.iterdir()} == {"notes.txt"}


def test_a_state_of_another_kv_type_or_attention_is_ignored(starter: Path, folder: Path) -> None:
    plain = load(starter, folder)
    with open_engine(plain) as engine:
        first = talk(engine, LONG)
    for other in (replace(plain, kv_type="q8_0"), replace(plain, flash_attention="on")):
        with open_engine(other) as engine:
            assert all_read(talk(engine, LONG, first.text, "And then?"))
        with open_engine(other) as engine:
            assert nothing_read_but_the_end(talk(engine, LONG, first.text, "And then?"))


def test_a_state_is_of_all_parts_of_a_model(tmp_path: Path) -> None:
    parts = [tmp_path / f"model-0000{number}-of-00002.gguf" for number in (1, 2)]
    for part in parts:
        part.write_bytes(part.name.encode())

    def identity() -> str:
        return kv_states._engine_identity(parts[0], SimpleNamespace(layout="f16"))

    before = identity()
    assert identity() == before
    os.utime(parts[1], (1, 1))
    assert identity() != before
    parts[1].unlink()
    assert identity() != identity(), "of one that is gone nothing is known"


def test_states_that_were_deleted_stay_so_until_something_is_asked(starter: Path, folder: Path) -> None:
    files = StateFiles(folder)
    with open_engine(load(starter, folder)) as engine:
        first = talk(engine, LONG)
        engine.client.forget("")
    assert files.names() == set()
    with open_engine(load(starter, folder)) as engine:
        talk(engine, LONG, name="two")
        talk(engine, LONG)
        assert files.names() == {"two"}
        engine.client.forget("")
        engine.client.read_ahead(ReadAhead("one", (Message("user", LONG), Message("assistant", first.text))))
        assert engine.count(Count(99, (Message("user", "hello"),))).tokens
    assert files.names() == set()
    with open_engine(load(starter, folder)) as engine:
        first = talk(engine, LONG)
        engine.client.forget("")
        talk(engine, LONG, first.text, "And then?")
    assert files.names() == {"one"}
