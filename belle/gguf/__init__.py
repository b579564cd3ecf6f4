"""GGUF files: reading, describing and writing them, for the engine, the conversion and the measurements."""
