"""What the window relies on in PySide6 and was once broken there."""

from __future__ import annotations

import sys

from PySide6.QtCore import QObject, Signal


class Sender(QObject):
    told = Signal(bool)


def test_a_signal_keeps_its_hands_off_the_references_of_true_and_false() -> None:
    """PySide6 6.12.0 lost one with every emission, until Python ended with `deallocating True or False`."""
    sender = Sender()
    before = sys.getrefcount(True)
    for _ in range(50):
        sender.told.emit(True)
    assert abs(sys.getrefcount(True) - before) < 25
