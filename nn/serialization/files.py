"""What all checkpoint files have in common: how they are replaced, and how an array is read out of one."""

from __future__ import annotations

import contextlib
import errno
import math
import os
import re
import secrets
import stat
from collections.abc import Collection, Iterator
from typing import Any, Protocol

import numpy as np


class CheckpointError(ValueError):
    """A file that is not a checkpoint, or is damaged, or was written by a newer version; nothing has changed."""


class Reader(Protocol):
    """An opened file, whose claims about itself have been checked."""

    document: str | None
    """The JSON that ``save`` wrote, None if another library wrote the file."""

    annotations: dict[str, str]
    """The metadata of the format itself."""

    @property
    def names(self) -> Collection[str]:
        """The names of the arrays, in the order in which they are in the file."""

    def read(self, name: str) -> tuple[np.ndarray, str]:
        """An array, and the checksum of its entry."""


PATHS = re.compile(r"/.*|[A-Za-z]:/.*|(.*/)?\.\.(/.*)?|.*[\\\0].*", re.DOTALL)
"""Names that a tool that unpacks a zip would write to outside of its folder, or cut off."""


def is_entry_name(name: str) -> bool:
    """Whether an array may have this name in a file."""
    try:
        return len(name.encode()) < 60_000 and not PATHS.fullmatch(name)  # zip has 16 bits for the length
    except UnicodeEncodeError:  # half of a surrogate pair
        return False


def shown(*names: str) -> str:
    """The first few names, for an error."""
    some = ", ".join(repr(name) if len(name) < 80 else f"{name[:76]!r}..." for name in names[:4])
    return f"{some} and {len(names) - 4} more" if len(names) > 4 else some


def native(array: np.ndarray) -> np.ndarray:
    """The array itself, or a copy in C order and the byte order of this machine."""
    dtype = array.dtype if array.dtype.isnative else array.dtype.newbyteorder("=")
    return np.asarray(array, dtype, order="C")


def memory(array: np.ndarray) -> memoryview:
    """The bytes of an array that is in C order."""
    return array.reshape(-1).view(np.uint8).data


def read_array(stream: Any, dtype: np.dtype, shape: tuple[int, ...], size: int, name: str) -> np.ndarray:
    """A new array with the next ``size`` bytes of a stream, which the file is known to have."""
    if math.prod(shape) * dtype.itemsize != size:
        raise CheckpointError(f"{shown(name)} has {size} bytes, which is not the size of {dtype}{list(shape)}")
    try:
        array = np.empty(shape, dtype)
    except ValueError as error:  # too many axes, or one too long beside one of length 0
        raise CheckpointError(f"{shown(name)} has a shape that no array can have: {error}") from error
    if stream.readinto(memory(array)) != size:
        raise CheckpointError(f"{shown(name)} is cut off")
    if dtype.kind == "b" and array.view(np.uint8).max(initial=0) > 1:
        raise CheckpointError(f"{shown(name)} has booleans that are neither 0 nor 1")
    return array


@contextlib.contextmanager
def replacing(target: str) -> Iterator[str]:
    """The path of an empty file beside ``target``: what was written to it takes its place, but only if all went well.

    The order makes it safe from loss of power: the new file is on the disk before it gets the old one's name, and the
    name is when this returns.
    """
    target = os.path.realpath(target)  # a link stays one
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        raise FileNotFoundError(errno.ENOENT, "there is no such folder", folder)
    mode = None
    if os.path.exists(target):
        with open(target, "rb+") as old:  # raises where writing into the old file would
            mode = stat.S_IMODE(os.fstat(old.fileno()).st_mode)
    temporary = os.path.join(folder, f".{secrets.token_hex(8)}.tmp")
    try:
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666 if mode is None else mode))
        mode = stat.S_IMODE(os.stat(temporary).st_mode) if mode is None else mode  # 0o666 less what umask forbids
        yield temporary
        os.chmod(temporary, mode)  # whatever wrote it may have set another
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    _sync_folder(folder)


def _sync_folder(folder: str) -> None:
    """Write the names in a folder to the disk, where the system and the file system can do that."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)
