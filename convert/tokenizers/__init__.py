"""Tokenizers: from a checkpoint's files to the vocabulary of a GGUF, and the proof that both read alike.

`read_tokenizer` finds and reads the files, `check_tokenizer` compares the result with them in llama.cpp.
"""

from __future__ import annotations

from convert.tokenizers.check import check_tokenizer
from convert.tokenizers.read import read_tokenizer
from convert.tokenizers.templates import check_templates
from convert.tokenizers.vocabulary import Tokenizer

__all__ = ["Tokenizer", "check_templates", "check_tokenizer", "read_tokenizer"]
