"""`belle data check`: reports the contents of a data file and what is wrong with it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from belle.cli.terminal import Terminal
from belle.data.check import LENGTHS, Finding, Report, summary

_SHOWN = 5
WRONG = 2


def check(arguments: argparse.Namespace) -> int:
    """Print the report. Returns 2 when there are records that are not rows; raises KnownError."""
    from belle.data import check as checking

    terminal = Terminal()
    count_tokens = None
    if arguments.tokenizer:
        from belle.training.tokenizer.tokenizer import HubVocabulary, load_tokenizer

        vocabulary = HubVocabulary(load_tokenizer(arguments.tokenizer))

        def count_tokens(text: str) -> int:
            return len(vocabulary.tokenize(text))

    report = checking.check(
        arguments.file,
        arguments.kind,
        arguments.format,
        near=arguments.near,
        limit=arguments.n,
        count_tokens=count_tokens,
        progress=lambda rows: terminal.progress(f"{rows:,} rows"),
    )
    terminal.clear()
    if arguments.plot:
        from belle.data.plot import write_plot

        write_plot(report, arguments.plot, Path(arguments.file).name)
    if arguments.json:
        print(json.dumps(report.as_dict(), ensure_ascii=False, indent=1))
    else:
        _print(report)
    return WRONG if report.errors.count else 0


def _print(report: Report) -> None:
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in report.kinds.items())
    print(f"{report.rows:,} rows ({kinds or 'nothing'})")
    for name, title in LENGTHS.items():
        if report.lengths[name]:
            lengths = summary(report.lengths[name])
            print(
                f"length of {title}: {lengths['min']:,} to {lengths['max']:,}, mean {lengths['mean']:,.0f},"
                f" half below {lengths['p50']:,.0f}, 99 % below {lengths['p99']:,.0f}"
                + ("" if name == "tokens" else " characters")
            )
    turns = {str(number): count for number, count in sorted(report.turns.items())}
    for title, counts in (
        ("languages", dict(report.languages.most_common())),
        ("roles", dict(report.roles.most_common())),
        ("questions in a row", turns),
        ("categories", dict(report.categories.most_common())),
    ):
        if counts:
            print(f"{title}: " + ", ".join(f"{name} {count:,}" for name, count in counts.items()))
    for reason, count in report.left_out.most_common():
        print(f"training leaves out {count:,} rows: {reason}")
    findings = [finding for finding in (report.errors, *report.findings.values()) if finding.count]
    for finding in findings:
        _print_finding(finding)
    if not findings:
        print("nothing is wrong")


def _print_finding(finding: Finding) -> None:
    print(f"{finding.title}: {finding.count:,}")
    for place in finding.places[:_SHOWN]:
        unit = "line" if "line" in place else "row"
        detail = f": {place['detail']}" if place["detail"] else ""
        print(f"  {place['path']}, {unit} {place[unit]}{detail}")
    if finding.count > _SHOWN:
        print(f"  … and {finding.count - _SHOWN:,} more")
