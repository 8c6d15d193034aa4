"""The state of a module: reading it, loading it as a whole or not at all, converting it to another dtype."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from autodiff import Tensor

from .parameter import Parameter


class IncompatibleKeys(NamedTuple):
    """The paths on which a module and the state that it loaded did not agree."""

    missing_keys: list[str]
    unexpected_keys: list[str]


class Place(NamedTuple):
    """Where a value of the state is kept: a parameter, or the attribute of a module."""

    owner: Any
    attribute: str

    @property
    def key(self) -> tuple[int, str]:
        """The same for what is shared."""
        return id(self.owner), self.attribute

    @property
    def optional(self) -> bool:
        """Whether a state may lack it, which then stays as it is."""
        return bool(self.attribute) and self.attribute in self.owner.optional_buffers

    def read(self) -> np.ndarray:
        """The value that is there."""
        return np.asarray(vars(self.owner)[self.attribute] if self.attribute else self.owner.data)

    def write(self, value: np.ndarray) -> None:
        """Replace it, by one of the same shape and dtype."""
        if self.attribute:
            vars(self.owner)[self.attribute] = value
        else:
            self.owner.data = value


def places(module: Any) -> dict[str, Place]:
    """Where everything is that ``state_dict`` has, by path: under each of its paths, if it is shared.

    Raises:
        ValueError: two things have one path.
    """
    found: dict[str, Place] = {}
    for path, owner in module.named_modules(remove_duplicate=False):
        own = [(name, Place(value, "")) for name, value in owner.named_entries() if isinstance(value, Parameter)]
        own += [(name, Place(owner, name)) for name in owner.own_buffers(persistent=True)]
        for name, place in own:
            full = f"{path}.{name}" if path else name
            if full in found:
                raise ValueError(f"two entries of {type(module).__name__} are called {full}; rename one")
            found[full] = place
    return found


def read_state(module: Any) -> dict[str, np.ndarray]:
    """See ``Module.state_dict``."""
    state = {name: place.read().view() for name, place in places(module).items()}
    for array in state.values():
        array.flags.writeable = False
    return state


def load_state(module: Any, state: Mapping[str, ArrayLike | Tensor], strict: bool) -> IncompatibleKeys:
    """See ``Module.load_state_dict``."""
    if not isinstance(state, Mapping):
        raise TypeError(
            f"load_state_dict takes arrays by path, as state_dict() gives them, not a {type(state).__name__}"
        )
    here = places(module)
    given = {place.key for name, place in here.items() if name in state}
    missing = [name for name, place in here.items() if place.key not in given and not place.optional]
    unexpected = [name for name in state if name not in here]
    problems = []
    values: dict[tuple[int, str], tuple[str, np.ndarray]] = {}
    for name, place in here.items():
        if name in state:
            try:
                value = _fitted(state[name], place.read())
                first, other = values.setdefault(place.key, (name, value))
                if value is not other and not np.array_equal(value, other, equal_nan=True):
                    raise ValueError(f"is shared with {first}, but has other values")
            except ValueError as error:
                problems.append(f"{name} {error}")
        elif strict and name in missing:
            problems.append(f"{name} is missing")
    if strict:
        problems += [f"{name} is not in the module" for name in unexpected]
    if problems:
        raise ValueError(f"load_state_dict of {type(module).__name__}: " + "; ".join(problems))
    for name, place in here.items():
        if name in state:
            place.write(values[place.key][1])
    return IncompatibleKeys(missing, unexpected)


def _fitted(given: Any, own: np.ndarray) -> np.ndarray:
    """A copy of the ``given`` value that can take the place of ``own``."""
    array = given.data if isinstance(given, Tensor) else np.asarray(given)
    if array.shape != own.shape:
        raise ValueError(f"has shape {array.shape}, not {own.shape}")
    if not np.can_cast(array.dtype, own.dtype, "same_kind"):
        raise ValueError(f"has dtype {array.dtype}, which is not cast to {own.dtype}")
    value = np.empty_like(own)  # its layout too: sums in another order have other bits
    value[...] = array
    return value


def convert(module: Any, dtype: DTypeLike) -> None:
    """See ``Module.to``."""
    dtype = np.dtype(dtype)
    if dtype.kind != "f":
        raise TypeError(f"to() converts to a floating-point dtype, not {dtype}")
    for parameter in module.parameters():
        if parameter.dtype.kind == "f":
            gradient, parameter.grad = parameter.grad, None
            parameter.data = parameter.data.astype(dtype)
            if gradient is not None:
                parameter.grad = gradient.data.astype(dtype)
    for owner in module.modules():
        for name in owner.own_buffers():
            buffer = np.asarray(vars(owner)[name])
            if buffer.dtype.kind == "f":
                vars(owner)[name] = buffer.astype(dtype)
        if "dtype" in vars(owner):  # the argument of the constructor, which repr shows
            vars(owner)["dtype"] = dtype
