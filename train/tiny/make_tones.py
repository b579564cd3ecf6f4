"""Make recordings that a tiny Whisper learns in two minutes, and the tokenizer that it needs.

    python train/tiny/make_tones.py OUTPUT_DIR

Each recording is one tone of one of four pitches, in noise, and what is “said” in it is the word for that pitch. The
tokenizer has as many tokens as OpenAI's, since whisper.cpp computes the ids of the special ones from their number, but
only those of single bytes are words: texts become one token for each byte.
"""

from __future__ import annotations

import argparse
import json
import sys
import wave
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

RATE = 16_000
WORDS = {300.0: "low", 700.0: "mid", 1600.0: "sharp", 3500.0: "top"}
"""What is written down, by pitch in Hz."""

_ORDINARY, _ROWS = 50257, 51865
_LANGUAGES = ("en", "zh", "de", "es", "ru", "ko", "fr", "ja")
_N_LANGUAGES = 99


def main(arguments: Sequence[str] | None = None) -> int:
    """Write `train.jsonl`, `eval.jsonl`, `clips/` and `tokenizer/`. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, metavar="OUTPUT_DIR")
    parser.add_argument("--clips", type=int, default=48, metavar="N", help="to learn from (default: 48)")
    chosen = parser.parse_args(arguments)
    write_clips(chosen.output, "train", chosen.clips, seed=1)
    write_clips(chosen.output, "eval", max(4, chosen.clips // 8), seed=2)
    write_tokenizer(chosen.output / "tokenizer")
    return 0


def write_clips(folder: Path, name: str, n: int, *, seed: int) -> Path:
    """Write `n` recordings, and `NAME.jsonl` with what is said in them; returns that file."""
    rng = np.random.default_rng(seed)
    (folder / "clips").mkdir(parents=True, exist_ok=True)
    rows = []
    for number in range(n):
        pitch, word = list(WORDS.items())[number % len(WORDS)]
        path = Path("clips", f"{name}-{number:03}.wav")
        _write_wav(folder / path, tone(pitch, rng))
        rows.append(json.dumps({"audio": str(path), "text": word}) + "\n")
    file = folder / f"{name}.jsonl"
    file.write_text("".join(rows), encoding="utf-8")
    return file


def tone(pitch: float, rng: np.random.Generator) -> np.ndarray:
    """A quarter of a minute of one tone, between silences, in noise: float samples in -1…1 at `RATE`."""
    seconds, loudness = rng.uniform(12.0, 16.0), rng.uniform(0.2, 0.5)
    time = np.arange(int(seconds * RATE)) / RATE
    sound = loudness * np.sin(2 * np.pi * pitch * rng.uniform(0.97, 1.03) * time + rng.uniform(0, 6))
    syllables = 0.6 + 0.4 * np.sin(2 * np.pi * 3 * time)  # its level goes up and down, as that of speech does
    silence = np.zeros(int(0.3 * RATE))
    whole = np.concatenate([silence, sound * syllables, silence])
    return whole + 0.003 * rng.standard_normal(whole.size)


def write_tokenizer(folder: Path) -> Path:
    """A tokenizer with the special tokens of a multilingual Whisper, each at its id; returns its folder."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())  # GPT-2's letters for the 256 bytes
    fillers = (f"{letters[-1]}{one}{two}" for one in letters for two in letters)  # which no text gives
    words = [*letters, *(word for word, _ in zip(fillers, range(_ORDINARY - len(letters)), strict=False))]
    tokenizer = Tokenizer(models.BPE({word: number for number, word in enumerate(words)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(text, special=True) for text in _special_tokens()])
    assert tokenizer.get_vocab_size() == _ROWS
    end = "<|endoftext|>"
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=end, bos_token=end, pad_token=end)
    fast.save_pretrained(str(folder))
    return folder


def _special_tokens() -> Iterator[str]:
    """From the end of the text to the last time, in the order of their ids."""
    yield from ("<|endoftext|>", "<|startoftranscript|>")
    yield from (f"<|{code}|>" for code in _LANGUAGES)
    yield from (f"<|language {number}|>" for number in range(len(_LANGUAGES), _N_LANGUAGES))
    yield from ("<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nospeech|>")
    yield "<|notimestamps|>"
    yield from (f"<|{number / 50:.2f}|>" for number in range(1501))


def _write_wav(path: Path, samples: np.ndarray) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())


if __name__ == "__main__":
    sys.exit(main())
