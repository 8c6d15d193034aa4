"""Who can see an array's memory: what decides between writing in place and making a copy.

CPython's reference counts tell: they are compared with those of a fresh array in the same place, taken at import.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np


def sole_owner(tensor: Any) -> bool:
    """Whether nobody but this tensor can see its memory, so that writing to it changes no one else's value.

    The array owns its memory and is referred to by this tensor alone. NumPy's views, saved values of the tape and
    the caller's variables all count as references, so they are safe.
    """
    data = tensor._data
    return data.base is None and data.flags.owndata and data.flags.writeable and sys.getrefcount(data) == _SOLE


def take_own(found: list) -> Any:
    """The array in ``found`` if nobody else can see its memory, else a copy."""
    g = found.pop()
    if type(g) is np.ndarray and g.flags.writeable and sys.getrefcount(g) == _OWN:
        base = g.base
        if base is None and g.flags.owndata:
            return g
        if type(base) is np.ndarray and base.flags.owndata and sys.getrefcount(base) == _OWN + 1:
            return g
    return np.array(g)


def _references_of_sole(tensor: Any) -> int:
    data = tensor._data
    return sys.getrefcount(data)


def _references_of_own(found: list) -> int:
    g = found.pop()
    return sys.getrefcount(g)


class _Holder:
    def __init__(self) -> None:
        self._data = np.empty(1)


_SOLE = _references_of_sole(_Holder())
_OWN = _references_of_own([np.empty(1)])


class _Probe:
    """Counts the references to the target of ``+=``: a temporary (``x[i] += v``) has fewer than a variable."""

    references = 0
    temporary = 0

    def __getitem__(self, index: int) -> _Probe:
        return _Probe()

    def __setitem__(self, index: int, value: _Probe) -> None:
        self.temporary = value.references

    def __iadd__(self, other: Any) -> _Probe:
        self.references = sys.getrefcount(self)
        return self


_probe = _Probe()
_probe[0] += 1  # type: ignore[misc]
TEMPORARY = _probe.temporary
