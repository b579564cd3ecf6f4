"""Reads the tokenizer of a checkpoint from the files that it has."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from belle.errors import KnownError
from belle.prompts import TEMPLATES
from convert.tokenizers.agreement import disagreement
from convert.tokenizers.chat_formats import role_tokens, stated_template
from convert.tokenizers.ends import further_ends
from convert.tokenizers.files import TokenizerFolder, read_object, read_text, unsupported
from convert.tokenizers.from_sentencepiece import piece_table
from convert.tokenizers.from_tiktoken import TIKTOKEN, tiktoken_definition
from convert.tokenizers.from_tokenizer_json import JsonVocabulary, read_json_vocabulary
from convert.tokenizers.pretokenizers import BY_CLASS
from convert.tokenizers.sentencepiece_model import SentencePieceModel, looks_like_sentencepiece, read_sentencepiece
from convert.tokenizers.special import SpecialFiles
from convert.tokenizers.templates import choose_templates, missing_tokens
from convert.tokenizers.vocabulary import Tokenizer


def read_tokenizer(checkpoint: TokenizerFolder, n_embeddings: int, *, template: str | None = None) -> Tokenizer:
    """The tokenizer of a checkpoint, with exactly `n_embeddings` tokens.

    It is read from `tokenizer.model`, unless a `tokenizer.json` disagrees with it; else from `tokenizer.json`; else
    from `vocab.json` and `merges.txt`; else from `qwen.tiktoken`.

    Args:
        checkpoint: its folder, config and tokenizer files.
        n_embeddings: rows of the embedding.
        template: a built-in chat template by id, in place of the checkpoint's own; `none` for none.

    Raises KnownError: "no_tokenizer", "damaged_tokenizer", "unsupported_tokenizer", "unknown_pretokenizer",
    "vocabulary_too_large", "no_end_token", "unknown_template", "template_needs_tokens", "file_too_large".
    """
    files = checkpoint.tokenizer_files
    sentencepiece_ids: Mapping[str, int] = {}
    notes: list[str] = []
    model = sentencepiece_to_read(checkpoint, notes)
    if model is not None:
        table = piece_table(model, files["tokenizer.model"], n_embeddings)
        vocabulary = JsonVocabulary("llama", "default", table, add_space_prefix=model.add_dummy_prefix)
        sentencepiece_ids = model.ids
        definition = read_object(files.get("tokenizer.json"))
    else:
        path, definition = read_definition(checkpoint)
        vocabulary = _read_json(path, definition, n_embeddings, notes)
    special = SpecialFiles(checkpoint, definition)
    is_llama = vocabulary.model == "llama"
    vocabulary.table.put_added(special.added(), escaped_spaces=is_llama)
    vocabulary.table.put_added(role_tokens(special.generation_config, vocabulary.table), escaped_spaces=is_llama)
    tokens, types, scores = vocabulary.table.finish()
    notes += vocabulary.table.notes
    stated = stated_template(special.generation_config, tokens)
    templates, builtin = choose_templates(checkpoint, special.tokenizer_config, template, notes, stated=stated)
    flags = special.flags(by_default=is_llama)
    if builtin is not None:
        _check_needs(builtin, tokens)
        if (adds_bos := TEMPLATES[builtin].add_bos) is not None:
            flags["add_bos_token"] = adds_bos
    if vocabulary.add_space_prefix is not None:
        flags["add_space_prefix"] = vocabulary.add_space_prefix
    ids = special.ids(tokens, sentencepiece_ids)
    if "eos" not in ids:
        raise KnownError(
            "no_end_token",
            "No file says which token ends an answer, and llama.cpp would take an arbitrary one.",
            "Set eos_token_id in generation_config.json.",
            folder=str(checkpoint.folder),
        )
    ids |= further_ends(special, tokens, types, ids, template=templates.get("default", ""), notes=notes)
    if "bos" not in ids:
        flags["add_bos_token"] = False  # llama.cpp would take an arbitrary one
    return Tokenizer(
        vocabulary.model,
        vocabulary.pre,
        tokens,
        types,
        scores=scores if is_llama else None,
        merges=vocabulary.merges,
        special_ids=ids,
        flags=flags,
        chat_templates=templates,
        notes=notes,
        sentencepiece=model,
    )


def _check_needs(template_id: str, tokens: list[str]) -> None:
    """Refuse a built-in template whose tokens the vocabulary lacks: they would be read letter by letter."""
    missing = missing_tokens(template_id, tokens)
    if missing:
        raise KnownError(
            "template_needs_tokens",
            f"The vocabulary has no {', '.join(missing)}, which the prompt template “{template_id}” writes.",
            "Choose the template that the model was trained with, or none with --template none.",
            template=template_id,
            missing=missing,
        )


def _read_json(path: Path, definition: Mapping[str, Any], n_embeddings: int, notes: list[str]) -> JsonVocabulary:
    """The vocabulary of `tokenizer.json`. If it is refused and `tokenizer.model` differs, the message says both."""
    try:
        return read_json_vocabulary(path, definition, n_embeddings)
    except KnownError as error:
        if not notes:
            raise
        message = f"{error.message} {notes[0]}"
        advice = "If the model was trained with tokenizer.model, remove tokenizer.json."
        raise KnownError(error.kind, message, advice, **error.details) from error


def sentencepiece_to_read(checkpoint: TokenizerFolder, notes: list[str] | None = None) -> SentencePieceModel | None:
    """`tokenizer.model`, if it exists, is a SentencePiece model (Llama 3's is a list of byte strings), and
    `tokenizer.json` is the same tokenizer or does not exist. `notes` gets a sentence if it is another one.

    Raises KnownError("unsupported_tokenizer") if it is not SentencePiece and there is no other file to read, and
    "damaged_tokenizer".
    """
    path, second = (checkpoint.tokenizer_files.get(name) for name in ("tokenizer.model", "tokenizer.json"))
    if path is None:
        return None
    if not looks_like_sentencepiece(path):
        if second is not None:
            return None
        advice = "Put the tokenizer.json of the original model beside it."
        raise unsupported(path, "is not a SentencePiece model", advice)
    model = read_sentencepiece(path)
    if second is None:
        return model
    differs = disagreement(model, second, read_object(second))
    if differs is not None and notes is not None:
        notes.append(
            f"tokenizer.model and tokenizer.json are not the same tokenizer: {differs}. "
            "The second was taken, as transformers does."
        )
    return model if differs is None else None


def read_definition(checkpoint: TokenizerFolder) -> tuple[Path, dict[str, Any]]:
    """Path and content of `tokenizer.json`; without one it is put together from vocab.json and merges.txt, or from
    qwen.tiktoken.

    Raises KnownError("no_tokenizer", "unknown_pretokenizer", "damaged_tokenizer").
    """
    files = checkpoint.tokenizer_files
    if "tokenizer.json" in files:
        return files["tokenizer.json"], read_object(files["tokenizer.json"])
    if TIKTOKEN in files and "vocab.json" not in files:
        return files[TIKTOKEN], tiktoken_definition(files[TIKTOKEN], checkpoint.config)
    if "vocab.json" not in files or "merges.txt" not in files:
        raise KnownError(
            "no_tokenizer",
            f"{checkpoint.folder} has no tokenizer.",
            "Put tokenizer.model, or tokenizer.json, of the original model beside the weights.",
            folder=str(checkpoint.folder),
        )
    config = read_object(files.get("tokenizer_config.json"))
    name = str(config.get("tokenizer_class") or "").removesuffix("Fast")
    if name not in BY_CLASS:
        raise KnownError(
            "unknown_pretokenizer",
            f"{checkpoint.folder} has vocab.json and merges.txt, but no file says how text is split "
            f"(tokenizer_class is {name or 'not given'}).",
            "Put the tokenizer.json of the original model beside them.",
            folder=str(checkpoint.folder),
        )
    lines = read_text(files["merges.txt"]).split("\n")
    merges = [line for line in lines if line.strip() and not line.startswith("#version")]
    model = {"type": "BPE", "vocab": read_object(files["vocab.json"]), "merges": merges}
    return files["vocab.json"], {**BY_CLASS[name], "model": model}
