"""What was saved is loaded, to the bit; what cannot be is refused; no damaged file is loaded as something else."""

from __future__ import annotations

import io
import itertools
import os
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import nn
import optim
from autodiff import Tensor
from nn.serialization.checkpoint import FORMAT, LIBRARY

from .comparing import ALL_DTYPES, COMMON_DTYPES, assert_refused, random_array, same, states

ANY_PATH = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(params=["npz", "safetensors"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file of each format."""
    if request.param == "safetensors":
        pytest.importorskip("safetensors")
    return tmp_path / f"checkpoint.{request.param}"


def saved_and_loaded(state: Any, path: Path) -> Any:
    nn.save(state, path)
    return nn.load(path)


class Tied(nn.Module):
    """A weight under two names, and buffers of which one is not saved."""

    def __init__(self, rng: int) -> None:
        self.encoder = nn.Linear(3, 3, rng=rng)
        self.decoder = nn.Linear(3, 3, rng=rng)
        self.decoder.weight = self.encoder.weight
        self.register_buffer("mean", np.zeros(3, np.float32))
        self.register_buffer("calls", np.array(0))
        self.register_buffer("scratch", np.array(rng), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        self.calls = self.calls + 1
        self.mean = self.mean + x.data.mean(0)
        return self.decoder(np.tanh(self.encoder(x - self.mean)))


def trained(model: nn.Module, optimizer: optim.Optimizer, steps: range) -> None:
    for step in steps:
        x = Tensor(random_normal(step))
        optimizer.zero_grad()
        np.mean((model(x) - 1) ** 2).backward()
        optimizer.step()


def random_normal(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(4, 3)).astype(np.float32)


@ANY_PATH
@given(data=st.data())
def test_any_state_comes_back_to_the_bit(path: Path, data: st.DataObject) -> None:
    state = data.draw(states(ALL_DTYPES if path.suffix == ".npz" else COMMON_DTYPES))
    assert same(saved_and_loaded(state, path), state)


def test_unusual_names_come_back(path: Path) -> None:
    names = (
        "",
        ".",
        "a.b",
        "/",
        "a/b",
        "'",
        '"',
        "{",
        "\n",
        "漢字",
        "__metadata__.json",
        "x.npy",
        "nn.checkpoint",
        "con",
    )
    state = {"inside": {name: np.array(i) for i, name in enumerate(names)}, "": np.array(0.5)}
    assert same(saved_and_loaded(state, path), state)
    assert same(saved_and_loaded(state["inside"] | {"/": 1}, path), state["inside"] | {"/": 1})


def test_every_dtype_comes_back(path: Path) -> None:
    dtypes = ALL_DTYPES if path.suffix == ".npz" else COMMON_DTYPES
    state = {dtype.name: random_array(dtype, (2, 3), seed) for seed, dtype in enumerate(dtypes)}
    assert len(state) == len(dtypes) > 12
    assert same(saved_and_loaded(state, path), state)


def test_long_doubles_come_back(tmp_path: Path) -> None:
    state = {"real": np.longdouble([1, 2]) / 3, "complex": np.clongdouble([1j]) / 3}
    loaded = saved_and_loaded(state, tmp_path / "a.npz")
    for name, array in state.items():
        np.testing.assert_array_equal(loaded[name], array, strict=True)


def test_memory_layout_and_byte_order_do_not_matter(path: Path) -> None:
    plain = np.arange(12.0).reshape(3, 4)
    layouts = {
        "fortran": np.asfortranarray(plain),
        "transposed": np.ascontiguousarray(plain.T).T,
        "strided": np.repeat(plain, 2, axis=1)[:, ::2],
        "reversed": np.ascontiguousarray(plain[::-1])[::-1],
        "big": plain.astype(">f8"),
        "little": plain.astype("<f8"),
    }
    loaded = saved_and_loaded(layouts, path)
    assert all(same(array, plain) for array in loaded.values())
    assert all(array.flags.c_contiguous for array in loaded.values())


def test_arrays_that_share_memory_or_repeat_it_come_back_apart(path: Path) -> None:
    shared = np.ones((2, 3))
    loaded = saved_and_loaded({"a": shared, "b": shared, "c": np.broadcast_to(np.float32(2), (3, 2))}, path)
    assert same(loaded, {"a": shared, "b": shared, "c": np.full((3, 2), 2, np.float32)})
    for array in loaded.values():
        assert array.flags.owndata
        array += 1
    assert shared[0, 0] == 1
    assert not any(np.shares_memory(a, b) for a, b in itertools.combinations(loaded.values(), 2))


def test_tensors_come_back_as_arrays(path: Path) -> None:
    parameter = nn.Parameter([1.0, 2.0])
    loaded = saved_and_loaded({"leaf": parameter, "computed": parameter * 2}, path)
    assert same(loaded, {"leaf": np.array([1, 2], np.float32), "computed": np.array([2, 4], np.float32)})


def test_model_comes_back_with_its_buffers_and_tied_weights(path: Path) -> None:
    model, other = Tied(rng=0), Tied(rng=1)
    trained(model, optim.SGD(model.parameters(), lr=0.1), range(2))
    nn.save(model, path)
    assert nn.load(path).keys() == model.state_dict().keys()
    other.load_state_dict(nn.load(path))
    assert same(dict(other.state_dict()), dict(model.state_dict()))
    assert other.decoder.weight is other.encoder.weight
    assert (other.calls, other.scratch) == (2, 1)


def test_training_goes_on_as_if_it_had_not_stopped(path: Path) -> None:
    def started(rng: int) -> tuple[nn.Module, optim.Optimizer]:
        model = Tied(rng)
        return model, optim.Adam(model.named_parameters(), lr=0.1 if rng else 0.01)

    model, optimizer = started(rng=0)
    trained(model, optimizer, range(3))
    nn.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}, path)
    trained(model, optimizer, range(3, 6))

    resumed, its_optimizer = started(rng=1)
    state = nn.load(path)
    resumed.load_state_dict(state["model"])
    its_optimizer.load_state_dict(state["optimizer"])
    trained(resumed, its_optimizer, range(state["epoch"], 6))
    assert same(dict(resumed.state_dict()), dict(model.state_dict()))
    assert same(its_optimizer.state_dict(), optimizer.state_dict())


def test_state_of_a_random_generator_comes_back(path: Path) -> None:
    rng, other = np.random.default_rng(0), np.random.default_rng(1)
    other.bit_generator.state = saved_and_loaded(rng.bit_generator.state, path)
    assert other.random() == rng.random()


def test_metadata_comes_back_without_the_arrays(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    metadata = {"accuracy": 0.5, "sizes": (3, [4]), "note": "ü", "best": None}
    nn.save({"w": np.ones(3)}, path, metadata)
    assert same(nn.load(path), {"w": np.ones(3)})
    monkeypatch.setattr(f"nn.serialization.{path.suffix[1:]}.read_array", None)
    assert same(nn.load_metadata(path), metadata)


def test_metadata_is_empty_if_there_is_none(path: Path) -> None:
    nn.save({}, path)
    assert nn.load(path) == nn.load_metadata(path) == {}


def test_equal_states_make_equal_files(tmp_path: Path) -> None:
    for i, order in enumerate("CF"):
        nn.save({"a": np.ones((2, 3), order=order), "n": 1}, tmp_path / f"{i}.npz")
    assert (tmp_path / "0.npz").read_bytes() == (tmp_path / "1.npz").read_bytes()


STATE = {"model": {"w": np.arange(6, dtype=np.float32).reshape(2, 3), "ü": np.array(3)}, "t": (1, 2.5), "e": np.ones(0)}


def loads_nothing_else(path: Path, content: bytes) -> bool:
    """Whether the file is still loaded; it must be as it was."""
    path.write_bytes(content)
    try:
        loaded = nn.load(path)
    except nn.CheckpointError as error:
        assert str(error).startswith(f"{path}: ")
        return False
    assert same(loaded, STATE)
    return True


def test_every_wrong_byte_is_noticed_or_harmless(path: Path) -> None:
    nn.save(STATE, path)
    content = path.read_bytes()
    harmless = 0
    for i, byte in enumerate(content):
        wrong = byte ^ (1 << i % 8 if i % 3 else 0xFF)
        harmless += loads_nothing_else(path, content[:i] + bytes([wrong]) + content[i + 1 :])
    assert harmless < (0.2 if path.suffix == ".npz" else 0.01) * len(content)  # dates and versions of a zip


@ANY_PATH
@given(data=st.data())
def test_random_damage_is_noticed_or_harmless(path: Path, data: st.DataObject) -> None:
    nn.save(STATE, path)
    content = path.read_bytes()
    for _ in range(8):
        at, until = (data.draw(st.integers(0, len(content))) for _ in range(2))
        instead = data.draw(st.binary(max_size=8) | st.just(content[until : until + 20]))
        loads_nothing_else(path, content[:at] + instead + content[data.draw(st.sampled_from([at, at + 4, until])) :])


def test_truncated_files_are_noticed(path: Path) -> None:
    nn.save(STATE, path)
    content = path.read_bytes()
    for length in range(0, len(content), 5):
        assert not loads_nothing_else(path, content[:length])
    assert loads_nothing_else(path, content)


FOREIGN = {
    "empty": b"",
    "text": b"a text of a few words\n" * 9,
    "zeros": bytes(100),
    "ones": b"\xff" * 100,
    "pickle": b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00}\x94\x8c\x01a\x94K\x01s.",
    "image": b"\x89PNG\r\n\x1a\n" + bytes(60),
    "npy": b"\x93NUMPY\x01\x00v\x00{'descr': '<f8'}",
}


@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN.keys())
def test_other_files_are_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert_refused(path, f"is no {path.suffix} file, or not all of one")


def test_files_of_the_other_format_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("safetensors")
    for written, read in itertools.permutations(("npz", "safetensors")):
        nn.save(STATE, tmp_path / f"a.{written}")
        os.replace(tmp_path / f"a.{written}", tmp_path / f"b.{read}")
        assert_refused(tmp_path / f"b.{read}", "is no .* file")


def test_folders_and_devices_are_refused(path: Path) -> None:
    path.mkdir()
    assert_refused(path, "is a folder or a device")
    path.rmdir()
    os.mkfifo(path)
    assert_refused(path, "is a folder or a device")


def test_missing_file_is_an_os_error(path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=path.name):
        nn.load(path)


@pytest.mark.parametrize("name", ["model", "model.pt", "model.npz.tmp", "npz", "model.npy"])
def test_other_endings_are_refused(name: str, tmp_path: Path) -> None:
    for use in (nn.load, nn.load_metadata, lambda path: nn.save({}, path)):
        with pytest.raises(ValueError, match=r"ends in .*; checkpoints end in \.npz or \.safetensors"):
            use(tmp_path / name)
    assert os.listdir(tmp_path) == []


def test_pickles_are_pointed_at_a_conversion(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"pickles are not read: convert them with safetensors.torch.save_file"):
        nn.load(tmp_path / "model.pth")


def test_ending_may_be_in_capitals_and_path_a_string(tmp_path: Path) -> None:
    nn.save(STATE, str(tmp_path / "A.NPZ"))
    assert same(nn.load(str(tmp_path / "A.NPZ")), STATE)


def test_package_is_needed_for_safetensors_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.safetensors").write_bytes(b"old")
    monkeypatch.setitem(sys.modules, "safetensors", None)
    for use in (nn.load, lambda path: nn.save(STATE, path)):
        with pytest.raises(ImportError, match="pip install safetensors; .npz needs nothing"):
            use(tmp_path / "a.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.safetensors"]
    assert same(saved_and_loaded(STATE, tmp_path / "a.npz"), STATE)


@pytest.mark.parametrize("given", [3, [np.ones(2)], np.ones(2), None, "state"], ids=repr)
def test_only_modules_and_dicts_are_saved(given: Any, path: Path) -> None:
    with pytest.raises(TypeError, match=f"takes a module or a dict of arrays, not a {type(given).__name__}"):
        nn.save(given, path)


def test_optimiser_is_pointed_at_its_state_dict(path: Path) -> None:
    optimizer = optim.SGD([nn.Parameter([1.0])], lr=0.1)
    with pytest.raises(TypeError, match="not a SGD; pass its state_dict()"):
        nn.save(optimizer, path)
    with pytest.raises(TypeError, match=r"state.optimizer is a .*SGD, which cannot be saved; save its state_dict\(\)"):
        nn.save({"optimizer": optimizer}, path)


@pytest.mark.parametrize("metadata", [3, "text", [1]], ids=repr)
def test_metadata_is_a_dict(metadata: Any, path: Path) -> None:
    with pytest.raises(TypeError, match="metadata is a dict"):
        nn.save({}, path, metadata)


def test_metadata_has_no_arrays(path: Path) -> None:
    with pytest.raises(TypeError, match=r"metadata.mean.0 is an array; arrays belong in the state"):
        nn.save({}, path, {"mean": [np.ones(2)]})


def test_what_is_refused_leaves_the_old_file(path: Path) -> None:
    nn.save(STATE, path)
    for wrong in ({"f": print}, {"a": {"b": np.ones(1)}, "a.b": np.ones(1)}, {"../a": np.ones(1)}):
        with pytest.raises((TypeError, ValueError), match="nn.save"):
            nn.save(wrong, path)
    assert same(nn.load(path), STATE)
    assert os.listdir(path.parent) == [path.name]


# What a document may say, tried in the format in which any can be written.


def with_document(path: Path, document: str, **entries: np.ndarray) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in entries.items():
            npy = io.BytesIO()
            np.save(npy, array)
            archive.writestr(f"{name}.npy", npy.getvalue())
        archive.writestr("__metadata__.json", document)


def document(state: str, checksums: str = "{}", version: int = FORMAT) -> str:
    return f'{{"format": {version}, "metadata": {{"dict": {{}}}}, "state": {state}, "checksums": {checksums}}}'


CHECKSUM = '{"a": "00000000"}'
DEEP = 20_000

DOCUMENTS = {
    "nothing": ("", "is not JSON"),
    "other bytes": ("\udcff{", "is not JSON"),
    "many brackets": ("[" * DEEP, "is not JSON"),
    "a long number": ("9" * 5000, "is not JSON"),
    "a list": ("[]", "is not that of a checkpoint"),
    "no state": ('{"format": 1, "metadata": {"dict": {}}, "checksums": {}}', "is not that of a checkpoint"),
    "a state that is a list": (document("[]"), "is not that of a checkpoint"),
    "checksums that are a list": (document('{"dict": {}}', "[]"), "is not that of a checkpoint"),
    "a newer version": (document('{"dict": {}}', version=FORMAT + 1), f"has format {FORMAT + 1}, .*install a newer"),
    "a much newer version": ('{"format": 99}', "has format 99"),
    "an unknown kind": (document('{"dict": {"a": {"set": [1]}}}'), "an object of 'set' that stands for nothing"),
    "two kinds": (document('{"dict": {"a": {"tuple": [], "float": "nan"}}}'), "stands for nothing"),
    "a tuple of nothing": (document('{"dict": {"a": {"tuple": 3}}}'), "stands for nothing"),
    "a float": (document('{"dict": {"a": {"float": "1_0"}}}'), "stands for nothing"),
    "an array too many": (document('{"dict": {"a": {"array": "a"}}}'), "stands for nothing in the file"),
    "an array too few": (document('{"dict": {}}', CHECKSUM), "does not have the arrays of its document: 'a'"),
    "deep nesting": (document('{"dict": {"a": ' + "[" * 90 + "]" * 90 + "}}"), "nested more than 64 deep"),
}


@pytest.mark.parametrize("text, saying", DOCUMENTS.values(), ids=DOCUMENTS.keys())
def test_hostile_documents_are_refused(text: str, saying: str, tmp_path: Path) -> None:
    with_document(tmp_path / "a.npz", text.encode(errors="surrogateescape"))
    assert_refused(tmp_path / "a.npz", saying)


WITH_AN_ARRAY = {
    "unused": ('{"dict": {}}', "no place for 'a'"),
    "used twice": ('{"dict": {"x": {"array": "a"}, "y": {"array": "a"}}}', "stands for nothing in the file"),
    "not a scalar": ('{"dict": {"x": {"scalar": "a"}}}', "stands for nothing in the file"),
}


@pytest.mark.parametrize("state, saying", WITH_AN_ARRAY.values(), ids=WITH_AN_ARRAY.keys())
def test_every_array_has_one_place_in_the_state(state: str, saying: str, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    with_document(path, "", a=np.ones(2))
    with zipfile.ZipFile(path) as archive:
        checksum = f"{archive.getinfo('a.npy').CRC:08x}"
    with_document(path, document(state, f'{{"a": "{checksum}"}}'), a=np.ones(2))
    assert_refused(path, saying)


def test_array_that_was_exchanged_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    nn.save({"a": np.ones(2)}, path)
    with zipfile.ZipFile(path) as archive:
        text = archive.read("__metadata__.json").decode()
    with_document(path, text, a=np.ones(2))
    assert same(nn.load(path), {"a": np.ones(2)})
    with_document(path, text, a=np.full(2, 3.0))
    assert_refused(path, "'a' is damaged: its checksum is")


def test_document_names_the_library_and_its_format(tmp_path: Path) -> None:
    nn.save({"a": np.ones(2)}, tmp_path / "a.npz")
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        text = archive.read("__metadata__.json").decode()
    assert text.startswith(f'{{"format": {FORMAT}, "library": "{LIBRARY}", "version": "')
