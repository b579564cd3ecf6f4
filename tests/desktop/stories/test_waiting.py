"""Questions asked before a model is loaded, left unanswered, or asked in another chat; with a real worker."""

from __future__ import annotations

from pathlib import Path

from tests.belle.engine.tiny_gguf import write_random_model
from tests.support.person import Person

STRICT = (
    "{%- for m in messages -%}"
    "{%- if (m['role'] == 'user') != (loop.index0 % 2 == 0) -%}{{- raise_exception('roles alternate') -}}{%- endif -%}"
    "{{- m['content'] + ' ' -}}{%- endfor -%}"
)


def answers(person: Person, conversation: int) -> list[str]:
    return [m.role for m in person.store.active_path(conversation)]


def ask_in_new_chat(person: Person, text: str) -> int:
    person.new_chat()
    person.ask(text)
    assert person.controller.conversation is not None
    return person.controller.conversation.id


def test_questions_asked_while_the_model_loads_are_answered_each_in_its_chat(person: Person, tmp_path: Path) -> None:
    write_random_model(tmp_path / "tiny.gguf", template=STRICT)
    person.controller.projects.choose_model(str(tmp_path / "tiny.gguf"))
    chats = [ask_in_new_chat(person, text) for text in ("hello world", "a b c")]
    person.new_chat()
    assert person.window.composer.hint.text() == ""
    for number, chat in enumerate(chats):
        person.wait(lambda chat=chat: "assistant" in answers(person, chat))
        if number == 0:
            person.controller.conversations.open(chat)
            person.stop()


def test_a_question_taken_back_does_not_block_a_strict_template(person: Person, tmp_path: Path) -> None:
    write_random_model(tmp_path / "tiny.gguf", template=STRICT)
    person.controller.projects.choose_model(str(tmp_path / "tiny.gguf"))
    person.ask("hello world")
    person.press_stop()
    assert person.states == [("user", "stopped")]
    person.ask("a b c")
    person.wait(lambda: person.states[-1][0] == "assistant")
    person.stop()
    assert "template_error" not in person.kinds()
    assert [state[0] for state in person.states] == ["user", "user", "assistant"]
