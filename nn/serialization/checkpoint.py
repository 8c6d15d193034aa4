"""Saving and loading: the same for all formats."""

from __future__ import annotations

import contextlib
import json
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata as distributions
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from ..module import Module
from . import npz, safetensors
from .files import CheckpointError, Reader, is_entry_name, replacing, shown
from .state import describe, restore

FORMAT = 1
"""The version of the document. It is raised when older versions of the library cannot read what is written."""

LIBRARY = "tape-autodiff"


class Container(NamedTuple):
    """A file format."""

    write: Callable[[str, dict[str, np.ndarray], dict[str, Any]], None]
    opened: Callable[[str, BinaryIO], contextlib.AbstractContextManager[Reader]]


CONTAINERS = {
    ".npz": Container(npz.write, npz.opened),
    ".safetensors": Container(safetensors.write, safetensors.opened),
}

PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".pkl")


def save(
    model_or_state_dict: Module | Mapping[str, Any],
    path: str | os.PathLike[str],
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Write the state of a model, or any nested state, to a file that ``load`` reads.

    A state is a dict of arrays or tensors of numbers and booleans, of None, bools, ints, floats and strings, and of
    lists, tuples and dicts of all these; an optimiser's ``state_dict()`` is one. The old file is replaced in one step,
    when the new one is safely on the disk: whatever happens, one of them is there, and whole.

    Args:
        model_or_state_dict: a module, whose ``state_dict()`` is saved, or a state.
        path: ends in ``.npz``, or in ``.safetensors``, which needs the package of that name, and has no complex128 and
            no extended precision.
        metadata: what ``load_metadata`` returns; a state without arrays.

    Raises:
        TypeError: something in the state that cannot be saved, with its path; the old file is untouched.
        ValueError: a path with another ending, or two arrays that would have one name.
        ImportError: the package ``safetensors`` is needed.

    >>> import tempfile
    >>> state = {"model": {"weight": np.ones(2)}, "betas": (0.9, 0.999), "epoch": 3}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(state, f"{folder}/last.npz", metadata={"accuracy": 0.97})
    ...     load(f"{folder}/last.npz"), load_metadata(f"{folder}/last.npz")
    ({'model': {'weight': array([1., 1.])}, 'betas': (0.9, 0.999), 'epoch': 3}, {'accuracy': 0.97})
    """
    container = _container(path)
    state = model_or_state_dict.state_dict() if isinstance(model_or_state_dict, Module) else model_or_state_dict
    if not isinstance(state, Mapping):
        offer = "; pass its state_dict()" if hasattr(state, "state_dict") else ""
        raise TypeError(f"nn.save takes a module or a dict of arrays, not a {type(state).__name__}{offer}")
    if not isinstance(metadata, Mapping | None):
        raise TypeError(f"nn.save: metadata is a dict, not a {type(metadata).__name__}")
    arrays: dict[str, np.ndarray] = {}
    document = {
        "format": FORMAT,
        "library": LIBRARY,
        "version": _version(),
        "metadata": describe(metadata or {}, None, "metadata"),
        "state": describe(state, arrays),
    }
    with replacing(os.fspath(path)) as temporary:
        container.write(temporary, arrays, document)


def load(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The state that ``save`` was given, for ``model.load_state_dict(load(path))``.

    Values, dtypes, shapes and nesting are the same to the bit; the arrays are new, in C order and native byte order,
    also where tensors were saved. From files of other libraries (``numpy.savez``, ``safetensors.torch.save_file``)
    come dicts of their arrays, with float32 for bfloat16, whose values it all has.

    Raises:
        CheckpointError: the file is not a checkpoint, or is damaged, or was written by a newer version.
        OSError: it cannot be read; FileNotFoundError if there is none.
        ImportError: the package ``safetensors`` is needed.
    """
    with _reader(path) as reader:
        document = _document(reader)
        if document is None:
            return {name: reader.read(name)[0] for name in reader.names}
        checksums = document["checksums"]
        if checksums.keys() != set(reader.names):
            raise CheckpointError(
                f"does not have the arrays of its document: {shown(*checksums.keys() ^ reader.names)}"
            )
        arrays = {}
        for name in reader.names:
            arrays[name], checksum = reader.read(name)
            if checksum != checksums[name]:
                raise CheckpointError(f"{shown(name)} is damaged: its checksum is {checksum}, not {checksums[name]}")
        state = restore(document["state"], arrays)
        if arrays:
            raise CheckpointError(f"its document has no place for {shown(*arrays)}")
        return state


def load_metadata(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The metadata that ``save`` was given, without reading the arrays; raises what ``load`` does.

    Other libraries' ``.safetensors`` files may have some, which are strings; their ``.npz`` files have none.
    """
    with _reader(path) as reader:
        document = _document(reader)
        return reader.annotations if document is None else restore(document["metadata"], {})


def _version() -> str:
    try:
        return distributions.version(LIBRARY)
    except distributions.PackageNotFoundError:  # run from its source
        return "unknown"


def _container(path: str | os.PathLike[str]) -> Container:
    suffix = os.path.splitext(os.fspath(path))[1].lower()
    if suffix not in CONTAINERS:
        hint = "; pickles are not read: convert them with safetensors.torch.save_file" if suffix in PICKLES else ""
        raise ValueError(f"{os.fspath(path)!r} ends in {suffix!r}; checkpoints end in .npz or .safetensors{hint}")
    return CONTAINERS[suffix]


@contextlib.contextmanager
def _reader(path: str | os.PathLike[str]) -> Iterator[Reader]:
    """The reader of a file; errors inside the context get the file's name."""
    container, name = _container(path), os.fspath(path)
    try:
        if not stat.S_ISREG(os.stat(name).st_mode):
            raise CheckpointError("is a folder or a device, not a file")
        with open(name, "rb") as file, container.opened(name, file) as reader:
            unfit = [entry for entry in reader.names if not is_entry_name(entry)]
            if unfit:
                raise CheckpointError(f"has entries whose names are paths: {shown(*unfit)}")
            yield reader
    except CheckpointError as error:
        raise CheckpointError(f"{name}: {error}") from error.__cause__


def _document(reader: Reader) -> dict[str, Any] | None:
    """The document of a file, with all its parts; None if another library wrote the file."""
    if reader.document is None:
        return None
    try:
        document = json.loads(reader.document)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"its document is not JSON ({error})") from error
    match document:
        case {"format": int(version)} if version > FORMAT:
            raise CheckpointError(
                f"has format {version}, and this version of {LIBRARY} reads up to {FORMAT}: install a newer one"
            )
        case {"format": int(), "metadata": {"dict": dict()}, "state": {"dict": dict()}, "checksums": dict()}:
            return document
    raise CheckpointError("its document is not that of a checkpoint")
