"""Activations where the generic test of derived pairs does not go: at NaN, and far out."""

import numpy as np
import scipy.special

import nn
from autodiff import Tensor
from nn.functional import gelu, relu


def gradient_of_relu_at(value):
    x = Tensor([value], requires_grad=True)
    relu(x).backward(np.ones(1))
    return x.grad.data[0]


def test_relu_treats_nan_alike_by_its_derived_gradient_and_by_its_expression():
    derived = gradient_of_relu_at(np.nan)
    with nn.by_expression():
        assert gradient_of_relu_at(np.nan) == derived == 1
    assert gradient_of_relu_at(0.0) == 0


def test_gelu_keeps_its_relative_accuracy_far_below_zero():
    x = np.array([-30.0, -8.0, -5.5, -4.0])
    np.testing.assert_allclose(gelu(x), x * scipy.special.ndtr(x), rtol=1e-14)
    np.testing.assert_allclose(gelu(x[1:].astype(np.float32)), x[1:] * scipy.special.ndtr(x[1:]), rtol=1e-5)
