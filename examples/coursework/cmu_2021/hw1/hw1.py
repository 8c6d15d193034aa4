"""CMU 11-785, homework 1, spring 2021: a multi-layer perceptron of the layers in ``mytorch``, and its training.

As the exercise has it, its modules are imported from the folders ``mytorch`` and ``hw1``, which are on the path::

    PYTHONPATH=mytorch:hw1 python -c "import hw1, linear"
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from activation import Activation
from batchnorm import BatchNorm
from linear import Linear
from loss import Criterion
from numpy.typing import ArrayLike

Split = tuple[np.ndarray, np.ndarray]
"""Rows of inputs, and of labels one-hot."""


class MLP:
    """Linear layers, each followed by batch normalisation, if it is one of the first, and by its activation.

    Args:
        input_size: the length of a row of the input.
        output_size: the number of classes.
        hiddens: the sizes of the hidden layers; there may be none.
        activations: one for each linear layer.
        weight_init_fn: gives the initial W of a linear layer, called with its input's and its output's length.
        bias_init_fn: gives the initial b, called with its output's length.
        criterion: a loss for each row of logits.
        lr: the learning rate.
        momentum: that of W and b; gamma and beta have none.
        num_bn_layers: how many of the linear layers, from the input, are followed by batch normalisation.
    """

    def __init__(
        self,
        input_size: int,
        output_size: int,
        hiddens: Sequence[int],
        activations: Sequence[Activation],
        weight_init_fn: Callable,
        bias_init_fn: Callable,
        criterion: Criterion,
        lr: float,
        momentum: float = 0.0,
        num_bn_layers: int = 0,
    ) -> None:
        self.train_mode = True
        self.num_bn_layers = num_bn_layers
        self.bn = num_bn_layers > 0
        self.nlayers = len(hiddens) + 1
        self.input_size = input_size
        self.output_size = output_size
        self.activations = activations
        self.criterion = criterion
        self.lr = lr
        self.momentum = momentum
        sizes = [input_size, *hiddens, output_size]
        self.linear_layers = [Linear(n, m, weight_init_fn, bias_init_fn) for n, m in pairwise(sizes)]
        self.bn_layers = [BatchNorm(size) for size in sizes[1 : 1 + num_bn_layers]]

    def __call__(self, x: ArrayLike) -> np.ndarray:
        return self.forward(x)

    def forward(self, x: ArrayLike) -> np.ndarray:
        """The logits (N, output_size) for an input of shape (N, input_size)."""
        x = np.asarray(x, dtype=float)
        for i, (linear, activation) in enumerate(zip(self.linear_layers, self.activations, strict=True)):
            x = linear(x)
            if i < self.num_bn_layers:
                x = self.bn_layers[i](x, eval=not self.train_mode)
            x = activation(x)
        self.output = x
        return x

    def backward(self, labels: ArrayLike) -> np.ndarray:
        """The gradient of the input; the layers keep those of their parameters."""
        self.criterion(self.output, labels)
        delta = self.criterion.derivative()
        for i in reversed(range(self.nlayers)):
            delta = delta * self.activations[i].derivative()
            if i < self.num_bn_layers:
                delta = self.bn_layers[i].backward(delta)
            delta = self.linear_layers[i].backward(delta)
        return delta

    def zero_grads(self) -> None:
        """Set the gradients of all parameters to 0."""
        for linear in self.linear_layers:
            linear.dW, linear.db = np.zeros_like(linear.W), np.zeros_like(linear.b)
        for norm in self.bn_layers:
            norm.dgamma, norm.dbeta = np.zeros_like(norm.gamma), np.zeros_like(norm.beta)

    def step(self) -> None:
        """``d = momentum d - lr dW`` and ``W += d`` for W and b, ``gamma -= lr dgamma`` for gamma and beta.

        Here the exercise keeps steps, which include the learning rate, where ``optim.SGD`` keeps averaged gradients.
        """
        for linear in self.linear_layers:
            linear.momentum_W = self.momentum * linear.momentum_W - self.lr * linear.dW
            linear.momentum_b = self.momentum * linear.momentum_b - self.lr * linear.db
            linear.W = linear.W + linear.momentum_W
            linear.b = linear.b + linear.momentum_b
        for norm in self.bn_layers:
            norm.gamma = norm.gamma - self.lr * norm.dgamma
            norm.beta = norm.beta - self.lr * norm.dbeta

    def train(self) -> None:
        """Normalise by the statistics of each batch from now on."""
        self.train_mode = True

    def eval(self) -> None:
        """Normalise by the running statistics from now on."""
        self.train_mode = False

    def error(self, labels: np.ndarray) -> int:
        """How many rows of the last output have another class highest than their labels."""
        return int(np.sum(np.argmax(self.output, axis=1) != np.argmax(labels, axis=1)))

    def total_loss(self, labels: ArrayLike) -> float:
        """The sum of the losses of the last output."""
        return float(np.sum(self.criterion(self.output, labels)))


def get_training_stats(
    mlp: MLP, dset: Sequence[Split], nepochs: int, batch_size: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Train an MLP; the mean losses and the shares of errors in training, then in validation, one value an epoch.

    Each epoch goes through the training set in a new order, drawn by ``np.random``: after the same ``np.random.seed``
    it is the same. The figures of training are those of the batches as they were trained on, those of validation are
    taken after the epoch, in evaluation mode. Four calls for one epoch do what one call for four does.

    Args:
        mlp: is changed, and left in evaluation mode.
        dset: the splits for training and validation (and the test, which is not looked at).
        nepochs: how many times to go through the training set.
        batch_size: how many rows to train on at a time.

    Returns:
        training_losses, training_errors, validation_losses, validation_errors
    """
    (trainx, trainy), (valx, valy), *_ = dset
    training, validation = np.zeros((2, nepochs)), np.zeros((2, nepochs))
    for epoch in range(nepochs):
        mlp.train()
        order = np.random.permutation(len(trainx))
        for start in range(0, len(trainx), batch_size):
            rows = order[start : start + batch_size]
            mlp.zero_grads()
            mlp.forward(trainx[rows])
            mlp.backward(trainy[rows])
            mlp.step()
            training[:, epoch] += mlp.total_loss(trainy[rows]), mlp.error(trainy[rows])
        mlp.eval()
        for start in range(0, len(valx), batch_size):
            batch = slice(start, start + batch_size)
            mlp.forward(valx[batch])
            validation[:, epoch] += mlp.total_loss(valy[batch]), mlp.error(valy[batch])
    return (*(training / len(trainx)), *(validation / len(valx)))
