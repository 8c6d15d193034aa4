"""Every pair of a tensor expression and a gradient derived by hand: checked three ways by one test."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nn
from autodiff import Tape, Tensor, gradients
from autodiff.testing import check_grads
from autodiff.testing.strategies import arrays, lattice, shapes
from nn.activation import gelu_exact, gelu_tanh
from nn.derived import DERIVED, derived
from nn.functional import cross_entropy, gelu, linear, mse_loss, relu, sigmoid, tanh

SIDE = st.integers(1, 4)
REDUCTIONS = st.sampled_from(["mean", "sum", "none"])


@st.composite
def linears(draw):
    n_in, n_out = draw(SIDE), draw(SIDE)
    x = draw(arrays((*draw(shapes(max_dims=2)), n_in)))
    args = [x, draw(arrays((n_out, n_in)))] + ([draw(arrays((n_out,)))] if draw(st.booleans()) else [])
    return (lambda *args: linear(*args)), args


def activations(function, **options):
    @st.composite
    def draw(draw):
        keywords = {name: draw(strategy) for name, strategy in options.items()}
        return (lambda x: function(x, **keywords)), [draw(arrays(shapes()))]

    return draw()


@st.composite
def squared_errors(draw):
    shape, reduction = draw(shapes(min_side=1)), draw(REDUCTIONS)
    return (lambda x, y: mse_loss(x, y, reduction)), [draw(arrays(shape)), draw(arrays(shape))]


@st.composite
def cross_entropies(draw):
    n, c, reduction = draw(SIDE), draw(SIDE), draw(REDUCTIONS)
    logits = draw(arrays((n, c), lattice(-4.0, 4.0)))  # further apart, second differences are lost in 1 - p
    if draw(st.booleans()):
        return (lambda x, y: cross_entropy(x, y, reduction)), [logits, draw(arrays((n, c), lattice(0.0, 2.0)))]
    target = np.array(draw(st.lists(st.integers(0, c - 1), min_size=n, max_size=n)))
    return (lambda x: cross_entropy(x, target, reduction)), [logits]


CASES = {
    linear: linears(),
    relu: activations(relu),
    sigmoid: activations(sigmoid),
    tanh: activations(tanh),
    gelu_exact: activations(gelu, approximate=st.just("none")),
    gelu_tanh: activations(gelu, approximate=st.just("tanh")),
    mse_loss: squared_errors(),
    cross_entropy: cross_entropies(),
}
each_pair = pytest.mark.parametrize("function", list(CASES), ids=lambda f: f.__name__)


def test_every_derived_function_has_a_case_and_a_gradient():
    assert [f.__name__ for f in DERIVED if f not in CASES] == []
    assert [f.__name__ for f in DERIVED if not f.rules] == []


def of(f, args, cotangent, context=None):
    """The output and the gradients of f, with its derived functions recorded as ``context`` says."""
    tensors = [Tensor(x, requires_grad=True) for x in args]
    if context is None:
        out = f(*tensors)
    else:
        with context:
            out = f(*tensors)
    return out, gradients([out], tensors, [cotangent(out)], create_graph=True)


@each_pair
def test_derived_gradient_tape_of_the_expression_and_differences_agree(function):
    checked = conclusive = 0

    def cotangent(out):
        return np.random.default_rng(0).normal(size=out.shape)

    @given(CASES[function])
    def compare(call):
        nonlocal checked, conclusive
        f, args = call
        out, by_hand = of(f, args, cotangent)
        expressed, by_tape = of(f, args, cotangent, nn.by_expression())
        np.testing.assert_allclose(out.data, expressed.data, rtol=1e-12, atol=1e-14)
        for hand, tape in zip(by_hand, by_tape, strict=True):
            np.testing.assert_allclose(hand.data, tape.data, rtol=1e-10, atol=1e-12)
        report = check_grads(f, *args, order=2, directions=1, min_conclusive=0)
        checked, conclusive = checked + report.checked, conclusive + report.conclusive

    compare()
    assert conclusive >= 0.7 * checked > 0


@each_pair
@settings(max_examples=5)  # to look for the nodes of a tape takes a while
@given(data=st.data())
def test_a_derived_function_is_one_entry_on_the_tape_and_gives_plain_arrays_for_plain_arrays(function, data):
    f, args = data.draw(CASES[function])
    with Tape() as tape:
        out = f(*[Tensor(x, requires_grad=True) for x in args])
        assert [node.pullback.name for node in tape] == [function.__name__]
    plain = f(*args)
    assert not isinstance(plain, Tensor)
    np.testing.assert_array_equal(out.data, plain)
    single = f(*[Tensor(x.astype(np.float32), requires_grad=True) for x in args])
    assert single.dtype == np.float32
    np.testing.assert_allclose(single.data, plain, rtol=1e-4, atol=1e-4 * np.abs(plain).max(initial=1.0))


def test_a_wrong_gradient_is_caught():
    @derived
    def triple(x):
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


@pytest.mark.parametrize("function", [relu, sigmoid, tanh, gelu])
def test_activations_agree_with_pytorch(function):
    torch = pytest.importorskip("torch")
    x = np.array([-800.0, -30.0, -1.0, -0.0, 0.0, 0.5, 30.0, 800.0])
    if function is gelu:
        x = x[x != -30.0]  # PyTorch's 1 + erf(x) has cancelled to 0 there; test_activation.py compares with ndtr
    peer = torch.tensor(x, requires_grad=True)
    theirs = getattr(torch.nn.functional if function in (relu, gelu) else torch, function.__name__)(peer)
    theirs.sum().backward()
    mine = Tensor(x, requires_grad=True)
    out = function(mine)
    out.sum().backward()
    np.testing.assert_allclose(out.data, theirs.detach().numpy(), rtol=1e-12, atol=1e-300)
    np.testing.assert_allclose(mine.grad.data, peer.grad.numpy(), rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("call", [linear.by_expression, nn.Linear.by_expression], ids=["function", "module"])
def test_by_expression_records_primitives_and_leaves_other_calls_as_they_are(call):
    layer = nn.Linear(3, 2, dtype=float)
    x = Tensor(np.ones((4, 3)), requires_grad=True)
    args = (layer, x) if call is nn.Linear.by_expression else (x, layer.weight, layer.bias)
    with Tape() as tape:
        y, z = call(*args), layer(x)
        assert [node.pullback.name for node in tape] == ["transpose", "matmul", "add", "linear"]
    np.testing.assert_array_equal(y.data, z.data)
