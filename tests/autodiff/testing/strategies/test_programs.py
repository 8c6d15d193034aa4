"""Random programs: what they are made of, and that however a gradient is taken of them, it is the same one."""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, find, given, settings

from autodiff import Tensor, checkpoint, grad, hvp
from autodiff.testing import check_grads
from autodiff.testing.mutation.mutants import mutants
from autodiff.testing.strategies import FUNCTIONAL, KINDS, programs

from .drawing import DRAWN, comes_up, never_drawn

MANY = settings(max_examples=3 * settings.default.max_examples)
ROUNDING = 1e-10

ELSEWHERE = [kind for kind in FUNCTIONAL if kind != "unselected"]
"""Where other libraries have the derivative too, not NaN."""


def weights(like: Any) -> np.ndarray:
    """A cotangent that treats no two entries alike."""
    return np.cos(np.arange(1.0, like.size + 1)).reshape(like.shape)


def run(f: Callable, arrays: Sequence) -> Any:
    with np.errstate(all="ignore"):
        return f(*arrays)


def loss(f: Callable) -> Callable:
    def weighted(*inputs: Any) -> Any:
        out = f(*inputs)
        return np.sum(out * weights(out))

    return weighted


def by_backward(f: Callable, arrays: Sequence) -> list:
    leaves = [Tensor(x, requires_grad=True) for x in arrays]
    run(loss(f), leaves).backward()
    return [np.zeros_like(t.data) if t.grad is None else t.grad.data for t in leaves]


def by_grad(f: Callable, arrays: Sequence) -> list:
    return list(run(grad(loss(f), tuple(range(len(arrays)))), arrays))


def by_backward_twice(f: Callable, arrays: Sequence) -> list:
    """The Hessian of the loss times ``vectors``."""
    leaves = [Tensor(x, requires_grad=True) for x in arrays]
    run(loss(f), leaves).backward(create_graph=True)
    first = [t.grad for t in leaves]
    for t in leaves:
        t.grad = None
    along = sum(np.sum(g * v) for g, v in zip(first, vectors(arrays), strict=True) if g is not None)
    if isinstance(along, Tensor) and along.requires_grad:
        along.backward()
    return [np.zeros_like(t.data) if t.grad is None else t.grad.data for t in leaves]


def by_hvp(f: Callable, arrays: Sequence) -> list:
    with np.errstate(all="ignore"):
        return list(hvp(loss(f), tuple(arrays), tuple(vectors(arrays))))


def vectors(arrays: Sequence) -> list[np.ndarray]:
    return [np.sin(weights(x) + i) for i, x in enumerate(arrays)]


def assert_close(found: Sequence, expected: Sequence) -> None:
    scale = max([1.0, *(float(np.abs(g).max(initial=0)) for g in expected)])
    for g, h in zip(found, expected, strict=True):
        assert np.isfinite(h).all()
        np.testing.assert_allclose(g, h, rtol=0, atol=ROUNDING * scale, strict=True)


class EveryCall:
    """NumPy, each call of which (but not a dtype) is a segment of its own under ``checkpoint``."""

    def __getattr__(self, name: str) -> Any:
        value = getattr(np, name)
        return value if isinstance(value, type) else checkpoint(value)


@MANY
@given(programs([kind for kind in KINDS if kind != "product"]))
def test_plain_arrays_and_tensors_give_the_same_value_bit_for_bit(program: Any) -> None:
    plain = run(program, program.arrays)
    found = run(program, [Tensor(x, requires_grad=True) for x in program.arrays])
    np.testing.assert_array_equal(np.asarray(plain), found.data, strict=True)
    frozen = run(program.frozen(), program.arrays)
    np.testing.assert_array_equal(np.asarray(plain), np.asarray(frozen), strict=True)


@MANY
@given(programs(["product", "elementwise"]))
def test_products_give_plain_arrays_and_tensors_the_same_value_to_rounding(program: Any) -> None:
    """They are made of others, which may add up in another order."""
    found = run(program, [Tensor(x, requires_grad=True) for x in program.arrays])
    assert_close([found.data], [np.asarray(run(program, program.arrays))])


@MANY
@given(programs())
def test_gradients_are_the_same_by_backward_by_grad_and_under_checkpoint(program: Any) -> None:
    expected = by_backward(program, program.arrays)
    assert_close(by_grad(program, program.arrays), expected)
    assert_close(by_backward(checkpoint(program.function()), program.arrays), expected)


@MANY
@given(programs())
def test_second_derivatives_are_the_same_by_backward_by_hvp_and_under_checkpoint(program: Any) -> None:
    expected = by_backward_twice(program, program.arrays)
    assert_close(by_hvp(program, program.arrays), expected)
    assert_close(by_backward_twice(checkpoint(program.function()), program.arrays), expected)


@MANY
@given(programs([kind for kind in KINDS if kind not in ("unselected", "accumulation")]))
def test_gradients_are_the_same_with_every_call_under_checkpoint(program: Any) -> None:
    """Structural zeros do not leave a segment, and ``np.add.at`` is no call that ``checkpoint`` could wrap."""
    segmented = program.function(np=EveryCall())
    assert_close(by_backward(segmented, program.arrays), by_backward(program, program.arrays))
    assert_close(by_backward_twice(segmented, program.arrays), by_backward_twice(program, program.arrays))


def differences_agree(kinds: Any, order: int, how: settings = MANY) -> float:
    """Check random programs; what share of the comparisons was conclusive."""
    checked = conclusive = 0

    @how
    @given(programs(kinds))
    def check(program: Any) -> None:
        nonlocal checked, conclusive
        report = check_grads(program.frozen(), *program.arrays, order=order, entries=3, min_conclusive=0)
        checked, conclusive = checked + report.checked, conclusive + report.conclusive

    check()
    return conclusive / checked


def test_first_and_second_derivatives_are_those_of_the_differences() -> None:
    assert differences_agree(KINDS, order=2) > 0.99


@pytest.mark.parametrize("name", ["numpy.tanh", "numpy.multiply", "numpy.concatenate", "numpy.sum", "numpy.matmul"])
def test_a_wrong_rule_fails(name: str) -> None:
    mutant = next(m for m in mutants() if m.name == name and m.mutation == "scaled")
    kinds = ["elementwise", "binary", "join", "reduction", "product"]
    with mutant.applied(), pytest.raises(AssertionError, match="wrong"):
        differences_agree(kinds, order=1, how=DRAWN)


@pytest.mark.skipif(not importlib.util.find_spec("jax"), reason="JAX is not installed")
@settings(max_examples=settings.default.max_examples // 2)  # it compiles each call
@given(programs(ELSEWHERE, max_steps=6))
def test_jax_finds_the_same(program: Any) -> None:
    jax = importlib.import_module("jax")
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_disable_most_optimizations", True)  # each call is compiled, to run once

    def weighted(*inputs: Any) -> Any:
        out = program.function(np=jax.numpy)(*inputs)
        return jax.numpy.sum(out * weights(out)), out

    arrays = [jax.numpy.asarray(x) for x in program.arrays]
    found, out = jax.grad(weighted, tuple(range(len(arrays))), has_aux=True)(*arrays)
    assert_close([np.asarray(out)], [np.asarray(program())])
    assert_close([np.asarray(g) for g in found], by_backward(program, program.arrays))


def torch_as_numpy(torch: Any) -> SimpleNamespace:
    """The functions of the templates, by PyTorch."""
    same = """tanh sin cos exp log log1p sqrt arctan arcsinh arcsin expm1 sinh cosh exp2 square reciprocal multiply
        arctan2 logaddexp hypot stack concatenate ravel""".split()
    return SimpleNamespace(
        **{name: getattr(torch, name) for name in same},
        copy=torch.clone,
        int8=int,
        int64=int,
        array=lambda values, dtype=None: torch.tensor(values),
        zeros=lambda shape, dtype=None: torch.zeros(shape, dtype=torch.long),
    )


@pytest.mark.skipif(not importlib.util.find_spec("torch"), reason="PyTorch is not installed")
@given(programs(["elementwise", "binary", "join", "assignment", "detached"]))
def test_pytorch_finds_the_same(program: Any) -> None:
    torch = importlib.import_module("torch")
    assume(not re.search(r":-?\d*:-|np\.array\(\[", program.source))  # no negative steps; wrong where indices repeat
    names = dict(np=torch_as_numpy(torch), no_grad=torch.no_grad, stop_gradient=torch.Tensor.detach)
    leaves = [torch.tensor(x, requires_grad=True) for x in program.arrays]
    try:
        out = program.function(**names)(*leaves)
        (out * torch.tensor(weights(out.detach().numpy()))).sum().backward()
    except RuntimeError as error:
        refused = "modified by an inplace operation|refer to a single memory location"  # unlike by this library
        assume(not re.search(refused, str(error)))
        raise
    assert_close([out.detach().numpy()], [np.asarray(program())])
    found = [np.zeros(t.shape) if t.grad is None else t.grad.numpy() for t in leaves]
    assert_close(found, by_backward(program, program.arrays))


@given(programs())
def test_a_printed_program_is_a_script_that_gives_the_same(program: Any) -> None:
    namespace: dict[str, Any] = {}
    with np.errstate(all="ignore"):
        exec(repr(program), namespace)
    np.testing.assert_array_equal(np.asarray(namespace["result"]), np.asarray(run(program, program.arrays)))


@given(programs())
def test_values_are_finite_and_moderate(program: Any) -> None:
    out = np.asarray(run(program, program.arrays))
    assert np.isfinite(out).all() and np.abs(out).max() <= 4.0
    assert all(np.abs(x).max() <= 2.1 for x in program.arrays)


class SortsDistinct:
    """NumPy, which sorts only what has no ties."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def sort(self, x: Any, axis: int) -> Any:
        assert np.diff(np.sort(x, axis=None)).min(initial=1.0) >= 1e-6
        return np.sort(x, axis)


@MANY
@given(programs(["elementwise", "join", "sort"]))
def test_steps_with_a_kink_keep_away_from_it(program: Any) -> None:
    program.function(np=SortsDistinct())(*program.arrays)


@given(programs())
def test_inputs_have_no_ties(program: Any) -> None:
    values = np.sort(np.concatenate([x.ravel() for x in program.arrays]))
    assert np.diff(values).min(initial=1) >= 1 / 64


@given(programs())
def test_nothing_is_computed_in_vain(program: Any) -> None:
    tree = ast.parse(program.source)
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    read = {node.id for node in names if isinstance(node.ctx, ast.Load)}
    assert {node.id for node in names if isinstance(node.ctx, ast.Store)} <= read
    assert {argument.arg for argument in tree.body[0].args.args} <= read


def test_programs_have_three_to_twelve_steps_in_most_cases() -> None:
    drawn = []

    @settings(DRAWN, max_examples=100)
    @given(programs())
    def keep(program: Any) -> None:
        drawn.append(program)

    keep()
    lines = [program.source.count("\n") - 2 for program in drawn]
    assert sum(3 <= n <= 12 for n in lines) > 50
    assert sum(len(program.arrays) > 1 for program in drawn) > 30
    assert sum(max(x.size for x in program.arrays) > 1 for program in drawn) > 50


# fmt: off
FEATURES = {
    "a value used twice":       r"(v\d+) = .*(\n.*)*\bnp\..*\b\1\b(.*\n)*.*\b\1\b",
    "the same value twice":     r"np\.(multiply|maximum|hypot)\((\w+), \2\)",
    "two inputs together":      r" = .*\bx0\b.*\bx1\b",
    "axis and keepdims":        r"np\.(sum|mean|var)\(\w+, axis=\(?-?\d.*keepdims=True",
    "a view that is read on":   r"(v\d+) = np\.(transpose|swapaxes|ravel)\(.*\n(.*\n)*.*\b\1\b",
    "an index of an array":     r"\w\[np\.array\(\[",
    "a negative step":          r"\w\[(.*, )?\d*:\d*:-\d",
    "assignment":               r"v\d+\[.*\] = [vx]",
    "addition to a part":       r"v\d+\[.*\] \+= ",
    "addition in place":        r"v\d+ \+= ",
    "a value used before it is changed": r"(v\d+) = .*\n(.*\n)*.*= np\.\w+\(\1.*\n(.*\n)* +\1(\[.*\])? [-+*]= ",
    "no_grad":                  r"with no_grad\(\):\n        v\d+ = ",
    "a detached value":         r"stop_gradient\(v",
    "a structural zero":        r"np\.where\((\w+) > 0\.5, np\.log\(\1\)",
    "a matrix product":         r"\w @ \w",
}
# fmt: on


def test_every_feature_comes_up() -> None:
    def has(pattern: str) -> Callable[[Any], bool]:
        return lambda program: bool(re.search(pattern, program.source))

    assert never_drawn(programs(), {feature: has(pattern) for feature, pattern in FEATURES.items()}) == []


OTHER = re.compile(r"^ +(v\d+(\[.*\])? [-+*]?= (?!0\.5 \* \w+$))", re.MULTILINE)
"""A line that is not made from the template ``0.5 * {v}``."""


@pytest.mark.parametrize("kind", KINDS)
def test_every_template_comes_up(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that NumPy always refuses would never be noticed otherwise."""
    for template in KINDS[kind]:
        monkeypatch.setitem(KINDS, kind, ("0.5 * {v}", template))  # the first makes a value that can be changed
        assert comes_up(programs([kind]), lambda program: bool(OTHER.search(program.source))), template


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(KeyError, match="magic"):
        find(programs(["magic"]), bool)


def test_a_falsifying_program_is_as_short_as_can_be() -> None:
    program = find(programs(["elementwise", "sort"]), lambda program: "np.sort" in program.source)
    assert program.source == "def program(x0):\n    v0 = np.sort(x0, axis=0)\n    return v0\n"
    assert program.arrays[0].tolist() == [1 / 128, 3 / 128]
