"""The report of a measurement: report.json holds everything, report.md, report.csv and report.html show it."""

from __future__ import annotations

from pathlib import Path

from belle.durable import write_text
from belle.evaluation.measurement import Measurement
from belle.evaluation.report.csv_table import csv_table
from belle.evaluation.report.layers import layers_csv, layers_of
from belle.evaluation.report.markdown import markdown
from belle.evaluation.report.page import page


def write_report(folder: Path, result: Measurement) -> Path:
    """Write the four files into `folder`, and layers.csv after `--by-layer`.

    Returns the page's path; raises KnownError when they cannot be written.
    """
    write_text(folder / "report.json", result.to_json())
    write_text(folder / "report.csv", csv_table(result))
    if layers := layers_of(result):
        write_text(folder / "layers.csv", layers_csv(layers))
    write_text(folder / "report.md", markdown(result))
    write_text(folder / "report.html", page(result))
    return folder / "report.html"
