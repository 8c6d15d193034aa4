"""What holds for the gradient of any primitive at any call of it: a table of properties, from cheap to dear.

Each is a function of one call that raises an AssertionError if it does not hold there. What is compared with
differences goes through ``check_grads``, whose reports say how much of it was conclusive.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import wraps
from itertools import combinations
from typing import Any

import numpy as np

from ...backward import backward
from ...functional import jacobian
from ...tensor import Tensor
from ...tree import flatten
from ..functions.check import check_grads
from ..layouts import LAYOUTS, spread
from .call import ENTRIES, Call, Recorded, assert_close, jacobian_by_rows, largest
from .structure import check_kind

LINEAR = 1e-9
"""How far a gradient may be from linear in the cotangent, relative to its largest entry: terms of a rule cancel."""

INEXACT = 1 + 2.0**-13
"""What the points of a lattice are multiplied with to have more digits than float16."""

SPECIAL = (0.0, 1.0, -1.0)
"""Where formulas of derivatives break down first."""


def claim(check: Callable[[Call], None]) -> Callable[[Call], None]:
    """A property: whatever goes wrong in the check is an AssertionError that names it and shows the call."""

    @wraps(check)
    def holds(call: Call) -> None:
        call = Call(*call)
        call = call._replace(args=[np.asarray(x) for x in call.args])
        try:
            with np.errstate(all="ignore"):
                check(call)
        except Exception as error:
            told = isinstance(error, AssertionError)
            said = str(error).removeprefix("check_grads: ") if told else f"{type(error).__name__}: {error}"
            first, _, rest = said.partition("\n")
            first = re.sub(r"\bargument (\d+)\b", lambda found: call.label(int(found[1])), first)
            message = f"{call.name}: {title(check)}: {first}\nin the call {call!r}"
            raise AssertionError(f"{message}\n{rest}" if rest else message) from (None if told else error)

    return holds


def title(check: Callable) -> str:
    return check.__name__.replace("_", " ")


@claim
def value(call: Call) -> None:
    """What is recorded has the value of the plain function, bit for bit, in any layout, float32 too."""
    for layout, arrange in LAYOUTS.items():
        for dtype in (np.float64, np.float32):
            args = [arrange(x.astype(dtype)) for x in call.args]
            expected, _ = flatten(call.value(args))
            found = Recorded(call, args).results
            where = f"from {np.dtype(dtype).name} in {layout}"
            assert len(found) == len(expected), f"{len(found)} outputs {where}, but {len(expected)} of the function"
            for k, (y, reference) in enumerate(zip(found, expected, strict=True)):
                array = np.asarray(reference.data if isinstance(reference, Tensor) else reference)
                y = np.asarray(y.data if isinstance(y, Tensor) else y)
                assert (y.shape, y.dtype) == (array.shape, array.dtype), (
                    f"output {k} {where} has shape {y.shape}, {y.dtype}, but {array.shape}, {array.dtype} of the "
                    "function"
                )
                same = np.array_equal(y, array, equal_nan=array.dtype.kind in "fc")
                assert same, f"output {k} {where} is {y!r}, but {array!r} of the function"


@claim
def form(call: Call) -> None:
    """Some output is a tensor of floating-point numbers; a gradient has its argument's shape and dtype."""
    for dtype in (np.float64, np.float32):
        at = Recorded(call, [x.astype(dtype) for x in call.args])
        if not at.outputs and any(x.size for x in call.args):
            kinds = ", ".join(type(y).__name__ for y in at.results) or "none"
            raise AssertionError(f"the outputs are {kinds}, not a tensor with a gradient")
        for i, (x, g) in enumerate(zip(at.inputs, at.pull(at.cotangents()), strict=True)):
            assert (g.shape, g.dtype) == (x.shape, x.dtype), (
                f"{call.label(i)} of shape {x.shape}, {x.dtype} has a gradient of shape {g.shape}, {g.dtype}"
            )


@claim
def zero_cotangent(call: Call) -> None:
    """The cotangent 0 gives exactly 0, where the derivative is finite."""
    at = Recorded(call)
    cotangents = at.cotangents()
    found = at.pull(cotangents)
    for i, g in enumerate(at.pull([0 * c for c in cotangents])):
        assert not np.any(g[np.isfinite(found[i])]), f"the cotangent 0 gives {call.label(i)} the gradient {g}"


@claim
def linearity(call: Call) -> None:
    """A gradient is linear in the cotangent."""
    at = Recorded(call)
    first, second = at.cotangents(0), at.cotangents(1)
    found, other = at.pull(first), at.pull(second)
    both = at.pull([2.5 * c - d for c, d in zip(first, second, strict=True)])
    for i, (g, h, total) in enumerate(zip(found, other, both, strict=True)):
        what = f"the gradient of {call.label(i)} for a sum of cotangents (2.5 c - d)"
        assert_close(what, total, 2.5 * g - h, largest([g, h, *first]), LINEAR)


@claim
def nothing_changed(call: Call) -> None:
    """No pass, recorded or not, writes to the arguments, the outputs or the cotangents."""
    at = Recorded(call, [x.copy() for x in call.args])
    cotangents = at.cotangents()
    seen = {call.label(i): x.data for i, x in enumerate(at.inputs)}
    seen |= {f"output {i}": y.data for i, y in enumerate(at.outputs)}
    seen |= {f"the cotangent of output {i}": c for i, c in enumerate(cotangents)}
    kept = {name: array.copy() for name, array in seen.items()}
    for create_graph in (False, True):
        at.pull(cotangents, create_graph)
        for name, array in seen.items():
            assert array.tobytes() == kept[name].tobytes(), f"a pass changed {name} from {kept[name]} to {array}"


@claim
def nothing_shared(call: Call) -> None:
    """What ``backward`` leaves in ``.grad`` is writable, and in memory of its own."""
    at = Recorded(call, [x.copy() for x in call.args])
    given = [(y, c) for y, c in zip(at.outputs, at.cotangents(), strict=True) if y.requires_grad]
    if not given:
        return
    outputs, cotangents = zip(*given, strict=True)
    seen = {call.label(i): x.data for i, x in enumerate(at.inputs)}
    seen |= {f"output {i}": y.data for i, y in enumerate(outputs)}
    seen |= {f"the cotangent of output {i}": c for i, c in enumerate(cotangents)}
    backward(outputs, cotangents)
    for i, t in enumerate(at.inputs):
        if t.grad is not None:
            assert t.grad.data.flags.writeable, f"the gradient of {call.label(i)} is read-only"
            for name, other in seen.items():
                apart = not np.shares_memory(t.grad.data, other)
                assert apart, f"the gradient of {call.label(i)} shares its memory with {name}"
            seen[f"the gradient of {call.label(i)}"] = t.grad.data


@claim
def memory_layouts(call: Call) -> None:
    """Gradients are the same whatever the memory layout of arguments and cotangents."""
    at = Recorded(call, [np.array(x, order="C") for x in call.args])
    cotangents = at.cotangents()
    expected = at.pull(cotangents)
    for layout in list(LAYOUTS)[1:]:
        arrange = LAYOUTS[layout]
        found = Recorded(call, [arrange(x) for x in call.args]).pull([arrange(c) for c in cotangents])
        for i, (g, reference) in enumerate(zip(found, expected, strict=True)):
            what = f"with {layout}, the gradient of {call.label(i)}"
            assert_close(what, g, reference, largest(cotangents))


@claim
def single_precision(call: Call) -> None:
    """In float32 a gradient differs from that in float64, at the same point, by rounding alone."""
    args = [spread((x * INEXACT).astype(np.float32)) for x in call.args]
    at, exact = Recorded(call, args), Recorded(call, [x.astype(np.float64, order="C") for x in args])
    cotangents = at.cotangents()
    expected = exact.pull([c.astype(y.dtype) for c, y in zip(cotangents, exact.outputs, strict=True)])
    for i, (g, reference) in enumerate(zip(at.pull(cotangents), expected, strict=True)):
        what = f"in float32, the gradient of {call.label(i)}"
        assert_close(what, g, reference, largest(cotangents))


@claim
def tracked_alone(call: Call) -> None:
    """A gradient does not depend on which other arguments are tracked."""
    if len(call.args) < 2:
        return
    at = Recorded(call)
    cotangents = at.cotangents()
    for i, expected in enumerate(at.pull(cotangents)):
        (found,) = Recorded(call, tracked=[i]).pull(cotangents)
        what = f"with no other argument tracked, the gradient of {call.label(i)}"
        assert_close(what, found, expected, largest(cotangents))


@claim
def outputs_alone(call: Call) -> None:
    """With several outputs, gradients are the sums of those for each output alone: a missing cotangent is zero."""
    at = Recorded(call)
    if len(at.outputs) < 2:
        return
    cotangents = at.cotangents()
    alone = [at.pull([c if j == k else None for j, c in enumerate(cotangents)]) for k in range(len(cotangents))]
    for i, expected in enumerate(at.pull(cotangents)):
        size = largest([expected, *(gs[i] for gs in alone), *cotangents])
        total = np.sum([gs[i] for gs in alone], axis=0)
        assert_close(f"summed over one output at a time, the gradient of {call.label(i)}", total, expected, size)


@claim
def repeated_argument(call: Call) -> None:
    """The gradient of f(x, x) is the sum of those of f(x, y) at y = x."""
    pairs = [(i, j) for i, j in combinations(range(len(call.args)), 2) if call.args[i].shape == call.args[j].shape]
    for i, j in pairs[:3]:
        args = list(call.args)
        args[j] = args[i].copy()  # not the same array, which a rule could tell
        if not call.defined(args):
            continue
        apart = Recorded(call, args)
        cotangents = apart.cotangents()
        g = apart.pull(cotangents)
        once = Recorded(call._replace(function=_repeating(call.function, i, j)), args[:j] + args[j + 1 :])
        what = f"of one tensor as {call.label(i)} and {call.label(j)}, the gradient"
        assert_close(what, once.pull(cotangents)[i], g[i] + g[j], largest([*cotangents, g[i], g[j]]))


@claim
def broadcast_argument(call: Call) -> None:
    """The gradient of an argument that a broadcasting primitive stretches is the sum over the copies."""
    at = Recorded(call)
    primitive = at.primitive
    if primitive is None or not primitive.broadcasts:
        return
    for i, x in enumerate(call.args):
        for axis in range(x.ndim):
            once = np.take(x, [0], axis) if x.shape[axis] > 1 else x
            copies = np.repeat(once, x.shape[axis], axis)
            stretched, full = ([*call.args[:i], y, *call.args[i + 1 :]] for y in (once, copies))
            if once is x or not (call.defined(stretched) and call.defined(full)):
                continue
            there, reference = Recorded(call, stretched), Recorded(call, full)
            if there.primitive is not primitive or there.outputs[0].shape != reference.outputs[0].shape:
                continue  # it pads, say, or has no broadcasting along this axis
            cotangents = reference.cotangents()
            expected = reference.pull(cotangents)[i].sum(axis, keepdims=True)
            what = (
                f"of one entry along axis {axis} that is broadcast to {x.shape[axis]}, the gradient of {call.label(i)}"
            )
            assert_close(what, there.pull(cotangents)[i], expected, largest([expected, *cotangents]), LINEAR)


def _repeating(function: Callable, i: int, j: int) -> Callable:
    def repeated(*args: Any) -> Any:
        return function(*args[:j], args[i], *args[j:])

    return repeated


@claim
def recorded_pass(call: Call) -> None:
    """A pass that is itself recorded gives the same gradients."""
    at = Recorded(call)
    cotangents = at.cotangents()
    recorded, plain = at.pull(cotangents, create_graph=True), at.pull(cotangents)
    for i, (found, expected) in enumerate(zip(recorded, plain, strict=True)):
        what = f"with create_graph=True, the gradient of {call.label(i)}"
        assert_close(what, found, expected, largest([*cotangents, expected]), LINEAR)


@claim
def side_by_side(call: Call) -> None:
    """The rows of a Jacobian do not depend on being computed together."""
    at = Recorded(call)
    if not len(at.results) == len(at.outputs) == 1 or not 0 < at.outputs[0].size <= ENTRIES // 4:
        return
    if at.outputs[0].dtype.kind == "c":
        return
    shape = at.outputs[0].shape
    together = jacobian(lambda *xs: flatten(call.function(*xs))[0][0], tuple(range(len(call.args))))(*call.args)
    for i, (found, rows) in enumerate(zip(together, jacobian_by_rows(at), strict=True)):
        expected = rows.reshape(shape + call.args[i].shape)
        what = f"computed side by side, the Jacobian of {call.label(i)}"
        assert_close(what, found, expected, 1.0)


@claim
def finite_where_the_derivative_is(call: Call) -> None:
    """At 0, 1 and -1, too, the gradient is finite if the function has a derivative."""
    for i, x in enumerate(call.args):
        for special in SPECIAL if x.size else ():
            if not all(call.defined(_with(call.args, i, special + step)) for step in (0, 1 / 64, -1 / 64)):
                continue
            args = _with(call.args, i, special)
            at = Recorded(call, args)
            try:
                found = at.pull(at.cotangents(call.seed))[i]
            except np.linalg.LinAlgError:
                continue  # loud enough
            if not np.isfinite(found).all():
                check_grads(call.function, *args, order=1, seed=call.seed, directions=0, entries=12, min_conclusive=0)


def _with(args: Sequence[np.ndarray], i: int, first: float) -> list[np.ndarray]:
    """Copies of the arguments, with another first entry in one of them."""
    copies = [x.copy() for x in args]
    copies[i].flat[0] = first
    return copies


@claim
def structural_zeros(call: Call) -> None:
    """What nothing selects has gradient exactly 0, as the declared kind of the primitive promises."""
    check_kind(call)


@claim
def first_order(call: Call) -> None:
    """Every argument's gradient is what differences find, or lies between the one-sided ones at a kink.

    So is the derivative where all arguments move together.
    """
    check_grads(call.function, *call.args, order=1, seed=call.seed, directions=1, entries=3, min_conclusive=0)


@claim
def second_order(call: Call) -> None:
    """The gradient's gradient is what differences of the gradient find."""
    check_grads(call.function, *call.args, order=2, seed=call.seed, directions=1, entries=3, min_conclusive=0)


PROPERTIES: dict[str, Callable[[Call], None]] = {
    title(check): check
    for check in (
        value,
        form,
        nothing_changed,
        nothing_shared,
        zero_cotangent,
        linearity,
        tracked_alone,
        outputs_alone,
        repeated_argument,
        broadcast_argument,
        recorded_pass,
        memory_layouts,
        single_precision,
        finite_where_the_derivative_is,
        side_by_side,
        structural_zeros,
        first_order,
        second_order,
    )
}
"""What holds at every call of every primitive."""
