"""What is sent of a conversation, and the files that it is saved to."""

from __future__ import annotations

from pathlib import Path

import pytest

from belle.cli.chat.transcript import ChatMessage, Transcript, loaded
from belle.errors import KnownError


def four_messages() -> Transcript:
    texts = ("one", "two", "three", "four")
    messages = [ChatMessage("assistant" if i % 2 else "user", text) for i, text in enumerate(texts)]
    return Transcript("Be brief.", messages)


def test_the_indices_of_a_prompt_count_the_system_message() -> None:
    transcript = four_messages()
    transcript.messages[3].pinned = True
    transcript.summary, transcript.summarised = "Of one and two.", transcript.messages[:2]
    prompt = transcript.prompt()
    assert [message.content for message in prompt.messages] == ["Be brief.", "one", "two", "three", "four"]
    assert (prompt.pinned, prompt.summarised) == ((4,), (1, 2))
    assert transcript.at(prompt.summarised) == transcript.messages[:2]
    transcript.system = ""
    assert (transcript.prompt().pinned, transcript.prompt().summarised) == ((3,), (0, 1))


def test_a_summary_is_forgotten_with_a_message_that_it_tells_of() -> None:
    transcript = four_messages()
    transcript.summary, transcript.summarised = "Of one and two.", transcript.messages[:2]
    assert transcript.take_back() == "three"
    assert transcript.summary
    assert transcript.take_back() == "one"
    assert (transcript.summary, transcript.summarised, transcript.messages) == ("", [], [])
    assert transcript.take_back() is None


def test_what_is_saved_as_json_is_loaded_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "talk.json"
    path.write_text(four_messages().as_text("starter", as_json=True))
    assert loaded(path) == four_messages()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"messages": 1}',
        '{"messages": ["text"]}',
        '{"messages": [{"role": "user"}]}',
        '{"messages": [{"role": "user", "content": 1}]}',
        '{"messages": [{"role": "king", "content": "text"}]}',
        '{"messages": [{"role": "user", "content": "a"}, {"role": "system", "content": "b"}]}',
        '{"messages": [',
    ],
)
def test_a_file_that_is_no_conversation_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "talk.json"
    path.write_text(content)
    with pytest.raises(KnownError, match=r"talk\.json"):
        loaded(path)
