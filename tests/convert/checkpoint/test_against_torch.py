"""Real files of torch.save and of the safetensors library, compared bit for bit. Runs where torch is installed."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch

from belle.errors import KnownError
from convert.checkpoint import open_checkpoint
from convert.checkpoint.encrypted import decrypt_file
from tests.convert.checkpoint.encrypting import encrypted_file

FORMATS = {"zip": True, "legacy": False}
DTYPES = {
    "f64": torch.float64,
    "f32": torch.float32,
    "f16": torch.float16,
    "bf16": torch.bfloat16,
    "i64": torch.int64,
    "i32": torch.int32,
    "i16": torch.int16,
    "i8": torch.int8,
    "u8": torch.uint8,
    "bool": torch.bool,
    "c64": torch.complex64,
    "c128": torch.complex128,
}
# Types that have no storage class of their own and are saved over untyped bytes.
UNTYPED = {
    "u16": torch.uint16,
    "u32": torch.uint32,
    "u64": torch.uint64,
    "f8_e4m3": torch.float8_e4m3fn,
    "f8_e5m2": torch.float8_e5m2,
    "f8_e8m0": torch.float8_e8m0fnu,
}


def random_tensor(dtype: torch.dtype, *shape: int) -> torch.Tensor:
    """Random bits, so that a mistake in any of them shows."""
    n_bytes = int(np.prod(shape)) * dtype.itemsize
    bits = torch.randint(0, 2 if dtype is torch.bool else 256, (n_bytes,), dtype=torch.uint8)
    return bits.view(dtype).reshape(shape)


def bits(tensor: torch.Tensor) -> bytes:
    return tensor.detach().contiguous().flatten().view(torch.uint8).numpy().tobytes()


def save(content: object, path: Path, style: str) -> Path:
    torch.save(content, path, _use_new_zipfile_serialization=FORMATS[style])
    return path


@pytest.fixture(params=FORMATS)
def style(request: pytest.FixtureRequest) -> str:
    return request.param


def test_every_data_type(tmp_path: Path, style: str) -> None:
    tensors = {name: random_tensor(dtype, 6, 10) for name, dtype in (DTYPES | UNTYPED).items()}
    with open_checkpoint(save(tensors, tmp_path / "any name.pt", style)) as checkpoint:
        assert list(checkpoint.tensors) == list(tensors)
        for name, tensor in tensors.items():
            ours = checkpoint.tensors[name]
            assert (ours.raw_dtype, ours.shape) == (name, (6, 10))
            assert ours.array().tobytes() == bits(tensor)
            assert ours.raw_rows(2, 5).tobytes() == bits(tensor[2:5])


def test_weights_as_floats(tmp_path: Path, style: str) -> None:
    tensors = {name: torch.randn(5, 7).to(DTYPES[name]) for name in ("f64", "f32", "f16", "bf16")}
    with open_checkpoint(save(tensors, tmp_path / "x.bin", style)) as checkpoint:
        for name, tensor in tensors.items():
            assert np.array_equal(checkpoint.tensors[name].float_rows(1, 4), tensor[1:4].float().numpy())


def test_views(tmp_path: Path, style: str) -> None:
    base = torch.randn(24, 40)
    cube = torch.randn(4, 5, 6)
    tensors = {
        "base": base,
        "transposed": base.t(),
        "rows": base[3:20],
        "columns": base[:, 5:17],
        "transposed slice": base[2:9, 4:30].t(),
        "every other": base[::2, ::3],
        "turned": cube.permute(2, 0, 1),
        "swapped": cube.transpose(0, 1),
        "number": torch.tensor(3.5),
        "empty": torch.zeros(0, 4),
        "one row": base[7],
        "one column": base[:, 7],
        "broadcast": torch.arange(8.0).expand(1, 8),
    }
    with open_checkpoint(save(tensors, tmp_path / "x.pth", style)) as checkpoint:
        for name, tensor in tensors.items():
            ours = checkpoint.tensors[name]
            assert ours.shape == tuple(tensor.shape), name
            assert np.array_equal(ours.array(), tensor.numpy()), name
            flat = tensor.reshape(ours.n_rows, ours.row_length).numpy()
            for start in range(0, ours.n_rows + 1, 3):
                stop = min(ours.n_rows, start + 5)
                assert np.array_equal(ours.rows(start, stop), flat[start:stop]), name


def test_tied_weights_share_their_place(tmp_path: Path, style: str) -> None:
    weight = torch.randn(4, 4)
    tensors = {"embed": weight, "head": weight, "other": torch.randn(4, 4)}
    with open_checkpoint(save(tensors, tmp_path / "x.bin", style)) as checkpoint:
        places = {name: tensor.placement for name, tensor in checkpoint.tensors.items()}
        assert places["embed"] == places["head"] != places["other"]


class Tagged(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(6, 3)
        self.register_buffer("count", torch.tensor(7))


def contents() -> dict[str, object]:
    module = Tagged()
    named = OrderedDict(module.named_parameters())
    marked = torch.nn.Parameter(torch.randn(2, 2))
    marked.is_marked = True
    attributed = torch.randn(2, 2)
    attributed.note = "kept by PyTorch, of no use here"
    state = module.state_dict()
    return {
        "a state dict with its metadata": state,
        "parameters": named,
        "parameters with attributes": {"a": marked, "b": attributed},
        "under state_dict": {"state_dict": state, "epoch": 3, "lr": 0.5, "best": None},
        "under model": {"model": state, "step": 10**12, "size": torch.Size([1, 2]), "dtype": torch.float16},
        "under module, in model": {"model": {"module": state}, "device": torch.device("cuda", 0)},
        "with an optimizer": {
            "state_dict": state,
            "optimizer": {"state": {0: {"m": torch.ones(2)}}, "groups": [(1, 2)]},
        },
    }


@pytest.mark.parametrize("what", contents())
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_what_people_save(tmp_path: Path, style: str, what: str, protocol: int) -> None:
    content = contents()[what]
    path = tmp_path / "x.pt"
    torch.save(content, path, pickle_protocol=protocol, _use_new_zipfile_serialization=FORMATS[style])
    tensors = content
    for key in ("state_dict", "model", "module"):
        tensors = tensors.get(key, tensors)
    with open_checkpoint(path) as checkpoint:
        assert list(checkpoint.tensors) == list(tensors)
        for name, tensor in tensors.items():
            assert checkpoint.tensors[name].array().tobytes() == bits(tensor)


def test_a_whole_module_is_refused_by_name(tmp_path: Path, style: str) -> None:
    with pytest.raises(KnownError, match=r"Tagged|torch\.nn\.modules|module") as caught:
        open_checkpoint(save(Tagged(), tmp_path / "x.pt", style))
    assert caught.value.kind in {"hostile_pickle", "unsupported_pickle"}


@pytest.mark.parametrize(
    ("special", "name"),
    [
        (lambda: torch.quantize_per_tensor(torch.randn(4), 0.1, 0, torch.qint8), "QInt8Storage|_rebuild_qtensor"),
        (lambda: torch.eye(3).to_sparse(), "_rebuild_sparse_tensor"),
        (lambda: torch.zeros(3, device="meta"), "_rebuild_meta_tensor"),
        (lambda: np.float64(1.5), r"numpy.*scalar"),
    ],
    ids=["quantized", "sparse", "meta", "numpy"],
)
@pytest.mark.filterwarnings("ignore")
def test_other_kinds_of_tensors_are_refused_by_name(tmp_path: Path, style: str, special, name: str) -> None:
    with pytest.raises(KnownError, match=name) as caught:
        open_checkpoint(save({"w": torch.ones(2), "x": special()}, tmp_path / "x.pt", style))
    assert caught.value.kind == "unsupported_pickle"


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_torchscript_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "script.pt"
    torch.jit.script(torch.nn.Linear(2, 2)).save(str(path))
    with pytest.raises(KnownError, match="TorchScript"):
        open_checkpoint(path)


def test_a_conjugated_view_is_refused(tmp_path: Path, style: str) -> None:
    with pytest.raises(KnownError, match="conjugated"):
        open_checkpoint(save({"x": torch.randn(3, dtype=torch.complex64).conj()}, tmp_path / "x.pt", style))


def test_sharded_with_an_index(tmp_path: Path) -> None:
    import json

    one, two = {"a": torch.randn(3, 4)}, {"b": torch.randn(2), "c": torch.randn(5, 1)}
    names = ["pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"]
    for name, tensors in zip(names, (one, two), strict=True):
        save(tensors, tmp_path / name, "zip")
    weight_map = dict.fromkeys(one, names[0]) | dict.fromkeys(two, names[1])
    (tmp_path / "pytorch_model.bin.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    with open_checkpoint(tmp_path) as checkpoint:
        for name, tensor in (one | two).items():
            assert checkpoint.tensors[name].array().tobytes() == bits(tensor)


def test_the_safetensors_library(tmp_path: Path) -> None:
    library = pytest.importorskip("safetensors.torch")
    tensors = {name: random_tensor(dtype, 6, 10) for name, dtype in (DTYPES | UNTYPED).items() if name != "c128"}
    tensors |= {"number": torch.tensor(2.5), "empty": torch.zeros(3, 0), "名": torch.randn(2, 3, 4)}
    library.save_file(tensors, tmp_path / "x.safetensors", metadata={"format": "pt"})
    with open_checkpoint(tmp_path) as checkpoint:
        assert set(checkpoint.tensors) == set(tensors)
        for name, tensor in tensors.items():
            ours = checkpoint.tensors[name]
            assert (ours.shape, ours.array().tobytes()) == (tuple(tensor.shape), bits(tensor))


@pytest.mark.parametrize("old_format", FORMATS)
def test_an_encrypted_file_comes_back(tmp_path: Path, old_format: str) -> None:
    key = save({"key": torch.randn(1000)}, tmp_path / "consolidated.00.pth", "zip")
    plain = save({"w": torch.randn(300, 5)}, tmp_path / "w.bin", old_format).read_bytes()
    encrypted = encrypted_file(tmp_path, "pytorch_model.bin", plain, key.read_bytes())
    result = decrypt_file(encrypted, key, tmp_path / "out")
    assert result.read_bytes() == plain
    with open_checkpoint(result) as checkpoint:
        assert checkpoint.tensors["w"].shape == (300, 5)
