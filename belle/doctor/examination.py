"""One look at everything, section by section; what cannot be looked at is a problem, not a traceback."""

from __future__ import annotations

from collections.abc import Callable

from belle.doctor.engine import engine
from belle.doctor.libraries import libraries
from belle.doctor.machine import machine
from belle.doctor.report import DoctorReport, Problem, Section
from belle.doctor.storage import conversations, folders, models
from belle.errors import KnownError

SECTIONS: dict[str, Callable[[], Section]] = {
    "machine": machine,
    "engine": engine,
    "libraries": libraries,
    "folders": folders,
    "conversations": conversations,
    "models": models,
}
"""A new look is one function and one row here."""


def examine() -> DoctorReport:
    """Look at everything (one to three seconds). Raises nothing."""
    return DoctorReport(tuple(_section(name) for name in SECTIONS))


def _section(name: str) -> Section:
    try:
        return SECTIONS[name]()
    except (KnownError, OSError) as error:
        message = f"{name.capitalize()} could not be looked at: {error}"
        return Section(name, (), (Problem("not_examined", message, details={"reason": str(error)}),))
