"""What optimisers have in common: the parameters, the checks before a step, memory, and the saved state."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

import numpy as np

from autodiff import Tensor

Nonfinite = Literal["raise", "skip", "ignore"]

BLOCK = 1 << 16
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
        self._scratch: dict[np.dtype, np.ndarray] = {}

    def update(
        self, w: np.ndarray, theta: np.ndarray, g: np.ndarray, scratch: np.ndarray, t: int, *buffers: np.ndarray
    ) -> None:
        """Write the new values of some entries into ``w``, and the new ``buffers`` into themselves.

        ``theta`` holds their old values (in the memory of ``w``, or elsewhere), ``g`` their gradient, which is not to
        be changed, ``scratch`` is free memory, and ``t`` counts the parameter's steps from 1.
        """
        raise NotImplementedError(f"{type(self).__name__} has no update")

    def check(self) -> None:
        """Raise ValueError for hyper-parameters that make no sense."""

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
                for buffer in self.buffers:
                    earlier = self.state.get(name, {}).get(buffer)
                    if earlier is not None and earlier.shape != g.shape:
                        raise ValueError(
                            f"{type(self).__name__}: parameter {name} has shape {g.shape}, but its state {buffer} has "
                            f"{earlier.shape}; make a new optimiser after changing the shape of a parameter"
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
        state = self.state.setdefault(name, {"t": 0})
        for buffer in self.buffers:
            if buffer not in state:
                state[buffer], state["t"] = np.zeros_like(g, order="C"), 0
        state["t"] = t = state["t"] + 1
        w = parameter.writable()
        theta = parameter.data
        arrays = [state[b] for b in self.buffers]
        scratch = self._scratch.get(g.dtype)
        if scratch is None:
            scratch = self._scratch[g.dtype] = np.empty(BLOCK, g.dtype)
        if g.size <= BLOCK:
            self.update(w, theta, g, scratch[: g.size].reshape(g.shape), t, *arrays)
        else:
            for w_, theta_, g_, scratch_, *parts in _blocks([w, theta, g], arrays, scratch):
                self.update(w_, theta_, g_, scratch_, t, *parts)
        if w is not theta:
            parameter.data = w

    def state_dict(self) -> dict[str, Any]:
        """The hyper-parameters, and the state of each parameter by its name; the arrays are copies."""
        state = {name: {key: _copied(value) for key, value in entries.items()} for name, entries in self.state.items()}
        return {"hyperparameters": {name: getattr(self, name) for name in self.hyperparameters}, "state": state}

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Go on from what ``state_dict`` returned.

        Raises:
            ValueError: lists every problem; nothing has changed then.
        """
        problems = [f"no {key!r} in it" for key in ("hyperparameters", "state") if key not in saved]
        given = saved.get("hyperparameters", {})
        problems += [f"hyper-parameter {name} is missing" for name in self.hyperparameters if name not in given]
        problems += [f"hyper-parameter {name} is unknown" for name in given if name not in self.hyperparameters]
        for name, entries in saved.get("state", {}).items():
            if name not in self.parameters:
                problems.append(f"there is no parameter {name}")
                continue
            shape = self.parameters[name].shape
            if set(entries) != {"t", *self.buffers}:
                problems.append(f"the state of {name} has {sorted(entries)}, not {sorted(('t', *self.buffers))}")
            else:
                wrong = [b for b in self.buffers if np.shape(entries[b]) != shape]
                problems += [f"{b} of {name} has shape {np.shape(entries[b])}, not {shape}" for b in wrong]
        candidate = copy.copy(self)
        candidate.__dict__.update(given)
        try:
            candidate.check()
        except ValueError as error:
            problems.append(str(error))
        if problems:
            raise ValueError(f"load_state_dict of {type(self).__name__}: " + "; ".join(problems))
        for name, value in given.items():
            setattr(self, name, value)
        self.state = {}
        for name, entries in saved["state"].items():
            dtype = self.parameters[name].dtype
            buffers = {b: np.array(entries[b], dtype=dtype) for b in entries if b != "t"}
            self.state[name] = {"t": int(entries["t"]), **buffers}

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.hyperparameters)
        return f"{type(self).__name__}({len(self.parameters)} parameters, {shown})"


def check_at_least_zero(name: str, **values: float) -> None:
    """Raise ValueError for a hyper-parameter that is negative or not finite."""
    for key, value in values.items():
        if not (value >= 0 and math.isfinite(value)):
            raise ValueError(f"{name}: {key} is a finite number that is not negative, not {value!r}")


def _copied(value: Any) -> Any:
    return value.copy() if isinstance(value, np.ndarray) else value


def _named(params: Iterable[Any], what: str) -> dict[str, Tensor]:
    if isinstance(params, Tensor):
        raise TypeError(f"{what} takes a list of tensors; write [tensor]")
    found: dict[str, Tensor] = {}
    for i, item in enumerate(params):
        name, tensor = item if isinstance(item, tuple) else (str(i), item)
        if not isinstance(tensor, Tensor) or tensor.dtype.kind != "f":
            raise TypeError(f"{what}: parameter {name} is {tensor!r}, not a floating-point tensor")
        if not tensor.is_leaf:
            raise ValueError(f"{what}: parameter {name} was computed; only leaves can be optimised")
        twice = name if name in found else next((other for other, t in found.items() if t is tensor), None)
        if twice is not None:
            raise ValueError(f"{what}: parameter {name} is there twice (also as {twice})")
        found[name] = tensor
    if not found:
        raise ValueError(f"{what} was given no parameters")
    return found


def _all_finite(g: np.ndarray) -> bool:
    """One pass of BLAS; only if the sum of squares is not finite (it may overflow) are the entries looked at."""
    flat = g.reshape(-1)
    return math.isfinite(flat.dot(flat)) or bool(np.isfinite(flat).all())


def _first_bad(g: np.ndarray) -> str:
    index = tuple(int(i) for i in np.argwhere(~np.isfinite(g))[0])
    return f"{g[index]} at {index}"


def _blocks(arrays: list[np.ndarray], buffers: list[np.ndarray], scratch: np.ndarray) -> Iterator[list[np.ndarray]]:
    """Matching parts of the arrays, of BLOCK entries (whole if one is not contiguous), with scratch memory."""
    w, theta, g = arrays
    flat = [a.reshape(-1) for a in (w, theta, g, *buffers)]
    if not all(np.shares_memory(part, a) for part, a in zip(flat, (w, theta, g, *buffers))):
        yield [w, theta, g, np.empty_like(g), *buffers]
        return
    for start in range(0, g.size, BLOCK):
        parts = [part[start : start + BLOCK] for part in flat]
        yield [*parts[:3], scratch[: parts[0].size], *parts[3:]]
