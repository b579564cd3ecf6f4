"""Requests by tensor name: each matches a tensor, or is refused with names that may be meant."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from belle.errors import KnownError
from belle.gguf.imatrix import Activations, write_imatrix
from convert.pipeline import plan_conversion
from convert.plan.mixture import TypeRequests
from convert.plan.options import ConvertOptions, tensor_requests
from convert.report import ConversionReport
from tests.convert.checkpoints import llama_checkpoint
from tests.convert.gptq.act_order import act_order_llama


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return llama_checkpoint(tmp_path_factory.mktemp("llama"), width=256, layers=1)


def planned(
    source: Path, *rules: str, imatrix: Path | None = None, types: tuple[str, ...] = ("q4_0",)
) -> ConversionReport:
    requests = TypeRequests(tensors=tensor_requests(rules))
    return plan_conversion(source, source / "out.gguf", ConvertOptions(types=types, requests=requests, imatrix=imatrix))


def refused(source: Path, *rules: str, **options: object) -> KnownError:
    with pytest.raises(KnownError) as caught:
        planned(source, *rules, **options)
    return caught.value


@pytest.mark.parametrize(
    "rule", ["attn_v=q8_0", "ATTN_V=q8_0", r"blk\.0\.=q8_0", "output=q8_0", ".*=q8_0", "ffn_(up|gate)=q5_1"]
)
def test_a_rule_that_finds_a_tensor_holds(rule: str, llama: Path) -> None:
    wanted = rule.rpartition("=")[2].upper()
    assert any(one.type == wanted for one in planned(llama, rule).files[0].tensors)


@pytest.mark.parametrize(("rule", "near"), [
    ("attn_vv=q8_0", "attn_v"),
    ("ffn_don=q8_0", "ffn_down"),
    ("blk.9.attn_v=q8_0", "attn_v"),
    ("v_proj=q8_0", "blk.0.attn_v.weight"),
    ("lm_head=q8_0", "output.weight"),
    ("embed_tokens=q8_0", "token_embd.weight"),
    ("zzz=q8_0", "attn_q"),
])  # fmt: skip
def test_a_rule_that_matches_nothing_is_refused_with_near_names(rule: str, near: str, llama: Path) -> None:
    error = refused(llama, "attn_q=q8_0", rule)
    assert error.kind == "bad_rule"
    assert rule in error.message
    assert near in error.advice


@pytest.mark.parametrize("rule", ["attn_norm=q8_0", "output_norm=f16"])
def test_a_rule_about_what_cannot_be_chosen_is_refused(rule: str, llama: Path) -> None:
    assert "cannot be chosen" in refused(llama, rule).message


def test_a_rule_about_codes_that_are_kept_is_refused(tmp_path: Path) -> None:
    act_order_llama(tmp_path)
    assert "cannot be chosen" in refused(tmp_path, "ffn_down=q8_0", types=()).message
    assert planned(tmp_path, "ffn_down=q8_0").files


def write(path: Path, *names: str) -> Path:
    one = np.ones(1, np.float32)
    found = {name: Activations(np.ones(512 if "ffn_down" in name else 256, np.float32), one) for name in names}
    write_imatrix(path, found, datasets=["text"], n_chunks=1, chunk_size=512)
    return path


def test_an_imatrix_of_this_model_is_taken(llama: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "i.gguf", "blk.0.attn_v.weight", "blk.0.ffn_down.weight", "token_embd.weight")
    assert planned(llama, imatrix=file).files


def test_an_imatrix_with_entries_of_no_tensor_is_refused(llama: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "i.gguf", "blk.0.attn_v.weight", "blk.7.attn_v.weight")
    error = refused(llama, imatrix=file)
    assert error.kind == "imatrix_mismatch"
    assert "1 of its 2 entries" in error.message
    assert "blk.7.attn_v.weight" in error.message
    assert "blk.0.attn_v.weight" in error.advice
