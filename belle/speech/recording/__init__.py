"""Records from a microphone in the speech worker: through PortAudio, or a recording program of the system."""
