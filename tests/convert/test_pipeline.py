"""From a folder on disk to a GGUF that llama.cpp runs, through the function and through the command line."""

from __future__ import annotations

import ctypes
import hashlib
import json
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import llama_cpp
import numpy as np
import pytest
from gguf.constants import GGMLQuantizationType as T

from belle.cli.main import main
from belle.errors import KnownError
from belle.gguf import ggml
from belle.gguf.imatrix import Activations, write_imatrix
from belle.gguf.mapped_file import GgufFile
from belle.gguf.types import file_type
from convert.output.part_file import part_path
from convert.output.progress import Progress
from convert.pipeline import convert, plan_conversion
from convert.plan.options import ConvertOptions, output_paths, tensor_requests
from tests.convert.checkpoint.building import safetensors
from tests.convert.checkpoints import bloom_checkpoint, llama_checkpoint, llama_shapes
from tests.convert.tiny_models import differences, quantize_with_llama_cpp

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return llama_checkpoint(tmp_path_factory.mktemp("llama"), kv_heads=2, shards=3)


@pytest.fixture(scope="module")
def bloom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bloom_checkpoint(tmp_path_factory.mktemp("bloom"))


@pytest.mark.parametrize("name", ["llama", "bloom"])
@pytest.mark.parametrize("type_name", ["q4_k_m", "q3_k_l", "q8_0"])
def test_one_pass_is_two_steps(name: str, type_name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    source = request.getfixturevalue(name)
    f16, ours, theirs = (tmp_path / f"{which}.gguf" for which in ("f16", "ours", "theirs"))
    convert(source, f16)
    convert(source, ours, ConvertOptions(types=(type_name,)))
    assert quantize_with_llama_cpp(f16, theirs, type_name)
    assert differences(ours, theirs) == []
    metadata, reference = GgufFile(ours).metadata, GgufFile(theirs).metadata
    assert metadata == reference
    assert metadata["general.file_type"] == file_type(type_name).number


def test_the_result_answers(bloom: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    convert(bloom, path, ConvertOptions(types=("q4_k_m",)))
    model = llama_cpp.Llama(str(path), n_ctx=64, verbose=False, logits_all=True)
    ids = model.tokenize(b"Human: hello", add_bos=False)
    model.eval(ids)
    logits = model.scores[: len(ids)]
    assert len(ids) > 4
    assert np.isfinite(logits).all()
    assert logits.std() > 0


def test_digests_of_the_inputs(llama: Path, tmp_path: Path) -> None:
    convert(llama, tmp_path / "m.gguf")
    metadata = GgufFile(tmp_path / "m.gguf").metadata
    recorded = {
        key.removeprefix("chatbelle.source.sha256."): value for key, value in metadata.items() if "sha256" in key
    }
    files = [path for path in llama.iterdir() if not path.name.endswith("index.json")]
    assert recorded == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_plan_is_what_is_written(llama: Path, tmp_path: Path) -> None:
    options = ConvertOptions(types=("q4_k_m", "f16"))
    planned = plan_conversion(llama, tmp_path / "m.gguf", options)
    assert list(tmp_path.iterdir()) == []
    done = convert(llama, tmp_path / "m.gguf", options)
    assert [file.path.name for file in planned.files] == ["m-Q4_K_M.gguf", "m-F16.gguf"]
    for plan, file in zip(planned.files, done.files, strict=True):
        assert plan.tensors == file.tensors
        assert plan.n_bytes == file.n_bytes == file.path.stat().st_size
        stored = GgufFile(file.path).tensors
        assert {tensor.name: tensor.type for tensor in file.tensors} == {k: v.type.name for k, v in stored.items()}
    assert planned.written is False
    assert done.written is True
    assert done.files[0].exactness() == {"quantized": 58, "exact": 17}
    assert done.files[1].exactness() == {"exact": 75}
    assert json.loads(json.dumps(done.as_json()))["files"][1]["bits_per_weight"] == pytest.approx(16.0, abs=0.1)


def test_an_imatrix_from_a_file(llama: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    f16 = tmp_path / "f16.gguf"
    convert(llama, f16)
    counts = np.array([512.0], np.float32)
    activations = {
        name: Activations(rng.gamma(0.5, 100, info.shape[1]).astype(np.float32), counts)
        for name, info in GgufFile(f16).tensors.items()
        if name.startswith("blk") and len(info.shape) == 2
    }
    write_imatrix(tmp_path / "i.gguf", activations, datasets=["t"], n_chunks=1, chunk_size=512)
    convert(llama, tmp_path / "ours.gguf", ConvertOptions(types=("q4_0",), imatrix=tmp_path / "i.gguf"))
    importance = {name: entry.sums / counts for name, entry in activations.items()}
    assert quantize_with_llama_cpp(f16, tmp_path / "theirs.gguf", "q4_0", imatrix=importance)
    assert differences(tmp_path / "ours.gguf", tmp_path / "theirs.gguf") == []
    assert GgufFile(tmp_path / "ours.gguf").metadata["quantize.imatrix.entries_count"] == len(activations)


def test_bf16_stays_bf16_and_is_rounded_for_blocks(tmp_path: Path) -> None:
    source = llama_checkpoint(tmp_path / "model", dtype="bf16", layers=2)
    report = convert(source, tmp_path / "{type}.gguf", ConvertOptions(types=("bf16", "f16", "q8_0")))
    assert [file.exactness() for file in report.files] == [
        {"exact": 21},
        {"rounded to f16": 16, "exact": 5},
        {"quantized": 16, "exact": 5},
    ]
    assert quantize_with_llama_cpp(tmp_path / "F16.gguf", tmp_path / "theirs.gguf", "q8_0")
    assert differences(tmp_path / "Q8_0.gguf", tmp_path / "theirs.gguf") == []


@pytest.mark.parametrize("value", ["\\ud800", {"default": "a", "b": "\\udfff"}])
def test_half_a_character_in_a_template_is_refused_by_the_key(value: object, tmp_path: Path) -> None:
    source = llama_checkpoint(tmp_path / "model", layers=1)
    said = json.dumps({"eos_token": "<|end|>", "chat_template": value}).replace("\\\\u", "\\u")
    (source / "tokenizer_config.json").write_text(said)
    with pytest.raises(KnownError, match=r"chat_template.* is damaged"):
        convert(source, tmp_path / "m.gguf")
    assert not (tmp_path / "m.gguf").exists()


def test_templates_in_a_folder_of_their_own_are_carried(tmp_path: Path) -> None:
    source = llama_checkpoint(tmp_path / "model", layers=1)
    templates = source / "additional_chat_templates"
    templates.mkdir()
    for path, said in ((source / "chat_template.jinja", "usual"), (templates / "chat_template.jinja", "other")):
        path.write_text(said)
    convert(source, tmp_path / "m.gguf")
    metadata = GgufFile(tmp_path / "m.gguf").metadata
    assert metadata["tokenizer.chat_template"] == "usual"
    assert metadata["tokenizer.chat_templates"] == ["chat_template"]
    assert metadata["tokenizer.chat_template.chat_template"] == "other"
    digests = {metadata[f"chatbelle.source.sha256.{name}chat_template.jinja"] for name in ("", f"{templates.name}/")}
    assert digests == {hashlib.sha256(said).hexdigest() for said in (b"usual", b"other")}


def test_a_failure_leaves_nothing_half_done(llama: Path, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    for file in llama.iterdir():
        (tmp_path / "model" / file.name).write_bytes(file.read_bytes())
    shard = tmp_path / "model" / "model-00003-of-00003.safetensors"
    raw = bytearray(shard.read_bytes())
    raw[-2:] = b"\x00\x7e"
    shard.write_bytes(raw)
    with pytest.raises(KnownError) as failure:
        convert(tmp_path / "model", tmp_path / "m.gguf", ConvertOptions(types=("q8_0",)))
    assert failure.value.kind == "not_finite"
    assert failure.value.details["tensor"] == "lm_head.weight"
    assert failure.value.details["row"] == 319
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_an_interrupted_conversion_goes_on(llama: Path, tmp_path: Path) -> None:
    whole, path = tmp_path / "whole.gguf", tmp_path / "m.gguf"
    options = ConvertOptions(types=("q4_k_m",), threads=1)
    convert(llama, whole, options)

    def stop(reading: Progress) -> None:
        if 0 < reading.done_weights < reading.total_weights:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(llama, path, options, progress=stop)
    assert not path.exists()
    resumed = []
    convert(llama, path, options, progress=resumed.append)
    assert [reading for reading in resumed if reading.stage == "convert"][-1].resumed_weights > 0
    assert path.read_bytes() == whole.read_bytes()


def test_output_names() -> None:
    names = ["Q4_K_M", "F16"]
    assert output_paths(Path("a/m.gguf"), names) == [Path("a/m-Q4_K_M.gguf"), Path("a/m-F16.gguf")]
    assert output_paths(Path("a/x.{type}.gguf"), names) == [Path("a/x.Q4_K_M.gguf"), Path("a/x.F16.gguf")]
    assert output_paths(Path("m.gguf"), ["F16"]) == [Path("m.gguf")]


@pytest.mark.parametrize("rule", ["attn_v", "=q8_0", "attn_(=q8_0", "attn_v=q99", "attn_v=q4_k_m"])
def test_bad_rules(rule: str) -> None:
    with pytest.raises(KnownError):
        tensor_requests([rule])


def gptq_checkpoint(folder: Path, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """A LLaMA whose layers are symmetric 4-bit GPTQ; returns the weights they stand for."""
    llama_checkpoint(folder, layers=2, ffn=256)
    floats, packed, meant = {}, {}, {}
    shapes = llama_shapes(width=256, ffn=256, layers=2, vocabulary=320, kv_width=256)
    for name, shape in shapes.items():
        layer = name.removesuffix(".weight")
        if "proj" not in name:
            floats[name] = rng.standard_normal(shape, dtype=np.float32).astype(np.float16)
            continue
        n_out, n_in = shape
        codes = rng.integers(0, 16, (n_in, n_out), dtype=np.uint32)
        scales = rng.uniform(0.001, 0.01, (n_in // 128, n_out)).astype(np.float16)
        shifts = np.arange(0, 32, 4, dtype=np.uint32)[None, :, None]
        packed[f"{layer}.qweight"] = (codes.reshape(-1, 8, n_out) << shifts).sum(1, dtype=np.uint32).view(np.int32)
        packed[f"{layer}.qzeros"] = np.full((n_in // 128, n_out // 8), 0x77777777, np.int32)
        packed[f"{layer}.scales"] = scales
        packed[f"{layer}.g_idx"] = (np.arange(n_in) // 128).astype(np.int32)
        step = scales.astype(np.float32).repeat(128, axis=0)
        meant[name] = (step * (codes.astype(np.float32) - 8)).T
    (folder / "model.safetensors").write_bytes(safetensors(floats | packed))
    (folder / "quantize_config.json").write_text(json.dumps({"bits": 4, "group_size": 128, "sym": True}))
    return meant


def test_gptq_blocks_are_moved(tmp_path: Path) -> None:
    meant = gptq_checkpoint(tmp_path / "model", np.random.default_rng(4))
    report = convert(tmp_path / "model", tmp_path / "m.gguf")
    moved = {tensor.source: tensor for tensor in report.files[0].tensors if tensor.type == "Q4_0"}
    assert moved.keys() == meant.keys()
    assert {tensor.exactness for tensor in report.files[0].tensors} == {"exact"}
    stored = GgufFile(tmp_path / "m.gguf")
    assert stored.metadata["general.file_type"] == file_type("q4_0").number
    down = "model.layers.1.mlp.down_proj.weight"
    values = ggml.dequantize(T.Q4_0, stored.data(moved[down].name), meant[down].size)
    assert np.array_equal(values.reshape(meant[down].shape), meant[down])
    again = convert(tmp_path / "model", tmp_path / "q6.gguf", ConvertOptions(types=("q6_k",)))
    assert {tensor.type for tensor in again.files[0].tensors} == {"Q6_K", "F32"}


# --- the command line


def test_command(llama: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "m.gguf"
    rule = ["--tensor-type", "ffn_gate=iq4_xs"]
    assert main(["convert", str(llama), "-o", str(out), "--type", "q4_k", *rule, "--threads", "1"]) == 0
    assert "Q4_K_M" in capsys.readouterr().out
    assert GgufFile(out).tensors["blk.3.ffn_gate.weight"].type.name == "IQ4_XS"
    assert not part_path(out).exists()


def test_command_dry_run(bloom: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", str(bloom), "-o", str(tmp_path / "m.gguf"), "-t", "q4_k_m", "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    row = next(line for line in lines if line.startswith("blk.0.attn_qkv.weight"))
    assert row.split() == ["blk.0.attn_qkv.weight", "768", "×", "256", "f16", "→", "Q6_K", "161.28", "kB", "quantized"]
    assert "to be written" in lines[-2]
    assert list(tmp_path.iterdir()) == []


def test_command_json(bloom: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", str(bloom), "-o", str(tmp_path / "m.gguf"), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["architecture"] == "bloom"
    assert report["files"][0]["type"] == "F16"
    assert report["files"][0]["n_bytes"] == (tmp_path / "m.gguf").stat().st_size


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--type", "q9"], "no file type"),
        (["--imatrix", "none.gguf"], "cannot be read"),
        (["--template", "nonsense"], "template"),
        (["--threads", "-1"], "negative"),
        (["--type", "q2_k_s"], "importance matrix"),
    ],
)
def test_command_says_what_is_wrong(
    llama: Path, tmp_path: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["convert", str(llama), "-o", str(tmp_path / "m.gguf"), *words]) == 2
    shown = capsys.readouterr().err
    assert message in shown
    assert "Traceback" not in shown
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "reason"), [("none/r.json", "no folder"), ("", "a folder"), ("r.json", "denied")])
def test_a_report_that_cannot_be_written_shows_before_converting(
    bloom: Path,
    tmp_path: Path,
    name: str,
    reason: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if reason == "denied":
        monkeypatch.setattr("os.access", lambda *_: False)
    words = ["convert", str(bloom), "-o", str(tmp_path / "m.gguf"), "--report", str(tmp_path / name)]
    assert main(words) == 2
    assert reason in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_help_loads_nothing_heavy() -> None:
    code = """
        import contextlib, sys
        from belle.cli.main import main
        with contextlib.suppress(SystemExit):
            main(["convert", "--help"])
        heavy = {"numpy", "gguf", "llama_cpp", "torch", "PySide6", "convert.pipeline"} & sys.modules.keys()
        sys.exit(f"loaded: {heavy}" if heavy else 0)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)


def test_command_output_on_the_input(llama: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shard = next(llama.glob("model-*.safetensors"))
    before = shard.read_bytes()
    assert main(["convert", str(llama), "-o", str(shard)]) == 2
    assert "is an input of this command" in capsys.readouterr().err
    assert shard.read_bytes() == before


def test_ctypes_mirror_of_the_quantizer_parameters() -> None:
    """The tests call llama.cpp's quantizer with fields that llama-cpp-python declares; they must still be there."""
    fields = [name for name, _ in llama_cpp.llama_model_quantize_params._fields_]
    assert {"imatrix", "tt_overrides", "pure", "output_tensor_type", "token_embedding_type"} <= set(fields)
    assert ctypes.sizeof(llama_cpp.llama_model_quantize_params) > 0


def test_weights_that_are_not_read_are_reported(llama: Path, tmp_path: Path) -> None:
    folder = tmp_path / "two"
    shutil.copytree(llama, folder)
    shutil.copy(next(folder.glob("model-*.safetensors")), folder / "adapter_model.safetensors")
    report = plan_conversion(folder, tmp_path / "out.gguf")
    assert any("not read: adapter_model.safetensors" in note for note in report.notes)


def test_any_built_in_template_is_written_where_the_vocabulary_has_its_tokens(llama: Path, tmp_path: Path) -> None:
    convert(llama, tmp_path / "m.gguf", ConvertOptions(template="vicuna"))
    assert "ASSISTANT" in GgufFile(tmp_path / "m.gguf").metadata["tokenizer.chat_template"]
    with pytest.raises(KnownError, match=r"<\|im_start\|>, <\|im_end\|>"):
        convert(llama, tmp_path / "n.gguf", ConvertOptions(template="chatml"))
    assert not (tmp_path / "n.gguf").exists()
