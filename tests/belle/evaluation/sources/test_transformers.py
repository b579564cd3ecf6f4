"""A checkpoint in transformers as the reference of its own GGUF: the two predict the same."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from belle.errors import KnownError
from belle.evaluation.text.perplexity_run import PerplexityRun
from belle.evaluation.windows import EvaluationText, Protocol
from convert.pipeline import convert
from convert.plan.options import ConvertOptions
from tests.belle.evaluation.tiny_models import TEXT
from tests.convert.test_reference_logits import save

# What other people's libraries announce to each other is not ours to act on.
pytestmark = pytest.mark.filterwarnings("ignore")

PROTOCOL = Protocol(n_ctx=128, chunks=2)
text = EvaluationText("t", TEXT)


@pytest.mark.parametrize("name", ["Llama", "Bloom"])
def test_the_checkpoint_and_its_gguf_agree(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = save(tmp_path / name, name, torch.float32)
    gguf = tmp_path / "m.gguf"
    convert(folder, gguf, ConvertOptions(types=("f32",)))
    for module in ("sources.llama", "text.comparison"):
        monkeypatch.setattr(f"belle.evaluation.{module}.chunk_rows", lambda _: 32)
    with PerplexityRun(folder, [gguf], text, PROTOCOL, tmp_path / "records", threads=1) as session:
        session.run()
        reference, [candidate], about = session.figures()
    assert about.n_scored == 2 * 63
    assert candidate.loss.kl < 1e-5
    assert candidate.loss.same_top > 0.95
    assert reference.ppl.value == pytest.approx(candidate.model.ppl.value, rel=1e-3)
    assert reference.n_params > 0
    assert set(reference.files) == {"config.json", "model.safetensors"}


def test_another_checkpoint_is_refused(tmp_path: Path) -> None:
    folder = save(tmp_path / "m", "Llama", torch.float32)
    gguf = tmp_path / "m.gguf"
    convert(folder, gguf, ConvertOptions(types=("f32",)))
    (folder / "config.json").unlink()
    with pytest.raises(KnownError, match="holds no checkpoint"):
        PerplexityRun(folder, [gguf], text, PROTOCOL, tmp_path / "records")
    with pytest.raises(KnownError, match="only the reference can be a checkpoint"):
        save(folder, "Llama", torch.float32)
        PerplexityRun(gguf, [folder], text, PROTOCOL, tmp_path / "records")
