"""Vocabulary extension: Chinese pieces for a model that spells Chinese in bytes, and rows for them in its embeddings.

It follows BELLE's authors: train a SentencePiece model on Chinese text, merge its pieces into the old one, and set each
new row to the mean of the rows whose pieces spelled the new one before. Then train on plain text, first the new rows
alone (`freeze: new_rows`), then all weights, because training the rows alone is reported to make the model worse. A
recipe of this stage makes the extended model and trains it once; for all weights, a recipe of `stage: pretrain` starts
from this one.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from belle.durable import write_text
from belle.errors import KnownError
from belle.pretrained import load_pretrained
from belle.training.checkpoints.atomic_folder import write_folder
from belle.training.checkpoints.manifest import MANIFEST, read_manifest
from belle.training.cluster.ranks import first_of_all
from belle.training.export.disk_proof import check_written
from belle.training.loop.resume import check_same_recipe
from belle.training.model.embedding_rows import embedding_weights
from belle.training.recipe.load import recipe_values
from belle.training.recipe.options import DataFile, VocabOptions
from belle.training.recipe.schema import Recipe
from belle.training.stages import next_token
from belle.training.tokenizer.identity import LlamaIds, compare
from belle.training.tokenizer.new_pieces import Extended, merge_pieces, old_ids_of, read_model, train_pieces

_TIMEOUT_SECONDS = 3600.0


def run(recipe: Recipe, llama_ids: LlamaIds) -> None:
    """Extend, check and train as the recipe says, and write `final/`. Raises KnownError and `interrupts.Stopped`."""
    extended = recipe.run_folder.extended
    if first_of_all():
        if (extended / MANIFEST).exists():
            # It is not made again, so the recipe must still be the one that made it.
            check_same_recipe(read_manifest(extended).recipe, recipe_values(recipe), extended, ("model", "vocab"))
        else:
            extend(recipe, extended, llama_ids)
    else:
        _wait_for(extended)
    next_token.run(replace(recipe, model=str(extended.absolute())))


def extend(recipe: Recipe, folder: Path, llama_ids: LlamaIds) -> None:
    """Write the base with its new pieces to `folder`, whole or not at all.

    Args:
        recipe: of this stage.
        llama_ids: asks llama.cpp for token ids, which must be those of transformers.

    Raises KnownError: `not_sentencepiece`, `too_little_text`, `no_new_pieces`, `vocabulary_gap`, `ids_differ`.
    """
    from belle.training.tokenizer.tokenizer import load_tokenizer

    if recipe.model is None or not Path(recipe.model).is_dir():
        raise KnownError("model_missing", "stage: vocab needs a base model in a folder.", "Name the folder as “model”.")
    base = Path(recipe.model)
    old = read_model(base)
    tokenizer = load_tokenizer(base)
    options = recipe.vocab or VocabOptions()
    new = train_pieces(
        _texts(recipe.data),
        size=options.size,
        character_coverage=options.character_coverage,
        sentences=options.sentences,
    )
    added = {index: (entry.content, bool(entry.special)) for index, entry in tokenizer.added_tokens_decoder.items()}
    extended = merge_pieces(old, new, only_cjk=options.pieces == "cjk", added_tokens=added)
    if not extended.pieces:
        raise KnownError(
            "no_new_pieces", f"The tokenizer in {base} has all pieces of this text already.", "Train on it as it is."
        )
    model = load_pretrained("AutoModelForCausalLM", base)
    _add_rows(model, extended, old_ids_of(old, extended.pieces))
    model.config.first_new_token = extended.first_new

    def write(into: Path) -> None:
        model.save_pretrained(into)
        check_written(into, model, dict(model.state_dict()), dtype=model.dtype)
        for name in ("tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja"):
            if (base / name).is_file():
                write_text(into / name, (base / name).read_text(encoding="utf-8"))
        (into / "tokenizer.model").write_bytes(extended.model)
        facts = compare(base, into, list(islice(_lines(recipe.data), options.checked_texts)), llama_ids)
        report = {"first_new_token": extended.first_new, "new_pieces": len(extended.pieces), **facts.to_json()}
        write_text(into / "vocabulary.json", json.dumps(report, indent=2, ensure_ascii=False) + "\n")
        print(facts.in_words(len(extended.pieces)), flush=True)  # noqa: T201 - the result of the check
        facts.check()

    write_folder(folder, write, step=0, recipe=recipe_values(recipe))


def _add_rows(model: Any, extended: Extended, spelled: list[list[int]]) -> None:
    """Add rows for the new pieces to embedding and head: for each the mean of the rows that spelled it before."""
    import torch

    first, size = extended.first_new, extended.first_new + len(extended.pieces)
    if model.get_input_embeddings().weight.shape[0] < size:
        model.resize_token_embeddings(size, mean_resizing=False)
    with torch.no_grad():
        for weight in embedding_weights(model):
            for row, ids in enumerate(spelled, first):
                weight[row] = weight[ids].float().mean(0).to(weight.dtype)  # [hidden_size]
    model.config.vocab_size = model.get_input_embeddings().weight.shape[0]


def _texts(files: Sequence[DataFile]) -> Iterator[str]:
    from belle.data.read import read_rows

    for file in files:
        for row in read_rows(file.path, "text", file.format):
            yield row.text


def _lines(files: Sequence[DataFile]) -> Iterator[str]:
    return (line for text in _texts(files) for line in text.splitlines() if line.strip())


def _wait_for(folder: Path) -> None:
    """Wait until process 0 has written the folder. They are not connected yet. Raises KnownError("rank_lost")."""
    started = time.monotonic()
    while not (folder / MANIFEST).exists():
        if time.monotonic() - started > _TIMEOUT_SECONDS:
            raise KnownError(
                "rank_lost", f"{folder} did not appear within an hour.", "The output of process 0 says why."
            )
        time.sleep(1.0)
