"""``.npz`` files of NumPy are read; hostile ones are refused before anything large is allocated."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

import nn

from .comparing import ALL_DTYPES, assert_refused, random_array, same

HUGE = 10**12


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.npz"


ARRAYS = {dtype.name: random_array(dtype, (2, 3), seed) for seed, dtype in enumerate(ALL_DTYPES)}
ARRAYS |= {"scalar": np.array(3.0), "empty": np.ones((0, 4)), "arr_0": np.ones(5), "a/b": np.ones(1), "ü": np.ones(1)}


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_files_of_numpy_are_dicts_of_their_arrays(write: type, path: Path) -> None:
    write(path, **ARRAYS)
    assert same(nn.load(path), ARRAYS)
    assert nn.load_metadata(path) == {}


def test_numpy_reads_ours(path: Path) -> None:
    nn.save(ARRAYS, path)
    with np.load(path) as file:
        assert file.files == [*ARRAYS, "__metadata__.json"]
        assert same({name: file[name] for name in ARRAYS}, ARRAYS)


def test_numpys_fortran_order_and_byte_order_become_c_and_native(path: Path) -> None:
    array = np.arange(6.0).reshape(2, 3)
    np.savez(path, fortran=np.asfortranarray(array), big=array.astype(">f8"), both=np.asfortranarray(array, ">f8"))
    loaded = nn.load(path)
    assert all(same(found, array) and found.flags.c_contiguous and found.flags.writeable for found in loaded.values())


def test_compressed_zeros_are_read_as_long_as_there_are_few(path: Path) -> None:
    np.savez_compressed(path, zeros=np.zeros(10**5))
    assert same(nn.load(path), {"zeros": np.zeros(10**5)})
    np.savez_compressed(path, zeros=np.zeros(2**24, bool))
    assert_refused(path, r"would expand from \d+ to 16777344 bytes, which is refused")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("array", [np.array([{}]), np.array(["text"]), np.zeros(2, "f4,i4"), np.zeros(1, "M8[s]")])
def test_arrays_of_other_things_are_refused(array: np.ndarray, path: Path) -> None:
    np.savez(path, fine=np.ones(1), other=array)
    assert_refused(path, "'other' is not an array of numbers or booleans")


def npy(header: str, data: bytes = b"", version: int = 1) -> bytes:
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + length + header.encode() + data


def header(dtype: str = "<f8", shape: str = "(2,)", fortran: str = "False") -> str:
    return f"{{'descr': '{dtype}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n"


def archive(path: Path, *entries: tuple[str, bytes], compression: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in entries:
            file.writestr(name, content)


DATA = np.arange(2.0).tobytes()

ENTRIES = {
    "nothing": (b"", "is not an array"),
    "text": (b"some text that is no array", "is not an array"),
    "half a magic": (b"\x93NUM", "is not an array"),
    "no length": (b"\x93NUMPY\1\0", "its header is longer than it|is not an array"),
    "version 9": (npy(header(), DATA, version=9), "is not an array"),
    "a long header": (b"\x93NUMPY\2\0" + b"\xff" * 4, "its header is longer than it"),
    "a pickle": (npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", b"\x80\x04N."), "is not an array of"),
    "code": (npy("__import__('os').abort()"), 'is not an array of numbers or booleans: "__import__'),
    "brackets": (npy("(" * 60_000), "is not an array of numbers"),
    "digits": (npy(header(shape=f"({'9' * 5000},)"), DATA), "is not an array of numbers"),
    "too many bytes": (npy(header(), DATA + b"1"), r"has 17 bytes, which is not the size of float64\[2\]"),
    "too few bytes": (npy(header(), DATA[1:]), "has 15 bytes"),
    "a huge shape": (npy(header(shape=f"({HUGE},)"), DATA), f"is not the size of float64.{HUGE}"),
    "a shape that overflows": (npy(header(shape=f"({2**32}, {2**32})"), b""), "has 0 bytes, which is not the size"),
    "a huge empty shape": (npy(header(shape=f"(0, {HUGE}, {HUGE})")), "a shape that no array can have"),
    "100 dimensions": (npy(header(shape=f"({'1, ' * 100})"), DATA[:8]), "a shape that no array can have"),
    "a negative shape": (npy(header(shape="(-2, -1)"), DATA), "is not an array of numbers"),
    "a float of 5 bytes": (npy(header("<f5"), DATA), "has dtype <f5, unknown here"),
    "a boolean of 2": (npy(header("|b1"), b"\1\2"), "booleans that are neither 0 nor 1"),
}


@pytest.mark.parametrize("entry, saying", ENTRIES.values(), ids=ENTRIES.keys())
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_hostile_entries_are_refused(entry: bytes, saying: str, compression: int, path: Path) -> None:
    archive(path, ("a.npy", entry), compression=compression)
    assert_refused(path, f"'a' .*{saying}")


def test_headers_of_other_writers_are_read(path: Path) -> None:
    spaced = "{ 'descr': '<f8','fortran_order': True , 'shape' : ( 1 , 2 ) }  "
    archive(
        path,
        ("a.npy", npy(header(), DATA, version=2)),
        ("b.npy", npy(spaced.replace(" ,", ",").replace(" :", ":"), DATA)),
    )
    assert same(nn.load(path), {"a": np.arange(2.0), "b": np.arange(2.0)[None]})


FINE = ("a.npy", npy(header(), DATA))


def test_names_in_the_old_encoding_of_zip_are_read(path: Path) -> None:
    archive(path, ("?.npy", FINE[1]))
    path.write_bytes(path.read_bytes().replace(b"?.npy", "ü.npy".encode("cp437")))
    assert same(nn.load(path), {"ü": np.arange(2.0)})


@pytest.mark.parametrize("name", ["../a.npy", "/a.npy", "b/../../a.npy", "C:/a.npy"])
def test_names_that_are_paths_are_refused(name: str, path: Path) -> None:
    archive(path, (name, FINE[1]))
    assert_refused(path, "has entries whose names are paths")


def test_files_of_pytorch_are_refused(path: Path) -> None:
    archive(path, ("archive/data.pkl", b"\x80\2}q\0."), ("archive/data/0", b"1234"))
    assert_refused(path, "is a PyTorch file with a pickle in it, which is not read")


def test_zips_of_other_things_are_refused(path: Path) -> None:
    archive(path, FINE, ("word/document.xml", b"<xml/>"))
    assert_refused(path, "has an entry 'word/document.xml', which is not an array")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_entries_of_one_name_are_refused(path: Path) -> None:
    archive(path, FINE, FINE)
    assert_refused(path, "has two entries 'a.npy'")


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_unusual_compression_is_refused(compression: int, path: Path) -> None:
    archive(path, FINE, compression=compression)
    assert_refused(path, "encrypted, or compressed in a way not read")


def edited(path: Path, at: bytes, offset: int, form: str, value: int) -> None:
    """Write a field of the (first) header that begins with ``at``."""
    content = bytearray(path.read_bytes())
    struct.pack_into(form, content, content.index(at) + offset, value)
    path.write_bytes(content)


LOCAL, DIRECTORY, END = b"PK\3\4", b"PK\1\2", b"PK\5\6"

FIELDS = {
    "flags": (DIRECTORY, 8, "<H", 1, "disagree"),
    "method": (DIRECTORY, 10, "<H", 8, "disagree"),
    "checksum": (DIRECTORY, 16, "<I", 1, "its checksum is"),
    "compressed size": (DIRECTORY, 20, "<I", 2**32 - 2, "has two sizes"),
    "size": (DIRECTORY, 24, "<I", 2**32 - 2, "has two sizes"),
    "64-bit size": (DIRECTORY, 24, "<I", 2**32 - 1, "has two sizes|is no .npz file"),
    "length of the name": (DIRECTORY, 28, "<H", 60_000, "is no .npz file|disagree|which is not an array"),
    "place": (DIRECTORY, 42, "<I", 2**32 - 2, "is not where the one before it ends"),
    "local name": (LOCAL, 26, "<H", 4, "disagree"),
    "local extra field": (LOCAL, 28, "<H", 1, "is not where|does not end where"),
    "local flags": (LOCAL, 6, "<H", 1, "disagree"),
    "local signature": (LOCAL, 0, "<I", 1, "disagree"),
    "size of the directory": (END, 12, "<I", 2**32 - 2, "is no .npz file"),
    "place of the directory": (END, 16, "<I", 2**32 - 2, "is no .npz file|not where"),
}


@pytest.mark.parametrize("at, offset, form, value, saying", FIELDS.values(), ids=FIELDS.keys())
def test_edited_fields_are_refused(at: bytes, offset: int, form: str, value: int, saying: str, path: Path) -> None:
    archive(path, FINE, ("b.npy", FINE[1]))
    edited(path, at, offset, form, value)
    assert_refused(path, saying)


def test_compressed_document_is_refused(path: Path) -> None:
    archive(path, ("__metadata__.json", b"[" + b"[]," * 10**5), compression=zipfile.ZIP_DEFLATED)
    assert_refused(path, "has a compressed document, which is refused")


def test_header_of_spaces_takes_no_quadratic_time(path: Path) -> None:
    spaces = " " * 10**6
    for long in (header() + spaces + "x", header(shape=f"(2,{spaces}x)"), header().replace(", }", spaces)):
        archive(path, ("a.npy", npy(long, DATA, version=2)))
        with pytest.raises(nn.CheckpointError, match="is not an array of numbers"):
            nn.load(path)


def test_encrypted_entries_are_refused(path: Path) -> None:
    archive(path, FINE)
    edited(path, DIRECTORY, 8, "<H", 1)
    edited(path, LOCAL, 6, "<H", 1)
    assert_refused(path, "is encrypted, or compressed")


def test_entries_that_overlap_are_refused(path: Path) -> None:
    """As in David Fifield's zip bomb, in which all entries of the directory share the data of one."""
    archive(path, FINE, ("b.npy", FINE[1]))
    content = path.read_bytes()
    second = content.rindex(DIRECTORY)
    path.write_bytes(content[: second + 42] + bytes(4) + content[second + 46 :])
    assert_refused(path, "'b.npy' is not where the one before it ends")


def test_bytes_that_are_in_no_entry_are_refused(path: Path) -> None:
    archive(path, FINE)
    content = path.read_bytes()
    path.write_bytes(b"#!/bin/sh\n" + content)
    assert_refused(path, "'a.npy' is not where the one before it ends")
    middle = content.index(DIRECTORY)
    path.write_bytes(content[:middle] + b"hidden" + content[middle:])
    assert_refused(path, "is damaged")


def test_compressed_size_that_lies_is_refused(path: Path) -> None:
    archive(path, ("a.npy", npy(header(shape="(1000,)"), bytes(8000))), compression=zipfile.ZIP_DEFLATED)
    edited(path, DIRECTORY, 24, "<I", 2**31)
    assert_refused(path, "would expand from .* to 2147483648 bytes")
    edited(path, DIRECTORY, 24, "<I", 10_000)
    assert_refused(path, "'a' has 9929 bytes, which is not the size of float64.1000")


def test_compressed_data_that_ends_early_is_refused(path: Path) -> None:
    archive(path, ("a.npy", npy(header(shape="(1001,)"), bytes(8000))), compression=zipfile.ZIP_DEFLATED)
    edited(path, DIRECTORY, 24, "<I", len(npy(header(shape="(1001,)"))) + 8008)
    assert_refused(path, "'a' is cut off")


def test_damaged_compression_is_noticed_or_harmless(path: Path) -> None:
    array = np.random.default_rng(0).integers(9, size=200)
    np.savez_compressed(path, a=array)
    content = path.read_bytes()
    harmless = 0
    for at in range(content.index(b"a.npy"), content.index(DIRECTORY), 3):
        path.write_bytes(content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :])
        try:
            assert same(nn.load(path), {"a": array})
            harmless += 1
        except nn.CheckpointError as error:
            assert str(error).startswith(f"{path}: ")
    assert harmless < 10  # in the entry's own header, and in the bits after the last one that counts


def test_arrays_beyond_the_32_bits_of_zip_are_saved(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 1000)
    state = {"a": np.arange(1000.0), "b": np.ones(3)}
    nn.save(state, path)
    assert same(nn.load(path), state)
