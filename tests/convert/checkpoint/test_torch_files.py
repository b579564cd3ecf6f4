"""PyTorch's zip and pre-1.6 files, read without PyTorch: sound ones, damaged ones and malicious ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belle.errors import KnownError
from convert.checkpoint import open_checkpoint
from convert.checkpoint.unpickler import LONGEST_PICKLE
from tests.convert.checkpoint.building import (
    TorchTensor,
    ZipItem,
    arrays,
    call,
    dict_of,
    global_name,
    number,
    program,
    state_dict,
    text,
    torch_legacy,
    torch_legacy_of,
    torch_zip,
    torch_zip_items,
    torch_zip_of,
    tuple_of,
    zip_file,
)

VALUES = np.arange(6, dtype=np.float32)
STORAGES = {"0": VALUES.tobytes()}


class Writer:
    """Writes `w.bin` and opens it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "w.bin"

    def refusal(self, content: bytes) -> KnownError:
        self.path.write_bytes(content)
        with pytest.raises(KnownError) as caught:
            open_checkpoint(self.path)
        assert "w.bin" in caught.value.message
        assert len(str(caught.value)) < 1000
        return caught.value

    def array(self, content: bytes, name: str = "w") -> Any:
        self.path.write_bytes(content)
        with open_checkpoint(self.path) as checkpoint:
            return np.array(checkpoint.tensors[name].array())


@pytest.fixture
def writer(tmp_path: Path) -> Writer:
    return Writer(tmp_path)


def zip_with(tensor: TorchTensor, storages: dict[str, bytes] | None = None) -> bytes:
    return torch_zip_of(program(state_dict({"w": tensor})), STORAGES if storages is None else storages)


def zip_with_pickle(pickle: bytes) -> bytes:
    return torch_zip_of(pickle, STORAGES)


def legacy_with(tensor: TorchTensor, data: bytes | None = None, keys: list[str] | None = None) -> bytes:
    tensor.extra_id = tensor.extra_id or [b"N"]
    data = (6).to_bytes(8, "little") + VALUES.tobytes() if data is None else data
    return torch_legacy_of(state_dict({"w": tensor}), keys or ["0"], data)


@pytest.mark.parametrize("build", [torch_zip, torch_legacy])
def test_tensors_come_back(writer: Writer, build: Callable[..., bytes]) -> None:
    writer.path.write_bytes(build(arrays()))
    with open_checkpoint(writer.path) as checkpoint:
        assert list(checkpoint.tensors) == list(arrays())
        for name, expected in arrays().items():
            tensor = checkpoint.tensors[name]
            assert np.array_equal(tensor.array(), expected)
            assert tensor.shape == expected.shape
            assert not tensor.array().flags.writeable
            rows = tensor.raw_rows(0, tensor.n_rows)
            assert rows.tobytes() == expected.tobytes()


def test_zip64(writer: Writer) -> None:
    items = torch_zip_items(program(state_dict({"w": TorchTensor()})), STORAGES)
    assert np.array_equal(writer.array(zip_file(items, zip64=True)), VALUES.reshape(2, 3))


def test_big_endian(writer: Writer) -> None:
    pickle = program(state_dict({"w": TorchTensor(), "t": TorchTensor(shape=(3, 2), strides=(1, 3))}))
    content = torch_zip_of(pickle, {"0": VALUES.astype(">f4").tobytes()}, "big")
    for name, expected in (("w", VALUES.reshape(2, 3)), ("t", VALUES.reshape(2, 3).T)):
        assert np.array_equal(writer.array(content, name), expected)
        with open_checkpoint(writer.path) as checkpoint:
            assert np.array_equal(checkpoint.tensors[name].rows(1, 2), expected[1:2])


def test_no_byteorder_is_little(writer: Writer) -> None:
    content = torch_zip_of(program(state_dict({"w": TorchTensor()})), STORAGES, None)
    assert np.array_equal(writer.array(content), VALUES.reshape(2, 3))


def test_unknown_byteorder(writer: Writer) -> None:
    content = torch_zip_of(program(state_dict({"w": TorchTensor()})), STORAGES, "middle")
    assert "byteorder" in writer.refusal(content).message


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_view_is_read_as_numpy_reads_it(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Transposed, sliced and stepped views of a random tensor: rows and whole arrays are those of numpy's view."""
    shape = tuple(data.draw(st.lists(st.integers(1, 9), min_size=1, max_size=3)))
    base = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    view = base.transpose(data.draw(st.permutations(range(len(shape)))))
    view = view[
        tuple(slice(data.draw(st.integers(0, size)), None, data.draw(st.integers(1, 3))) for size in view.shape)
    ]
    strides = tuple(stride // 4 for stride in view.strides)
    offset = (view.__array_interface__["data"][0] - base.__array_interface__["data"][0]) // 4 if view.size else 0
    tensor = TorchTensor(n_values=base.size, offset=offset, shape=view.shape, strides=strides)
    writer = Writer(tmp_path_factory.mktemp("view"))
    assert np.array_equal(writer.array(zip_with(tensor, {"0": base.tobytes()})), view)
    with open_checkpoint(writer.path) as checkpoint:
        ours = checkpoint.tensors["w"]
        flat = view.reshape(ours.n_rows, ours.row_length)
        stop = data.draw(st.integers(0, ours.n_rows))
        start = data.draw(st.integers(0, stop))
        assert np.array_equal(ours.rows(start, stop), flat[start:stop])


def test_a_large_transposed_tensor(writer: Writer) -> None:
    base = np.random.default_rng(0).standard_normal((300, 500), np.float32)
    tensor = TorchTensor(n_values=base.size, shape=(500, 300), strides=(1, 500))
    writer.path.write_bytes(zip_with(tensor, {"0": base.tobytes()}))
    with open_checkpoint(writer.path) as checkpoint:
        assert np.array_equal(checkpoint.tensors["w"].rows(100, 400), base.T[100:400])


@pytest.mark.parametrize("nest", [("state_dict",), ("model",), ("module",), ("model", "module"), ("model_state_dict",)])
def test_a_nested_state_dict(writer: Writer, nest: tuple[str, ...]) -> None:
    pickle = state_dict({"w": TorchTensor()})
    for key in nest:
        pickle = dict_of([(text("epoch"), number(3)), (text(key), pickle), (number(1), text("not a name"))])
    assert np.array_equal(writer.array(zip_with_pickle(program(pickle))), VALUES.reshape(2, 3))


WRONG_TENSORS = {
    "beyond its storage": TorchTensor(offset=1),
    "far beyond its storage": TorchTensor(offset=1 << 40),
    "strides beyond": TorchTensor(strides=(4, 1)),
    "more values than the storage": TorchTensor(shape=(1000, 1000), strides=(0, 0)),
    "broadcast a million times": TorchTensor(shape=(1 << 20, 6), strides=(0, 1)),
    "negative offset": TorchTensor(offset=-1),
    "negative stride": TorchTensor(strides=(-3, 1), offset=3),
    "negative size": TorchTensor(shape=(-2, 3)),
    "huge size": TorchTensor(shape=(1 << 70, 1)),
    "huge product": TorchTensor(shape=(1 << 40, 1 << 40), strides=(0, 0)),
    "zero times huge": TorchTensor(shape=(0, 1 << 61), strides=(0, 0)),
    "too many axes": TorchTensor(shape=(1,) * 40, strides=(1,) * 40),
    "axes without strides": TorchTensor(strides=(1,)),
    "no such storage": TorchTensor(key="7"),
    "storage elsewhere": TorchTensor(key="../data.pkl"),
    "storage claims more": TorchTensor(n_values=7),
    "storage claims less": TorchTensor(n_values=5),
    "storage of another type": TorchTensor(storage="torch.DoubleStorage"),
    "huge storage": TorchTensor(n_values=1 << 62),
    "negative storage": TorchTensor(n_values=-1),
}


@pytest.mark.parametrize("what", WRONG_TENSORS)
@pytest.mark.parametrize("build", [zip_with, legacy_with])
def test_a_tensor_that_does_not_fit(writer: Writer, build: Callable[[TorchTensor], bytes], what: str) -> None:
    assert writer.refusal(build(WRONG_TENSORS[what])).kind in {"damaged_file", "truncated", "overlong"}


NAMES = [
    "os.system",
    "posix.system",
    "builtins.eval",
    "builtins.exec",
    "builtins.getattr",
    "builtins.__import__",
    "subprocess.Popen",
    "torch.load",
    "torch.hub.load",
    "torch._utils._rebuild_qtensor",
    "torch._utils",
    "torch.FloatStorage.__init__",
    "torch.storage._load_from_bytes",
    "collections.OrderedDict.fromkeys",
    "numpy.core.multiarray._reconstruct",
    "argparse.Namespace",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("build", [zip_with_pickle, lambda pickle: torch_legacy_of(pickle[2:-1], ["0"], b"")])
def test_every_other_name_is_refused_by_its_full_name(
    writer: Writer, tmp_path: Path, build: Callable[[bytes], bytes], name: str
) -> None:
    witness = tmp_path / "it was run"
    pickle = program(call(name, text(f"touch '{witness}'")))
    error = writer.refusal(build(pickle))
    assert name in error.message
    assert error.kind == (
        "unsupported_pickle" if name.startswith(("torch", "num", "coll", "arg")) else "hostile_pickle"
    )
    assert not witness.exists()


def test_a_name_put_together_on_the_stack_is_refused(writer: Writer) -> None:
    pickle = b"\x80\x04" + text("os") + text("system") + b"\x93" + tuple_of(text("true")) + b"R."
    assert writer.refusal(zip_with_pickle(pickle)).kind == "hostile_pickle"


def test_a_name_is_refused_even_if_it_is_not_called(writer: Writer) -> None:
    pickle = dict_of([(text("w"), TorchTensor().pickled()), (text("x"), global_name("os.system"))])
    assert "os.system" in writer.refusal(zip_with_pickle(program(pickle))).message


OTHER_INSTRUCTIONS = {
    "INST": b"(" + text("true") + b"ios\nsystem\n.",
    "STRING": b"S'true'\n.",
    "OBJ": b"(" + global_name("torch.Size") + b"o.",
    "NEWOBJ": global_name("torch.Size") + b")\x81.",
    "NEWOBJ_EX": global_name("torch.Size") + b")}\x92.",
    "EXT1": b"\x82\x01.",
    "EXT4": b"\x84\x01\x00\x00\x00.",
    "PERSID": b"Pstorage\n.",
    "DUP": b"N2.",
    "BYTEARRAY8": b"\x96" + bytes(8) + b".",
    "NEXT_BUFFER": b"\x97.",
}


@pytest.mark.parametrize("instruction", OTHER_INSTRUCTIONS)
def test_every_other_instruction_is_refused_by_its_name(writer: Writer, instruction: str) -> None:
    error = writer.refusal(zip_with_pickle(b"\x80\x02" + OTHER_INSTRUCTIONS[instruction]))
    assert error.kind == "unsupported_pickle"
    assert f"instruction {instruction}," in error.message


ORDERED_DICT = global_name("collections.OrderedDict")
BROKEN_PICKLES = {
    "empty": b"",
    "no end": b"\x80\x02}",
    "no value": b"\x80\x02.",
    "two values": b"\x80\x02NN.",
    "takes from nothing": b"\x80\x020.",
    "unknown instruction": b"\x80\x02\xff.",
    "no mark": b"\x80\x02t.",
    "mark for a value": b"\x80\x02(.",
    "mark as a key": b"\x80\x02}(s.",
    "memo before it exists": b"\x80\x02h\x05.",
    "appends to a number": b"\x80\x02K\x01Na.",
    "sets items of a list": b"\x80\x02]" + text("a") + b"Ns.",
    "key without a value": b"\x80\x02}(" + text("a") + b"u.",
    "text longer than the file": b"\x80\x02X\xff\xff\xff\xffabc.",
    "text with a 64-bit length": b"\x80\x04\x8d" + b"\xff" * 8 + b"abc.",
    "bytes with a 63-bit length": b"\x80\x04\x8e" + b"\xff" * 7 + b"\x7fabc.",
    "number longer than the file": b"\x80\x02\x8b\xff\xff\xff\x7fabc.",
    "number of negative length": b"\x80\x02\x8b\xff\xff\xff\xffabc.",
    "not UTF-8": b"\x80\x02X\x02\x00\x00\x00\xff\xfe.",
    "calls a number": b"\x80\x02K\x01)R.",
    "calls with no tuple": b"\x80\x02" + ORDERED_DICT + b"]R.",
    "calls with the wrong number": b"\x80\x02" + ORDERED_DICT + b"N\x85R.",
    "name of numbers": b"\x80\x04K\x01K\x02\x93.",
    "storage id is a number": b"\x80\x02K\x01Q.",
    "storage id is short": program(tuple_of(text("storage"), global_name("torch.FloatStorage")) + b"Q"),
    "storage of no type": program(tuple_of(text("storage"), b"N", text("0"), text("cpu"), b"K\x06") + b"Q"),
    "storage key is a list": program(
        tuple_of(text("storage"), global_name("torch.FloatStorage"), b"]", text("cpu"), b"K\x06") + b"Q"
    ),
    "tensor of nothing": program(call("torch._utils._rebuild_tensor_v2", *[b"N"] * 6)),
    "tensor of tuples": program(call("torch._utils._rebuild_tensor_v2", *[b")"] * 6)),
    "parameter of nothing": program(call("torch._utils._rebuild_parameter", b"N", b"N", b"N")),
    "size of nothing": program(call("torch.Size", b"N")),
    "rebuilds a rebuild": program(
        call(
            "torch._tensor._rebuild_from_type_v2",
            global_name("torch._tensor._rebuild_from_type_v2"),
            global_name("torch.Tensor"),
            b")",
            b"N",
        )
    ),
}


@pytest.mark.parametrize("what", BROKEN_PICKLES)
def test_a_broken_pickle(writer: Writer, what: str) -> None:
    error = writer.refusal(zip_with_pickle(BROKEN_PICKLES[what]))
    assert error.kind == "damaged_file"
    assert "pickle is broken" in error.message


def test_a_call_with_a_thousand_arguments(writer: Writer) -> None:
    pickle = program(ORDERED_DICT + tuple_of(*[b"N"] * 1000) + b"R")
    assert "OrderedDict with 1,000 arguments" in writer.refusal(zip_with_pickle(pickle)).message


@pytest.mark.parametrize(
    "content",
    [b"N", b"]", b"}", text("w"), TorchTensor().pickled(), dict_of([(text("w"), b"K\x01")])],
    ids=["None", "list", "empty dict", "text", "tensor without a name", "dict of numbers"],
)
def test_no_named_tensors(writer: Writer, content: bytes) -> None:
    assert writer.refusal(zip_with_pickle(program(content))).kind == "no_tensors"


def test_endless_nesting_ends(writer: Writer) -> None:
    assert writer.refusal(zip_with_pickle(b"\x80\x02N" + b"\x85" * 500_000 + b".")).kind == "no_tensors"


def test_claims_that_would_cost_memory_elsewhere_cost_nothing(writer: Writer) -> None:
    memo_index, frame_length = b"r\xff\xff\xff\xff", b"\x95" + b"\xff" * 8
    pickle = b"\x80\x04" + frame_length + b"N" + memo_index + b"0" + state_dict({"w": TorchTensor()}) + b"."
    assert np.array_equal(writer.array(zip_with_pickle(pickle)), VALUES.reshape(2, 3))


def test_a_dict_that_holds_itself(writer: Writer) -> None:
    pickle = b"\x80\x02}q\x00" + text("model") + b"h\x00s."
    assert writer.refusal(zip_with_pickle(pickle)).kind == "no_tensors"


def test_keys_that_would_take_forever_to_hash_are_never_hashed(writer: Writer) -> None:
    # Sixty tuples, each holding the one before it twice: 2^60 leaves for hash().
    doubling = b"N" + b"".join(b"q" + bytes([i]) + b"h" + bytes([i]) + b"\x86" for i in range(60))
    pickle = dict_of([(doubling, b"N"), (text("w"), TorchTensor().pickled())])
    assert np.array_equal(writer.array(zip_with_pickle(program(pickle))), VALUES.reshape(2, 3))


def test_too_many_instructions(writer: Writer) -> None:
    error = writer.refusal(zip_with_pickle(b"\x80\x02" + b"N0" * 1_600_000 + b"N."))
    assert "instructions" in error.message


def test_a_pickle_that_is_too_long(writer: Writer) -> None:
    assert "data.pkl" in writer.refusal(zip_with_pickle(bytes(LONGEST_PICKLE + 1))).message


SOUND = torch_zip_items(program(state_dict({"w": TorchTensor()})), STORAGES)


def with_item(*changes: ZipItem) -> bytes:
    names = {item.name for item in changes}
    return zip_file([*(item for item in SOUND if item.name not in names), *changes])


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "archive/../../x", "archive\\..\\x", "", "archive/data/.."]
)
def test_zip_entries_that_lead_out(writer: Writer, name: str) -> None:
    assert writer.refusal(zip_file([*SOUND, ZipItem(name, b"x")])).kind == "bad_zip"


def nested_entries() -> bytes:
    """An entry whose header and bytes lie inside of another entry's bytes."""
    inner = zip_file([ZipItem("archive/data/1", bytes(24))])
    inner = inner[: inner.index(b"PK\x01\x02")]
    around = [item for item in SOUND if item.name != "archive/data/0"] + [ZipItem("archive/data/0", inner)]
    offset = zip_file(around).index(inner)
    return zip_file([*around, ZipItem("archive/data/1", bytes(24), header_offset=offset)])


BROKEN_ZIPS = {
    "exists twice": lambda: zip_file([*SOUND, ZipItem("archive/data/0", VALUES.tobytes())]),
    "overlaps another": nested_entries,
    "has another name": lambda: with_item(ZipItem("archive/data/0", bytes(24), local_name="archive/data/1")),
    "lies outside": lambda: with_item(ZipItem("archive/data/0", bytes(24), claimed_size=1 << 30)),
    "/0 lies outside": lambda: with_item(ZipItem("archive/data/0", bytes(24), header_offset=1 << 30)),
    "directory is not where": lambda: zip_file(SOUND, end_offset_shift=-4),
    "is not where its end record": lambda: zip_file(SOUND, zip64=True, end_offset_shift=-4),
    "not UTF-8": lambda: zip_file(SOUND).replace(b"version", b"\xff\xfe\xfdsion"),
    "announces 99": lambda: zip_file(SOUND)[:-14] + b"\x63\x00\x63\x00" + zip_file(SOUND)[-10:],
    "split zip": lambda: zip_file(SOUND)[:-18] + b"\x01" + zip_file(SOUND)[-17:],
    "one part of a split": lambda: zip_file(SOUND)[:-12] + b"\x63\x00" + zip_file(SOUND)[-10:],
    "directory is not where its": lambda: zip_file(SOUND)[:-10] + b"\xfe\xff\xff\x7f" + zip_file(SOUND)[-6:],
    "lacks its zip64": lambda: with_item(ZipItem("archive/data/0", bytes(24), claimed_size=0xFFFFFFFF)),
}


@pytest.mark.parametrize("words", BROKEN_ZIPS)
def test_a_broken_zip(writer: Writer, words: str) -> None:
    error = writer.refusal(BROKEN_ZIPS[words]())
    assert error.kind == "bad_zip"
    assert words in error.message


def test_compressed_and_encrypted_entries(writer: Writer) -> None:
    for item in (ZipItem("archive/data/0", b"x", method=8), ZipItem("archive/data/0", bytes(24), flags=1)):
        error = writer.refusal(with_item(item))
        assert error.kind == "compressed_zip"
        assert "archive/data/0" in error.message


@pytest.mark.parametrize("cut", [1, 10, 22, 30, 100])
def test_a_truncated_zip(writer: Writer, cut: int) -> None:
    content = zip_file(SOUND)
    assert writer.refusal(content[:-cut]).kind in {"truncated", "bad_zip", "overlong"}
    assert writer.refusal(content[: len(content) // 2]).kind == "truncated"


def test_an_overlong_zip(writer: Writer) -> None:
    assert writer.refusal(zip_file(SOUND) + b"x").kind == "overlong"


def test_a_storage_of_the_wrong_size_names_its_tensor(writer: Writer) -> None:
    error = writer.refusal(with_item(ZipItem("archive/data/0", bytes(20))))
    assert error.details["tensor"] == "w"
    assert "20 bytes instead of 24" in error.message


def test_zip_files_of_other_kinds(writer: Writer) -> None:
    for items in (
        [ZipItem("word/document.xml", b"x")],
        [ZipItem("data.pkl", b"x")],
        [*SOUND, ZipItem("b/data.pkl", b"")],
    ):
        assert writer.refusal(zip_file(items)).kind == "unknown_format"
    assert "TorchScript" in writer.refusal(zip_file([*SOUND, ZipItem("archive/constants.pkl", b"")])).message


def test_a_truncated_or_overlong_legacy_file(writer: Writer) -> None:
    content = torch_legacy(arrays())
    for cut in (1, 9, 40):
        assert writer.refusal(content[:-cut]).kind == "truncated"
    assert writer.refusal(content + b"x").kind == "overlong"


BROKEN_LEGACY = {
    "another count": lambda: legacy_with(TorchTensor(), (7).to_bytes(8, "little") + VALUES.tobytes()),
    "unknown storage": lambda: legacy_with(TorchTensor(), keys=["1"]),
    "storage twice": lambda: legacy_with(TorchTensor(), keys=["0", "0"]),
    "view of a view": lambda: legacy_with(TorchTensor(extra_id=[tuple_of(text("v"), b"K\x00", b"K\x06")])),
    "another protocol": lambda: legacy_with(TorchTensor()).replace(number(1001), number(1002)),
    "storage in the head": lambda: legacy_with(TorchTensor()).replace(
        program(number(1001)), program(tuple_of(text("storage")) + b"Q")
    ),
}


@pytest.mark.parametrize("what", BROKEN_LEGACY)
def test_a_broken_legacy_file(writer: Writer, what: str) -> None:
    assert writer.refusal(BROKEN_LEGACY[what]()).kind == "damaged_file"


def test_a_big_endian_legacy_file_is_refused_with_advice(writer: Writer) -> None:
    pickle = state_dict({"w": TorchTensor(extra_id=[b"N"])})
    error = writer.refusal(torch_legacy_of(pickle, ["0"], b"", little_endian=False))
    assert (error.kind, bool(error.advice)) == ("unsupported_pickle", True)
