"""`belle doctor`: describes this machine, and checks that everything works on it."""

from __future__ import annotations

import argparse
import json
import textwrap

from belle.doctor import DoctorReport, Problem, examine

_WIDTH = 100
_NAME_WIDTH = 22


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--json", action="store_true", help="for bug reports: no paths, no names of files or models, nothing private"
    )
    parser.epilog = "Exit status: 0 when everything works, 1 when something does not."


def run(arguments: argparse.Namespace) -> int:
    """Examine the machine and print the report. Returns 1 when something does not work."""
    report = examine()
    print(json.dumps(report.as_json(), indent=2, ensure_ascii=False) if arguments.json else as_text(report))
    return int(any(problem.serious for problem in report.problems))


def as_text(report: DoctorReport) -> str:
    """The whole report for a terminal: sections, then problems."""
    lines: list[str] = []
    for section in report.sections:
        lines += [section.name.capitalize(), *(_row(fact.name, fact.value) for fact in section.facts), ""]
    problems = report.problems
    if not problems:
        return "\n".join([*lines, "Everything works."])
    for problem in problems:
        lines += [_problem(problem), ""]
    return "\n".join(lines[:-1])


def _row(name: str, value: str) -> str:
    label = f"  {name.replace('_', ' '):<{_NAME_WIDTH}}"
    return textwrap.fill(
        value or "–", _WIDTH, initial_indent=label, subsequent_indent=" " * (_NAME_WIDTH + 2), break_on_hyphens=False
    )


def _problem(problem: Problem) -> str:
    mark = "Does not work" if problem.serious else "Could be better"
    return f"{mark}: {problem.message}" + (f"\n    {problem.command}" if problem.command else "")
