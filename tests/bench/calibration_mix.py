"""Which text is best to calibrate with for Chinese chat, measured on the project's own chat model in Q4_0.

    python -m tests.bench.calibration_mix HANDBOOK     # a folder that tests.bench.handbook has filled

Every mix has the same number of tokens. What is measured on are held-out Chinese conversations in BELLE's template,
one after the other. Prints a table for assets/results/README.md.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from belle.data.read import read_rows
from belle.evaluation.text.perplexity_run import PerplexityRun
from belle.evaluation.windows import EvaluationText, Protocol
from belle.prompts import as_text, get_template
from convert.quantize.calibration import Calibration
from convert.quantize.job import quantize
from convert.quantize.options import QuantizeOptions

CHAT = Path(__file__).parents[2] / "build/chat"
MODEL = CHAT / "chat-f16.gguf"
WINDOWS = 30


def conversations() -> str:
    """The held-out ones, as the model meets them."""
    template = get_template("belle")
    rows = read_rows(CHAT / "text/heldout.zh.jsonl", "conversation")
    return "\n".join(as_text(template.segments(row.messages)) for row in rows)


def mixes(handbook: Path) -> dict[str, Calibration]:
    """By what the table calls them."""
    chat = CHAT / "text/train.jsonl"
    zh, en, own = handbook / "calibration.zh.txt", handbook / "calibration.en.txt", CHAT / "text/text.jsonl"
    return {
        "conversations in BELLE's template (the training data)": Calibration((chat,), "chat"),
        "the same file unrendered, as JSON Lines": Calibration((chat,)),
        "own plain text": Calibration((own,)),
        "Chinese manual": Calibration((zh,)),
        "English manual": Calibration((en,)),
        "Chinese and English manual": Calibration((zh, en)),
    }


def main() -> int:
    """Print the table."""
    text = EvaluationText("conversations", conversations())
    found = mixes(Path(sys.argv[1]))
    with tempfile.TemporaryDirectory() as name:
        files = []
        for i, calibration in enumerate(found.values()):
            files.append(Path(name) / f"{i}.gguf")
            quantize(MODEL, files[-1], QuantizeOptions("q4_0", "gptq", calibration))
        with PerplexityRun(MODEL, files, text, Protocol(chunks=WINDOWS), Path(name) / "records") as session:
            session.run()
            figures = session.figures()[1]
    print("| calibrated with | mean KL | ± |\n|---|---:|---:|")
    for words, candidate in zip(found, figures, strict=True):
        if candidate.loss is not None:
            print(f"| {words} | {candidate.loss.kl:.5f} | {candidate.loss.kl_error:.5f} |")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
