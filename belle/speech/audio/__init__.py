"""Recordings as 16 kHz mono samples, a block at a time: WAV natively, other formats through ffmpeg."""
