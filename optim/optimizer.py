"""What optimisers have in common: the parameters, the checks before a step, memory, and the saved state."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal

import numpy as np

from autodiff import Tensor

Nonfinite = Literal["raise", "skip", "ignore"]

BLOCK = 1 << 15
"""Entries that are updated at a time: what an update touches of them stays in the cache between its passes."""


class Optimizer:
    """Changes parameters in place, given their gradients. A subclass has its formula in ``update``.

    Args:
        params: the tensors to change, or (name, tensor) pairs, as from ``module.named_parameters()``.
        nonfinite: what a gradient with NaN or inf in it does to ``step``: "raise" an error that names the parameter,
            "skip" the step, or "ignore" it.

    Raises:
        ValueError: no tensors, one of them twice, or one that was computed rather than a leaf.
        TypeError: something that is not a floating-point tensor.
    """

    hyperparameters: tuple[str, ...] = ()
    """The attributes that belong in ``state_dict``."""

    buffers: tuple[str, ...] = ()
    """Names of the arrays that ``update`` keeps for each parameter; they start at 0."""

    def __init__(self, params: Iterable[Tensor] | Iterable[tuple[str, Tensor]], nonfinite: Nonfinite = "raise") -> None:
        if nonfinite not in ("raise", "skip", "ignore"):
            raise ValueError(f"nonfinite is 'raise', 'skip' or 'ignore', not {nonfinite!r}")
        self.nonfinite = nonfinite
        self.parameters: dict[str, Tensor] = _named(params, type(self).__name__)
        self.state: dict[str, dict[str, Any]] = {}

    def update(
        self, w: np.ndarray, theta: np.ndarray, g: np.ndarray, scratch: np.ndarray, t: int, *buffers: np.ndarray
    ) -> None:
        """Write the new values of some entries into ``w``, and the new ``buffers`` into themselves.

        ``theta`` holds their old values (in the memory of ``w``, or elsewhere), ``g`` their gradient, which is not to
        be changed, ``scratch`` is free memory, and ``t`` counts the parameter's steps from 1.
        """
        raise NotImplementedError(f"{type(self).__name__} has no update")

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters.values():
            parameter.grad = None

    def step(self) -> bool:
        """Change every parameter that has a gradient; the others are left alone, and so is their state.

        Everything is checked before anything changes. Returns whether the step was taken (not skipped).

        Raises:
            ValueError: a gradient that is not finite, or has another shape or dtype than its parameter.
        """
        ready = []
        for name, parameter in self.parameters.items():
            gradient = parameter.grad
            if gradient is not None:
                ready.append((name, parameter, gradient.data))
        with np.errstate(all="ignore"):
            for name, parameter, g in ready:
                if g.shape != parameter.shape or g.dtype != parameter.dtype:
                    raise ValueError(
                        f"{type(self).__name__}: the gradient of parameter {name} is {g.dtype}{list(g.shape)}, but the "
                        f"parameter {parameter.dtype}{list(parameter.shape)}; call zero_grad() before backward()"
                    )
                if self.nonfinite != "ignore" and not _all_finite(g):
                    if self.nonfinite == "skip":
                        return False
                    raise ValueError(
                        f"{type(self).__name__}: the gradient of parameter {name} is not finite ({_first_bad(g)}); "
                        "nothing was changed. autodiff.detect_anomaly() finds where it comes from; nonfinite='skip' "
                        "skips such steps"
                    )
            for name, parameter, g in ready:
                self._step_of(name, parameter, g)
        return True

    def _step_of(self, name: str, parameter: Tensor, g: np.ndarray) -> None:
        state = self.state.get(name)
        if state is None:
            state = self.state[name] = {"t": 0, **{b: np.zeros_like(g, order="C") for b in self.buffers}}
        state["t"] = t = state["t"] + 1
        w = parameter.writable()
        theta = parameter.data
        arrays = [state[b] for b in self.buffers]
        if g.size <= BLOCK:
            self.update(w, theta, g, np.empty_like(g), t, *arrays)
        else:
            for w_, theta_, g_, scratch, *parts in _blocks([w, theta, g], arrays):
                self.update(w_, theta_, g_, scratch, t, *parts)
        if w is not theta:
            parameter.data = w
