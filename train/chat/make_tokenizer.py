"""Train a small SentencePiece tokenizer of LLaMA's shape, and save it as a folder that transformers loads.

    python train/chat/make_tokenizer.py OUTPUT_DIR --vocab-size 4096 FILE [FILE …]

The files are what the recipes train on: JSON Lines (conversations, `text`, preferences) or plain text. Byte-pair
encoding with byte fallback, no normalisation, a space in front of the first word, digits split, as LLaMA has it, so
that llama.cpp and SentencePiece read the same ids. One thing differs: token 3 is a padding token of its own. Where
padding is the end token, the loss never sees an end, and the model never learns to stop.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from belle.prompts import Message, Role, get_template

UNK, BOS, EOS, PAD = "<unk>", "<s>", "</s>", "<pad>"
# What transformers needs beside tokenizer.model, from which it builds everything else.
TRANSFORMERS_CONFIG = {
    "add_bos_token": True,
    "add_eos_token": False,
    "bos_token": BOS,
    "clean_up_tokenization_spaces": False,
    "eos_token": EOS,
    "legacy": False,
    "pad_token": PAD,
    "padding_side": "left",
    "tokenizer_class": "LlamaTokenizer",
    "unk_token": UNK,
}


def lines_of(files: Sequence[Path]) -> Iterator[str]:
    """The texts in `files`, one line each, conversations with BELLE's prompt around them.

    A line break is to stay a byte token, as LLaMA has it, and the word after it has no space in front. So it is shown
    to SentencePiece as a digit: digits are never merged with what stands beside them.

    Raises ValueError naming the line of a row that holds no text, and OSError.
    """
    for file in files:
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
            texts = _texts_of(line, f"{file}:{number}") if file.suffix == ".jsonl" else [line]
            yield from (text.replace("\n", "0") for text in texts if text.strip())


def _texts_of(line: str, place: str) -> list[str]:
    row = json.loads(line)
    if "conversations" in row:
        roles: dict[str, Role] = {"human": "user", "assistant": "assistant"}
        messages = [Message(roles[turn["from"]], turn["value"]) for turn in row["conversations"]]
        return [segment.text for segment in get_template("belle").segments(messages) if segment.text]
    texts = [row[key] for key in ("text", "prompt", "chosen", "rejected") if key in row]
    if not texts:
        raise ValueError(f"{place}: neither conversations nor text nor a preference: {sorted(row)}")
    return texts


def train(files: Sequence[Path], vocab_size: int) -> bytes:
    """A SentencePiece model with `vocab_size` pieces; the same bytes for the same files.

    Raises RuntimeError when the text has not enough different words for so many pieces.
    """
    import sentencepiece

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=lines_of(files),
        model_writer=model,
        model_type="bpe",
        vocab_size=vocab_size,
        # Characters seen once or twice go to the byte pieces, and leave their places to words.
        character_coverage=0.9995,
        byte_fallback=True,
        split_digits=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        add_dummy_prefix=True,
        allow_whitespace_only_pieces=True,
        max_sentence_length=1 << 20,
        unk_id=0,
        bos_id=1,
        eos_id=2,
        pad_id=3,
        unk_piece=UNK,
        bos_piece=BOS,
        eos_piece=EOS,
        pad_piece=PAD,
        num_threads=1,
        minloglevel=2,
    )
    return model.getvalue()


def save(model: bytes, folder: Path) -> None:
    """Write tokenizer.model and tokenizer_config.json, each under a temporary name first."""
    folder.mkdir(parents=True, exist_ok=True)
    config = json.dumps(TRANSFORMERS_CONFIG, indent=2) + "\n"
    for name, content in (("tokenizer.model", model), ("tokenizer_config.json", config.encode())):
        temporary = folder / f"{name}.tmp"
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(folder / name)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. Returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--vocab-size", type=int, default=4096)
    args = parser.parse_args(arguments)
    try:
        model = train(args.files, args.vocab_size)
    except RuntimeError as error:
        limit = re.search(r"<= (\d+)", str(error))
        if limit is None:
            raise
        sys.stderr.write(f"--vocab-size {args.vocab_size}: this text has pieces for at most {limit[1]}\n")
        return 2
    save(model, args.output)
    sys.stdout.write(f"{args.output}: {args.vocab_size} pieces, {len(model)} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
