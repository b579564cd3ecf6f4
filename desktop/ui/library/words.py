"""The words of the library: pills, facts, progress, and what goes wrong, in the language of the window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from desktop.i18n import current_language, translate
from desktop.ui import numbers

if TYPE_CHECKING:
    from belle.clients.progress import Step
    from belle.errors import KnownError
    from desktop.library.entries import LibraryEntry
    from desktop.library.fit import Fit
    from desktop.library.jobs import JobState

LEVELS = {"fits": "good", "tight": "warn", "too_big": "bad"}
"""The colour of a pill by verdict."""

_NAMES = {
    "apache-2.0": "Apache-2.0",
    "mit": "MIT",
    "gemma": "Gemma",
    "gpl-3.0": "GPL-3.0",
    "llama2": "Llama 2",
    "bigscience-bloom-rail-1.0": "BLOOM RAIL",
}


def here(texts: Mapping[str, str]) -> str:
    """The text of the catalogue in the present language."""
    return texts.get("zh" if current_language() == "zh_CN" else "en", "")


def description(entry: LibraryEntry) -> str:
    """What the model is for."""
    if entry.is_speech and not entry.description:
        return translate("Library", "Writes down speech.")
    if not entry.makes_embeddings:
        return here(entry.description)
    return translate("Library", "An embedding model: finds passages in folders of documents by their meaning.")


def pill(fit: Fit) -> str:
    """The verdict in a word or two."""
    return {
        "fits": translate("Library", "Fits"),
        "tight": translate("Library", "Tight"),
        "too_big": translate("Library", "Too big"),
    }[fit.verdict]


def fit_sentence(fit: Fit) -> str:
    """Why: the numbers behind the verdict, and the speed."""
    if fit.limit == "disk":
        text = translate("Library", "Takes {disk} of disk while it is made ready, and {free} are free.").format(
            disk=numbers.size(fit.disk), free=numbers.size(fit.disk_free)
        )
    else:
        text = translate(
            "Library", "Needs {memory} of memory with a context of {n_ctx} tokens; {free} are free."
        ).format(memory=numbers.size(fit.memory), n_ctx=numbers.count(fit.n_ctx), free=numbers.size(fit.memory_free))
    if fit.tokens_per_s is None or fit.verdict == "too_big":
        return text
    speed = numbers.decimal(fit.tokens_per_s, 1 if fit.tokens_per_s < 10 else 0)
    about = translate("Library", "About {speed} tokens per second.").format(speed=speed)
    return translate("Library", "{first} {second}").format(first=text, second=about)


def facts(entry: LibraryEntry) -> str:
    """Size, bits, licence and languages in one line."""
    size = entry.size
    if entry.status in ("available", "begun") and entry.download:
        shown = translate("Library", "{size} to download").format(size=numbers.size(entry.download))
    else:
        shown = numbers.size(size) if size else ""
    parts = [
        shown,
        numbers.bits(entry.quantization) if entry.quantization else "",
        _NAMES.get(entry.license, entry.license),
        translate("Library", "for research only") if entry.research_only else "",
        languages(entry.languages),
        entry.program and translate("Library", "from {program}").format(program=entry.program),
    ]
    return " · ".join(part for part in parts if part)


def languages(codes: Sequence[str]) -> str:
    """`中文, English`: each in itself, so that whoever needs it can read it."""
    known = {"zh": "中文", "en": "English"}
    return ", ".join(known.get(code, code) for code in codes)


def section_title(section: str) -> str:
    """The title of a section."""
    return {
        "installed": translate("Library", "On this computer"),
        "small": translate("Library", "Small models"),
        "belle": "BELLE",
        "speech": translate("Library", "Speech"),
        "found": translate("Library", "Other programs"),
    }[section]


def empty_section(section: str) -> str:
    """What is said of a section without lines."""
    return {
        "found": translate(
            "Library", "No models of LM Studio, Jan, Ollama, llama.cpp or the Hugging Face cache were found."
        ),
    }.get(section, translate("Library", "Everything here is on this computer already."))


# Jobs


def stage(step: Step) -> str:
    """What is being done."""
    return {
        "download": translate("Library", "Downloading"),
        "decrypt": translate("Library", "Decrypting"),
        "convert": translate("Library", "Converting"),
        "verify": translate("Library", "Checking every weight"),
        "copy": translate("Library", "Copying"),
    }[step.stage]


def progress(state: JobState) -> str:
    """The line below the bar: what is done, how fast, how long still."""
    step = state.step
    if state.stopping:
        return translate("Library", "Stopping …")
    if step is None:
        return translate("Library", "Beginning …")
    if step.waiting:
        return translate("Library", "The connection broke off. Trying again in {seconds} s.").format(
            seconds=max(1, round(step.waiting))
        )
    parts = [stage(step)]
    if step.total:
        parts.append(
            translate("Library", "{done} of {total}").format(
                done=numbers.size(step.done), total=numbers.size(step.total)
            )
        )
    if step.bytes_per_second:
        parts.append(translate("Library", "{size}/s").format(size=numbers.size(step.bytes_per_second)))
    if step.seconds_left is not None:
        parts.append(translate("Library", "{time} left").format(time=duration(step.seconds_left)))
    return " · ".join(parts)


def duration(seconds: float) -> str:
    """`40 s`, `12 min`, `2 h 5 min`."""
    whole = max(1, round(seconds))
    if whole < 90:
        return translate("Library", "{n} s").format(n=whole)
    minutes = round(whole / 60)
    if minutes < 60:
        return translate("Library", "{n} min").format(n=minutes)
    return translate("Library", "{h} h {n} min").format(h=minutes // 60, n=minutes % 60)


def fault(error: KnownError) -> str:
    """What went wrong and what to do, in two sentences."""
    facts = {key: str(value) for key, value in error.details.items()}
    for key in ("needed", "free"):
        if isinstance(error.details.get(key), int | float):
            facts[key] = numbers.size(error.details[key])
    text = _faults().get(error.kind)
    if text is not None:
        try:
            return text.format_map(facts)
        except KeyError:
            pass  # a value is missing
    from desktop.chat.state import Notice
    from desktop.ui.notices.text import notice_text

    shown = notice_text(Notice.of(error))
    return shown.text if shown.text != error.message else f"{error.message} {error.advice}".rstrip()


def _faults() -> Mapping[str, str]:
    return {
        "no_connection": translate(
            "Library",
            "{endpoint} cannot be reached. Check the network, or choose another source below; nothing is lost.",
        ),
        "offline_mode": translate("Library", "The setting HF_HUB_OFFLINE of this computer forbids every download."),
        "connection_lost": translate(
            "Library",
            "The connection broke off, several times. What has arrived is kept; go on when the network is back.",
        ),
        "rate_limited": translate(
            "Library", "{endpoint} asks for fewer requests. Go on in a few minutes; what has arrived is kept."
        ),
        "hub_unavailable": translate(
            "Library", "{endpoint} does not deliver at the moment. Go on later, or choose another source below."
        ),
        "not_a_hub": translate(
            "Library",
            "{endpoint} does not answer as a hub of models. Check the address, or the login page of the network.",
        ),
        "wrong_size": translate(
            "Library",
            "{file} arrives with another size than it should have. Choose another source below, or try again.",
        ),
        "wrong_bytes": translate(
            "Library",
            "{file} is not the file it should be, and was not kept. Try again, or choose another source below.",
        ),
        "gated": translate("Library", "This model may be downloaded only after its terms were accepted on {endpoint}."),
        "login_needed": translate(
            "Library", "{endpoint} does not show {repo} without a login: it is private, was renamed, or removed."
        ),
        "repository_not_found": translate("Library", "{endpoint} does not have {repo}. Choose another source below."),
        "file_not_in_repository": translate("Library", "{repo} no longer has this file; it may have been renamed."),
        "revision_gone": translate(
            "Library", "The version that the download began with is gone. Cancel it, and get the model again."
        ),
        "disk_full": translate(
            "Library", "The disk is too full: {needed} are needed, and {free} are free. What has arrived is kept."
        ),
        "folder_not_writable": translate("Library", "The folder of the models cannot be written: {path}"),
        "busy": translate("Library", "Another program is getting this model already."),
        "llama_weights_needed": translate(
            "Library", "This model can be read only with your own original LLaMA 7B weights, consolidated.00.pth."
        ),
        "wrong_key": translate(
            "Library",
            "This consolidated.00.pth is not the file that the model was encrypted with: the original 7B one.",
        ),
        "job_died": translate(
            "Library", "It ended before it was done, perhaps for lack of memory. Go on, and it continues from there."
        ),
    }
