"""L-BFGS: J. Nocedal and S. J. Wright, Numerical optimization, 2nd edition, 2006 (below: NW).

The limited-memory method is algorithm 7.5 with the two-loop recursion, algorithm 7.4 (D. C. Liu and J. Nocedal, On the
limited memory BFGS method for large scale optimization, 1989); the line search is algorithms 3.5 and 3.6 with the
safeguards of M. Schmidt's minFunc, which Torch's implementation follows. Iterates are those of PyTorch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from autodiff import Tensor, enable_grad

from .optimizer import Nonfinite, Optimizer, Params, check_at_least_zero

CURVATURE = 1e-10
"""A pair (s, y) is remembered if ``y @ s`` is above it: then the approximate Hessian stays positive definite."""


PAIRS = ("s", "y", "rho")
"""What is remembered of each of the latest steps."""


class Trial(NamedTuple):
    """A point along a search direction p: how far, the loss there, its gradient, and the slope ``gradient @ p``."""

    t: float
    f: float
    g: np.ndarray
    slope: float


def two_loops(
    g: np.ndarray, s: Sequence[np.ndarray], y: Sequence[np.ndarray], rho: Sequence[float], gamma: float
) -> np.ndarray:
    """``-H g`` for the BFGS approximation H of the inverse Hessian from the pairs (s, y), oldest first; NW 7.4.

    ``s`` are steps, ``y`` the changes of the gradient over them, ``rho = 1 / (y @ s)``, and H starts at ``gamma I``.
    """
    q = -g
    alphas = [0.0] * len(s)
    for i in reversed(range(len(s))):
        alphas[i] = rho[i] * float(s[i] @ q)
        q -= alphas[i] * y[i]
    q *= gamma
    for i in range(len(s)):
        beta = rho[i] * float(y[i] @ q)
        q += (alphas[i] - beta) * s[i]
    return q


def strong_wolfe(
    phi: Callable[[float], Trial],
    start: Trial,
    t: float,
    shortest: float,
    max_iter: int,
    c1: float = 1e-4,
    c2: float = 0.9,
) -> tuple[Trial, int]:
    """A step that satisfies the strong Wolfe conditions, and how many points were tried.

    ``f(t) <= f(0) + c1 t f'(0)`` and ``|f'(t)| <= c2 |f'(0)|``. First the step grows until an interval is known to
    hold such a point (NW 3.5), which then shrinks (NW 3.6). After ``max_iter`` tries, or when the interval is shorter
    than ``shortest``, the better one of its ends is the answer.

    Args:
        phi: evaluates a point.
        start: the point at 0, where the slope is negative.
        t: the first step to try.
    """

    def too_high(trial: Trial) -> bool:
        return trial.f > start.f + c1 * trial.t * start.slope

    def flat_enough(trial: Trial) -> bool:
        return abs(trial.slope) <= -c2 * start.slope

    previous, new, tries = start, phi(t), 0
    while tries < max_iter:
        if too_high(new) or (tries > 1 and new.f >= previous.f):
            bracket = [previous, new]
            break
        if flat_enough(new):
            return new, tries + 1
        if new.slope >= 0:
            bracket = [previous, new]
            break
        t = cubic_minimum(previous, new, new.t + 0.01 * (new.t - previous.t), 10 * new.t)
        previous, new, tries = new, phi(t), tries + 1
    else:
        bracket = [start, new]

    low = 0 if bracket[0].f <= bracket[1].f else 1
    stalled = False
    while tries < max_iter and abs(bracket[1].t - bracket[0].t) >= shortest:
        left, right = sorted(trial.t for trial in bracket)
        t = cubic_minimum(bracket[0], bracket[1], left, right)
        margin = 0.1 * (right - left)
        if min(right - t, t - left) >= margin:
            stalled = False
        elif stalled or t >= right or t <= left:
            t = right - margin if abs(t - right) < abs(t - left) else left + margin
            stalled = False
        else:
            stalled = True
        new, tries = phi(t), tries + 1
        if too_high(new) or new.f >= bracket[low].f:
            bracket[1 - low] = new
            low = 0 if bracket[0].f <= bracket[1].f else 1
            continue
        if flat_enough(new):
            return new, tries + 1
        if new.slope * (bracket[1 - low].t - bracket[low].t) >= 0:
            bracket[1 - low] = bracket[low]
        bracket[low] = new
    return bracket[low], tries + 1


def cubic_minimum(a: Trial, b: Trial, least: float, most: float) -> float:
    """Where the cubic through two points with their slopes has its minimum, within [least, most]; NW (3.59).

    The middle of the interval if the cubic has no minimum.
    """
    if a.t > b.t:
        a, b = b, a
    if a.t < b.t:
        d1 = a.slope + b.slope - 3 * (a.f - b.f) / (a.t - b.t)
        square = d1 * d1 - a.slope * b.slope
        if square >= 0:
            d2 = math.sqrt(square)
            if below := b.slope - a.slope + 2 * d2:
                return min(max(b.t - (b.t - a.t) * ((b.slope + d2 - d1) / below), least), most)
    return (least + most) / 2


class LBFGS(Optimizer):
    """Limited-memory BFGS: each ``step(closure)`` makes up to ``max_iter`` quasi-Newton iterations.

    ``theta += t p`` with ``p = -H g``, where H approximates the inverse Hessian from the latest ``history_size`` steps
    s and changes y of the gradient, starting from ``gamma I``, ``gamma = (s @ y) / (y @ y)`` of the latest pair
    (NW 7.20). The length t is ``lr`` (in the very first iteration ``lr min(1, 1 / |g|_1)``), or found from there by a
    search for a point with the strong Wolfe conditions.

    >>> w = Tensor([3.0, -2.0], requires_grad=True)
    >>> optimizer = LBFGS([w], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = ((w - np.array([1.0, 2.0])) ** 2).sum()
    ...     loss.backward()
    ...     return loss
    >>> start = optimizer.step(closure)
    >>> w.data.round(6)
    array([1., 2.])

    A loss or gradient that is not finite ends the step with the parameters, and the memory of the steps, as they were
    after the iteration before; so does any exception from the closure. It is an error, unless ``nonfinite`` is "skip"
    (then ``skipped`` tells) or "ignore". All parameters form one vector: there is one group.

    Args:
        params: tensors, or (name, tensor) pairs.
        lr: the length of a step, or the first one that the line search tries.
        max_iter: iterations in each step.
        max_eval: evaluations in each step after which no iteration begins; ``max_iter * 5 // 4`` by default.
        tolerance_grad: the step ends where no entry of the gradient is larger.
        tolerance_change: the step ends when neither loss nor parameters change more.
        history_size: how many pairs (s, y) are remembered, each twice the memory of the parameters.
        line_search_fn: "strong_wolfe", or None.

    Raises:
        ValueError: a negative number, no iterations, another line search, or several groups.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
        *,
        nonfinite: Nonfinite = "raise",
    ) -> None:
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        self._memory: dict[str, Any] = {}
        super().__init__(params, defaults, nonfinite=nonfinite)

    def check(self, h: Mapping[str, Any]) -> None:
        check_at_least_zero("LBFGS", h, "lr", "tolerance_grad", "tolerance_change")
        for key in ("max_iter", "max_eval", "history_size"):
            if not (isinstance(h[key], int) and h[key] > 0):
                raise ValueError(f"LBFGS: {key} is a positive integer, not {h[key]!r}")
        if h["line_search_fn"] not in (None, "strong_wolfe"):
            raise ValueError(f"LBFGS: line_search_fn is 'strong_wolfe' or None, not {h['line_search_fn']!r}")

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """The group of all parameters; a second one is a ValueError."""
        if self.param_groups:
            raise ValueError("LBFGS has one group: it takes all parameters for one vector")
        super().add_param_group(group)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Make up to ``max_iter`` iterations; returns what ``closure`` returned first.

        Args:
            closure: evaluates the model again, calls ``backward``, and returns the loss.

        Raises:
            TypeError: there is no closure.
            ValueError: a loss or gradient that is not finite, or a hyper-parameter that makes no sense.
        """
        if closure is None:
            raise TypeError("LBFGS evaluates the loss several times in a step: pass a closure that computes it")
        self._check_groups()
        h = self._checked_hyperparameters(self.param_groups[0])
        x = self._gather([parameter.data for parameter in self.param_groups[0]["params"]])
        if "g" in self._memory and self._memory["g"].shape != x.shape:
            raise ValueError(
                f"LBFGS: the parameters have {x.size} entries, but had {self._memory['g'].size}; make a new optimiser "
                "after changing the shape of a parameter"
            )
        self.skipped = False
        try:
            first, f, g = self._evaluate(closure)
        except _NotFinite as problem:
            return self._not_finite(problem)
        self._memory["func_evals"] = self._memory.get("func_evals", 0) + 1
        if not _largest(g) <= h["tolerance_grad"]:
            self._iterate(h, closure, x, f, g)
        return first

    def _iterate(
        self, h: Mapping[str, Any], closure: Callable[[], Any], x: np.ndarray, f: float, g: np.ndarray
    ) -> None:
        """NW 7.5, from a point where loss and gradient are known."""
        evaluations = 1
        for left in reversed(range(h["max_iter"])):
            memory = _advanced(self._memory, g, h)
            p, t = memory["p"], memory["t"]
            start = Trial(0.0, f, g, float(g @ p))
            if start.slope > -h["tolerance_change"]:
                self._memory = memory
                return

            try:
                if h["line_search_fn"] is None and not left:  # nothing depends on the loss after the last iteration
                    found, tries = start._replace(t=t), 0
                else:
                    found, tries = self._search(h, closure, x, p, start, t, h["max_eval"] - evaluations)
            except BaseException as problem:
                self._put(x)
                if isinstance(problem, _NotFinite):
                    self._not_finite(problem)
                    return
                raise
            before, (t, f, g, _) = f, found
            x = x + t * p
            self._put(x)
            evaluations += tries
            memory["t"] = t
            memory["func_evals"] += tries
            self._memory = memory
            if (
                evaluations >= h["max_eval"]
                or _largest(g) <= h["tolerance_grad"]
                or _largest(t * p) <= h["tolerance_change"]
                or abs(f - before) < h["tolerance_change"]
            ):
                return

    def _search(
        self,
        h: Mapping[str, Any],
        closure: Callable[[], Any],
        x: np.ndarray,
        p: np.ndarray,
        start: Trial,
        t: float,
        max_iter: int,
    ) -> tuple[Trial, int]:
        """The point to go to along p, and how many were tried."""

        def phi(t: float) -> Trial:
            self._put(x + t * p)
            _, f, g = self._evaluate(closure)
            return Trial(t, f, g, float(g @ p))

        if h["line_search_fn"] is None:
            return phi(t), 1
        shortest = h["tolerance_change"] / max(_largest(p), np.finfo(float).tiny)
        return strong_wolfe(phi, start, t, shortest, max_iter)

    def _evaluate(self, closure: Callable[[], Any]) -> tuple[Any, float, np.ndarray]:
        """What the closure returned, as a number, and the gradient; that of a parameter that has none is 0."""
        with enable_grad():
            loss = closure()
        f = float(loss.item() if isinstance(loss, Tensor) else loss)
        group = self.param_groups[0]
        gradients = []
        for name, parameter in zip(group["names"], group["params"], strict=True):
            part = np.zeros_like(parameter.data) if parameter.grad is None else parameter.grad.data
            if self.nonfinite != "ignore" and not np.isfinite(part).all():
                raise _NotFinite(f"the gradient of parameter {name} is not finite", loss)
            gradients.append(part)
        if self.nonfinite != "ignore" and not math.isfinite(f):
            raise _NotFinite(f"the loss is {f}", loss)
        return loss, f, self._gather(gradients)

    def _not_finite(self, problem: _NotFinite) -> Any:
        message, loss = problem.args
        if self.nonfinite == "raise":
            raise ValueError(
                f"LBFGS: {message}; the parameters are as they were after the last iteration. "
                "autodiff.detect_anomaly() finds where it comes from; nonfinite='skip' ends the step without an error"
            ) from None
        self.skipped = True
        return loss

    def _gather(self, arrays: list[np.ndarray]) -> np.ndarray:
        return np.concatenate([array.reshape(-1) for array in arrays])

    def _put(self, x: np.ndarray) -> None:
        start = 0
        for parameter in self.param_groups[0]["params"]:
            stop = start + parameter.size
            w = parameter.writable()
            w[...] = x[start:stop].reshape(parameter.shape)
            if w is not parameter.data:
                parameter.data = w
            start = stop

    @property
    def state(self) -> dict[str, dict[str, Any]]:
        """What is remembered of earlier steps, under the name of the first parameter.

        Counts ``n_iter`` and ``func_evals``; the latest direction ``p``, its length ``t`` and the gradient ``g``
        before it; the pairs as the rows of ``s`` and ``y``, with ``rho`` for each; and ``gamma``.
        """
        rows = {key: np.array(self._memory[key]) for key in PAIRS if key in self._memory}
        return {self._first: {**self._memory, **rows}} if self._memory else {}

    @property
    def _first(self) -> str:
        return self.param_groups[0]["names"][0]

    def _problems(self, name: str, parameter: Tensor, h: Mapping[str, Any], given: Mapping[str, Any]) -> list[str]:
        if name != self._first:
            return [f"the state of all parameters belongs to {self._first}, but there is one of {name}"]
        n = sum(parameter.size for parameter in self.param_groups[0]["params"])
        m = len(np.atleast_1d(given.get("rho", ())))
        shapes = {"func_evals": (), "n_iter": (), "p": (n,), "t": (), "g": (n,), "gamma": ()}
        shapes |= {"s": (m, n), "y": (m, n), "rho": (m,)} if m else dict.fromkeys(PAIRS, (0,))
        if set(given) not in ({"func_evals"}, {*shapes}):
            return [f"the state of {name} has {sorted(given)}, not {sorted(shapes)}"]
        return [
            f"{key} of {name} has shape {np.shape(value)}, not {shapes[key]}"
            for key, value in given.items()
            if np.shape(value) != shapes[key]
        ]

    def _restore(self, states: Mapping[str, Mapping[str, Any]]) -> None:
        self._packs = []
        dtype = np.result_type(*[parameter.dtype for parameter in self.param_groups[0]["params"]])
        self._memory = dict(states.get(self._first, {}))
        for key, value in self._memory.items():
            if key in ("p", "g"):
                self._memory[key] = np.array(value, dtype)
            elif key in ("s", "y"):
                self._memory[key] = [np.array(row, dtype) for row in value]
            else:
                self._memory[key] = np.asarray(value).tolist()


class _NotFinite(Exception):
    """What is not finite, and what the closure returned."""


def _advanced(memory: Mapping[str, Any], g: np.ndarray, h: Mapping[str, Any]) -> dict[str, Any]:
    """The memory with the latest pair, and the direction and first length of the iteration from a gradient."""
    memory = {"n_iter": 0, **memory}
    memory["n_iter"] += 1
    if memory["n_iter"] == 1:
        p, t = -g, min(1.0, 1.0 / float(np.abs(g).sum())) * h["lr"]
        return {**memory, "g": g, "p": p, "t": t, "s": [], "y": [], "rho": [], "gamma": 1.0}
    y, s = g - memory["g"], memory["t"] * memory["p"]
    curvature = float(y @ s)
    if curvature > CURVATURE:
        for key, new in zip(PAIRS, (s, y, 1 / curvature), strict=True):
            memory[key] = [*memory[key], new][-h["history_size"] :]
        memory["gamma"] = curvature / float(y @ y)
    p = two_loops(g, memory["s"], memory["y"], memory["rho"], memory["gamma"])
    return {**memory, "g": g, "p": p, "t": float(h["lr"])}


def _largest(x: np.ndarray) -> float:
    return float(np.max(np.abs(x), initial=0.0))
