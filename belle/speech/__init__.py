"""Speech to text with whisper.cpp, in a process of its own."""
