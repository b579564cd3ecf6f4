"""Tokenizers: from a checkpoint's files to the vocabulary of a GGUF, and the proof that both give the same ids.

`read_tokenizer` finds and reads the files; `check_tokenizer` compares llama.cpp's ids with those of the files.
"""

from __future__ import annotations

from convert.tokenizers.check import check_tokenizer
from convert.tokenizers.read import read_tokenizer
from convert.tokenizers.templates import check_templates
from convert.tokenizers.vocabulary import Tokenizer

__all__ = ["Tokenizer", "check_templates", "check_tokenizer", "read_tokenizer"]
