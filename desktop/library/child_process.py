"""Child processes of the library: Python with this program's modules, in the environment that native code needs."""

from __future__ import annotations

from PySide6.QtCore import QObject, QProcess, QProcessEnvironment

from belle.engine.process.native_process import environment


def child_process(parent: QObject) -> QProcess:
    """A process that the caller starts, with `sys.executable`."""
    process = QProcess(parent)
    variables = QProcessEnvironment()
    for name, value in environment(safer=False).items():
        variables.insert(name, value)
    process.setProcessEnvironment(variables)
    return process
