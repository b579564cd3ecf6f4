"""The texts of notices about dictation: microphones, models that write down speech, and recordings."""

from __future__ import annotations

from desktop.i18n import translate


def dictation_texts() -> dict[str, tuple[str, str]]:
    """Title and sentence by kind."""
    choose = translate("Notice", "Connect one, or choose another one in the settings, under “Voice”.")
    return {
        "dictation_not_installed": (
            translate("Notice", "Dictation is not installed yet"),
            translate("Notice", "Install it in a terminal: {command}"),
        ),
        "no_speech_model": (
            translate("Notice", "There is no model that writes down speech yet"),
            translate("Notice", "Get one in the library of models, under “Speech”. It works offline."),
        ),
        "processor_too_old": (
            translate("Notice", "Dictation needs a newer processor"),
            translate("Notice", "The library for speech can be built for this one; the exact command is below."),
        ),
        "not_whisper": (
            translate("Notice", "This model does not write down speech"),
            translate("Notice", "Choose a Whisper model in the library of models, under “Speech”."),
        ),
        "speech_died": (
            translate("Notice", "Writing down speech has stopped"),
            translate("Notice", "Its process ended. What was written is kept; dictate the rest again."),
        ),
        "speech_not_started": (
            translate("Notice", "Dictation could not be started"),
            translate("Notice", "Close other programs and try it again."),
        ),
        "speech_failed": (
            translate("Notice", "This could not be written down"),
            translate("Notice", "Try it again, or with another model for speech."),
        ),
        "no_recorder": (
            translate("Notice", "Nothing on this computer can record"),
            translate("Notice", "Install the package libportaudio2 (Fedora, Arch: portaudio), then dictate again."),
        ),
        "no_microphone": (translate("Notice", "There is no microphone"), choose),
        "unknown_microphone": (translate("Notice", "The chosen microphone is not connected"), choose),
        "microphone_gone": (
            translate("Notice", "The microphone was unplugged"),
            translate("Notice", "What was said before is written down. Connect it again, or choose another one."),
        ),
        "microphone_silent": (translate("Notice", "The microphone delivers no sound"), choose),
        "microphone_failed": (translate("Notice", "The microphone could not be used"), choose),
        "microphone_busy": (
            translate("Notice", "The microphone is in use"),
            translate("Notice", "Another program is recording. Close it and try again."),
        ),
        "microphone_denied": (
            translate("Notice", "The microphone may not be used"),
            translate("Notice", "Allow ChatBELLE to record in the system's privacy settings, then try again."),
        ),
        "muted_microphone": (
            translate("Notice", "The microphone is muted"),
            translate("Notice", "Only zeros came from it. Unmute it, or allow ChatBELLE to hear it, in the system."),
        ),
        "no_sound_server": (
            translate("Notice", "The sound system does not answer"),
            translate("Notice", "Log out and in again, or start it in a terminal: systemctl --user start pipewire"),
        ),
        "too_short": (
            translate("Notice", "Nothing was recorded"),
            translate("Notice", "Hold the button while you speak, or click it once before and once after."),
        ),
        "longest_recording": (
            translate("Notice", "The recording was ended after ten minutes"),
            translate("Notice", "What was said is written down. Go on with another one."),
        ),
        "nothing_heard": (
            translate("Notice", "Nothing was heard"),
            translate("Notice", "Speak closer to the microphone, or choose another one in the settings."),
        ),
        "nothing_said": (
            translate("Notice", "Nothing is said in this file"),
            translate("Notice", "No speech was heard in “{file}”. Check that it is the right one."),
        ),
        "english_only": (
            translate("Notice", "This model knows English only"),
            translate("Notice", "Choose one for Chinese in the library of models, under “Speech”."),
        ),
        "no_decoder": (
            translate("Notice", "This kind of recording cannot be read yet"),
            translate("Notice", "“{file}” needs the program ffmpeg. Install it, or save the recording as WAV."),
        ),
        "bad_audio": (
            translate("Notice", "The recording cannot be read"),
            translate("Notice", "“{file}” is damaged, or has no sound. Save or export it again."),
        ),
        "empty_audio": (
            translate("Notice", "The recording is empty"),
            translate("Notice", "“{file}” has no sound in it. Record it again."),
        ),
    }
