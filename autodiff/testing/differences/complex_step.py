"""The derivative by a complex step: exact to rounding, for functions that are analytic.

``f(x + ih) = f(x) + ih f'(x) + O(h**2)``, and nothing is subtracted, so h may be as small as one likes (J. N. Lyness
and C. B. Moler, SIAM J. Numer. Anal. 4 (1967), 202-210). Whether a function is analytic is read off the tape.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import scipy.special

from ...primitive import OutputPullback, Pullback
from ...tape import Node
from ...tensor import Tensor
from .finite_difference import RESOLUTION, Derivative

STEPS = (2.0**-60, 2.0**-80)
"""Two of them must agree: where a branch cut or an overflow comes in between, they do not."""

ANALYTIC: frozenset[Callable] = frozenset(
    [
        *(np.add, np.subtract, np.multiply, np.divide, np.negative, np.positive, np.reciprocal, np.square, np.sqrt),
        *(np.power, np.exp, np.exp2, np.expm1, np.log, np.log2, np.log10, np.log1p, np.sin, np.cos, np.tan),
        *(np.arcsin, np.arccos, np.arctan, np.sinh, np.cosh, np.tanh, np.arcsinh, np.arccosh, np.arctanh),
        *(np.matmul, np.prod, np.cumprod, np.convolve, np.where, np.diagonal, np.take, operator.getitem),
        *(np.linalg.solve, np.linalg.inv, np.linalg.det),
        *(scipy.special.erf, scipy.special.erfc, scipy.special.loggamma, scipy.special.psi, scipy.special.rgamma),
    ]
)
"""Functions that NumPy and SciPy compute for complex arguments as the analytic function that they are. So are all of
the kind "linear"."""


def is_analytic(outputs: Iterable[Any]) -> bool:
    """Whether all that the tape recorded on the way to the outputs is analytic."""
    waiting = [output._node for output in outputs if isinstance(output, Tensor)]
    seen: set[int] = set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen or not isinstance(node, Node):
            continue
        seen.add(id(node))
        pullback = node.pullback
        if isinstance(pullback, Pullback):
            if pullback.kind != "linear" and pullback.primitive.function not in ANALYTIC:
                return False
        elif not isinstance(pullback, OutputPullback):
            return False
        waiting.extend(node.parents)
    return True


def complex_step(
    at: Callable[[complex], Sequence[np.ndarray]], scale: float, weights: Sequence[np.ndarray]
) -> Derivative | None:
    """The derivative at 0 of the sum of ``weights * at(t)`` along a line, or None where steps contradict each other.

    Args:
        at: the values at complex parameters; they are real at real ones.
        scale: the length on which the function changes, relative to which the steps are.
        weights: of the values.
    """
    found = []
    for step in STEPS:
        values = at(1j * scale * step)
        terms = [w * np.imag(y) / (scale * step) for w, y in zip(weights, values, strict=True)]
        found.append((sum(float(t.sum()) for t in terms), sum(float(np.abs(t).sum()) for t in terms)))
    (value, size), (other, _) = found
    error = 10 * RESOLUTION * size
    if not np.isfinite(size) or not abs(value - other) <= error:
        return None
    return Derivative(value, error, size)
