"""Calls of a registered function, found from its registry entry alone.

The entry says which parameters are arrays. Shapes, domains and static parameters are tried, in a fixed order, until the
plain function gives finite floating-point numbers there and around, without a warning.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import islice, product
from math import prod
from typing import Any, NamedTuple
from warnings import catch_warnings, simplefilter

import numpy as np

from ...dispatch import dispatch, qualified_name
from ...primitive import IMPLEMENTATIONS, REGISTRY, Primitive
from ...tensor import Tensor
from ...tree import flatten
from .call import Call, literal
from .domains import (
    DOMAINS,
    LISTS,
    NO_ARRAYS,
    ONE,
    PER_UNIT,
    STATIC,
    Domain,
    Shape,
    Shapes,
    anything,
    labels,
    shapes_to_try,
)

TRIALS = 240
"""How many domains and static parameters are tried with one combination of shapes."""

COMBINATIONS = 20_000
"""How many of those are put in order, simple ones first."""

REPEATS = 20
"""How often in a row a call may be refused for the same reason."""

REFUSALS = ("TypeError", "ValueError", "IndexError", "AttributeError", "it returns")
"""How reasons begin that other numbers will not mend."""

ENOUGH = 6
"""How many combinations of shapes are kept."""

NEARBY = 1 / PER_UNIT
"""How far around a point a function must be defined for differences to be conclusive."""

TINY = 2.0**-20
"""A step by which a function is found to be continuous."""

STEEP = 1e4
"""What it may change by, per unit of the step."""

Names = list[tuple[str, bool]]
"""The parameter that each array is for, and whether that is a list of arrays."""


class Entry(NamedTuple):
    """A registered function: its name, how to call it on tensors and on arrays, and what the registry knows of it."""

    name: str
    function: Callable
    plain: Callable
    primitive: Primitive | None
    parameters: tuple[inspect.Parameter, ...]


def described(function: Callable) -> Entry:
    """The entry of a function in the registry, or of the one that it wraps.

    Raises:
        TypeError: there is none.
    """
    for original in (function, getattr(function, "__wrapped__", None)):
        if original in REGISTRY:
            primitive = REGISTRY[original]
            records = function is not original or isinstance(original, np.ufunc) or hasattr(original, "_implementation")
            recorded = function if records else dispatch[original]
            return Entry(_name(original), recorded, _plain(primitive), primitive, primitive.parameters)
        if original in IMPLEMENTATIONS:
            return Entry(_name(original), original, original, None, _parameters(original))
    raise TypeError(
        f"check_primitive: {qualified_name(function)} has no entry in the registry; teach the tape its gradient with "
        "defvjp(function, argument=rule), or check a composition with check_grads"
    )


def _plain(primitive: Primitive) -> Callable:
    """What gives the primitive's values from arrays."""
    function = primitive.function
    if primitive.residuals and primitive.forward is function:
        return lambda *args, **keywords: function(*args, **keywords)[0]
    return function


def _parameters(function: Callable) -> tuple[inspect.Parameter, ...]:
    """Those of a NumPy function, or if it does not tell, of the composition that stands for it."""
    try:
        parameters = tuple(inspect.signature(function).parameters.values())
    except ValueError:
        parameters = tuple(inspect.signature(IMPLEMENTATIONS[function]).parameters.values())
    return parameters[: function.nin] if isinstance(function, np.ufunc) else parameters


def _name(function: Callable) -> str:
    name = qualified_name(function)
    module, _, short = name.rpartition(".")
    if module.partition(".")[0] == "numpy" and getattr(np, short, None) is function:
        return f"np.{short}"
    return name.replace("numpy.", "np.", 1).replace("._linalg", "")


def fixed_rule(primitive: Primitive | None, i: int) -> Callable | None:
    """The rule of argument ``i``, if it is given the cotangent alone and so is the same at every call."""
    if primitive is None or primitive.listed is not None or primitive.multiple or primitive.joint is not None:
        return None
    rule = primitive.rules[primitive.arguments[i]] if i < len(primitive.arguments) else None
    return rule.function if rule is not None and not rule.needs else None


class Slot(NamedTuple):
    """In place of an argument: the array of this number, or its symmetric part."""

    number: int
    symmetric: bool = False

    def of(self, arrays: Sequence[Any]) -> Any:
        x = arrays[self.number]
        return (x + x.mT) / 2 if self.symmetric else x


class Form(NamedTuple):
    """A call with slots, or lists of slots, in place of its arrays."""

    name: str
    positional: tuple
    keywords: dict[str, Any]

    def apply(self, function: Callable) -> Callable:
        """The function of the arrays alone."""
        plain = all(type(value) is Slot and value == Slot(i) for i, value in enumerate(self.positional))
        if plain and not self.keywords:
            return function

        def call(*arrays: Any) -> Any:
            keywords = {key: _filled(value, arrays) for key, value in self.keywords.items()}
            return function(*[_filled(value, arrays) for value in self.positional], **keywords)

        return call

    def bound(self, entry: Entry, args: Sequence[np.ndarray]) -> Call:
        """The call with these arrays."""
        names = [f"argument {i}" for i in range(len(args))]
        slots = [*zip([p.name for p in entry.parameters], self.positional, strict=False), *self.keywords.items()]
        for name, value in slots:
            for k, slot in enumerate(value if isinstance(value, list) else [value]):
                if isinstance(slot, Slot):
                    names[slot.number] = f"{name}[{k}]" if isinstance(value, list) else name
        return Call(self.apply(entry.function), list(args), self.apply(entry.plain), tuple(names), self.source)

    @property
    def source(self) -> str:
        """The call as Python source, with ``{}`` in place of each array."""
        parts = [_shown(value) for value in self.positional]
        parts += [f"{key}={_shown(value)}" for key, value in self.keywords.items()]
        return f"{self.name}({', '.join(parts)})"


def _filled(value: Any, arrays: Sequence[Any]) -> Any:
    if isinstance(value, Slot):
        return value.of(arrays)
    if isinstance(value, list):
        return [_filled(item, arrays) for item in value]
    return value


def _shown(value: Any) -> str:
    if isinstance(value, Slot):
        return "{}"
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]"
    shown = literal(value) if isinstance(value, np.ndarray) else getattr(value, "__name__", repr(value))
    return shown.replace("{", "{{").replace("}", "}}")


class Template(NamedTuple):
    """Shapes and domains of arrays, and the forms of calls that work with them."""

    shapes: Shapes
    domains: tuple[Domain, ...]
    forms: tuple[Form, ...]


def templates(entry: Entry) -> tuple[Template, ...]:
    """What was found to work for a function; searched for once.

    Raises:
        TypeError: nothing.
    """
    return _search(entry, entry.primitive or IMPLEMENTATIONS[entry.function])


@lru_cache(maxsize=1024)
def _search(entry: Entry, defined_by: Any) -> tuple[Template, ...]:
    """The search. ``defined_by`` makes it start anew when the function is registered anew."""
    found: list[Template] = []
    tried, last = 0, "there is no parameter for an array"
    for names in _choices_of_arrays(entry):
        for shapes in shapes_to_try(len(names)):
            repeats = 0
            for domains, form in islice(_attempts(entry, names, shapes, found), 2 * REPEATS if found else TRIALS):
                tried += 1
                failure = _failure(entry, form, shapes, domains)
                if failure is None:
                    found.append(Template(shapes, domains, _variations(entry, form, shapes, domains)))
                    break
                repeats = repeats + 1 if failure == last and failure.startswith(REFUSALS) else 1
                last = failure
                if repeats == REPEATS:
                    break
            if len(found) == ENOUGH:
                return tuple(found)
    if not found:
        raise TypeError(
            f"check_primitive: no call of {entry.name}({', '.join(p.name for p in entry.parameters)}) was found in "
            f"{tried} tries with arrays of {len(ONE)} shapes and {len(DOMAINS)} domains (the last one: {last}); pass "
            "arguments, check_primitive(f, x, y), or a strategy of pairs of a function and a list of its arrays, "
            "check_primitive(f, calls=...)"
        )
    return tuple(found)


def _choices_of_arrays(entry: Entry) -> Iterator[Names]:
    """Which parameters are arrays, first without those that can be left out."""
    if entry.primitive is not None:
        listed, arguments = entry.primitive.listed, entry.primitive.arguments
        optional = {p.name for p in entry.parameters if p.default is not p.empty}
        required = [name for name in arguments if name not in optional]
        if required:
            yield [(name, name == listed) for name in required for _ in range(2 if name == listed else 1)]
        if len(required) < len(arguments):
            yield [(name, name == listed) for name in arguments]
        return
    names: Names = []
    for p in entry.parameters:
        if p.kind is p.VAR_POSITIONAL:
            names += [] if names else [(p.name, False)] * 2
        elif p.default is p.empty and p.kind is not p.VAR_KEYWORD and p.name not in NO_ARRAYS:
            names += [(p.name, True)] * 2 if p.name in LISTS else [(p.name, False)]
    if names:
        yield names
    if len({name for name, _ in names}) > 1:
        yield names[:1]


def _attempts(
    entry: Entry, names: Names, shapes: Shapes, found: Sequence[Template]
) -> Iterator[tuple[tuple[Domain, ...], Form]]:
    """Domains and forms to try, simple ones first, but the domains of what was found before those."""
    together = any(listed for _, listed in names)
    free = 1 if together else len(names)
    arrays = {name for name, _ in names}
    missing = [p for p in entry.parameters if p.name not in arrays and p.default is p.empty and p.kind in BY_POSITION]
    options = [_options(entry, p, shapes) for p in missing]
    ranges = [*[range(len(DOMAINS))] * free, *(range(len(values)) for values in options)]
    known = [tuple(map(DOMAINS.index, template.domains[:free])) for template in found]
    choices = sorted(islice(product(*ranges), COMBINATIONS), key=sum)
    for chosen in sorted(choices, key=lambda chosen: chosen[:free] not in known):
        domains = tuple(DOMAINS[k] for k in chosen[:free]) * (len(names) if together else 1)
        statics = {p.name: values[k] for p, values, k in zip(missing, options, chosen[free:], strict=True)}
        yield domains, _form(entry, names, domains, statics)


BY_POSITION = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def _options(entry: Entry, parameter: inspect.Parameter, shapes: Shapes) -> list[Any]:
    """What a static parameter that must be given may be."""
    constant = entry.primitive is not None and parameter.name in entry.primitive.constants
    return STATIC.get(parameter.name, labels if constant else anything)(shapes[0])


def _form(entry: Entry, names: Names, domains: tuple[Domain, ...], statics: dict[str, Any]) -> Form:
    """The call with a slot for each array, in the order of the signature."""
    slots: dict[str, list[Slot]] = {}
    for i, (name, _) in enumerate(names):
        slots.setdefault(name, []).append(Slot(i, domains[i].symmetric))
    lists = {name for name, listed in names if listed}
    positional: list[Any] = []
    keywords: dict[str, Any] = {}
    for p in entry.parameters:
        if p.name in statics:
            positional.append(statics[p.name])
        elif p.name in slots and p.kind is p.VAR_POSITIONAL:
            positional += slots[p.name]
        elif p.name in slots:
            value = slots[p.name] if p.name in lists else slots[p.name][0]
            if p.default is p.empty and p.kind in BY_POSITION:
                positional.append(value)
            else:
                keywords[p.name] = value
    return Form(entry.name, tuple(positional), keywords)


def _variations(entry: Entry, form: Form, shapes: Shapes, domains: tuple[Domain, ...]) -> tuple[Form, ...]:
    """The form, and those that work among the same with another value of one static parameter."""
    found = [form]
    for p in entry.parameters:
        optional = p.default is not p.empty and p.kind is not p.POSITIONAL_ONLY and p.name not in form.keywords
        if not optional or p.name not in STATIC or p.name == "dtype":
            continue
        for value in STATIC[p.name](shapes[0]):
            other = form._replace(keywords={**form.keywords, p.name: value})
            if value is not p.default and _failure(entry, other, shapes, domains) is None:
                found.append(other)
    return tuple(found)


def _samples(shapes: Shapes, domains: tuple[Domain, ...]) -> list[list[np.ndarray]]:
    """Points all over the domains: different numbers, and around them; the same ones, the ends against each other."""
    columns = [_column(i, *place) for i, place in enumerate(zip(shapes, domains, strict=True))]
    return [[x.copy("K") for x in point] for point in zip(*columns, strict=True)]


@lru_cache(maxsize=1024)
def _column(i: int, shape: Shape, domain: Domain) -> list[np.ndarray]:
    """What array ``i`` is at those points."""

    def at(part: np.ndarray) -> np.ndarray:
        numbers = domain.low + part.reshape(shape) * (domain.high - domain.low)
        return domain.array(np.round(numbers * PER_UNIT) / PER_UNIT)

    n, found = prod(shape), []
    for factor in (0.618, 0.414):
        x = at(np.modf(factor * (np.arange(n) + 1) + 0.37 * i)[0])
        found += [x, x + NEARBY, x - NEARBY]
    for first, others in ((0.0, 1.0), (1.0, 0.0), (0.0, 0.0), (1.0, 1.0), (0.5, 0.5)):
        found.append(at(np.full(n, others if i else first)))
    return found


def _failure(entry: Entry, form: Form, shapes: Shapes, domains: tuple[Domain, ...]) -> str | None:
    """Why no gradients can be checked at calls of this form, or None if they can."""
    plain = form.apply(entry.plain)
    entrywise = (
        isinstance(entry.plain, np.ufunc) or entry.primitive is not None and entry.primitive.kind == "elementwise"
    )
    try:
        with catch_warnings(), np.errstate(all="ignore"):
            simplefilter("error")
            points = _samples(shapes, domains)
            for point in points:
                values = _floats(plain(*[x.copy() for x in point]))
                if not values:
                    return "it returns no floating-point numbers"
                if not all(np.isfinite(value).all() for value in values):
                    return "its values are not finite"
            for i in range(len(shapes)):
                matters = any(_depends(plain, point, i) for point in (points[0], points[3]))
                if not matters and fixed_rule(entry.primitive, i) is None:
                    return f"it ignores array {i}"
                if not entrywise and any(_jumps(plain, point, i) for point in points[-5:]):
                    return "it is not continuous where entries are equal"
                if not domains[i].symmetric and _reads_one_triangle(plain, points[0], i):
                    return "it reads one triangle of a matrix"
            if entry.primitive is None and not _records(form.apply(entry.function), points[0]):
                return "it returns no tensor with a gradient"
    except Exception as error:
        return f"{type(error).__name__}: {error}".partition("\n")[0]
    return None


def _floats(result: Any) -> list[np.ndarray]:
    arrays = [np.asarray(value) for value in flatten(result)[0]]
    return [array for array in arrays if array.dtype.kind in "fc" and array.size]


def _depends(function: Callable, point: list[np.ndarray], i: int, where: Any = True) -> bool:
    """Whether the values depend on an array, or on its entries where a mask is true."""
    x = point[i]
    steps = NEARBY * (1 + np.arange(x.size).reshape(x.shape) % 2)
    before, after = _floats(function(*point)), _floats(function(*point[:i], x + steps * where, *point[i + 1 :]))
    return any(a.shape != b.shape or not np.allclose(a, b, 1e-9, 0) for a, b in zip(before, after, strict=True))


def _jumps(function: Callable, point: list[np.ndarray], i: int) -> bool:
    """Whether small steps in an array change the values by more than small steps, or change their shapes."""
    x = point[i]
    steps = TINY * (np.modf(0.618 * np.arange(1, x.size + 1))[0].reshape(x.shape) - 0.5)
    before = _floats(function(*point))
    for sign in (1, -1):
        after = _floats(function(*point[:i], x + sign * steps, *point[i + 1 :]))
        for a, b in zip(before, after, strict=True):
            if a.shape != b.shape or np.abs(a - b).max() > STEEP * TINY * max(1.0, np.abs(a).max()):
                return True
    return False


def _reads_one_triangle(function: Callable, point: list[np.ndarray], i: int) -> bool:
    """Whether the values depend on the entries on one side of the diagonal alone, as if the matrix were symmetric."""
    shape = point[i].shape
    if len(shape) < 2 or shape[-1] != shape[-2] or shape[-1] < 2:
        return False
    upper = np.broadcast_to(np.triu(np.ones(shape[-2:], bool), 1), shape)
    return _depends(function, point, i, upper) != _depends(function, point, i, upper.mT)


def _records(function: Callable, point: list[np.ndarray]) -> bool:
    """Whether a composition gives tensors with a gradient."""
    outputs, _ = flatten(function(*[Tensor(x, requires_grad=True) for x in point]))
    return any(isinstance(y, Tensor) and y.requires_grad and y.dtype.kind in "fc" for y in outputs)
