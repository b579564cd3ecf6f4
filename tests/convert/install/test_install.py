"""From a name to a model that runs: the real client against a hub on this machine."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from gguf.quants import dequantize

import convert.pipeline
from belle import paths
from belle.cli.main import main
from belle.clients import retry
from belle.clients.progress import InstallStoppedError, Step
from belle.errors import KnownError
from belle.gguf.mapped_file import GgufFile
from belle.gguf.reader import read_header
from belle.models.catalog import ModelEntry, ModelFile, load_catalog, resolve
from belle.models.registry import installed
from convert.checkpoint import open_checkpoint
from convert.gptq.checkpoint_view import view_quantized
from convert.install.job import InstallOptions, install
from convert.tokenizers.templates import CHAT_TEMPLATES
from tests.belle.engine.tiny_gguf import write_random_model
from tests.convert.checkpoint.building import torch_zip
from tests.convert.checkpoint.encrypting import encrypt
from tests.convert.checkpoints import llama_shapes
from tests.convert.install.belle_checkpoint import WEIGHTS, bloom_texts, tokenizer_files
from tests.convert.install.conftest import REPO
from tests.convert.install.loopback_hub import LARGE, Answer, LoopbackHub
from tests.convert.tiny_models import differences

HIDDEN = ".download"


def entry(name: str = "belle-7b-2m") -> ModelEntry:
    found = load_catalog().find(name)
    assert found is not None
    return found


def folder(name: str = "belle-7b-2m") -> Path:
    return paths.models_dir() / name


def fault(name: str = "belle-7b-2m", **options: object) -> KnownError:
    with pytest.raises(KnownError) as caught:
        install(entry(name), InstallOptions(**options))  # type: ignore[arg-type]
    assert installed() == []
    return caught.value


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits between tries that a test can wait for."""
    monkeypatch.setattr(retry, "_WAITS_SECONDS", (0.01,) * 5)


# --- the whole way


def test_a_model_is_downloaded_converted_and_registered(hub: LoopbackHub, small_files: dict[str, bytes]) -> None:
    steps: list[Step] = []
    result = install(entry(), listener=steps.append)
    assert result.path == folder() / "belle-7b-2m-exact.gguf"
    assert not result.already
    header = read_header(result.path)
    assert (header.architecture, header.name, header.license) == ("bloom", "BELLE-7B-2M (4-bit)", "apache-2.0")
    assert header.chat_template == CHAT_TEMPLATES["belle-bloom"]
    assert header.metadata["general.source.repo_url"].endswith(REPO)
    found = resolve("belle-7b-2m")
    assert (found.path, found.template) == (result.path, "belle-bloom")
    (model,) = installed()
    assert model.details["commit"] == hub.commit
    assert model.details["files"].keys() == small_files.keys()
    assert [path.name for path in folder().iterdir()] == [result.path.name], "the download is deleted"
    assert {step.stage for step in steps} == {"download", "convert", "verify"}
    downloads = [step for step in steps if step.stage == "download"]
    assert all(step.total == sum(map(len, small_files.values())) for step in downloads)


def test_the_codes_are_moved_and_the_embeddings_keep_8_bits(hub: LoopbackHub, tmp_path: Path) -> None:
    result = install(entry(), InstallOptions(keep_download=True))
    stored = GgufFile(result.path)
    assert stored.tensors["token_embd.weight"].type.name == "Q8_0"
    kind = stored.tensors["blk.1.ffn_down.weight"].type
    assert kind.name == "Q5_0"
    with open_checkpoint(folder() / HIDDEN / "checkpoint") as checkpoint:
        meant = view_quantized(checkpoint.tensors, {}).tensors["transformer.h.1.mlp.dense_4h_to_h.weight"].rows(0, 256)
    got = dequantize(np.asarray(stored.data("blk.1.ffn_down.weight")).reshape(256, -1), kind)
    np.testing.assert_allclose(got, meant, rtol=2**-10)  # 32-bit scales become 16-bit


def test_belle_convert_makes_the_same_when_asked_for_8_bits_besides_the_codes(hub: LoopbackHub, tmp_path: Path) -> None:
    """`get` saves memory where `convert` keeps what it finds: half of a BLOOM's embeddings."""
    result = install(entry(), InstallOptions(keep_download=True))
    words = ["convert", str(folder() / HIDDEN / "checkpoint"), "-o", str(tmp_path / "m.gguf"), "--no-verify"]
    assert main([*words, "--token-embedding-type", "q8_0", "--output-tensor-type", "q8_0"]) == 0
    assert differences(tmp_path / "m.gguf", result.path) == []
    assert main(words) == 0
    assert differences(tmp_path / "m.gguf", result.path) == [
        "token_embd.weight: F16 (320, 256), llama.cpp Q8_0 (320, 256)"
    ]


def test_a_second_time_asks_nobody(hub: LoopbackHub) -> None:
    first = install(entry())
    hub.requests.clear()
    again = install(entry())
    assert (again.path, again.already) == (first.path, True)
    assert hub.requests == []


def test_the_download_can_be_kept_and_is_used_for_another_conversion(hub: LoopbackHub) -> None:
    install(entry(), InstallOptions(keep_download=True))
    assert (folder() / HIDDEN / "checkpoint" / WEIGHTS).is_file()
    hub.requests.clear()
    other = install(entry(), InstallOptions(codes="fast"))
    assert other.path.name == "belle-7b-2m-fast.gguf"
    assert hub.requests == []
    assert resolve("belle-7b-2m").path == other.path
    again = install(entry())
    assert again.path.name == "belle-7b-2m-exact.gguf"
    assert hub.requests == [], "it is still there"
    assert resolve("belle-7b-2m").path == again.path


def test_nothing_is_told_about_this_computer(hub: LoopbackHub) -> None:
    install(entry())
    for request in hub.requests:
        assert {part.split("/")[0] for part in request.agent.split("; ")} == {"chatbelle", "hf_hub", "python"}
    assert {request.path.split("/")[1] for request in hub.requests} <= {"api", "storage", "BelleGroup"}


def test_8_bits_and_another_type(hub: LoopbackHub) -> None:
    assert install(entry(), InstallOptions(type_name="q6_k")).path.name == "belle-7b-2m-q6_k.gguf"


# --- connections


def test_a_cut_connection_goes_on_where_it_broke(hub: LoopbackHub, quick: None, small_files: dict[str, bytes]) -> None:
    hub.cuts[WEIGHTS] = [200_000, 0, 300_000]
    install(entry())
    ranges = [request.range for request in hub.asked("GET", f"/storage/{REPO}")]
    assert len(ranges) == 4
    assert ranges[0] is None
    begins = [int(one.removeprefix("bytes=").removesuffix("-")) for one in ranges[1:]]
    assert 0 < begins[0] <= begins[1] < begins[2]
    assert hub.sent[WEIGHTS] < len(small_files[WEIGHTS]) + 200_000, "little is sent twice"


def test_a_hub_without_ranges_starts_again(hub: LoopbackHub, quick: None) -> None:
    hub.cuts[WEIGHTS] = [400_000]
    hub.honours_ranges = False
    install(entry())


def test_a_connection_that_keeps_breaking_is_given_up_and_gone_on_with_later(hub: LoopbackHub, quick: None) -> None:
    hub.cuts[WEIGHTS] = [400_000] + [0] * 20
    error = fault()
    assert error.kind == "connection_lost"
    assert "goes on" in error.advice
    hub.cuts.clear()
    hub.requests.clear()
    install(entry())
    assert [request.path.rsplit("/")[-1] for request in hub.asked("GET", "/storage/")] == [WEIGHTS]
    assert not hub.asked("GET", "/api/"), "what was begun is known"
    assert not hub.asked("GET", "config.json"), "what is there is not downloaded again"


def test_no_network(hub: LoopbackHub, quick: None) -> None:
    error = fault(endpoint="http://127.0.0.1:9")
    assert error.kind == "no_connection"
    assert "--endpoint" in error.advice
    assert "import" in error.advice


def test_a_stop_is_obeyed_and_the_next_run_goes_on(hub: LoopbackHub, small_files: dict[str, bytes]) -> None:
    hub.bytes_per_second = 1_000_000
    stop = threading.Event()

    def listen(step: Step) -> None:
        if step.what == WEIGHTS and step.done > 300_000:
            stop.set()

    with pytest.raises(InstallStoppedError):
        install(entry(), listener=listen, stop=stop)
    hub.bytes_per_second = 0
    assert hub.sent[WEIGHTS] < len(small_files[WEIGHTS])
    install(entry())


# --- what hubs answer


@pytest.mark.parametrize("part", ["/api/models", "config.json", "/storage/"])
def test_the_hub_asks_to_wait(hub: LoopbackHub, part: str) -> None:
    hub.answers[part] = Answer(429, {"Retry-After": "1"}, times=2)
    steps: list[Step] = []
    install(entry(), listener=steps.append)
    waits = [step for step in steps if step.waiting]
    assert waits
    assert "429" in waits[0].why
    assert hub.answers[part].times == 0


def test_the_hub_asks_to_wait_for_an_hour(hub: LoopbackHub) -> None:
    hub.answers["/storage/"] = Answer(429, {"RateLimit": '"resolvers";r=0;t=3600'})
    error = fault()
    assert (error.kind, error.details["retry_after"]) == ("rate_limited", 3600)
    assert "60 minutes" in error.advice


def test_the_hub_keeps_refusing(hub: LoopbackHub) -> None:
    hub.answers["/api/models"] = Answer(429, {"Retry-After": "0"})
    assert fault().kind == "rate_limited"
    assert len(hub.requests) == 6


REFUSED = [
    (Answer(401), "login_needed", "hf auth login"),
    (Answer(401, {"X-Error-Code": "RepoNotFound"}), "login_needed", "HF_TOKEN"),
    (Answer(401, {"X-Error-Code": "GatedRepo"}), "gated", "accept its terms"),
    (Answer(403, {"X-Error-Code": "GatedRepo"}), "gated", "accept its terms"),
    (Answer(404, {"X-Error-Code": "RepoNotFound"}), "repository_not_found", "renamed"),
    (Answer(404), "repository_not_found", "not that of a hub"),
    (Answer(200, {"Content-Type": "text/html"}, b"<html>Welcome to the hotel</html>"), "not_a_hub", "login page"),
    (Answer(200, {"Content-Type": "application/json"}, b"{}"), "not_a_hub", "HF_ENDPOINT"),
    (Answer(200, {"Content-Type": "application/json"}, b"[1]"), "not_a_hub", "HF_ENDPOINT"),
    (Answer(400), "hub_unavailable", "later"),
    (Answer(503), "hub_unavailable", "later"),
]


@pytest.mark.parametrize(("answer", "kind", "words"), REFUSED)
def test_a_refused_listing(hub: LoopbackHub, quick: None, answer: Answer, kind: str, words: str) -> None:
    hub.answers["/api/models"] = answer
    error = fault()
    assert error.kind == kind
    assert words in error.advice
    assert REPO in str(error) or kind == "not_a_hub"


@pytest.mark.parametrize(("answer", "kind", "words"), [row for row in REFUSED if row[1] != "not_a_hub"])
@pytest.mark.parametrize("part", [f"/{WEIGHTS}", "/config.json"])
def test_a_refused_file(hub: LoopbackHub, quick: None, part: str, answer: Answer, kind: str, words: str) -> None:
    hub.answers[part] = Answer(answer.status, answer.headers)
    error = fault()
    assert error.kind == kind
    assert part.strip("/") in str(error)


def test_a_web_page_instead_of_the_weights_is_not_taken_for_them(hub: LoopbackHub, quick: None) -> None:
    page = b"<html>Please log in</html>"
    hub.answers["/storage/"] = Answer(200, {"Content-Type": "text/html"}, page)
    assert fault().kind == "wrong_size"
    hub.answers["/storage/"].times = 1
    install(entry())


def test_a_renamed_file(hub: LoopbackHub, small_files: dict[str, bytes]) -> None:
    hub.repos[REPO] = {name.replace("4bit", "int4"): content for name, content in small_files.items()}
    error = fault()
    assert error.kind == "file_not_in_repository"
    assert WEIGHTS in error.message
    assert "bloom7b-2m-int4-128g.pt" in error.advice


def test_offline_mode_is_respected(hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert fault().kind == "offline_mode"
    assert hub.requests == []


@pytest.mark.parametrize("endpoint", ["huggingface.co", "ftp://hub", "http://", "http://hub:port", "http://[::1"])
def test_what_is_no_address(hub: LoopbackHub, endpoint: str) -> None:
    assert fault(endpoint=endpoint).kind == "usage"


# --- bytes


@pytest.mark.parametrize("name", [WEIGHTS, "tokenizer.json", "config.json"])
def test_wrong_bytes_are_removed_and_downloaded_again(hub: LoopbackHub, name: str) -> None:
    hub.wrong.add(name)
    error = fault()
    assert error.kind == "wrong_bytes"
    assert name in error.message
    assert not [path for path in folder().rglob("*") if path.name in (name, f".{name}.part")], "nothing bad stays"
    hub.wrong.clear()
    hub.requests.clear()
    install(entry())
    assert hub.asked("GET", name)


@pytest.mark.parametrize("name", [WEIGHTS, "config.json"])
@pytest.mark.parametrize("claimed", [0.5, 1.5])
def test_a_hub_that_lies_about_a_size_is_found_out(
    hub: LoopbackHub, quick: None, small_files: dict[str, bytes], name: str, claimed: float
) -> None:
    hub.claims[name] = round(len(small_files[name]) * claimed)
    error = fault()
    assert error.kind == "wrong_size"
    assert name in error.message
    assert installed() == []
    hub.claims.clear()
    install(entry())


@pytest.mark.parametrize("name", [WEIGHTS, "config.json"])
def test_a_hub_that_never_ends_a_file_does_not_fill_the_disk(hub: LoopbackHub, quick: None, name: str) -> None:
    hub.endless.add(name)
    error = fault()
    assert error.kind == "wrong_bytes"
    assert name in error.message
    assert hub.sent[name] < 32 << 20
    assert not [path for path in folder().rglob("*") if path.name in (name, f".{name}.part")]
    hub.endless.clear()
    install(entry())


def test_a_listing_without_hashes_is_completed_from_the_files_themselves(hub: LoopbackHub) -> None:
    hub.tells_blobs = False
    hub.wrong.add(WEIGHTS)
    assert fault().kind == "wrong_bytes"
    assert len(hub.asked("HEAD", WEIGHTS)) == 1
    hub.wrong.clear()
    install(entry())


def test_a_new_version_while_the_old_one_was_begun(
    hub: LoopbackHub, quick: None, small_files: dict[str, bytes]
) -> None:
    hub.cuts[WEIGHTS] = [600_000] + [0] * 20
    fault()
    hub.cuts.clear()
    changed = dict(small_files)
    changed["README.md"] += b"changed\n"
    hub.repos[REPO] = changed
    old, hub.commit = hub.commit, "b" * 40
    hub.answers[f"/resolve/{old}"] = Answer(404, {"X-Error-Code": "RevisionNotFound"})
    install(entry())
    (model,) = installed()
    assert model.details["commit"] == hub.commit


def test_config_and_tokenizer_come_from_the_base_model_where_they_are_missing(
    hub: LoopbackHub, small_files: dict[str, bytes]
) -> None:
    hub.repos[REPO] = {WEIGHTS: small_files[WEIGHTS]}
    hub.repos["bigscience/bloomz-7b1-mt"] = bloom_texts(width=256, layers=2, vocabulary=320)
    result = install(entry())
    assert "bigscience/bloomz-7b1-mt" in " ".join(result.notes)
    assert read_header(result.path).n_vocab == 320


def test_the_token_goes_to_the_hub_and_not_to_its_storage(hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    install(entry())
    for request in hub.requests:
        assert request.token == (None if request.path.startswith("/storage") else "Bearer hf_secret")


def test_a_stored_login_is_not_sent_to_another_endpoint(
    hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("hf_stored")
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.delenv("HF_ENDPOINT")
    install(entry(), InstallOptions(endpoint=hub.url))
    assert {request.token for request in hub.requests} == {None}
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    install(entry(), InstallOptions(codes="fast"))
    assert {request.token for request in hub.asked("GET", "/api/")} == {None, "Bearer hf_stored"}


# --- the disk


def test_too_little_space_is_said_in_numbers_before_the_download(
    hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch, small_files: dict[str, bytes]
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**12, 0, 2_000_000))
    error = fault()
    assert error.kind == "disk_full"
    assert error.details["needs"]["the download"] == sum(map(len, small_files.values()))
    assert "2.00 MB free" in error.message
    assert not hub.asked("GET", "/storage/")


def test_a_type_that_does_not_exist_is_refused_before_a_folder_is_made(hub: LoopbackHub) -> None:
    with pytest.raises(KnownError) as caught:
        install(entry(), InstallOptions(type_name="q4_nonsense"))
    assert caught.value.kind in ("unknown_type", "usage")
    assert hub.requests == []
    assert not folder().exists()


def test_two_at_once_are_refused(hub: LoopbackHub) -> None:
    def listen(step: Step) -> None:
        if step.stage == "convert":
            with pytest.raises(KnownError, match="already"):
                install(entry())
            seen.append(step)

    seen: list[Step] = []
    install(entry(), listener=listen)
    assert seen


# --- the proof


@pytest.mark.parametrize(
    ("tensor", "type_name"),
    [
        ("token_embd.weight", None),
        ("blk.1.ffn_down.weight", None),
        ("output_norm.bias", None),
        ("blk.0.attn_qkv.weight", "q4_k_m"),
    ],
)
def test_a_result_that_is_not_the_model_is_not_installed(
    hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch, tensor: str, type_name: str | None
) -> None:
    """As if the disk had lost a page of it."""
    right = convert.pipeline.verify

    def verify_after_a_loss(path: Path, *arguments: object, **more: object) -> object:
        place = GgufFile(path).tensors[tensor]
        with path.open("r+b") as file:
            file.seek(place.start)
            file.write(bytes(min(place.n_bytes, 4096)))
        return right(path, *arguments, **more)  # type: ignore[arg-type]

    with monkeypatch.context() as faulty:
        faulty.setattr(convert.pipeline, "verify", verify_after_a_loss)
        error = fault(type_name=type_name)
    assert error.kind == "verification_failed"
    assert tensor in error.message
    assert not list(folder().rglob("*.gguf"))
    install(entry(), InstallOptions(type_name=type_name))


# --- other kinds of models


def llama_files(*, vocabulary: int = 320) -> dict[str, bytes]:
    """A small LLaMA as fine-tuners leave it: 16 bits, in two shards with an index."""
    rng = np.random.default_rng(3)
    shapes = llama_shapes(width=256, ffn=512, layers=2, vocabulary=vocabulary, kv_width=256)
    tensors = {name: (rng.standard_normal(shape) * 0.02).astype(np.float16) for name, shape in shapes.items()}
    names = list(tensors)
    shards = {
        "pytorch_model-00001-of-00002.bin": names[:9],
        "pytorch_model-00002-of-00002.bin": names[9:],
    }
    weight_map = {name: shard for shard, inside in shards.items() for name in inside}
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": 256,
        "intermediate_size": 512,
        "num_hidden_layers": 2,
        "num_attention_heads": 8,
        "num_key_value_heads": 8,
        "vocab_size": vocabulary,
        "max_position_embeddings": 2048,
        "rms_norm_eps": 1e-5,
        "hidden_act": "silu",
        "tie_word_embeddings": False,
    }
    return {
        **{shard: torch_zip({name: tensors[name] for name in inside}) for shard, inside in shards.items()},
        "pytorch_model.bin.index.json": json.dumps({"metadata": {}, "weight_map": weight_map}).encode(),
        "config.json": json.dumps(config).encode(),
        **tokenizer_files(vocabulary),
    }


def test_floats_become_q4_k_m_as_they_are_read(hub: LoopbackHub) -> None:
    hub.repos["BELLE-2/BELLE-Llama2-13B-chat-0.4M"] = llama_files() | {"optimizer.pt": b"not needed"}
    result = install(entry("belle-llama2-13b-chat"))
    assert result.path.name == "belle-llama2-13b-chat-q4_k_m.gguf"
    header = read_header(result.path)
    assert header.quantization == "Q4_K_M"
    assert header.chat_template == CHAT_TEMPLATES["belle-llama2"]
    assert not hub.asked("GET", "optimizer.pt")


LLAMA_REPO = "BelleGroup/BELLE-LLaMA-7B-2M-enc"


@pytest.fixture
def key(hub: LoopbackHub, tmp_path: Path) -> Path:
    """Serves the LLaMA as a delta; returns the file that it can be read with."""
    path = tmp_path / "consolidated.00.pth"
    path.write_bytes(torch_zip({"tok": np.random.default_rng(8).standard_normal(200_000)}))
    hub.repos[LLAMA_REPO] = {"README.md": b"# BELLE"} | {
        f"{name}.{hashlib.sha256(content).hexdigest()}.enc": encrypt(content, path.read_bytes())
        for name, content in llama_files().items()
    }
    return path


def test_a_delta_is_decrypted_with_the_user_s_own_weights(hub: LoopbackHub, key: Path) -> None:
    steps: list[Step] = []
    result = install(entry("belle-llama-7b-2m-fp16"), InstallOptions(llama_weights=key), listener=steps.append)
    assert read_header(result.path).chat_template == CHAT_TEMPLATES["belle-v0"]
    assert {step.stage for step in steps} >= {"download", "decrypt", "convert"}
    assert [path.name for path in result.path.parent.iterdir()] == [result.path.name]


def test_a_delta_goes_on_without_downloading_or_decrypting_again(hub: LoopbackHub, key: Path, quick: None) -> None:
    second = next(name for name in hub.repos[LLAMA_REPO] if "00002-of" in name)
    hub.cuts[second] = [0] * 10
    assert fault("belle-llama-7b-2m-fp16", llama_weights=key).kind == "connection_lost"
    checkpoint = folder("belle-llama-7b-2m-fp16") / HIDDEN / "checkpoint"
    assert (checkpoint / "config.json").is_file()
    assert not list(checkpoint.parent.glob("encrypted/config.json*")), "what is decrypted is not kept twice"
    hub.requests.clear()
    hub.cuts.clear()
    install(entry("belle-llama-7b-2m-fp16"), InstallOptions(llama_weights=key))
    assert {request.path.rpartition("/")[2].split(".")[0] for request in hub.requests} <= {
        "pytorch_model-00001-of-00002",
        "pytorch_model-00002-of-00002",
    }


def test_a_delta_without_the_weights_is_refused_before_anything_is_asked(hub: LoopbackHub, key: Path) -> None:
    error = fault("belle-llama-7b-2m-fp16")
    assert error.kind == "llama_weights_needed"
    assert "--llama-weights" in error.advice
    missing = fault("belle-llama-7b-2m-fp16", llama_weights=key.with_name("nowhere.pth"))
    assert missing.kind == "missing_file"
    text = key.with_name("text.pth")
    text.write_text("not the weights")
    assert fault("belle-llama-7b-2m-fp16", llama_weights=text).kind == "wrong_key"
    assert hub.requests == []


def test_the_wrong_weights_show_before_the_large_files_are_downloaded(hub: LoopbackHub, key: Path) -> None:
    other = key.with_name("other.pth")
    other.write_bytes(torch_zip({"tok": np.random.default_rng(9).standard_normal(200_000)}))
    assert fault("belle-llama-7b-2m-fp16", llama_weights=other).kind in ("does_not_decrypt", "wrong_key")
    assert not hub.asked("GET", "pytorch_model-0")
    install(entry("belle-llama-7b-2m-fp16"), InstallOptions(llama_weights=key))


@pytest.mark.parametrize(("name", "kind"), [("starter", "comes_with_program"), ("chatbelle-int4", "unsupported_model")])
def test_what_cannot_be_got(hub: LoopbackHub, name: str, kind: str) -> None:
    assert fault(name).kind == kind


# --- models that are published as GGUF


@pytest.fixture
def small(hub: LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelEntry:
    """A model of the catalogue that is published as a GGUF, with a small file in place of the real one."""
    path = tmp_path / "published.gguf"
    write_random_model(path, n_embd=64, n_ff=128, n_layers=2)
    content = path.read_bytes()
    assert len(content) > LARGE
    known = entry("qwen3-0.6b")
    (file,) = known.files
    hub.repos[known.repo] = {file.name: content, "README.md": b"# A card"}
    changed = replace(file, bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
    return replace(known, files=(changed,))


def test_a_published_gguf_is_fetched_verified_and_registered(small: ModelEntry, hub: LoopbackHub) -> None:
    steps: list[Step] = []
    result = install(small, listener=steps.append)
    assert result.path == folder(small.name) / small.files[0].name
    assert result.path.read_bytes() == hub.repos[small.repo][small.files[0].name]
    assert {step.stage for step in steps} == {"download"}
    assert [model.name for model in installed()] == [small.name]
    assert resolve(small.name).path == result.path
    assert not (folder(small.name) / HIDDEN).exists()
    assert not install(small).exactness
    assert install(small).already


def test_a_published_gguf_goes_on_where_the_connection_was_cut(
    small: ModelEntry, hub: LoopbackHub, quick: None
) -> None:
    hub.cuts[small.files[0].name] = [LARGE // 2, 10]
    assert install(small).n_bytes == small.files[0].bytes
    hub.cuts.clear()


def test_another_file_than_the_catalogue_knows_is_not_even_fetched(small: ModelEntry, hub: LoopbackHub) -> None:
    other = replace(small, files=(replace(small.files[0], sha256="0" * 64),))
    with pytest.raises(KnownError) as caught:
        install(other)
    assert caught.value.kind == "wrong_bytes"
    assert hub.sent == {}


def test_what_is_no_gguf_is_not_registered(small: ModelEntry, hub: LoopbackHub) -> None:
    name = small.files[0].name
    hub.repos[small.repo][name] = page = b"<html>" + bytes(LARGE)
    with pytest.raises(KnownError) as caught:
        install(replace(small, files=(ModelFile(name, len(page)),)))
    assert caught.value.kind == "not_gguf"
    assert installed() == []


def test_a_published_gguf_cannot_be_converted_on_the_way(small: ModelEntry, hub: LoopbackHub) -> None:
    with pytest.raises(KnownError) as caught:
        install(small, InstallOptions(type_name="q2_k"))
    assert caught.value.kind == "usage"
    assert hub.requests == []
