"""`belle quantize` from its command line, on a small random model."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path

import numpy as np
import psutil
import pytest

from belle.cli.main import main
from belle.gguf.mapped_file import GgufFile
from convert.output.compare import TENSOR_ERRORS
from convert.pipeline import convert
from convert.plan.options import ConvertOptions
from convert.quantize import job
from tests.convert.architectures.random_models import kl_divergence, llama_logits
from tests.convert.checkpoints import bloom_checkpoint, llama_checkpoint
from tests.convert.tiny_models import differences, quantize_with_llama_cpp

Captured = pytest.CaptureFixture[str]
TEXT = "".join(
    f"The keeper of the lighthouse wrote down the {n}th weather of the year, and the names of {n * 7} ships. "
    for n in range(400)
)
FEW = ("--calib-tokens", "1024", "--threads", "1")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return llama_checkpoint(tmp_path_factory.mktemp("models") / "llama", layers=2, vocabulary=320)


@pytest.fixture(scope="module")
def f16(checkpoint: Path) -> Path:
    path = checkpoint.parent / "f16.gguf"
    convert(checkpoint, path)
    return path


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


def run(*arguments: str | Path) -> int:
    return main(["quantize", *map(str, arguments)])


def stored(path: Path) -> dict[str, tuple[str, tuple[int, ...], int]]:
    return {name: (info.type.name, info.shape, info.n_bytes) for name, info in GgufFile(path).tensors.items()}


def test_weights_may_be_further_off_than_rounding_would_leave_them(
    f16: Path, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    """What verification grants a type holds for rounding weight by weight; feedback gives up weights for the output."""
    monkeypatch.setattr("convert.output.compare.TENSOR_ERRORS", dict.fromkeys(TENSOR_ERRORS, 1e-4))
    monkeypatch.setattr("convert.output.compare._ROW_ERROR", 1e-4)
    assert run(f16, "--type", "q8_0", "--calib", text, "-o", tmp_path / "mine.gguf", *FEW) == 0
    assert run(f16, "--type", "q8_0", "--method", "rtn", "-o", tmp_path / "plain.gguf") == 2
    assert "is not what it should be" in capsys.readouterr().err


@pytest.mark.parametrize("type_name", ["q4_0", "q4_1", "q5_0", "q5_k_m", "q4_k_m", "q6_k", "q8_0"])
def test_gptq_has_the_types_and_the_size_of_a_conversion(
    type_name: str, checkpoint: Path, f16: Path, text: Path, tmp_path: Path, capsys: Captured
) -> None:
    convert(checkpoint, tmp_path / "theirs.gguf", ConvertOptions(types=(type_name,)))
    assert run(f16, "--type", type_name, "--calib", text, "-o", tmp_path / "mine.gguf", *FEW) == 0
    assert stored(tmp_path / "mine.gguf") == stored(tmp_path / "theirs.gguf")
    assert (tmp_path / "mine.gguf").stat().st_size == (tmp_path / "theirs.gguf").stat().st_size
    mine, theirs = (GgufFile(tmp_path / f"{name}.gguf") for name in ("mine", "theirs"))
    assert mine.entries == theirs.entries
    assert "mine.gguf: " in capsys.readouterr().out
    report = json.loads((tmp_path / "mine.report.json").read_text(encoding="utf-8"))
    assert report["n_windows"] == 2
    assert report["calibration"] == ["text.txt"]
    # Seven matrices in each of two blocks, the output matrix and the embeddings.
    assert len(report["errors"]) == 16
    for name, errors in report["errors"].items():
        assert errors["gptq"] <= min(errors["rtn"], errors["imatrix"]) * 1.0001, name
        if ".ffn_" in name:
            assert errors["gptq"] < 0.8 * errors["imatrix"], name


@pytest.mark.parametrize("type_name", ["q4_0", "q4_k_m"])
def test_the_other_methods_write_the_bytes_of_llama_cpp(type_name: str, f16: Path, text: Path, tmp_path: Path) -> None:
    from belle.gguf.imatrix import read_imatrix

    assert run(f16, "--type", type_name, "--method", "rtn", "-o", tmp_path / "rtn.gguf") == 0
    assert quantize_with_llama_cpp(f16, tmp_path / "plain.gguf", type_name)
    assert differences(tmp_path / "rtn.gguf", tmp_path / "plain.gguf") == []
    options = ("--method", "imatrix", "--calib", text, *FEW)
    assert run(f16, "--type", type_name, *options, "-o", tmp_path / "imatrix.gguf") == 0
    measured = tmp_path / "text.imatrix.gguf"
    assert main(["imatrix", str(f16), "--text", str(text), "--chunks", "2", "--threads", "1", "-o", str(measured)]) == 0
    weights = dict(read_imatrix(measured).weights)
    assert quantize_with_llama_cpp(f16, tmp_path / "weighed.gguf", type_name, imatrix=weights)
    assert differences(tmp_path / "imatrix.gguf", tmp_path / "weighed.gguf") == []
    metadata = GgufFile(tmp_path / "imatrix.gguf").metadata
    assert metadata["quantize.imatrix.dataset"] == "text.txt"
    assert metadata["quantize.imatrix.chunks_count"] == 2


def test_a_checkpoint_is_converted_on_the_way(checkpoint: Path, tmp_path: Path) -> None:
    convert(checkpoint, tmp_path / "theirs.gguf", ConvertOptions(types=("q5_k_m",)))
    assert run(checkpoint, "--type", "q5_k_m", "--method", "rtn", "-o", tmp_path / "mine.gguf") == 0
    assert (tmp_path / "mine.gguf").read_bytes() == (tmp_path / "theirs.gguf").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.gguf", "mine.report.json", "theirs.gguf"]


def test_llama_cpp_generates_with_the_file(f16: Path, text: Path, tmp_path: Path) -> None:
    from llama_cpp import Llama

    assert run(f16, "--type", "q4_k_m", "--calib", text, "-o", tmp_path / "q4.gguf", *FEW) == 0
    model = Llama(str(tmp_path / "q4.gguf"), n_ctx=64, n_threads=1, verbose=False)
    try:
        answer = model("The light", max_tokens=4, temperature=0)
    finally:
        model.close()
    assert answer["usage"]["completion_tokens"] >= 4


def test_bloom(tmp_path: Path, text: Path) -> None:
    checkpoint = bloom_checkpoint(tmp_path / "bloom", layers=2)
    out = tmp_path / "q4.gguf"
    assert run(checkpoint, "--type", "q4_k_m", "--calib", text, "-o", out, *FEW) == 0
    assert len(json.loads((tmp_path / "q4.report.json").read_text(encoding="utf-8"))["errors"]) == 8
    convert(checkpoint, tmp_path / "f16.gguf")
    ids = [int(i) for i in np.random.default_rng(7).integers(3, 300, 48)]
    reference, found = (llama_logits(tmp_path / name, ids) for name in ("f16.gguf", "q4.gguf"))
    assert kl_divergence(reference, found) < 0.05


def test_the_same_again_is_the_same(f16: Path, text: Path, tmp_path: Path) -> None:
    for name, threads in (("a", 1), ("b", 2)):
        options = ("--calib", text, "--calib-tokens", "1024", "--threads", str(threads))
        assert run(f16, "--type", "q4_0", *options, "-o", tmp_path / f"{name}.gguf") == 0
    assert (tmp_path / "a.gguf").read_bytes() == (tmp_path / "b.gguf").read_bytes()


def test_text_that_is_the_project_s_own(f16: Path, tmp_path: Path, capsys: Captured) -> None:
    out = tmp_path / "out.gguf"
    assert run(f16, "--type", "q4_0", "-o", out, *FEW) == 0
    shown = capsys.readouterr()
    assert "assets/text" in shown.err
    assert "2 windows of 512 tokens from zh.txt, en.txt" in shown.out


def test_conversations_are_shown_in_the_template(checkpoint: Path, tmp_path: Path, capsys: Captured) -> None:
    f16 = tmp_path / "with-template.gguf"
    convert(checkpoint, f16, ConvertOptions(template="belle"))
    turns = [{"from": "human", "value": "Who keeps the light?"}, {"from": "assistant", "value": TEXT[:600]}]
    chats = tmp_path / "chats.jsonl"
    chats.write_text("".join(json.dumps({"conversations": turns}) + "\n" for _ in range(12)), encoding="utf-8")
    options = ("--type", "q4_0", "--calib", chats, "--calib-format", "chat", *FEW)
    seen: list[list[list[int]]] = []
    original = job.calibration_windows

    def look(*arguments):
        seen.append(original(*arguments))
        return seen[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job, "calibration_windows", look)
        assert run(f16, *options, "-o", tmp_path / "out.gguf") == 0
    from belle.engine.llama.activations import ActivationReader

    with ActivationReader(f16, lambda *_: None, threads=1) as reader:
        begin = reader.vocabulary.tokenize("Human: \nWho keeps")
        pieces = b"".join(map(reader.vocabulary.piece, seen[0][0]))
    assert len(seen[0]) == 2
    assert pieces.startswith(b"Human:") or seen[0][0][: len(begin)] == begin
    assert b"Assistant:" in pieces
    capsys.readouterr()
    assert run(checkpoint, *options, "-o", tmp_path / "none.gguf") == 2
    assert "no prompt template" in capsys.readouterr().err
    assert not (tmp_path / "none.gguf").exists()


def test_a_quantized_model_only_on_request(f16: Path, tmp_path: Path, capsys: Captured) -> None:
    q8 = tmp_path / "q8.gguf"
    assert run(f16, "--type", "q8_0", "--method", "rtn", "-o", q8) == 0
    capsys.readouterr()
    assert run(q8, "--type", "q4_0", "-o", tmp_path / "out.gguf", *FEW) == 2
    shown = capsys.readouterr().err
    assert "q8.gguf is quantized already: token_embd.weight is Q8_0" in shown
    assert "--allow-requantize" in shown
    assert run(q8, "--type", "q4_0", "-o", tmp_path / "out.gguf", "--allow-requantize", *FEW) == 0
    assert "its loss is not counted" in capsys.readouterr().err
    # Back to floats: the reference for measuring what came of it.
    assert run(q8, "--type", "f32", "--method", "rtn", "-o", tmp_path / "f32.gguf", "--allow-requantize") == 0
    from gguf import GGUFReader
    from gguf.quants import dequantize

    expanded = {tensor.name: tensor for tensor in GGUFReader(tmp_path / "f32.gguf").tensors}
    for tensor in GGUFReader(q8).tensors:
        np.testing.assert_array_equal(expanded[tensor.name].data, dequantize(tensor.data, tensor.tensor_type))


BAD = {
    "no such type": (("--type", "q4_9"), "There is no file type “q4_9”"),
    "no type for gptq": (("--type", "iq4_nl"), "--method imatrix"),
    "too few tokens": (("--calib-tokens", "100"), "fewer than one window"),
    "no such text": (("--calib", "missing.txt"), "missing.txt does not exist"),
    "negative threads": (("--threads", "-1"), "cannot be negative"),
    "no such folder": (("-o", "nowhere/out.gguf"), "does not exist"),
    "a report nowhere": (("--report", "nowhere/report.json"), "cannot be written: there is no folder nowhere"),
    "a report in the model's place": (("--report", "out.gguf"), "out.gguf would be written twice"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_cannot_work_is_said_and_leaves_nothing(
    what: str, f16: Path, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    options, words = BAD[what]
    monkeypatch.chdir(tmp_path)
    assert run(f16, "--type", "q4_0", "-o", "out.gguf", *options) == 2
    assert words in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "words"), [(b"short", "short.txt: The text has"), ("中文".encode("gb18030") * 900, "is not UTF-8")]
)
def test_unusable_text_is_refused(f16: Path, tmp_path: Path, capsys: Captured, content: bytes, words: str) -> None:
    (tmp_path / "short.txt").write_bytes(content)
    assert run(f16, "--type", "q4_0", "--calib", tmp_path / "short.txt", "-o", tmp_path / "out.gguf") == 2
    assert words in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["short.txt"]


def test_models_that_are_none_and_outputs_that_exist(f16: Path, tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "bad.gguf").write_bytes(b"GGUF")
    (tmp_path / "mine.txt").write_text("mine")
    for model in ("bad.gguf", "none.gguf", "mine.txt"):
        assert run(tmp_path / model, "--type", "q4_0", "-o", tmp_path / "out.gguf") == 2
        assert model in capsys.readouterr().err
    assert run(f16, "--type", "q4_0", "-o", tmp_path / "mine.txt") == 2
    assert "exists and is not a GGUF file" in capsys.readouterr().err
    assert run(f16, "--type", "q4_0", "-o", f16) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.gguf", "mine.txt"]


def test_a_full_disk_shows_before_the_text_is_read(
    f16: Path, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, 400_000))
    assert run(f16, "--type", "q4_0", "-o", tmp_path / "out.gguf", *FEW) == 2
    assert "on the disk, which has 0.40 MB free: " in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_leaves_nothing(f16: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    for name in ("round_model", "verify"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(job, name, interrupted)
            assert run(f16, "--type", "q4_0", "-o", tmp_path / "out.gguf", *FEW) == 130
        assert list(tmp_path.iterdir()) == []


def test_a_killed_run_leaves_nothing_that_looks_finished(f16: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.gguf"
    out.write_bytes(f16.read_bytes())
    command = [sys.executable, "-m", "belle", "quantize", f16, "--type", "q4_k_m", "-o", out, "--threads", "1"]
    process = subprocess.Popen([str(word) for word in command], stderr=subprocess.PIPE, env=os.environ | {"TERM": "x"})
    # Killed somewhere in the middle: once the model is loaded, which maps the file.
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        running = [Path(f"/proc/{child.pid}/maps") for child in psutil.Process(process.pid).children()]
        if any(str(f16) in maps.read_text(encoding="utf-8") for maps in running):
            break
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert out.read_bytes() == f16.read_bytes()
    assert run(f16, "--type", "q4_k_m", "-o", out, *FEW) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.gguf", "out.report.json"]
