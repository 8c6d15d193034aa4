"""Somebody's own files: importing them, and describing what they raise by the line it came from."""

from __future__ import annotations

import importlib
import importlib.util
import linecache
import sys
import textwrap
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

import numpy as np

from .making import UsageError


def load(path: str) -> ModuleType:
    """The module at a path, imported with its folder (or that of its package) on ``sys.path``; or by its name.

    Raises:
        UsageError: there is none.
    """
    file = Path(path)
    if not path.endswith(".py") and not file.is_file():
        try:
            return importlib.import_module(path)
        except ModuleNotFoundError as error:
            if error.name and (path == error.name or path.startswith(f"{error.name}.")):
                raise UsageError(f"there is no file or module {path!r}; write file.py:Class") from None
            raise
    if not file.is_file():
        raise UsageError(f"there is no file {path!r}")
    file = file.resolve()
    root, parts = file.parent, [file.stem] if file.stem != "__init__" else []
    while (root / "__init__.py").exists():
        root, parts = root.parent, [root.name, *parts]
    sys.path.insert(0, str(root))
    if root != file.parent:
        return importlib.import_module(".".join(parts))
    present = sys.modules.get(file.stem)
    if present is not None and getattr(present, "__file__", None) == str(file):
        return present
    name = file.stem if present is None else f"checked_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path!r} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]  # else it would be there, half finished, for another file that imports it
        raise
    return module


def own_frames(error: BaseException, file: str | None) -> list[tuple[FrameType, int]]:
    """The frames of an exception's traceback that run code from the folder of a file, with their lines."""
    if file is None:
        return []
    folder = Path(file).resolve().parent
    found = traceback.walk_tb(error.__traceback__)
    return [(frame, line) for frame, line in found if _within(frame.f_code.co_filename, folder)]


def _within(filename: str, folder: Path) -> bool:
    path = Path(filename)
    return path.is_file() and folder in path.resolve().parents and not path.is_relative_to(Path(__file__).parents[2])


def describe(error: BaseException, file: str | None) -> str:
    """An exception of somebody's own code: what was called, what was raised, and the line it came from."""
    raised = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if isinstance(error, SyntaxError):
        return f"{raised}\n  {error.filename}, line {error.lineno}: {(error.text or '').strip()}"
    frames = own_frames(error, file)
    if not frames:
        return raised
    called, (frame, line) = frames[0][0], frames[-1]
    where = f"{Path(frame.f_code.co_filename).name}, line {line}"
    text = linecache.getline(frame.f_code.co_filename, line).strip()
    arguments = ", ".join(f"{name} {_shown(value)}" for name, value in _given(called))
    call = f"{called.f_code.co_qualname}({arguments})" if called.f_code.co_name != "<module>" else "importing it"
    return f"{call} raised {raised}\n  {where}: {text}"


def _given(frame: FrameType) -> Iterator[tuple[str, Any]]:
    """The arguments of a call, but for self."""
    for name in frame.f_code.co_varnames[: frame.f_code.co_argcount]:
        if name != "self" and name in frame.f_locals:
            yield name, frame.f_locals[name]


def _shown(value: Any) -> str:
    return str(value.shape) if isinstance(value, np.ndarray) else textwrap.shorten(repr(value), 40)
