"""The two languages of the window: English in the code, Chinese in `assets/translations`, switched at run time.

Every text of the window is `translate("Context", "Text")` with literals, so that `python -m desktop.i18n.update` can
extract it. Widgets set their texts again on `QEvent.LanguageChange`, which Qt sends when a translator is installed or
removed.
"""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QCoreApplication, QLibraryInfo, QLocale, QTranslator

from belle import paths

Language = Literal["system", "zh_CN", "en"]

translate = QCoreApplication.translate
"""`translate(context, text, disambiguation=None, n=-1)`; `%n` in the text is the number `n`."""


def QT_TRANSLATE_NOOP(_context: str, text: str) -> str:  # noqa: N802  (the name that lupdate looks for)
    """Mark a literal for extraction that is translated elsewhere, by `translate` with a variable. Returns `text`."""
    return text


_installed: list[QTranslator] = []  # referenced here, because Qt does not own an installed translator


def set_language(choice: Language) -> Literal["zh_CN", "en"]:
    """Switch all texts of the window, Qt's own included, to a language. Returns the language in use."""
    language = system_language() if choice == "system" else choice
    app = QCoreApplication.instance()
    if app is None:
        return language
    # Qt formats numbers and dates in the default locale.
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
    """The language in use."""
    app = QCoreApplication.instance()
    return "zh_CN" if app is not None and app.property("language") == "zh_CN" else "en"


def system_language() -> Literal["zh_CN", "en"]:
    """The first of the system's preferred languages that is Chinese or English; English when none is."""
    for name in QLocale.system().uiLanguages():
        if name.startswith("zh"):
            return "zh_CN"
        if name.startswith("en"):
            return "en"
    return "en"
