"""What can be wrong with a microphone, each in a sentence that says what to do."""

from __future__ import annotations

import re
import sys

from belle.errors import KnownError

_PERMISSION = (
    "Allow it in System Settings, Privacy & Security, Microphone, and start ChatBELLE again."
    if sys.platform == "darwin"
    else "Let your user record: put it into the group “audio”, or allow the microphone where the sandbox is set up."
)
_CHOOSE = "Connect one, or choose another one in the settings, Voice."
_LONGEST_REASON = 200

# In the words of ALSA, PipeWire, PulseAudio and PortAudio; the first that fits counts.
_KINDS = (
    ("microphone_denied", r"permission denied|not permitted|access denied"),
    ("microphone_busy", r"resource busy|device unavailable|in use"),
    ("no_sound_server", r"host is down|connection refused|can't connect"),
    ("microphone_gone", r"no such device|been disconnected|broken pipe|input/output error"),
    (
        "no_microphone",
        r"no such file|find card|no soundcards|invalid device|querying device|unknown pcm|no target",
    ),
)


def from_reason(reason: str, name: str) -> KnownError:
    """The error behind what a library or a program says.

    Args:
        reason: its words; of several lines the last one is shown.
        name: of the microphone.
    """
    kind = next((kind for kind, words in _KINDS if re.search(words, reason, re.IGNORECASE)), "microphone_failed")
    lines = reason.strip().splitlines()
    return microphone_fault(kind, name, lines[-1].strip()[:_LONGEST_REASON] if lines else "")


def microphone_fault(kind: str, name: str = "", reason: str = "") -> KnownError:
    """The error of one of the kinds of `_SENTENCES`. `name` is the microphone's, `reason` what the system says."""
    message, advice = _SENTENCES[kind]
    which = f"The microphone “{name}”" if name else "The microphone"
    said = f" ({reason})" if reason else ""
    return KnownError(kind, message.format(which=which, said=said), advice, name=name, reason=reason)


_SENTENCES = {
    "no_microphone": ("There is no microphone on this computer{said}.", _CHOOSE),
    "unknown_microphone": ("{which} is not connected.", _CHOOSE),
    "microphone_denied": ("{which} may not be used by this program{said}.", _PERMISSION),
    "microphone_busy": ("{which} is in use by another program{said}.", "Close that program and try again."),
    "microphone_gone": ("{which} was unplugged or switched off while recording{said}.", _CHOOSE),
    "microphone_silent": ("{which} delivers no sound.", _CHOOSE),
    "microphone_failed": ("{which} could not be used{said}.", _CHOOSE),
    "muted_microphone": (
        "{which} delivered nothing but zeros: it is muted, or this program may not hear it.",
        f"Unmute it in the system's sound settings. {_PERMISSION}" if sys.platform == "darwin" else
        "Unmute it in the system's sound settings, or choose another one in the settings, Voice.",
    ),
    "no_sound_server": (
        "The sound system of this computer does not answer{said}.",
        "Log out and in again, or start it: systemctl --user start pipewire.",
    ),
    "no_recorder": (
        "Nothing on this computer can record: PortAudio is missing, and so are pw-record and arecord.",
        "Install the package libportaudio2 (Fedora, Arch: portaudio).",
    ),
    "too_short": (
        "Nothing was recorded: the button was let go at once.",
        "Hold it while you speak, or click it once before and once after.",
    ),
}  # fmt: skip
