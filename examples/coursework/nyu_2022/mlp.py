"""NYU, deep learning, homework 1: a network of two linear layers, its losses, and their gradients by hand.

Tensors of PyTorch come in and go out, of any floating-point dtype that NumPy has; inside are arrays, and the gradients
of ``nn``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import nn
from nn import functional


def identity(x: Any) -> Any:
    """x, as it is."""
    return x


FUNCTIONS: dict[str, Callable] = {"relu": functional.relu, "sigmoid": functional.sigmoid, "identity": identity}

PARAMETERS = ("W1", "b1", "W2", "b2")


def perceptron(x: Any, W1: Any, b1: Any, W2: Any, b2: Any, f: Callable, g: Callable) -> Any:
    """``g(W2 f(W1 x + b1) + b2)`` for each row x."""
    return g(functional.linear(f(functional.linear(x, W1, b1)), W2, b2))


class MLP:
    """``y_hat = g(W2 f(W1 x + b1) + b2)`` for each row x, with the functions f and g by name; see ``perceptron``.

    ``parameters`` are W1 (out, in), b1 (out,), W2 and b2, drawn from the standard normal distribution; ``grads`` holds
    the gradients dJdW1, dJdb1, dJdW2 and dJdb2 of the last ``backward``, summed over the rows.

    Raises:
        ValueError: a function has another name than "relu", "sigmoid" or "identity".
    """

    def __init__(
        self,
        linear_1_in_features: int,
        linear_1_out_features: int,
        f_function: str,
        linear_2_in_features: int,
        linear_2_out_features: int,
        g_function: str,
    ) -> None:
        for name in (f_function, g_function):
            if name not in FUNCTIONS:
                raise ValueError(f"there is no function {name!r}, only {', '.join(FUNCTIONS)}")
        self.f_function = f_function
        self.g_function = g_function
        self.parameters = {
            "W1": torch.randn(linear_1_out_features, linear_1_in_features),
            "b1": torch.randn(linear_1_out_features),
            "W2": torch.randn(linear_2_out_features, linear_2_in_features),
            "b2": torch.randn(linear_2_out_features),
        }
        self.grads = {f"dJd{name}": torch.zeros_like(value) for name, value in self.parameters.items()}
        self.cache: dict[str, Any] = {}

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The predictions (N, linear_2_out_features) for x (N, linear_1_in_features)."""
        self.cache["hand"] = hand = nn.by_hand(perceptron)
        weights = (array(self.parameters[name]) for name in PARAMETERS)
        functions = {"f": FUNCTIONS[self.f_function], "g": FUNCTIONS[self.g_function]}
        return torch.from_numpy(hand.forward(array(x), *weights, **functions))

    def backward(self, dJdy_hat: torch.Tensor) -> None:
        """Find the gradients of the parameters, given that of the predictions.

        Raises:
            RuntimeError: nothing went forward yet.
        """
        if not self.cache:
            raise RuntimeError("MLP: backward before forward")
        hand = self.cache["hand"]
        hand.backward(array(dJdy_hat))
        for name, gradient in zip(PARAMETERS, hand.input_gradients[1:], strict=True):
            self.grads[f"dJd{name}"] = torch.from_numpy(gradient)

    def clear_grad_and_cache(self) -> None:
        """Zero the gradients, and forget the last forward."""
        self.grads = {name: torch.zeros_like(value) for name, value in self.grads.items()}
        self.cache = {}


def mse_loss(y: torch.Tensor, y_hat: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean of ``(y_hat - y)**2`` over all entries, and the gradient ``2 (y_hat - y) / (N K)`` of y_hat (N, K)."""
    return _loss(functional.mse_loss, y, y_hat)


def bce_loss(y: torch.Tensor, y_hat: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean of ``-(y log(y_hat) + (1 - y) log(1 - y_hat))``, and the gradient of the probabilities y_hat (N, K).

    That is ``(y_hat - y) / (y_hat (1 - y_hat)) / (N K)``. At 0 and 1 both are limited as in PyTorch.
    """
    return _loss(functional.binary_cross_entropy, y, y_hat)


def _loss(loss: Callable, y: torch.Tensor, y_hat: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    hand = nn.by_hand(loss)
    J = hand.forward(array(y_hat), array(y))
    return torch.from_numpy(J), torch.from_numpy(hand.backward())


def array(tensor: torch.Tensor) -> np.ndarray:
    """The values of a tensor."""
    return tensor.detach().numpy()
