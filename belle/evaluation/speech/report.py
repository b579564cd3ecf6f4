"""The results of speech models as a table in Markdown, and as CSV."""

from __future__ import annotations

from collections.abc import Sequence

from belle.durable import write_text
from belle.evaluation.speech.measure_speech import SpeechRequest, SpeechResult
from belle.evaluation.speech.normalise import Unit


def speech_table(unit: Unit, results: Sequence[SpeechResult], request: SpeechRequest) -> str:
    """The results as a Markdown table, with what was counted below it."""
    name = "CER" if unit == "character" else "WER"
    rows = [
        f"| model | MB | {name} % | 95 % | difference | 95 % | subst. | del. | ins. | {unit}s | real-time factor |",
        "|---|--:|--:|---|--:|---|--:|--:|--:|--:|--:|",
        *(_row(result) for result in results),
    ]
    counted = (
        "Characters without punctuation and spaces, traditional ones as simplified"
        if unit == "character"
        else "Words without punctuation, in small letters"
    )
    note = (
        f"{results[0].n_clips} clips, language {request.language}. {counted}. Intervals by drawing clips anew; "
        "differences are from the first model, on the same clips. "
        "Real-time factor: seconds of computing for a second of recording."
    )
    return "\n".join([*rows, "", note, ""])


def write_speech_reports(unit: Unit, results: Sequence[SpeechResult], request: SpeechRequest) -> None:
    """Write speech.md and speech.csv. Raises KnownError."""
    write_text(request.folder / "speech.md", speech_table(unit, results, request))
    head = "model,bytes,unit,rate,low,high,difference,difference_low,difference_high,substitutions,deletions,insertions"
    lines = [f"{head},length,clips,real_time_factor"]
    for r in results:
        d = (r.difference.value, r.difference.low, r.difference.high) if r.difference else ("", "", "")
        e = (r.edits.substitutions, r.edits.deletions, r.edits.insertions, r.edits.length)
        quoted = '"' + r.name.replace('"', '""') + '"'
        values = (quoted, r.size_bytes, unit, r.rate.value, r.rate.low, r.rate.high, *d, *e, r.n_clips, r.real_time)
        lines.append(",".join(map(str, values)))
    write_text(request.folder / "speech.csv", "\n".join(lines) + "\n")


def _row(result: SpeechResult) -> str:
    rate, change, edit = result.rate, result.difference, result.edits
    cells = [
        result.name.replace("|", "\\|"),
        f"{result.size_bytes / 1e6:.0f}",
        f"{100 * rate.value:.2f}",
        f"{100 * rate.low:.2f} to {100 * rate.high:.2f}",
        f"{100 * change.value:+.2f}" if change else "",
        f"{100 * change.low:+.2f} to {100 * change.high:+.2f}" if change else "",
        *map(str, (edit.substitutions, edit.deletions, edit.insertions, edit.length)),
        f"{result.real_time:.2f}",
    ]
    return f"| {' | '.join(cells)} |"
