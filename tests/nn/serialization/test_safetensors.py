"""``.safetensors`` of PyTorch and of the package are read, and theirs read ours; hostile ones are refused."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nn

from .comparing import COMMON_DTYPES, assert_refused, random_array, same

safetensors = pytest.importorskip("safetensors")
safetensors_numpy = pytest.importorskip("safetensors.numpy")

HUGE = 10**12

ARRAYS = {dtype.name: random_array(dtype, (2, 3), seed) for seed, dtype in enumerate(COMMON_DTYPES)}
ARRAYS |= {"scalar": np.array(3.0), "empty": np.ones((0, 4)), "0.weight": np.ones((2, 2), np.float32), "ü": np.ones(1)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.safetensors"


def unordered(state: dict[str, Any]) -> dict[str, Any]:
    return dict(sorted(state.items()))


def test_files_of_the_package_are_dicts_of_their_arrays(path: Path) -> None:
    safetensors_numpy.save_file(ARRAYS, path, {"format": "np", "note": "ü"})
    assert same(unordered(nn.load(path)), unordered(ARRAYS))
    assert nn.load_metadata(path) == {"format": "np", "note": "ü"}
    safetensors_numpy.save_file(ARRAYS, path)
    assert nn.load_metadata(path) == {}


def test_package_reads_ours(path: Path) -> None:
    nn.save(ARRAYS, path)
    assert same(unordered(safetensors_numpy.load_file(path)), unordered(ARRAYS))


def test_dtypes_that_the_format_lacks_are_named(path: Path) -> None:
    for dtype in (np.complex128, np.longdouble):
        with pytest.raises(
            TypeError, match=r"nn.save: model.w has dtype .*, which .safetensors does not have; use .npz"
        ):
            nn.save({"model": {"w": np.ones(2, dtype)}}, path)


def test_name_that_the_format_keeps_for_itself_is_refused(path: Path) -> None:
    with pytest.raises(ValueError, match="keeps the name '__metadata__' for itself"):
        nn.save({"__metadata__": np.ones(2)}, path)


def test_failure_of_the_package_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(arrays: Any, path: str, metadata: Any) -> None:
        Path(path).write_bytes(b"half a file")
        raise safetensors.SafetensorError("dtype complex64 is not covered")

    nn.save({"w": np.ones(2)}, path)
    monkeypatch.setattr(safetensors_numpy, "save_file", fail)
    with pytest.raises(RuntimeError, match=r"failed \(dtype complex64 is not covered\); use .npz"):
        nn.save({"w": np.zeros(2, np.complex64)}, path)
    assert same(nn.load(path), {"w": np.ones(2)})


def test_model_goes_to_pytorch_and_back(path: Path) -> None:
    torch = pytest.importorskip("torch")
    torch_io = pytest.importorskip("safetensors.torch")
    ours = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    theirs = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    nn.save(ours, path)
    theirs.load_state_dict(torch_io.load_file(path))
    for name, array in ours.state_dict().items():
        np.testing.assert_array_equal(theirs.state_dict()[name].numpy(), array)
    with torch.no_grad():
        theirs[0].weight += 1
    torch_io.save_file(theirs.state_dict(), path)
    ours.load_state_dict(nn.load(path))
    for name, tensor in theirs.state_dict().items():
        np.testing.assert_array_equal(ours.state_dict()[name], tensor.numpy())


def test_every_bfloat16_becomes_the_float32_that_pytorch_makes_of_it(path: Path) -> None:
    torch = pytest.importorskip("torch")
    bits = torch.arange(2**16, dtype=torch.int32).to(torch.uint16)
    tensor = bits.view(torch.bfloat16).reshape(256, 256)
    pytest.importorskip("safetensors.torch").save_file({"a": tensor, "b": torch.ones(3)}, path)
    loaded = nn.load(path)
    expected = tensor.float().numpy()
    assert loaded["a"].dtype == np.float32
    np.testing.assert_array_equal(loaded["a"], expected)
    np.testing.assert_array_equal(np.signbit(loaded["a"]), np.signbit(expected))


def test_bfloat16_is_the_upper_half_of_float32(path: Path) -> None:
    write(path, {"a": entry("BF16", (4,))}, np.array([0x3F80, 0x4049, 0xFF80, 0x0001], "<u2").tobytes())
    assert same(nn.load(path), {"a": np.array([1, 3.140625, -np.inf, 2.0**-133], np.float32)})


def write(path: Path, header: str | dict, data: bytes = b"", length: int | None = None) -> None:
    text = (header if isinstance(header, str) else json.dumps(header)).encode()
    path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + data)


def entry(dtype: str = "F32", shape: Any = (2,), offsets: Any = (0, 8)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


NO_FILE = "is no .safetensors file, or not all of one"

HEADERS = {
    "not JSON": ("{", NO_FILE),
    "a list": ("[]", NO_FILE),
    "many brackets": ("[" * 10**5, NO_FILE),
    "brackets in an entry": ('{"a": {"x": ' + "[" * 10**5, NO_FILE),
    "brackets in the metadata": ('{"__metadata__": ' + '{"a": ' * 10**5, NO_FILE),
    "numbers as metadata": ({"__metadata__": {"a": 1}}, NO_FILE),
    "a missing dtype": ({"a": {"shape": [2], "data_offsets": [0, 8]}}, NO_FILE),
    "a missing shape": ({"a": {"dtype": "F32", "data_offsets": [0, 8]}}, NO_FILE),
    "an unknown dtype": ({"a": entry("F31")}, NO_FILE),
    "an 8-bit float": ({"a": entry("F8_E4M3", shape=(8,))}, "'a' has dtype F8_E4M3, which NumPy does not have"),
    "a negative length": ({"a": entry(shape=(-2,))}, NO_FILE),
    "a huge shape": ({"a": entry(shape=(HUGE,))}, NO_FILE),
    "a shape that overflows": ({"a": entry(shape=(2**32, 2**32))}, NO_FILE),
    "a huge empty shape": (
        {"a": entry(), "b": entry(shape=(0, 2**62), offsets=(8, 8))},
        "shape that no array can have",
    ),
    "100 dimensions": ({"a": entry("U8", shape=(1,) * 99 + (8,))}, "shape that no array can have"),
    "offsets outside": ({"a": entry(offsets=(HUGE, HUGE + 8))}, NO_FILE),
    "offsets backwards": ({"a": entry(offsets=(8, 0))}, NO_FILE),
    "offsets that overlap": ({"a": entry(), "b": entry(offsets=(4, 12))}, NO_FILE),
    "the same offsets": ({"a": entry(), "b": entry()}, NO_FILE),
    "a gap": ({"a": entry("U8", (2,), (0, 2)), "b": entry("U8", (2,), (6, 8))}, NO_FILE),
    "bytes in no array": ({"a": entry(shape=(1,), offsets=(0, 4))}, NO_FILE),
    "booleans of 255": ({"a": entry("BOOL", (8,))}, "booleans that are neither 0 nor 1"),
    "a path": ({"../a": entry()}, "has entries whose names are paths"),
    "half a document": ({"__metadata__": {"nn.checkpoint": "{}"}, "a": entry()}, "checksum of its document is another"),
    "half a seal": (
        {"__metadata__": {"nn.checkpoint.crc32": "0"}, "a": entry()},
        "checksum of its document is another",
    ),
}


@pytest.mark.parametrize("header, saying", HEADERS.values(), ids=HEADERS.keys())
def test_hostile_headers_are_refused(header: str | dict, saying: str, path: Path) -> None:
    write(path, header, b"\xff" * 8)
    assert_refused(path, saying)


AGAIN = {
    "offsets outside": ({"a": entry(offsets=(HUGE, HUGE + 8))}, "'a' is not where the array before it ends"),
    "offsets that overlap": ({"a": entry(), "b": entry(offsets=(4, 12))}, "'b' is not where the array before it ends"),
    "the same offsets": ({"a": entry(), "b": entry()}, "'b' is not where the array before it ends"),
    "a huge shape": ({"a": entry(shape=(HUGE,))}, "'a' is not where the array before it ends"),
    "a huge array": ({"a": entry(shape=(HUGE,), offsets=(0, 4 * HUGE))}, "do not end where the file does"),
    "bytes in no array": ({"a": entry(shape=(1,), offsets=(0, 4))}, "do not end where the file does"),
}


@pytest.mark.parametrize("header, saying", AGAIN.values(), ids=AGAIN.keys())
def test_sizes_are_checked_even_if_the_package_does_not(
    header: dict, saying: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(safetensors, "safe_open", lambda path, framework: contextlib.nullcontext())
    write(path, header, bytes(8))
    assert_refused(path, saying)


@pytest.mark.parametrize("length", [0, 1, 99, 2**31, HUGE, 2**63, 2**64 - 1])
def test_hostile_lengths_of_the_header_are_refused(length: int, path: Path) -> None:
    write(path, {"a": entry()}, bytes(8), length)
    assert_refused(path, NO_FILE)


def test_two_arrays_of_one_name_are_refused(path: Path) -> None:
    one = json.dumps(entry())
    write(path, f'{{"a": {one}, "a": {one}}}', bytes(8))
    assert_refused(path, "a name is there twice|" + NO_FILE)


def test_honest_header_is_read(path: Path) -> None:
    """The same file as the hostile ones, without their lies."""
    write(path, {"__metadata__": {"a": "b"}, "a": entry()}, np.arange(2, dtype="<f4").tobytes())
    assert same(nn.load(path), {"a": np.arange(2, dtype=np.float32)})
    write(path, '{"__metadata__": null}')
    assert nn.load(path) == nn.load_metadata(path) == {}


def test_header_that_changed_under_the_same_bytes_is_noticed(path: Path) -> None:
    nn.save({"a": np.ones((2, 3), np.float32)}, path)
    content = path.read_bytes()
    for honest, lie in ((b"[2,3]", b"[3,2]"), (b'"F32"', b'"I32"'), (b'{"a"', b'{"b"'), (b',"a"', b',"b"')):
        changed = content.replace(honest, lie)
        if changed != content:
            path.write_bytes(changed)
            assert_refused(path, "is damaged|does not have the arrays")
