"""What a project gives to its conversations is in the next request, and its model is loaded for it alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from belle.engine.process.commands import Load
from belle.engine.process.events import Failed
from belle.models import catalog
from desktop.store import ProjectSettings, StoredProject
from desktop.store.instructions.precedence import InForce
from tests.support.desk import Desk


def project(
    desk: Desk, name: str = "Thesis", system_prompt: str = "", model: str = "", folder: str = ""
) -> StoredProject:
    saved = desk.controller.projects.save(None, ProjectSettings(name, system_prompt, model, folder))
    assert saved is not None
    return saved


def ask(desk: Desk, text: str = "Why?") -> int:
    """Ask in the open conversation, and let the engine answer."""
    assert desk.controller.messages.send(text)
    desk.engines.last.say("Because.")
    desk.engines.last.finish()
    assert desk.controller.conversation is not None
    return desk.controller.conversation.id


def sent(desk: Desk) -> list[tuple[str, str]]:
    return [(m.role, m.content) for m in desk.engines.last.request.messages]


def loads(desk: Desk) -> list[str]:
    """The names of the files that were loaded, one after the other."""
    return [Path(c.path).name for engine in desk.engines.created for c in engine.commands if isinstance(c, Load)]


@pytest.fixture
def other(desk: Desk, tmp_path: Path) -> str:
    """A model beside the starter: a copy of it."""
    copy = tmp_path / "copied.gguf"
    copy.write_bytes(catalog.resolve("starter").path.read_bytes())
    return str(copy)


def test_a_new_conversation_in_a_project_is_asked_with_its_system_prompt(desk: Desk) -> None:
    thesis = project(desk, system_prompt="Be strict.")
    desk.controller.conversations.new_chat(thesis.id)
    assert desk.controller.projects.current == thesis
    chat = ask(desk)
    assert sent(desk) == [("system", "Be strict."), ("user", "Why?")]
    assert desk.store.conversation(chat).project_id == thesis.id
    assert desk.store.conversation(chat).system_prompt == ""
    desk.controller.conversations.new_chat()
    assert desk.controller.projects.current is None
    ask(desk)
    assert sent(desk) == [("user", "Why?")]


def test_a_changed_project_prompt_holds_from_the_next_question_on_where_there_is_no_own_one(desk: Desk) -> None:
    thesis = project(desk, system_prompt="Be strict.")
    chats = []
    for own in ("", "Be brief."):
        desk.controller.conversations.new_chat(thesis.id)
        desk.controller.conversations.set_system_prompt(own)
        chats.append(ask(desk))
    desk.controller.projects.save(thesis.id, ProjectSettings("Thesis", "Be kind."))
    for chat, expected in zip(chats, ("Be kind.", "Be brief."), strict=True):
        desk.controller.conversations.open(chat)
        ask(desk)
        assert sent(desk)[0] == ("system", expected)


def test_what_holds_is_told_with_its_source(desk: Desk) -> None:
    projects = desk.controller.projects
    thesis = project(desk, system_prompt="Be strict.", folder="/papers")
    assert projects.system_prompt() == InForce("", "general")
    desk.controller.conversations.new_chat(thesis.id)
    assert projects.system_prompt() == InForce("Be strict.", "project")
    assert desk.controller.documents.in_force == InForce("/papers", "project")
    desk.controller.documents.choose("")
    assert desk.controller.documents.in_force == InForce("", "conversation")
    ask(desk)
    assert desk.controller.documents.in_force == InForce("", "conversation")
    desk.controller.documents.use_project()
    assert desk.controller.documents.in_force == InForce("/papers", "project")
    desk.controller.conversations.set_system_prompt("Be brief.")
    assert projects.system_prompt() == InForce("Be brief.", "conversation")


def test_a_conversation_that_is_moved_gets_what_its_new_project_has(desk: Desk) -> None:
    thesis = project(desk, system_prompt="Be strict.")
    chat = ask(desk)
    desk.controller.projects.move(chat, thesis.id)
    assert desk.controller.projects.current == thesis
    ask(desk)
    assert sent(desk)[0] == ("system", "Be strict.")
    desk.controller.projects.move(chat, None)
    ask(desk)
    assert sent(desk)[0][0] == "user"


def test_the_project_of_the_new_conversation_is_there_after_a_restart(desk: Desk) -> None:
    thesis = project(desk)
    desk.controller.conversations.new_chat(thesis.id)
    assert desk.store.new_project() == thesis.id


def test_the_projects_model_is_loaded_when_it_is_asked_and_stays_out_of_other_conversations(
    desk: Desk, other: str
) -> None:
    thesis = project(desk, model=other)
    first = ask(desk)
    desk.controller.conversations.new_chat(thesis.id)
    assert desk.controller.projects.model() == InForce(other, "project")
    assert len(loads(desk)) == 1  # opening it loads nothing
    assert not desk.controller.projects.model_is_loaded
    ask(desk)
    assert [Path(load).name for load in loads(desk)][1:] == ["copied.gguf"]
    assert desk.controller.projects.model_is_loaded
    assert desk.controller._settings.model == "starter"  # the next start loads this one
    desk.controller.conversations.open(first)
    ask(desk)
    assert len(loads(desk)) == 3 and loads(desk)[2] == loads(desk)[0]


def test_settings_that_load_the_model_again_do_not_make_a_projects_model_the_general_one(
    desk: Desk, other: str
) -> None:
    desk.controller.conversations.new_chat(project(desk, model=other).id)
    ask(desk)
    desk.controller.models.apply_settings()
    assert loads(desk)[-1] == "copied.gguf"
    assert desk.controller._settings.model == "starter"


def test_questions_for_two_models_are_answered_one_after_the_other(desk: Desk, other: str) -> None:
    thesis = project(desk, model=other)
    desk.controller.messages.send("one")
    desk.controller.conversations.new_chat(thesis.id)
    desk.controller.messages.send("two")
    assert len(loads(desk)) == 1  # the first answer is not broken off
    assert desk.controller.answers.waiting(desk.controller.conversation.id) == "answer"
    desk.engines.last.finish()
    assert loads(desk)[-1] == "copied.gguf"
    assert sent(desk) == [("user", "two")]


def test_a_model_chosen_in_a_project_with_a_model_is_of_that_conversation_alone(desk: Desk, other: str) -> None:
    thesis = project(desk, model=other)
    desk.controller.conversations.new_chat(thesis.id)
    desk.controller.projects.choose_model("starter")
    chat = ask(desk)
    assert desk.store.conversation(chat).own_model == "starter"
    assert desk.controller.projects.model() == InForce("starter", "conversation")
    desk.controller.projects.forget_own_model()
    ask(desk)
    assert loads(desk)[-1] == "copied.gguf"
    desk.controller.projects.choose_model("starter")
    assert desk.store.conversation(chat).own_model == "starter"
    desk.controller.conversations.new_chat()
    desk.controller.projects.choose_model(other)
    assert desk.controller._settings.model == other


@pytest.mark.parametrize("gone", ["no-such-model", "/nowhere/model.gguf"])
def test_a_projects_model_that_does_not_exist_is_reported_once_and_the_chosen_one_answers(
    desk: Desk, gone: str
) -> None:
    desk.controller.conversations.new_chat(project(desk, model=gone).id)
    ask(desk)
    ask(desk)
    assert [notice.kind for notice in desk.notices] == ["project_model_refused"]
    assert desk.notices[0].details["name"] == Path(gone).name
    assert len(loads(desk)) == 1


def test_a_projects_model_that_cannot_be_loaded_is_reported_and_the_chosen_one_answers(
    desk: Desk, other: str, qtbot: object
) -> None:
    desk.controller.conversations.new_chat(project(desk, model=other).id)
    desk.engines.options["ready_at_once"] = False
    desk.controller.messages.send("Why?")
    assert loads(desk)[-1] == "copied.gguf"
    failing = desk.engines.last
    desk.engines.options["ready_at_once"] = True
    failing.on_event(Failed(None, "out_of_memory", "It does not fit.", "Close other programs."))
    qtbot.waitUntil(lambda: len(loads(desk)) == 3)  # type: ignore[attr-defined]
    assert [notice.kind for notice in desk.notices] == ["project_model_refused"]
    assert sent(desk) == [("user", "Why?")]


def test_a_deleted_project_keeps_its_conversations_unless_asked(desk: Desk) -> None:
    thesis = project(desk, system_prompt="Be strict.")
    desk.controller.conversations.new_chat(thesis.id)
    chat = ask(desk)
    desk.controller.conversations.delete_project(thesis.id)
    assert desk.controller.projects.all() == []
    assert [row.id for row in desk.controller.conversations.summaries()] == [chat]
    ask(desk)
    assert sent(desk)[0][0] == "user"
    desk.controller.act(desk.notices[-1].key, "undo")
    assert desk.controller.projects.current == thesis
    ask(desk)
    assert sent(desk)[0] == ("system", "Be strict.")


def test_a_project_is_deleted_with_its_conversations_and_all_come_back(desk: Desk) -> None:
    thesis = project(desk)
    chats = []
    for text in ("one", "two"):
        desk.controller.conversations.new_chat(thesis.id)
        chats.append(ask(desk, text))
    desk.controller.conversations.delete_project(thesis.id, with_conversations=True)
    assert (desk.controller.conversation, desk.controller.conversations.summaries()) == (None, [])
    assert (desk.notices[-1].kind, desk.notices[-1].details["n_conversations"]) == ("project_deleted", 2)
    desk.controller.act(desk.notices[-1].key, "undo")
    assert sorted(row.id for row in desk.store.conversations(project_id=thesis.id)) == chats


def test_only_another_folder_is_looked_through_and_folding_looks_at_nothing(desk: Desk, tmp_path: Path) -> None:
    thesis = project(desk, folder=str(tmp_path))
    documents, counts = desk.controller.documents, []
    documents.changed.connect(lambda: counts.append(documents.folder))
    desk.controller.conversations.new_chat(thesis.id)
    documents.opened()
    desk.controller.projects.set_collapsed(thesis.id, True)
    desk.controller.projects.save(thesis.id, ProjectSettings("Thesis", "Be kind.", folder=str(tmp_path)))
    assert counts == [str(tmp_path)]
    desk.controller.projects.save(thesis.id, ProjectSettings("Thesis", "Be kind."))
    assert counts == [str(tmp_path), ""]


def test_the_list_shows_each_conversation_once(desk: Desk) -> None:
    thesis = project(desk)
    loose = ask(desk)
    desk.controller.conversations.new_chat(thesis.id)
    inside = ask(desk)
    assert [row.id for row in desk.controller.conversations.summaries()] == [loose]
    assert [row.id for row in desk.controller.projects.conversations(thesis.id, 10)] == [inside]
    assert {hit.conversation_id for hit in desk.controller.conversations.search("Why")} == {loose, inside}
