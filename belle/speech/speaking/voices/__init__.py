"""Voices: Kokoro's on every system, those of macOS, and espeak-ng's when it is asked for."""
