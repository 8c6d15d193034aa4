"""NYU, deep learning, homework 1: a network of two linear layers, its losses, and their gradients by hand.

Tensors of PyTorch come in and go out, of any floating-point dtype; inside are arrays, and the gradients of ``nn``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

import nn

FUNCTIONS = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "identity": nn.Identity}

LINEAR_LAYERS = {"0": "1", "2": "2"}
"""The number that the exercise gives each linear layer, by its name in the network of ``nn``."""


class MLP:
    """``y_hat = g(W2 f(W1 x + b1) + b2)`` for each row x, with the functions f and g by name.

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
        self._network = nn.Sequential(
            nn.Linear(linear_1_in_features, linear_1_out_features),
            FUNCTIONS[f_function](),
            nn.Linear(linear_2_in_features, linear_2_out_features),
            FUNCTIONS[g_function](),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The predictions (N, linear_2_out_features) for x (N, linear_1_in_features)."""
        for name, number in LINEAR_LAYERS.items():
            layer = self._network[int(name)]
            layer.weight.data, layer.bias.data = (array(self.parameters[f"{letter}{number}"]) for letter in "Wb")
        self.cache["hand"] = nn.by_hand(self._network)
        return torch.from_numpy(self.cache["hand"].forward(array(x)))

    def backward(self, dJdy_hat: torch.Tensor) -> None:
        """Find the gradients of the parameters, given that of the predictions.

        Raises:
            RuntimeError: nothing went forward yet.
        """
        if not self.cache:
            raise RuntimeError("MLP: backward before forward")
        hand = self.cache["hand"]
        hand.backward(array(dJdy_hat))
        for name, number in LINEAR_LAYERS.items():
            self.grads[f"dJdW{number}"] = torch.from_numpy(hand.gradients[f"{name}.weight"])
            self.grads[f"dJdb{number}"] = torch.from_numpy(hand.gradients[f"{name}.bias"])

    def clear_grad_and_cache(self) -> None:
        """Zero the gradients, and forget the last forward."""
        self.grads = {name: torch.zeros_like(value) for name, value in self.grads.items()}
        self.cache = {}


def mse_loss(y: torch.Tensor, y_hat: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean of ``(y_hat - y)**2`` over all entries, and the gradient ``2 (y_hat - y) / (N K)`` of y_hat (N, K)."""
    return _loss(nn.MSELoss(), y, y_hat)


def bce_loss(y: torch.Tensor, y_hat: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean of ``-(y log(y_hat) + (1 - y) log(1 - y_hat))``, and the gradient of the probabilities y_hat (N, K).

    That is ``(y_hat - y) / (y_hat (1 - y_hat)) / (N K)``. At 0 and 1 both are limited as in PyTorch.
    """
    return _loss(nn.BCELoss(), y, y_hat)


def _loss(loss: nn.Module, y: torch.Tensor, y_hat: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    hand = nn.by_hand(loss)
    J = hand.forward(array(y_hat), array(y))
    return torch.from_numpy(J), torch.from_numpy(hand.backward())


def array(tensor: torch.Tensor) -> np.ndarray:
    """The values of a tensor."""
    return tensor.detach().numpy()
