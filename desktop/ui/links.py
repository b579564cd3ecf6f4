"""Addresses in messages: a click hands them to the desktop's browser, unless the network is refused."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from PySide6.QtCore import QObject, QUrl, Signal
from PySide6.QtGui import QDesktopServices

from belle.errors import KnownError


class Links(QObject):
    """Opens addresses. `refused` has the KnownError for one that offline mode forbids."""

    refused = Signal(object)

    def open(self, url: QUrl) -> None:
        """Open a web or mail address in the desktop's program for it; any other address is ignored."""
        if url.scheme().lower() not in ("http", "https", "mailto"):
            return
        from belle import network  # not before the first click

        try:
            network.record_once("browser", url.toDisplayString())
        except KnownError as error:
            self.refused.emit(error)
        else:
            QDesktopServices.openUrl(url)


def open_local(path: Path) -> None:
    """Open a file or a folder of this computer in the desktop's program for it; nothing leaves the computer."""
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))


@cache
def links() -> Links:
    """The object that all messages share."""
    return Links()
