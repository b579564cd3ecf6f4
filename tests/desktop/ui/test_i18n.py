from __future__ import annotations

import ast
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QLocale
from PySide6.QtWidgets import QWidget

import desktop
from desktop.i18n import current_language, set_language, translate
from desktop.i18n.update import LANGUAGES, ts_file, update

PLACEHOLDER = re.compile(r"\{\w*\}|%n|%\d")


def messages(language: str) -> list[tuple[str, str, list[str], str]]:
    """(context, source, translations, state)"""
    texts = []
    for context in ET.parse(ts_file(language)).getroot().iter("context"):
        name = context.findtext("name")
        for message in context.iter("message"):
            translation = message.find("translation")
            forms = [form.text or "" for form in translation.iter("numerusform")] or [translation.text or ""]
            texts.append((name, message.findtext("source"), forms, translation.get("type", "")))
    return texts


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_untranslated(language):
    open_ones = [(c, s) for c, s, forms, state in messages(language) if state or not all(forms)]
    assert open_ones == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_placeholders_are_the_same_in_both_languages(language):
    for context, source, forms, _ in messages(language):
        for form in filter(None, forms):
            assert sorted(PLACEHOLDER.findall(form)) == sorted(PLACEHOLDER.findall(source)), (context, source)


def test_a_token_has_its_chinese_name_everywhere():
    for context, _, forms, _ in messages("zh_CN"):
        for form in forms:
            assert not re.search("token(?!s?}|_)", form.replace("prompt_tokens", ""), re.IGNORECASE), (context, form)


def test_translations_are_up_to_date(tmp_path):
    for language in LANGUAGES:
        source = ts_file(language)
        (tmp_path / source.name).write_bytes(source.read_bytes())
    update(tmp_path)
    for language in LANGUAGES:
        for path in (ts_file(language, tmp_path), ts_file(language, tmp_path).with_suffix(".qm")):
            committed = ts_file(language).parent / path.name
            assert path.read_bytes() == committed.read_bytes(), "run: python -m desktop.i18n.update"


def test_switching_changes_words_numbers_and_qts_own_texts(qapp):
    assert set_language("zh_CN") == "zh_CN"
    assert current_language() == "zh_CN"
    assert translate("Offline", "Offline") == "离线"
    assert QCoreApplication.translate("QPlatformTheme", "Cancel") == "取消"
    assert QLocale().language() == QLocale.Language.Chinese
    assert set_language("en") == "en"
    assert translate("Offline", "Offline") == "Offline"
    assert QCoreApplication.translate("QPlatformTheme", "Cancel") == "Cancel"


def test_widgets_are_told(qtbot):
    events: list[QEvent.Type] = []

    class Listener(QWidget):
        def changeEvent(self, event: QEvent) -> None:
            events.append(event.type())
            super().changeEvent(event)

    listener = Listener()
    qtbot.addWidget(listener)
    set_language("zh_CN")
    qtbot.waitUntil(lambda: QEvent.Type.LanguageChange in events)


def test_system_means_one_of_ours(qapp):
    assert set_language("system") in ("zh_CN", "en")


def test_no_text_hides_where_lupdate_cannot_see_it():
    # lupdate does not look into f-strings.
    for path in Path(desktop.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                called = {getattr(n.func, "id", "") for n in ast.walk(node) if isinstance(n, ast.Call)}
                assert "translate" not in called, f"{path}:{node.lineno}"


def test_texts_are_literals():
    for path in Path(desktop.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "translate":
                assert isinstance(node.args[0], ast.Constant), f"{path}:{node.lineno}"
