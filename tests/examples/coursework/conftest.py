"""Modules of the exercises, each exercise in isolation: several have a ``mytorch`` or an ``hw1``, which differ.

And what their graders compare: arrays to the shape and dtype, and arguments by name, order and default.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

COURSEWORK = Path(__file__).parents[3] / "examples" / "coursework"


@contextmanager
def on_path(*folders: Path) -> Iterator[None]:
    """Within it, modules are looked for in ``folders`` first; afterwards it is as if none had been imported."""
    ours = {entry.stem for folder in folders for entry in folder.iterdir()}

    def taken_out() -> dict[str, ModuleType]:
        return {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] in ours}

    path, others = sys.path[:], taken_out()
    sys.path[:0] = map(str, folders)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        taken_out()
        sys.modules.update(others)
        sys.path[:] = path


def load(*names: str, path: Path | tuple[Path, ...]) -> list[ModuleType]:
    """Modules by name, from the folders that a course's grader would put on the path.

    ``linear, hw1 = load("linear", "hw1", path=(COURSEWORK / "cmu_2021" / "mytorch", COURSEWORK / "cmu_2021" / "hw1"))``
    """
    with on_path(*([path] if isinstance(path, Path) else path)):
        return [importlib.import_module(name) for name in names]


def equal(actual: Any, expected: Any, tolerance: float = 1e-12) -> None:
    """A plain array in double precision, of the expected shape and entries."""
    assert type(actual) is np.ndarray and actual.dtype == np.float64
    assert actual.shape == np.shape(expected)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance)


def arguments(function: Callable) -> str:
    """The names and defaults of a function's arguments that can be given by position, as in ``"n, debug=False"``."""
    return ", ".join(
        name if p.default is p.empty else f"{name}={p.default!r}"
        for name, p in inspect.signature(function).parameters.items()
        if p.kind is p.POSITIONAL_OR_KEYWORD and name != "self"
    )
