"""Opens a microphone by its name, and lists those that there are: PortAudio's, else those of a recording program."""

from __future__ import annotations

from pathlib import Path

from belle.speech.events import Microphone
from belle.speech.recording import faults, portaudio, programs, recorded_file
from belle.speech.recording.microphone import OpenMicrophone


def open_microphone(device: str) -> OpenMicrophone:
    """Begin to record.

    Args:
        device: an `id` of `list_microphones`; empty for the system's default; `file:PATH` for a recording.

    Raises KnownError: the kinds of `belle.speech.recording.faults`, and for a file those of `open_recording`.
    """
    if device.startswith(recorded_file.PREFIX):
        return recorded_file.RecordedFile(Path(device.removeprefix(recorded_file.PREFIX)))
    library, program = portaudio.find_portaudio(), programs.find_program()
    # PortAudio without a device: its ALSA may lack the plugin for PipeWire, which the program does not need.
    if library is not None and (program is None or portaudio.microphones(library)):
        return portaudio.PortAudioMicrophone(library, device)
    if program is not None:
        return programs.ProgramMicrophone(program, device)
    raise faults.microphone_fault("no_recorder")


def list_microphones() -> list[Microphone]:
    """The microphones that are connected. Raises KnownError("no_recorder") where nothing can record."""
    library, program = portaudio.find_portaudio(), programs.find_program()
    listed = portaudio.microphones(library) if library is not None else []
    if not listed and program is not None:
        return programs.microphones(program)
    if library is None and program is None:
        raise faults.microphone_fault("no_recorder")
    return listed
