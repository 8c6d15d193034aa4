"""Is a gradient right? Of a function, of a primitive, of a layer that somebody derived by hand.

``check_grads(f, *args)``
    compares the tape's gradient of any function, at the points given, with finite differences. Their error is
    estimated, and is the tolerance: there is none to choose. A verdict is *right*, *wrong* or *inconclusive*; a check
    in which too little was conclusive fails as well. At kinks a gradient must lie between the one-sided derivatives.

``check_primitive(f)``
    draws its own points, layouts and dtypes for a function that is registered with ``defvjp``, and checks everything
    that holds for a primitive, from its registry entry alone.

``check_layer(layer, x)``
    compares three gradients of a layer: the one derived by hand, the tape's, and that of differences; and says which
    simple mistake explains a wrong one. ``python -m autodiff.testing layers.py:Linear --shape 4,3`` does so from the
    command line, for any class with ``forward`` and ``backward`` on plain arrays; ``python -m autodiff.testing
    path/to/mytorch`` grades a whole folder of exercises, values and updates too.

``strategies``
    are Hypothesis strategies for tests of one's own: arrays on a lattice, layouts, indices, matrices, and whole
    programs. With pytest come the options ``--grad-report``, ``--grad-examples`` and ``--grad-mutate``.

>>> import numpy as np
>>> print(check_grads(np.hypot, np.array([3.0, 0.5]), np.array([4.0, -1.0])))
hypot: none wrong, 18 of 18 comparisons conclusive
>>> from autodiff import defvjp
>>> half_wrong = defvjp(lambda x: x * x, x=lambda g, x: g * x)
>>> check_grads(half_wrong, np.array([3.0]))  # doctest: +ELLIPSIS
Traceback (most recent call last):
    ...
AssertionError: check_grads: the gradient of argument 0, order 1, at entry (0,) of shape (1,) is wrong: ...

``check_grads`` and ``check_layer`` need NumPy and SciPy alone; the others need the package ``hypothesis``.
"""

from importlib import import_module
from typing import Any

from .differences.finite_difference import finite_difference
from .functions.check import check_grads
from .layers.check import check_layer
from .report import GradientReport

__all__ = ["GradientReport", "check_grads", "check_layer", "check_primitive", "finite_difference", "strategies"]

_NEED_HYPOTHESIS = {"check_primitive": "primitives.check", "strategies": "strategies"}


def __getattr__(name: str) -> Any:
    if name not in _NEED_HYPOTHESIS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = import_module(f"{__name__}.{_NEED_HYPOTHESIS[name]}")
    except ModuleNotFoundError as error:
        if error.name != "hypothesis":
            raise
        message = f"{__name__}.{name} needs the package hypothesis: pip install hypothesis"
        raise ModuleNotFoundError(message, name="hypothesis") from None
    return module if name == _NEED_HYPOTHESIS[name] else getattr(module, name)
