"""`belle chat --strategy`: the real program, the real model, the real store."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from belle import paths
from belle.cli.chat.shared import saved_answers_with
from belle.cli.chat.strategy import edit_scratchpad, resources_of
from belle.dialogue.tools.tool import call
from desktop.store import Store
from tests.support.pty_chat import BELLE, PATIENCE, READS, Pty

Terminals = Callable[..., Pty]
QUICK = ("--threads", "1", "--temperature", "0", "--max-tokens", "24", "--ctx", "2048")


def chat(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*BELLE, "chat", *words, *QUICK],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
        env=os.environ,
    )


def saved(*pairs: tuple[str, str]) -> None:
    with Store.open(paths.database_file()) as store:
        for question, answer in pairs:
            conversation = store.create_conversation(title=question)
            asked = store.add_message(conversation.id, None, "user", question)
            written = store.start_answer(conversation.id, asked.id, "starter")
            store.finish(written.id, answer, status="complete", stats={})


def test_a_pipe_gets_the_answer_alone_and_the_store_how_it_came_about() -> None:
    result = chat("--strategy", "duma", "--save", "--prompt", "How much is 12*12?")
    assert result.returncode == 0, result.stderr
    assert "Invoke[" not in result.stdout
    with Store.open(paths.database_file()) as store:
        _, answer = store.active_path(store.conversations()[0].id)
    assert answer.text == result.stdout.removesuffix("\n")
    record = answer.stats["dialogue"]
    assert record["strategy"] == "duma"
    assert record["steps"].strip() == answer.thinking
    assert record["usage"]["calls"] >= (3 if record["finding"] else 1)
    if record["finding"]:
        assert "Reason: " in result.stderr
        assert record["provisional"] in result.stderr


def test_the_scratchpad_is_shown_and_changed(terminal: Terminals) -> None:
    tty = terminal("--strategy", "raise", "--temperature", "0", "--max-tokens", "24", "--ctx", "2048", "--no-history")
    tty.expect(READS)
    assert "is empty" in tty.ask("/scratchpad")
    assert "noted: name = Li" in tty.ask("/scratchpad name = Li")
    tty.ask("How much is 15% of 80?")
    assert "name = Li" in tty.ask("/scratchpad")
    assert re.search(r"Scratchpad|name = Li", tty.ask("/show"))
    assert "Removed" in tty.ask("/scratchpad name =")


def test_ctrl_c_stops_a_step(terminal: Terminals) -> None:
    words = ("--strategy", "react", "--temperature", "1.5", "--seed", "3", "--max-tokens", "4000", "--no-history")
    tty = terminal(*words, "--system", "Think of a lighthouse. " * 300)
    tty.expect(READS)
    tty.type("Tell me a very long story.\r")
    tty.expect("Reading the conversation")
    tty.type("\x03")
    tty.expect("(stopped)")
    tty.expect(READS)
    tty.type("\x04")
    assert tty.end() == 0


def test_only_duma_has_a_slow_mind() -> None:
    result = chat("--strategy", "react", "--slow", "starter", "--prompt", "Hello")
    assert result.returncode == 2
    assert result.stderr.splitlines()[0].endswith("--slow belongs to --strategy duma.")


def test_documents_and_saved_conversations_are_found_by_their_words() -> None:
    saved(
        ("When is the notice period over?", "On the 3rd of March."),
        ("How do I boil eggs?", "Seven minutes."),
        ("合同什么时候到期？", "三月三日到期。"),
    )
    texts = {"contract.md": "Parties.\n\nThe notice period is three months.", "b.txt": "Nothing of that."}
    resources = resources_of(texts, saved_answers_with)
    assert [tool.name for tool in resources.tools] == ["calculator", "calendar", "documents", "chats"]
    assert call(resources.tools, "documents", "notice period")[0].startswith("(1) contract.md: ")
    found, failed = call(resources.tools, "chats", "notice period")
    assert not failed
    assert "On the 3rd of March." in found
    assert "eggs" not in found
    assert call(resources.tools, "chats", "合同到期")[0].endswith("合同什么时候到期？ → 三月三日到期。")
    assert call(resources.tools, "chats", "zebra")[1]
    assert [example.answer for example in resources.recall("How long do eggs boil?")] == ["Seven minutes."]


def test_there_is_nothing_to_recall_before_the_first_saved_conversation() -> None:
    assert saved_answers_with("anything") == []
    assert not paths.database_file().exists()


@pytest.mark.parametrize(
    ("typed", "facts"),
    [
        ("city = 北京", {"name": "Li", "city": "北京"}),
        ("name = Wang = Ming", {"name": "Wang = Ming"}),
        ("name =", {}),
        ("other =", {"name": "Li"}),
        ("no equals sign", {"name": "Li"}),
        ("a[1] = Finish[x]", {"name": "Li", "a(1)": "Finish(x)"}),
    ],
)
def test_a_person_edits_the_scratchpad(typed: str, facts: dict[str, str]) -> None:
    pad = {"name": "Li"}
    assert edit_scratchpad(pad, typed)
    assert pad == facts


def test_json_tells_how_the_answer_came_about(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("The code word is heron.")
    words = ("--file", f"{tmp_path}/notes.md", "--prompt", "What is the code word?", "--json")
    result = chat("--strategy", "raise", *words)
    assert result.returncode == 0, result.stderr
    answer = json.loads(result.stdout)
    assert answer["dialogue"]["strategy"] == "raise"
    assert answer["text"]
