"""No file gets its name that llama.cpp cannot load."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from gguf import GGUFWriter

from belle.errors import KnownError
from convert.output.load_proof import check_loads
from convert.pipeline import Conversion, convert
from convert.plan.options import ConvertOptions
from convert.quantize.job import quantize
from convert.quantize.options import QuantizeOptions
from tests.belle.engine import tiny_gguf
from tests.belle.engine.tiny_gguf import write_random_model
from tests.convert.checkpoints import bloom_checkpoint, llama_checkpoint


@pytest.fixture
def without_epsilon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The converter forgets what llama.cpp needs."""
    whole = Conversion.metadata
    monkeypatch.setattr(
        Conversion,
        "metadata",
        lambda *given: [e for e in whole(*given) if not e.key.endswith("layer_norm_rms_epsilon")],
    )


def test_a_file_that_llama_cpp_does_not_load_gets_no_name(tmp_path: Path, without_epsilon: None) -> None:
    llama_checkpoint(tmp_path / "model", layers=1)
    out = tmp_path / "out.gguf"
    out.write_bytes(b"GGUF")
    with pytest.raises(KnownError) as caught:
        convert(tmp_path / "model", out)
    assert caught.value.kind == "not_loadable"
    assert "out.gguf" in caught.value.message and "layer_norm_rms_epsilon" in caught.value.details["reason"]
    assert out.read_bytes() == b"GGUF"
    # Who wants it all the same has it, without converting again.
    convert(tmp_path / "model", out, ConvertOptions(verify=False))
    assert out.stat().st_size > 1 << 20


@pytest.mark.parametrize("name", ["my-phi3-mini", "Phi-3-medium", "PHI3"])
def test_a_name_that_llama_cpp_takes_for_another_model_s_is_refused_before_anything_is_written(
    tmp_path: Path, name: str
) -> None:
    for source, options in ((name, ConvertOptions()), ("plain", ConvertOptions(name=name))):
        llama_checkpoint(tmp_path / source, layers=1)
        with pytest.raises(KnownError) as caught:
            convert(tmp_path / source, tmp_path / "out.gguf", options)
        assert caught.value.kind == "name_not_possible"
        assert name in caught.value.message and "--name" in caught.value.advice
        assert sorted(path.name for path in tmp_path.glob("out*")) == []
    convert(tmp_path / name, tmp_path / "out.gguf", ConvertOptions(name="mine"))


@pytest.mark.parametrize("make", [llama_checkpoint, bloom_checkpoint])
@pytest.mark.parametrize("kind", ["f16", "q8_0", "q4_k_m"])
def test_what_was_converted_well_is_loaded(make, kind: str, tmp_path: Path) -> None:
    make(tmp_path / "model", layers=1)
    report = convert(tmp_path / "model", tmp_path / "out.gguf", ConvertOptions(types=(kind,)))
    assert report.files[0].proof is not None and report.files[0].proof.loaded


def test_a_quantized_file_is_loaded_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Experts(GGUFWriter):
        def write_header_to_file(self, path: Path | None = None) -> None:
            self.add_expert_count(4)
            self.add_expert_used_count(2)
            super().write_header_to_file(path)

    monkeypatch.setattr(tiny_gguf, "GGUFWriter", Experts)
    write_random_model(tmp_path / "model.gguf")
    with pytest.raises(KnownError) as caught:
        quantize(tmp_path / "model.gguf", tmp_path / "out.gguf", QuantizeOptions(type="q8_0", method="rtn"))
    assert caught.value.kind == "not_loadable" and "out.gguf" in caught.value.message
    assert "blk.0.ffn_gate_inp.weight" in caught.value.details["reason"]
    assert [path.name for path in tmp_path.iterdir()] == ["model.gguf"]


def test_a_file_with_a_name_that_is_not_utf_8_is_loaded(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xc4\xe3\xba\xc3.gguf"))
    write_random_model(path)
    check_loads(path, path)
