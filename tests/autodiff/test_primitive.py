"""Registering primitives: what a rule's parameter names mean, and what is wrong with a rule that does not keep them."""

import numpy as np
import pytest
import scipy.special

from autodiff import Tensor, defvjp, grad, gradients
from autodiff.primitive import REGISTRY
from autodiff.testing import check_grads


@pytest.fixture(autouse=True)
def registry():
    """Whatever a test registers is forgotten after it."""
    before = dict(REGISTRY)
    yield
    for function in set(REGISTRY) - set(before):
        del REGISTRY[function]


def leaf(value):
    return Tensor(value, requires_grad=True)


def saved(t):
    return t._node.saved


def test_what_is_saved_follows_from_the_names_of_the_rules_of_tracked_arguments():
    x, y, c = leaf([1.0, 2.0]), leaf([3.0, 4.0]), np.array([5.0, 6.0])
    assert saved(x + y) == ()
    out = np.exp(x)
    assert len(saved(out)) == 1 and saved(out)[0] is out.data
    assert len(saved(x * c)) == 1 and saved(x * c)[0] is c
    assert {id(v) for v in saved(x * y)} == {id(x.data), id(y.data)}
    assert saved(x * 2.0) == (2.0,)


def test_only_the_arguments_that_need_a_gradient_have_their_rule_run():
    ran = []

    def product(x, y):
        return x * y

    product = defvjp(product, x=lambda g, y: ran.append("x") or g * y, y=lambda g, x: ran.append("y") or g * x)
    product(leaf([1.0]), Tensor([2.0])).backward()
    assert ran == ["x"]


def test_a_function_of_ones_own_records_on_tensors_and_stays_itself_on_arrays():
    def cube(x):
        return x**3

    cube = defvjp(cube, x=lambda g, x: 3 * g * x**2)
    assert cube(2.0) == 8.0
    x = leaf(2.0)
    cube(x).backward()
    assert x.grad.item() == 12.0
    check_grads(cube, np.array([1.0, -2.0]))


def test_several_outputs_have_cotangents_in_a_tuple_and_zeros_where_nobody_sent_any():
    def both(x):
        return x**2, x**3

    both = defvjp(both, multiple=True, x=lambda g, x: g[0] * 2 * x + g[1] * 3 * x**2)
    x = leaf([2.0, 3.0])
    square, cube = both(x)
    cube.sum().backward(retain_graph=True)
    np.testing.assert_array_equal(x.grad.data, 3 * x.data**2)
    x.grad = None
    (square * cube).sum().backward()
    np.testing.assert_allclose(x.grad.data, 5 * x.data**4)
    check_grads(lambda x: np.multiply(*both(x)), np.array([1.0, -2.0]))


def test_a_joint_rule_computes_only_the_gradients_that_are_wanted():
    ran = []

    def affine(x, w, b):
        return x * w + b

    def rule(g, x, w):
        return dict(x=lambda: ran.append("x") or g * w, w=lambda: ran.append("w") or g * x, b=g)

    affine = defvjp(affine, joint=rule, joint_arguments=("x", "w", "b"))
    w, b = leaf([2.0]), leaf([1.0])
    affine(Tensor([3.0]), w, b).backward()
    assert ran == ["w"] and w.grad.item() == 3.0 and b.grad.item() == 1.0
    check_grads(affine, np.array([1.0]), np.array([2.0]), np.array([3.0]))


def test_residuals_are_computed_once_and_followed_to_second_order():
    calls = []

    def squash(x):
        calls.append(1)
        t = np.tanh(x)
        return t * 2, t

    squash = defvjp(squash, joint=lambda g, t: dict(x=g * 2 * (1 - t * t)), joint_arguments=("x",), residuals=("t",))
    x = leaf([0.5])
    squash(x).backward()
    assert len(calls) == 1
    np.testing.assert_allclose(x.grad.data, 2 / np.cosh(0.5) ** 2)
    assert isinstance(squash(np.array([0.5])), np.ndarray)
    check_grads(squash, np.array([0.5, -1.0]))


def test_broadcasting_is_undone_and_gradients_take_their_arguments_dtype():
    x, y = leaf(np.ones((2, 1), np.float32)), leaf(np.ones(3))
    z = x * y
    assert z.dtype == np.float64
    z.sum().backward()
    assert x.grad.dtype == np.float32 and x.grad.shape == (2, 1) and x.grad.data[0, 0] == 3.0


def test_a_complex_cotangent_of_a_real_argument_keeps_its_real_part():
    x = leaf([1.0])
    (x * (1 + 2j)).backward(np.array([1.0 + 0j]))
    assert x.grad.dtype == np.float64 and x.grad.item() == 1.0


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (lambda g: None, "rule of broken for x returned None"),
        (lambda g: (g,), "rule of broken for x returned"),
        (lambda g: g[:1], r"rule of broken for x returned a gradient of shape \(1,\) for an argument of shape \(2,\)"),
    ],
)
def test_a_wrong_rule_is_reported_with_primitive_argument_and_line(rule, message):
    def broken(x):
        return x * 1.0

    broken = defvjp(broken, x=rule)
    y = broken(leaf([1.0, 2.0]))
    with pytest.raises((TypeError, ValueError), match=message) as caught:
        y.backward(np.ones(2))
    assert any("test_primitive.py" in note for note in caught.value.__notes__)


def test_a_joint_rule_that_forgets_an_argument_is_reported():
    def affine(x, w):
        return x * w

    affine = defvjp(affine, joint=lambda g, w: dict(x=g * w), joint_arguments=("x", "w"))
    with pytest.raises(TypeError, match="no gradient for w"):
        affine(leaf(1.0), leaf(2.0)).backward()


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        (dict(), "was given no rule"),
        (dict(z=lambda g: g), "has a rule for 'z'"),
        (dict(x=lambda g, nothing: g), "asks for nothing"),
        (dict(x=3), "cannot be called"),
        (dict(x=lambda g: g, kind="odd"), "kind is one of"),
        (dict(x=lambda: 1.0), "takes no cotangent"),
        (dict(x=lambda g: g, joint=lambda g: {}, joint_arguments=("x",)), "joint rule gives all gradients"),
        (dict(x=lambda g: g, listed="xs"), "next to the list xs"),
        (dict(x=lambda g: g, constants=("k",)), "constants"),
        (dict(x=lambda g: g, multiple=True, kind="select"), "several outputs"),
    ],
)
def test_registration_refuses_what_cannot_work(keywords, message):
    def f(x):
        return x

    with pytest.raises(TypeError, match=message):
        defvjp(f, **keywords)


def test_a_rule_replaces_a_refusal_and_an_earlier_rule():
    x = leaf([1.0])
    with pytest.raises(TypeError, match="defvjp"):
        scipy.special.bdtrik(x, 5.0, 0.5)
    for rule, expected in ((lambda g: 2 * g, 2.0), (lambda g: 3 * g, 3.0)):
        defvjp(scipy.special.bdtrik, x=rule)
        x.grad = None
        scipy.special.bdtrik(x, 5.0, 0.5).sum().backward()
        assert x.grad.item() == expected


def test_on_plain_arrays_a_function_with_a_forward_of_its_own_gives_what_it_gives():
    def square(x):
        return x * x

    def forward(x):
        return x * x, 2 * x

    call = defvjp(square, forward=forward, residuals=("slope",), x=lambda g, slope: g * slope)
    np.testing.assert_array_equal(call(np.array([3.0, 4.0])), [9.0, 16.0])
    x = leaf([3.0, 4.0])
    call(x).sum().backward()
    np.testing.assert_array_equal(x.grad.data, [6.0, 8.0])


def test_a_function_with_star_arguments_needs_a_forward_with_names():
    with pytest.raises(TypeError, match="forward="):
        defvjp(lambda *xs: xs[0], xs=lambda g: g)


def test_a_rule_may_return_a_python_number_for_a_scalar():
    def double(x):
        return 2 * x

    x = leaf(1.0)
    defvjp(double, x=lambda g: 2.0)(x).backward()
    assert x.grad.item() == 2.0


# Structural zeros


def gradient(f, value):
    x = leaf(value)
    with np.errstate(all="ignore"):
        return gradients(f(x).sum(), x).data


def test_entries_that_where_did_not_select_have_gradient_zero_through_any_chain():
    found = gradient(lambda x: np.where(x > 0, np.log(np.sqrt(x)) * x.reshape(-1), 0), [0.0, -1.0, 1.0])
    np.testing.assert_array_equal(found, [0.0, 0.0, 0.5])


def test_entries_that_an_index_did_not_select_have_gradient_zero():
    np.testing.assert_array_equal(gradient(lambda x: np.sqrt(x)[1:], [0.0, 1.0]), [0.0, 0.5])
    np.testing.assert_array_equal(gradient(lambda x: np.stack([np.sqrt(x), x])[1], [0.0]), [1.0])
    np.testing.assert_array_equal(gradient(lambda x: np.concatenate([np.sqrt(x), x])[2:], [0.0, 4.0]), [1.0, 1.0])


def test_supports_pass_through_broadcasting():
    x, y = leaf(0.0), np.array([-1.0, 2.0])
    with np.errstate(all="ignore"):
        np.where(y > 3, np.sqrt(x) * y, y).sum().backward()
    assert x.grad.item() == 0.0


def test_a_zero_that_was_computed_stays_loud():
    assert np.isnan(gradient(lambda x: np.sqrt(x) ** 2, [0.0]))[0]
    assert np.isnan(gradient(lambda x: np.sqrt(x) * np.array([0.0]), [0.0]))[0]


def test_the_sum_of_a_supported_and_an_unsupported_cotangent_has_no_support():
    def f(x):
        root = np.sqrt(x)
        return np.where(x > 0, root, 0) + root * 0

    assert np.isnan(gradient(f, [0.0]))[0]


def test_structural_zeros_hold_to_second_order():
    x = leaf([0.0, 4.0])
    with np.errstate(all="ignore"):
        first = gradients(np.where(x > 0, x**1.5, 0).sum(), x, create_graph=True)
        second = gradients(first.sum(), x)
    np.testing.assert_allclose(first.data, [0.0, 3.0])
    np.testing.assert_allclose(second.data, [0.0, 0.375])


def test_no_mask_is_computed_where_nothing_multiplies(monkeypatch):
    from autodiff.support import Support

    computed = []
    monkeypatch.setattr(Support, "mask", lambda self: computed.append(self))
    x = leaf(np.ones((2, 3)))
    ((x + 1).T.reshape(-1)[1:] - 1).sum().backward()
    np.maximum(x, 0).sum().backward()
    assert computed == []


def test_a_support_of_a_hundred_thousand_steps_needs_no_recursion():
    x = leaf([0.0, 1.0])
    y = np.sqrt(x)
    for _ in range(20_000):
        y = y.reshape(2)
    y[1].backward()
    np.testing.assert_array_equal(x.grad.data, [0.0, 0.5])


def test_an_argument_may_be_called_g_or_saved_or_parents():
    for name in ("g", "saved", "parents", "fit"):
        scope = {}
        exec(f"def scaled({name}, y): return {name} * y", scope)
        function = defvjp(scope["scaled"], **{name: eval(f"lambda c, {name}, y: c * y + 0 * {name}")})
        assert grad(lambda x, function=function: function(x, 3.0))(2.0) == 3.0
        del REGISTRY[scope["scaled"]]
