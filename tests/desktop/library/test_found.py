"""Models of other programs are found where these programs keep them, and left as they are."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from gguf import PoolingType

from belle.gguf.fingerprint import fingerprint
from desktop.library import found
from desktop.library.contents import duplicate_of, full_digest
from desktop.library.found import found_models
from tests.belle.engine.tiny_gguf import write_random_model
from tests.support.embedding_model import write_embedding_model


@pytest.fixture(autouse=True)
def _without_the_machines_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(found, "_OLLAMA_SERVICE", tmp_path / "service")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("model") / "model.gguf"
    write_random_model(path)
    return path.read_bytes()


def put(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


DATA = "Library/Application Support" if sys.platform == "darwin" else ".local/share"
CACHE = "Library/Caches" if sys.platform == "darwin" else ".cache"


@pytest.mark.parametrize(
    ("where", "program", "title"),
    [
        (".lmstudio/models/qwen/Qwen3-GGUF/Qwen3-Q4.gguf", "LM Studio", "Qwen3-Q4"),
        (".cache/lm-studio/models/a/b/c.gguf", "LM Studio", "c"),
        (f"{DATA}/Jan/data/llamacpp/models/Jan-v3-4b/model.gguf", "Jan", "Jan-v3-4b"),
        (f"{CACHE}/llama.cpp/ggml-org_gemma.gguf", "llama.cpp", "ggml-org_gemma"),
        (".cache/huggingface/hub/models--a--b/snapshots/0123/q4.gguf", "Hugging Face", "q4"),
    ],
)
def test_a_file_is_found_in_place(tmp_path: Path, model: bytes, where: str, program: str, title: str) -> None:
    path = put(tmp_path / where, model)
    before = path.stat().st_mtime_ns
    (one,) = found_models(tmp_path, {})
    assert (one.path, one.program, one.title) == (path, program, title)
    assert path.stat().st_mtime_ns == before


def test_ollama_names_its_blobs_by_manifests(tmp_path: Path, model: bytes) -> None:
    root = tmp_path / "elsewhere"
    blob = put(root / "blobs/sha256-abc", model)
    layers = [
        {"mediaType": "application/vnd.ollama.image.license", "digest": "sha256:other"},
        {"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:abc", "size": len(model)},
    ]
    put(root / "manifests/registry.ollama.ai/library/qwen3/0.6b", json.dumps({"layers": layers}).encode())
    put(root / "manifests/registry.ollama.ai/library/broken/latest", b"{")
    put(root / "manifests/registry.ollama.ai/library/odd/latest", b'{"layers": [{"digest": 3}]}')
    put(
        root / "manifests/registry.ollama.ai/library/gone/latest",
        json.dumps({"layers": layers}).replace("abc", "x").encode(),
    )
    (one,) = found_models(tmp_path, {"OLLAMA_MODELS": str(root)})
    assert (one.path, one.program, one.title) == (blob, "Ollama", "qwen3:0.6b")


def test_variables_lead_elsewhere(tmp_path: Path, model: bytes) -> None:
    put(tmp_path / "cache/one.gguf", model)
    put(tmp_path / "hub/models--a--b/snapshots/1/two.gguf", model)
    put(tmp_path / ".cache/llama.cpp/not-looked-at.gguf", model)
    environ = {"LLAMA_CACHE": str(tmp_path / "cache"), "HF_HUB_CACHE": str(tmp_path / "hub")}
    assert [one.title for one in found_models(tmp_path, environ)] == ["one", "two"]


def test_each_file_is_found_once_and_what_cannot_chat_never(tmp_path: Path, model: bytes) -> None:
    real = put(tmp_path / ".cache/huggingface/hub/models--a--b/blobs/0f", model)
    link = tmp_path / ".cache/huggingface/hub/models--a--b/snapshots/1/a.gguf"
    link.parent.mkdir(parents=True)
    link.symlink_to(real)
    (link.parent / "b.gguf").symlink_to(real)
    folder = tmp_path / ".lmstudio/models/x/y"
    put(folder / "mmproj-a.gguf", model)
    put(folder / "big-00002-of-00003.gguf", model)
    put(folder / "damaged.gguf", model[:100])
    put(folder / "page.gguf", b"<html>")
    put(folder / "empty.gguf", b"")
    (folder / "folder.gguf").mkdir()
    assert [one.path for one in found_models(tmp_path, {})] == [link]


def test_a_folder_is_not_looked_through_to_its_end(
    tmp_path: Path, model: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(found, "_MOST_FILES", 10)
    for number in range(10):
        put(tmp_path / f"cache/{number}.txt", b"")
    put(tmp_path / "cache/deeper/one.gguf", model)
    assert found_models(tmp_path, {"LLAMA_CACHE": str(tmp_path / "cache")}) == ()
    (tmp_path / "cache/0.txt").unlink()
    assert len(found_models(tmp_path, {"LLAMA_CACHE": str(tmp_path / "cache")})) == 1


def test_nothing_there_is_no_error(tmp_path: Path) -> None:
    assert found_models(tmp_path / "nobody", {}) == ()


def test_duplicates_are_recognised_by_their_content(tmp_path: Path, model: bytes) -> None:
    one, same = put(tmp_path / "one.gguf", model), put(tmp_path / "elsewhere/two.gguf", model)
    other = put(tmp_path / "other.gguf", model[:-1] + bytes([model[-1] ^ 1]))
    longer = put(tmp_path / "longer.gguf", model + b"\0")
    assert duplicate_of(one, [tmp_path / "gone", other, longer, same]) == same
    assert duplicate_of(one, [other, longer]) is None
    assert duplicate_of(tmp_path / "gone", [one]) is None
    assert fingerprint(one) == fingerprint(same)
    assert full_digest(one) == full_digest(same) != full_digest(other)


def test_an_embedding_model_of_another_program_is_offered_and_a_reranker_is_not(tmp_path: Path) -> None:
    folder = tmp_path / ".lmstudio/models/somebody"
    folder.mkdir(parents=True)
    write_embedding_model(folder / "embedding.gguf", [["a"]])
    write_embedding_model(folder / "reranker.gguf", [["a"]], pooling=PoolingType.RANK)
    assert [one.title for one in found_models(tmp_path, {})] == ["embedding"]
