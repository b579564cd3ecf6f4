"""The texts of the doctor dialog: sections, facts and problems of `belle.doctor` in the language of the window.

A problem of a kind without a text here shows its English sentence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from desktop.i18n import translate

if TYPE_CHECKING:
    from belle.doctor import Problem


def section_title(name: str) -> str:
    """The heading of a section."""
    return {
        "machine": translate("Doctor", "This computer"),
        "engine": translate("Doctor", "What computes the answers"),
        "libraries": translate("Doctor", "Libraries"),
        "folders": translate("Doctor", "Folders"),
        "conversations": translate("Doctor", "Conversations"),
        "models": translate("Doctor", "Models"),
    }.get(name, name.replace("_", " ").capitalize())


def fact_name(name: str) -> str:
    """The label of a fact; names of libraries and models are not translated."""
    return {
        "system": translate("Doctor", "System"),
        "python": "Python",
        "processor": translate("Doctor", "Processor"),
        "features": translate("Doctor", "Instruction sets"),
        "cores": translate("Doctor", "Cores"),
        "memory": translate("Doctor", "Memory"),
        "gpus": translate("Doctor", "Graphics"),
        "built_with": translate("Doctor", "Built with"),
        "library": translate("Doctor", "Build"),
        "self_check": translate("Doctor", "Self-check"),
        "cosines_with_f32": translate("Doctor", "Agreement with F32"),
        "safer_mode": translate("Doctor", "Safer mode"),
        "gpu": translate("Doctor", "Graphics processor"),
        "data_folder": translate("Doctor", "Data"),
        "data_writable": translate("Doctor", "Data can be written"),
        "settings_folder": translate("Doctor", "Settings"),
        "settings_writable": translate("Doctor", "Settings can be written"),
        "cache_folder": translate("Doctor", "Cache"),
        "cache_writable": translate("Doctor", "Cache can be written"),
        "free_disk": translate("Doctor", "Free on the disk"),
        "state": translate("Doctor", "State"),
        "size": translate("Doctor", "Size"),
        "backups": translate("Doctor", "Backups"),
        "list": translate("Doctor", "List"),
        "installed": translate("Doctor", "Installed"),
        "missing": translate("Doctor", "File missing"),
    }.get(name, name)


def problem_sentence(problem: Problem) -> str:
    """The sentence about a problem."""
    sentence = _sentences().get(problem.kind)
    if sentence is None:
        return problem.message
    try:
        return sentence.format_map(problem.details)
    except KeyError:
        return problem.message


def _sentences() -> dict[str, str]:
    return {
        "engine_missing": translate("Doctor", "The part that computes the answers, llama.cpp, is not installed."),
        "engine_only_safer": translate(
            "Doctor", "llama.cpp does not work on this processor as it was built; it works in the safer, slower mode."
        ),
        "engine_safer_mode": translate(
            "Doctor", "llama.cpp crashed here before, and answers in the safer, slower mode since."
        ),
        "engine_broken": translate("Doctor", "llama.cpp does not work on this processor as it was built."),
        "engine_for_another_processor": translate(
            "Doctor", "llama.cpp was built with {lacking}, which this processor does not have; it may crash."
        ),
        "engine_slow": translate(
            "Doctor", "llama.cpp was built without AVX2, which this processor has; answers come several times slower."
        ),
        "gpu_unused": translate(
            "Doctor", "The {maker} graphics processor is not used: llama.cpp was built without {backend}."
        ),
        "little_memory": translate("Doctor", "Only {free} of memory are free; a 4-bit 7B model needs about 5 GB."),
        "little_disk": translate("Doctor", "Only {free} are free on the disk; a 4-bit 7B model takes about 5 GB."),
        "library_missing": translate("Doctor", "Not installed: {names}."),
        "library_unsuitable": translate("Doctor", "The installed versions do not work here: {names}."),
        "library_untested": translate("Doctor", "The installed versions are not the tested ones: {names}."),
        "folder_not_writable": translate("Doctor", "The folder {path} cannot be written."),
        "store_damaged": translate("Doctor", "The conversations' file is damaged."),
        "model_missing": translate("Doctor", "The file of the model {name} is no longer where it was."),
        "registry_damaged": translate("Doctor", "The list of installed models is damaged."),
        "not_examined": translate("Doctor", "Not everything could be looked at: {reason}"),
        "starter_missing": translate("Doctor", "The starter model is not installed."),
    }
