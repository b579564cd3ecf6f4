"""Whisper checkpoints to the files that whisper.cpp reads: ggml's format from before GGUF, without metadata.

`table` says which tensor becomes which, `numbers` what whisper.cpp takes for granted, `frame` writes everything around
the weights; the rows, the writer and the verifier are those of every conversion.
"""
