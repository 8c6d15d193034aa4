"""SciPy's minimisers on the parameters of a model, or on any nested arrays, with exact derivatives from the tape.

J. Nocedal and S. J. Wright, Numerical optimization, 2nd edition, 2006, describes most of the methods.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import scipy

from autodiff import Tensor, gradients, no_grad, vjp

from .variables import Variables, first_nonfinite


class Method(NamedTuple):
    """What one of SciPy's methods makes use of."""

    name: str
    gradient: bool = True
    second: str | None = None
    """Second derivatives: "hessp", products of the Hessian with vectors; "hess", all of it; or None."""
    bounds: bool = False


METHODS = {
    method.name.lower(): method
    for method in (
        Method("Nelder-Mead", gradient=False, bounds=True),
        Method("Powell", gradient=False, bounds=True),
        Method("COBYLA", gradient=False, bounds=True),
        Method("COBYQA", gradient=False, bounds=True),
        Method("CG"),
        Method("BFGS"),
        Method("L-BFGS-B", bounds=True),
        Method("TNC", bounds=True),
        Method("SLSQP", bounds=True),
        Method("Newton-CG", second="hessp"),
        Method("trust-ncg", second="hessp"),
        Method("trust-krylov", second="hessp"),
        Method("trust-constr", second="hessp", bounds=True),
        Method("dogleg", second="hess"),
        Method("trust-exact", second="hess"),
    )
}

STATIONARY = 1e-5
"""The largest entry of a gradient that counts as zero, for losses up to 1: what SciPy's methods take by default."""

WITHOUT_SECOND = ("Newton-CG", "trust-constr")
"""The methods that use second derivatives, but can do without."""


def minimize(
    loss: Callable[..., Any],
    parameters: Any,
    method: str = "L-BFGS-B",
    bounds: Any = None,
    hessp: bool = True,
    callback: Callable[[Any], Any] | None = None,
    tol: float | None = None,
    options: Mapping[str, Any] | None = None,
) -> Any:
    """Minimise a loss with one of SciPy's methods; gradients and products with the Hessian come from the tape.

    A module, or tensors, change in place; the loss is then called without arguments:

    >>> w = Tensor([3.0, -2.0], requires_grad=True)
    >>> result = minimize(lambda: ((w - np.array([1.0, 2.0])) ** 2).sum(), [w])
    >>> bool(result.success), w
    (True, Tensor([1., 2.], requires_grad=True))

    Arrays, in any nested dicts, lists and tuples, do not change; the loss is called with that structure, of tensors:

    >>> result = minimize(lambda p: ((p["a"] - 1) ** 2).sum() + p["b"] ** 2, {"a": np.zeros(2), "b": 3.0})
    >>> result.x["a"].round(6)
    array([1., 1.])

    However the run ends, also by an exception from the loss, the parameters end at the best point seen: the one of all
    that were evaluated, within the bounds, whose loss was lowest, and finite with a finite gradient. The loss is called
    once for each point, and should be deterministic (no dropout). It sees parameters of their own dtype, while SciPy
    computes in float64: with float32 a line search may fail close to the minimum, where the loss no longer resolves
    its steps.

    A loss or gradient that is not finite is an error at the start. Later SciPy is told instead of a parabola that
    leads back towards the best point (methods without gradients: of a loss above all others), so that its line searches
    and trust regions shorten their steps; ``result.nonfinite`` counts such points, ``result.message`` mentions them.

    Args:
        loss: returns a single number, computed from the parameters by functions that record; it does not call
            ``backward`` itself.
        parameters: a module; tensors, also as (name, tensor) pairs; or arrays. Tensors that require no gradient stay as
            they are.
        method: SciPy's name for it, in capitals or not. dogleg wants a Hessian that is positive definite, and
            trust-exact may also move along directions in which the loss does not change.
        bounds: a pair (low, high) of numbers, of arrays or of None, for all parameters; or a structure like that of the
            parameters (by name for a module; names may be missing) with pairs. For a vector also a list with one pair
            for each entry. The start is moved into them; COBYLA and trust-constr may leave them on their way.
        hessp: whether Newton-CG and trust-constr use products with the Hessian. All other methods that use second
            derivatives cannot do without.
        callback: called as ``callback(result)`` after each iteration with its ``x``, in the caller's structure, and
            ``fun``; ends the run by StopIteration or by returning True (in SciPy that ends trust-constr only).
        tol, options: as in ``scipy.optimize.minimize``.

    Returns:
        SciPy's result: ``x`` and the gradient ``jac`` in the caller's structure (a dict by name for a module), the loss
        ``fun`` as a float, ``success``, ``message``, ``nit``, ``nfev``, ..., and ``nonfinite``. A run that did not
        converge (a failed line search, too many iterations) is neither a warning nor an error: ``success`` is False,
        and ``message`` says why. So it is where SciPy claims success, but found no loss below that at the start
        although the gradient there is not zero.

    Raises:
        ValueError: an unknown method, bounds for one that ignores them or that make no sense, no parameters, ones that
            are not finite, a loss that is not a single number, that depends on no parameter, calls ``backward``, or is
            not finite at the start.
        TypeError: parameters that are not floating-point; a loss or callback that is no function, options that are no
            dict.
    """
    if not callable(loss):
        raise TypeError(f"minimize: the loss is a function, not {loss!r}")
    if not (callback is None or callable(callback)):
        raise TypeError(f"minimize: the callback is a function, not {callback!r}")
    if not (options is None or isinstance(options, Mapping)):
        raise TypeError(f"minimize: options is a dict of {method}'s options, not {options!r}")
    chosen = METHODS.get(method.lower()) if isinstance(method, str) else None
    if chosen is None:
        known = ", ".join(m.name for m in METHODS.values())
        raise ValueError(f"minimize: unknown method {method!r}; there are {known}")
    if chosen.second and not hessp and chosen.name not in WITHOUT_SECOND:
        raise ValueError(f"minimize: {chosen.name} needs hessp=True; {' and '.join(WITHOUT_SECOND)} can do without")
    if bounds is not None and not chosen.bounds:
        able = ", ".join(m.name for m in METHODS.values() if m.bounds)
        raise ValueError(f"minimize: {chosen.name} ignores bounds; methods that respect them are {able}")
    if not hessp:
        chosen = chosen._replace(second=None)
    variables = Variables(parameters)
    low, high = variables.limits(bounds)
    objective = Objective(loss, variables, chosen, low, high)
    derivatives: dict[str, Any] = {"jac": True} if chosen.gradient else {}
    if chosen.second:
        derivatives[chosen.second] = objective.hessian if chosen.second == "hess" else objective.product
    try:
        start = np.clip(variables.start, low, high)
        objective.begin(start)
        result = scipy.optimize.minimize(
            objective.tell if chosen.gradient else objective.tell_value,
            start,
            method=chosen.name,
            bounds=None if bounds is None else scipy.optimize.Bounds(low, high),
            callback=None if callback is None else Reporter(objective, callback),
            tol=tol,
            options=None if options is None else dict(options),
            **derivatives,
        )
    except _Stopped as stop:
        result = stop.result
    finally:
        variables.put(None if objective.best is None else objective.best.x)
    return objective.complete(result)


class Point(NamedTuple):
    """Where the loss was evaluated, and what it was."""

    x: np.ndarray
    value: float
    gradient: np.ndarray | None = None
    recorded: Tensor | None = None
    """The loss with its graph, where second derivatives may be wanted."""
    usable: bool = True
    """Whether loss and gradient are finite."""


class Objective:
    """The loss as SciPy's methods call it: a function of one vector. It remembers the last and the best point."""

    def __init__(
        self, loss: Callable[..., Any], variables: Variables, method: Method, low: np.ndarray, high: np.ndarray
    ) -> None:
        self.loss, self.variables, self.method = loss, variables, method
        self.low, self.high = low, high
        self.sought = list(variables.sought.values())
        self.evaluations = 0
        self.nonfinite = 0
        self.start: Point | None = None
        self.last: Point | None = None
        self.best: Point | None = None
        self.worst = -np.inf
        self._slopes_at: np.ndarray | None = None
        self._slopes: list[Tensor | None] = []

    def begin(self, x: np.ndarray) -> None:
        """Evaluate the start, where everything must be in order."""
        point = self.at(x)
        if not np.isfinite(point.value):
            raise ValueError(f"minimize: the loss is {point.value} at the start")
        if point.gradient is not None:
            for name, part in zip(self.variables.sought, self.variables.split(point.gradient), strict=True):
                if (bad := first_nonfinite(part)) is not None:
                    raise ValueError(
                        f"minimize: the gradient of parameter {name} is not finite at the start ({bad}); "
                        "autodiff.detect_anomaly() finds where it comes from"
                    )
        self.start = self.best

    def at(self, x: np.ndarray) -> Point:
        """Loss and gradient at a point, computed unless it is the last one."""
        if self.last is None or not np.array_equal(self.last.x, x):
            self.last = None
            self.variables.put(x)
            self.evaluations += 1
            point = self._evaluated(x.copy())
            finite = np.isfinite(point.value) and (point.gradient is None or np.isfinite(point.gradient).all())
            self.last = point = point._replace(usable=bool(finite))
            if not finite:
                self.nonfinite += 1
                return point
            self.worst = max(self.worst, point.value)
            if self._within(x) and (self.best is None or point.value <= self.best.value):
                self.best = point._replace(recorded=None)
        return self.last

    def _evaluated(self, x: np.ndarray) -> Point:
        loss = self._recorded() if self.method.gradient else self._plain()
        array = loss.data if isinstance(loss, Tensor) else np.asarray(loss)
        if array.shape != () or array.dtype.kind not in "fiu":
            shown = f"{type(loss).__name__} of shape {array.shape} and type {array.dtype}"
            raise ValueError(f"minimize: the loss is a single real number, not a {shown}; reduce it (.mean())")
        value = float(array)
        if not self.method.gradient:
            return Point(x, value)
        if not (isinstance(loss, Tensor) and loss.requires_grad):
            if self.best is None:
                raise ValueError(
                    "minimize: the loss depends on none of the parameters; compute it from the parameters themselves, "
                    "with functions that record, not from .data or .item()"
                )
            return Point(x, value, np.zeros_like(x))
        second = self.method.second is not None
        found = gradients(loss, self.sought, retain_graph=second, allow_unused=True)
        return Point(x, value, self.variables.join(found), loss if second else None)

    def _plain(self) -> Any:
        with no_grad():
            return self.loss(*self.variables.arguments)

    def _recorded(self) -> Any:
        """The loss, called from a transform: then a gradient that it takes itself depends on the parameters too."""
        results = []
        before = [tensor.grad for tensor in self.sought]

        def call(unused: Tensor) -> Tensor:
            results.append(self.loss(*self.variables.arguments))
            return unused

        vjp(call, 0.0)
        if any(tensor.grad is not None and tensor.grad is not old for tensor, old in zip(self.sought, before)):
            raise ValueError("minimize: the loss set .grad of a parameter; it is not to call backward(), minimize does")
        return results[0]

    def _within(self, x: np.ndarray) -> bool:
        return bool(np.all((self.low <= x) & (x <= self.high)))

    def tell(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """Loss and gradient for SciPy; where they are not finite, those of a parabola that leads back.

        With s the step from the best point and d the slope there along it, the parabola has value |d| and slope 3 |d|
        at the end of the step, relative to the best point, and so its minimum a quarter of the way. Told of inf, the
        line search of L-BFGS-B would stop right there and claim convergence, and that of TNC and Newton-CG give up.
        """
        point, best = self.at(x), self.best
        assert point.gradient is not None and best is not None and best.gradient is not None
        if point.usable:
            return point.value, point.gradient.copy()
        step = x - best.x
        rise = abs(best.gradient @ step) or 1.0
        return best.value + rise, 3 * rise * step / max(step @ step, np.finfo(float).tiny)

    def tell_value(self, x: np.ndarray) -> float:
        """The loss for methods without gradients; where it is not finite, more than it was anywhere."""
        point, best = self.at(x), self.best
        assert best is not None
        return point.value if point.usable else self.worst + (self.worst - best.value or 1.0)

    def product(self, x: np.ndarray, v: np.ndarray) -> np.ndarray:
        """The Hessian times ``v``: one pass back through the gradient, which is recorded once for each point.

        It is kept until products at another point are wanted, as a trust region that refuses a step comes back.
        """
        if self._slopes_at is None or not np.array_equal(self._slopes_at, x):
            self._slopes_at, self._slopes = None, []
            point = self.at(x)
            if not point.usable:
                return v.reshape(-1).copy()  # SciPy will refuse the point, as the parabola rises towards it
            if point.recorded is not None:
                self._slopes = gradients(point.recorded, self.sought, create_graph=True, allow_unused=True)
            self._slopes_at = point.x
        pairs = zip(self._slopes, self.variables.split(v.reshape(-1)), strict=False)  # no slopes of a constant
        tracked = [(slope, part) for slope, part in pairs if slope is not None and slope.requires_grad]
        if not tracked:
            return np.zeros(self.variables.size)
        outputs, cotangents = zip(*tracked, strict=True)
        return self.variables.join(gradients(outputs, self.sought, cotangents, retain_graph=True, allow_unused=True))

    def hessian(self, x: np.ndarray) -> np.ndarray:
        """The whole Hessian, column by column."""
        return np.stack([self.product(x, unit) for unit in np.eye(len(x))], axis=1)

    def complete(self, result: Any) -> Any:
        """SciPy's result for the best point, in the caller's structure."""
        start, best, shown = self.start, self.best, self.variables.structured
        assert start is not None and best is not None
        result.x, result.fun, result.nonfinite = shown(best.x), best.value, self.nonfinite
        if best.gradient is not None:
            result.jac = shown(best.gradient, others=0.0)
        if "grad" in result:
            result.grad = result.jac
        if "allvecs" in result:
            result.allvecs = [shown(x) for x in result.allvecs]
        notes = [result.message.strip()]
        if self.nonfinite:
            notes.append(f"The loss or its gradient was not finite at {self.nonfinite} points.")
        stuck = best.value >= start.value and not self._is_stationary(start)
        if stuck:
            notes.append("No loss below that at the start was found, although the gradient there is not zero.")
        result.success, result.message = bool(result.success) and not stuck, " ".join(notes)
        return result

    def _is_stationary(self, point: Point) -> bool:
        """Whether the gradient is nearly 0, apart from where it leads out of the bounds."""
        if point.gradient is None:
            return True
        projected = np.clip(point.x - point.gradient, self.low, self.high) - point.x
        return bool(np.abs(projected).max() <= STATIONARY * max(1.0, abs(point.value)))


class Reporter:
    """The callback as SciPy calls it, with a bare x: every method of every version can do that."""

    def __init__(self, objective: Objective, callback: Callable[[Any], Any]) -> None:
        self.objective, self.callback = objective, callback
        self.calls = 0

    def __call__(self, x: np.ndarray, *_: Any) -> None:
        self.calls += 1
        objective = self.objective
        known = [point for point in (objective.last, objective.best) if point is not None]
        point = next((point for point in known if np.array_equal(point.x, x)), None) or objective.at(x)
        try:
            told = self.callback(scipy.optimize.OptimizeResult(x=objective.variables.structured(x), fun=point.value))
            message = "`callback` returned True." if isinstance(told, (bool, np.bool_)) and told else None
        except StopIteration:
            message = "`callback` raised `StopIteration`."  # SciPy's words, and its status
        if message:
            result = scipy.optimize.OptimizeResult(success=False, message=message, status=99)
            result.nit, result.nfev = self.calls, objective.evaluations
            raise _Stopped(result)


class _Stopped(Exception):
    """The callback ended the run, in a way that not every method of SciPy understands."""

    def __init__(self, result: Any) -> None:
        self.result = result
