"""The libraries: what is installed, against what the program needs and what it was tested with."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator, Mapping

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from belle import paths
from belle.doctor.report import Fact, Problem, Section
from belle.environment import pip_command

PROGRAM = "chatbelle"
_DEVELOPMENT = "dev"


def libraries() -> Section:
    """Versions of what the program depends on; what is missing, too old, or another than the tested one."""
    tested = tested_versions()
    facts, missing, outside, untested = [], [], [], []
    for requirement, optional in requirements():
        version = _installed(requirement.name)
        if version is None:
            if not optional:
                missing.append(requirement.name)
            continue
        # torch calls its build for the processor alone 2.13.0+cpu.
        version = Version(version).public
        known = tested.get(canonicalize_name(requirement.name), version)
        facts.append(Fact(requirement.name, version if known == version else f"{version} (tested: {known})"))
        if not requirement.specifier.contains(version, prereleases=True):
            outside.append(requirement.name)
        elif known != version:
            untested.append(requirement.name)
    problems = [
        _problem("library_missing", missing, "not installed", tested),
        _problem("library_unsuitable", outside, "of a version that does not work here", tested),
        _problem("library_untested", untested, "of another version than the tested one", tested, serious=False),
    ]
    return Section("libraries", tuple(facts), tuple(problem for problem in problems if problem))


def requirements() -> Iterator[tuple[Requirement, bool]]:
    """Every library that the program names, and whether it can do without, but for the tools of its developers."""
    try:
        lines = importlib.metadata.requires(PROGRAM) or []
    except importlib.metadata.PackageNotFoundError:
        return
    for line in lines:
        requirement = Requirement(line)
        marker = str(requirement.marker or "")
        if f'extra == "{_DEVELOPMENT}"' not in marker:
            yield requirement, "extra ==" in marker


def tested_versions() -> dict[str, str]:
    """Canonical name → version of `constraints.txt`; empty where the file is not there."""
    try:
        lines = paths.constraints_file().read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    pairs = (line.split("==", 1) for line in lines if "==" in line)
    return {canonicalize_name(name): version.strip() for name, version in pairs}


def _problem(
    kind: str, names: list[str], what: str, tested: Mapping[str, str], *, serious: bool = True
) -> Problem | None:
    if not names:
        return None
    wanted = [f"{name}=={tested[key]}" if (key := canonicalize_name(name)) in tested else name for name in names]
    listed = ", ".join(names)
    message = f"{listed} {'is' if len(names) == 1 else 'are'} {what}."
    return Problem(kind, message, pip_command("install", *wanted), details={"names": listed}, serious=serious)


def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
