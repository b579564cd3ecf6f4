"""Which vision encoder belongs to a model."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from belle.engine.llama.eyes.mmproj import choose_mmproj
from belle.errors import KnownError
from belle.gguf.reader import GgufHeader, read_header
from tests.belle.engine.tiny_gguf import write_random_model
from tests.support.mmproj import write_mmproj


@pytest.fixture
def model(tmp_path: Path) -> GgufHeader:
    path = tmp_path / "tiny-Q4_0.gguf"
    write_random_model(path)
    return read_header(path)


def test_an_encoder_beside_the_model_is_found_where_it_fits(model: GgufHeader) -> None:
    folder = model.path.parent
    assert choose_mmproj(None, model) is None
    write_mmproj(folder / "mmproj-other-f16.gguf", model.n_embd + 32)
    (folder / "mmproj-damaged.gguf").write_bytes(b"GGUF damaged")
    assert choose_mmproj(None, model) is None
    fitting = write_mmproj(folder / "tiny-mmproj-f16.gguf", model.n_embd)
    for name in (None, str(fitting)):
        found = choose_mmproj(name, model)
        assert found is not None
        assert found.path == fitting
    assert choose_mmproj("", model) is None


def test_of_several_encoders_the_one_of_the_same_name_is_taken(model: GgufHeader) -> None:
    folder = model.path.parent
    same = write_mmproj(folder / "mmproj-tiny-f16.gguf", model.n_embd)
    write_mmproj(folder / "mmproj-another-f16.gguf", model.n_embd)
    found = choose_mmproj(None, model)
    assert found is not None
    assert found.path == same
    shutil.copy(same, folder / "mmproj-tiny-q8.gguf")
    assert choose_mmproj(None, model) is None  # two that are as likely: the person has to say which


@pytest.mark.parametrize("kind", ["another width", "a language model", "no file", "not a GGUF"])
def test_what_does_not_fit_is_refused_in_words(model: GgufHeader, kind: str) -> None:
    path = model.path.parent / "wrong.gguf"
    match kind:
        case "another width":
            write_mmproj(path, model.n_embd + 32)
        case "a language model":
            shutil.copy(model.path, path)
        case "not a GGUF":
            path.write_bytes(b"hello")
    with pytest.raises(KnownError, match=r"wrong\.gguf") as caught:
        choose_mmproj(str(path), model)
    assert caught.value.advice
