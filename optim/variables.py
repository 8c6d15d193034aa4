"""The parameters of a problem as one vector, and their bounds: what ``minimize`` shows to SciPy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import scipy

from autodiff import Tensor


class Variables:
    """The entries of a module's parameters, of tensors, or of nested arrays, in a row.

    Tensors change in place; arrays do not, but are wrapped in tensors that do. Tensors that require no gradient are not
    among the entries, but keep their place in the structure.

    Raises ValueError and TypeError for parameters that cannot be optimised.
    """

    def __init__(self, parameters: Any) -> None:
        self.tree = _with_names(parameters)
        pairs = list(_leaves(self.tree))
        _refuse_repetition([name for name, _ in pairs])
        leaves = dict(pairs)
        if not leaves:
            raise ValueError("minimize was given no parameters")
        self.in_place = any(isinstance(leaf, Tensor) for leaf in leaves.values())
        self.all: dict[str, Tensor] = {}
        for name, leaf in leaves.items():
            self.all[name] = self._checked(name, leaf)
        self.numbers = {name for name, leaf in leaves.items() if isinstance(leaf, (float, np.generic))}
        self.sought = {name: tensor for name, tensor in self.all.items() if tensor.requires_grad}
        self.first = [tensor.data for tensor in self.sought.values()]
        ends = np.cumsum([0, *(array.size for array in self.first)]).tolist()
        if not ends[-1]:
            raise ValueError("minimize: none of the parameters requires a gradient, or all of them are empty")
        self.size = ends[-1]
        self.parts = [slice(start, stop) for start, stop in zip(ends[:-1], ends[1:], strict=True)]
        self.start = self.join(self.first)

    def _checked(self, name: str, leaf: Any) -> Tensor:
        try:
            tensor = leaf if isinstance(leaf, Tensor) else Tensor(leaf)
        except (TypeError, ValueError) as error:
            raise TypeError(f"minimize: parameter {name} cannot be changed: {error}") from error
        if isinstance(leaf, Tensor) != self.in_place:
            raise TypeError(f"minimize: parameter {name} is a {type(leaf).__name__}; give tensors or arrays, not both")
        if tensor.dtype.kind != "f":
            advice = "give real and imaginary parts" if tensor.dtype.kind == "c" else "write 3.0 for 3"
            raise TypeError(f"minimize: parameter {name} is {tensor.dtype}, not floating-point; {advice}")
        if not tensor.is_leaf:
            raise ValueError(f"minimize: parameter {name} was computed; only leaves can be changed")
        if twice := [other for other, earlier in self.all.items() if earlier is tensor]:
            raise ValueError(f"minimize: parameter {name} is there twice (also as {twice[0]})")
        if (bad := first_nonfinite(tensor.data)) is not None:
            raise ValueError(f"minimize: parameter {name} is not finite ({bad})")
        return tensor if self.in_place else tensor.requires_grad_()

    @property
    def arguments(self) -> tuple:
        """What the loss is called with: the tensors in the caller's structure, or nothing if they are his own."""
        return () if self.in_place else (_rebuilt(self.tree, iter(self.all.values())),)

    def put(self, x: np.ndarray | None) -> None:
        """Give the parameters the values in ``x``, or those that they had at first."""
        values = self.first if x is None else self.split(x)
        for tensor, value in zip(self.sought.values(), values, strict=True):
            tensor.data = value

    def split(self, x: np.ndarray) -> list[np.ndarray]:
        """The parts of a vector in the shapes and dtypes of the parameters, in memory of their own."""
        pairs = zip(self.sought.values(), self.parts, strict=True)
        with np.errstate(over="ignore"):
            return [np.array(x[part].reshape(tensor.shape), dtype=tensor.dtype) for tensor, part in pairs]

    def join(self, arrays: list[Any]) -> np.ndarray:
        """The vector with the entries of arrays or tensors shaped like the parameters; None stands for zeros."""
        x = np.zeros(self.size)
        for part, array in zip(self.parts, arrays, strict=True):
            if array is not None:
                x[part] = (array.data if isinstance(array, Tensor) else array).reshape(-1)
        return x

    def structured(self, x: np.ndarray, others: float | None = None) -> Any:
        """A vector in the caller's structure. Parameters that are not in it keep their values, or are ``others``."""
        parts = dict(zip(self.sought, self.split(x), strict=True))
        values = []
        for name, tensor in self.all.items():
            value = parts.get(name)
            if value is None:
                value = tensor.data.copy() if others is None else np.full_like(tensor.data, others)
            values.append(value[()] if name in self.numbers else value)
        return _rebuilt(self.tree, iter(values))

    def limits(self, bounds: Any) -> tuple[np.ndarray, np.ndarray]:
        """The lowest and highest value of each entry, as numbers that its dtype has.

        Raises ValueError for bounds of another structure or shape, with NaN, or whose low is above their high.
        """
        lows, highs = [], []
        given = dict(zip(self.all, _bounds_of_leaves(bounds, self.tree), strict=True))
        for name, tensor in self.sought.items():
            pair = _pair(given[name], name, tensor.shape)
            low, high = (_side(*side, name, tensor.shape) for side in zip(pair, (-np.inf, np.inf), strict=True))
            if (wrong := np.argwhere(~(low <= high))).size:
                at = tuple(wrong[0].tolist())
                raise ValueError(f"minimize: the bounds of parameter {name} at {at} are {low[at]} and {high[at]}")
            inner = _next_above(low, tensor.dtype), -_next_above(-high, tensor.dtype)
            nearest = low.astype(tensor.dtype)
            crossed = inner[0] > inner[1]  # the dtype has no number between the two
            lows.append(np.where(crossed, nearest, inner[0]))
            highs.append(np.where(crossed, nearest, inner[1]))
        return self.join(lows), self.join(highs)


def first_nonfinite(array: np.ndarray) -> str | None:
    """The first entry of an array that is not finite, and its index."""
    wrong = np.argwhere(~np.isfinite(array))
    if not wrong.size:
        return None
    at = tuple(wrong[0].tolist())
    return f"{array[at]} at {at}" if at else f"{array}"


def _with_names(parameters: Any) -> Any:
    """A module's parameters, or (name, tensor) pairs, as a dict; an iterator as a list."""
    if hasattr(parameters, "named_parameters"):
        return dict(parameters.named_parameters())
    if isinstance(parameters, Iterator):
        parameters = list(parameters)
    if isinstance(parameters, list) and parameters and all(map(_is_named, parameters)):
        _refuse_repetition([name for name, _ in parameters])
        return dict(parameters)
    return parameters


def _is_named(item: Any) -> bool:
    return isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str)


def _refuse_repetition(names: list[str]) -> None:
    if len(set(names)) < len(names):
        raise ValueError(f"minimize: two parameters have the same name; the names are {names}")


def _leaves(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of nested dicts, lists and tuples, with their paths: ``layers.0.weight``."""
    if isinstance(tree, (dict, list, tuple)):
        for key, item in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield from _leaves(item, _join(path, key))
    else:
        yield path or "0", tree


def _join(path: str, key: Any) -> str:
    return f"{path}.{key}" if path else str(key)


def _rebuilt(tree: Any, leaves: Iterator[Any]) -> Any:
    """The same nested containers around other leaves."""
    if isinstance(tree, dict):
        return {key: _rebuilt(item, leaves) for key, item in tree.items()}
    if isinstance(tree, (list, tuple)):
        items = [_rebuilt(item, leaves) for item in tree]
        return type(tree)(*items) if hasattr(tree, "_fields") else type(tree)(items)
    return next(leaves)


def _is_pair(bounds: Any) -> bool:
    """Whether something is (low, high): numbers, arrays or None, but no containers, as SciPy's pairs for entries."""
    sides = (int, float, np.generic, np.ndarray, Tensor, type(None))
    return isinstance(bounds, (list, tuple)) and len(bounds) == 2 and all(isinstance(side, sides) for side in bounds)


def _bounds_of_leaves(bounds: Any, tree: Any, path: str = "") -> Iterator[Any]:
    """What the bounds say of each leaf; a pair holds for all leaves below it."""
    if isinstance(bounds, scipy.optimize.Bounds):
        bounds = (bounds.lb, bounds.ub)
    where = f" of {path}" if path else ""
    if bounds is None or _is_pair(bounds) or not isinstance(tree, (dict, list, tuple)):
        yield from (bounds for _ in _leaves(tree))
    elif isinstance(tree, dict):
        if not isinstance(bounds, Mapping):
            raise ValueError(f"minimize: the bounds{where} are a pair (low, high), or a dict by name, not {bounds!r}")
        if unknown := [key for key in bounds if key not in tree]:
            raise ValueError(f"minimize: there are bounds for {unknown}, but the parameters{where} are {list(tree)}")
        for key, item in tree.items():
            yield from _bounds_of_leaves(bounds.get(key), item, _join(path, key))
    else:
        if not isinstance(bounds, (list, tuple)) or len(bounds) != len(tree):
            raise ValueError(
                f"minimize: the bounds{where} are a pair (low, high), or a list of {len(tree)} bounds, not {bounds!r}"
            )
        for i, (item, own) in enumerate(zip(tree, bounds, strict=True)):
            yield from _bounds_of_leaves(own, item, _join(path, i))


def _pair(bounds: Any, name: str, shape: tuple[int, ...]) -> tuple[Any, Any]:
    """The bounds of one parameter as (low, high); for a vector they may be a list with a pair for each entry."""
    if bounds is None:
        return None, None
    if _is_pair(bounds):
        return bounds[0], bounds[1]
    if isinstance(bounds, (list, tuple)) and shape == (len(bounds),) and all(map(_is_pair, bounds)):
        lows, highs = zip(*bounds, strict=True)
        return (
            [-np.inf if low is None else low for low in lows],
            [np.inf if high is None else high for high in highs],
        )
    each = f", or a list of {shape[0]} pairs" if len(shape) == 1 else ""
    raise ValueError(f"minimize: the bounds of parameter {name} are a pair (low, high){each}, not {bounds!r}")


def _side(bound: Any, otherwise: float, name: str, shape: tuple[int, ...]) -> np.ndarray:
    array = np.asarray(otherwise if bound is None else bound, dtype=float)
    try:
        return np.broadcast_to(array, shape)
    except ValueError:
        raise ValueError(
            f"minimize: a bound of parameter {name} has shape {array.shape}, the parameter has {shape}"
        ) from None


def _next_above(bound: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """The smallest numbers of a dtype that are not below the bounds."""
    with np.errstate(over="ignore"):
        nearest = bound.astype(dtype)
        return np.where(nearest < bound, np.nextafter(nearest, dtype.type(np.inf)), nearest)
