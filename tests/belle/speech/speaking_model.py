"""A Whisper model in whisper.cpp's format that says the same words whatever it hears, with weights that are calculated.

All blocks add nothing. At position p the decoder sees the sum of the last token's embedding and the positional
embedding of p; the latter is ten times as large, and points to the embedding of the token that is to come next.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

WIDTH, N_TEXT_CTX, N_AUDIO_CTX, N_MELS = 64, 448, 1500, 80
MULTILINGUAL, ENGLISH = 51865, 51864
BEGINNING = {MULTILINGUAL: 50364, ENGLISH: 50363}
"""By vocabulary, the token of the time 0; each of the following stands for 20 ms more."""
_FIRST_WORD = 1000


def write_model(
    path: Path,
    words: Sequence[str | float],
    *,
    vocabulary: int = MULTILINGUAL,
    timestamps: bool = False,
    ends: bool = True,
) -> Path:
    """Write a model that says `words`.

    Args:
        path: of the file.
        words: texts of tokens, and numbers for times in seconds.
        vocabulary: number of tokens.
        timestamps: for a transcription with times; its prompt has a token less.
        ends: says that it has ended; otherwise it repeats the last word for ever.
    """
    names = dict(enumerate(dict.fromkeys(word for word in words if isinstance(word, str)), _FIRST_WORD))
    ids = {word: token for token, word in names.items()}
    end = 50257 if vocabulary == MULTILINGUAL else 50256
    script = [ids[w] if isinstance(w, str) else BEGINNING[vocabulary] + round(w / 0.02) for w in words]
    script += [end] if ends else []
    known = [f"<{token}>".encode() for token in range(end)]
    known[0] = b" "  # which whisper.cpp looks up
    for token, word in names.items():
        known[token] = word.encode()
    first = (4 if vocabulary == MULTILINGUAL else 2) - timestamps - 1
    with path.open("wb") as file:
        numbers = (vocabulary, N_AUDIO_CTX, WIDTH, 1, 1, N_TEXT_CTX, WIDTH, 1, 1, N_MELS, 1)
        file.write(b"lmgg" + struct.pack("<11i", *numbers))
        file.write(struct.pack("<2i", N_MELS, 201) + np.full((N_MELS, 201), 1 / 201, "<f4").tobytes())
        file.write(struct.pack("<i", len(known)) + b"".join(struct.pack("<i", len(w)) + w for w in known))
        for name, values in _tensors(script, first, vocabulary):
            wide = values.ndim < 2 or name.endswith((".bias", "positional_embedding"))
            data = values.astype("<f4" if wide else "<f2")
            file.write(struct.pack("<3i", data.ndim, len(name), 0 if wide else 1))
            file.write(struct.pack(f"<{data.ndim}i", *reversed(data.shape)) + name.encode() + data.tobytes())
    return path


def _tensors(script: Sequence[int], first: int, vocabulary: int) -> Iterator[tuple[str, np.ndarray]]:
    tokens = sorted(set(script))
    chance = np.random.default_rng(1)
    # Orthogonal to each other and to the constant, which the norm takes away.
    basis = np.linalg.qr(np.column_stack([np.ones(WIDTH), chance.normal(size=(WIDTH, len(tokens)))]))[0][:, 1:]
    embedding = np.zeros((vocabulary, WIDTH))
    embedding[tokens] = 4 * basis.T
    positions = np.zeros((N_TEXT_CTX, WIDTH))
    for step, token in enumerate(script):
        positions[first + step] = 10 * embedding[token]
    yield "encoder.positional_embedding", np.zeros((N_AUDIO_CTX, WIDTH))
    for name, channels in (("conv1", N_MELS), ("conv2", WIDTH)):
        yield f"encoder.{name}.weight", np.zeros((WIDTH, channels, 3))
        yield f"encoder.{name}.bias", np.zeros((WIDTH, 1))
    yield from _norm("encoder.ln_post")
    yield from _block("encoder.blocks.0", ("attn",))
    yield "decoder.positional_embedding", positions
    yield "decoder.token_embedding.weight", embedding
    yield from _norm("decoder.ln")
    yield from _block("decoder.blocks.0", ("attn", "cross_attn"))


def _block(name: str, attentions: Sequence[str]) -> Iterator[tuple[str, np.ndarray]]:
    for attention in attentions:
        yield from _norm(f"{name}.{attention}_ln")
        for part in ("query", "key", "value", "out"):
            yield f"{name}.{attention}.{part}.weight", np.zeros((WIDTH, WIDTH))
            if part != "key":
                yield f"{name}.{attention}.{part}.bias", np.zeros(WIDTH)
    yield from _norm(f"{name}.mlp_ln")
    for part, shape in (("0", (4 * WIDTH, WIDTH)), ("2", (WIDTH, 4 * WIDTH))):
        yield f"{name}.mlp.{part}.weight", np.zeros(shape)
        yield f"{name}.mlp.{part}.bias", np.zeros(shape[0])


def _norm(name: str) -> Iterator[tuple[str, np.ndarray]]:
    yield f"{name}.weight", np.ones(WIDTH)
    yield f"{name}.bias", np.zeros(WIDTH)
