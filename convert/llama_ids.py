"""llama.cpp's token ids with a checkpoint's tokenizer, by way of a GGUF file with the vocabulary alone."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from belle.documents import read_json_object
from belle.gguf.writer import serialize
from convert.checkpoint.checkpoint import CONFIG_NAME, tokenizer_files
from convert.metadata import text as text_entry
from convert.tokenizers.check import check_tokenizer, ids_in_llama_cpp
from convert.tokenizers.read import read_tokenizer


@dataclass(frozen=True)
class _Folder:
    """A checkpoint without weights, for `read_tokenizer`: a `convert.tokenizers.files.TokenizerFolder`."""

    folder: Path
    config: Mapping[str, Any]
    tokenizer_files: Mapping[str, Path]


def llama_ids(folder: Path, texts: Sequence[str]) -> list[list[int]]:
    """The ids of each text, read as a conversion reads the tokenizer in `folder` and as llama.cpp reads its GGUF.

    Raises KnownError for a tokenizer that cannot be converted.
    """
    source = _Folder(folder, read_json_object(folder / CONFIG_NAME), tokenizer_files(folder))
    tokenizer = read_tokenizer(source, source.config["vocab_size"], template="none")
    check_tokenizer(tokenizer, source)
    with tempfile.TemporaryDirectory(prefix="chatbelle-vocabulary-") as name:
        path = Path(name, "vocabulary.gguf")
        path.write_bytes(serialize([text_entry("general.architecture", "llama"), *tokenizer.metadata()], []))
        return ids_in_llama_cpp(path, texts)
