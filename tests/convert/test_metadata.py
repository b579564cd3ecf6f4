"""The general metadata of a GGUF: names, licences and model cards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gguf.constants import GGUFValueType
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convert.metadata import general_metadata, read_model_card

CARD = """\
---
license: gpl-3.0
language:
- zh
- en
tags: [text2text-generation, "belle"]
base_model: bigscience/bloomz-7b1-mt
widget:
- text: "not: a tag"
---
# BELLE
license: not this
"""


def entries(folder: Path, config: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    given_options = {"architecture": "bloom", "n_parameters": 7_069_016_064, "sha256": {}, **options}
    return {entry.key: entry.value for entry in general_metadata(folder, config or {}, **given_options)}


def test_from_the_model_card(tmp_path: Path) -> None:
    folder = tmp_path / "models--BelleGroup--BELLE-7B-2M" / "snapshots" / "1f2e3d"
    folder.mkdir(parents=True)
    (folder / "README.md").write_text(CARD, encoding="utf-8")
    result = entries(folder, {"_name_or_path": "some/base"}, sha256={"b.bin": "22", "a.bin": "11"})
    assert result == {
        "general.architecture": "bloom",
        "general.type": "model",
        "general.name": "BELLE-7B-2M",
        "general.size_label": "7.1B",
        "general.license": "gpl-3.0",
        "general.source.repo_url": "https://huggingface.co/BelleGroup/BELLE-7B-2M",
        "general.base_model.count": 1,
        "general.base_model.0.name": "bloomz-7b1-mt",
        "general.base_model.0.repo_url": "https://huggingface.co/bigscience/bloomz-7b1-mt",
        "general.tags": ["text2text-generation", "belle"],
        "general.languages": ["zh", "en"],
        "chatbelle.source.sha256.a.bin": "11",
        "chatbelle.source.sha256.b.bin": "22",
    }


def test_what_is_given_wins(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(CARD, encoding="utf-8")
    result = entries(tmp_path, name="Mine", license_id="apache-2.0", repository="me/mine")
    assert result["general.name"] == "Mine"
    assert result["general.license"] == "apache-2.0"
    assert result["general.source.repo_url"] == "https://huggingface.co/me/mine"


def test_a_bare_folder_gives_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "my-model"
    folder.mkdir()
    result = entries(folder, {"_name_or_path": "/home/someone/out"})
    assert result["general.name"] == "my-model"
    assert not any("repo_url" in key or "license" in key for key in result)


def test_what_training_began_with_is_the_base_model(tmp_path: Path) -> None:
    folder = tmp_path / "my-finetune"
    folder.mkdir()
    result = entries(folder, {"_name_or_path": "bigscience/bloomz-7b1-mt"})
    assert result["general.name"] == "my-finetune"
    assert result["general.base_model.0.name"] == "bloomz-7b1-mt"
    assert "general.base_model.0.repo_url" not in result
    assert not any("base_model" in key for key in entries(folder, {"_name_or_path": "me/my-finetune"}))


def test_types(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(CARD, encoding="utf-8")
    kinds = {e.key: e.type for e in general_metadata(tmp_path, {}, architecture="llama", n_parameters=1, sha256={})}
    assert kinds["general.base_model.count"] is GGUFValueType.UINT32
    assert set(kinds.values()) == {GGUFValueType.UINT32, GGUFValueType.STRING}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=60))
def test_any_model_card(tmp_path: Path, noise: bytes) -> None:
    (tmp_path / "README.md").write_bytes(b"---\n" + noise + b"\n---\n")
    card = read_model_card(tmp_path)
    assert all(isinstance(value, str) for values in card.values() for value in values)
    entries(tmp_path)
