"""Conversations that terminal and window share: the real store, the real program."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from belle import paths
from belle.cli.chat.shared import SharedConversation, find
from belle.cli.chat.transcript import ChatMessage, Transcript
from desktop.chat.prompt_path import with_attachments
from desktop.chat.saved_states import state_name
from desktop.store import ProjectSettings, Store, StoreError
from desktop.store.records import StoredAttachment
from tests.support.pty_chat import BELLE, HAS_READ, PATIENCE, READS, Pty

Terminals = Callable[..., Pty]


def belle_chat(*words: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*BELLE, "chat", *words, "--threads", "1", "--max-tokens", "4", "--seed", "1"],
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )


def stored() -> list[tuple[str, str, str]]:
    with Store.open(paths.database_file()) as store:
        path = store.active_path(store.conversations()[0].id)
    return [(message.role, message.text, message.status) for message in path]


def test_a_question_as_an_argument_has_standard_input_in_front_of_it() -> None:
    result = belle_chat("explain this", "--save", stdin="-a\n+b\n")
    assert result.returncode == 0, result.stderr
    (_, question, _), (_, answer, _) = stored()
    assert question == "```\n-a\n+b\n```\n\nexplain this"
    assert result.stdout == answer.removesuffix("\n") + "\n"


def test_binary_standard_input_and_files_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7")
    cases = [(("explain",), "a\0b"), (("explain", "--file", f"{tmp_path}/a.pdf"), None), (("a", "--prompt", "b"), None)]
    for words, stdin in cases:
        result = belle_chat(*words, stdin=stdin)
        assert result.returncode == 2
        assert result.stdout == ""
        assert len(result.stderr.splitlines()) == 2


def test_a_conversation_is_continued_with_what_the_model_has_read() -> None:
    first = belle_chat("word " * 200, "--save", "--system", "Be brief.")
    assert first.returncode == 0, first.stderr
    with Store.open(paths.database_file()) as store:
        conversation = store.conversation(store.conversations()[0].id)
    assert (conversation.model, conversation.system_prompt) == ("starter", "Be brief.")
    assert (paths.saved_states_dir() / f"{state_name(conversation)}.kv").exists()
    again = belle_chat("And now?", "--continue", "--json")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["reused_tokens"] > 200
    assert [role for role, _, _ in stored()] == ["user", "assistant"] * 2
    by_title = belle_chat("Once more.", "--conversation", conversation.title[:8].upper())
    assert by_title.returncode == 0, by_title.stderr
    assert len(stored()) == 6


def test_a_conversation_that_does_not_exist_is_not_guessed() -> None:
    assert "There is no conversation yet" in belle_chat("And?", "--continue").stderr
    with Store.open(paths.database_file()) as store:
        for title in ("Tea and cake", "Tea and milk"):
            store.create_conversation(title=title)
    several = belle_chat("And?", "--conversation", "tea")
    assert several.returncode == 2
    assert "“Tea and cake”" in several.stderr
    assert "There is no conversation “coffee”" in belle_chat("And?", "--conversation", "coffee").stderr


def test_an_open_window_is_named_and_nothing_is_lost(terminal: Terminals) -> None:
    with Store.open(paths.database_file()) as window:
        conversation = window.create_conversation(title="Colours", model="starter")
        window.add_message(conversation.id, None, "user", "Name a colour.")
        window.add_message(conversation.id, window.active_path(conversation.id)[-1].id, "assistant", "Red.")
        tty = terminal("--continue", "--max-tokens", "3")
        assert "Going on with “Colours” (2 messages)" in tty.expect(READS)
        assert "already open in another ChatBELLE window" in tty.ask("Another?")
        assert len(window.active_path(conversation.id)) == 2
        tty.type("\x04")
        assert "“/load” brings it back" in tty.rest()
    (unsaved,) = paths.unsaved_chats_dir().iterdir()
    messages = json.loads(unsaved.read_text())["messages"]
    assert [m["content"] for m in messages[:3]] == ["Name a colour.", "Red.", "Another?"]
    again = terminal("--continue", "--max-tokens", "3")
    again.expect(READS)
    again.ask("Another?")
    assert [text for _, text, _ in stored()][:3] == ["Name a colour.", "Red.", "Another?"]


def test_what_was_not_saved_is_not_lost_by_a_new_conversation(terminal: Terminals) -> None:
    with Store.open(paths.database_file()) as window:
        tty = terminal("--save", "--max-tokens", "2", "--context-policy", "middle")
        tty.expect(READS)
        assert "already open" in tty.ask("A first question")
        assert "“/load” brings it back" in tty.ask("/new")
        assert window.conversations() == []
    assert "saved again" in tty.ask("A second question")
    with Store.open(paths.database_file()) as store:
        (summary,) = store.conversations()
        assert summary.title == "A second question"
        assert store.conversation(summary.id).overflow == "cut_middle"
    (unsaved,) = paths.unsaved_chats_dir().iterdir()
    assert "A first question" in unsaved.read_text()


def test_versions_stay_and_a_closed_terminal_keeps_what_was_said(terminal: Terminals) -> None:
    tty = terminal("--save", "--max-tokens", "3000", "--temperature", "0", "--no-history")
    tty.expect(READS)
    tty.ask("/set max_tokens 3")
    tty.ask("Name a colour.")
    tty.ask("/retry")
    tty.ask("/set max_tokens unlimited")
    tty.type("Tell me a very long story about a king.\r")
    tty.expect(HAS_READ)
    tty.expect(" the ")
    os.kill(tty.process.pid, signal.SIGHUP)
    tty.rest()
    with Store.open(paths.database_file()) as store:
        path = store.active_path(store.conversations()[0].id)
    assert [message.sibling_count for message in path] == [1, 2, 1, 1]
    assert path[-1].status == "interrupted"
    assert " the " in path[-1].text


def test_the_projects_system_prompt_is_sent_where_the_conversation_has_none() -> None:
    with Store.open(paths.database_file()) as store:
        project = store.create_project(ProjectSettings("Thesis", "Be strict.")).id
        for own in ("", "Be brief."):
            chat = store.create_conversation(title=own or "none", system_prompt=own, project_id=project)
            store.add_message(chat.id, None, "user", "Why?")
    assert [find(title)[1].system for title in ("none", "Be brief.")] == ["Be strict.", "Be brief."]


def test_files_that_went_along_in_the_window_are_read_again() -> None:
    with Store.open(paths.database_file()) as window:
        conversation = window.create_conversation(title="Files", model="starter")
        files = [StoredAttachment("notes.txt", 22, "The password is Amber."), StoredAttachment("b.py", 3, "x=1")]
        question = window.add_message(conversation.id, None, "user", "What is it?", attachments=files)
        window.add_message(conversation.id, question.id, "assistant", "It is Amber.")
    _, transcript = find(None)
    assert transcript.prompt().messages[0].content == with_attachments("What is it?", files)
    assert "notes.txt:\n```\nThe password is Amber.\n```" in transcript.prompt().messages[0].content


@pytest.fixture
def summarised() -> list[int]:
    """A conversation of four turns, with a summary of the first two. Returns the ids of its messages."""
    with Store.open(paths.database_file()) as window:
        conversation = window.create_conversation(title="Long", model="starter")
        window.set_overflow(conversation.id, "summarise")
        ids: list[int] = []
        for i in range(8):
            role = "assistant" if i % 2 else "user"
            ids.append(window.add_message(conversation.id, ids[-1] if ids else None, role, f"text {i}").id)
        window.save_summary(ids[:2], "Of the first turn.")
        window.save_summary(ids[:4], "Of two turns.")
    return ids


def test_the_summary_is_the_one_that_the_window_sends(summarised: list[int]) -> None:
    prompt = find(None)[1].prompt()
    assert (prompt.summary, prompt.summarised) == ("Of two turns.", (0, 1, 2, 3))
    with Store.open(paths.database_file()) as window:
        window.set_message_pinned(summarised[1], True)
    prompt = find(None)[1].prompt()
    assert (prompt.summary, prompt.summarised, prompt.pinned) == ("Of two turns.", (2, 3), (1,))
    with Store.open(paths.database_file()) as window:
        window.edit_summary(summarised[3], "  ")
    prompt = find(None)[1].prompt()
    assert (prompt.summary, prompt.summarised) == ("", ())  # the turn of the other one has a pinned message
    with Store.open(paths.database_file()) as window:
        window.set_message_pinned(summarised[1], False)
    prompt = find(None)[1].prompt()
    assert (prompt.summary, prompt.summarised) == ("Of the first turn.", (0, 1))


def test_a_summary_is_sent_only_where_the_policy_is_to_summarise() -> None:
    with Store.open(paths.database_file()) as window:
        conversation = window.create_conversation(title="Long", model="starter")
        window.set_overflow(conversation.id, "summarise")
        question = window.add_message(conversation.id, None, "user", "word " * 300)
        answer = window.add_message(conversation.id, question.id, "assistant", "Yes.")
        window.save_summary([question.id, answer.id], "Words.")
    options = ("--continue", "--ctx", "256", "--json")
    assert belle_chat("And?", *options).returncode == 0
    refused = belle_chat("And?", *options, "--context-policy", "refuse")
    assert refused.returncode != 0
    assert "the context holds 256" in refused.stderr


def test_what_a_window_refused_is_written_later_also_after_a_new_conversation_began() -> None:
    texts = ("Name a colour.", "Red.", "Another?")
    transcript = Transcript("", [ChatMessage("assistant" if i % 2 else "user", text) for i, text in enumerate(texts)])
    shared = SharedConversation(model="starter")
    shared.save(transcript)
    with Store.open(paths.database_file()) as window:
        first = window.conversations()[0].id
        shared.set_system_prompt("Be brief.")
        shared.set_overflow("summarise")
        shared.set_left_out(transcript.messages[:2], "Of the first turn.")
        shared.set_outcome(transcript.messages[2], "stopped")
        with pytest.raises(StoreError):
            shared.save(transcript)
        shared.begin_anew("cut_middle")
        assert shared.has_changes
    second = Transcript("", [ChatMessage("user", "Something else.")])
    shared.save(second)
    assert not shared.is_behind(second)
    with Store.open(paths.database_file()) as store:
        conversation, path = store.conversation(first), store.active_path(first)
        ids = [message.id for message in path]
        assert (conversation.system_prompt, conversation.overflow) == ("Be brief.", "summarise")
        assert list(conversation.left_out) == ids[:2]
        assert [summary.text for summary in store.summaries(ids)] == ["Of the first turn."]
        assert path[-1].status == "stopped"
        assert store.conversation(store.conversations()[0].id).overflow == "cut_middle"


def test_a_conversation_that_was_deleted_meanwhile_keeps_nothing_from_being_saved() -> None:
    shared = SharedConversation(model="starter")
    shared.save(Transcript("", [ChatMessage("user", "Name a colour.")]))
    shared.set_system_prompt("Be brief.")
    shared.begin_anew("refuse")
    with Store.open(paths.database_file()) as window:
        window.delete_conversation(window.conversations()[0].id)
    second = Transcript("", [ChatMessage("user", "Something else.")])
    shared.save(second)
    assert [text for _, text, _ in stored()] == ["Something else."]
    assert not shared.is_behind(second)


def test_show_has_what_the_model_has_read_and_no_more(terminal: Terminals) -> None:
    tty = terminal("--save", "--ctx", "256", "--max-tokens", "2", "--context-policy", "summary")
    tty.expect(READS)
    tty.ask("Tell me of a whale. " + "word " * 150)
    assert "a whale" in tty.ask("/show")
    with Store.open(paths.database_file()):
        assert "a summary stands for them" in tty.ask("And? " + "more " * 80)
        shown = tty.ask("/show")
        assert "more more" in shown
        assert "word word" not in shown.partition("<|im_start|>user")[2]
        assert "Summary of the earlier conversation: " in shown
        tty.ask("/set context oldest")
    tty.ask("And now?")
    assert "Summary of" not in tty.ask("/show")
    with Store.open(paths.database_file()) as store:
        conversation = store.conversation(store.conversations()[0].id)
        ids = [message.id for message in store.active_path(conversation.id)]
        assert list(conversation.left_out) == ids[:2]
        assert [list(summary.covers) for summary in store.summaries(ids)] == [ids[:2]]
