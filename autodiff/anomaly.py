"""``detect_anomaly``: what is too expensive to watch on every call, for the one run that looks for a fault."""

from __future__ import annotations

import sys
import zlib
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from .tape import Node, Tape, current, enter, is_recording, leave

LIBRARY = frozenset(("autodiff", "nn", "optim", "numpy", "scipy"))


class detect_anomaly:
    """Find the line that made the first NaN or infinity, or an array changed behind the tape's back.

    Inside this context manager every call's value, every gradient and every saved array is checked, which is slow. A
    backward pass then raises at the first non-finite gradient, or if it starts from a non-finite value, and names the
    line of your program whose forward call made it. Values that nothing selects (``where``) raise nothing.

    >>> import numpy as np
    >>> from autodiff import Tensor
    >>> x = Tensor([0.0, 1.0], requires_grad=True)
    >>> with detect_anomaly(), np.errstate(divide="ignore"):
    ...     np.log(x).sum().backward()  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    RuntimeError: detect_anomaly: backward() of a non-finite value; the first came from log, called at ...

    Raises:
        RuntimeError: from the backward pass, as above.
    """

    def __enter__(self) -> None:
        enter(self, Tape(current.get(), Watch()), is_recording())

    def __exit__(self, *exception: object) -> None:
        leave(self)


class Watch:
    """What ``detect_anomaly`` knows of each node: the user's line that made it, and checksums of what it saved."""

    def __init__(self) -> None:
        self.lines: WeakKeyDictionary[Node, str] = WeakKeyDictionary()
        self.checksums: WeakKeyDictionary[Node, list[int]] = WeakKeyDictionary()
        self.first_in_forward: str | None = None

    def recorded(self, node: Node, out: Any) -> None:
        """A call was recorded."""
        self.lines[node] = _line_of_user()
        self.checksums[node] = _checksums(node.saved)
        if self.first_in_forward is None and not _finite(out):
            self.first_in_forward = f"{node.pullback.name}, called at {self.lines[node]}"

    def moved(self, node: Node, rule: Node) -> None:
        """A hook was put on ``node``, and its rule with what it saved moved to another."""
        if node in self.checksums:
            self.lines[rule], self.checksums[rule] = self.lines[node], self.checksums.pop(node)

    def started(self, value: Any) -> None:
        """A backward pass starts from a value."""
        if not _finite(value):
            source = self.first_in_forward or "an input of the program"
            raise RuntimeError(f"detect_anomaly: backward() of a non-finite value; the first came from {source}")

    def visited(self, node: Node, g: Any, pairs: Any) -> None:
        """A node's rule has run, on the cotangent ``g``."""
        line = self.lines.get(node) or node.location()
        if node in self.checksums and _checksums(node.saved) != self.checksums[node]:
            raise RuntimeError(
                f"detect_anomaly: an array that {node.pullback.name} saved at {line} was changed in place afterwards, "
                "so its gradient would be wrong; change a copy instead"
            )
        if not all(_finite(gradient) for _, gradient in pairs):
            earlier = f"; the first non-finite value came from {self.first_in_forward}" if self.first_in_forward else ""
            raise RuntimeError(
                f"detect_anomaly: the backward pass of {node.pullback.name}, called at {line}, made a non-finite "
                f"gradient{earlier}"
            )


def _finite(value: Any) -> bool:
    if isinstance(value, (tuple, list)):
        return all(map(_finite, value))
    if isinstance(value, dict):
        return all(map(_finite, value.values()))
    array = np.asarray(getattr(value, "data", value) if not isinstance(value, (np.ndarray, np.generic)) else value)
    return array.dtype.kind not in "fc" or bool(np.isfinite(array).all())


def _checksums(saved: Any) -> list[int]:
    found = []
    for value in saved or ():
        if isinstance(value, np.ndarray) and value.dtype.kind in "biufc":
            found.append(zlib.crc32(value.tobytes()))
        elif isinstance(value, (list, tuple)):
            found += _checksums(value)
    return found


def _line_of_user() -> str:
    """``file:line`` of the innermost frame outside this library and those it calls."""
    frame: Any = sys._getframe(2)
    while frame.f_back is not None and frame.f_globals.get("__name__", "autodiff").partition(".")[0] in LIBRARY:
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
