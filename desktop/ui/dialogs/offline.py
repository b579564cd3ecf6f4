"""The page about the network: what can touch it, when it last did, its switch, and what lies on the disk."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QDateTime, QLocale, Qt, QTimer
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from belle import network, network_record, paths
from belle.disk_use import Kept, on_disk
from belle.errors import KnownError
from desktop.i18n import translate
from desktop.ui import numbers
from desktop.ui.dialogs.base import Dialog
from desktop.ui.foreign_text import breakable
from desktop.ui.style.controls import Segments, label
from desktop.ui.style.theme import theme

_REFRESH_MS = 2000
"""While the page is open something may be downloaded."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A thing, and what there is to say of it. A screen reader reads both as one."""

    title: QLabel
    text: QLabel

    def set_text(self, title: str, text: str) -> None:
        if self.title.text() != title:
            self.title.setText(title)
        if self.text.text() != breakable(text):
            self.text.setText(breakable(text))
            self.text.setAccessibleName(f"{title}: {text}")


class OfflineDialog(Dialog):
    """Opened by the offline badge. Reads the record of the network again while it is open."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, width=600)
        self._promises = [self.paragraph() for _ in range(2)]
        self._switch_title = self.paragraph("section")
        self.switch = Segments(("allow", "refuse"))
        self.switch.chosen.connect(self._set_switch)
        self.body.addWidget(self.switch, 0, Qt.AlignmentFlag.AlignLeft)
        self._switch_text = self.paragraph("quiet")
        self._uses_title = self.paragraph("section")
        self._unwritten = self.paragraph()
        self._uses = {use: self._row() for use in network.USES}
        self._disk_title = self.paragraph("section")
        self._disk = {item.kept: self._row(selectable=True) for item in on_disk()}
        self.add_close_button()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._show_uses)
        self._timer.start(_REFRESH_MS)
        self.ready()

    def _row(self, *, selectable: bool = False) -> _Row:
        row = _Row(label(wrap=True), label("quiet", wrap=True))
        if selectable:
            row.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        column = QVBoxLayout()
        column.setSpacing(theme().px(2))
        column.addWidget(row.title)
        column.addWidget(row.text)
        self.body.addLayout(column)
        return row

    def _set_switch(self, value: str) -> None:
        try:
            network.set_switch(offline=value == "refuse")
        except KnownError as error:
            self._show_switch()
            self._switch_text.setText(breakable(str(error)))
            return
        self._show_switch()

    def _show_switch(self) -> None:
        reason = network.offline_reason()
        self.switch.set_value("allow" if reason is None else "refuse")
        self.switch.setEnabled(not network.is_fixed())
        self._switch_text.setText(_about_switch(reason))

    def _show_uses(self) -> None:
        activity = network.activity()
        self.set_heading(
            translate("Offline", "The network is being used")
            if network.is_in_use(activity)
            else translate("Offline", "Nothing leaves this computer")
        )
        for use, row in self._uses.items():
            row.set_text(_use_title(use), _use_text(activity[use]))
        self._unwritten.setVisible(not network_record.is_writable())

    def _show_disk(self) -> None:
        for item in on_disk():
            size = numbers.size(item.n_bytes) if item.n_bytes else translate("Offline", "nothing yet")
            title = translate("Offline", "{thing} · {size}").format(thing=_kept_title(item.kept), size=size)
            self._disk[item.kept].set_text(title, str(item.path))

    def retranslate(self) -> None:
        """The texts in the present language."""
        super().retranslate()
        promises = (
            translate("Offline", "The model runs here, in a program of its own beside this window."),
            translate(
                "Offline", "While you chat no network connection is opened: no account, no statistics, no updates."
            ),
        )
        for paragraph, text in zip(self._promises, promises, strict=True):
            paragraph.setText(text)
        self._switch_title.setText(translate("Offline", "Use of the network"))
        self.switch.set_texts(
            translate("Offline", "Use of the network"),
            (translate("Offline", "When I ask for it"), translate("Offline", "Never")),
        )
        self._uses_title.setText(translate("Offline", "What can touch the network, and when it last did"))
        self._unwritten.setText(
            breakable(
                translate("Offline", "These times are not complete, because {path} cannot be written.").format(
                    path=paths.network_record_file()
                )
            )
        )
        self._disk_title.setText(translate("Offline", "What is kept on this disk"))
        self._show_switch()
        self._show_uses()
        self._show_disk()


def _about_switch(reason: network.Reason | None) -> str:
    if network.is_fixed() and reason is None:
        return translate("Offline", "The variable CHATBELLE_OFFLINE allows it, whatever was chosen here.")
    return {
        None: translate("Offline", "Nothing is requested before you press a button or type a command for it."),
        "switch": translate("Offline", "What leaves this computer is refused, also to commands in the terminal."),
        "option": translate("Offline", "ChatBELLE was started with --offline; what leaves this computer is refused."),
        "variable": translate(
            "Offline", "The variable CHATBELLE_OFFLINE is set; what leaves this computer is refused."
        ),
    }[reason]


def _use_title(use: network.Use) -> str:
    return {
        "listing": translate("Offline", "Looking up which files a model or data consists of"),
        "model": translate("Offline", "Downloading a model"),
        "data": translate("Offline", "Downloading data for training"),
        "browser": translate("Offline", "Opening a link of an answer in your browser"),
        "machines": translate("Offline", "Training on several computers"),
        "tracking": translate("Offline", "Sending the curves of a training to a service where you have an account"),
        "answers": translate("Offline", "Asking a model on a server (belle eval, belle data generate)"),
        "server": translate("Offline", "Serving a model to other computers (belle serve --host)"),
        "loopback": translate(
            "Offline", "Between programs on this computer, such as a model that is served to them alone"
        ),
    }[use]


def _use_text(activity: network_record.Activity) -> str:
    parts = [translate("Offline", "Not so far") if activity.last is None else _last(activity)]
    if activity.n_bytes:
        parts.append(translate("Offline", "{size} in all").format(size=numbers.size(activity.n_bytes)))
    if activity.refused:
        parts.append(translate("Offline", "{count} refused").format(count=numbers.count(activity.refused)))
    return " · ".join(parts)


def _last(activity: network_record.Activity) -> str:
    if activity.is_open:
        moment = translate("Offline", "Now")
    else:
        when = QDateTime.fromSecsSinceEpoch(int(activity.last or 0))
        moment = QLocale().toString(when, QLocale.FormatType.ShortFormat)
    return " · ".join(part for part in (moment, activity.what, activity.address) if part)


def _kept_title(kept: Kept) -> str:
    return {
        "conversations": translate("Offline", "Your conversations"),
        "backups": translate("Offline", "Daily copies of your conversations"),
        "states": translate("Offline", "What models have read of your conversations"),
        "history": translate("Offline", "What you typed into the chat in the terminal"),
        "record": translate("Offline", "The record of the network above"),
        "crashes": translate("Offline", "Reports of crashes"),
        "settings": translate("Offline", "Settings"),
        "models": translate("Offline", "Models"),
        "copies": translate("Offline", "Copies of models and data for training"),
    }[kept]
