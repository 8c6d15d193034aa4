"""What optimisers have in common: groups of parameters, the checks before a step, and the saved state."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from operator import is_not
from typing import Any, Literal

import numpy as np

from autodiff import Tensor, enable_grad

from .packs import Pack, Scratch, Work, packed

Nonfinite = Literal["raise", "skip", "ignore"]
Array = np.ndarray
Values = Mapping[str, Any]
"""Hyper-parameters by name."""
State = dict[str, Any]
"""Numbers and arrays by name."""
BESIDE = ("params", "names", "initial_lr")
"""What a group has beside its hyper-parameters; ``initial_lr`` is for schedulers, which may also bring it."""
Params = Iterable[Tensor] | Iterable[tuple[str, Tensor]] | Iterable[dict[str, Any]]


class Optimizer:
    """Changes parameters in place, given their gradients. A subclass has its formula in ``update``.

    Args:
        params: the tensors to change, or (name, tensor) pairs, as from ``module.named_parameters()``, or groups of
            them with hyper-parameters of their own: dicts such as ``{"params": [...], "lr": 0.1}``.
        defaults: the hyper-parameters, for groups that do not give their own.
        nonfinite: what a gradient with NaN or inf in it does to ``step``: "raise" an error that names the parameter,
            "skip" the step, or "ignore" it.

    Attributes:
        param_groups: a dict for each group: its tensors as "params", their "names", and its hyper-parameters, which
            may be changed at any time (``group["lr"] = 0.01``); the next step checks them.
        skipped: whether the latest step was skipped, for a gradient that is not finite.

    Raises:
        ValueError: no tensors, one of them or a name twice, a tensor that was computed rather than a leaf, or
            hyper-parameters that make no sense.
        TypeError: something that is not a floating-point tensor.
    """

    elementwise: bool = True
    """Whether each entry's update depends on that entry alone, so that entries can be updated in blocks."""

    def __init__(self, params: Params, defaults: dict[str, Any], *, nonfinite: Nonfinite = "raise") -> None:
        if nonfinite not in ("raise", "skip", "ignore"):
            raise ValueError(f"nonfinite is 'raise', 'skip' or 'ignore', not {nonfinite!r}")
        self.nonfinite = nonfinite
        self.skipped = False
        self.defaults = defaults
        self.param_groups: list[dict[str, Any]] = []
        self._added: list[tuple[dict[str, Any], list[str], list[Tensor]]] = []
        self._packs: list[list[Pack]] = []
        self._checked: list[tuple[list, dict[str, Any]]] = []
        self._checked_hyperparameters(defaults)
        for group in _groups(params, type(self).__name__):
            self.add_param_group(group)

    # What a subclass defines

    def check(self, h: Values) -> None:
        """Raise ValueError for hyper-parameters that make no sense."""

    def buffers(self, h: Values, shape: tuple[int, ...]) -> dict[str, float]:
        """Names of the arrays kept for a parameter, and the number that all their entries start from."""
        return {}

    def buffer_shape(self, name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of a buffer of a parameter, whose own ``shape`` it is unless an optimiser says otherwise."""
        return shape

    def advance(self, h: Values, s: State) -> None:
        """Change the numbers in the state, once for each step of a parameter: ``t`` counts its steps from 1."""
        s["t"] = s.get("t", 0) + 1

    def update(self, h: Values, s: State, theta: Array, g: Array, work: Work) -> None:
        """Write the new values of some entries into ``theta``, and the new state into the arrays in ``s``.

        ``h`` are the hyper-parameters, ``g`` the gradient, which is not to be changed, ``work`` two free arrays and
        ``add(y, c, x)``, which is ``y += c x``.
        """
        raise NotImplementedError(f"{type(self).__name__} has no update")

    # Parameters and groups

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Optimise more parameters: ``{"params": [...], ...}`` with hyper-parameters where the defaults won't do.

        Raises:
            ValueError, TypeError: as when the optimiser is made; nothing has changed then.
        """
        what = type(self).__name__
        if "params" not in group:
            raise ValueError(f"{what}: a group has 'params'; this one has {[*group]}")
        self._check_groups()
        known = {name: t for g in self.param_groups for name, t in zip(g["names"], g["params"])}
        new = _named(group["params"], what, known, len(self.param_groups))
        names, tensors = [*new], [*new.values()]
        new_group = {**self.defaults, **group, "params": tensors, "names": names}
        self._checked_hyperparameters(new_group)
        for name, parameter in new.items():
            self.check_parameter(name, parameter)
        self.param_groups.append(new_group)
        self._added.append((new_group, [*names], [*tensors]))
        self._set_packs([*self._packs, packed(names, tensors, [{} for _ in names], self.elementwise)])
        self._checked.append(([], {}))

    def check_parameter(self, name: str, parameter: Tensor) -> None:
        """Raise ValueError for a parameter that this optimiser is not for."""

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or set them to zeros."""
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.grad = None if set_to_none or parameter.grad is None else np.zeros_like(parameter.data)

    # The step

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change every parameter that has a gradient; the others are left alone, and so is their state.

        Everything is checked before anything changes. (An interrupt from the keyboard may still come in the middle.)

        Args:
            closure: evaluates the model again, calls ``backward``, and returns the loss; called first.

        Returns:
            What ``closure`` returned, else None. ``skipped`` tells whether the step was skipped.

        Raises:
            ValueError: a gradient that is not finite, or has another shape or dtype than its parameter, or a
                hyper-parameter that was changed to something that makes no sense.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        self._step()
        return loss

    @np.errstate(all="ignore")
    def _step(self) -> None:
        ready = self._ready()
        self.skipped = ready is None
        for pack, h, gradients in ready or ():
            self.advance(h, pack.state)
            if pack.prepared is not h:
                self._prepare(pack, h)
            pack.change(self.update, h, gradients)

    def _ready(self) -> list[tuple[Pack, dict[str, Any], list[np.ndarray]]] | None:
        """What is to be updated, with hyper-parameters and gradients, all checked; None if the step is skipped."""
        self._check_groups()
        ready = []
        for i, group in enumerate(self.param_groups):
            values, h = self._checked[i]
            try:
                changed = values != [*group.values()]
            except ValueError:  # an array, which has no truth value: what checks hyper-parameters will say so
                changed = True
            if changed:
                h = self._checked_hyperparameters(group)
                self._checked[i] = [h.get(key, value) for key, value in group.items()], h
            for pack in [*self._packs[i]]:
                gradients = [g.data for p in pack.parameters if (g := p.grad) is not None]
                if not gradients:
                    continue
                if len(gradients) < len(pack.parameters):
                    self._packs[i].remove(pack)
                    pack, without = pack.split([p.grad is not None for p in pack.parameters])
                    self._packs[i] += pack, without
                if not (pack.accepts(gradients) or self._may_go_on(pack, gradients)):
                    return None
                ready.append((pack, h, gradients))
        return ready

    def _check_groups(self) -> None:
        """Raise ValueError unless groups and parameters are those that were added: the state belongs to them."""
        what = type(self).__name__
        if len(self.param_groups) != len(self._added):
            raise ValueError(
                f"{what}: {len(self._added)} groups were added, but param_groups has {len(self.param_groups)}; "
                "add_param_group adds one; for fewer, make a new optimiser"
            )
        for i, (group, (added, names, tensors)) in enumerate(zip(self.param_groups, self._added)):
            own = group.get("params", ())
            if group is not added or len(own) != len(tensors) or any(map(is_not, own, tensors)):
                raise ValueError(
                    f"{what}: group {i} or a parameter of it was replaced; assign to the parameter's data instead, use "
                    "add_param_group, or make a new optimiser"
                )
            if group.get("names") != names:
                raise ValueError(f"{what}: the names of group {i} were changed; they tell what saved state belongs to")

    def _may_go_on(self, pack: Pack, gradients: list[np.ndarray]) -> bool:
        """Look closely at gradients that may be wrong: an error, False if the step is to be skipped, else True."""
        what = type(self).__name__
        for name, parameter, shape, g in zip(pack.names, pack.parameters, pack.shapes, gradients):
            expected = f"{pack.dtype}{list(shape)}"
            if (parameter.shape, parameter.dtype) != (shape, pack.dtype):
                raise ValueError(
                    f"{what}: parameter {name} is now {parameter.dtype}{list(parameter.shape)}, but was {expected}; "
                    "make a new optimiser after changing a parameter's shape or dtype"
                )
            if (g.shape, g.dtype) != (shape, pack.dtype):
                raise ValueError(
                    f"{what}: the gradient of parameter {name} is {g.dtype}{list(g.shape)}, but the parameter "
                    f"{expected}; call zero_grad() before backward()"
                )
        for name, g in zip(pack.names, gradients):
            if self.nonfinite == "ignore" or _all_finite(g):
                continue
            if self.nonfinite == "skip":
                return False
            raise ValueError(
                f"{what}: the gradient of parameter {name} is not finite ({_first_bad(g)}); nothing was changed. "
                "autodiff.detect_anomaly() finds where it comes from; nonfinite='skip' skips such steps"
            )
        return True

    def _prepare(self, pack: Pack, h: Values) -> None:
        """Make what ``update`` keeps with these hyper-parameters, as far as it is not there."""
        for name, start in self.buffers(h, pack.shapes[0]).items():
            if name not in pack.state:
                shape = (pack.size,) if pack.flat else self.buffer_shape(name, pack.shapes[0])
                pack.state[name] = np.full(shape, start, pack.dtype)
        pack.prepared = h

    def _set_packs(self, packs: list[list[Pack]]) -> None:
        """Use these packs from now on, those of one dtype with the same memory to work in."""
        self._packs = packs
        everything = [pack for group in packs for pack in group]
        for dtype in {pack.dtype for pack in everything}:
            alike = [pack for pack in everything if pack.dtype == dtype]
            scratch = Scratch(alike)
            for pack in alike:
                pack.work_in(scratch)

    def _checked_hyperparameters(self, given: Mapping[str, Any]) -> dict[str, Any]:
        missing = [key for key in self.defaults if key not in given]
        if missing:
            raise ValueError(f"{type(self).__name__}: a group has lost its {', '.join(missing)}")
        unknown = [key for key in given if key not in self.defaults and key not in BESIDE]
        if unknown:
            raise ValueError(
                f"{type(self).__name__}: a group may have {', '.join(self.defaults)}; there is no {', '.join(unknown)}"
            )
        h = {key: _plain(given[key]) for key in self.defaults}
        self.check(h)
        for dtype in {parameter.dtype for parameter in given.get("params", ())}:
            _check_eps(type(self).__name__, h, dtype)
        return h

    # The state

    @property
    def state(self) -> dict[str, dict[str, Any]]:
        """The state of each parameter that has made a step, by its name: numbers, and arrays of the parameter's shape.

        The dicts are made for the occasion; the arrays are the optimiser's own memory.
        """
        found = {
            name: pack.state_of(i)
            for packs in self._packs
            for pack in packs
            if pack.state
            for i, name in enumerate(pack.names)
        }
        return {name: found[name] for group in self.param_groups for name in group["names"] if name in found}

    def state_dict(self) -> dict[str, Any]:
        """Everything that training depends on beside the parameters, in plain dicts, lists, numbers and copied arrays.

        ``{"state": {name: {...}}, "param_groups": [{"params": [names], hyper-parameters...}, ...]}``
        """
        state = {name: {key: _copied(value) for key, value in own.items()} for name, own in self.state.items()}
        groups = [
            {"params": [*group["names"]], **{key: _saved(group[key]) for key in self.defaults}}
            for group in self.param_groups
        ]
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Go on from what ``state_dict`` returned, bit for bit.

        Raises:
            ValueError: lists every problem; nothing has changed then.
        """
        problems = [f"no {key!r} in it" for key in ("param_groups", "state") if key not in saved]
        groups, states = saved.get("param_groups", []), saved.get("state", {})
        if not problems and len(groups) != len(self.param_groups):
            problems.append(f"{len(groups)} groups were saved, but there are {len(self.param_groups)}")
        loaded = []
        for i, (own, given) in enumerate(zip(self.param_groups, groups)):
            problems += [f"group {i} has no {key!r}" for key in ("params", *self.defaults) if key not in given]
            problems += [f"group {i} has an unknown {key!r}" for key in given if key not in {"params", *self.defaults}]
            if [*given.get("params", own["names"])] != own["names"]:
                problems.append(f"group {i} was saved with parameters {[*given['params']]}, but has {own['names']}")
            h = {key: _plain(given.get(key, own[key])) for key in self.defaults}
            loaded.append(h)
            try:
                self.check(h)
            except ValueError as error:
                problems.append(f"group {i}: {error}")
            for name, parameter in zip(own["names"], own["params"]):
                if name in states:
                    problems += self._problems(name, parameter, h, states[name])
        known = {name for group in self.param_groups for name in group["names"]}
        if any(isinstance(name, int) for name in states):
            problems.append("its parameters are numbers, as in PyTorch's, whose states have other entries")
        problems += [f"there is no parameter {name}" for name in states if name not in known]
        if problems:
            raise ValueError(f"load_state_dict of {type(self).__name__}: " + "; ".join(problems))
        for group, h in zip(self.param_groups, loaded):
            group.update(h)
        self._restore(states)

    def _problems(self, name: str, parameter: Tensor, h: Values, given: Mapping[str, Any]) -> list[str]:
        """What is wrong with the saved state of a parameter."""
        fresh: State = {}
        self.advance(h, fresh)
        expected = {*fresh, *self.buffers(h, parameter.shape)}
        if not expected <= {*given}:
            return [f"the state of {name} lacks {', '.join(sorted(expected - {*given}))}"]
        found = []
        for key, value in given.items():
            shape = () if key in fresh else self.buffer_shape(key, parameter.shape)
            if np.shape(value) != shape:
                found.append(f"{key} of {name} has shape {np.shape(value)}, not {shape}")
            elif np.asarray(value).dtype.kind not in "fiu":
                found.append(f"{key} of {name} is {value!r}, not a number")
        return found

    def _restore(self, states: Mapping[str, Mapping[str, Any]]) -> None:
        """Replace all state by copies of this."""
        packs = []
        for group in self.param_groups:
            numbers: State = {}
            self.advance(group, numbers)
            own = [
                {
                    key: _plain(value) if key in numbers else np.array(value, dtype=parameter.dtype)
                    for key, value in states.get(name, {}).items()
                }
                for name, parameter in zip(group["names"], group["params"])
            ]
            packs.append(packed(group["names"], group["params"], own, self.elementwise))
        self._set_packs(packs)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_packs": self.state_dict()["state"], "_checked": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._checked = [([], {}) for _ in self.param_groups]
        self._restore(state["_packs"])

    def __setattr__(self, name: str, value: Any) -> None:
        if name in vars(self).get("defaults", ()):
            raise AttributeError(
                f"{type(self).__name__} has no attribute {name!r}, as its groups have values of their own: "
                f"for group in optimizer.param_groups: group[{name!r}] = {value!r}"
            )
        super().__setattr__(name, value)

    def __repr__(self) -> str:
        shown = [f"{sum(len(group['params']) for group in self.param_groups)} parameters"]
        for key in self.defaults:
            values = [repr(group[key]) for group in self.param_groups]
            shown.append(f"{key}={values[0] if len({*values}) == 1 else ' | '.join(values)}")
        return f"{type(self).__name__}({', '.join(shown)})"


def penalised(h: Values, theta: Array, g: Array, out: Array) -> Array:
    """The gradient of what is minimised: ``g + weight_decay theta``, with ``-g`` for what is to be maximised.

    It is ``g`` itself, or written to ``out``.
    """
    weight_decay, maximize = h["weight_decay"], h["maximize"]
    if weight_decay:
        np.multiply(theta, weight_decay, out=out)
        return np.subtract(out, g, out=out) if maximize else np.add(out, g, out=out)
    return np.negative(g, out=out) if maximize else g


def decayed(h: Values, theta: Array, g: Array, out: Array) -> Array:
    """``penalised``, unless weight decay is decoupled: then ``theta`` is multiplied by ``1 - lr weight_decay`` here."""
    if not h["decoupled_weight_decay"]:
        return penalised(h, theta, g, out)
    if h["weight_decay"]:
        theta *= 1 - h["lr"] * h["weight_decay"]
    return np.negative(g, out=out) if h["maximize"] else g


def check_at_least_zero(what: str, h: Values, *keys: str) -> None:
    """Raise ValueError for a hyper-parameter that is negative or not finite."""
    for key in keys:
        if not (are_numbers(h[key]) and h[key] >= 0):
            raise ValueError(f"{what}: {key} is a finite number that is not negative, not {h[key]!r}")


def check_fractions(what: str, h: Values, *keys: str) -> None:
    """Raise ValueError for a hyper-parameter outside [0, 1)."""
    for key in keys:
        if not (are_numbers(h[key]) and 0 <= h[key] < 1):
            raise ValueError(f"{what}: {key} is a number in [0, 1), not {h[key]!r}")


def check_betas(what: str, h: Values) -> None:
    """Raise ValueError unless ``betas`` are two numbers in [0, 1)."""
    betas = h["betas"]
    if not (isinstance(betas, tuple) and len(betas) == 2 and are_numbers(*betas) and 0 <= min(betas) <= max(betas) < 1):
        raise ValueError(f"{what}: betas are two numbers in [0, 1), not {betas!r}")


def check_numbers(what: str, h: Values, key: str, count: int) -> None:
    """Raise ValueError unless a hyper-parameter is a tuple of so many numbers."""
    values = h[key]
    if not (isinstance(values, tuple) and len(values) == count and are_numbers(*values)):
        raise ValueError(f"{what}: {key} are {count} numbers, not {values!r}")


def check_switches(what: str, h: Values, *keys: str) -> None:
    """Raise ValueError for a hyper-parameter that is neither True nor False: the string "no" would count as true."""
    for key in keys:
        if h[key] not in (True, False):
            raise ValueError(f"{what}: {key} is True or False, not {h[key]!r}")


def are_numbers(*values: Any) -> bool:
    """Whether these are finite numbers; a truth value is none."""
    return all(
        isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) for value in values
    )


def _groups(params: Any, what: str) -> list[Mapping[str, Any]]:
    if isinstance(params, (Tensor, Mapping, str)):
        raise TypeError(f"{what} takes a list of tensors, of (name, tensor) pairs or of groups; write [...] around it")
    items = list(params)
    if not items:
        raise ValueError(f"{what} was given no parameters: {items!r}")
    return items if all(isinstance(item, Mapping) for item in items) else [{"params": items}]


def _named(params: Any, what: str, known: Mapping[str, Tensor], number: int) -> dict[str, Tensor]:
    """The parameters of a new group by name; a parameter without a name is called by its number."""
    items = [params] if isinstance(params, Tensor) else list(params)
    if not items:
        raise ValueError(f"{what} was given no parameters: {items!r} is all of group {number}; leave it out")
    found: dict[str, Tensor] = {}
    owners = {id(tensor): name for name, tensor in known.items()}
    for i, item in enumerate(items, start=len(known)):
        name, tensor = item if isinstance(item, tuple) and len(item) == 2 else (str(i), item)
        if not isinstance(tensor, Tensor) or tensor.dtype.kind != "f" or not isinstance(name, str):
            raise TypeError(f"{what}: parameter {name} is {tensor!r}, not a floating-point tensor")
        if not tensor.is_leaf:
            raise ValueError(f"{what}: parameter {name} was computed; only leaves can be optimised")
        if name in found or name in known:
            raise ValueError(f"{what}: parameter {name} is there twice: names are unique across groups")
        if id(tensor) in owners:
            raise ValueError(f"{what}: parameter {name} is there twice (also as {owners[id(tensor)]})")
        found[name] = tensor
        owners[id(tensor)] = name
    return found


def _check_eps(what: str, h: Values, dtype: np.dtype) -> None:
    """Raise ValueError for an eps that rounds to nothing, or nearly so, beside numbers of this dtype."""
    eps: Any = h.get("eps")
    least = float(np.finfo(dtype).smallest_normal)
    if are_numbers(eps) and 0 < eps < least:
        raise ValueError(
            f"{what}: eps={eps!r} is too small for {dtype} parameters, whose updates would be divided by 0; give at "
            f"least {least:.1e}, or keep them in float32"
        )


def _all_finite(g: np.ndarray) -> bool:
    """Whether all entries are, looked at one by one: a sum of squares may overflow, and g may have gaps in memory."""
    return bool(np.isfinite(g).all())


def _first_bad(g: np.ndarray) -> str:
    index = tuple(int(i) for i in np.argwhere(~np.isfinite(g))[0])
    return f"{g[index]} at {index}"


def _plain(value: Any) -> Any:
    """A hyper-parameter as Python's own number or tuple: NumPy's float64 would turn a float32 update into float64."""
    if isinstance(value, (list, tuple)):
        return tuple(map(_plain, value))
    return value.item() if isinstance(value, (np.generic, np.ndarray)) and value.size == 1 else value


def _saved(value: Any) -> Any:
    return [*map(_saved, value)] if isinstance(value, (list, tuple)) else _plain(value)


def _copied(value: Any) -> Any:
    return value.copy() if isinstance(value, np.ndarray) else value
