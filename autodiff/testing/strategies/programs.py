"""Random programs: functions of NumPy calls, operators, indexing and assignment, as source text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import ceil, log2, prod
from string import Formatter
from typing import Any

import numpy as np
from hypothesis import strategies as st

from ..literals import array_literal
from ..program import NAMES, Program
from .indices import indices
from .shapes import Shape, axes
from .values import PER_UNIT

LARGEST = 4.0
"""Above which the entries of a value are scaled down, so that the next steps neither overflow nor saturate."""

MOST = 64
"""Above which a value has too many entries to be of use."""

SHAPES = ((2,), (3,), (2, 3), (3, 3), (1, 2), (4,), (2, 2, 3), (3, 1, 2), ())
"""What the inputs' shapes broadcast to."""

# fmt: off
KINDS: dict[str, tuple[str, ...]] = {
    "elementwise": (
        "np.tanh({v})", "np.sin({v})", "-{v}", "{c} * {v}", "{v} + {c}", "{v} ** 2", "{v} ** 3", "np.cos({v})",
        "np.exp(np.sin({v}))", "np.log({v} * {v} + 1)", "np.log1p({v} ** 2)", "np.sqrt({v} * {v} + 0.25)",
        "np.arctan({v})", "np.arcsinh({v})", "np.arcsin(np.sin({v}) / 2)", "1 / ({v} * {v} + 1)",
        "np.expm1(np.tanh({v}))", "np.sinh(np.tanh({v}))", "np.cosh(np.sin({v}))", "np.exp2(np.cos({v}))",
        "(np.square({v}) + 1) ** 0.75", "np.reciprocal(np.sin({v}) + 2)",
    ),
    "special": (
        "special.erf({v})", "special.expit({v})", "special.gammaln({v} * {v} + 1)", "special.log_ndtr({v})",
        "special.xlogy({v}, {w} * {w} + 1)", "special.jv(0, {v})", "special.betaln({v} ** 2 + 1, {w} ** 2 + 1)",
        "special.gammainc({v} ** 2 + 0.5, {w} ** 2 + 0.5)", "special.entr(special.expit({v}))",
    ),
    "binary": (
        "{v} + {w}", "{v} - {w}", "{v} * {w}", "{w} - {v}", "np.multiply({w}, {v})", "np.tanh({v}) * {w}",
        "{v} / ({w} * {w} + 1)", "{w} / (np.cosh(np.tanh({v})) + 1)", "np.arctan2({v}, {w} * {w} + 1)",
        "np.logaddexp({v}, {w})", "np.hypot({v}, np.exp(np.sin({w})))", "({v} ** 2 + 0.5) ** np.sin({w})",
        "{v} * {v} + {w}",
    ),
    "reduction": (
        "np.sum({v}, axis={axes}, keepdims={bool})", "np.mean({v}, axis={axes}, keepdims={bool})",
        "np.var({v}, axis={axes}, keepdims={bool})", "np.prod(np.sin({v}) + 1.25, axis={axes}, keepdims={bool})",
        "np.cumsum({v}, axis={axis})", "np.cumprod(np.sin({v}) + 1.25, axis={axis})", "np.trapezoid({v}, axis={axis})",
        "np.std(np.stack([{v}, np.sin({v}) + 5]), axis=0)",
    ),
    "shape": (
        "np.transpose({v})", "np.reshape({v}, {reshaped})", "np.transpose({v}, {order})", "np.ravel({v})",
        "np.expand_dims({v}, 0)", "np.swapaxes({v}, 0, {axis})", "np.moveaxis({v}, {axis}, 0)", "np.flip({v}, {axis})",
        "np.roll({v}, 1, {axis})", "np.broadcast_to({v}, {wider})", "np.repeat({v}, 2, {axis})",
        "np.tile({v}, 2)", "np.diff(np.concatenate([{v}, {v} ** 2], {axis}), axis={axis})",
    ),
    "join": (
        "np.concatenate([{v}, {same}], {axis})", "np.stack([{v}, {same}])", "np.stack([{same}, {v}, {v}], {axis})",
    ),
    "product": (
        "{v} @ {right}", "np.matmul({v}, {right})", "2 * np.vecdot({v}, {same})", "np.outer({v}, {any})",
        "np.dot({v}, {right}) / 2", "-np.inner({v}, {same})", "np.tensordot({v}, {same}, 1)",
        "np.convolve(np.ravel({v}), np.ravel({w}))",
        "np.einsum('...i,...i->...', {v}, {same})", "{v} @ np.transpose({v})",
    ),
    "linalg": (
        "np.linalg.inv({v} @ np.matrix_transpose({v}) + 3 * np.eye({v}.shape[-2]))",
        "np.linalg.cholesky({v} @ np.matrix_transpose({v}) + 2 * np.eye({v}.shape[-2]))",
        "np.linalg.slogdet({v} @ np.matrix_transpose({v}) + np.eye({v}.shape[-2]))[1]",
        "np.linalg.solve(np.outer({v}, {v}) + 3 * np.eye({v}.size), np.ravel({v}))",
        "np.linalg.det(np.outer({v}, {v}) / 4 + np.eye({v}.size))", "np.trace(np.outer({v}, {any}))",
        "np.linalg.norm(np.stack([{v}, {same} ** 2 + 1]), axis=0)", "np.real(np.fft.fft({v}, axis={axis}))",
    ),
    "slice": ("{v}[0]", "{v}[..., 1:]", "{v}[..., ::2]", "{v}[-1:]", "{v}[None, 0]"),
    "index": ("{v}[{index}]",),
    "kink": (
        "np.maximum({v}, {w})", "np.minimum({v}, {w})", "np.abs({v})", "np.maximum({v}, {v})", "np.clip({v}, -1, 0.5)",
        "np.max({v}, axis={axes}, keepdims={bool})", "np.min({v}, axis={axes})", "np.where({v} > {w}, {v}, {w})",
        "np.where({v} > 0, {v}, {v} * {w})",
    ),
    "sort": (
        "np.sort({v}, axis={axis})", "np.median({v}, axis={axis})", "np.take(np.partition({v}, 0, {axis}), 0, {axis})",
    ),
    "unselected": (
        "np.where({v} > 0.5, np.log({v}), {v})", "np.where({v} > 0.5, np.sqrt({v} - 0.25), {v})",
        "np.stack([np.sqrt({v} - {v}), {v}])[1]", "np.where({w} > 0.25, np.log(np.where({w} > 0.25, {w}, 1)), {v})",
    ),
    "checkpoint": ("checkpoint(lambda v: np.tanh(v) * np.sin(v))({v})", "checkpoint(np.multiply)({v}, {w})"),
    "detached": (
        "{v} * stop_gradient({w})", "np.sin({v} + stop_gradient({v}))",
        "with no_grad():\n    {constant} = np.tanh({w})\n{new} = {v} * {constant}",
        "with no_grad():\n    {constant} = {v} - {w}\n{new} = {v} + {constant}",
    ),
    "assignment": (
        "{new} = np.copy({v})\n{new}[...] = {into}", "{new} = np.copy({v})\n{new}[{position}] = {placed}",
        "{new} = np.copy({v})\n{new}[{position}] += {placed}",
        "{new} = np.copy({v})\n{new}[{position}] *= {new}[{position}]", "{own}[{position}] = {placed}",
        "{own}[{position}] += {placed}", "{own} += {into}", "{own} *= np.tanh({into})", "{own} -= {own} ** 2 / 8",
        "{own}[{position}] = {own}[{position}] * {c}",
    ),
    "accumulation": (
        "{new} = np.copy({v})\nnp.add.at({new}, np.s_[{position}], {placed})",
        "np.add.at({own}, np.s_[{position}], {placed})",
    ),
}
# fmt: on
"""Templates of steps, by kind and from the simplest: an expression for a new value, or statements that end with one
for ``{new}`` or that change ``{own}``. What the fields in braces stand for, ``FIELDS`` says."""

BEYOND = ("special", "checkpoint", "detached", "assignment", "accumulation")
"""The kinds of steps that need more than NumPy's functions: SciPy's, this library's, or arrays that can be changed."""

FUNCTIONAL = tuple(kind for kind in KINDS if kind not in BEYOND)
"""The kinds of steps that any library with NumPy's functions can run."""

COMPARING = {template for kind in ("kink", "sort", "unselected") for template in KINDS[kind]}
"""The templates whose result depends on which of two numbers is larger."""

CLEARANCE = 1e-6
"""How far apart these numbers are, so that no difference straddles a kink."""


@dataclass
class _Scope:
    """The program so far: its lines, and what its variables are when it is run on the arrays."""

    draw: Any
    values: dict[str, Any]
    tracked: list[str]
    """The variables that depend on the inputs, as the tape sees it."""
    lines: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)

    def pick(self, names: Iterable[str]) -> str:
        """One of some variables, those that were not used yet twice as often."""
        found = list(names)
        unused = [name for name in found if name not in self.used]
        if not found:
            raise _Impossible
        return self.draw(st.sampled_from(found + unused))

    def fitting(self, fits: Callable[[Shape], bool]) -> str:
        """A variable whose shape fits."""
        return self.pick(name for name, value in self.values.items() if fits(np.shape(value)))


class _Impossible(Exception):
    """There is nothing to fill into a field of a template."""


Chosen = Mapping[str, Any]
"""What fields stand for: variables' names, and other expressions."""


def _v(scope: _Scope, chosen: Chosen) -> str:
    """A value, as often the latest as any: programs are to be deep."""
    return scope.tracked[-1] if scope.draw(st.booleans()) else scope.pick(scope.tracked)


def _new(scope: _Scope, chosen: Chosen) -> str:
    taken = sum(name.startswith("v") for name in scope.values)
    return f"v{taken + ('constant' in chosen)}"


def _own(scope: _Scope, chosen: Chosen) -> str:
    """A value in memory that no other value shares."""

    def owned(name: str) -> bool:
        value = scope.values[name]
        if not isinstance(value, np.ndarray) or not value.ndim or value.base is not None or name[0] == "x":
            return False
        return not any(other != name and np.may_share_memory(value, it) for other, it in scope.values.items())

    return scope.pick(filter(owned, scope.tracked))


def _broadcasting(scope: _Scope, chosen: Chosen) -> str:
    shape = _shape(scope, chosen)
    return scope.fitting(lambda other: _size_together(shape, other) <= MOST)


def _same(scope: _Scope, chosen: Chosen) -> str:
    shape = _shape(scope, chosen)
    return scope.fitting(lambda other: other == shape)


def _right(scope: _Scope, chosen: Chosen) -> str:
    """What a matrix product can have on its right."""
    shape = _shape(scope, chosen)
    if not shape:
        raise _Impossible
    return scope.fitting(
        lambda other: bool(other) and other[-2:][0] == shape[-1] and _size_together(shape[:-2], other[:-2]) <= MOST
    )


def _into(scope: _Scope, chosen: Chosen) -> str:
    return scope.fitting(lambda other: _goes_into(other, _shape(scope, chosen)))


def _placed(scope: _Scope, chosen: Chosen) -> str:
    """What can be assigned at the position that was chosen."""
    selected = np.empty(_shape(scope, chosen))[eval(f"np.s_[{chosen['position']}]", {"np": np})].shape
    return scope.fitting(lambda other: _goes_into(other, selected))


def _axis(scope: _Scope, chosen: Chosen) -> str:
    ndim = len(_shape(scope, chosen))
    if not ndim:
        raise _Impossible
    return repr(scope.draw(st.integers(-ndim, ndim - 1)))


def _reshaped(scope: _Scope, chosen: Chosen) -> str:
    size = prod(_shape(scope, chosen))
    sides = [n for n in range(1, size + 1) if size % n == 0]
    choices = [(size,), (-1, 1), *((n, size // n) for n in sides), *((1, n, -1) for n in sides)]
    return repr(scope.draw(st.sampled_from(choices)))


def _index(scope: _Scope, chosen: Chosen) -> str:
    return show_index(scope.draw(indices(_shape(scope, chosen))))


def _order(scope: _Scope, chosen: Chosen) -> str:
    return repr(tuple(scope.draw(st.permutations(range(len(_shape(scope, chosen)))))))


def _wider(scope: _Scope, chosen: Chosen) -> str:
    return repr((scope.draw(st.integers(1, 2)), *_shape(scope, chosen)))


def _axes(scope: _Scope, chosen: Chosen) -> str:
    return repr(scope.draw(axes(len(_shape(scope, chosen)))))


FIELDS: dict[str, Callable[[_Scope, Chosen], str]] = {
    "v": _v,
    "own": _own,
    "w": _broadcasting,
    "same": _same,
    "right": _right,
    "any": lambda scope, chosen: scope.fitting(lambda shape: prod(shape) <= 8),
    "index": _index,
    "position": _index,
    "into": _into,
    "placed": _placed,
    "axis": _axis,
    "axes": _axes,
    "bool": lambda scope, chosen: repr(scope.draw(st.booleans())),
    "c": lambda scope, chosen: repr(scope.draw(st.sampled_from([0.5, 2.0, -1.5, 0.125]))),
    "reshaped": _reshaped,
    "order": _order,
    "wider": _wider,
    "constant": _new,
    "new": _new,
}
"""What stands for the fields of a template. ``v`` depends on the inputs; the others are drawn after it, to go with it:
``w`` broadcasts, ``same`` has the same shape, ``right`` can be multiplied as a matrix, ``placed`` be assigned at the
``position``. ``own`` may be changed in place."""


def _shape(scope: _Scope, chosen: Chosen) -> Shape:
    return np.shape(scope.values[chosen["v"] if "v" in chosen else chosen["own"]])


def _size_together(a: Shape, b: Shape) -> float:
    try:
        return prod(np.broadcast_shapes(a, b))
    except ValueError:
        return np.inf


def _goes_into(shape: Shape, target: Shape) -> bool:
    return _size_together(shape, target) < np.inf and np.broadcast_shapes(shape, target) == target


def show_index(index: Any) -> str:
    """What stands between the brackets for an index; with arrays in place of lists, which some libraries refuse.

    >>> show_index((slice(None, 2), slice(2, None, -1), [0, 1], None, Ellipsis))
    ':2, 2::-1, np.array([0, 1]), None, ...'
    """
    if isinstance(index, tuple):
        return f"{', '.join(map(show_index, index))}{',' * (len(index) == 1)}" if index else "()"
    if isinstance(index, slice):
        start, stop, step = ("" if part is None else part for part in (index.start, index.stop, index.step))
        return f"{start}:{stop}" + f":{step}" * (step != "")
    if isinstance(index, list):
        return array_literal(np.array(index, dtype=None if index else np.int_))
    if isinstance(index, np.ndarray):
        return array_literal(index)
    if isinstance(index, np.bool_):
        return repr(bool(index))
    if isinstance(index, np.integer):
        return f"np.{index.dtype.name}({index})"
    return "..." if index is Ellipsis else repr(index)


@st.composite
def programs(
    draw: Any, kinds: Iterable[str] = tuple(KINDS), max_steps: int = 12, min_steps: int = 1, max_inputs: int = 3
) -> Program:
    """Random functions of a few arrays, as a ``Program``: source text to read, run, and paste into a bug report.

    Steps use what was computed before, often twice; nothing is computed in vain, as what is used no more is returned.
    Values stay moderate, so that differences are conclusive (in 99.9 % of the comparisons that ``check_grads`` made of
    2,000 programs, to second order). Steps with a kink keep away from it, but for a value that meets itself.

    >>> from hypothesis import find
    >>> program = find(programs(["elementwise", "index"]), lambda program: "np.log" in program.source)
    >>> print(program.source.splitlines()[-1])  # print(program) shows all of it, ready to be pasted
        return v0
    >>> np.shares_memory(program(), program.arrays[0])
    False

    Args:
        kinds: keys of ``KINDS``, the simplest first: which steps there may be. ``FUNCTIONAL`` are those that other
            libraries can run too.
        max_steps, min_steps: bounds of the number of steps.
        max_inputs: how many arrays there may be.

    Raises:
        KeyError: there is no such kind.
    """
    groups = [st.sampled_from(KINDS[kind]) for kind in kinds]
    scope = _Scope(draw, dict(draw(_inputs(max_inputs))), [])
    arrays = {name: value.copy() for name, value in scope.values.items()}
    scope.tracked += arrays
    fewest = draw(st.integers(min_steps, max(min_steps, max_steps - 4)))  # else Hypothesis prefers short lists
    for template in draw(st.lists(st.one_of(groups), min_size=fewest, max_size=max_steps)):
        _add_step(scope, template)
    return _finished(scope, arrays)


@st.composite
def _inputs(draw: Any, max_inputs: int) -> dict[str, np.ndarray]:
    """Arrays that broadcast together, all of their entries different from each other and from the steps' constants."""
    common = draw(st.sampled_from(SHAPES))
    shapes = [draw(st.just(common) | _broadcast_from(common)) for _ in range(draw(st.integers(1, max_inputs)))]
    sizes = list(map(prod, shapes))
    reach = 2 * PER_UNIT
    drawn = draw(st.lists(st.integers(-reach, reach), min_size=sum(sizes), max_size=sum(sizes), unique=True))
    parts = np.split(np.array(drawn) / PER_UNIT + 1 / (2 * PER_UNIT), np.cumsum(sizes)[:-1])
    return {f"x{i}": part.reshape(shape) for i, (part, shape) in enumerate(zip(parts, shapes, strict=True))}


def _broadcast_from(common: Shape) -> st.SearchStrategy[Shape]:
    """Shapes that broadcast to a given one: without leading axes, and with some of length 1."""
    kept = st.integers(0, len(common)).map(lambda start: common[start:])
    return kept.flatmap(lambda sides: st.tuples(*(st.sampled_from([n, 1]) for n in sides)))


def _add_step(scope: _Scope, template: str) -> None:
    """Fill in a template and run it; leave the program as it is where NumPy refuses it or the result is of no use."""
    comparing = template in COMPARING
    chosen: dict[str, Any] = {}
    fields = {name for _, name, _, _ in Formatter().parse(template) if name}
    if "\n" not in template and "own" not in fields:
        template, fields = f"{{new}} = {template}", fields | {"new"}
    try:
        for name in filter(fields.__contains__, FIELDS):
            chosen[name] = FIELDS[name](scope, chosen)
        statements = template.format(**chosen)
        values = {name: np.copy(value) if name == chosen.get("own") else value for name, value in scope.values.items()}
        _run(statements, values)
    except (_Impossible, ValueError, IndexError, TypeError):
        return
    if comparing and _at_kink(template, chosen, values):
        return
    name = chosen.get("new") or chosen["own"]
    result = values[name]
    if np.size(result) > MOST or not np.size(result) or not np.isfinite(result).all():
        return
    if (largest := np.abs(result).max()) > LARGEST:
        scaling = f"{name} = {name} / {2.0 ** ceil(log2(largest / LARGEST))}"
        statements += f"\n{scaling}"
        _run(scaling, values)
    scope.lines += statements.splitlines()
    scope.values = values
    scope.used |= {value for value in chosen.values() if value in values}
    scope.used.discard(name)
    if name not in scope.tracked:
        scope.tracked.append(name)


def _at_kink(template: str, chosen: Chosen, values: Mapping[str, Any]) -> bool:
    """Whether two of the numbers that a step may compare are equal or nearly so; a value and itself do not count.

    The gradient at one kink is between the one-sided derivatives, but at a kink of a kink the chain rule need not be.
    """
    operands = [np.ravel(values[name]) for name in {chosen[field] for field in ("v", "w") if field in chosen}]
    constants = {float(number) for number in re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?", template)}
    points = np.sort(np.concatenate([*operands, list(constants)]))
    return bool(np.diff(points).min(initial=1.0) < CLEARANCE)


def _run(statements: str, values: dict[str, Any]) -> None:
    with np.errstate(all="ignore"):
        exec(statements, dict(NAMES), values)


def _finished(scope: _Scope, arrays: dict[str, np.ndarray]) -> Program:
    """The program that returns everything that it did not use."""
    inputs = [name for name in arrays if name in scope.used] or list(arrays)[:1]
    unused = [name for name in scope.tracked if name not in scope.used and name not in arrays] or inputs
    result = unused[0] if len(unused) == 1 else f"np.concatenate([{', '.join(map('np.ravel({})'.format, unused))}])"
    body = "\n".join(f"    {line}" for line in (*scope.lines, f"return {result}"))
    return Program(f"def program({', '.join(inputs)}):\n{body}\n", tuple(arrays[name] for name in inputs))
