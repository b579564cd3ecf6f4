from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QFont, QFontMetrics, QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton

from belle.engine.process.commands import Sampling
from belle.engine.process.events import TemplateOption
from belle.errors import KnownError
from desktop.i18n import set_language
from desktop.ui.dialogs.about import CITATION, AboutDialog
from desktop.ui.dialogs.settings import SettingsDialog
from desktop.ui.dialogs.shortcuts import ShortcutsDialog
from desktop.ui.dialogs.store_fault import StoreFaultDialog
from desktop.ui.dialogs.system_prompt import SystemPromptDialog
from desktop.ui.dialogs.template import TemplateDialog
from desktop.ui.shortcuts import TABLE, description, group_title, key_text
from desktop.ui.style.theme import theme, themes


def test_settings_take_effect_at_once(opened, settings, qtbot):
    shown = opened(SettingsDialog(settings))
    shown.theme_choice.button("dark").click()
    shown.language_choice.button("zh_CN").click()
    shown.send_choice.button("ctrl_enter").click()
    assert settings.value("window/theme") == "dark"
    assert settings.value("window/language") == "zh_CN"
    assert settings.value("window/send_key") == "ctrl_enter"
    shown.larger.click()
    assert theme().zoom == settings.value("window/zoom") == 1.1
    assert shown._zoom_label.text() == "110 %"
    shown.smaller.click()
    assert theme().zoom == 1.0


def test_settings_show_what_is_set(opened, settings):
    settings.set_value("window/theme", "dark")
    settings.set_value("sampling/temperature", 0.2)
    settings.set_value("model/n_ctx", 3000)
    settings.set_value("model/threads", 1)
    shown = opened(SettingsDialog(settings, page="answers"))
    assert shown.pages.currentIndex() == 2
    assert shown.tabs.value() == "answers"
    assert shown.theme_choice.value() == "dark"
    assert shown.fields["temperature"].value() == pytest.approx(0.2)
    assert shown.context_choice.value() == "3000"
    assert shown.threads_choice.value() == "fixed"


def test_sampling_is_stored_and_given_back_to_the_model(opened, settings):
    base = Sampling(temperature=0.35, top_k=30)
    shown = opened(SettingsDialog(settings, page="answers", base=base))
    assert shown.fields["temperature"].value() == pytest.approx(0.35)
    shown.fields["temperature"].setValue(1.2)
    shown.fields["top_k"].setValue(5)
    assert settings.sampling(base) == Sampling(temperature=1.2, top_k=5)
    shown.reset_button.click()
    assert settings.sampling(base) == base
    assert settings.value("sampling/top_k") is None


def test_a_figure_can_be_read_in_its_field(opened, settings):
    shown = opened(SettingsDialog(settings, page="answers"))
    for field in shown.fields.values():
        inner = field.lineEdit()
        assert inner.width() >= inner.fontMetrics().horizontalAdvance(inner.text())


def test_loading_settings_are_told_once_at_the_end(opened, settings, qtbot):
    shown = opened(SettingsDialog(settings, page="model"))
    with qtbot.assertNotEmitted(shown.load_settings_changed):
        shown.context_choice.button("8192").click()
        shown.threads_choice.button("fixed").click()
    assert settings.n_ctx == 8192
    assert settings.threads == shown.threads_field.value()
    with qtbot.waitSignal(shown.load_settings_changed):
        shown.accept()


def test_nothing_is_loaded_again_when_nothing_changed(opened, settings, qtbot):
    shown = opened(SettingsDialog(settings, page="model"))
    with qtbot.assertNotEmitted(shown.load_settings_changed):
        shown.context_choice.button("8192").click()
        shown.context_choice.button("4096").click()
        shown.accept()


def test_segments_by_keyboard(opened, settings):
    shown = opened(SettingsDialog(settings))
    shown.tabs.button("general").setFocus()
    QTest.keyClick(shown.tabs.button("general"), Qt.Key.Key_Right)
    assert shown.tabs.value() == "reading"
    assert shown.pages.currentIndex() == 1
    QTest.keyClick(shown.tabs.button("reading"), Qt.Key.Key_Left)
    assert shown.tabs.value() == "general"


OPTIONS = (
    TemplateOption("gguf", "", "own text", problem="line 1: it is damaged."),
    TemplateOption("gemma", "Gemma", "<bos>\ngemma", missing=("<start_of_turn>",)),
    TemplateOption("chatml", "ChatML", "chatml\ntext", suggested=True),
    TemplateOption("plain", "Plain", "plain"),
)


def templates(opened, current=None):
    shown = opened(TemplateDialog("a.gguf", current))
    shown.show_options(OPTIONS)
    return shown


def test_what_fits_is_taken_and_shown_as_the_model_would_read_it(opened, qtbot):
    shown = templates(opened)
    assert shown.choices.count() == len(OPTIONS)
    assert shown.choice().id == "chatml"
    assert shown.example.toPlainText() == "chatml⏎\ntext"
    with qtbot.waitSignal(shown.chosen) as chosen:
        QTest.keyClick(shown.choices, Qt.Key.Key_Return)
    assert chosen.args == ["chatml"]


def test_what_is_in_use_is_taken_first_and_can_be_changed(opened, qtbot):
    shown = templates(opened, current="plain")
    assert shown.choice().id == "plain"
    assert "in use" in shown.choices.currentItem().text()
    QTest.keyClick(shown.choices, Qt.Key.Key_Up)
    with qtbot.waitSignal(shown.chosen) as chosen:
        shown.use_button.click()
    assert chosen.args == ["chatml"]


def test_a_template_that_does_not_work_says_why_and_cannot_be_used(opened, qtbot):
    shown = templates(opened)
    shown.choose("gguf")
    assert "line 1: it is damaged." in shown._advice.text()
    assert not shown.use_button.isEnabled()
    with qtbot.assertNotEmitted(shown.chosen):
        QTest.keyClick(shown.choices, Qt.Key.Key_Return)
    shown.choose("gemma")
    assert "<start_of_turn>" in shown._advice.text()
    assert shown.use_button.isEnabled()


def test_escape_closes_and_chooses_nothing(opened, qtbot):
    shown = templates(opened)
    with qtbot.assertNotEmitted(shown.chosen), qtbot.waitSignal(shown.rejected):
        QTest.keyClick(shown, Qt.Key.Key_Escape)


def test_enter_in_the_system_prompt_breaks_the_line(opened, qtbot):
    shown = opened(SystemPromptDialog("Be brief.", lambda: ([], [])))
    shown.field.setFocus()
    with qtbot.assertNotEmitted(shown.chosen):
        QTest.keyClick(shown.field, Qt.Key.Key_Return)
    assert shown.field.toPlainText() == "Be brief.\n"
    with qtbot.waitSignal(shown.chosen) as chosen:
        shown.save_button.click()
    assert chosen.args == ["Be brief."]


def test_shortcuts_dialog_lists_the_table(opened):
    shown = opened(ShortcutsDialog())
    assert len(shown._rows) == len(TABLE)
    assert all(does.text() and keys.text() for _, does, keys in shown._rows)


def test_no_key_is_given_twice():
    keys = [key for shortcut in TABLE for key in shortcut.keys]
    assert len(keys) == len(set(keys))
    assert all(not QKeySequence(key).isEmpty() for key in keys)
    assert len({shortcut.id for shortcut in TABLE}) == len(TABLE)


def test_every_shortcut_has_words_in_both_languages():
    english = [description(shortcut.id) for shortcut in TABLE]
    set_language("zh_CN")
    chinese = [description(shortcut.id) for shortcut in TABLE]
    assert not set(english) & set(chinese)
    assert group_title("window") == "窗口"
    assert key_text("send") == "Enter"


def test_about_says_terms_and_places(opened):
    shown = opened(AboutDialog())
    said = " ".join(text.text() for _, text in shown._sections.values())
    assert "research only" in said
    assert "conversations.sqlite3" in said
    assert CITATION in said
    assert "0.1.0" in shown._versions.text()


def test_a_store_that_cannot_be_opened_is_explained(opened):
    fault = KnownError("newer_schema", "Format 9 is newer than 1.", "Nothing was changed.", path="/x/c.sqlite3")
    shown = opened(StoreFaultDialog(fault))
    assert "newer ChatBELLE" in shown.heading.text()
    assert "Format 9" in shown._details.text()
    set_language("zh_CN")
    QTest.qWait(5)
    assert "更新版" in shown.heading.text()


@pytest.mark.parametrize("language", ["en", "zh_CN"])
@pytest.mark.parametrize("zoom", [1.0, 1.5])
def test_every_choice_has_room_for_its_words_in_bold(opened, settings, language, zoom):
    set_language(language)
    themes().set_zoom(zoom)
    shown = opened(SettingsDialog(settings))
    for button in shown.findChildren(QPushButton):
        if button.property("kind") == "segment":
            button.click()
            bold = button.font()
            bold.setWeight(QFont.Weight.DemiBold)
            room = button.width() - theme().px(2 * 12)
            assert QFontMetrics(bold).horizontalAdvance(button.text()) <= room
