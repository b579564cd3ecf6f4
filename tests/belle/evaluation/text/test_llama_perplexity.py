"""The same two models on the same text, measured by llama.cpp's own llama-perplexity: what it printed is in `data`.

    llama-perplexity -m f32.gguf -f assets/text/en.txt -c 512 -b 512 --chunks 8 --kl-divergence-base base
    llama-perplexity -m q4_0.gguf -c 512 -b 512 --chunks 8 --kl-divergence-base base --kl-divergence

(of the llama.cpp in llama-cpp-python 0.3.36, on a processor with AVX2; others round differently, hence the tolerance).
"""

from __future__ import annotations

import ctypes
import re
from pathlib import Path

import llama_cpp.llama_cpp as llama
import pytest

from belle.evaluation.text.perplexity_run import PerplexityRun
from belle.evaluation.windows import EvaluationText, Protocol
from belle.models import catalog

PRINTED = Path(__file__).parent / "data/llama-perplexity.q4_0.txt"
TEXT = Path(__file__).parents[4] / "assets/text/en.txt"


def printed() -> dict[str, tuple[float, float | None]]:
    """Value and error by label; percentages as fractions."""
    found = {}
    for line in PRINTED.read_text(encoding="utf-8").splitlines():
        match = re.fullmatch(r"(.+?)\s*:\s+(-?[\d.]+)(?: ±\s+([\d.]+))?\s*(%?)", line)
        if match:
            label, value, error, percent = match.groups()
            unit = 0.01 if percent else 1.0
            found[label.strip()] = (float(value) * unit, float(error) * unit if error else None)
    return found


def requantize(source: Path, target: Path, kind: int) -> Path:
    params = llama.llama_model_quantize_default_params()
    params.ftype, params.allow_requantize, params.nthread = kind, True, 2
    assert llama.llama_model_quantize(str(source).encode(), str(target).encode(), ctypes.byref(params)) == 0
    return target


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_figure_is_the_one_that_llama_perplexity_prints(tmp_path: Path) -> None:
    starter = catalog.resolve(catalog.STARTER).path
    reference = requantize(starter, tmp_path / "f32.gguf", llama.LLAMA_FTYPE_ALL_F32)
    candidate = requantize(reference, tmp_path / "q4_0.gguf", llama.LLAMA_FTYPE_MOSTLY_Q4_0)
    text = EvaluationText("en", TEXT.read_text(encoding="utf-8"))
    with PerplexityRun(reference, [candidate], text, Protocol(chunks=8), tmp_path / "records") as session:
        session.run()
        base, (figures,), _ = session.figures()
    loss = figures.loss
    assert loss is not None
    assert base.ppl is not None
    assert figures.model.ppl is not None
    kl, dp = loss.kl_quantiles, loss.dp_quantiles
    ours = {
        "Mean PPL(Q)": (figures.model.ppl.value, figures.model.ppl.error),
        "Mean PPL(base)": (base.ppl.value, base.ppl.error),
        "Cor(ln(PPL(Q)), ln(PPL(base)))": (loss.correlation, None),
        "Mean ln(PPL(Q)/PPL(base))": (loss.ln_ratio, loss.ln_ratio_error),
        "Mean PPL(Q)/PPL(base)": (loss.ppl_ratio, loss.ppl_ratio_error),
        "Mean PPL(Q)-PPL(base)": (loss.d_ppl, loss.d_ppl_error),
        "Mean    KLD": (loss.kl, loss.kl_error),
        "Maximum KLD": (loss.kl_max, None),
        "99.9%   KLD": (kl["0.999"], None),
        "99.0%   KLD": (kl["0.99"], None),
        "95.0%   KLD": (kl["0.95"], None),
        "90.0%   KLD": (kl["0.9"], None),
        "Median  KLD": (kl["0.5"], None),
        "10.0%   KLD": (kl["0.1"], None),
        "5.0%   KLD": (kl["0.05"], None),
        "1.0%   KLD": (kl["0.01"], None),
        "0.1%   KLD": (kl["0.001"], None),
        "Minimum KLD": (loss.kl_min, None),
        "Mean    Δp": (loss.dp, loss.dp_error),
        "Maximum Δp": (loss.dp_max, None),
        "99.9%   Δp": (dp["0.999"], None),
        "99.0%   Δp": (dp["0.99"], None),
        "95.0%   Δp": (dp["0.95"], None),
        "90.0%   Δp": (dp["0.9"], None),
        "75.0%   Δp": (dp["0.75"], None),
        "Median  Δp": (dp["0.5"], None),
        "25.0%   Δp": (dp["0.25"], None),
        "10.0%   Δp": (dp["0.1"], None),
        "5.0%   Δp": (dp["0.05"], None),
        "1.0%   Δp": (dp["0.01"], None),
        "0.1%   Δp": (dp["0.001"], None),
        "Minimum Δp": (loss.dp_min, None),
        "RMS Δp": (loss.dp_rms, loss.dp_rms_error),
        "Same top p": (loss.same_top, loss.same_top_error),
    }
    theirs = printed()
    assert ours.keys() == theirs.keys()
    for label, (value, error) in theirs.items():
        assert ours[label][0] == pytest.approx(value, rel=5e-3, abs=2e-4), label
        if error is not None:
            assert ours[label][1] == pytest.approx(error, rel=1e-2, abs=2e-5), label
