"""The two languages of the window: English in the code, Chinese beside it, switched while it runs.

Every text for people is `translate("Context", "Text")` with literals, so that `python -m desktop.i18n.update` finds
it; widgets set their texts again on `QEvent.LanguageChange`, which Qt sends when a translator comes or goes.
"""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QCoreApplication, QLibraryInfo, QLocale, QTranslator

from belle import paths

Language = Literal["system", "zh_CN", "en"]

translate = QCoreApplication.translate
"""`translate(context, text, disambiguation=None, n=-1)`; `%n` in the text is the number `n`."""


def QT_TRANSLATE_NOOP(_context: str, text: str) -> str:  # noqa: N802  (lupdate knows it by this name)
    """Mark a text that is translated elsewhere, by `translate` with a variable."""
    return text


_installed: list[QTranslator] = []


def set_language(choice: Language) -> Literal["zh_CN", "en"]:
    """Switch every text of the window, Qt's own among them, and return the language now spoken."""
    language = system_language() if choice == "system" else choice
    app = QCoreApplication.instance()
    if app is None:
        return language
    # Numbers and dates follow the words.
    QLocale.setDefault(QLocale(language))
    for old in _installed:
        app.removeTranslator(old)
    _installed.clear()
    for name, folder in (
        (f"qtbase_{language}", QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)),
        (f"chatbelle_{language}", str(paths.asset("translations"))),
    ):
        translator = QTranslator()
        if translator.load(name, folder):
            app.installTranslator(translator)
            _installed.append(translator)
    app.setProperty("language", language)
    return language


def current_language() -> Literal["zh_CN", "en"]:
    """The language now spoken."""
    app = QCoreApplication.instance()
    return "zh_CN" if app is not None and app.property("language") == "zh_CN" else "en"


def system_language() -> Literal["zh_CN", "en"]:
    """Chinese where the system's first language of ours is Chinese, else English."""
    for name in QLocale.system().uiLanguages():
        if name.startswith("zh"):
            return "zh_CN"
        if name.startswith("en"):
            return "en"
    return "en"
