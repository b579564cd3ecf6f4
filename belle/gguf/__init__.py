"""GGUF files: reading, describing and writing them, once for the engine, the conversion and the measurements."""
