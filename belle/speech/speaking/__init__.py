"""Reads texts aloud, in a process of its own: what is said, voices, and the way to the loudspeaker."""
