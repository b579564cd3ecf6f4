"""A configuration that contradicts the data, or has values that are not known here, is refused by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from belle.errors import KnownError
from convert.gptq.checkpoint_view import view_quantized
from convert.gptq.layout import ZeroEvidence, find_modules
from convert.gptq.stated_config import stated_quantization, version_of
from tests.convert.gptq.test_checkpoint_view import named
from tests.convert.gptq.test_exact import Stored, layer


def refused(stated: dict[str, Any], made: Any = None) -> KnownError:
    with pytest.raises(KnownError) as caught:
        view_quantized(named(made or layer(4, 128, symmetric=True), "a.o_proj"), stated)
    return caught.value


@pytest.mark.parametrize("stated", [
    {"checkpoint_format": "gptq_p"},
    {"checkpoint_format": "marlin"},
    {"checkpoint_format": "format_of_tomorrow"},
    {"format": "bitblas"},
    {"version": "gemv"},
    {"version": "GEMV_FAST"},
    {"quant_method": "exl2"},
    {"quant_method": 7},
    {"pack_dtype": "int16"},
    {"pack_dtype": "int8"},
    {"packing_format": "auto_round:exllamav2"},
    {"bits": 5},
    {"bits": "4"},
    {"bits": True},
    {"sym": "yes"},
    {"desc_act": 1},
    {"is_marlin_format": True},
    {"adapter": {"path": "eora"}},
])  # fmt: skip
def test_a_value_that_is_not_known_is_refused_by_its_name(stated: dict[str, Any]) -> None:
    error = refused(stated)
    assert error.kind == "unsupported_gptq"
    assert next(iter(stated)) in error.message


@pytest.mark.parametrize(("stated", "made"), [
    ({"bits": 3}, {}),
    ({"w_bit": 8}, {}),
    ({"group_size": 64}, {}),
    ({"q_group_size": -1}, {}),
    ({"quant_method": "awq"}, {}),
    ({"checkpoint_format": "gptq_v2"}, {}),
    ({"desc_act": True}, {}),
    ({"sym": True}, {"symmetric": False}),
])  # fmt: skip
def test_what_the_data_deny_is_refused_by_its_name(stated: dict[str, Any], made: dict[str, Any]) -> None:
    error = refused(stated, layer(4, 128, **{"symmetric": True, **made}))
    assert error.kind == "contradictory_quantization"
    assert next(iter(stated)).removeprefix("w_").removeprefix("q_").removesuffix("s") in error.message
    assert "remove" in error.advice


@pytest.mark.parametrize("stated", [
    {},
    {"quant_method": "gptq", "bits": 4, "group_size": 128, "sym": True, "desc_act": False, "checkpoint_format": "gptq"},
    {"quant_method": "gptq", "bits": 4, "desc_act": None, "pack_dtype": "int32", "meta": {"quantizer": ["optimum"]}},
    {"quant_method": "auto-round", "packing_format": "auto_round:auto_gptq", "data_type": "int", "sym": True},
    {"bits": 8, "dynamic": {"+:.*o_proj": {"bits": 4}}, "lm_head": False, "damp_percent": 0.01},
])  # fmt: skip
def test_what_agrees_with_the_data_is_read(stated: dict[str, Any]) -> None:
    made = layer(4, 128, symmetric=True)
    seen = view_quantized(named(made, "a.o_proj"), stated)
    np.testing.assert_array_equal(seen.tensors["a.o_proj.weight"].float_rows(0, 32), made.weight)


def test_an_order_that_every_column_says_itself_needs_no_leave() -> None:
    """Some tools store g_idx in an order that their configuration does not mention."""
    made = layer(4, 128, symmetric=True, act_order=True)
    for said in (True, False):
        seen = view_quantized(named(made, "a.o_proj"), {"desc_act": said})
        np.testing.assert_array_equal(seen.tensors["a.o_proj.weight"].float_rows(0, 32), made.weight)


def test_where_the_data_leave_the_version_open_the_configuration_decides() -> None:
    evidence = ZeroEvidence(asymmetric=4, bias_v1=2.1, bias_v2=1.9)
    assert version_of({}, evidence) == 2
    assert version_of({"checkpoint_format": "gptq"}, evidence) == 1
    assert version_of({"checkpoint_format": "gptq_v2"}, evidence) == 2


@pytest.mark.parametrize(("part", "dtype"), [
    ("qweight", np.float32),
    ("qweight", np.int16),
    ("qweight", np.int64),
    ("qzeros", np.float32),
    ("qzeros", np.uint8),
    ("scales", np.int32),
    ("scales", np.uint8),
    ("g_idx", np.float32),
    ("g_idx", np.int8),
])  # fmt: skip
def test_values_of_a_type_that_would_give_other_codes_are_refused(part: str, dtype: type) -> None:
    made = layer(4, 128, symmetric=True, act_order=True)
    made.tensors[f"m.{part}"] = Stored(made.tensors[f"m.{part}"].values.astype(dtype))
    with pytest.raises(KnownError) as caught:
        find_modules(made.tensors, {})
    assert caught.value.kind == "unsupported_gptq"
    assert f"m.{part} holds {np.dtype(dtype).name} values" in caught.value.message


def test_what_a_checkpoint_says_of_itself_in_several_files() -> None:
    config = {"quantization_config": {"bits": 4, "group_size": 64, "sym": None}}
    assert stated_quantization(config, {"sym": True, "group_size": 64}) == {"bits": 4, "group_size": 64, "sym": True}
    assert stated_quantization({}) == {}
    with pytest.raises(KnownError) as caught:
        stated_quantization(config, {"bits": 8})
    assert caught.value.kind == "contradictory_quantization"
