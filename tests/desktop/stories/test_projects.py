"""A project with its own system prompt and documents: the real model receives what it has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from desktop.documents.cited import stored_sources
from desktop.store import ProjectSettings
from desktop.ui.instructions.delete_dialog import DeleteProjectDialog
from desktop.ui.instructions.facts_dialog import FactsDialog
from desktop.ui.instructions.project_dialog import ProjectDialog
from tests.support.person import Person

PROMPT = (
    "You are a gardener. Speak of roses in every answer, and of nothing else, however often you are asked. "
    "Name a rose of each colour: red, white, yellow, pink. Say where it grows and when it is cut."
)
N_MORE = 25
"""Tokens that it has at least more than what the model's own template says without a system prompt."""


def ask(person: Person, question: str) -> int:
    """Ask, stop the answer at its first words, and tell how many tokens the model was sent."""
    person.ask(question)
    person.wait_words()
    person.stop()
    return int(person.path[-1].stats["prompt_tokens"])


def make_project(person: Person, name: str, prompt: str, folder: Path) -> int:
    """Make a project with the dialog; the window then shows a new chat in it."""
    person.window.window_actions.projects.create()
    dialog = person.window.findChild(ProjectDialog)
    dialog.name_field.setText(name)
    dialog.prompt_field.setPlainText(prompt)
    dialog.set_folder(str(folder))
    dialog.save_button.click()
    project = person.controller.projects.current
    assert project is not None and project.settings == ProjectSettings(name, prompt, "", str(folder))
    return project.id


def test_the_model_receives_what_the_project_has_also_after_a_restart_until_it_is_deleted(
    sits_down: Callable[..., Person], tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("Roses grow behind the house.\n", encoding="utf-8")
    person = sits_down()
    person.wait_ready()
    plain = ask(person, "Who won the cup?")
    project = make_project(person, "Garden", PROMPT, tmp_path)
    assert person.window.documents_chip.isVisible()
    person.wait(lambda: person.controller.documents.state.finished)
    person.controller.documents.choose("")  # what is measured here is the system prompt alone
    with_prompt = ask(person, "Who won the cup?")
    first = person.controller.conversation
    assert first is not None and first.system_prompt == ""
    assert with_prompt > plain + N_MORE
    person.controller.context.count()
    person.wait(lambda: person.controller.usage.system > N_MORE)

    person.controller.documents.use_project()
    ask(person, "Where do roses grow?")
    assert [source.path for source in stored_sources(person.path[-1].stats)[1]] == ["notes.txt"]
    person.leave()

    person = sits_down()
    person.wait_ready()
    assert [row.data() for row in rows(person)][:2] == ["Garden", "Who won the cup"]
    QTest.keyClick(person.window, Qt.Key.Key_Tab, Qt.KeyboardModifier.ControlModifier)
    person.wait(lambda: person.controller.usage.system > N_MORE)

    person.window.window_actions.projects.delete(project)
    person.window.findChild(DeleteProjectDialog).delete_button.click()
    person.wait(lambda: person.controller.usage.system <= N_MORE)
    assert person.controller.conversation.id == first.id
    person.window.banners.banner(f"deleted-project-{project}").buttons["undo"].click()
    person.wait(lambda: person.controller.usage.system > N_MORE)


def rows(person: Person) -> list:
    model = person.window.sidebar.model
    return [model.index(row) for row in range(model.rowCount())]


def test_the_model_reads_what_is_to_be_remembered_only_while_the_person_wants_it(person: Person) -> None:
    person.wait_ready()
    ask(person, "Who won the cup?")
    person.controller.context.count()
    person.wait(lambda: person.controller.usage.system > 0)
    without = person.controller.usage.system
    person.controller.facts.save(None, "I am a nurse in Graz and I work at night, so I sleep until the afternoon.")
    assert person.controller.usage.system == without
    person.window.window_actions.facts.show()
    dialog = person.window.findChild(FactsDialog)
    dialog.switch.click()
    person.wait(lambda: person.controller.usage.system > without)
    dialog.switch.click()
    person.wait(lambda: person.controller.usage.system == without)
    dialog.accept()
