"""Checkpoints as ``.npz``: a zip of NumPy's ``.npy`` files, which ``numpy.load`` reads too."""

from __future__ import annotations

import contextlib
import io
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Collection, Iterator
from typing import Any, BinaryIO

import numpy as np

from .files import CheckpointError, memory, native, read_array, shown

DOCUMENT = "__metadata__.json"

LOCAL_HEADER = struct.Struct("<4s2xHH16xHH")
"""Signature, flags, method, lengths of name and extra field; section 4.3.7 of the .ZIP File Format Specification."""

ENCRYPTED, UTF8 = 1 << 0, 1 << 11

EXPANSION, SMALL = 20, 1 << 24
"""Compressed arrays may be this many times as large as their file, or this many bytes."""

DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, OverflowError, ValueError)
"""What ``zipfile`` raises on files that are not as they should be."""

ARRAY_HEADER = re.compile(
    rb"\{\s*+'descr':\s*+'([<>|=][biufc]\d{1,2})',\s*+'fortran_order':\s*+(True|False),"
    rb"\s*+'shape':\s*+\(((?:\s*+\d{1,18}\s*+,)*+(?:\s*+\d{1,18})?+)\s*+\)\s*+,?+\s*+\}\s*+"
)
"""What NumPy writes for arrays of numbers, see ``numpy.lib.format``; no repetition is tried in more than one way."""


def write(path: str, arrays: dict[str, np.ndarray], document: dict[str, Any]) -> None:
    """Write arrays, as ``state.describe`` gives them, and the document with their checksums: those of the zip."""
    checksums = {}
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            header = io.BytesIO()
            description = {"descr": array.dtype.str, "fortran_order": False, "shape": array.shape}
            np.lib.format.write_array_header_1_0(header, description)
            info = zipfile.ZipInfo(f"{name}.npy")  # dated 1980: the same state makes the same file
            info.file_size = header.tell() + array.nbytes  # tells whether zip needs its 64-bit fields
            with archive.open(info, "w") as entry:
                entry.write(header.getvalue())
                entry.write(memory(array))
            checksums[name] = f"{info.CRC:08x}"
        archive.writestr(zipfile.ZipInfo(DOCUMENT), json.dumps(document | {"checksums": checksums}))


@contextlib.contextmanager
def opened(path: str, file: BinaryIO) -> Iterator[NpzReader]:
    """The reader of a file."""
    try:
        archive = zipfile.ZipFile(file)
    except DAMAGE as error:
        raise CheckpointError(f"is no .npz file, or not all of one ({error})") from error
    with archive:
        yield NpzReader(file, archive)


class NpzReader:
    """Reads a zip whose entries follow each other from its start to its directory: none hidden, none overlapping."""

    def __init__(self, file: BinaryIO, archive: zipfile.ZipFile) -> None:
        self.file, self.archive = file, archive
        self.starts: dict[str, int] = {}
        self.annotations: dict[str, str] = {}
        end = 0
        for info in sorted(archive.infolist(), key=lambda info: info.header_offset):
            name = info.filename
            if name in self.starts:
                raise CheckpointError(f"has two entries {shown(name)}")
            if name.endswith(".pkl"):
                raise CheckpointError("is a PyTorch file with a pickle in it, which is not read")
            if not name.endswith(".npy") and name != DOCUMENT:
                raise CheckpointError(f"has an entry {shown(name)}, which is not an array")
            if info.header_offset != end:
                raise CheckpointError(f"is damaged: entry {shown(name)} is not where the one before it ends")
            self.starts[name] = self._start(info)
            end = self.starts[name] + info.compress_size
            if name == DOCUMENT and info.compress_type != zipfile.ZIP_STORED:
                raise CheckpointError("has a compressed document, which is refused: it could be of any size")
        if end != archive.start_dir:
            raise CheckpointError("is damaged: its last entry does not end where the directory begins")
        expanded = sum(info.file_size for info in archive.infolist())
        if expanded > max(EXPANSION * end, SMALL):
            raise CheckpointError(f"would expand from {end} to {expanded} bytes, which is refused")
        self.document = self._text() if DOCUMENT in self.starts else None

    @property
    def names(self) -> Collection[str]:
        return [name.removesuffix(".npy") for name in self.starts if name != DOCUMENT]

    def read(self, name: str) -> tuple[np.ndarray, str]:
        with self._stream(f"{name}.npy") as (stream, info):
            head = stream.read(8)
            if head not in (b"\x93NUMPY\1\0", b"\x93NUMPY\2\0"):
                raise CheckpointError(f"{shown(name)} is not an array of numbers or booleans")
            head += stream.read(2 * head[6])  # in version 2 the length has 4 bytes
            length = int.from_bytes(head[8:], "little")
            if len(head) + length > info.file_size:
                raise CheckpointError(f"{shown(name)} is damaged: its header is longer than it")
            header = stream.read(length)
            dtype, fortran_order, shape = _parsed(header, name)
            size = info.file_size - len(head) - length
            array = read_array(stream, dtype, shape[:: -1 if fortran_order else 1], size, name)
        checksum = zlib.crc32(memory(array), zlib.crc32(head + header))
        if checksum != info.CRC:
            raise CheckpointError(f"{shown(name)} is damaged: its checksum is {checksum:08x}, not {info.CRC:08x}")
        return native(array.T if fortran_order else array), f"{checksum:08x}"

    def _start(self, info: zipfile.ZipInfo) -> int:
        """Where the data of an entry begins: after its own header, which must agree with the directory."""
        self.file.seek(info.header_offset)
        fields = self.file.read(LOCAL_HEADER.size).ljust(LOCAL_HEADER.size, b"\0")
        signature, flags, method, name_length, extra_length = LOCAL_HEADER.unpack(fields)
        encoded = info.orig_filename.encode("utf-8" if info.flag_bits & UTF8 else "cp437")
        if (signature, flags, method) != (b"PK\3\4", info.flag_bits, info.compress_type) or (
            self.file.read(name_length) != encoded
        ):
            raise CheckpointError(f"is damaged: entry {shown(info.filename)} and the directory disagree")
        if flags & ENCRYPTED or method not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise CheckpointError(
                f"has an entry {shown(info.filename)} that is encrypted, or compressed in a way not read"
            )
        if method == zipfile.ZIP_STORED and info.file_size != info.compress_size:
            raise CheckpointError(f"is damaged: entry {shown(info.filename)} has two sizes")
        return info.header_offset + LOCAL_HEADER.size + name_length + extra_length

    @contextlib.contextmanager
    def _stream(self, entry: str) -> Iterator[tuple[Any, zipfile.ZipInfo]]:
        """What an entry holds; straight from the file, if it is not compressed."""
        info = self.archive.getinfo(entry)
        if info.compress_type == zipfile.ZIP_STORED:
            self.file.seek(self.starts[entry])
            yield self.file, info
            return
        try:
            with self.archive.open(info) as stream:
                yield stream, info
        except CheckpointError:
            raise
        except DAMAGE as error:
            raise CheckpointError(f"{shown(entry)} is damaged ({error})") from error

    def _text(self) -> str:
        with self._stream(DOCUMENT) as (stream, info):
            text = stream.read(info.file_size)
        if zlib.crc32(text) != info.CRC:
            raise CheckpointError("is damaged: the checksum of its document is another")
        return text.decode(errors="replace")


def _parsed(header: bytes, name: str) -> tuple[np.dtype, bool, tuple[int, ...]]:
    """dtype, order and shape, from a header that is matched rather than evaluated."""
    found = ARRAY_HEADER.fullmatch(header)
    if found is None:
        text = shown(header.decode("latin1").strip())
        raise CheckpointError(f"{shown(name)} is not an array of numbers or booleans: {text}")
    try:
        dtype = np.dtype(found[1].decode())
    except TypeError as error:
        raise CheckpointError(f"{shown(name)} has dtype {found[1].decode()}, unknown here") from error
    return dtype, found[2] == b"True", tuple(int(n) for n in found[3].split(b",") if n.strip())
