"""The results of speech models: a table in Markdown, CSV, JSON, and a page with what was heard otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from belle.durable import write_text
from belle.evaluation.speech.measure_speech import SpeechRequest, SpeechResult
from belle.evaluation.speech.normalise import Unit
from belle.evaluation.speech.rates import Rate
from belle.report.html import render_sealed
from belle.texts import json_text, visible

_TEMPLATE = Path(__file__).with_name("page.html.j2")
_MOST_CLIPS = 100
"""On the page, of each candidate."""

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class ClipHeard:
    """A clip that a candidate heard worse than the reference: what was said, and what each wrote down."""

    name: str
    said: str
    reference: str
    candidate: str
    more_errors: int


def speech_table(unit: Unit, results: Sequence[SpeechResult], request: SpeechRequest) -> str:
    """The results as a Markdown table, with what was counted below it."""
    head = _head(unit)
    lines = ["| " + " | ".join(head) + " |", "|---" + "|--:" * (len(head) - 1) + "|"]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in _cells(result)) + " |" for result in results]
    return "\n".join([*lines, "", " ".join(_notes(unit, results, request)), ""])


def write_speech_reports(unit: Unit, results: Sequence[SpeechResult], request: SpeechRequest) -> None:
    """Write speech.md, speech.csv, speech.json and speech.html. Raises KnownError."""
    folder = request.folder
    write_text(folder / "speech.md", speech_table(unit, results, request))
    write_text(folder / "speech.csv", _csv(unit, results))
    write_text(folder / "speech.json", json_text(_plain(unit, results, request), indent=2) + "\n")
    write_text(folder / "speech.html", speech_page(unit, results, request))


def speech_page(unit: Unit, results: Sequence[SpeechResult], request: SpeechRequest) -> str:
    """The page: the table, and for each candidate the clips that it heard worse than the reference."""
    return render_sealed(
        _TEMPLATE,
        title=visible(results[0].name),
        head=_head(unit),
        rows=[[visible(cell) for cell in _cells(result)] for result in results],
        notes=_notes(unit, results, request),
        worse=[(visible(one.name), list(_heard_worse(request, results[0], one))) for one in results[1:]],
        most=_MOST_CLIPS,
    )


def _heard_worse(request: SpeechRequest, reference: SpeechResult, candidate: SpeechResult) -> Iterator[ClipHeard]:
    """The clips with more errors than the reference made, the worst first."""
    more = [b.errors - a.errors for a, b in zip(reference.clip_edits, candidate.clip_edits, strict=True)]
    for number in sorted(range(len(more)), key=lambda n: -more[n])[:_MOST_CLIPS]:
        if more[number] > 0:
            clip = request.clips[number]
            name, said, right, wrong = map(
                visible, (clip.name, clip.text, reference.heard[number], candidate.heard[number])
            )
            yield ClipHeard(name, said, right, wrong, more[number])


def _head(unit: Unit) -> list[str]:
    rate = "CER" if unit == "character" else "WER"
    changes = ("difference", "95 %", "KL", "95 %", "same first %")
    edits = ("subst.", "del.", "ins.", f"{unit}s")
    return ["model", "MB", f"{rate} %", "95 %", *changes, *edits, "real-time factor"]


def _cells(result: SpeechResult) -> list[str]:
    edit, apart = result.edits, result.predictions
    return [
        result.name,
        f"{result.size_bytes / 1e6:.0f}",
        *_percent(result.rate),
        *(_percent(result.difference, "+") if result.difference else ("", "")),
        *((f"{apart.divergence.value:.2g}", _range(apart.divergence)) if apart else ("", "")),
        f"{100 * apart.same_first.value:.2f}" if apart else "",
        *map(str, (edit.substitutions, edit.deletions, edit.insertions, edit.length)),
        f"{result.real_time:.2f}",
    ]


def _percent(rate: Rate, sign: str = "") -> tuple[str, str]:
    value, low, high = (f"{100 * number:{sign}.2f}" for number in (rate.value, rate.low, rate.high))
    return value, f"{low} to {high}"


def _range(rate: Rate) -> str:
    return f"{rate.low:.2g} to {rate.high:.2g}"


def _notes(unit: Unit, results: Sequence[SpeechResult], request: SpeechRequest) -> list[str]:
    """What was counted, in sentences."""
    counted = (
        "Characters without punctuation and spaces, traditional ones as simplified."
        if unit == "character"
        else "Words without punctuation, in small letters."
    )
    notes = [
        f"{results[0].n_clips} clips, language {request.language}. {counted}",
        "Intervals by drawing clips anew; differences are from the first model, on the same clips.",
        "Real-time factor: seconds of computing for a second of recording.",
    ]
    compared = next((result.predictions for result in results if result.predictions), None)
    if compared is not None:
        notes.append(
            f"KL: divergence of the next token from the first model, in nats, and the share of tokens at which both "
            f"find the same one most likely, both given the transcripts: {compared.tokens:,} tokens of "
            f"{compared.n_clips} clips of at most 30 s."
        )
    return notes


def _csv(unit: Unit, results: Sequence[SpeechResult]) -> str:
    head = "model,bytes,unit,rate,low,high,difference,difference_low,difference_high,substitutions,deletions,insertions"
    lines = [f"{head},length,clips,real_time_factor,kl,kl_low,kl_high,same_first,tokens"]
    for r in results:
        e = (r.edits.substitutions, r.edits.deletions, r.edits.insertions, r.edits.length)
        p = r.predictions
        apart = (*_three(p.divergence), p.same_first.value, p.tokens) if p else ("",) * 5
        quoted = '"' + r.name.replace('"', '""') + '"'
        values = (quoted, r.size_bytes, unit, *_three(r.rate), *_three(r.difference), *e, r.n_clips, r.real_time)
        lines.append(",".join(map(str, (*values, *apart))))
    return "\n".join(lines) + "\n"


def _three(rate: Rate | None) -> tuple[float | str, ...]:
    return (rate.value, rate.low, rate.high) if rate else ("", "", "")


def _plain(unit: Unit, results: Sequence[SpeechResult], request: SpeechRequest) -> dict[str, Any]:
    clips = [
        {
            "name": clip.name,
            "said": clip.text,
            "heard": [result.heard[number] for result in results],
            "edits": [asdict(result.clip_edits[number]) for result in results],
        }
        for number, clip in enumerate(request.clips)
    ]
    models = []
    for result in results:
        figures = asdict(result)
        del figures["heard"], figures["clip_edits"]
        models.append(figures)
    return {
        "format": _FORMAT,
        "unit": unit,
        "language": request.language,
        "notes": _notes(unit, results, request),
        "models": models,
        "clips": clips,
    }
