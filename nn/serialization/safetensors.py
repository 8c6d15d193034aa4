"""Checkpoints as ``.safetensors``: a header of JSON, then the arrays; needs the package of that name.

https://github.com/huggingface/safetensors#format: 8 bytes with the length of the header, which has dtype, shape and
position of each array; the memory of the arrays follows, little-endian, in C order and without gaps.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import zlib
from collections.abc import Collection, Iterator
from importlib import import_module
from types import ModuleType
from typing import Any, BinaryIO

import numpy as np

from .files import CheckpointError, memory, native, read_array, shown

DOCUMENT, CHECKSUM = "nn.checkpoint", "nn.checkpoint.crc32"
"""Keys in the header's ``__metadata__``."""

CODES = dict(
    BOOL="?", U8="u1", U16="u2", U32="u4", U64="u8", I8="i1", I16="i2", I32="i4", I64="i8",
    F16="f2", F32="f4", F64="f8", C64="c8", BF16="u2",
)  # fmt: skip
"""NumPy's dtypes for those of safetensors; a bfloat16 is read as the bits of the upper half of a float32."""

DTYPES = {name: np.dtype(code).newbyteorder("<") for name, code in CODES.items()}

NAMES = {np.dtype(code): name for name, code in CODES.items() if name != "BF16"}


def package(name: str) -> ModuleType:
    """A module of the package, which is optional.

    Raises:
        ImportError: it is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(
            "checkpoints that end in .safetensors need the package: pip install safetensors; .npz needs nothing"
        ) from error


def write(path: str, arrays: dict[str, np.ndarray], document: dict[str, Any]) -> None:
    """Write arrays, as ``state.describe`` gives them, and the document with their checksums.

    Raises:
        TypeError, ValueError: an array that the format cannot hold.
        ImportError: the package is not installed.
        RuntimeError: the package failed.
    """
    api, numpy_api = package("safetensors"), package("safetensors.numpy")
    for name, array in arrays.items():
        if array.dtype not in NAMES:
            raise TypeError(f"nn.save: {name} has dtype {array.dtype}, which .safetensors does not have; use .npz")
        if name == "__metadata__":
            raise ValueError(f"nn.save: .safetensors keeps the name {name!r} for itself; use another, or .npz")
    checksums = {name: _checksum(array, NAMES[array.dtype]) for name, array in arrays.items()}
    text = json.dumps(document | {"checksums": checksums})
    try:
        numpy_api.save_file(arrays, path, {DOCUMENT: text, CHECKSUM: f"{zlib.crc32(text.encode()):08x}"})
    except api.SafetensorError as error:  # versions before 0.7 have no complex64
        raise RuntimeError(f"nn.save: safetensors {api.__version__} failed ({error}); use .npz") from error


def _checksum(array: np.ndarray, dtype: str) -> str:
    """That of dtype, shape and memory: 2x3 that became 3x2 is damage too."""
    return f"{zlib.crc32(memory(array), zlib.crc32(f'{dtype}{list(array.shape)}'.encode())):08x}"


@contextlib.contextmanager
def opened(path: str, file: BinaryIO) -> Iterator[SafetensorsReader]:
    """The reader of a file, whose header the package has checked."""
    api = package("safetensors")
    try:
        with api.safe_open(path, framework="numpy"):
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length).decode(), object_pairs_hook=_without_duplicates)
    except (api.SafetensorError, ValueError, RecursionError) as error:
        raise CheckpointError(f"is no .safetensors file, or not all of one ({error})") from error
    yield SafetensorsReader(file, header, 8 + length)


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name is there twice")
    return found


class SafetensorsReader:
    """Reads a file without the detour through the package: one copy less, and bfloat16."""

    def __init__(self, file: BinaryIO, header: dict[str, Any], start: int) -> None:
        self.file = file
        self.annotations: dict[str, str] = header.pop("__metadata__", None) or {}
        self.entries: dict[str, tuple[str, tuple[int, ...], int, int]] = {}
        end = start
        for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
            dtype, shape = entry["dtype"], tuple(entry["shape"])
            if dtype not in DTYPES:
                raise CheckpointError(f"{shown(name)} has dtype {dtype}, which NumPy does not have")
            size = math.prod(shape) * DTYPES[dtype].itemsize
            if entry["data_offsets"] != [end - start, end - start + size]:
                raise CheckpointError(f"is damaged: {shown(name)} is not where the array before it ends")
            self.entries[name] = dtype, shape, end, size
            end += size
        if end != os.fstat(file.fileno()).st_size:
            raise CheckpointError("is damaged: its arrays do not end where the file does")
        self.document = self.annotations.get(DOCUMENT)
        expected = None if self.document is None else f"{zlib.crc32(self.document.encode()):08x}"
        if self.annotations.get(CHECKSUM) != expected:
            raise CheckpointError("is damaged: the checksum of its document is another")

    @property
    def names(self) -> Collection[str]:
        return self.entries.keys()

    def read(self, name: str) -> tuple[np.ndarray, str]:
        dtype, shape, start, size = self.entries[name]
        self.file.seek(start)
        array = read_array(self.file, DTYPES[dtype], shape, size, name)
        checksum = _checksum(array, dtype)
        if dtype == "BF16":
            array = (array.astype(np.uint32) << 16).view(np.float32)
        return native(array), checksum
