"""The conventions and the awkward inputs of calculus on grids: nodes, ends, repeated nodes, equal steps, NaN."""

from __future__ import annotations

import numpy as np
import pytest

from autodiff import Tensor
from autodiff.testing import check_grads

from .derivatives import gradient, gradients

NAN, INF = np.nan, np.inf

XP, FP = [0.0, 1.0, 3.0], [1.0, 4.0, 0.0]


def test_interpolation_has_the_slope_of_the_segment_that_begins_at_a_node():
    g = gradient(lambda x: np.interp(x, XP, FP), [-1.0, 0.0, 0.5, 1.0, 2.0, 3.0, 4.0])
    np.testing.assert_array_equal(g, [0, 3, 3, -2, -2, -2, 0])


def test_the_end_values_take_the_cotangents_from_outside_unless_others_are_given():
    x = [-1.0, 0.5, 9.0]
    np.testing.assert_array_equal(gradient(lambda fp: np.interp(x, XP, fp), FP), [1.5, 0.5, 1])
    np.testing.assert_array_equal(gradient(lambda fp: np.interp(x, XP, fp, left=0, right=0), FP), [0.5, 0.5, 0])
    _, left, right = gradients(lambda x, left, right: np.interp(x, XP, FP, left, right), x, 5.0, 6.0)
    assert (left, right) == (1, 1)


def test_what_lies_outside_the_nodes_has_gradient_zero_whatever_the_derivative_there():
    for ends in ({}, dict(left=7.0, right=8.0)):
        g = gradient(lambda x: np.interp(np.sqrt(x), [1.0, 3.0], [0.0, 4.0], **ends), [0.0, 4.0])  # noqa: B023
        np.testing.assert_array_equal(g, [0, 0.5])


def test_nodes_have_a_gradient_and_those_out_of_reach_none():
    check_grads(lambda xp: np.interp([0.25, 0.5, 2.0], xp, FP), np.array(XP), order=2)
    np.testing.assert_array_equal(gradient(lambda xp: np.interp([-1.0, 5.0], xp, FP), XP), [0, 0, 0])


def test_a_jump_at_a_repeated_node_gives_no_division_by_zero():
    xp, fp = [0.0, 1.0, 1.0, 2.0], [0.0, 1.0, 5.0, 6.0]
    x, values = gradients(lambda x, fp: np.interp(x, xp, fp), [0.5, 1.0, 1.5], fp)
    np.testing.assert_array_equal(x, [1, 1, 1])
    np.testing.assert_array_equal(values, [0.5, 0.5, 1.5, 0.5])
    x, values = gradients(lambda x, fp: np.interp(x, [0.0, 1.0, 1.0], fp), [1.0, 2.0], [0.0, 1.0, 5.0])
    np.testing.assert_array_equal(x, [0, 0])
    np.testing.assert_array_equal(values, [0, 0, 2])


def test_a_single_node_is_a_constant():
    x, values = gradients(lambda x, fp: np.interp(x, [1.0], fp), [0.0, 1.0, 2.0], [5.0])
    np.testing.assert_array_equal(x, [0, 0, 0])
    np.testing.assert_array_equal(values, [3])


def test_interpolation_at_nan_and_infinity():
    x, values = gradients(lambda x, fp: np.interp(x, XP, fp), [-INF, INF], FP)
    np.testing.assert_array_equal(x, [0, 0])
    np.testing.assert_array_equal(values, [1, 0, 1])
    assert np.isnan(gradient(lambda fp: np.interp([NAN], XP, fp), FP)).any()


def test_periodic_nodes_may_come_in_any_order():
    x, xp, fp = np.array([-3.3, 0.1, 5.2]), np.array([3.0, 0.5, 9.75]), np.array(FP)
    check_grads(lambda x, xp, fp: np.interp(x, xp, fp, period=4.0), x, xp, fp, order=2)


def test_interpolation_refuses_what_numpy_refuses():
    with pytest.raises(ValueError, match="not of the same length"):
        np.interp(Tensor([1.0], requires_grad=True), XP, [1.0])
    with pytest.raises(ValueError, match="period must be a non-zero value"):
        np.interp(Tensor([1.0], requires_grad=True), XP, FP, period=0)


@pytest.mark.parametrize("edge_order", [1, 2])
def test_coordinates_that_require_grad_may_be_equally_spaced(edge_order):
    f, x = np.array([1.0, 3.0, 2.0, 5.0]), np.array([0.0, 0.5, 1.0, 1.5])
    found = np.gradient(Tensor(f), Tensor(x, requires_grad=True), edge_order=edge_order)
    np.testing.assert_allclose(found.data, np.gradient(f, x, edge_order=edge_order), rtol=1e-15)
    check_grads(lambda f, x: np.gradient(f, x, edge_order=edge_order), f, x, order=2)


def test_slopes_along_several_axes_come_as_a_tuple():
    x = Tensor(np.arange(12.0).reshape(3, 4) ** 2, requires_grad=True)
    for keywords in ({}, dict(axis=(1, 0))):
        found, expected = np.gradient(x, **keywords), np.gradient(x.data, **keywords)
        assert isinstance(found, tuple)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one.data, other)


def test_slopes_are_of_the_dtype_of_the_values():
    x = Tensor(np.arange(4, dtype=np.float32), requires_grad=True)
    found = np.gradient(x, np.array([0.0, 1.0, 3.0, 4.0]))
    np.testing.assert_array_equal(found.data, np.gradient(x.data, np.array([0.0, 1.0, 3.0, 4.0])), strict=True)


def test_slopes_refuse_what_numpy_refuses():
    x = Tensor(np.zeros((2, 3)), requires_grad=True)
    with pytest.raises(TypeError, match="invalid number of arguments"):
        np.gradient(x, 1.0, 2.0, 3.0)
    with pytest.raises(ValueError, match="distances must match"):
        np.gradient(x, [0.0, 1.0], axis=1)
    with pytest.raises(ValueError, match="edge_order=2 needs 3"):
        np.gradient(x, axis=0, edge_order=2)
    with pytest.raises(ValueError, match="greater than 2 not supported"):
        np.gradient(x, edge_order=3)


def test_differences_join_what_comes_before_and_after():
    x, first, last = gradients(
        lambda x, first, last: np.diff(x, prepend=first, append=last) * [1.0, 10.0, 100.0], [1.0, 2.0], 0.0, [5.0]
    )
    np.testing.assert_array_equal(x, [1 - 10, 10 - 100])
    assert (first, last) == (-1, 100)


def test_differences_refuse_what_numpy_refuses():
    with pytest.raises(ValueError, match="order must be non-negative"):
        np.diff(Tensor([1.0], requires_grad=True), -1)
    with pytest.raises(ValueError, match="at least one dimensional"):
        np.diff(Tensor(1.0, requires_grad=True))
    with pytest.raises(TypeError, match="to_end of complex128 cannot be cast"):
        np.ediff1d(Tensor([1.0], requires_grad=True), to_end=1j)


def test_an_unwrapped_phase_moves_as_the_phase_does():
    np.testing.assert_array_equal(gradient(np.unwrap, [0.0, 3.0, 6.2, 0.1]), [1, 1, 1, 1])


def test_grids_between_tensors():
    start, stop = gradients(lambda a, b: np.linspace(a, b, 5), 0.0, 1.0)
    np.testing.assert_allclose([start, stop], [2.5, 2.5])
    start, stop = gradients(lambda a, b: np.linspace(a, b, 5), 1.0, 1.0)  # a step of 0
    np.testing.assert_allclose([start, stop], [2.5, 2.5])
    points, step = np.linspace(Tensor(0.0, requires_grad=True), 1.0, 3, retstep=True)
    assert (points.shape, step.item()) == ((3,), 0.5)
    with pytest.raises(ValueError, match="must be non-negative"):
        np.linspace(Tensor(0.0, requires_grad=True), 1.0, -1)
    with pytest.raises(TypeError, match=r"base of shape \(2,\)"):
        np.logspace(Tensor(0.0, requires_grad=True), 1.0, base=[2.0, 3.0])


def test_a_cross_product_in_the_plane_is_refused_with_its_spelling():
    plane = Tensor(np.ones(2), requires_grad=True)
    with pytest.raises(ValueError, match=r"lengths 2 and 2.*a\[..., 0\] \* b\[..., 1\]"):
        np.cross(plane, plane)
    with pytest.raises(ValueError, match="zero dimension"):
        np.cross(Tensor(1.0, requires_grad=True), [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="but they are 2 and 2 dimensional"):
        np.linalg.cross(plane, plane)
