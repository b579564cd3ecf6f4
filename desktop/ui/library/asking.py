"""What the library asks before it does something: getting a model, deleting one, where downloads come from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QLineEdit, QPushButton, QWidget

from desktop.i18n import translate
from desktop.library.library import ENDPOINT, LLAMA_WEIGHTS
from desktop.ui import numbers
from desktop.ui.dialogs.base import Dialog
from desktop.ui.file_dialog import choose_file
from desktop.ui.foreign_text import breakable
from desktop.ui.library import words
from desktop.ui.style.controls import Segments

if TYPE_CHECKING:
    from desktop.library.entries import LibraryEntry
    from desktop.settings import Settings

MIRROR = "https://hf-mirror.com"


class ConfirmDialog(Dialog):
    """A question with two answers: `accepted` is the one that does something."""

    def __init__(self, title: str, text: str, do: str, leave: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.paragraph().setText(breakable(text))
        self.leave_button, self.do_button = self.add_button(primary=True), self.add_button()
        self.leave_button.clicked.connect(self.reject)
        self.do_button.clicked.connect(self.accept)
        self.leave_button.setText(leave)
        self.do_button.setText(do)
        self.set_heading(title)
        self.ready()


class GetDialog(Dialog):
    """Licence, sizes and source of a model, before anything is requested. `accepted`: get it.

    For a model that is encrypted it asks for the person's own LLaMA-1 weights, and remembers where they are.
    """

    def __init__(self, entry: LibraryEntry, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent, width=520)
        self._entry, self._settings = entry, settings
        self._description = self.paragraph()
        self._fit = self.paragraph()
        self._terms_title = self.paragraph("section")
        self._terms = self.paragraph()
        self._source = self.paragraph("small")
        self._key_title = self.paragraph("section")
        self._key_why = self.paragraph()
        self.key_field = QLineEdit(str(settings.value(LLAMA_WEIGHTS) or ""))
        self.key_field.textChanged.connect(lambda _: self._update())
        self.key_button = QPushButton()
        self.key_button.clicked.connect(self._choose_key)
        self.body.addWidget(self.key_field)
        self.body.addWidget(self.key_button)
        for part in (self._key_title, self._key_why, self.key_field, self.key_button):
            part.setVisible(entry.needs_llama)
        self.later_button = self.add_button()
        self.later_button.clicked.connect(self.reject)
        self.get_button = self.add_button(primary=True)
        self.get_button.clicked.connect(self._accept)
        self.ready()
        self._update()

    def _update(self) -> None:
        key = typed_path(self.key_field.text())
        self.get_button.setEnabled(not self._entry.needs_llama or (key is not None and key.is_file()))

    def _accept(self) -> None:
        if self._entry.needs_llama:
            self._settings.set_value(LLAMA_WEIGHTS, str(typed_path(self.key_field.text())))
        self.accept()

    def _choose_key(self) -> None:
        pattern = translate("Library", "Meta's weights (*.pth)")
        choose_file(self, "consolidated.00.pth", pattern, lambda path: self.key_field.setText(str(path)))

    def retranslate(self) -> None:
        """The texts in the present language."""
        super().retranslate()
        entry = self._entry
        self.set_heading(translate("Library", "Get {name}").format(name=entry.title))
        self._description.setText(breakable(words.here(entry.description)))
        self._fit.setVisible(entry.fit is not None)
        if entry.fit is not None:
            verdict = translate("Library", "{verdict}. {why}")
            self._fit.setText(verdict.format(verdict=words.pill(entry.fit), why=words.fit_sentence(entry.fit)))
        self._terms_title.setText(translate("Library", "Terms of use"))
        self._terms.setText(breakable(words.here(entry.license_note)))
        endpoint = str(self._settings.value(ENDPOINT) or "https://huggingface.co")
        self._source.setText(
            breakable(
                translate(
                    "Library", "{size} are downloaded from {source}. It can be stopped at any time and goes on later."
                ).format(size=numbers.size(entry.download), source=endpoint)
            )
        )
        self._key_title.setText(translate("Library", "Your own LLaMA weights"))
        self._key_why.setText(
            translate(
                "Library",
                "Meta's licence does not allow anybody to hand on LLaMA's weights, so BELLE published only what it "
                "changed, encrypted with the original file. You need that file, the original 7B consolidated.00.pth, "
                "also for the larger models. It stays on this computer.",
            )
        )
        self.key_field.setPlaceholderText("…/LLaMA/7B/consolidated.00.pth")
        self.key_field.setAccessibleName(self._key_title.text())
        self.key_button.setText(translate("Library", "Choose the file…"))
        self.later_button.setText(translate("Library", "Not now"))
        self.get_button.setText(translate("Library", "Accept and get"))


class SourceDialog(Dialog):
    """Where downloads come from: the hub, a mirror, or any address."""

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent, width=480)
        self._settings = settings
        self._text = self.paragraph()
        now = str(settings.value(ENDPOINT) or "")
        self.choice = Segments(("hub", "mirror", "other"))
        self.choice.set_value({"": "hub", MIRROR: "mirror"}.get(now, "other"))
        self.choice.chosen.connect(lambda _: self._choose())
        self.field = QLineEdit(now)
        self.field.textChanged.connect(lambda _: self._store())
        self.body.addWidget(self.choice)
        self.body.addWidget(self.field)
        self._proxy = self.paragraph("small")
        self.add_close_button()
        self.ready()
        self.field.setEnabled(self.choice.value() == "other")

    def _choose(self) -> None:
        chosen = self.choice.value()
        self.field.setEnabled(chosen == "other")
        if chosen != "other":
            self.field.setText({"hub": "", "mirror": MIRROR}[chosen])

    def _store(self) -> None:
        self._settings.set_value(ENDPOINT, self.field.text().strip() or None)

    def retranslate(self) -> None:
        """The texts in the present language."""
        super().retranslate()
        self.set_heading(translate("Library", "Where downloads come from"))
        self._text.setText(
            translate(
                "Library", "Nothing is requested from there before you press Get. A mirror helps where the hub is slow."
            )
        )
        self.choice.set_texts(
            translate("Library", "Source"), ("Hugging Face", "hf-mirror.com", translate("Library", "Another address"))
        )
        self.field.setPlaceholderText("https://huggingface.co")
        self.field.setAccessibleName(translate("Library", "Address"))
        self._proxy.setText(
            translate("Library", "The proxies of this computer (HTTPS_PROXY) are used, but never to reach itself.")
        )


def typed_path(text: str) -> Path | None:
    """The file or folder that was typed, where `~` may stand for a home; None if there is none."""
    try:
        path = Path(text.strip()).expanduser()
        return path if text.strip() and path.exists() else None
    except (OSError, RuntimeError, ValueError):  # too long, the home of nobody, or with a NUL
        return None
