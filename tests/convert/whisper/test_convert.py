"""`belle convert` of a Whisper: the bytes, every kind of source, LoRA, and what is refused."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from belle.cli.main import main
from belle.errors import KnownError
from belle.gguf.whisper_file import read_whisper
from convert.output import writer
from convert.output.journal import TensorSlice
from convert.output.part_file import journal_path, part_path
from convert.pipeline import convert, plan_conversion
from convert.plan.mixture import TypeRequests
from convert.plan.options import AdapterChoice, ConvertOptions
from convert.whisper.mel import mel_filters
from convert.whisper.table import WHISPER
from tests.convert.checkpoint.building import safetensors
from tests.convert.lora.adapters import adapter_for, save_adapter
from tests.convert.whisper import independent_writer, tiny

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.filterwarnings("ignore")

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def model() -> Any:
    return tiny.random_model()


@pytest.fixture(scope="module")
def saved(model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save(tmp_path_factory.mktemp("whisper"), model)


@pytest.fixture
def copy(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "copy"))


def filters(n_mels: int) -> np.ndarray:
    return transformers.WhisperFeatureExtractor(feature_size=n_mels).mel_filters.T


def ordered(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """In the order of our files: the embedding, the encoder, the decoder."""
    names = {rule.source: place for place, rule in enumerate(WHISPER.rules(tiny.config().to_dict()))}
    return dict(sorted(tensors.items(), key=lambda entry: names[entry[0].removeprefix("model.")]))


def independent(model: Any) -> bytes:
    config = model.config.to_dict()
    n_vocab, n_mels = config["vocab_size"], config["num_mel_bins"]
    return independent_writer.f16_file(config, mel_filters(n_mels), tiny.words(n_vocab), ordered(tiny.arrays(model)))


def edit(folder: Path, **changes: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))


@pytest.mark.parametrize("n_mels", [80, 128, 64])
def test_the_filters_are_those_of_transformers(n_mels: int) -> None:
    assert np.abs(mel_filters(n_mels) - filters(n_mels)).max() < 1e-8


@pytest.mark.parametrize("n_vocab", [51864, 51865, 51866])
def test_an_f16_file_is_byte_by_byte_that_of_an_independent_writer(n_vocab: int, tmp_path: Path) -> None:
    model = tiny.random_model(n_vocab, num_mel_bins=80 if n_vocab < 51866 else 128)
    folder = tiny.save(tmp_path / "model", model)
    convert(folder, tmp_path / "m.bin")
    assert (tmp_path / "m.bin").read_bytes() == independent(model)


SOURCES: dict[str, Callable[[Any, Path], object]] = {
    "sharded": lambda model, folder: model.save_pretrained(folder, max_shard_size="5MB"),
    "bin": lambda model, folder: torch.save(model.state_dict(), folder / "pytorch_model.bin"),
    "bin without prefix": lambda model, folder: torch.save(model.model.state_dict(), folder / "pytorch_model.bin"),
    "half": lambda model, folder: model.half().save_pretrained(folder),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_every_kind_of_source_gives_the_same_file(kind: str, saved: Path, tmp_path: Path) -> None:
    model = tiny.random_model()
    if kind == "half":
        model.half().float()  # the same values in both kinds of storage
    folder = tmp_path / "model"
    folder.mkdir()
    SOURCES[kind](model, folder)
    shutil.copy(saved / "config.json", folder)
    tiny.write_vocabulary(folder)
    convert(folder, tmp_path / "m.bin")
    assert (tmp_path / "m.bin").read_bytes() == independent(model.float())


def test_bf16_is_widened_where_the_file_has_floats(tmp_path: Path) -> None:
    model = tiny.random_model().bfloat16()
    report = convert(tiny.save(tmp_path / "model", model), tmp_path / "m.bin")
    assert (tmp_path / "m.bin").read_bytes() == independent(model.float())
    assert {tensor.source_dtype for tensor in report.files[0].tensors} == {"bf16"}


def test_the_vocabulary_may_be_in_tokenizer_json_alone(copy: Path, saved: Path, tmp_path: Path) -> None:
    ids = json.loads((copy / "vocab.json").read_text())
    (copy / "vocab.json").unlink()
    added = [{"id": 50258, "content": "<|startoftranscript|>"}, {"id": 50363, "content": "<|notimestamps|>"}]
    (copy / "tokenizer.json").write_text(json.dumps({"model": {"vocab": ids}, "added_tokens": added}))
    convert(saved, tmp_path / "one.bin")
    convert(copy, tmp_path / "other.bin")
    assert (tmp_path / "one.bin").read_bytes() == (tmp_path / "other.bin").read_bytes()


def test_all_types_of_one_run(saved: Path, tmp_path: Path) -> None:
    kinds = ("f16", "q8_0", "q5_0", "q5_1", "q4_0", "q4_1", "iq4_nl")
    options = ConvertOptions(types=kinds)
    planned = plan_conversion(saved, tmp_path / "m-{type}.bin", options)
    assert not list(tmp_path.iterdir())
    done = convert(saved, tmp_path / "m-{type}.bin", options)
    for plan, file in zip(planned.files, done.files, strict=True):
        assert plan.tensors == file.tensors
        assert plan.n_bytes == file.n_bytes == file.path.stat().st_size
        assert file.proof is not None
        stored = read_whisper(file.path)
        assert stored.sizes.type == file.type
        types = {tensor.name: tensor.type for tensor in file.tensors}
        assert types["encoder.conv2.weight"] == "F16"
        assert types["encoder.conv1.bias"] == types["decoder.positional_embedding"] == "F32"
        assert types["decoder.token_embedding.weight"] == types["encoder.blocks.1.mlp.0.weight"] == file.type
    assert not planned.written
    assert done.written


def test_the_report_has_the_digests_that_the_file_has_no_place_for(saved: Path, tmp_path: Path) -> None:
    report = convert(saved, tmp_path / "m.bin")
    files = ("config.json", "generation_config.json", "model.safetensors", "vocab.json")
    assert report.sha256 == {name: hashlib.sha256((saved / name).read_bytes()).hexdigest() for name in files}
    assert json.loads(json.dumps(report.as_json()))["sha256"] == report.sha256


def test_an_interrupted_conversion_goes_on(saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "_TICK_SECONDS", 0.002)
    out = tmp_path / "m.bin"
    convert(saved, tmp_path / "whole.bin", ConvertOptions(types=("q8_0",)))

    def interrupt(reading: Any) -> None:
        if reading.done_weights:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(saved, out, ConvertOptions(types=("q8_0",), threads=1), progress=interrupt)
    finished = journal_path(out).read_text().splitlines()[1:]
    assert finished
    assert not out.exists()
    readings: list[Any] = []
    convert(saved, out, ConvertOptions(types=("q8_0",)), progress=readings.append)
    assert max(reading.resumed_weights for reading in readings) > 0
    assert out.read_bytes() == (tmp_path / "whole.bin").read_bytes()
    assert not part_path(out).exists()


def test_damage_on_the_disk_is_found_in_the_frame_and_in_the_weights(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from convert.whisper import conversion

    original = conversion.verify
    for offset in (90, 1_000_000, -700_000):

        def verify(path: Path, frame: Any, checksums: dict[TensorSlice, int], *, at: int = offset, **more: Any) -> Any:
            data = bytearray(path.read_bytes())
            data[at] ^= 1
            path.write_bytes(data)
            return original(path, frame, checksums, **more)

        monkeypatch.setattr(conversion, "verify", verify)
        with pytest.raises(KnownError) as error:
            convert(saved, tmp_path / "m.bin", ConvertOptions(types=("q8_0",)))
        assert error.value.kind == "verification_failed"
        assert not (tmp_path / "m.bin").exists()


def adapter(folder: Path, model: Any, **config: Any) -> Path:
    shapes = {name: value.shape for name, value in tiny.arrays(model).items()}
    layers = ("self_attn.q_proj", "self_attn.v_proj", "encoder_attn.q_proj", "encoder_attn.v_proj", "fc1")
    return save_adapter(folder, adapter_for(shapes, layers), **config)


@pytest.mark.parametrize("config", [{}, {"use_rslora": True}, {"alpha_pattern": {"fc1": 3}}])
def test_an_adapter_is_merged_as_peft_merges_it(config: dict[str, Any], saved: Path, tmp_path: Path) -> None:
    peft = pytest.importorskip("peft")
    folder = adapter(tmp_path / "adapter", tiny.random_model(), **config)
    convert(saved, tmp_path / "m.bin", ConvertOptions(adapters=(AdapterChoice(folder),)))
    merged = peft.PeftModel.from_pretrained(tiny.random_model(), folder).merge_and_unload()
    expected, got = independent(merged), (tmp_path / "m.bin").read_bytes()
    assert len(expected) == len(got)
    header = read_whisper(tmp_path / "m.bin")
    base = independent(tiny.random_model())
    changed = 0
    for tensor in header.tensors:
        there = slice(tensor.start, tensor.start + tensor.n_bytes)
        if tensor.type == 1:
            ours, theirs = (np.frombuffer(data[there], "<f2").astype(np.float32) for data in (got, expected))
            # Sums in another order may round to the neighbouring half.
            assert np.abs(ours - theirs).max() <= 2.0**-10 * max(0.1, np.abs(theirs).max())
            changed += got[there] != base[there]
        else:
            assert got[there] == expected[there]
    assert changed == 2 * 3 + 2 * 5


def test_an_adapter_of_another_model_or_of_the_head_is_refused(saved: Path, tmp_path: Path) -> None:
    wide = {"model.decoder.layers.0.fc1.weight": (512, 64)}
    head = {"proj_out.weight": (51865, tiny.WIDTH)}
    for shapes, layers, words in (
        (wide, ("fc1",), "does not belong"),
        (head, ("proj_out",), "no separate output head"),
    ):
        folder = save_adapter(tmp_path / layers[0], adapter_for(shapes, layers))
        with pytest.raises(KnownError, match=words):
            convert(saved, tmp_path / "m.bin", ConvertOptions(adapters=(AdapterChoice(folder),)))


BAD_CONFIGS: dict[str, tuple[dict[str, Any], str]] = {
    "odd ffn": ({"encoder_ffn_dim": 500}, "four times the width"),
    "odd ffn of the decoder": ({"decoder_ffn_dim": 256}, "four times the width"),
    "more layers": ({"decoder_layers": 3}, "lacks model.decoder.layers.2"),
    "fewer layers": ({"encoder_layers": 1}, "1 layers in the encoder and 2 in the decoder has no place"),
    "heads": ({"encoder_attention_heads": 3}, "cannot be divided"),
    "width": ({"d_model": 64, "encoder_ffn_dim": 256, "decoder_ffn_dim": 256}, "has the shape"),
    "added tokens": ({"vocab_size": 51870}, "vocab_size is 51870"),
    "shorter sound": ({"max_source_positions": 750}, "30 seconds"),
    "other bands": ({"num_mel_bins": 128}, r"conv1.weight has the shape \[128, 80, 3\]"),
    "relu": ({"activation_function": "relu"}, "whisper.cpp does not compute"),
    "scaled": ({"scale_embedding": True}, "whisper.cpp does not compute"),
    "no width": ({"d_model": None}, "does not give d_model"),
}


@pytest.mark.parametrize("case", BAD_CONFIGS)
def test_sizes_that_whisper_cpp_cannot_compute_are_refused_in_words(case: str, copy: Path, tmp_path: Path) -> None:
    changes, words = BAD_CONFIGS[case]
    edit(copy, **changes)
    with pytest.raises(KnownError, match=words):
        convert(copy, tmp_path / "m.bin")
    assert not (tmp_path / "m.bin").exists()


def drop(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def cut(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1000])


def without(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        from safetensors.numpy import load_file

        file = folder / "model.safetensors"
        tensors = load_file(file)
        del tensors[name]
        file.write_bytes(safetensors(tensors))

    return change


def vocabulary(change: Callable[[dict[str, int]], dict[str, int]]) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        ids = json.loads((folder / "vocab.json").read_text())
        (folder / "vocab.json").write_text(json.dumps(change(ids)))

    return write


BAD_FOLDERS: dict[str, tuple[Callable[[Path], None], str]] = {
    "cut": (cut, "ends 1,000 bytes too early"),
    "no bias": (without("model.encoder.conv2.bias"), "lacks model.encoder.conv2.bias"),
    "no embedding": (without("model.decoder.embed_tokens.weight"), "lacks model.decoder.embed_tokens.weight"),
    "no tokenizer": (drop("vocab.json"), "neither vocab.json nor tokenizer.json"),
    "no config": (drop("config.json"), "no config.json"),
    "a token missing": (vocabulary(lambda ids: {k: v for k, v in ids.items() if v != 700}), "no token with the id 700"),
    "an id twice": (vocabulary(lambda ids: ids | {"abc": 5}), "same id, 5"),
    "not bytes": (vocabulary(lambda ids: {"\u4f60" if v == 9 else k: v for k, v in ids.items()}), "byte-level"),
    "another start": (vocabulary(lambda ids: ids | {"<|startoftranscript|>": 50300}), "will take 50258"),
    "ids as text": (vocabulary(lambda ids: {k: str(v) for k, v in ids.items()}), "does not give every token an id"),
}


@pytest.mark.parametrize("case", BAD_FOLDERS)
def test_what_is_missing_or_damaged_is_named(case: str, copy: Path, tmp_path: Path) -> None:
    change, words = BAD_FOLDERS[case]
    change(copy)
    with pytest.raises(KnownError, match=words):
        convert(copy, tmp_path / "m.bin")
    assert not (tmp_path / "m.bin").exists()


def test_a_stored_head_that_is_the_embedding_is_left_out_and_another_refused(model: Any, tmp_path: Path) -> None:
    tensors = tiny.arrays(model)
    for name, head in (("same", tensors["model.decoder.embed_tokens.weight"]), ("other", np.zeros((51865, 128), "f4"))):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "model.safetensors").write_bytes(safetensors(tensors | {"proj_out.weight": head}))
        (folder / "config.json").write_text(json.dumps(model.config.to_dict()))
        tiny.write_vocabulary(folder)
    convert(tmp_path / "same", tmp_path / "m.bin")
    assert (tmp_path / "m.bin").read_bytes() == independent(model)
    with pytest.raises(KnownError, match=r"whisper.cpp's Whisper has no separate output head"):
        convert(tmp_path / "other", tmp_path / "n.bin")


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "f32": ({"types": ("f32",)}, "breaks off"),
    "bf16": ({"types": ("bf16",)}, "breaks off"),
    "mixture": ({"types": ("q5_k_m",)}, "mixture.*Take q5_k"),
    "unknown": ({"types": ("q9",)}, "no type “q9”.*iq4_xs"),
    "k-quant of narrow rows": ({"types": ("q5_k",)}, "256 weights together.*have 128.*Types that fit: f16, q4_0"),
    "imatrix": ({"imatrix": Path("i.gguf")}, "--imatrix means nothing"),
    "template": ({"template": "belle"}, "--template means nothing"),
    "no template": ({"template": "none"}, "--template means nothing"),
    "tensor type": ({"requests": TypeRequests(tensors=((re.compile("fc"), "q8_0"),))}, "--tensor-type means nothing"),
    "gptq": ({"gptq": "exact"}, "--gptq means nothing"),
    "name": ({"name": "x"}, "--name means nothing"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_requests_that_make_no_sense_are_refused_in_words(case: str, saved: Path, tmp_path: Path) -> None:
    options, words = REFUSED[case]
    with pytest.raises(KnownError) as error:
        convert(saved, tmp_path / "m.bin", ConvertOptions(**options))
    assert re.search(words, f"{error.value.message} {error.value.advice}")


def test_k_quants_of_wide_rows(tmp_path: Path) -> None:
    model = tiny.random_model(
        d_model=256, encoder_layers=1, decoder_layers=1, encoder_ffn_dim=1024, decoder_ffn_dim=1024
    )
    report = convert(tiny.save(tmp_path / "m", model), tmp_path / "{type}.bin", ConvertOptions(types=("q5_k", "q4_k")))
    assert [file.path.name for file in report.files] == ["Q5_K.bin", "Q4_K.bin"]
    assert [read_whisper(file.path).sizes.type for file in report.files] == ["Q5_K", "Q4_K"]


def test_the_output_replaces_a_whisper_and_nothing_else(saved: Path, tmp_path: Path) -> None:
    out = tmp_path / "m.bin"
    convert(saved, out)
    convert(saved, out, ConvertOptions(types=("q4_0",)))
    assert read_whisper(out).sizes.type == "Q4_0"
    out.write_bytes(b"GGUF, or a picture")
    with pytest.raises(KnownError, match="not a Whisper file"):
        convert(saved, out)
    with pytest.raises(KnownError, match=r"Name it m.bin"):
        convert(saved, tmp_path / "m.gguf")


def test_the_command(saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "m.bin"
    assert main(["convert", str(saved), "-o", str(out), "-t", "q5_0", "--report", str(tmp_path / "r.json")]) == 0
    printed = capsys.readouterr().out
    assert "whisper, 89 tensors" in printed
    assert "every weight compared with the checkpoint" in printed
    assert "llama.cpp" not in printed
    assert json.loads((tmp_path / "r.json").read_text())["sha256"].keys() >= {"model.safetensors"}
    assert main(["convert", str(saved), "-o", str(out), "--lora", str(tmp_path), "--lora-only"]) == 2
    assert "whisper.cpp" in capsys.readouterr().err


MEMORY = """
import sys
from belle.evaluation.sources.memory_watch import peak_memory
from pathlib import Path
from convert.pipeline import convert
from convert.plan.options import ConvertOptions
report = convert(Path(sys.argv[1]), Path(sys.argv[2]), ConvertOptions(types=(sys.argv[3],), threads=2))
print(peak_memory())
"""


@pytest.mark.parametrize("kind", ["f16", "q5_0"])
def test_memory_does_not_grow_with_the_model(kind: str, tmp_path: Path) -> None:
    """The widths of large-v3, of which fewer layers are enough to be twice the allowed memory."""
    width, folder = 1280, tmp_path / "model"
    folder.mkdir()
    config = tiny.config(51866, d_model=width, encoder_ffn_dim=4 * width, decoder_ffn_dim=4 * width, num_mel_bins=128)
    for stack in ("encoder", "decoder"):
        setattr(config, f"{stack}_attention_heads", 20)
    (folder / "config.json").write_text(json.dumps(config.to_dict()))
    tiny.write_vocabulary(folder, 51866)
    size = write_zeros(folder / "model.safetensors", config.to_dict())
    assert size > 600 << 20
    command = [sys.executable, "-c", MEMORY, str(folder), str(tmp_path / "m.bin"), kind]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert int(done.stdout) < 400 << 20


def write_zeros(path: Path, config: dict[str, Any]) -> int:
    """A sparse file of float32 zeros in all the right shapes; its size."""
    header, at = {}, 0
    sizes = WHISPER.dimensions(config)
    for rule in WHISPER.rules(config):
        shape = [int(getattr(sizes, name)) for name in rule.shape]
        end = at + 4 * int(np.prod(shape))
        header[f"model.{rule.source}"] = {"dtype": "F32", "shape": shape, "data_offsets": [at, end]}
        at = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + at)
    return at
