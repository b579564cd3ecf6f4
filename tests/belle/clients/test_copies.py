"""Models and data of a hub in recipes and commands, against a hub on this machine."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest
from huggingface_hub.utils import close_session

from belle import paths
from belle.cli.main import main
from belle.clients.copies import HubName, Part, local_copy, model_here, parse_hub_name
from belle.clients.errors import explain
from belle.data.read import read_rows
from belle.errors import KnownError
from tests.belle.training.runs import TOKENIZER, recipe_file, run, write_conversations
from tests.convert.install.loopback_hub import LoopbackHub

COMMIT = "a" * 40


def rows(*texts: str) -> bytes:
    return "".join(json.dumps({"text": text}) + "\n" for text in texts).encode()


DATA = {
    "README.md": b"about",
    "data/train-0.jsonl": rows("one", "two"),
    "data/train-1.jsonl": rows("three"),
    "data/test-0.jsonl": rows("held out"),
    "dataset_infos.json": b"{}",
    "../../escape.jsonl": rows("no"),
}
MODEL = {
    "config.json": b"{}",
    "tokenizer.json": b"{}",
    "model.safetensors": b"w" * 1000,
    "pytorch_model.bin": b"old",
    "model.gguf": b"other",
    "README.md": b"about",
    "checkpoint-1/config.json": b"{}",
    "checkpoint-1/model.safetensors": b"w",
}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[LoopbackHub]:
    from huggingface_hub import constants

    repos = {"datasets/me/talk": dict(DATA), "me/model": dict(MODEL), "datasets/me/pictures": {"a.png": b"x"}}
    monkeypatch.setattr(paths, "cache_dir", lambda: tmp_path / "cache")
    with LoopbackHub(repos, revisions=("main", "v1")).running() as server:
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        for name in ("HF_HUB_OFFLINE", "HF_TOKEN", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        close_session()
        yield server
        close_session()


def texts(name: str) -> list[str]:
    return [row.text for row in read_rows(name, "text")]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("hub:me/talk", HubName("me/talk")),
        ("hub:me/talk/data/a b.jsonl", HubName("me/talk", "data/a b.jsonl")),
        ("hub:me/talk@v1", HubName("me/talk", "", "v1")),
        ("hub:me/talk/data@refs/pr/3", HubName("me/talk", "data", "refs/pr/3")),
    ],
)
def test_names(name: str, meant: HubName) -> None:
    assert parse_hub_name(name) == meant
    assert str(meant) == name


@pytest.mark.parametrize(
    "name", ["hub:", "hub:me", "hub:me/talk@", "hub:me/../x", "hub:/me/talk", "hub:me/talk/../../x"]
)
def test_a_name_that_is_not_of_a_hub_is_refused(name: str) -> None:
    with pytest.raises(KnownError) as caught:
        parse_hub_name(name)
    assert name in caught.value.message
    assert "hub:OWNER/NAME" in caught.value.advice


def test_data_is_every_file_that_is_not_held_out_or_the_named_one(hub: LoopbackHub, tmp_path: Path) -> None:
    assert texts("hub:me/talk/data/test-0.jsonl") == ["held out"]
    assert texts("hub:me/talk") == ["one", "two", "three"]
    assert texts("hub:me/talk/data/train-1.jsonl@v1") == ["three"]
    assert texts(f"hub:me/talk/data@{COMMIT}") == ["held out", "one", "two", "three"]
    assert not any("escape" in path.name for path in tmp_path.rglob("*"))
    assert not hub.asked("GET", "README")


def test_files_that_are_left_out_are_mentioned(hub: LoopbackHub) -> None:
    said: list[str] = []
    local_copy("hub:me/talk", "data", say=said.append)
    assert "2 files" in said[0] and hub.url in said[0]
    assert "data/test-0.jsonl" in said[1]


def test_a_model_is_its_files_and_its_best_weights(hub: LoopbackHub) -> None:
    folder = local_copy("hub:me/model", "model", weights=False)
    assert {path.name for path in folder.iterdir()} == {"config.json", "tokenizer.json"}
    assert local_copy("hub:me/model", "model") == folder
    assert {path.name for path in folder.iterdir()} == {"config.json", "tokenizer.json", "model.safetensors"}
    inner = local_copy("hub:me/model/checkpoint-1@v1", "model")
    assert {path.name for path in inner.iterdir()} == {"config.json", "model.safetensors"}


def test_local_files_are_not_downloaded_again_and_a_commit_needs_no_hub(hub: LoopbackHub) -> None:
    local_copy(f"hub:me/model@{COMMIT}", "model")
    asked = len(hub.requests)
    local_copy(f"hub:me/model@{COMMIT}", "model")
    assert len(hub.requests) == asked
    local_copy("hub:me/model", "model")
    assert len(hub.asked("GET", "/resolve/")) == 3


def test_an_interrupted_download_is_resumed(hub: LoopbackHub) -> None:
    hub.cuts["model.safetensors"] = [400]
    folder = local_copy("hub:me/model", "model")
    assert (folder / "model.safetensors").read_bytes() == MODEL["model.safetensors"]


def test_without_a_hub_a_local_copy_is_used_and_none_is_a_known_error(
    hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    local_copy("hub:me/talk", "data")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    said: list[str] = []
    folder = local_copy("hub:me/talk", "data", say=said.append)
    assert sorted(path.name for path in folder.rglob("*.jsonl")) == ["train-0.jsonl", "train-1.jsonl"]
    assert "the copy of aaaaaaa is taken" in said[0] and "cannot be reached" in said[0]
    with pytest.raises(KnownError) as caught:
        local_copy("hub:me/model", "model")
    assert caught.value.kind == "no_connection"
    assert "no complete copy of hub:me/model on this machine" in caught.value.advice
    assert "belle models" not in caught.value.advice


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("hub:me/pictures", "data", "no data that can be read"),
        ("hub:me/talk/none.jsonl", "data", "no file none.jsonl"),
        ("hub:me/nothing", "data", "does not exist on"),
        ("hub:me/talk@v9", "data", "me/talk"),
        ("hub:me/model/data", "model", "no file data"),
    ],
)
def test_a_missing_repository_or_file_is_named(hub: LoopbackHub, name: str, kind: str, words: str) -> None:
    with pytest.raises(KnownError) as caught:
        local_copy(name, kind)  # type: ignore[arg-type]
    assert words in caught.value.message


def test_a_recipe_trains_on_a_model_and_data_of_a_hub(
    hub: LoopbackHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.repos["me/base"] = base_model(tmp_path / "base")
    hub.repos["datasets/me/chats"] = {"chats.jsonl": write_conversations(tmp_path / "c.jsonl").read_bytes()}
    recipe = recipe_file(tmp_path / "more", model="hub:me/base", data=["hub:me/chats/chats.jsonl"], max_steps=1)
    assert main(["train", str(recipe), "--dry-run"]) == 0
    assert not hub.asked("GET", "resolve/" + COMMIT + "/model.safetensors")
    assert main(["train", str(recipe)]) == 0
    assert (tmp_path / "more/run/final/model.safetensors").exists()
    assert main(["data", "check", "hub:me/chats"]) == 0
    assert "10 rows" in capsys.readouterr().out


def base_model(folder: Path) -> dict[str, bytes]:
    """The files of a tiny model that was trained in `folder`."""
    final = run(folder, max_steps=1) / "final"
    return {path.name: path.read_bytes() for path in final.iterdir()}


def transformers_cache(folder: Path, files: dict[str, bytes]) -> None:
    """Write the cache that transformers has after downloading these files of me/base."""
    repo = folder / "models--me--base"
    for name, content in files.items():
        (repo / "snapshots" / COMMIT).mkdir(parents=True, exist_ok=True)
        (repo / "snapshots" / COMMIT / name).write_bytes(content)
    (repo / "refs").mkdir()
    (repo / "refs/main").write_text(COMMIT)


def test_a_bare_name_is_in_transformers_cache_or_downloaded(
    hub: LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf"))
    files = hub.repos["me/base"] = base_model(tmp_path / "base")
    recipe = str(recipe_file(tmp_path / "more", model="me/base", max_steps=1))
    assert main(["train", recipe, "--dry-run"]) == 0
    assert not hub.asked("GET", "resolve/" + COMMIT + "/model.safetensors")
    assert main(["train", recipe]) == 0
    assert hub.asked("GET", "resolve/" + COMMIT + "/model.safetensors")

    asked = len(hub.requests)
    transformers_cache(tmp_path / "hf", files)
    assert model_here("me/base") == "me/base"
    answers = tmp_path / "answers.jsonl"
    data = str(tmp_path / "more/data.jsonl")
    assert main(["generate", "me/base", "--data", data, "-o", str(answers), "--max-tokens", "2"]) == 0
    assert answers.read_text().count("\n") > 0
    assert len(hub.requests) == asked


@pytest.mark.parametrize(
    ("lacking", "needs", "enough"),
    [
        ("model.safetensors", {"config"}, True),
        ("model.safetensors", {"config", "tokenizer"}, True),
        ("model.safetensors", {"config", "weights"}, False),
        ("tokenizer", {"config", "weights"}, True),
        ("tokenizer", {"tokenizer"}, False),
        ("tokenizer.json", {"tokenizer"}, False),
        ("config.json", {"config"}, False),
        ("nothing", {"config", "tokenizer", "weights"}, True),
    ],
)
def test_a_cache_that_lacks_a_part_is_not_enough_where_it_is_needed(
    hub: LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lacking: str, needs: set[Part], enough: bool
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf"))
    names = ("config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors")
    transformers_cache(tmp_path / "hf", {name: b"{}" for name in names if not name.startswith(lacking)})
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    if enough:
        assert model_here("me/base", needs=needs) == "me/base"
    else:
        with pytest.raises(KnownError, match="cannot be reached"):
            model_here("me/base", needs=needs)


def test_a_cache_that_lacks_one_of_several_files_of_weights_is_not_enough(
    hub: LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    files = {
        "config.json": b"{}",
        "model-1.safetensors": b"",
        "model.safetensors.index.json": json.dumps(index).encode(),
    }
    transformers_cache(tmp_path / "hf", files)
    with pytest.raises(KnownError, match="cannot be reached"):
        model_here("me/base", needs={"config", "weights"})
    (tmp_path / "hf/models--me--base/snapshots" / COMMIT / "model-2.safetensors").touch()
    assert model_here("me/base", needs={"config", "weights"}) == "me/base"


@pytest.mark.parametrize("offline", [False, True])
def test_without_a_network_a_bare_name_fails_within_seconds(
    hub: LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], offline: bool
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    close_session()
    recipe = str(recipe_file(tmp_path / "recipes", model="me/base"))
    adapter = Path(shutil.copytree(TOKENIZER, tmp_path / "adapter"))
    (adapter / "adapter_config.json").write_text('{"base_model_name_or_path": "me/base", "peft_type": "LORA"}')
    (adapter / "adapter_model.safetensors").touch()
    going_on = str(recipe_file(tmp_path / "more", model=str(adapter), lora={}))
    data = str(tmp_path / "recipes/data.jsonl")
    for command in (
        ["train", recipe],
        ["train", recipe, "--dry-run"],
        ["train", going_on],
        ["data", "show", data, "--recipe", recipe],
        ["generate", "me/base", "--data", data, "-o", str(tmp_path / "answers.jsonl")],
        ["generate", str(adapter), "--data", data, "-o", str(tmp_path / "more.jsonl"), "--template", "belle"],
        ["merge", str(adapter), "-o", str(tmp_path / "merged")],
    ):
        begun = monotonic()
        assert main(command) == 2, command
        assert monotonic() - begun < 5, command
        output = capsys.readouterr().err
        assert "no complete copy of hub:me/base on this machine" in output, (command, output)
        assert "Traceback" not in output


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[Errno -2] Name or service not known", "(Name or service not known)"),
        ("[Errno 101] Network is unreachable", "(Network is unreachable)"),
        ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed", "([SSL: CERTIFICATE_VERIFY_FAILED] cert"),
    ],
)
def test_why_a_hub_cannot_be_reached_is_said_without_the_number(text: str, words: str) -> None:
    assert words in explain(ConnectionError(text), "https://example.org", "a/b").message
