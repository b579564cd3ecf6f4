"""The GGUF file on its way to the disk: encoded, written in parallel, journalled, verified and compared."""
