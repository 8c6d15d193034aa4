"""Every pair of a tensor expression and a gradient derived by hand: checked three ways by one test."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nn
from autodiff import Tape, Tensor, gradients
from autodiff.testing import check_grads
from nn.convolution import conv2d_input, conv2d_weight
from nn.derived import DERIVED, Derived, derived, on_arrays

from .cases import Call
from .tables import PAIRS

each_pair = pytest.mark.parametrize("function", list(PAIRS), ids=lambda f: f.__name__)


def test_every_derived_function_has_calls_and_a_gradient() -> None:
    assert [f.__name__ for f in DERIVED if f not in PAIRS] == []
    assert [f.__name__ for f in DERIVED if not f.rules] == []


def pulled_back(call: Call, dtype: type = np.float64, recorded: bool = False, context: Any = None) -> tuple:
    """The output of a call and the gradients, for a random cotangent; by rules that are ``recorded``, or by arrays."""
    tensors = [Tensor(x.astype(dtype), requires_grad=True) for x in call.values]
    with context or nullcontext():
        out = call.of(*tensors)
    cotangent = cotangent_of(out.shape).astype(dtype)
    return out.data, [g.data for g in gradients([out], tensors, [cotangent], create_graph=recorded)]


def cotangent_of(shape: tuple[int, ...]) -> np.ndarray:
    """Normally distributed numbers."""
    return np.asarray(np.random.default_rng(0).normal(size=shape))


def agree(found: list, expected: list, rtol: float = 1e-10, atol: float = 1e-300) -> None:
    """Assert that arrays are equal up to rounding, relative to the largest entry of each."""
    for a, b in zip(found, expected, strict=True):
        size = np.abs(b[np.isfinite(b)]).max(initial=0.0)
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * min(size, 1e300) + atol)


@each_pair
def test_derived_gradient_tape_of_the_expression_and_differences_agree(function: Derived) -> None:
    checked = conclusive = 0

    @given(PAIRS[function].calls)
    def compare(call: Call) -> None:
        nonlocal checked, conclusive
        out, by_hand = pulled_back(call)
        expressed, by_tape = pulled_back(call, context=nn.by_expression())
        agree([out, *by_hand], [expressed, *by_tape])
        agree(pulled_back(call, recorded=True)[1], by_hand)
        report = check_grads(call.of, *call.values, order=2, directions=1, min_conclusive=0)
        checked, conclusive = checked + report.checked, conclusive + report.conclusive

    compare()
    assert conclusive >= 0.7 * checked > 0


@each_pair
@settings(max_examples=2)  # to look for the nodes of a tape takes a while
@given(data=st.data())
def test_a_derived_function_is_one_entry_on_the_tape_and_gives_plain_arrays_for_plain_arrays(
    function: Derived, data: Any
) -> None:
    call = data.draw(PAIRS[function].calls)
    with Tape() as tape:
        out = call.of(*[Tensor(x, requires_grad=True) for x in call.values])
        assert function.__name__ in [node.pullback.name for node in tape]
        assert len(tape) <= 2  # a loss of weights beside it, a padding before it
    plain = call.of(*call.values)
    assert not isinstance(plain, Tensor)
    np.testing.assert_array_equal(out.data, plain)


OF_GRADIENTS = {conv2d_input, conv2d_weight}
"""What no layer calls, nor anybody outside."""


@pytest.mark.parametrize("function", [f for f in PAIRS if f not in OF_GRADIENTS], ids=lambda f: f.__name__)
@settings(max_examples=5)
@given(data=st.data())
def test_nested_lists_of_data_give_what_the_array_gives(function: Derived, data: Any) -> None:
    call = data.draw(PAIRS[function].calls.filter(lambda call: np.size(call.args[0]) > 0))  # [] tells no shape
    listed = call._replace(args=[call.args[0].tolist(), *call.args[1:]])
    np.testing.assert_array_equal(listed.of_arguments(), call.of_arguments())


@each_pair
@given(data=st.data())
def test_single_precision_gives_the_same_to_single_precision(function: Derived, data: Any) -> None:
    call = data.draw(PAIRS[function].calls)
    single, double = pulled_back(call, np.float32), pulled_back(call)
    assert all(a.dtype == np.float32 for a in [single[0], *single[1]])
    agree([single[0]], [double[0]], rtol=2e-5)
    terms = np.abs(cotangent_of(double[0].shape)).max(initial=0.0)  # such as those of g * softmax - g * label
    agree(single[1], double[1], rtol=2e-5, atol=2 * np.finfo(np.float32).eps * terms)


@each_pair
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths and odd dilation:UserWarning")
def test_values_and_gradients_are_those_of_pytorch(function: Derived) -> None:
    torch = pytest.importorskip("torch")
    pair = PAIRS[function]
    if pair.peer is None:
        pytest.skip("PyTorch has no such function")

    def theirs(value: Any) -> Any:
        if not isinstance(value, np.ndarray):
            return value
        return torch.tensor(value.copy(order="C"), requires_grad=value.dtype.kind == "f")

    @given(pair.calls)
    def compare(call: Call) -> None:
        args = [theirs(a) for a in call.args]
        options = {n: torch.tensor(v) if isinstance(v, np.ndarray) else v for n, v in call.options.items()}
        if isinstance(pair.peer, Callable):
            out = pair.peer(torch, *args, **options)
        else:
            name = call.function.__name__ if pair.peer == "the same" else pair.peer
            out = getattr(torch.nn.functional, name)(*args, **options)
        mine, by_hand = pulled_back(call)
        cotangent = cotangent_of(mine.shape)
        inputs = [args[i] for i in call.differentiated]
        found = torch.autograd.grad(out, inputs, torch.tensor(cotangent), allow_unused=True)
        expected = [np.zeros(i.shape) if g is None else g.numpy() for i, g in zip(inputs, found, strict=True)]
        agree([mine, *by_hand], [out.detach().numpy(), *expected])

    compare()


def test_a_wrong_gradient_is_caught() -> None:
    @derived
    def triple(x: Any) -> Any:
        return 3 * x

    try:
        triple.gradient(x=lambda g: 3.001 * g)
        with pytest.raises(AssertionError, match="the tape says"):
            check_grads(triple, np.array([1.0]))
        bare = derived(lambda x: x)
        with pytest.raises(TypeError, match="no gradient derived by hand"):
            bare(Tensor(1.0, requires_grad=True))
        DERIVED.remove(bare)
    finally:
        DERIVED.remove(triple)


def test_a_kernel_stands_in_on_arrays_and_the_function_itself_is_recorded() -> None:
    @on_arrays(lambda x, factor: ("kernel", x, factor))
    def scaled(x: Any, factor: float) -> Any:
        """Its own docstring."""
        return ("function", x, factor)

    x, tensor = np.ones(2), Tensor(np.ones(2))
    assert scaled(x, 2.0)[0] == scaled(x, factor=2.0)[0] == "kernel"
    assert scaled(tensor, 2.0)[0] == "function"
    assert scaled.__doc__ == "Its own docstring."


@pytest.mark.parametrize(
    "call", [nn.functional.linear.by_expression, nn.Linear.by_expression], ids=["function", "module"]
)
def test_by_expression_records_primitives_and_leaves_other_calls_as_they_are(call: Callable) -> None:
    layer = nn.Linear(3, 2, dtype=float)
    x = Tensor(np.ones((4, 3)), requires_grad=True)
    args = (layer, x) if call is nn.Linear.by_expression else (x, layer.weight, layer.bias)
    with Tape() as tape:
        y, z = call(*args), layer(x)
        assert [node.pullback.name for node in tape] == ["transpose", "matmul", "add", "linear"]
    np.testing.assert_array_equal(y.data, z.data)
