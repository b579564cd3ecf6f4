"""`make screenshots`: every screen of the real window, in both languages and both themes.

    python -m tests.screenshots [FOLDER] [NAME…]

They are written into FOLDER (build/screens), and those of the README into assets/screenshots. With names only these
screens are taken. Texts and documents are the project's own (`content`); the model is the starter, really loaded, and
answers itself where an answer is being written. Chinese needs a font that has it (fonts-noto-cjk).
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

os.environ["QT_SCALE_FACTOR"] = "2"
os.environ.setdefault("QT_LOGGING_RULES", "qt.qpa.*=false")

from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import QMenu, QWidget

from desktop.app import make_application
from desktop.i18n import set_language
from desktop.settings import Settings
from desktop.ui.style.theme import themes
from tests.screenshots import conversations, dialogs, models
from tests.screenshots.studio import SIZE, Studio

ROOT = Path(__file__).parents[2]
SCREENS = {**conversations.SCREENS, **models.SCREENS, **dialogs.SCREENS}
"""By name: what brings a screen up, and returns the widget to be photographed, or a context manager with it."""
README = ("conversation", "compare")
"""The README shows these, in the light theme."""
LANGUAGES = {"en": "en", "zh": "zh_CN"}
THEMES = ("light", "dark")
SCREEN = {"name": "laptop", "x": 0, "y": 0, "width": 2880, "height": 1800, "logicalDpi": 96, "dpr": 1}
"""In pixels, two to one of the window; Qt's own offscreen screen is too small for most dialogs."""


def main() -> int:
    """Take every picture; exit status 1 when there is no Chinese font."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "screens"
    names = sys.argv[2:] or list(SCREENS)
    with tempfile.TemporaryDirectory() as home:
        screen = Path(home, "screen.json")
        screen.write_text(json.dumps({"screens": [SCREEN]}))
        os.environ["QT_QPA_PLATFORM"] = f"offscreen:configfile={screen}"
        os.environ["HOME"] = home
        for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
            os.environ.pop(name, None)
        return _take_all(folder, names, Path(home))


def _take_all(folder: Path, names: list[str], home: Path) -> int:
    make_application()
    if not any("CJK" in family or "Han" in family for family in QFontDatabase.families()):
        print("There is no Chinese font here. Install one: sudo apt install fonts-noto-cjk", file=sys.stderr)
        return 1
    settings = Settings()
    themes().follow_settings(settings)
    for language, locale in LANGUAGES.items():
        set_language(locale)
        documents = home / language
        documents.mkdir()
        studio = Studio(language, settings, documents)
        models.add_coarser(studio)
        for name in names:
            _take(studio, name, folder / f"{language}")
        studio.close()
    return 0


def _take(studio: Studio, name: str, folder: Path) -> None:
    """Bring a screen up, and photograph it in both themes."""
    studio.settings.set_value("window/theme", THEMES[0])
    studio.window.resize(SIZE)
    screen = SCREENS[name](studio)
    manager: AbstractContextManager[QWidget] = nullcontext(screen) if isinstance(screen, QWidget) else screen
    with manager as widget:
        for theme in THEMES:
            # The theme changes while the screen is open: whatever does not follow is seen in the second picture.
            studio.settings.set_value("window/theme", theme)
            if isinstance(widget, QMenu):  # filled each time it opens
                widget.hide()
                widget.popup(widget.pos())
            studio.settle()
            _save(widget, folder / f"{name}-{theme}.png")
            if name in README and theme == THEMES[0]:
                _save(widget, ROOT / "assets" / "screenshots" / f"{name}-{theme}-{studio.language}.png")
        studio.tidy()


def _save(widget: QWidget, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    if not widget.grab().save(str(file)):
        raise OSError(f"{file} could not be written")
    print(file)


if __name__ == "__main__":
    raise SystemExit(main())
