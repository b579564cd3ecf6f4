"""The About dialog: versions, licences, how to cite BELLE, and where the files are."""

from __future__ import annotations

from importlib import metadata

from PySide6.QtCore import qVersion
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

import belle
from belle import paths
from desktop.i18n import translate
from desktop.ui.dialogs.base import Dialog
from desktop.ui.style.controls import SELECTABLE, label
from desktop.ui.style.theme import theme

CITATION = """@misc{BELLE,
  author = {BELLEGroup},
  title = {BELLE: Be Everyone's Large Language model Engine},
  year = {2023},
  publisher = {GitHub},
  howpublished = {\\url{https://github.com/LianjiaTech/BELLE}},
}"""
"""The same as in README.md."""


class AboutDialog(Dialog):
    """Shows everything without a network."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, width=560)
        self._logo = QLabel()
        self._name = label()
        self._versions = label("quiet")
        row = QHBoxLayout()
        row.addWidget(self._logo)
        names = QWidget()
        column = QVBoxLayout(names)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._name)
        column.addWidget(self._versions)
        row.addWidget(names, 1)
        self.body.addLayout(row)
        self._sections: dict[str, tuple[QLabel, QLabel]] = {}
        for name in ("licence", "research", "cite", "places"):
            title = self.paragraph("section")
            text = self.paragraph("code" if name in ("cite", "places") else "muted")
            text.setTextInteractionFlags(SELECTABLE)
            self._sections[name] = (title, text)
        self.body.addStretch(1)
        self.doctor_button = self.add_button()
        self.doctor_button.clicked.connect(self._examine)
        self.add_close_button()
        self.ready()

    def retranslate(self) -> None:
        """The texts in the present language."""
        super().retranslate()
        self.set_heading(translate("About", "About ChatBELLE"))
        self.doctor_button.setText(translate("About", "Does everything work here?"))
        self._name.setText(translate("About", "Your own language model, on your own computer."))
        self._versions.setText(versions())
        texts = {
            "licence": (
                translate("About", "Licences"),
                translate(
                    "About",
                    "ChatBELLE is free software under the Apache License 2.0. It uses llama.cpp (MIT), Qt through "
                    "PySide6 (LGPL 3) and the starter model SmolLM2 (Apache License 2.0).",
                ),
            ),
            "research": (
                translate("About", "BELLE models are for research"),
                translate(
                    "About",
                    "The BELLE weights may be used for research only, not commercially, and their base models "
                    "(LLaMA and others) add terms of their own. Their answers can be wrong or unsuitable; "
                    "judge them yourself.",
                ),
            ),
            "cite": (translate("About", "Citing BELLE"), CITATION),
            "places": (translate("About", "Where things are"), data_paths()),
        }
        for name, (title, text) in texts.items():
            self._sections[name][0].setText(title)
            self._sections[name][1].setText(text)
            self._sections[name][1].setAccessibleName(f"{title}: {text}")

    def _examine(self) -> None:
        from desktop.ui.dialogs.doctor import DoctorDialog

        DoctorDialog(self).open()

    def restyle(self) -> None:
        """Set the logo, and a small font for long texts."""
        look = theme()
        mark = QPixmap(str(paths.asset("icon/chatbelle-128.png")))
        mark.setDevicePixelRatio(mark.width() / look.px(48))
        self._logo.setPixmap(mark)
        for name in ("cite", "places"):
            font = look.font_code
            font.setPixelSize(look.px(11.5))
            self._sections[name][1].setFont(font)
        super().restyle()


def versions() -> str:
    """`ChatBELLE 0.1.0 · llama-cpp-python 0.3.36 · Qt 6.12.0`"""
    try:
        engine = metadata.version("llama-cpp-python")
    except metadata.PackageNotFoundError:
        engine = "?"
    return f"ChatBELLE {belle.__version__} · llama-cpp-python {engine} · Qt {qVersion()}"


def data_paths() -> str:
    """The paths of conversations, models and settings, one a line."""
    return "\n".join(str(path) for path in (paths.database_file(), paths.models_dir(), paths.settings_file()))
