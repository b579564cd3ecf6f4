"""Speech to text with whisper.cpp, and texts read aloud (`speaking`), each in a process of its own."""
