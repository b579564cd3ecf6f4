"""The texts of notices about reading aloud."""

from __future__ import annotations

from desktop.i18n import translate


def voice_texts() -> dict[str, tuple[str, str]]:
    """Title and sentence by kind."""
    return {
        "no_voice": (
            translate("Notice", "There is no voice yet"),
            translate(
                "Notice",
                "Get Kokoro-82M, about 90 MB, with “belle speak --get” in a terminal, or choose a folder that has it in"
                " the settings, under “Reading”. It speaks on this computer.",
            ),
        ),
        "unknown_voice": (
            translate("Notice", "The chosen voice is gone"),
            translate("Notice", "Choose another one in the settings, under “Reading”."),
        ),
        "voice_packages": (
            translate("Notice", "The packages that speak are not installed yet"),
            translate("Notice", "Install them with: {command}"),
        ),
        "no_output": (
            translate("Notice", "Nothing here can play sound"),
            translate(
                "Notice",
                "Look for a loudspeaker in the system's settings; on Linux, libportaudio2 or pw-play is needed.",
            ),
        ),
        "voice_failed": (
            translate("Notice", "The voice could not say it"),
            translate("Notice", "Choose another voice in the settings, under “Reading”."),
        ),
        "nothing_to_say": (
            translate("Notice", "There is nothing to read here"),
            translate("Notice", "Code and formulas are not read aloud."),
        ),
    }
