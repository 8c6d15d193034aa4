"""``backward``: what arrives in ``.grad``, all or nothing."""

import gc
import sys
import warnings

import numpy as np
import pytest

from autodiff import Tensor, current_tape, defvjp, is_recording, no_grad
from autodiff.primitive import REGISTRY


@pytest.fixture
def primitive():
    """Registers a function for one test."""
    made = []

    def register(function, **rules):
        made.append(function)
        return defvjp(function, **rules)

    yield register
    for function in made:
        del REGISTRY[function]


def leaf(value):
    return Tensor(value, requires_grad=True)


def test_gradients_accumulate_over_passes():
    x = leaf([1.0, 2.0])
    (x * x).sum().backward()
    first = x.grad
    (x * 3).sum().backward()
    np.testing.assert_array_equal(x.grad.data, 2 * x.data + 3)
    np.testing.assert_array_equal(first.data, 2 * x.data)


def test_a_cotangent_is_contracted_with_the_jacobian():
    x = leaf([1.0, 2.0])
    (x**2).backward(np.array([10.0, 1.0]))
    np.testing.assert_array_equal(x.grad.data, [20.0, 4.0])


@pytest.mark.parametrize(
    ("make", "argument", "error", "message"),
    [
        (lambda: leaf([1.0, 2.0]) * 2, None, RuntimeError, r"shape \(2,\) needs a gradient"),
        (
            lambda: leaf([1.0, 2.0]) * 2,
            np.ones(3),
            ValueError,
            r"gradient of shape \(3,\) for a tensor of shape \(2,\)",
        ),
        (lambda: Tensor(1.0), None, RuntimeError, "requires no grad"),
    ],
)
def test_misuse_says_what_and_how_else(make, argument, error, message):
    with pytest.raises(error, match=message):
        make().backward(argument)


def test_twice_over_a_graph_needs_retain_graph():
    x = leaf(2.0)
    y = x * x
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.item() == 8.0
    with pytest.raises(RuntimeError, match="retain_graph=True"):
        y.backward()


def test_create_graph_gives_derivatives_of_any_order():
    x = leaf(0.7)
    y = np.sin(x)
    for exact in (np.cos, lambda v: -np.sin(v), lambda v: -np.cos(v), np.sin):
        x.grad = None
        y.backward(create_graph=True)
        y = x.grad
        np.testing.assert_allclose(y.data, exact(0.7), rtol=1e-14)


def test_nothing_is_alive_after_a_pass_but_the_leaf_and_its_gradient():
    x = leaf(np.ones(4))
    loss = (np.exp(x) * x).sum()
    loss.backward()
    assert loss._node.saved is None and loss._node.parents == ()
    assert [n for n in current_tape() if n is not loss._node and n.shape == (4,)] == []


class Interrupted(Exception):
    pass


@pytest.mark.parametrize("error", [Interrupted, KeyboardInterrupt])
@pytest.mark.parametrize("step", range(4))
def test_if_anything_fails_no_grad_and_no_mode_has_changed(primitive, error, step):
    armed = [True]

    def fragile(x, k):
        return x * 1.0

    def rule(g, k):
        if armed[0] and k == step:
            raise error
        return g * 1.0

    fragile = primitive(fragile, x=rule)
    x, w = leaf([1.0, 2.0]), leaf([3.0, 4.0])

    def loss():
        y = x * w
        for k in range(4):
            y = fragile(y, k) + w
        return y.sum()

    kept = x.grad = Tensor([7.0, 7.0])
    with pytest.raises(error):
        loss().backward()
    assert x.grad is kept and w.grad is None and is_recording()
    np.testing.assert_array_equal(kept.data, [7.0, 7.0])
    armed[0] = False
    x.grad = None
    loss().backward()
    np.testing.assert_array_equal(x.grad.data, w.data)
    np.testing.assert_array_equal(w.grad.data, x.data + 4)


@pytest.mark.parametrize("create_graph", [False, True])
def test_an_interrupt_at_any_call_of_a_pass_changes_all_grads_or_none_and_no_mode(create_graph):
    """Signals are seen when a call returns: there, one after the other, an interrupt is raised.

    The collector of cycles stays out: what is raised in a callback of its (Hypothesis has one) goes nowhere.
    """

    def interrupt_after(calls):
        def watch(frame, event, argument):
            nonlocal calls
            if event in ("return", "c_return"):
                calls -= 1
                if calls < 0:
                    raise KeyboardInterrupt

        return watch

    def run(calls):
        x, w = leaf([1.0, 2.0]), leaf([3.0, 4.0])
        loss = (np.exp(x * w) + w).sum()
        flags = np.geterr()
        gc.disable()
        sys.setprofile(interrupt_after(calls))
        try:
            loss.backward(create_graph=create_graph)
        except KeyboardInterrupt:
            interrupted = True
        else:
            interrupted = False
        finally:
            sys.setprofile(None)
            gc.enable()
        assert (x.grad is None) == (w.grad is None)
        assert is_recording() and np.geterr() == flags
        return interrupted, w.grad

    run(10**9)  # compiles what is compiled on first use
    calls = 0
    while run(calls)[0]:
        calls += 1
    assert calls > 20
    np.testing.assert_array_equal(run(calls)[1].data, [np.exp(3.0) + 1, 2 * np.exp(8.0) + 1])


def test_a_failing_hook_changes_nothing():
    x, w = leaf(1.0), leaf(2.0)

    def hook(g):
        raise Interrupted

    w.register_hook(hook)
    with pytest.raises(Interrupted):
        (x * w).backward()
    assert x.grad is None and w.grad is None


@pytest.mark.parametrize(
    "f",
    [
        lambda x, y: x + y,
        lambda x, y: x - y.T,
        lambda x, y: x.reshape(-1) + y.reshape(-1),
        lambda x, y: np.broadcast_to(x, (2, 2, 2)) + y,
        lambda x, y: np.stack([x, y]),
        lambda x, y: np.concatenate([x, y]).T,
        lambda x, y: x + x + y,
        lambda x, y: (x + y)[:, ::-1],
        lambda x, y: x.sum() + y.sum(),
    ],
)
def test_no_two_grads_share_memory_with_each_other_or_with_anything_else(f):
    x, y = leaf(np.ones((2, 2))), leaf(np.ones((2, 2)))
    out = f(x, y)
    cotangent = np.ones(out.shape)
    out.backward(cotangent)
    arrays = [x.grad.data, y.grad.data, x.data, y.data, cotangent, out.data]
    for i, a in enumerate(arrays[:2]):
        assert a.flags.writeable
        assert not any(np.shares_memory(a, b) for j, b in enumerate(arrays) if j != i)


def test_the_same_program_twice_gives_the_same_bits():
    def run():
        rng = np.random.default_rng(0)
        x = leaf(rng.normal(size=(5, 4)))
        y = np.tanh(x @ rng.normal(size=(4, 4)))
        (y * y + y[[0, 0, 1, 2, 2]]).sum().backward()
        return x.grad.data.tobytes()

    assert run() == run()


def test_a_pass_with_finite_gradients_warns_of_nothing_and_forward_calls_warn_as_numpy_does():
    x = leaf([0.0, 1.0])
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        y = np.where(x > 0, np.log(x), 0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y.sum().backward()
    np.testing.assert_array_equal(x.grad.data, [0.0, 1.0])


# Hooks


def test_hooks_run_once_per_pass_on_the_total_and_see_the_old_grads():
    x, seen = leaf(3.0), []
    x.register_hook(lambda g: seen.append((g.item(), x.grad)))
    (x * x).backward()
    assert seen == [(6.0, None)]
    y = x * 2
    y.register_hook(lambda g: seen.append(g.item()))
    (y * y).backward()
    assert seen[1] == 12.0 * 1.0 and len(seen) == 3


def test_hooks_run_in_order_may_replace_the_gradient_and_can_be_removed():
    x = leaf(1.0)
    y = x * 1.0
    first = y.register_hook(lambda g: g * 10)
    y.register_hook(lambda g: g + 1)
    y.backward(retain_graph=True)
    assert x.grad.item() == 11.0
    first.remove()
    first.remove()
    x.grad = None
    y.backward()
    assert x.grad.item() == 2.0


def test_retained_gradients_are_those_after_the_hooks_and_may_be_asked_for_late():
    x = leaf(2.0)
    y = x * 3
    z = y * y
    y.retain_grad()
    y.register_hook(lambda g: g * 2)
    z.backward()
    assert y.grad.item() == 24.0 and x.grad.item() == 72.0
    plain = leaf(1.0)
    plain.retain_grad()
    with pytest.raises(RuntimeError, match="requires no grad"):
        Tensor(1.0).retain_grad()


def test_hooks_work_under_create_graph():
    x = leaf(2.0)
    y = x * x
    y.register_hook(lambda g: g * 3)
    y.backward(create_graph=True)
    first = x.grad
    x.grad = None
    first.backward()
    assert first.item() == 12.0 and x.grad.item() == 6.0


def test_a_hook_may_return_a_number_or_an_array_for_a_tensor():
    for create_graph in (False, True):
        for answer in (3.0, 3, np.array(3.0), Tensor(3.0)):
            x, y = leaf(2.0), leaf(5.0)
            product = x * y
            product.register_hook(lambda g, answer=answer: answer)
            x.register_hook(lambda g: g.item() + 1)
            product.backward(create_graph=create_graph)
            assert x.grad.item() == 16.0 and y.grad.item() == 6.0
            assert x.grad.dtype == np.float64


def test_removing_a_hook_twice_leaves_later_hooks_alone():
    x, seen = leaf(1.0), []
    handle = x.register_hook(lambda g: seen.append("first"))
    handle.remove()
    x.register_hook(lambda g: seen.append("second"))
    handle.remove()
    (x * 2).backward()
    assert seen == ["second"]


def test_what_can_never_run_again_takes_no_hook_and_retains_no_grad():
    y = leaf(1.0) * 2
    y.retain_grad()
    y.backward()
    for ask in (y.retain_grad, lambda: y.register_hook(print)):
        with pytest.raises(RuntimeError, match="already released"):
            ask()
    assert y.grad.item() == 1.0


def test_create_graph_records_the_gradients_even_under_no_grad():
    x = leaf(3.0)
    x.register_hook(lambda g: g * 2)
    y = x**3
    with no_grad():
        y.backward(create_graph=True)
        assert not is_recording()
    first = x.grad
    x.grad = None
    first.backward()
    assert first.item() == 54.0 and x.grad.item() == 2 * 2 * 18.0  # the hook doubles this pass's gradient too


def test_a_complex_cotangent_of_a_real_tensor_is_refused():
    with pytest.raises(TypeError, match="complex gradient"):
        (leaf(1.0) * 2).backward(1j)


def test_a_hook_that_returns_another_shape_is_an_error():
    x = leaf([1.0, 2.0])
    x.register_hook(lambda g: g[:1])
    with pytest.raises(ValueError, match=r"returned shape \(1,\)"):
        x.sum().backward()
