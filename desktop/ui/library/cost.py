"""What did these bits cost? Asks for the file that a model was made from, measures, and opens the report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QProgressBar, QPushButton, QWidget

from desktop.i18n import current_language, translate
from desktop.library.cost import CostMeasurement, CostReport, Language
from desktop.ui.dialogs.base import Dialog
from desktop.ui.file_dialog import choose_file, choose_folder
from desktop.ui.library.asking import typed_path
from desktop.ui.links import open_local
from desktop.ui.style.controls import Segments, set_style_property

if TYPE_CHECKING:
    from desktop.library.entries import LibraryEntry


class CostDialog(Dialog):
    """Measures `entry`, a model that is here, against its parent. Closing it stops the measurement."""

    def __init__(self, entry: LibraryEntry, parent: QWidget | None = None) -> None:
        super().__init__(parent, width=560)
        self.setModal(False)
        self._entry = entry
        self._report: CostReport | None = None
        self.measurement = CostMeasurement(self)
        self.measurement.ended.connect(self._ended)
        self.finished.connect(lambda _: self.measurement.close())
        self._why = self.paragraph()
        self.field = QLineEdit()
        self.field.textChanged.connect(lambda _: self._update())
        self.file_button, self.folder_button = QPushButton(), QPushButton()
        self.file_button.clicked.connect(self._choose_file)
        self.folder_button.clicked.connect(self._choose_folder)
        choosing = QHBoxLayout()
        for button in (self.file_button, self.folder_button):
            button.setAutoDefault(False)
            choosing.addWidget(button)
        choosing.addStretch(1)
        self.body.addWidget(self.field)
        self.body.addLayout(choosing)
        self.text_choice = Segments(("zh", "en"))
        self.text_choice.set_value("zh" if current_language() == "zh_CN" else "en")
        row = QHBoxLayout()
        row.addWidget(self.text_choice)
        row.addStretch(1)
        self.body.addLayout(row)
        self.bar = QProgressBar()
        self.bar.setRange(0, 0)
        self.body.addWidget(self.bar)
        self.summary = self.paragraph("code")
        self.state = self.paragraph("small")
        self.report_button = self.add_button()
        self.report_button.clicked.connect(self._open_report)
        self.measure_button = self.add_button(primary=True)
        self.measure_button.clicked.connect(self._measure)
        self.ready()

    def _choose_file(self) -> None:
        pattern = translate("Library", "Models (*.gguf)")
        title = translate("Library", "The model it was made from")
        choose_file(self, title, pattern, lambda path: self.field.setText(str(path)))

    def _choose_folder(self) -> None:
        title = translate("Library", "The checkpoint it was made from")
        choose_folder(self, title, lambda path: self.field.setText(str(path)))

    def _measure(self) -> None:
        if self.measurement.is_running:
            self.measurement.stop()
        elif self._entry.path is not None and (parent := typed_path(self.field.text())) is not None:
            self._report = None
            language: Language = "zh" if self.text_choice.value() == "zh" else "en"
            self.measurement.start(parent, self._entry.path, language)
        self._update()

    def _ended(self, report: CostReport | None) -> None:
        self._report = report
        self._update()
        self.fit()

    def _open_report(self) -> None:
        if self._report is not None and self._report.page is not None:
            open_local(self._report.page)

    def _update(self) -> None:
        running, report = self.measurement.is_running, self._report
        self.bar.setVisible(running)
        self.report_button.setVisible(report is not None and report.page is not None)
        self.summary.setText(report.summary if report is not None else "")
        self.summary.setVisible(bool(report is not None and report.summary))
        error = report.error if report is not None else ""
        self.state.setText(
            translate("Library", "Both models read the same text. This takes some minutes, and can be stopped.")
            if running
            else error
        )
        self.state.setVisible(running or bool(error))
        set_style_property(self.state, "level", "" if running else "bad")
        self.measure_button.setEnabled(running or typed_path(self.field.text()) is not None)
        self.measure_button.setText(translate("Library", "Stop") if running else translate("Library", "Measure"))

    def retranslate(self) -> None:
        """The texts in the present language."""
        super().retranslate()
        self.set_heading(translate("Library", "What did these bits cost?"))
        self._why.setText(
            translate(
                "Library",
                "Both models read the same text, and the program compares what each expects next: how often they agree,"
                " and how far apart they are. Choose the larger model that this one was made from.",
            )
        )
        self.field.setAccessibleName(translate("Library", "The model it was made from"))
        self.field.setPlaceholderText(self.field.accessibleName())
        self.text_choice.set_texts(translate("Library", "Text to read"), ("中文", "English"))
        self.file_button.setText(translate("Library", "Choose a file…"))
        self.folder_button.setText(translate("Library", "Choose a folder…"))
        self.report_button.setText(translate("Library", "Open the report"))
        self._update()
