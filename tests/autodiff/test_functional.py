"""Function transforms, against closed forms."""

import sys
import threading
from typing import NamedTuple

import numpy as np
import pytest

from autodiff import (
    Tensor,
    custom_gradient,
    elementwise_grad,
    grad,
    gradients,
    hessian,
    hvp,
    jacobian,
    jvp,
    no_grad,
    stop_gradient,
    value_and_grad,
    vjp,
)
from autodiff.testing import check_grads


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


POINT = np.array([-1.2, 1.0, 0.5])


def test_gradient_and_hessian_of_rosenbrock_are_those_of_scipy():
    from scipy.optimize import rosen_der, rosen_hess

    np.testing.assert_allclose(grad(rosenbrock)(POINT), rosen_der(POINT), rtol=1e-13)
    np.testing.assert_allclose(hessian(rosenbrock)(POINT), rosen_hess(POINT), rtol=1e-13)
    v = np.array([1.0, -2.0, 0.5])
    np.testing.assert_allclose(hvp(rosenbrock, (POINT,), (v,))[0], rosen_hess(POINT) @ v, rtol=1e-13)


def test_plain_arguments_give_plain_results_and_tensors_give_tensors():
    value, gradient = value_and_grad(np.sin)(0.5)
    assert type(value) is np.float64 and type(gradient) is np.float64
    assert type(grad(np.sum)(np.ones(2))) is np.ndarray
    assert isinstance(grad(np.sum)(Tensor([1.0])), Tensor)


def test_transforms_nest_to_any_depth():
    f = np.sin
    for exact in (np.cos, lambda x: -np.sin(x), lambda x: -np.cos(x), np.sin):
        f = grad(f)
        np.testing.assert_allclose(f(0.3), exact(0.3), rtol=1e-14)


def test_perturbations_are_not_confused():
    assert grad(lambda x: x * grad(lambda y: x + y)(1.0))(1.0) == 1.0
    assert grad(lambda x: x * grad(lambda y: x * y)(2.0))(3.0) == 6.0
    assert grad(lambda a: grad(lambda b: a * b * b)(3.0))(2.0) == 6.0


def test_a_tensor_in_can_be_differentiated_through():
    x = Tensor([1.0, 2.0], requires_grad=True)
    grad(lambda t: (t**3).sum())(x).sum().backward()
    np.testing.assert_allclose(x.grad.data, 6 * x.data)


def test_arguments_and_gradients_are_nested_containers():
    class Pair(NamedTuple):
        a: object
        b: object

    def f(p, scale):
        return (p["w"] * p["pair"].a).sum() * scale + p["list"][0] * p["pair"].b

    p = {"w": np.array([1.0, 2.0]), "pair": Pair(np.array([3.0, 4.0]), 2.0), "list": [5.0]}
    found, of_scale = grad(f, argnums=(0, 1))(p, 10.0)
    np.testing.assert_array_equal(found["w"], [30.0, 40.0])
    assert isinstance(found["pair"], Pair) and found["pair"].b == 5.0 and found["list"] == [2.0] and of_scale == 11.0


def test_has_aux_hands_through_what_comes_beside_the_value():
    (value, aux), gradient = value_and_grad(lambda x: (x * x, {"x": x + 1}), has_aux=True)(3.0)
    assert (value, aux["x"], gradient) == (9.0, 4.0, 6.0)
    assert grad(lambda x: (x * x, "note"), has_aux=True)(3.0) == (6.0, "note")


def test_what_the_value_does_not_depend_on_has_gradient_zero():
    assert grad(lambda x: 5.0)(1.0) == 0.0
    np.testing.assert_array_equal(grad(lambda x, y: y.sum(), argnums=0)(np.ones(2), np.ones(3)), np.zeros(2))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: grad(np.sin)(3), TypeError, r"3\.0 for 3"),
        (lambda: grad(np.sin)(np.ones(2)), ValueError, r"shape \(2,\).*elementwise_grad or jacobian"),
        (lambda: grad(np.sin, argnums=1)(1.0), ValueError, "argnums=1.*1 arguments"),
        (lambda: jvp(np.sin, (1.0,), ()), ValueError, "1 primals and 0 tangents"),
        (lambda: vjp(np.sin, np.ones(2))[1](np.ones(3)), ValueError, r"\(3,\).*\(2,\)"),
    ],
)
def test_misuse_says_what_and_how_else(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_products_with_the_jacobian_agree_with_the_jacobian():
    rng = np.random.default_rng(0)
    A, x = rng.normal(size=(3, 2)), rng.normal(size=2)

    def f(x):
        return np.tanh(A @ x)

    J = (1 - np.tanh(A @ x) ** 2)[:, None] * A
    np.testing.assert_allclose(jacobian(f)(x), J, rtol=1e-13)
    u, v = rng.normal(size=3), rng.normal(size=2)
    value, pull_back = vjp(f, x)
    for _ in range(2):
        np.testing.assert_allclose(pull_back(u)[0], u @ J, rtol=1e-13)
    value, pushed = jvp(f, (x,), (v,))
    np.testing.assert_allclose(value, np.tanh(A @ x))
    np.testing.assert_allclose(pushed, J @ v, rtol=1e-13)


def test_the_jacobian_of_no_outputs_or_no_inputs_is_empty():
    assert jacobian(lambda x: x[:0])(np.ones(2)).shape == (0, 2)
    assert jacobian(lambda x: np.ones(2) * x.sum())(np.ones(0)).shape == (2, 0)


def test_elementwise_grad_and_stop_gradient():
    np.testing.assert_allclose(elementwise_grad(np.log)(np.array([1.0, 4.0])), [1.0, 0.25])
    assert grad(lambda x: x * stop_gradient({"x": x})["x"])(3.0) == 3.0


def test_transforms_record_under_no_grad_and_touch_no_grad():
    w = Tensor(2.0, requires_grad=True)
    with no_grad():
        assert grad(lambda x: x * x * w)(3.0) == 12.0
    assert w.grad is None


def test_gradients_of_tensors_on_the_tape():
    x, y = Tensor([1.0, 2.0], requires_grad=True), Tensor(3.0, requires_grad=True)
    z = x * y
    out = (z * z).sum()
    of_z, of_x = gradients(out, [z, x], retain_graph=True)
    np.testing.assert_array_equal(of_z.data, 2 * z.data)
    np.testing.assert_array_equal(of_x.data, 2 * z.data * 3)
    assert x.grad is None
    first = gradients(out, x, create_graph=True)
    np.testing.assert_array_equal(gradients(first.sum(), x).data, [18.0, 18.0])
    other = Tensor(1.0, requires_grad=True)
    with pytest.raises(RuntimeError, match="do not depend"):
        gradients((x * 1.0).sum(), other)
    assert gradients((x * 1.0).sum(), other, allow_unused=True) is None


def test_a_custom_gradient_is_used_and_differentiated():
    @custom_gradient
    def scale(x, y):
        return x * y, lambda g: (g * y * 10, g * x)

    x, y = Tensor(2.0, requires_grad=True), Tensor(3.0, requires_grad=True)
    scale(x, y).backward()
    assert (x.grad.item(), y.grad.item()) == (30.0, 2.0)
    assert scale(2.0, 3.0) == 6.0

    @custom_gradient
    def cube(x):
        return x**3, lambda g: g * 3 * x**2

    check_grads(cube, np.array([1.0, -2.0]))


@pytest.mark.parametrize(
    ("answer", "message"),
    [((1.0,), "1 values for 2 arguments"), ((None, 1.0), "None for argument 0"), ((np.ones(2), 1.0), r"\(2,\)")],
)
def test_a_wrong_custom_gradient_is_reported(answer, message):
    @custom_gradient
    def f(x, y):
        return x * y, lambda g: answer

    with pytest.raises((TypeError, ValueError), match=message):
        f(Tensor(1.0, requires_grad=True), Tensor(1.0, requires_grad=True)).backward()


def test_eight_threads_of_nested_gradients_give_no_wrong_result():
    interval, wrong = sys.getswitchinterval(), []

    def work(a):
        for _ in range(15):
            found = grad(lambda x: grad(lambda y: np.sin(x * y) * a)(2.0))(0.5)
            if abs(found - a * (np.cos(1.0) - np.sin(1.0))) > 1e-12:
                wrong.append((a, found))

    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work, args=(float(a),)) for a in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert wrong == []


def test_inputs_of_one_transform_have_no_order_among_each_other():
    """They share a position on the tape, so a pass that meets several at once must not compare their nodes."""
    product = hvp(lambda a, b: np.sin(a * b) + np.var(a) * b, (2.0, 3.0), (1.0, 1.0))
    a, b = 2.0, 3.0
    mixed = np.cos(a * b) - a * b * np.sin(a * b)
    np.testing.assert_allclose(product, (mixed - b * b * np.sin(a * b), mixed - a * a * np.sin(a * b)))
